"""Rows as CSV that a spreadsheet shows and does not execute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

# What spreadsheets take for a formula, in full width too; also behind a separator, since a program that splits
# cells there would begin a new one. Line breaks inside a cell become blanks.
_FORMULA = re.compile(r"(\A|[;,|])([\s\"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_BREAKS = re.compile(r"[\t\r\n\v\f\x85\u2028\u2029]+")


def csv_text(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A header and rows; None is empty, and texts cannot become formulas."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return buffer.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, (list, tuple)):
        value = "; ".join("" if one is None else str(one) for one in value)
    if isinstance(value, str):
        return _FORMULA.sub(r"\1\2'", _BREAKS.sub(" ", value))
    return "" if value is None else value
