"""The witness of a plan's runs, where its recipe asks for one: opened, registered and packaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.core.errors import UserError
from harness.core.files import sha256
from harness.package.workspace import REPLACED
from harness.plan.recipe import WitnessRecipe
from harness.plan.resolve import RunPlan
from harness.untrusted.documents import Unreadable
from harness.untrusted.witness import read_chain
from harness.witness.authority import Authority, Demands, HttpAuthority, SpoolAuthority
from harness.witness.chain_file import ChainFile
from harness.witness.stamper import Stamper
from harness.witness.witness import Witness
from rules.model.layout import PackageLayout, RunFiles
from rules.model.witness import Registration

Note = Callable[[str], None]


@contextmanager
def witnessed(plan: RunPlan, note: Note) -> Iterator[Witness | None]:
    """The witness while the block runs, with the plan registered; None where the recipe names none.

    Raises UserError when the recipe's roots cannot be read, and nothing else: a witness that does not
    work is said in one line, and judged by rules.
    """
    witness = _opened(plan, note)
    if witness is None:
        yield None
        return
    try:
        witness.register(sha256(plan.layout.plan), _earlier(plan.layout))
        yield witness
    finally:
        witness.end()


def stamp_package(plan: RunPlan, note: Note) -> None:
    """Stamp the digests of the entry's records, before the manifest is written over everything."""
    try:
        witness = _opened(plan, note)
    except UserError as error:  # readable when the runs began
        return note(f"witness: {error.message}")
    if witness is None:
        return None
    try:
        witness.package(package_records(plan.layout))
    finally:
        witness.end()


def package_records(layout: PackageLayout) -> dict[str, str]:
    """SHA-256 of plan, data set, machine and the record of every run, by their path below the evidence."""
    record = RunFiles(Path()).record.name
    runs = sorted(layout.evidence_dir.glob(f"**/{record}"))
    files = [path for path in (layout.plan, layout.dataset, layout.detected, *runs) if path.is_file()]
    return {path.relative_to(layout.evidence_dir).as_posix(): sha256(path) for path in files}


def _opened(plan: RunPlan, note: Note) -> Witness | None:
    recipe = plan.recipe.witness
    if recipe is None:
        return None
    demands = Demands(recipe.policy, _roots(recipe))
    try:
        chain = ChainFile(plan.layout.witness)
    except (OSError, Unreadable) as error:
        note(f"witness: {plan.layout.witness} cannot be continued: {error} (the runs go on without)")
        return None
    stamper = Stamper(chain, _authority(recipe), demands, recipe.timeout_s, note)
    return Witness(chain, stamper, recipe.every_s, note)


def _authority(recipe: WitnessRecipe) -> Authority:
    return HttpAuthority(recipe.url) if recipe.url else SpoolAuthority(Path(str(recipe.spool)))


def _roots(recipe: WitnessRecipe) -> tuple[str, ...]:
    if recipe.roots is None:
        return ()
    try:
        return (Path(recipe.roots).read_text(encoding="ascii"),)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not PEM"
        raise UserError(
            f"Cannot read the witness' roots {recipe.roots}: {why}.", "correct witness.roots in the recipe."
        ) from None


def _earlier(layout: PackageLayout) -> int:
    """How often entries of this name were registered that were set aside since."""
    inside = layout.witness.relative_to(layout.root)
    places = layout.root.parent.glob(f"{REPLACED}/{layout.root.name}-{layout.system}-*/{inside}")
    return sum(_registrations(path) for path in places)


def _registrations(path: Path) -> int:
    try:
        return sum(1 for _ in read_chain(path).of(Registration))
    except (OSError, Unreadable):
        return 1  # there was one, whatever became of it
