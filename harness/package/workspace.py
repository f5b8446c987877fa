"""Where things lie in a working folder: recipes, packages and data sets, found by name."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from harness.core.errors import UserError
from rules.model.layout import BENCHMARK, STRONG, PackageLayout

EXAMPLES = "examples"  # the organisation whose recipes serve as a start
STARTERS = Path(__file__).resolve().parents[1] / "plan" / "starters"  # recipes that come with the harness
REPLACED = ".replaced"  # folder of entries that were set aside
CHECKPOINTS = ".checkpoints"  # folder of states between epochs, beside the organisations' folders
DEFAULT_ORG = "my-organisation"
CODE_FILES = ("README.md", "setup.sh", "init_datasets.sh", "run_and_time.sh")


class Workspace(msgspec.Struct, frozen=True):
    """`submissions` holds one folder per organisation; `data` holds synthetic sets by profile."""

    submissions: Path = Path("submissions")
    data: Path = Path("data")

    def layout(self, org: str, system: str) -> PackageLayout:
        """Paths of the organisation's time-to-train entry for a system."""
        return PackageLayout(self.submissions / org, system)

    def find_recipe(self, system: str, org: str) -> PackageLayout:
        """The organisation's own recipe for the system, else the example's, else the one that comes with the harness.

        Raises UserError with the nearest names when none has one.
        """
        roots = (self.submissions / org, self.submissions / EXAMPLES, STARTERS)
        for root in roots:
            layout = PackageLayout(root, system)
            if layout.recipe.is_file():
                return layout
        known = sorted({found for root in roots for found in _systems(root)})
        import difflib  # only for a wrong name

        guess = difflib.get_close_matches(system, known, 1)
        hint = f"did you mean '{guess[0]}'? " if guess else ""
        raise UserError(
            f"Unknown SYSTEM '{system}'.",
            f"{hint}Known: {', '.join(known)}. A new one needs "
            f"{self.layout(org, '<system>').recipe.as_posix()} (`cloudmask init <system> --org {org}` makes one).",
        )

    def set_aside(self, layout: PackageLayout) -> Path | None:
        """Move an entry's results, evidence and report away. Returns where to; None when there are none."""
        stamp = time.strftime("%Y%m%dT%H%M%S")
        target = self.submissions / REPLACED / f"{layout.root.name}-{layout.system}-{stamp}"
        # of all benchmarks of this system and scaling
        folders = [layout.results_dir.parent, layout.evidence_dir.parent]
        if layout.scaling == STRONG:  # throughput has no report
            folders.append(layout.report_dir)
        found = [folder for folder in folders if folder.exists()]
        for folder in found:
            place = target / folder.relative_to(layout.root)
            place.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(place)
        return target if found else None


def _systems(root: Path) -> list[str]:
    """Systems of an organisation's folder that have a recipe."""
    return sorted(p.parent.name for p in (root / "benchmarks" / BENCHMARK).glob("*/recipe.yaml"))


def state_folder(seed: int) -> str:
    """Name of the folder of one run's states: seeds are never drawn twice for one entry."""
    return f"seed_{seed}"


def checkpoint_dir(layout: PackageLayout, seed: int) -> Path:
    """Where the states between the epochs of a run are kept: beside the package, never in it."""
    return layout.root.parent / CHECKPOINTS / layout.root.name / layout.system / state_folder(seed)


def adopt(source: PackageLayout, target: PackageLayout) -> None:
    """Copy a recipe and its scripts (an example's, mostly) to where they are to be edited, once."""
    if source.code_dir == target.code_dir:
        return
    for path in (source.recipe, *(source.code_dir / name for name in CODE_FILES)):
        copy = target.code_dir / path.name
        if path.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            mode = copy.stat().st_mode & 0o777  # by the user's umask
            if path.stat().st_mode & 0o100:  # a script can be started by those who can read it
                copy.chmod(mode | (mode & 0o444) >> 2)


def check_name(kind: str, name: str) -> str:
    """The name, if it can be a folder's: letters, digits and -_.+ only, no leading dot.

    Raises UserError otherwise; `kind` ("a system") is for the message.
    """
    allowed = name and not name.startswith(".") and all(c.isalnum() or c in "-_.+" for c in name)
    if not allowed or len(name) > 100 or not name.isascii():
        raise UserError(
            f"'{name:.60}' cannot be the name of {kind}.",
            "use up to 100 letters, digits and any of - _ . + (it becomes a folder name).",
        )
    return name


def official_data() -> Path | None:
    """The official data set's folder from CLOUDMASK_DATA, if set."""
    value = os.environ.get("CLOUDMASK_DATA")
    return Path(value) if value else None
