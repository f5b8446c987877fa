"""From plan to package: preflight, runs, package, check, score, report. Interrupted, it can be resumed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.check import check_package, check_plan
from harness.core.errors import ExitCode, UserError
from harness.core.files import write_json
from harness.package.manifest import write_manifest
from harness.package.workspace import Workspace
from harness.plan.plan import RunPlan, dataset_record, plan_digest, plan_record
from harness.plan.preparation import Prepared
from harness.power.record import PowerRecord, record_power
from harness.report import build_report
from harness.run.one_run import FINISHED, place_result, run_once, set_aside
from harness.run.progress import Display
from harness.run.throughput import run_together
from harness.score.model import Score
from harness.score.score import score
from rules.model.findings import Verdict
from rules.model.layout import STRONG, WEAK, PackageLayout, RunFiles
from rules.model.package import Package
from rules.ruleset import load_ruleset

TAIL_LINES = 8


@dataclass(frozen=True)
class Submission:
    """The end of a submit: what was made and what the rules say of it."""

    package: Package
    verdict: Verdict
    score: Score
    report: Path | None  # throughput has none

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.OK if self.verdict.verdict == "compliant" else ExitCode.FINDINGS


def preflight(prepared: Prepared) -> Verdict:
    """The rulebook applied to the plan, before anything runs."""
    return check_plan(prepared.plan, load_ruleset(prepared.plan.ruleset))


def run_all(prepared: Prepared, display: Display, resume: bool) -> None:
    """Do the runs that are missing.

    Raises UserError when a run fails (it is kept, and the rest can be resumed) or when another
    submit is at work in the same place.
    """
    plan = prepared.run_plan()
    with _locked(plan.layout):
        _begin(prepared, resume)
        sweep(plan.layout)
        done = finished_runs(plan.layout, plan.recipe.runs)
        if done:
            display.note(f"resuming: {len(done)} of {plan.recipe.runs} runs are finished already")
        for run in range(plan.recipe.runs):
            if run not in done:
                _one(plan, run, display)


def run_throughput(prepared: Prepared, console: Console) -> None:
    """Do all models of a throughput entry at once. Raises UserError as run_all does."""
    plan = prepared.run_plan()
    with _locked(plan.layout):
        _begin(prepared, resume=False)
        sweep(plan.layout)
        run_together(prepared, used_seeds(plan.layout), console)


def _one(plan: RunPlan, run: int, display: Display) -> None:
    record = run_once(plan, run, used_seeds(plan.layout), display)
    if record.status in FINISHED:
        return
    folder = _latest_failed(plan.layout)
    tail = _tail(folder / "output.log")
    raise UserError(
        f"Run {run + 1} of {plan.recipe.runs} {record.status}: {record.reason}.{tail}",
        f"see {folder}/output.log; then continue with --resume (make: RESUME=1). Finished runs are kept.",
        ExitCode.FINDINGS,
    )


def seal(prepared: Prepared) -> PowerRecord:
    """Write what the package needs beside the runs, then the manifest over everything.

    Says what became of the power files."""
    layout, recipe = prepared.layout, prepared.recipe
    power = record_power(layout, recipe.model_copy(update={"runs": prepared.plan.runs}))
    write_json(layout.companion_json(recipe.implementation), _companion(prepared))
    _implementation_readme(prepared)
    write_manifest(layout.root)
    return power


def judge(layout: PackageLayout, ruleset: str, now_s: float | None = None) -> Submission:
    """Check, score and report a package on disk: exactly what a reviewer's commands do."""
    rules = load_ruleset(ruleset)
    package, verdict = check_package(layout.root, rules, system=layout.system, scaling=layout.scaling)
    result = score(package, rules)
    if layout.scaling == WEAK:
        return Submission(package, verdict, result, None)
    now_s = time.time() if now_s is None else now_s
    report = build_report(package, verdict, result, layout.report_dir, now_s)
    return Submission(package, verdict, result, report)


# ---------------------------------------------------------------- what is on disk


def finished_runs(layout: PackageLayout, runs: int) -> set[int]:
    """Runs whose evidence and log are complete and in place."""
    done = set()
    for run in range(runs):
        record = _json(RunFiles(layout.run_dir(run)).record)
        if record and record.get("status") in FINISHED:
            place_result(layout, run)
            if layout.result(run).is_file():
                done.add(run)
    return done


def sweep(layout: PackageLayout) -> None:
    """Set aside what a killed harness left behind, marked as interrupted."""
    for part in sorted(layout.evidence_dir.glob("result_*.part")):
        record = RunFiles(part).record
        run = part.name.removeprefix("result_").removesuffix(".part")
        if not record.exists():
            reason = "the harness was ended before the run was finished"
            spec = _json(part / "spec.json") or {}
            write_json(
                record,
                {
                    "schema": 1,
                    "run": int(run),
                    "status": "interrupted",
                    "reason": reason,
                    "seed": spec.get("seed"),
                },
            )
            set_aside(layout, part)
        elif (_json(record) or {}).get("status") in FINISHED and not layout.run_dir(int(run)).exists():
            part.rename(layout.run_dir(int(run)))  # killed between the record and the move
        else:
            set_aside(layout, part)


def used_seeds(layout: PackageLayout) -> set[int]:
    """Seeds of all runs of this package, failed ones too."""
    seeds = set()
    for path in layout.evidence_dir.glob("**/run.json"):
        seed = (_json(path) or {}).get("seed")
        if isinstance(seed, int):
            seeds.add(seed)
    return seeds


def set_aside_package(workspace: Workspace, layout: PackageLayout) -> Path | None:
    """Move an entry's results, evidence and report out of the way (--replace); None when there were none."""
    stamp = time.strftime("%Y%m%dT%H%M%S")
    target = workspace.submissions / ".replaced" / f"{layout.root.name}-{layout.system}-{stamp}"
    moved = False
    places = [layout.root / part / layout.system / layout.scaling for part in ("results", "evidence")]
    for folder in [*places, *([layout.report_dir] if layout.scaling == STRONG else [])]:
        if folder.exists():
            place = target / folder.relative_to(layout.root)
            place.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(place)
            moved = True
    return target if moved else None


def _begin(prepared: Prepared, resume: bool) -> None:
    """Write the plan, or make sure that it is the same one."""
    layout, recipe = prepared.layout, prepared.recipe
    record = plan_record(prepared.plan)
    before = _json(layout.plan)
    if before is not None:
        if not resume:
            raise UserError(
                f"{layout.evidence_dir} already holds runs of this system.",
                "continue them with --resume (make: RESUME=1), or set them aside with --replace (REPLACE=1).",
            )
        if plan_digest(before) != plan_digest(record):
            changed = ", ".join(sorted(k for k in record if record[k] != before.get(k))) or "the plan"
            raise UserError(
                f"Cannot resume: {changed} changed since the first run.",
                "restore it, or start anew with --replace: all runs of an entry must be alike.",
            )
    prepared_workspace = Workspace(layout.root.parent)
    prepared_workspace.adopt(prepared.source, layout, recipe.implementation)
    assert prepared.described is not None
    write_json(layout.system_json, prepared.system.fields)
    write_json(
        layout.detected,
        {"schema": 1, "detected": prepared.system.detected, "provenance": prepared.system.provenance},
    )
    write_json(layout.dataset, dataset_record(prepared.described.dataset))
    write_json(layout.plan, record)


@contextlib.contextmanager
def _locked(layout: PackageLayout) -> Iterator[None]:
    layout.evidence_dir.mkdir(parents=True, exist_ok=True)
    path = layout.root / f".lock-{layout.system}"
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(
                f"Another submit of {layout.system} is at work in {layout.root}.", "wait for it."
            ) from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _latest_failed(layout: PackageLayout) -> Path:
    attempts = layout.failed_dir(0).parent.glob("attempt_*")
    return max(attempts, key=lambda p: int(p.name.removeprefix("attempt_")))


def _tail(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    last = [line for line in lines if line.strip()][-TAIL_LINES:]
    return " Its last words:\n" + "\n".join(f"  | {line[:300]}" for line in last) + "\n" if last else ""


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


# ---------------------------------------------------------------- what goes beside the runs


def _companion(prepared: Prepared) -> dict[str, Any]:
    """<system>_<implementation>.json (Submission rules 5.8)."""
    return {
        "starting_weights_filename": "none: weights start from he_normal kernels and zero biases",
        "weight_transformations": "none",
        "weight_data_types": "fp32",
        "input_data_types": "fp32",
        "retraining": "no",
        "notes": f"precision policy {prepared.recipe.precision}",
    }


def _implementation_readme(prepared: Prepared) -> None:
    recipe, layout = prepared.recipe, prepared.layout
    path = layout.implementation_dir(recipe.implementation) / "README.md"
    if path.exists():
        return
    commit = prepared.plan.settings.get("submission_github_commit_version")
    what = (
        "the reference implementation of cloudmask-harness"
        if recipe.command is None
        else "the submitter's own"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"# {recipe.implementation}\n\nThis is {what}"
        + (f", commit {commit.value}" if commit else "")
        + ".\n\nStarted as: `"
        + " ".join(recipe.command or ["python", "-m", "reference"])
        + "`\n"
    )


__all__ = ["Submission", "judge", "preflight", "run_all", "seal", "set_aside_package"]
