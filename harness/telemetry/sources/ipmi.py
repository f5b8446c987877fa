"""Power of the whole node as its management controller reports it: `ipmitool dcmi power reading`.

DCMI 1.5, 6.6.1 (Get Power Reading). Reading is a subprocess with a time limit: controllers hang. The
local device needs root or a group of its own; a remote one needs CLOUDMASK_IPMI_HOST,
CLOUDMASK_IPMI_USER and IPMI_PASSWORD (ipmitool reads the last itself: it is never on a command line).
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

from harness.telemetry.sources.base import SourceUnavailable
from harness.telemetry.sources.node_power import NODE, NODE_POWER, NodePowerSource, ReadingFailed, watts

COMMAND_VARIABLE = "CLOUDMASK_IPMITOOL"  # e.g. "sudo -n ipmitool"
HOST_VARIABLE, USER_VARIABLE = "CLOUDMASK_IPMI_HOST", "CLOUDMASK_IPMI_USER"
OPEN_LIMIT_S = 8.0  # a controller that was asleep answers late, once
READ_LIMIT_S = 3.0
MAX_BYTES = 1 << 16  # of an answer; what goes beyond is not kept
TRIES, PAUSE_S = 3, 0.5  # when the controller is busy while the source opens
_READING = re.compile(r"Instantaneous power reading[ \t]*:[ \t]*(\S+)(?:[ \t]+(\w+))?")
_STATE = re.compile(r"Power reading state is\s*:\s*(\w+)")
_INACTIVE = "the management controller says that its power measurement is not activated"
_UNITS = {"watts": 1.0, "watt": 1.0, "w": 1.0, "milliwatts": 1e-3, "kilowatts": 1e3}


@dataclass(frozen=True)
class _Answer:
    code: int
    output: str
    errors: str

    @property
    def is_reading(self) -> bool:
        """Whether it holds one: ipmitool may fail after it (a session is not closed), or end with 0 and none."""
        return bool(_READING.search(self.output))


# Completion codes and words of a controller that could not answer now (IPMI 2.0, table 5-2: C0h busy, C3h timeout,
# C4h out of space, CEh no response, CFh duplicate, D2h initialising, D5h present state, FFh unspecified)
_FOR_THE_MOMENT = re.compile(
    r"\((?:0x)?(?:c0|c3|c4|ce|cf|d2|d5|ff)\)|node busy|timed? ?out|insufficient resources|no response|"
    r"resource temporarily unavailable|device or resource busy|response is null|unspecified error",
    re.IGNORECASE,
)

# what ipmitool says -> (why, fix); the first that fits
_CAUSES = (
    (
        r"permission denied|operation not permitted|must be root|a password is required|have a tty|not in the sudoers",
        "the IPMI device may be read by root only",
        "an administrator can open /dev/ipmi0 to a group; or allow sudo, and CLOUDMASK_IPMITOOL='sudo -n ipmitool'",
    ),
    (
        r"could not open device",
        "there is no IPMI device here: no management controller, or its driver is not loaded",
        "on a server: `modprobe ipmi_devintf ipmi_si`; in a virtual machine there is nothing to read",
    ),
    (
        r"address lookup|could not open socket|name or service not known",
        "the name of the management controller is unknown here",
        f"check {HOST_VARIABLE}, and that this machine can reach the management network",
    ),
    (
        r"insufficient privilege|\((?:0x)?d4\)",
        "the user of the management controller may not read power (d4)",
        "let an administrator give that user the privilege level User or higher",
    ),
    (
        r"unable to establish|rakp|invalid user name|authentication|session",
        "the management controller refused the session",
        "check CLOUDMASK_IPMI_HOST, CLOUDMASK_IPMI_USER and IPMI_PASSWORD",
    ),
    (
        r"invalid command|not supported|invalid data field|dcmi request failed",
        "this management controller has no DCMI power reading",
        "use Redfish (CLOUDMASK_REDFISH_URL) or import the log of an external meter",
    ),
)


class IpmiSource(NodePowerSource):
    """Node power in watts, whole watts as DCMI has them, averaged over a time that the controller chooses."""

    name = "ipmi"
    preference = 2

    def __init__(self, open_limit_s: float = OPEN_LIMIT_S, read_limit_s: float = READ_LIMIT_S) -> None:
        super().__init__()
        self._open_limit_s, self._read_limit_s = open_limit_s, read_limit_s
        self._command: list[str] = []

    def open(self) -> None:
        """Take one reading. Raises SourceUnavailable when there is none."""
        self._command = self._found()
        what = "no node power by IPMI"
        try:
            answer = self._asked()
            if answer.code != 0 and not answer.is_reading:
                raise SourceUnavailable(what, *_cause(answer))
            power_reading(answer.output)
            if not _is_active(answer.output):
                self._remarks.add(f"ipmi {NODE_POWER}: {_INACTIVE}; the readings beside it are taken")
        except ReadingFailed as error:
            fix = "see `ipmitool dcmi power reading`; Redfish or an external meter may do better"
            raise SourceUnavailable(what, str(error), fix) from None

    def _asked(self) -> _Answer:
        """The answer, or the last one of a controller that stays busy. Raises ReadingFailed."""
        give_up_at = time.monotonic() + self._open_limit_s
        for attempt in range(1, TRIES + 1):
            answer = _run(self._command, max(give_up_at - time.monotonic(), 0.1))
            if answer.is_reading or not _FOR_THE_MOMENT.search(answer.errors + answer.output):
                break
            if attempt < TRIES and time.monotonic() + PAUSE_S < give_up_at:
                time.sleep(PAUSE_S)
        return answer

    @staticmethod
    def _found() -> list[str]:
        try:
            command = shlex.split(os.environ.get(COMMAND_VARIABLE) or "ipmitool")
        except ValueError as error:
            raise SourceUnavailable(
                "no node power by IPMI",
                f"{COMMAND_VARIABLE} is not a command: {error}",
                f"write it as in a shell: {COMMAND_VARIABLE}='sudo -n ipmitool'",
            ) from None
        if not command or shutil.which(command[0]) is None:
            raise SourceUnavailable(
                "no node power by IPMI",
                f"there is no {command[0] if command else 'command'} on PATH",
                "install ipmitool, or name it in CLOUDMASK_IPMITOOL",
            )
        host, user = os.environ.get(HOST_VARIABLE), os.environ.get(USER_VARIABLE)
        remote = ["-I", "lanplus", "-H", host, "-E"] if host else []
        login = ["-U", user] if host and user else []
        return [*command, *remote, *login, "dcmi", "power", "reading"]

    def devices(self) -> dict[str, str]:
        """The management controller, without its address."""
        return {NODE: "management controller of this node, IPMI DCMI"}

    def measure(self) -> float:
        """Watts by one call of ipmitool. Raises ReadingFailed."""
        answer = _run(self._command, self._read_limit_s)
        if answer.code != 0 and not answer.is_reading:
            raise ReadingFailed(_cause(answer)[0])
        return power_reading(answer.output)


def power_reading(text: str) -> float:
    """Watts in the output of `ipmitool dcmi power reading`. Raises ReadingFailed."""
    found = _READING.search(text)
    if not found:
        raise ReadingFailed("the output has no instantaneous power reading")
    factor = _UNITS.get((found[2] or "").lower())
    if factor is None:
        raise ReadingFailed(f"the unit {found[2][:20]} is unknown" if found[2] else "the reading has no unit")
    try:
        return watts(float(found[1]) * factor)
    except ValueError:
        raise ReadingFailed("the reading is not a number") from None
    except ReadingFailed as error:
        raise ReadingFailed(str(error) if _is_active(text) else f"{error}: {_INACTIVE}") from None


def _is_active(text: str) -> bool:
    """False where the controller calls its measurement inactive; some do so beside good readings (OpenBMC)."""
    state = _STATE.search(text)
    return state is None or state[1].lower() == "activated"


def _run(command: list[str], limit_s: float) -> _Answer:
    """Raises ReadingFailed when it cannot be started or takes too long; then it is ended with its
    children."""
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        raise ReadingFailed(f"ipmitool cannot be started: {error.strerror}") from None
    with process:
        try:
            output, errors = _said(process, limit_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            raise ReadingFailed(f"no answer within {round(limit_s, 1):g} s") from None
    return _Answer(process.returncode, output, errors)


def _said(process: subprocess.Popen[bytes], limit_s: float) -> tuple[str, str]:
    """What it writes until it ends, as far as MAX_BYTES go. Raises TimeoutExpired."""
    give_up_at = time.monotonic() + limit_s
    pipes = (process.stdout, process.stderr)
    kept = {pipe: bytearray() for pipe in pipes if pipe is not None}
    with selectors.DefaultSelector() as selector:
        for pipe in kept:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() > give_up_at:
                raise subprocess.TimeoutExpired(process.args, limit_s)
            for key, _ in selector.select(max(give_up_at - time.monotonic(), 0.0)):
                piece = os.read(key.fd, MAX_BYTES)
                if not piece:
                    selector.unregister(key.fileobj)
                kept[key.fileobj].extend(piece[: MAX_BYTES - len(kept[key.fileobj])])  # type: ignore[index]
    process.wait(max(give_up_at - time.monotonic(), 0.1))
    output, errors = (text.decode(errors="replace") for text in kept.values())
    return output, errors


def _cause(answer: _Answer) -> tuple[str, str]:
    """(why, fix). The controller's own words are not repeated: they can hold its address."""
    said = answer.errors + answer.output
    if _FOR_THE_MOMENT.search(said):
        return (
            "the management controller is busy for the moment and did not answer",
            "try again in a minute; if it stays busy, restart the controller (`ipmitool mc reset cold`)",
        )
    for pattern, why, fix in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return why, fix
    return f"ipmitool ended with code {answer.code}", "try `ipmitool dcmi power reading` by hand"
