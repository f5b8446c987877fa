"""Challenge and answer: epochs of a package's runs, drawn by a reviewer, answered by the submitter, trained again.

The submitter kept the states between epochs (recipe: evidence.checkpoints); their digests are in the logs. A
challenge asks for a few of them, an answer holds these, and the check trains each epoch again.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from harness.core.errors import UserError
from harness.core.files import sha256, write_json
from harness.package.workspace import state_folder
from harness.untrusted.documents import Unreadable, read_object
from harness.untrusted.hdf5_guard import Reader
from harness.untrusted.states import MAX_EPOCHS, PARTS
from reference.protocol.keys import COMMITMENT_KEY
from rules.facts.log_reading import epoch_num, integer
from rules.model.evidence import Challenge
from rules.model.layout import MANIFEST
from rules.model.run import Run

SCHEMA = 1
LATEST_S = 4e9  # wall clock: in 2096


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One epoch that is to be trained again, by the seed of its run."""

    run: int
    epoch: int
    seed: int


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A challenge, as its file holds it."""

    schema: int
    organisation: str
    entry: str  # system/scaling/benchmark
    manifest_sha256: str  # of the package's MANIFEST.sha256
    entropy: str  # the draw follows from it
    issued_s: float
    due_s: float
    epochs: list[Asked]


@dataclass(frozen=True)
class Candidate:
    """A run with the epochs that its log commits to."""

    run: int
    seed: int
    epochs: tuple[int, ...]


def candidate(run: Run) -> Candidate | None:
    """What can be asked of a run: epochs with a commitment after them, and before them unless they are the first."""
    seed = run.record.seed if run.record is not None else integer(run.settings, "seed")
    committed = {epoch_num(event) for event in run.log.all(COMMITMENT_KEY)}
    epochs = [e for e in committed if e is not None and (e == 1 or e - 1 in committed)]
    return Candidate(run.index, seed, tuple(sorted(epochs))) if seed is not None and epochs else None


def draw(candidates: Sequence[Candidate], count: int, entropy: str | None = None) -> tuple[str, list[Asked]]:
    """So many epochs, by the entropy alone (the operating system's by default), each as likely as the others.

    First epochs, which need no state, are drawn only where there are no others.
    """
    entropy = entropy or secrets.token_hex(16)
    every = [Asked(c.run, epoch, c.seed) for c in candidates for epoch in c.epochs]
    later = [asked for asked in every if asked.epoch > 1] or every
    return entropy, random.Random(entropy).sample(later, min(count, len(later)))


def question(root: Path, entry: str, entropy: str, asked: list[Asked], days: float) -> Question:
    """The challenge about one entry of the package at `root`. Raises UserError without a manifest."""
    try:
        manifest = sha256(root / MANIFEST)
    except OSError as error:
        raise UserError(f"{root / MANIFEST}: {error.strerror}.", "challenge a finished package.") from None
    now = time.time()
    return Question(
        schema=SCHEMA,
        organisation=root.name,
        entry=entry,
        manifest_sha256=manifest,
        entropy=entropy,
        issued_s=now,
        due_s=now + days * 86400,
        epochs=asked,
    )


def write_question(path: Path, asked: Question) -> None:
    """Write a challenge as JSON. Raises OSError."""
    write_json(path, msgspec.to_builtins(asked))


def read_question(path: Path) -> Question:
    """Read a challenge. Raises UserError when it is not one."""
    try:
        return _question(read_object(path))
    except (Unreadable, ValueError) as error:
        raise UserError(
            f"Cannot read the challenge {path}: {error}.", "make one with `cloudmask challenge`."
        ) from None
    except OSError as error:
        raise UserError(
            f"Cannot read the challenge {path}: {error.strerror}.", "check the file's permissions."
        ) from None


def _question(raw: Any) -> Question:
    """Raises ValueError in one line."""
    try:
        found = msgspec.convert(raw, Question)
    except msgspec.ValidationError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    if found.schema != SCHEMA or not 0 < len(found.epochs) <= MAX_EPOCHS:
        raise ValueError(f"schema {found.schema}, {len(found.epochs)} epochs")
    if not 0 <= found.issued_s <= found.due_s <= LATEST_S:
        raise ValueError("its times cannot be right")
    return found


# ---------------------------------------------------------------- the submitter's side


def write_answer(asked: Question, checkpoints: Path, out: Path) -> None:
    """Write the states asked for into one .npz. Raises UserError when one is missing or not whole."""
    arrays: dict[str, np.ndarray] = {}
    for number, one in enumerate(asked.epochs):
        folder = _folder_of(checkpoints, one.seed)
        for side, epoch in (("before", one.epoch - 1), ("after", one.epoch)):
            if epoch == 0:
                continue  # follows from the seed
            for part, values in _state(folder, epoch).items():
                arrays[f"{number}_{side}_{part}"] = values
    head = {"schema": SCHEMA, "answered_s": time.time(), "challenge": msgspec.to_builtins(asked)}
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    temporary = out.with_name(f".{out.name}.part")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _folder_of(checkpoints: Path, seed: int) -> Path:
    found = sorted(
        p for p in (checkpoints, *checkpoints.rglob(state_folder(seed))) if p.name == state_folder(seed)
    )
    if not found:
        raise UserError(
            f"{checkpoints} has no checkpoints of the run with seed {seed}.",
            "name the folder that the runs kept them in (submissions/.checkpoints/ORG/SYSTEM); they keep them only "
            "where the recipe says evidence.checkpoints.",
        )
    return found[0]


def _state(folder: Path, epoch: int) -> dict[str, np.ndarray]:
    path = folder / f"epoch_{epoch:04d}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return {part: file[part].astype(kind, copy=False) for part, (kind, _) in PARTS.items()}
    except OSError as error:
        raise UserError(
            f"Cannot read {path}: {error.strerror or error}.", "see `cloudmask answer --help`."
        ) from None
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} is not a checkpoint ({error}).") from None


# ---------------------------------------------------------------- the reviewer's side


class Answer:
    """An answer file, read by the guarded process, with the challenge it belongs to."""

    def __init__(
        self, answer: Path | None, challenge: Question | None, received_s: float | None = None
    ) -> None:
        self.reader = Reader()
        self._path, self.own = answer, challenge is not None
        self.problem: str | None = None
        self.answered_s: float | None = None
        copy: Question | None = None
        if answer is not None:
            try:
                copy = self._head(answer, received_s)
            except ValueError as error:
                self.problem, self.answered_s = str(error), received_s or time.time()
        if copy is not None and challenge is not None and copy != challenge:
            self.problem = "it answers another challenge"
        self.question = challenge or copy

    def _head(self, path: Path, received_s: float | None) -> Question:
        head = self.reader.answer_head(path)
        stated = head.get("answered_s")
        if not isinstance(stated, (int, float)) or not 0 <= stated <= LATEST_S:
            raise ValueError("it does not say when it was made")
        self.answered_s = received_s if received_s is not None else float(stated)
        return _question(head.get("challenge"))

    def states(self, number: int) -> dict[str, dict[str, np.ndarray]]:
        """The states around the epoch of this number. Raises ValueError in one line."""
        if self._path is None:
            raise ValueError("there is no answer")
        return self.reader.answer_states(self._path, number)

    def outcome(self, root: Path, entry: str) -> Challenge | None:
        """What rules see of it before anything is trained again; None for another entry of the organisation."""
        asked = self.question
        if asked is None:
            return Challenge((), 0.0, time.time(), self.own, None, self.answered_s, self.problem)
        if asked.entry != entry:
            return None
        try:
            same = sha256(root / MANIFEST) == asked.manifest_sha256
        except OSError:
            same = False
        return Challenge(
            asked=tuple((one.run, one.epoch) for one in asked.epochs),
            due_s=asked.due_s,
            now_s=time.time(),
            own=self.own,
            problem=None if same else "the challenge is about another package, or this one has changed since",
            answered_s=self.answered_s,
            answer_problem=self.problem,
        )
