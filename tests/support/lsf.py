"""Stand-ins for bsub and blaunch that do what IBM's command reference (Spectrum LSF 10.1) says of them.

bsub reads the script from standard input: options from its `#BSUB` lines in front of the first command, refused when it
does not know them. It starts the job by the interpreter of the first line and goes. blaunch works inside a job only, on
hosts of its allocation, by a shell that reads the words again unless it is told -no-shell, and ends with the exit code
of the task.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

NUMBER = "4711"
WITH_VALUE = {
    "-J": r"[\w.-]+",
    "-o": r"/.+%J.*",
    "-n": r"\d+",
    "-R": r"(span\[ptile=\d+\]|affinity\[core\(\d+\)\]|rusage\[mem=\d+[KMGT]?/host\])",
    "-W": r"(\d+:)?\d+",
    "-wt": r"(\d+:)?\d+",
    "-wa": "TERM|USR2|URG",
    "-q": r"\w+",
    "-P": r"\w+",
    "-gpu": r"num=\d+(/host|/task)?",
}
PLAIN = {"-x", "-r"}


def install(folder: Path) -> None:
    """Put both commands into a folder for PATH."""
    for name in ("bsub", "blaunch"):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -I {Path(__file__)} {name} "$@"\n')
        command.chmod(0o755)


def options(script: str) -> dict[str, list[str]]:
    """Options in front of the first command. Raises ValueError for what bsub would not take."""
    found: dict[str, list[str]] = {}
    for line in script.splitlines():
        if not line.startswith("#BSUB "):
            if line and not line.startswith("#"):
                break
            continue
        name, *value = shlex.split(line.removeprefix("#BSUB "))
        if name in PLAIN and not value:
            found[name] = []
        elif name in WITH_VALUE and len(value) == 1 and re.fullmatch(WITH_VALUE[name], value[0]):
            found.setdefault(name, []).append(value[0])
        else:
            raise ValueError(line)
    if ("-wt" in found) != ("-wa" in found):
        raise ValueError("a warning action must be specified with a warning time")
    return found


def bsub(arguments: list[str]) -> int:
    """Start the job of the script on standard input, on hosts a01, a02, ..., which are all this machine."""
    script = sys.stdin.read()
    try:
        asked = options(script)
    except ValueError as error:
        print(f"{error}: Illegal option. Job not submitted.", file=sys.stderr)
        return 255
    if arguments or not script.startswith("#!"):
        return 255
    tasks = int(asked["-n"][0])
    (each,) = (int(r[11:-1]) for r in asked["-R"] if r.startswith("span"))
    hosts = " ".join(f"a{n + 1:02d} {each}" for n in range(tasks // each))
    spool = Path(os.environ["LSF_SPOOL"])
    (spool / NUMBER).write_text(script)
    environment = {**os.environ, "LSB_JOBID": NUMBER, "LSB_MCPU_HOSTS": hosts}
    with open(asked["-o"][0].replace("%J", NUMBER), "ab") as log:
        words = [*script.splitlines()[0][2:].split(), str(spool / NUMBER)]
        job = subprocess.Popen(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (spool / "pid").write_text(str(job.pid))
    print(f"Job <{NUMBER}> is submitted to queue <{asked.get('-q', ['normal'])[0]}>.")
    return 0


def blaunch(arguments: list[str]) -> int:
    """Run the words as a task of the job on a host."""
    host, *words = arguments
    if "LSB_JOBID" not in os.environ:
        print("blaunch works only under LSF", file=sys.stderr)
        return 255
    if host not in os.environ["LSB_MCPU_HOSTS"].split()[::2]:
        print(f"{host}: not part of the job", file=sys.stderr)
        return 255
    print(f"on {host}", file=sys.stderr, flush=True)
    plain = words[0] == "-no-shell"
    task = subprocess.Popen(
        words[1:] if plain else ["/bin/sh", "-c", " ".join(words)],
        env={k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LSB_JOBID", "LSB_MCPU_HOSTS")},
        start_new_session=True,  # as on another host: only signals that are passed on arrive
    )
    signal.signal(signal.SIGTERM, lambda number, frame: task.send_signal(number))
    code = task.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit({"bsub": bsub, "blaunch": blaunch}[sys.argv[1]](sys.argv[2:]))
