"""The result logs of a package, whatever its benchmark and ruleset, read without judging them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.check.tree import find_target, scan
from harness.core.errors import UserError
from harness.untrusted.logs import read_log
from rules.model.log import Log

_RESULT = re.compile(r"results/([^/]+)/(?:([^/]+)/)?([^/]+)/result_([0-9]{1,9})\.txt\Z")


@dataclass(frozen=True)
class LogFile:
    """Where a log lies: entry as system/scaling/benchmark, number of the run, path below the package."""

    entry: str
    run: int | None
    path: str


def result_logs(path: Path, system: str | None = None) -> Iterator[tuple[LogFile, Log]]:
    """The logs at `path` (organisation, system or result file), one by one, by entry and number.

    Raises UserError when there is nothing to read, or a log cannot be opened.
    """
    target = find_target(path, system)
    if target.result is not None:
        yield LogFile("", None, target.result.name), _read(target.result, target.result.name)
        return
    found = []
    for name in scan(target.root).sizes:
        match = _RESULT.match(name)
        if match and match[1] in target.systems:
            entry = "/".join(part for part in match.group(1, 2, 3) if part)
            found.append(LogFile(entry, int(match[4]), name))
    if not found:
        raise UserError(f"{path} holds no result log.", "name a folder with results/<system>/... in it.")
    for one in sorted(found, key=lambda f: (f.entry, f.run, f.path)):
        yield one, _read(target.root / one.path, one.path)


def _read(path: Path, shown: str) -> Log:
    try:
        return read_log(path, shown)
    except OSError as error:
        raise UserError(f"Cannot read {shown}: {error.strerror}.", "check the file's permissions.") from error
