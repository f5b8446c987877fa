"""The reference's own process, which computes parts of runs again: reference/tensorflow/replay.py.

TensorFlow never opens an untrusted file: it gets plain arrays, and its crash does not end the check.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

from harness.check.watch import Watch
from harness.core.own_code import start_module
from harness.core.processes import Child, Overtime, Silence
from harness.untrusted.hdf5_guard import ROOT
from reference.protocol.log import PROGRESS_TOKEN

TOKEN = ":::REPLAY "
LIMIT_S = 24 * 3600.0  # of all tasks of a package: an epoch of the official data takes hours on processors
SILENCE_S = 4 * 3600.0
Step = TypeVar("Step", bound="UsesReference")
LOST = "the evaluation ended before this run (see the messages above)"


class Reference:
    """Does tasks one after the other, on one data set or without any. `close` ends the process."""

    def __init__(self, section: dict[str, Any] | None, watch: Watch) -> None:
        self._watch = watch
        self._held = ExitStack()
        self.folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="cloudmask-replay-")))
        self._errors = self._held.enter_context((self.folder / "errors.txt").open("w+b"))
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
        command = start_module("reference.tensorflow.replay", unbuffered=True)
        self._child = self._held.enter_context(Child(command, environment, self._errors, ROOT, asked=True))
        self._lines = self._child.lines(LIMIT_S, SILENCE_S)
        self._lost = False
        self._child.send(json.dumps(section))

    def ask(self, title: str, run: int, task: str, **fields: Any) -> dict[str, Any]:
        """What the reference answers; {"failed": reason} when it could not be done."""
        if self._lost:
            return {"failed": LOST}
        self._child.send(json.dumps({"run": run, "task": task, **fields}))
        try:
            for line in self._lines:
                if line is None:
                    continue
                if line.text.startswith(PROGRESS_TOKEN):
                    self._show(title, line.text[len(PROGRESS_TOKEN) :])
                elif line.text.startswith(TOKEN):
                    said: dict[str, Any] = json.loads(line.text[len(TOKEN) :])
                    if (said.get("run"), said.get("task")) == (run, task):
                        return said
        except (Overtime, Silence) as reason:
            self._watch.say(f"replay: ended: {reason}")
        self._lost = True
        self._child.end()
        self._explain()
        return {"failed": LOST}

    def _show(self, title: str, text: str) -> None:
        said = json.loads(text)
        if said.get("steps"):
            self._watch.progress(title, said["step"], said["steps"])

    def _explain(self) -> None:
        """Log the last line of the error output of a process that failed."""
        self._child.wait(10)
        self._errors.seek(0)
        tail = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        if self._child.exit_code not in (0, None) and tail:
            self._watch.say(f"replay: {tail[-1]}")

    def close(self) -> None:
        """End the process and remove its files."""
        self._held.close()


class UsesReference:
    """A step of the check that starts the reference's process where it needs it. A context manager."""

    _reference: Reference | None = None

    def close(self) -> None:
        """End the process."""
        if self._reference is not None:
            self._reference.close()
            self._reference = None

    def __enter__(self: Step) -> Step:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
