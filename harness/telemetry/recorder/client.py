"""The sampler as the harness sees it: a context manager that never fails the run it watches."""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from harness.core.own_code import start_module
from harness.telemetry.recorder.watch import Watch

START_S = 30.0  # importing h5py from a cold network file system can take this long
STOP_S = 5.0
STDERR_LINES = 20


class Sampler:
    """Samples this node into one telemetry file while the block runs.

        with Sampler(path, interval_s=0.1, node="node_0") as sampler:
            sampler.watch(child.pid)
            sampler.latest()

    Nothing here raises because of the sampling: a sampler that could not start or that died leaves
    one line in `problem`, and what it had written stays. It is a child process in its own session; when
    the harness is killed it follows the run to its end and closes the file.
    """

    def __init__(
        self,
        path: Path,
        interval_s: float = 0.1,
        node: str | None = None,
        sources: list[str] | None = None,
        prefix: list[str] | None = None,  # words that start a command on another node, e.g. of srun
        environment: Mapping[str, str] | None = None,  # default: that of this process
    ) -> None:
        self.path = Path(path).absolute()
        self.interval_s = interval_s
        self.node = node or platform.node() or "node_0"
        self.problem: str | None = None
        self.ready: list[str] = []  # sources that work
        self.unavailable: list[str] = []  # one line for each that does not, with the reason
        self._names = sources
        self._prefix = prefix or []
        self._environment = environment
        self._watch = Watch()
        self._process: subprocess.Popen[str] | None = None
        self._latest: dict[str, float | None] = {}
        self._started = threading.Event()
        self._sending = threading.Lock()  # the run's thread and the one that answers the sampler
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._readers: list[threading.Thread] = []
        self._stopping = False

    def __enter__(self) -> Sampler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start sampling and wait until the sources are open."""
        command = [*self._prefix, *start_module("harness.telemetry.recorder.sampler", "--control")]
        command += ["--out", str(self.path), "--interval", repr(self.interval_s), "--node", self.node]
        if self._names is not None:
            command += ["--sources", *self._names]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=self._environment,
                # its own session: Ctrl-C in the terminal is handled by the harness
                start_new_session=True,
            )
        except OSError as error:
            self.problem = f"the telemetry sampler could not be started: {error}"
            return
        assert self._process.stdout is not None and self._process.stderr is not None
        for target, stream in (
            (self._read_messages, self._process.stdout),
            (self._read_errors, self._process.stderr),
        ):
            thread = threading.Thread(target=target, args=(stream,), daemon=True)
            thread.start()
            self._readers.append(thread)
        self._started.wait(START_S)
        if not self.ready and self.problem is None and self._process.poll() is None:
            self.problem = f"the telemetry sampler was not ready after {START_S:.0f} s"

    def _read_messages(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if "ready" in message:
                self.ready, self.unavailable = message["ready"], message.get("unavailable", [])
                self._started.set()
            elif "clock" in message:
                self._send({"clock": message["clock"], "wall_s": time.time()})
            else:
                self._latest = message.get("latest", {})
            self._watch.heard(message)
        # the end of its output is the end of the sampler
        self._latest = {}
        self._note_death()
        self._started.set()

    def _read_errors(self, stream: IO[str]) -> None:
        self._stderr.extend(line.rstrip() for line in stream)

    def _note_death(self) -> None:
        process = self._process
        if process is None or self._stopping or self.problem:
            return
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            return
        if code != 0:
            self._readers[-1].join(STOP_S)
            self.problem = f"the telemetry sampler ended early ({self._cause(code)})"

    def _cause(self, code: int) -> str:
        if code < 0:
            return f"signal {-code}"
        return self._stderr[-1] if self._stderr else f"exit code {code}"

    def watch(self, pid: int) -> None:
        """Follow the process tree below `pid` from now on; the sampler ends when that process does."""
        self._send({"watch": pid})

    def _send(self, command: dict[str, object]) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        # it may have died: `problem` says so
        with self._sending, contextlib.suppress(OSError, ValueError):
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()

    def latest(self) -> dict[str, float | None]:
        """Newest readings by "source.scope.name" (e.g. "nvml.gpu0.gpu_power"), reported once a
        second; empty before the first and after the end."""
        return dict(self._latest)

    def look(self) -> str | None:
        """What is wrong with the sampler now, if it was not said before; a stopped one is made to go on."""
        if self._process is None or not self.ready or self.problem:
            return None
        return self._watch.look(self._process.pid)

    @property
    def problems(self) -> list[str]:
        """All that went wrong: `problem`, and times in which it was silent."""
        return [*([self.problem] if self.problem else []), *self._watch.troubles]

    def stop(self) -> None:
        """Ask, then terminate, then kill. Safe to call twice."""
        process = self._process
        if process is None:
            return
        early = process.poll()
        self._watch.end(process.pid)
        self._stopping = True
        self._send({"stop": True})
        self._process = None
        assert process.stdin is not None
        with self._sending, contextlib.suppress(OSError):
            process.stdin.close()
        for insist in (None, process.terminate, process.kill):
            if insist is not None:
                insist()
            try:
                process.wait(STOP_S)
                break
            except subprocess.TimeoutExpired:
                continue
        for thread in self._readers:
            thread.join(STOP_S)
        code = process.returncode
        if self.problem is None and code != 0:
            when = "ended early" if early is not None else "did not end well"
            self.problem = f"the telemetry sampler {when} ({self._cause(code or 0)})"
        self._tidy()

    def _tidy(self) -> None:
        """Leave a small file that every tool opens, also of a sampler that was killed."""
        # imported late: readings alone need no HDF5
        from harness.telemetry.recorder.file import compact

        try:
            if self.ready and self.path.is_file():
                compact(self.path)
        except OSError as error:
            self.problem = self.problem or f"the telemetry file was left as it is: {error}"
