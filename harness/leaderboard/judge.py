"""One organisation's folder: checked, scored and rendered, or found unchanged since that was done."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from harness.check import check_all
from harness.check.package import ReplayStep
from harness.core.errors import OtherBenchmarks, UserError, WrongData
from harness.core.files import write_json
from harness.leaderboard.cache import JUDGED, cache_key, fill, folder_of
from harness.leaderboard.comparison import write_comparison
from harness.leaderboard.fingerprint import package_digest
from harness.leaderboard.likeness import Marked, mark
from harness.leaderboard.model import Entry, Key, Rejected
from harness.leaderboard.ranking import basis
from harness.leaderboard.systempage import SYSTEMS, write_system_page
from harness.report.data import ReportContent, report_data
from harness.report.drawing.labels import BENCHMARKS
from harness.report.drawing.text import clean, timestamp
from harness.report.model import Report
from harness.report.page import INDEX, write_report
from harness.report.panels.energy.builder import headline
from harness.report.rates import training_rate
from harness.score.score import score
from rules.evidence.replay import replay as REPLAY_RULE
from rules.model.evidence import Replay
from rules.model.findings import Outcome, Verdict
from rules.model.layout import BENCHMARK, STRONG
from rules.model.package import Package
from rules.model.run import Run
from rules.ruleset import Ruleset

FIRST_REASONS = 3
FIRST_S, LAST_S = 1_577_836_800, 4_102_444_800  # 2020 and 2100: a clock outside them was never set
REPORTS = "reports"


class Result(BaseModel):
    """What came of one entry of an organisation: exactly one of the three."""

    name: str
    entry: Entry | None = None
    key: Key | None = None  # of the table the entry belongs to
    marked: Marked | None = None  # what is compared with other entries
    rejected: Rejected | None = None
    unscored: str | None = None

    @property
    def id(self) -> str:
        """organisation/system, as reviews name it; empty where it has no report."""
        report = self.entry.report if self.entry else self.rejected.report if self.rejected else ""
        return report.removeprefix(f"{REPORTS}/").removesuffix(f"/{INDEX}")


class Judged(BaseModel):
    """All entries of one organisation. Its pages lie in the folder of the cache that holds this."""

    results: list[Result]


class Found(NamedTuple):
    """What came of one organisation's folder."""

    pages: Path | None  # folder of its pages in the cache; None when there are none
    results: list[Result]
    known: bool  # found unchanged since an earlier check


@dataclass(frozen=True)
class Judge:
    """How to judge: picklable, so that several processes can share the work."""

    ruleset: Ruleset
    cache: Path
    now: datetime | float
    data: tuple[Path, ...] = ()  # data sets to replay on; none means no replay

    def __call__(self, folder: Path) -> Found:
        """Judge one organisation's folder, or find in the cache what came of it.

        A replay is worth keeping: an unchanged package that was once replayed stays so.
        """
        keys = self.keys(folder)
        for key in keys[:1] if self.data else keys:
            place = folder_of(self.cache, key)
            known = _read(place)
            if known is not None:
                return Found(place, known.results, True)
        made = fill(self.cache, keys[0 if self.data else 1], partial(self._write, folder))
        return Found(made, Judged.model_validate_json((made / JUDGED).read_bytes()).results, False)

    def keys(self, folder: Path) -> tuple[str, str]:
        """Names in the cache of the folder's verdict: with a replay, and without one."""
        digest = package_digest(folder)
        rules = hashlib.sha256(msgspec.json.encode(self.ruleset)).hexdigest()
        with_replay, without = (cache_key(digest, folder.name, rules, replay) for replay in (True, False))
        return with_replay, without

    def _write(self, folder: Path, place: Path) -> None:
        judged = Judged(results=list(self._results(folder, place)))
        write_json(place / JUDGED, judged.model_dump())

    def _results(self, folder: Path, place: Path) -> list[Result]:
        try:
            with self._replayer() as step:
                found = check_all(folder, self.ruleset, replay=step)
        except OtherBenchmarks as error:
            org, named = clean(folder.name, 100), (BENCHMARKS.get(one, one) for one in error.found)
            return [Result(name=org, unscored=f"{org}: results of {clean(', '.join(named), 200)} only")]
        except UserError as error:
            return [unreadable(folder, clean(error))]
        return [_judge(package, verdict, self.ruleset, self.now, place) for package, verdict in found]

    @contextmanager
    def _replayer(self) -> Iterator[ReplayStep | None]:
        """Computes runs again. One of another data set than those at hand, or without weights, is not replayed:
        a board asks every package, and those that may leave their weights out stay on it."""
        if not self.data:
            yield None
            return
        from harness.check.replay import Replayer  # psutil loads slowly: only where it is needed

        with Replayer(self.data) as replayer:

            def replay(run: Run) -> Replay:
                try:
                    return replace(replayer(run), absent=False)
                except WrongData as error:
                    return Replay(reason=error.message)

            yield replay


def _read(place: Path) -> Judged | None:
    """What the cache holds; None when it holds nothing. Removes an entry that is not valid."""
    try:
        return Judged.model_validate_json((place / JUDGED).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        shutil.rmtree(place)
        return None


def unreadable(folder: Path, reason: str) -> Result:
    """The result of an organisation's folder that cannot be read."""
    org = clean(folder.name)
    rejected = Rejected(org=org, system="", verdict="unreadable", errors=1, reasons=[reason], report="")
    return Result(name=org, rejected=rejected)


def _why_unrun(package: Package) -> str:
    """In words, of an entry without a result file: its system may have results of other benchmarks."""
    results = package.layout.results_dir
    others = f"{results.parents[1].as_posix()}/"
    if any(name.startswith(others) and name.endswith(".txt") for name in package.files):
        return f"no results of {BENCHMARKS.get(package.benchmark, package.benchmark)}"
    return "nothing was run yet"


def _judge(
    package: Package, verdict: Verdict, ruleset: Ruleset, now: datetime | float, place: Path
) -> Result:
    name = f"{clean(package.org, 100)} / {clean(package.system_name, 100)}"
    if not package.runs and not package.result_names:
        return Result(name=name, unscored=f"{name}: {_why_unrun(package)}")
    scored = score(package, ruleset)
    if verdict.verdict == "compliant" and scored.weak is not None:
        return Result(name=name, unscored=f"{name}: weak scaling, which has no time-to-train")
    content = report_data(package, verdict, scored, now)
    id = entry_id(package)
    folder, system = f"{REPORTS}/{id}", f"{SYSTEMS}/{id}.html"
    write_report(content, place / folder, now, home="../../../index.html", durable=False)
    if verdict.verdict != "compliant" or content.report.score.time_to_train_s is None:
        return Result(name=name, rejected=_rejected(content.report, f"{folder}/{INDEX}"))
    entry = _entry(package, content.report, verdict, id, f"{folder}/{INDEX}", system)
    entry = entry.model_copy(update={"code": basis(verdict), "digest": package.digest or ""})
    write_comparison(content.report, entry, place / folder)
    write_system_page(content.report, entry, place / system, now)
    marked = mark(package, id, f"{clean(package.org, 100)} / {clean(package.system_name, 100)}")
    return Result(name=name, entry=entry, key=_key(content), marked=marked)


def entry_id(package: Package) -> str:
    """<organisation>/<system>, with scaling and benchmark only where they are not the usual ones."""
    parts = [package.system_name or ""]
    parts += [p for p, usual in ((package.scaling, STRONG), (package.benchmark, BENCHMARK)) if p != usual]
    return f"{slug(package.org)}/{slug('.'.join(parts))}"


def slug(name: str) -> str:
    """A folder name: the name itself when it is plain, else what is plain of it and a digest."""
    plain = re.sub(r"[^A-Za-z0-9_+.-]+", "-", name).strip("-.")[:60]
    if plain and plain == name:
        return plain
    return f"{plain or 'unnamed'}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _key(content: ReportContent) -> Key:
    who, data = content.report.identity, content.report.dataset
    kind, profile, digest = (data.kind, data.profile, data.digest) if data else ("not stated", "", "")
    return Key(
        data_kind=kind,
        division=who.division,
        data_profile=profile,
        data_digest=digest,
        status=who.status,
        division_name=who.division_name,
    )


def _entry(package: Package, report: Report, verdict: Verdict, id: str, link: str, system: str) -> Entry:
    who, energy = report.identity, headline(report.energy)
    processor = next((f.declared for f in report.system if f.name == "host_processor_model_name"), "")
    replayed = any(r.id == REPLAY_RULE.id and r.outcome is Outcome.PASS for r in verdict.rules)
    return Entry(
        id=id,
        system=who.system,
        org=who.org,
        status=who.status,
        **_times(report),
        clock=report.score.clock,
        accuracy=report.score.accuracy,
        test_accuracy=report.score.science.get("accuracy"),
        samples_per_s=report.score.samples_per_s,
        train_flop_per_s=training_rate(report),
        trained=trained_on(package),
        seconds_per_scene=report.score.seconds_per_scene,
        energy_j=energy.joules if energy else None,
        energy_scope=energy.scope if energy else "",
        energy_method=energy.method if energy else "",
        power_scored=report.energy.node_level,
        replay_verified=replayed,
        accelerators=who.accelerators,
        accelerator=who.accelerator,
        nodes=who.nodes,
        processor=processor,
        framework=who.framework,
        precision=who.precision,
        global_batch_size=who.global_batch_size,
        warnings=report.verdict.warnings,
        warned=[group.rule for group in report.verdict.groups if group.severity == "warning"],
        target=report.score.target,
        commit=who.commit,
        checked=report.generated,
        report=link,
        system_page=system,
    )


def trained_on(package: Package) -> str:
    """The day (UTC) on which the first run began, as its log states; empty where no log does so sensibly."""
    starts = [run.timed.start_ms for run in package.runs if run.timed.start_ms is not None]
    first_s = min(starts, default=0.0) / 1000
    return timestamp(first_s)[:10] if FIRST_S < first_s < LAST_S else ""


def _times(report: Report) -> dict[str, Any]:
    """The score of an entry with its arithmetic, and the runs behind it."""
    score, runs = report.score, report.runs
    steps = score.arithmetic
    times = [run.time_to_train_s for run in runs if run.time_to_train_s is not None]
    shared = ("mean_s", "low_s", "high_s", "error_s", "degrees")
    epochs = ("mean_epochs", "reference_epochs", "least_epochs")
    return {
        "time_to_train_s": score.time_to_train_s,
        **{name: getattr(steps, name) if steps else None for name in (*shared, *epochs)},
        "factor": steps.factor if steps else 1.0,
        "pace": steps.pace if steps else "not_compared",
        "factor_reason": steps.reason if steps else "",
        "run_times_s": [run.time_to_train_s for run in runs],
        "run_epochs": [run.epochs for run in runs],
        "run_dropped": [run.dropped for run in runs],
        "fastest_run_s": min(times, default=None),
        "slowest_run_s": max(times, default=None),
        "runs": len(runs),
    }


def _rejected(report: Report, link: str) -> Rejected:
    errors = [group for group in report.verdict.groups if group.severity == "error"]
    reasons = [f"{group.rule}: {group.findings[0].message}" for group in errors[:FIRST_REASONS]]
    if not reasons:
        reasons = report.notes[:FIRST_REASONS] or [report.score.note or "no time-to-train could be computed"]
    return Rejected(
        org=report.identity.org,
        system=report.identity.system,
        verdict=report.verdict.verdict,
        errors=report.verdict.errors,
        broken=report.verdict.broken,
        made_by=report.verdict.made_by,
        reasons=reasons,
        report=link,
    )
