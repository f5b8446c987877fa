"""Whether a package's code is the reference, and so needs no reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from rules.facts.releases import release_of
from rules.model.package import Package, PackageHeader
from rules.registry import NotApplicable, NotChecked

REFERENCE = ["-m", "reference"]  # how the command of the reference ends
COMMAND = ["python", "-u", *REFERENCE]  # as the harness records it, whatever interpreter that was


def is_reference(package: PackageHeader) -> bool:
    """Whether the recipe starts the reference, and not a command of its own."""
    return package.recipe is not None and package.recipe.get("command") is None


def other_code(software: Mapping[str, Any]) -> str | None:
    """Why the code that ran is not that of the source tree which run.json states; None where it is."""
    differs = software.get("code_differs")
    if differs:
        names = differs[:3] if isinstance(differs, list) else [differs]
        return f"{', '.join(map(str, names))} changed, or other files were loaded"
    if software.get("code_ran") is None:
        return "the process of the reference did not say which files it loaded"
    return None


def judge_code(package: Package, what: str) -> NoReturn:
    """Raise the outcome of a rule that only code can answer. `what` completes "... has to be read".

    The reference of a release needs no reading (NotApplicable); in packages that state no digests of the code,
    nor does that of a recorded commit without local changes. All else may hold anything (NotChecked).
    """
    if not is_reference(package):
        raise NotChecked(f"another implementation ran: {what} has to be compared by reading the code")
    records = [run.record for run in package.runs if run.record]
    if any(r.command[-2:] != REFERENCE for r in records):
        raise NotChecked(f"run.json names another program than the reference: {what} has to be read")
    software = [r.software for r in records]
    if not software or any(not s.get("commit") for s in software):
        raise NotChecked(f"the commit of the reference that ran is not known: {what} has to be read")
    if any(s.get("dirty") is not False for s in software):
        raise NotChecked(f"the reference ran with local changes: {what} has to be read")
    commit = str(software[0]["commit"])[:12]
    if any("code_reference" in s for s in software):
        if any(other_code(s) for s in software):
            raise NotChecked(f"other code than the reference may have run: {what} has to be read")
        releases = {release.version if (release := release_of(s)) else None for s in software}
        if None in releases:
            raise NotChecked(f"unreleased code ran, commit {commit}: {what} has to be read")
        raise NotApplicable(
            f"the reference implementation ran, release {', '.join(sorted(map(str, releases)))}"
        )
    raise NotApplicable(f"the reference implementation ran, commit {commit}")
