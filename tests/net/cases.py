"""The packages whose verdicts are recorded, and how each is made."""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rules.model.layout import PackageLayout
from rules.ruleset import DEFAULT
from tests.rules import test_hostile
from tests.rules.tampering import Tampering, suite
from tests.rules.test_mutations import SOUND
from tests.support.builders import BuiltPackage, PackageOptions, build_package
from tests.support.hpc_builder import SETTINGS, build_hpc

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "submissions" / "examples"
CORPUS = ROOT.parent / "shared" / "corpus"
HPC_NAME = "hpc-3.0.0"
GROUPS = ("examples", "sound", "cloudmask", "hpc", "hostile", "corpus")


@dataclass
class Workshop:
    """Unedited packages by how they are built, made once; each case gets a copy."""

    folder: Path
    built: dict[str, BuiltPackage] = field(default_factory=dict)
    count: int = 0

    def place(self) -> Path:
        """A new empty folder."""
        self.count += 1
        place = self.folder / f"{self.count}"
        place.mkdir()
        return place

    def cloudmask(self, place: Path, **options: Any) -> BuiltPackage:
        """A package of CloudMask at that place, to be spoilt."""
        key = repr(sorted(options.items()))
        if key not in self.built:
            self.built[key] = build_package(self.place(), PackageOptions(**options))
        original = self.built[key]
        root = place / original.root.name
        shutil.copytree(original.root, root)
        return BuiltPackage(PackageLayout(root, original.options.system), original.options)


Make = Callable[[Workshop, Path], Path]  # writes a package below the folder, returns what to check


@dataclass(frozen=True)
class Case:
    """One thing to check."""

    group: str
    name: str
    make: Make
    ruleset: str | None = DEFAULT  # None: the one that the package was made by

    @property
    def key(self) -> str:
        return f"{self.group}: {self.name}"


def cases(groups: Iterable[str] = GROUPS) -> list[Case]:
    """The cases of these groups. Those of the corpus only where it is."""
    makers: dict[str, Callable[[], Iterator[Case]]] = {
        "examples": _examples,
        "sound": _sound,
        "cloudmask": partial(_edits, "cloudmask"),
        "hpc": partial(_edits, "hpc"),
        "hostile": _hostile,
        "corpus": _corpus,
    }
    found = [case for group in groups for case in makers[group]()]
    twice = [key for key, times in Counter(case.key for case in found).items() if times > 1]
    assert not twice, f"cases of one name: {twice}"
    return found


def _there(path: Path, workshop: Workshop, place: Path) -> Path:
    """What lies there already."""
    return path


def _examples() -> Iterator[Case]:
    """The committed examples together, each system alone, and two result files."""
    systems = sorted(p.name for p in (EXAMPLES / "results").iterdir())
    paths = [EXAMPLES, *(EXAMPLES / "results" / system for system in systems)]
    paths += [
        EXAMPLES / "results" / system / "strong" / "cloudmask" / "result_0.txt" for system in systems[:2]
    ]
    for path in paths:
        yield Case("examples", str(path.relative_to(ROOT)), partial(_there, path), None)


def _sound() -> Iterator[Case]:
    """Packages as they are before an edit, and HPC entries that are faster than they should be."""
    for options in SOUND:
        name = " ".join(f"{k}={v}" for k, v in options.items()) or "closed"
        yield Case("sound", f"cloudmask {name}", partial(_make_sound, options, ""))
    yield Case("sound", "cloudmask, one result", partial(_make_sound, {}, "result_0.txt"))
    yield Case(
        "sound", "cloudmask, one result with power", partial(_make_sound, {"power": True}, "result_1.txt")
    )
    for benchmark in SETTINGS:
        for options in ({}, {"division": "open"}, {"scaling": "weak"}, {"faster": 2}):
            name = " ".join(
                [benchmark, *options.values()] if "faster" not in options else [benchmark, "faster"]
            )
            yield Case(
                "sound", f"hpc {name}", partial(_make_hpc, (({"benchmark": benchmark, **options}),)), HPC_NAME
            )
    both = ({"benchmark": "cosmoflow"}, {"benchmark": "cosmoflow", "scaling": "weak", "system": "large"})
    yield Case("sound", "hpc strong beside weak", partial(_make_hpc, both), HPC_NAME)


def _make_sound(options: dict[str, Any], result: str, workshop: Workshop, place: Path) -> Path:
    root = workshop.cloudmask(place, **options).root
    return next(root.rglob(result)) if result else root


def _make_hpc(entries: tuple[dict[str, Any], ...], workshop: Workshop, place: Path) -> Path:
    return [build_hpc(place, **options).root for options in entries][0]


def _edits(kind: str) -> Iterator[Case]:
    """Each edit of tests/rules of this kind."""
    for one in suite():
        if one.kind == kind:
            ruleset = DEFAULT if kind == "cloudmask" else HPC_NAME
            yield Case(kind, one.name, partial(_make_edit, one), ruleset)


def _make_edit(one: Tampering, workshop: Workshop, place: Path) -> Path:
    build = workshop.cloudmask if one.kind == "cloudmask" else one.build
    built = build(place, **one.options)
    one.spoil(built)
    return built.root


def _hostile() -> Iterator[Case]:
    """Packages that are damaged at random, by seeds."""
    for test, seeds in (
        (test_hostile.test_damaged_bytes, 20),
        (test_hostile.test_odd_values_in_json, 30),
        (test_hostile.test_odd_values_in_logs, 30),
    ):
        for seed in range(seeds):
            name = f"{test.__name__.removeprefix('test_')} {seed}"
            yield Case("hostile", name, partial(_make_hostile, test, seed))


def _make_hostile(test: Callable[..., None], seed: int, workshop: Workshop, place: Path) -> Path:
    """The test spoils the package, and judges it too; what it thinks of the verdict is its own affair."""
    roots: list[Path] = []

    def fresh(**options: Any) -> BuiltPackage:
        built = workshop.cloudmask(place, **options)
        roots.append(built.root)
        return built

    with contextlib.suppress(AssertionError):
        test(fresh, seed)
    return roots[0]


def _corpus() -> Iterator[Case]:
    """Each submitter, each system and each benchmark folder of the published packages."""
    if not CORPUS.is_dir():
        return
    for systems in sorted(CORPUS.rglob("systems")):
        org = systems.parent
        paths = [org, *sorted(p for p in (org / "results").glob("*") if p.is_dir())]
        folders = sorted(
            p for p in (org / "results").glob("*/*/*") if p.is_dir() and "resnet" not in p.parts[-3:-1]
        )
        logs = [next(iter(sorted(folder.glob("result_*.txt"))), None) for folder in folders]
        paths += [*folders, *(log for log in logs if log is not None)]
        for path in paths:
            yield Case("corpus", str(path.relative_to(CORPUS)), partial(_there, path), HPC_NAME)
        yield Case("corpus", f"{org.relative_to(CORPUS)} by {DEFAULT}", partial(_there, org), DEFAULT)
        for path in folders[:1]:
            yield Case("corpus", f"{path.relative_to(CORPUS)} by {DEFAULT}", partial(_there, path), DEFAULT)
