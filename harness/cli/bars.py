"""Progress bars on standard error, in a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Step = Callable[[str, int, int], None]  # what is done, how much of it, of how much


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def progress_bar() -> Iterator[Step]:
    """A bar that shows what was stepped last; it is hidden before the first step and after the last."""
    with _bar(Console(stderr=True, highlight=False)) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda title, done, total: bar.update(
            task, description=title, completed=done, total=total, visible=done < total
        )


class ConsoleWatch:
    """Shows on a console what happens before the runs."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def files(self, title: str) -> Iterator[Callable[[int, int, str], None]]:
        """A bar over files, as progress(done, total, name); without a terminal nothing is shown."""
        with _bar(self._console) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total, name: bar.update(task, completed=done, total=total)

    def note(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text)
