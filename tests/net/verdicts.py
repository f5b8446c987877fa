"""Verdicts of `check` on many packages, recorded, to see what a change of the code changes.

    python -m tests.net.verdicts record [FILE]
    python -m tests.net.verdicts compare [FILE] [--only GROUP] [--ignore-text]

FILE is tests/net/verdicts.json.gz unless named. After a change of verdicts that is meant, read what
`compare` prints, then `record` anew and commit the file with the change. Without ../shared the corpus
cannot be judged: `compare` leaves it out, `record` keeps what FILE has of it.

Groups: examples (submissions/examples), sound (packages that pass), cloudmask and hpc (each edit of
tests/rules), hostile (damaged files and odd values of tests/rules/test_hostile.py), corpus (published
packages in ../shared/corpus, by both rulesets). A record holds what `check --format json` says, and the
lines of scores of `check`. With --ignore-text, wording is not compared: only the verdict, each rule's
outcome, (rule, severity, path, line) of findings, and numbers of scores.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import json
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

from msgspec.structs import replace

from harness.check import check_all, combine, verdict_record
from harness.core.errors import UserError
from harness.score.score import describe, score
from rules.ruleset import load_ruleset
from tests.net.cases import CORPUS, GROUPS, ROOT, Case, Workshop, cases

FILE = Path(__file__).with_name("verdicts.json.gz")
PROCESSES = 2
NOW_S = 1_796_200_000.0  # the clock while judging (December 2026): a rule asks for stamps of the future
SHOWN = 160  # characters of a text in the printed differences

Record = dict[str, Any]
Records = dict[str, Record]


# ---------------------------------------------------------------- judging


def judge(path: Path, ruleset: str | None, hidden: dict[str, str]) -> Record:
    """What `cloudmask check --format json` says of a path, without what differs from run to run.

    `hidden` are strings (folders) and what to write in their place.
    """
    rules = load_ruleset(ruleset) if ruleset else None
    try:
        with mock.patch("time.time", return_value=NOW_S):
            found = check_all(path, rules)
        scores = [
            f"{package.entry}: {verdict.verdict}, {describe(score(package, load_ruleset(verdict.ruleset)))}"
            for package, verdict in found
            if package.entries
        ]
        verdict = replace(combine([v for _, v in found], str(path)), path=str(path))
        record = {**verdict_record(verdict), "scores": scores}
        del record["entries"]  # digests of files that are built anew
    except UserError as error:
        record = {"verdict": "unreadable", "message": f"{error.message} {error.fix}"}
    except Exception as error:  # a crash is a fact of the code as it is
        record = {"verdict": "crash", "message": f"{type(error).__name__}: {error}"}
    text = json.dumps(record, sort_keys=True)
    for folder, name in hidden.items():
        text = text.replace(json.dumps(folder)[1:-1], name)
    normal: Record = json.loads(text)
    return normal


_workshop: Workshop | None = None
_cases: list[Case] = []


def _judge_case(number: int) -> tuple[str, Record]:
    """Build and judge one of `_cases`, in this process or one of a pool."""
    global _workshop
    case = _cases[number]
    if _workshop is None:
        _workshop = Workshop(Path(tempfile.mkdtemp(dir=_folder)))
    place = _workshop.place()
    path = case.make(_workshop, place)
    hidden = {
        str(place): "<place>",
        os.path.realpath(place): "<place>",
        str(CORPUS): "<corpus>",
        str(ROOT): "<root>",
    }
    record = judge(path, case.ruleset, hidden)
    shutil.rmtree(place, ignore_errors=True)
    return case.key, record


_folder = ""


def judge_all(wanted: list[Case], processes: int = PROCESSES) -> Records:
    """The records of these cases, by their keys."""
    global _cases, _workshop, _folder
    with tempfile.TemporaryDirectory(prefix="verdicts-") as folder:
        _cases, _workshop, _folder = wanted, None, folder
        try:
            if processes == 1:
                found = dict(map(_judge_case, range(len(wanted))))
            else:
                with multiprocessing.get_context("fork").Pool(processes) as pool:
                    found = dict(pool.imap_unordered(_judge_case, range(len(wanted)), 4))
        finally:
            _cases, _workshop = [], None
    return {key: found[key] for key in sorted(found)}


# ---------------------------------------------------------------- the file


def save(file: Path, records: Records) -> None:
    """Each distinct outcome and finding is written once; cases name them by number."""
    tables: dict[str, dict[str, int]] = {"rules": {}, "findings": {}}

    def number(table: str, value: Any) -> int:
        return tables[table].setdefault(json.dumps(value, sort_keys=True), len(tables[table]))

    packed = {
        key: {
            name: [number(name, one) for one in value] if name in tables else value
            for name, value in sorted(record.items())
        }
        for key, record in sorted(records.items())
    }
    whole = {name: [json.loads(text) for text in table] for name, table in tables.items()}
    text = json.dumps({"cases": packed, **whole}, sort_keys=True, indent=0)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def load(file: Path) -> Records:
    """The records of a file as `judge_all` gave them."""
    whole = json.loads(gzip.decompress(file.read_bytes()))
    return {
        key: {
            name: copy.deepcopy([whole[name][at] for at in value]) if name in ("rules", "findings") else value
            for name, value in record.items()
        }
        for key, record in whole["cases"].items()
    }


# ---------------------------------------------------------------- comparing


def _short(text: Any) -> str:
    words = " ".join(str(text).split())
    return words if len(words) <= SHOWN else words[: SHOWN - 3] + "..."


def _lines(record: Record, ignore_text: bool) -> Counter[str]:
    """Everything that is compared of a record, one line for each thing."""
    lines = [f"verdict {record['verdict']}"]
    for rule in record.get("rules", []):
        reason = "" if ignore_text or not rule["reason"] else f": {rule['reason']}"
        lines.append(f"rule {rule['id']} {rule['outcome']}{reason}")
    for one in record.get("findings", []):
        line = f"finding {one['rule']} {one['severity']} {one['path']}:{one['line']}"
        if not ignore_text:
            texts = {k: v for k, v in one.items() if k not in ("rule", "severity", "path", "line", "outcome")}
            line += f" {texts.pop('message')} {json.dumps(texts, sort_keys=True, ensure_ascii=False)}"
        lines.append(line)
    for text in record.get("scores", []):
        numbers = " ".join(re.findall(r"\d+(?:\.\d+)?", text.partition(": ")[2]))
        lines.append(f"score {text.partition(': ')[0]} {numbers}" if ignore_text else f"score {text}")
    if not ignore_text:
        known = ("verdict", "rules", "findings", "scores")
        lines += [f"{k} {json.dumps(v, sort_keys=True)}" for k, v in record.items() if k not in known]
    return Counter(lines)


def differences(old: Records, new: Records, ignore_text: bool = False) -> dict[str, list[str]]:
    """By case, lines with - (only in the old record) or + (only in the new one); empty: all the same."""
    found = {}
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new:
            found[key] = ["- the case is gone"] if key in old else ["+ the case is not in the record"]
            continue
        before, after = _lines(old[key], ignore_text), _lines(new[key], ignore_text)
        if before != after:
            found[key] = [f"- {line}" for line in sorted((before - after).elements())]
            found[key] += [f"+ {line}" for line in sorted((after - before).elements())]
    return found


def of_groups(records: Records, groups: Iterable[str]) -> Records:
    """The records of these groups."""
    return {key: record for key, record in records.items() if key.partition(": ")[0] in set(groups)}


# ---------------------------------------------------------------- the commands


def _timed(wanted: list[Case]) -> Records:
    wall_s, cpu_s = time.perf_counter(), _cpu_s()
    records = judge_all(wanted)
    counts = Counter(case.group for case in wanted)
    print(
        f"{len(wanted)} cases ({', '.join(f'{group} {count}' for group, count in counts.items())}) in "
        f"{time.perf_counter() - wall_s:.1f} s, {_cpu_s() - cpu_s:.1f} s of CPU"
    )
    return records


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def record(file: Path) -> int:
    """Judge all cases and write the file."""
    records = _timed(cases())
    if not CORPUS.is_dir() and file.is_file():
        records |= of_groups(load(file), ["corpus"])
    save(file, records)
    print(f"{file}: {file.stat().st_size} bytes")
    return 0


def compare(file: Path, groups: Iterable[str], ignore_text: bool) -> int:
    """Judge the cases anew and print what differs from the file; 1 when anything does."""
    found = differences(of_groups(load(file), groups), _timed(cases(groups)), ignore_text)
    for key, lines in found.items():
        print(key)
        for line in lines:
            print(f"  {_short(line)}")
    counts = Counter(" ".join(line.split()[:4]) for lines in found.values() for line in lines)
    for line, count in counts.most_common(20) if len(found) > 1 else []:
        print(f"{count} x {line}")
    print(f"{len(found)} cases differ" if found else "nothing differs")
    return 1 if found else 0


def main() -> int:
    """Record or compare, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.net.verdicts", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("record", "compare"))
    parser.add_argument("file", type=Path, nargs="?", default=FILE)
    parser.add_argument("--only", choices=GROUPS, action="append", help="compare this group only")
    parser.add_argument("--ignore-text", action="store_true", help="do not compare wording")
    options = parser.parse_args()
    groups = list(options.only or GROUPS)
    if not CORPUS.is_dir():
        print(f"the corpus is left out: {CORPUS} is not there")
        groups = [group for group in groups if group != "corpus"]
    if options.command == "record":
        return record(options.file)
    return compare(options.file, groups, options.ignore_text)


if __name__ == "__main__":
    sys.exit(main())
