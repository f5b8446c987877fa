"""Verdicts of `check` on many packages, recorded, to see what a change of the code changes.

    python -m tests.net.verdicts record [FILE]
    python -m tests.net.verdicts compare [FILE] [--only GROUP] [--ignore-text]

FILE is tests/net/verdicts.json.gz unless named. After a change of verdicts that is meant, read what
`compare` prints, then `record` anew and commit the file with the change. Without ../shared the corpus
cannot be judged: `compare` leaves it out, `record` keeps what FILE has of it.

Groups: examples (submissions/examples), sound (packages that pass), cloudmask and hpc (each edit of
tests/rules), hostile (damaged files and odd values of tests/rules/test_hostile.py), corpus (published
packages in ../shared/corpus, by both rulesets). A record holds what `check --format json` says, and the
lines of scores of `check`. With --ignore-text, wording is not compared: only the verdict, each rule's
outcome, (rule, severity, path, line) of findings, and numbers of scores.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import gzip
import json
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from harness.check import check_all, combine, verdict_record
from harness.core.errors import UserError
from harness.score.score import describe, score
from rules.model.layout import PackageLayout
from rules.ruleset import DEFAULT, load_ruleset
from tests.rules import test_hostile
from tests.rules.tampering import Tampering, suite
from tests.rules.test_mutations import SOUND
from tests.support.builders import BuiltPackage, PackageOptions, build_package
from tests.support.hpc_builder import SETTINGS, build_hpc

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "submissions" / "examples"
CORPUS = ROOT.parent / "shared" / "corpus"
FILE = Path(__file__).with_name("verdicts.json.gz")
HPC_NAME = "hpc-3.0.0"
GROUPS = ("examples", "sound", "cloudmask", "hpc", "hostile", "corpus")
PROCESSES = 2
NOW_S = 1_795_900_000.0  # the clock while judging (November 2026): a rule asks for stamps of the future
SHOWN = 160  # characters of a text in the printed differences

Record = dict[str, Any]
Records = dict[str, Record]


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
    ruleset: str = DEFAULT

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


# ---------------------------------------------------------------- the cases


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
        yield Case("examples", str(path.relative_to(ROOT)), partial(_there, path))


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


# ---------------------------------------------------------------- judging


def judge(path: Path, ruleset: str, hidden: dict[str, str]) -> Record:
    """What `cloudmask check --format json` says of a path, without what differs from run to run.

    `hidden` are strings (folders) and what to write in their place.
    """
    rules = load_ruleset(ruleset)
    try:
        with mock.patch("time.time", return_value=NOW_S):
            found = check_all(path, rules)
        scores = [
            f"{package.entry}: {verdict.verdict}, {describe(score(package, rules.of(package.benchmark)))}"
            for package, verdict in found
            if package.entries
        ]
        verdict = replace(combine([v for _, v in found], str(path)), path=str(path))
        record = {**verdict_record(verdict), "scores": scores}
    except UserError as error:
        record = {"verdict": "unreadable", "message": f"{error.message} {error.fix}"}
    except Exception as error:  # a crash is a fact of the code as it is
        record = {"verdict": "crash", "message": f"{type(error).__name__}: {error}"}
    text = json.dumps(record, sort_keys=True)
    for folder, name in hidden.items():
        text = text.replace(json.dumps(folder)[1:-1], name)
    normal: Record = json.loads(text)
    return normal


_workshop: Workshop | None = None
_cases: list[Case] = []


def _judge_case(number: int) -> tuple[str, Record]:
    """Build and judge one of `_cases`, in this process or one of a pool."""
    global _workshop
    case = _cases[number]
    if _workshop is None:
        _workshop = Workshop(Path(tempfile.mkdtemp(dir=_folder)))
    place = _workshop.place()
    path = case.make(_workshop, place)
    hidden = {
        str(place): "<place>",
        os.path.realpath(place): "<place>",
        str(CORPUS): "<corpus>",
        str(ROOT): "<root>",
    }
    record = judge(path, case.ruleset, hidden)
    shutil.rmtree(place, ignore_errors=True)
    return case.key, record


_folder = ""


def judge_all(wanted: list[Case], processes: int = PROCESSES) -> Records:
    """The records of these cases, by their keys."""
    global _cases, _workshop, _folder
    with tempfile.TemporaryDirectory(prefix="verdicts-") as folder:
        _cases, _workshop, _folder = wanted, None, folder
        try:
            if processes == 1:
                found = dict(map(_judge_case, range(len(wanted))))
            else:
                with multiprocessing.get_context("fork").Pool(processes) as pool:
                    found = dict(pool.imap_unordered(_judge_case, range(len(wanted)), 4))
        finally:
            _cases, _workshop = [], None
    return {key: found[key] for key in sorted(found)}


# ---------------------------------------------------------------- the file


def save(file: Path, records: Records) -> None:
    """Each distinct outcome and finding is written once; cases name them by number."""
    tables: dict[str, dict[str, int]] = {"rules": {}, "findings": {}}

    def number(table: str, value: Any) -> int:
        return tables[table].setdefault(json.dumps(value, sort_keys=True), len(tables[table]))

    packed = {
        key: {
            name: [number(name, one) for one in value] if name in tables else value
            for name, value in sorted(record.items())
        }
        for key, record in sorted(records.items())
    }
    whole = {name: [json.loads(text) for text in table] for name, table in tables.items()}
    text = json.dumps({"cases": packed, **whole}, sort_keys=True, indent=0)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def load(file: Path) -> Records:
    """The records of a file as `judge_all` gave them."""
    whole = json.loads(gzip.decompress(file.read_bytes()))
    return {
        key: {
            name: copy.deepcopy([whole[name][at] for at in value]) if name in ("rules", "findings") else value
            for name, value in record.items()
        }
        for key, record in whole["cases"].items()
    }


# ---------------------------------------------------------------- comparing


def _short(text: Any) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= SHOWN else words[: SHOWN - 3] + "..."


def _lines(record: Record, ignore_text: bool) -> Counter[str]:
    """Everything that is compared of a record, one line for each thing."""
    lines = [f"verdict {record['verdict']}"]
    for rule in record.get("rules", []):
        reason = "" if ignore_text or not rule["reason"] else f": {rule['reason']}"
        lines.append(f"rule {rule['id']} {rule['outcome']}{reason}")
    for one in record.get("findings", []):
        line = f"finding {one['rule']} {one['severity']} {one['path']}:{one['line']}"
        if not ignore_text:
            texts = {k: v for k, v in one.items() if k not in ("rule", "severity", "path", "line", "outcome")}
            line += f" {texts.pop('message')} {json.dumps(texts, sort_keys=True, ensure_ascii=False)}"
        lines.append(line)
    for text in record.get("scores", []):
        numbers = " ".join(re.findall(r"\d+(?:\.\d+)?", text.partition(": ")[2]))
        lines.append(f"score {text.partition(': ')[0]} {numbers}" if ignore_text else f"score {text}")
    if not ignore_text:
        known = ("verdict", "rules", "findings", "scores")
        lines += [f"{k} {json.dumps(v, sort_keys=True)}" for k, v in record.items() if k not in known]
    return Counter(lines)


def differences(old: Records, new: Records, ignore_text: bool = False) -> dict[str, list[str]]:
    """By case, lines with - (only in the old record) or + (only in the new one); empty: all the same."""
    found = {}
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new:
            found[key] = ["- the case is gone"] if key in old else ["+ the case is not in the record"]
            continue
        before, after = _lines(old[key], ignore_text), _lines(new[key], ignore_text)
        if before != after:
            found[key] = [f"- {line}" for line in sorted((before - after).elements())]
            found[key] += [f"+ {line}" for line in sorted((after - before).elements())]
    return found


def of_groups(records: Records, groups: Iterable[str]) -> Records:
    """The records of these groups."""
    return {key: record for key, record in records.items() if key.partition(": ")[0] in set(groups)}


# ---------------------------------------------------------------- the commands


def _timed(wanted: list[Case]) -> Records:
    wall_s, cpu_s = time.perf_counter(), _cpu_s()
    records = judge_all(wanted)
    counts = Counter(case.group for case in wanted)
    print(
        f"{len(wanted)} cases ({', '.join(f'{group} {count}' for group, count in counts.items())}) in "
        f"{time.perf_counter() - wall_s:.1f} s, {_cpu_s() - cpu_s:.1f} s of CPU"
    )
    return records


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def record(file: Path) -> int:
    """Judge all cases and write the file."""
    records = _timed(cases())
    if not CORPUS.is_dir() and file.is_file():
        records |= of_groups(load(file), ["corpus"])
    save(file, records)
    print(f"{file}: {file.stat().st_size} bytes")
    return 0


def compare(file: Path, groups: Iterable[str], ignore_text: bool) -> int:
    """Judge the cases anew and print what differs from the file; 1 when anything does."""
    found = differences(of_groups(load(file), groups), _timed(cases(groups)), ignore_text)
    for key, lines in found.items():
        print(key)
        for line in lines:
            print(f"  {_short(line)}")
    counts = Counter(" ".join(line.split()[:4]) for lines in found.values() for line in lines)
    for line, count in counts.most_common(20) if len(found) > 1 else []:
        print(f"{count} x {line}")
    print(f"{len(found)} cases differ" if found else "nothing differs")
    return 1 if found else 0


def main() -> int:
    """Record or compare, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.net.verdicts", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("file", type=Path, nargs="?", default=FILE)
    parser.add_argument("--only", choices=GROUPS, action="append", help="compare this group only")
    parser.add_argument("--ignore-text", action="store_true", help="do not compare wording")
    options = parser.parse_args()
    groups = list(options.only or GROUPS)
    if not CORPUS.is_dir():
        print(f"the corpus is left out: {CORPUS} is not there")
        groups = [group for group in groups if group != "corpus"]
    if options.command == "record":
        return record(options.file)
    return compare(options.file, groups, options.ignore_text)


if __name__ == "__main__":
    sys.exit(main())
