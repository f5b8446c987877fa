"""Lines that fit a terminal, broken between words; whole in files and pipes, so that they can be searched."""

from __future__ import annotations

import textwrap
from typing import TextIO

MOST = 120  # columns: longer lines are hard to follow
LEAST = 20  # columns for the text beside its head; where there are fewer the terminal has to break it


def width_of(stream: TextIO) -> int:
    """Columns of the terminal that a stream leads to; 0 where it leads elsewhere."""
    if not stream.isatty():
        return 0
    import shutil  # loads what compresses, too

    return min(shutil.get_terminal_size().columns, MOST)


def beside(head: str, text: str, width: int) -> str:
    """A text to the right of its head, in as many lines as `width` columns need; in one line for 0."""
    if width < len(head) + LEAST:
        return head + text
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines) or head
