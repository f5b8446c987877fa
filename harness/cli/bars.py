"""Progress bars on standard error, in a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Step = Callable[[str, int, int], None]  # what is done, how much of it, of how much


@contextmanager
def progress_bar() -> Iterator[Step]:
    """A bar that shows what was stepped last; it is hidden before the first step and after the last."""
    console = Console(stderr=True, highlight=False)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda title, done, total: bar.update(
            task, description=title, completed=done, total=total, visible=done < total
        )
