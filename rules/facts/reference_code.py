"""Whether a package's code is the reference, and so needs no reading."""

from __future__ import annotations

from typing import NoReturn

from rules.model.package import Package
from rules.registry import NotApplicable, NotChecked

REFERENCE = ["-m", "reference"]  # how the command of the reference ends


def judge_code(package: Package, what: str) -> NoReturn:
    """Raise the outcome of a rule that only code can answer. `what` completes "... has to be read".

    The reference of a recorded commit, without local changes, needs no reading (NotApplicable); a
    checkout with local changes, or of no known commit, may hold anything (NotChecked).
    """
    if package.recipe is None or package.recipe.get("command") is not None:
        raise NotChecked(f"another implementation ran: {what} has to be compared by reading the code")
    records = [run.record for run in package.runs if run.record]
    if any(r.command[-2:] != REFERENCE for r in records):
        raise NotChecked(f"run.json names another program than the reference: {what} has to be read")
    software = [r.software for r in records]
    if not software or any(not s.get("commit") for s in software):
        raise NotChecked(f"the commit of the reference that ran is not known: {what} has to be read")
    if any(s.get("dirty") is not False for s in software):
        raise NotChecked(f"the reference ran with local changes: {what} has to be read")
    raise NotApplicable(f"the reference implementation ran, commit {str(software[0]['commit'])[:12]}")
