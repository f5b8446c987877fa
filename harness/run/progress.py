"""Progress of runs for the user: a live panel in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rules.model.evidence import RunRecord


def run_name(run: int, runs: int, noun: str = "run") -> str:
    """What a run is called: by its number in file names and reports, and how many there are."""
    return f"{noun} {run} ({run + 1} of {runs})"


def how_it_ended(record: RunRecord) -> str:
    """Status and reason, in few words: the reason alone where it says the status too."""
    if not record.reason or record.reason.startswith(record.status):
        return record.reason or record.status
    return f"{record.status} ({record.reason})"


class Display(Protocol):
    """Shows runs. Each run calls run_started, then the others in any order, then run_finished."""

    def run_started(self, run: int, runs: int, seed: int) -> None:
        """Run number `run` (from 0) of `runs` begins."""

    def event(self, event: dict[str, Any]) -> None:
        """An MLLOG line of the run, parsed."""

    def progress(self, progress: dict[str, Any]) -> None:
        """A progress line of the implementation: phase, step, steps, loss, ..."""

    def utilisation(self, latest: dict[str, Any]) -> None:
        """The newest readings of the sampler, by source.scope.name."""

    def run_finished(self, record: RunRecord) -> None:
        """The run is over, and its evidence is in its place."""

    def note(self, text: str) -> None:
        """A remark that belongs to no line of the log."""

    def close(self) -> None:
        """Nothing more will be shown."""


def make_display(console: Console) -> Display:
    """A live panel where the console is a terminal that can show one, else plain lines."""
    live = console.is_terminal and not console.is_dumb_terminal
    return LiveDisplay(console) if live else PlainDisplay(console)


def clock(seconds: float | None) -> str:
    """A duration for people: 42 s, 3 min 05 s, 2 h 07 min."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class _State:
    """The numbers that both displays show: which run, which epoch, how long."""

    def __init__(self) -> None:
        self.runs = self.run = 0
        self.started_s = self.run_started_s = time.monotonic()
        self.durations_s: list[float] = []
        self.epoch: int | None = None
        self.stats: dict[str, Any] = {}
        self.accuracies: list[float] = []

    def start(self, run: int, runs: int) -> None:
        self.run, self.runs, self.run_started_s = run, runs, time.monotonic()
        self.epoch, self.stats, self.accuracies = None, {}, []

    def finish(self) -> None:
        self.durations_s.append(time.monotonic() - self.run_started_s)

    @property
    def left_s(self) -> float | None:
        """Time left for all runs, by the mean of the finished ones; None during the first."""
        if not self.durations_s:
            return None
        mean_s = sum(self.durations_s) / len(self.durations_s)
        this_s = max(mean_s - (time.monotonic() - self.run_started_s), 0.0)
        return this_s + mean_s * (self.runs - self.run - 1)

    def learn(self, event: dict[str, Any]) -> None:
        key, value, extra = event.get("key"), event.get("value"), event.get("metadata") or {}
        if key == "epoch_start":
            self.epoch = extra.get("epoch_num")
        elif key == "tracked_stats" and isinstance(value, dict):
            self.stats = value
        elif key == "eval_accuracy" and isinstance(value, (int, float)):
            self.accuracies.append(float(value))


class PlainDisplay:
    """One line per epoch: for logs, pipes and batch jobs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._state = _State()
        self._said = ""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def run_started(self, run: int, runs: int, seed: int) -> None:
        """Say which run begins, and its seed."""
        self._state.start(run, runs)
        self._said = ""
        self._print(f"{run_name(run, runs)}: seed {seed}")

    def event(self, event: dict[str, Any]) -> None:
        """A line after every evaluation."""
        state = self._state
        state.learn(event)
        if event.get("key") == "eval_accuracy" and state.accuracies:
            loss = state.stats.get("train_loss")
            speed = state.stats.get("throughput")
            parts = [f"  epoch {state.epoch}", f"validation accuracy {state.accuracies[-1]:.4f}"]
            parts += [f"training loss {loss:.4f}"] if isinstance(loss, float) else []
            parts += [f"{speed:.1f} patches/s"] if isinstance(speed, float) else []
            self._print(", ".join(parts))

    def progress(self, progress: dict[str, Any]) -> None:
        """Only what it does before it trains: a line for each would be too many."""
        doing = progress.get("doing")
        if isinstance(doing, str) and doing and doing != self._said:
            self._said = doing
            self._print(f"  {doing[:80]} ...")

    def utilisation(self, latest: dict[str, Any]) -> None:
        """Not shown."""

    def run_finished(self, record: RunRecord) -> None:
        """How the run ended, and the time left for the others."""
        self._state.finish()
        left = self._state.left_s if self._state.run + 1 < self._state.runs else None
        rest = f"; about {clock(left)} left" if left else ""
        which = run_name(record.run, self._state.runs)
        self._print(f"{which}: {how_it_ended(record)}, {clock(record.duration_s)}{rest}")

    def note(self, text: str) -> None:
        """A line of its own."""
        self._print(text)

    def close(self) -> None:
        """Nothing is open."""


class LiveDisplay(PlainDisplay):
    """The plain lines, and below them a live panel: step, loss, speed, utilisation, time left."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._now: dict[str, Any] = {}
        self._latest: dict[str, Any] = {}
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._panel)
        self._live.start()

    def run_started(self, run: int, runs: int, seed: int) -> None:
        """Clear the panel and say which run begins."""
        self._now = {"phase": "start"}
        super().run_started(run, runs, seed)

    def progress(self, progress: dict[str, Any]) -> None:
        """Shown in the panel at its next refresh."""
        super().progress(progress)
        self._now = progress

    def utilisation(self, latest: dict[str, Any]) -> None:
        """Shown in the panel at its next refresh."""
        self._latest = latest

    def close(self) -> None:
        """Remove the panel."""
        self._live.stop()

    def _panel(self) -> Group:
        state, now = self._state, self._now
        if not state.runs:
            return Group(Text(""))
        phase = str(now.get("phase", ""))
        head = f"{run_name(state.run, state.runs)}  {now.get('doing') or phase}"
        if phase in ("train", "evaluate") and "epoch" in now:
            head += f"  epoch {now['epoch']}"
        elapsed = clock(time.monotonic() - state.run_started_s)
        left = state.left_s
        head += f"  {elapsed} in this run" + (f", about {clock(left)} left in all" if left else "")
        done, total = (
            (now.get("scene"), now.get("scenes"))
            if phase == "inference"
            else (now.get("step"), now.get("steps"))
        )
        grid = Table.grid(padding=(0, 2))
        if isinstance(done, int) and isinstance(total, int) and total > 0:
            grid.add_row(
                ProgressBar(total=total, completed=min(done, total), width=32), Text(f"{done}/{total}")
            )
        return Group(
            Text(head, style="bold"), grid, Text(self._numbers()), Text(self._machine(), style="dim")
        )

    def _numbers(self) -> str:
        now, parts = self._now, []
        of = "validation" if now.get("phase") == "evaluate" else "training"
        for key in ("loss", "accuracy"):
            if isinstance(now.get(key), (int, float)):
                parts.append(f"{of} {key} {now[key]:.4f}{' so far' if of == 'validation' else ''}")
        if self._state.accuracies:
            target = now.get("target")
            goal = f" of {target:.2f}" if isinstance(target, (int, float)) else ""
            parts.append(f"last evaluation {self._state.accuracies[-1]:.4f}{goal}")
        if isinstance(now.get("patches_per_s"), (int, float)):
            parts.append(f"{now['patches_per_s']:.1f} patches/s")
        return "   ".join(parts)

    def _machine(self) -> str:
        """Utilisation as the sampler sees it (keys are source.scope.name)."""
        words = {
            "cpu_utilization": lambda scope, v: f"CPU {v:.0f} %",
            "memory_used": lambda scope, v: f"memory {v / 2**30:.1f} GiB",
            "gpu_utilization": lambda scope, v: f"{scope} {v:.0f} %",
            "gpu_power": lambda scope, v: f"{scope} {v:.0f} W",
            "node_power": lambda scope, v: f"node {v:.0f} W",
        }
        shown = []
        for key, value in sorted(self._latest.items()):
            _, scope, name = (key.split(".", 2) + ["", ""])[:3]
            if name in words and isinstance(value, (int, float)) and value == value:
                shown.append(words[name](scope, value))
        return "   ".join(shown[:10])
