"""What mlperf_logging says of packages that were tampered with, one JSON line per folder named on stdin.

Run as a program on COPIES (`python -m tests.rules.tampering_upstream`), in a process of its own: its
checkers configure logging, write files and can hang. A line of input is a JSON list: folder, kind. Kind
"hpc" is judged as shipped. Of "cloudmask" mlperf_logging knows nothing, so it is told what it lacks: the
benchmark's name and number of runs, and rules/mllog/cloudmask.yaml as rules of its logs; its convergence
test is left out, since it has no points of CloudMask. `shipped` is its verdict without that help.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mlperf_logging import benchmark_meta
from mlperf_logging.compliance_checker import mlp_compliance
from mlperf_logging.package_checker import package_checker

from tests.support import MLLOG_RULES

CONFIG = str(MLLOG_RULES)
LIMIT_S = 60
FLAGS, PASSES, CRASHES, HANGS = "flags", "passes", "crashes", "hangs"


class _TooLong(Exception):
    """LIMIT_S are over."""


def _ring(number: int, frame: Any) -> None:
    raise _TooLong


def verdict(check: Callable[[], bool]) -> str:
    """What a check of theirs comes to: flags, passes, crashes (with the exception) or hangs."""
    signal.signal(signal.SIGALRM, _ring)
    signal.alarm(LIMIT_S)
    try:
        return PASSES if check() else FLAGS
    except _TooLong:
        return HANGS
    except (Exception, SystemExit) as error:
        return f"{CRASHES} ({type(error).__name__})"
    finally:
        signal.alarm(0)


@cache
def log_valid(path: str, config: str) -> bool:
    checker = mlp_compliance.make_checker("hpc", "3.0.0", True, False)
    return bool(checker.check_file(path, config))


@contextlib.contextmanager
def told_of_cloudmask(config: str) -> Iterator[None]:
    """Their package checker, knowing the benchmark's name, its 5 runs and the rules of its logs."""
    known, counts = (
        benchmark_meta._ALL_ALLOWED_BENCHMARKS["hpc"]["3.0"],
        benchmark_meta._ALL_RESULT_FILE_COUNTS["hpc"],
    )
    before = mlp_compliance.main, package_checker.rcp_checker.check_directory
    known.append("cloudmask")
    counts["cloudmask"] = 5
    mlp_compliance.main = lambda path, _, checker: (log_valid(path, config), None, None, None)
    package_checker.rcp_checker.check_directory = lambda *_, **__: (True, "no points", None)
    try:
        yield
    finally:
        known.remove("cloudmask")
        del counts["cloudmask"]
        mlp_compliance.main, package_checker.rcp_checker.check_directory = before


def package_valid(root: Path) -> bool:
    """What its program prints as NO ERRORS: descriptions and results; it returns neither."""
    described = package_checker.check_systems(str(root), "hpc", "3.0.0")
    return bool(
        package_checker.check_training_result_files(
            str(root), "hpc", "3.0.0", True, False, False, False, False
        )
        and described
    )


def judge(root: Path, kind: str) -> dict[str, str]:
    """Verdicts of the log checker (the worst of all logs), of the package checker, and as shipped."""
    config = CONFIG if kind == "cloudmask" else "hpc_3.0.0/common.yaml"
    logs = sorted((root / "results").glob("*/*/*/result*.txt"))
    said = [verdict(lambda p=path: log_valid(str(p), config)) for path in logs]  # type: ignore[misc]
    worst = next((s for s in said if s.startswith((CRASHES, HANGS))), FLAGS if FLAGS in said else PASSES)
    found = {"logs": worst if said else "no log", "shipped": verdict(lambda: package_valid(root))}
    found["package"] = found["shipped"]
    if kind == "cloudmask":
        with told_of_cloudmask(config):
            found["package"] = verdict(lambda: package_valid(root))
    return found


def main() -> None:
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        folder, kind = json.loads(line)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = judge(Path(folder), kind)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
