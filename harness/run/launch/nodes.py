"""What is done on every node of a run: sampling, and evicting the data files from the page cache."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from harness.core.own_code import start_module
from harness.machine.page_cache import CacheResult, evict
from harness.run.launch.base import Launcher
from harness.telemetry.recorder.client import Sampler
from rules.model.layout import RunFiles

AT_ONCE = 32  # nodes at the same time
EVICTION_S = 600.0


class NodeSamplers:
    """One sampler per node while the block runs, which writes telemetry_node_<node>.h5.

    Node 0's readings are the ones to show. Nothing here raises because of the sampling.
    """

    def __init__(
        self,
        launcher: Launcher,
        files: RunFiles,
        interval_s: float,
        environment: Mapping[str, str] | None = None,  # default: that of this process
    ) -> None:
        self._launcher, self._files, self._interval_s = launcher, files, interval_s
        self._environment = environment
        self._samplers: list[Sampler] = []

    def __enter__(self) -> NodeSamplers:
        self._samplers = [
            Sampler(
                self._files.telemetry(node),
                interval_s=self._interval_s,
                node=f"node_{node}",
                prefix=self._launcher.on_node(node),
                environment=self._environment,
            )
            for node in range(len(self._launcher.nodes))
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(Sampler.start, self._samplers))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(Sampler.stop, self._samplers))

    def watch(self, pid: int) -> None:
        """Follow the process tree below `pid`; only a sampler beside the harness can see it."""
        if not self._launcher.on_node(0):
            self._samplers[0].watch(pid)

    def latest(self) -> dict[str, float | None]:
        """The newest readings of node 0, by source.scope.name."""
        return self._samplers[0].latest()

    def look(self) -> list[str]:
        """One line for each sampler that is found to be silent now, and was not said to be before."""
        return [f"{s.node}: {trouble}" for s in self._samplers if (trouble := s.look())]

    @property
    def problems(self) -> list[str]:
        """One line for each sampler that could not start or that died, and for each that was silent for a while."""
        return [f"{s.node}: {problem}" for s in self._samplers for problem in s.problems]


def evict_on_all(launcher: Launcher, files: Sequence[Path]) -> CacheResult:
    """Evict the files from the page cache of every node; the worst result of all."""

    def one(node: int) -> CacheResult:
        return _evict_on(launcher, files, node) if launcher.on_node(node) else evict(files)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return worst(list(pool.map(one, range(len(launcher.nodes)))))


def worst(results: list[CacheResult]) -> CacheResult:
    """Cleared only if it was on every node; the most bytes left on any; unknown if unknown on any."""
    if len(results) == 1:
        return results[0]
    left = [result.resident_bytes_after for result in results]
    known = [count for count in left if count is not None]
    notes = [f"node {node}: {result.note}" for node, result in enumerate(results) if result.note]
    notes = [f"on {len(results)} nodes", *notes[:3]]
    return replace(
        results[0],
        method=", ".join(sorted({result.method for result in results})),
        resident_bytes_after=max(known) if len(known) == len(left) else None,
        cleared=all(result.cleared for result in results),
        note="; ".join(notes),
    )


def _evict_on(launcher: Launcher, files: Sequence[Path], node: int) -> CacheResult:
    command = [*launcher.on_node(node), *start_module("harness.machine.page_cache")]
    named = json.dumps([str(file.absolute()) for file in files])
    try:
        done = subprocess.run(
            command, input=named, capture_output=True, text=True, errors="replace", timeout=EVICTION_S
        )
        # a site's prologue may print before it
        said = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return CacheResult(**json.loads(said[-1] if said else done.stdout))
    except (OSError, subprocess.TimeoutExpired, ValueError, TypeError) as error:
        return CacheResult("none", len(files), 0, None, False, f"eviction failed there: {error}"[:200])
