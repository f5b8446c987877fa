"""What mlperf_logging says of a package of MLPerf HPC, per benchmark folder, as JSON.

Run as a program on a COPY (`python -m tests.rules.upstream RULESET FOLDER...`, with its rules of the package's
round, such as 3.0.0): its checkers write and delete
scaling.json inside the package. In a process of its own, because they configure logging and print.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

SECTION = " Running compliance checks in dir %s"


class _Sections(logging.Handler):
    """Error messages by the folder that was being checked."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.errors: dict[str, list[str]] = {}
        self._folder = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == SECTION:
            self._folder = str(record.args[0]) if isinstance(record.args, tuple) else ""
            self.errors.setdefault(self._folder, [])
        elif record.levelno >= logging.ERROR:
            self.errors.setdefault(self._folder, []).append(" ".join(record.getMessage().split())[:300])


def judge(root: Path, ruleset: str) -> list[dict[str, Any]]:
    """One record per results/<system>/<scaling>/<benchmark>: errors, crash, score in minutes, weak score."""
    from mlperf_logging.package_checker import package_checker

    sections = _Sections()
    logging.getLogger().addHandler(sections)
    logging.getLogger().setLevel(logging.INFO)
    crash = None
    try:
        package_checker.check_training_result_files(
            str(root), "hpc", ruleset, False, False, False, False, False
        )
    except (Exception, SystemExit) as error:
        crash = f"{type(error).__name__}: {error}"[:300]
    finally:
        logging.getLogger().removeHandler(sections)
    folders = sorted(p for p in (root / "results").glob("*/*/*") if p.is_dir())
    return [
        {
            "entry": "/".join(folder.parts[-3:]),
            "checked": str(folder) in sections.errors,
            "errors": sections.errors.get(str(folder), []),
            "crash": crash,
            **_score(folder, ruleset),
        }
        for folder in folders
    ]


def _score(folder: Path, ruleset: str) -> dict[str, Any]:
    from mlperf_logging.result_summarizer import result_summarizer as summarizer

    benchmark, system = folder.name, folder.parent.parent.name
    try:
        if folder.parent.name == "weak":
            found, _ = summarizer._compute_weak_score_standalone(
                benchmark, system, False, str(folder), "hpc", ruleset
            )
            return {"weak": {name.split(":")[1]: value for name, value in found.items()}}
        minutes, _, factor = summarizer._compute_strong_score_standalone(
            benchmark, system, False, str(folder), "hpc", ruleset
        )
        return {"minutes": minutes, "factor": factor}
    except (Exception, SystemExit) as error:
        return {"score_crash": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    found = {}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for name in sys.argv[2:]:
            found[os.path.basename(name)] = judge(Path(name), sys.argv[1])
    json.dump(found, sys.stdout, default=float)


if __name__ == "__main__":
    main()
