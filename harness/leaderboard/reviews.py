"""The life of a result: what a board's maintainers say of it, in reviews/<organisation>/<system>.yaml.

The files lie beside the organisations' folders and belong to whoever runs the board, never to a submitter.
Each is a list of events, oldest first; the last one is the state. Nothing is taken away from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.core.errors import UserError
from harness.core.files import write_atomic
from harness.untrusted.documents import Unreadable, read_yaml

FOLDER = "reviews"
MAX_EVENTS = 200
ID = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,99}/[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,99}")
State = Literal["submitted", "under review", "objection", "verified", "withdrawn", "superseded", "embargoed"]
NEXT: Mapping[State | None, tuple[State, ...]] = {
    None: ("submitted", "under review", "embargoed", "objection", "verified", "withdrawn", "superseded"),
    "submitted": ("under review", "embargoed", "objection", "verified", "withdrawn", "superseded"),
    "embargoed": ("submitted", "under review", "withdrawn"),
    "under review": ("objection", "verified", "withdrawn", "superseded"),
    "objection": ("under review", "verified", "withdrawn", "superseded"),
    "verified": ("objection", "withdrawn", "superseded"),
    "superseded": ("withdrawn",),
    "withdrawn": (),
}


class Recomputed(BaseModel):
    """What a review keeps of a verdict of `check --replay --data`: on which files, and what the rules said."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=100)

    entry: str = Field(pattern=r"^[0-9a-f]{64}$")  # digest of the entry's files
    ruleset: str
    verdict: str
    rules: dict[str, str] = Field(max_length=20)  # outcomes of those that rank an entry, by their IDs


class Event(BaseModel):
    """One thing that happened to a result."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=2000)

    state: State
    when: date
    by: str = Field(min_length=1, max_length=200)
    text: str = ""
    superseded_by: str = ""  # organisation/system
    until: date | None = None  # of an embargo: the first day on which it may be shown
    recomputed: Recomputed | None = None  # by whoever says so

    @model_validator(mode="after")
    def _complete(self) -> Event:
        if self.state == "objection" and not self.text.strip():
            raise ValueError("an objection needs its text")
        if (self.state == "superseded") != bool(self.superseded_by):
            raise ValueError("superseded_by goes with the state superseded, and only with it")
        if self.superseded_by and not ID.fullmatch(self.superseded_by):
            raise ValueError("superseded_by is organisation/system")
        if (self.state == "embargoed") != (self.until is not None):
            raise ValueError("until goes with the state embargoed, and only with it")
        return self

    def words(self) -> str:
        """The event in one line."""
        more = (
            f" until {self.until}"
            if self.until
            else f" by {self.superseded_by}"
            if self.superseded_by
            else ""
        )
        done = ", with a recomputation" if self.recomputed else ""
        return f"{self.when}: {self.state}{more}{done} ({self.by})" + (f": {self.text}" if self.text else "")


class Review(BaseModel):
    """One file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = Field(default=1, alias="schema")
    events: list[Event] = Field(default_factory=list, max_length=MAX_EVENTS)

    @property
    def state(self) -> State | None:
        """The last state; None when nothing was said yet."""
        return self.events[-1].state if self.events else None

    def hidden(self, today: date) -> bool:
        """Whether the board leaves the result out: under embargo, and not yet free."""
        last = self.events[-1] if self.events else None
        return last is not None and last.until is not None and today < last.until


def path_of(submissions: Path, id: str) -> Path:
    """The file of a result, by its ID (organisation/system). Raises UserError when that is no ID."""
    if not ID.fullmatch(id):
        raise UserError(f"'{id[:80]}' is not the ID of a result.", "use organisation/system.")
    return submissions / FOLDER / f"{id}.yaml"


def read_review(path: Path) -> Review:
    """What a file says; an empty review where there is none. Raises UserError on a file that is not one."""
    if not path.exists():
        return Review()
    try:
        return Review.model_validate(read_yaml(path))
    except Unreadable as error:
        raise UserError(
            f"{path} cannot be read: {error}.", "repair it, or restore it from its repository."
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{path} is not a review: {where}: {first['msg']}.", "add events with `cloudmask review`."
        ) from None


def read_all(submissions: Path) -> dict[str, Review]:
    """Every review below the submissions, by the ID of its result."""
    folder = submissions / FOLDER
    found = {}
    for path in sorted(folder.glob("*/*.yaml")) if folder.is_dir() else ():
        id = f"{path.parent.name}/{path.stem}"
        if ID.fullmatch(id) and not path.is_symlink():
            found[id] = read_review(path)
    return found


def add(path: Path, event: Event) -> Review:
    """Add an event and write the file; returns the review. Raises UserError where it cannot follow."""
    before = read_review(path)
    if event.state not in NEXT[before.state]:
        known = ", ".join(NEXT[before.state]) or "nothing"
        raise UserError(f"{event.state} cannot follow {before.state}.", f"what can follow it: {known}.")
    if before.events and event.when < before.events[-1].when:
        raise UserError(
            "The event lies before the last one.", f"use a date from {before.events[-1].when} on."
        )
    after = Review(events=[*before.events, event])
    events = [one.model_dump(mode="json", exclude_defaults=True) for one in after.events]
    text = yaml.safe_dump({"schema": 1, "events": events}, sort_keys=False, allow_unicode=True, width=100)
    write_atomic(path, text)
    return after
