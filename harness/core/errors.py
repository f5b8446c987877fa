"""Errors a user can act on, and the exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    OK = 0  # done, or compliant
    FINDINGS = 1  # not compliant, or something differs: never anything else
    USAGE = 2  # wrong usage, cannot read, wrong machine
    FAILED = 3  # a run or a job failed: there is no verdict
    SERVICE = 69  # a service did not answer, and may later (EX_UNAVAILABLE of sysexits.h)
    DEFECT = 70  # a defect of the harness (EX_SOFTWARE)
    OUTPUT = 74  # standard output is closed or full: what was to be shown got lost (EX_IOERR)
    INTERRUPTED = 130  # by Ctrl-C, SIGTERM or a hang-up


class UserError(Exception):
    """What happened and why, and how to fix it: shown as one line (or two), never as a traceback."""

    def __init__(self, message: str, fix: str | None = None, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.code = code

    def __str__(self) -> str:
        return f"{self.message} Fix: {self.fix}" if self.fix else self.message


class WrongData(UserError):
    """A folder that is not the data set of the package that is to be replayed."""


class OtherBenchmarks(UserError):
    """A folder whose results are all of benchmarks that the ruleset does not judge; `found` names them."""

    def __init__(self, message: str, fix: str, found: list[str]) -> None:
        super().__init__(message, fix)
        self.found = found
