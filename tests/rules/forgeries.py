"""Consistent forgeries: everything that is derived agrees with the lie, as somebody with the source would do it.

Apart from the cases of tests/rules/cases, which change one thing. Each says at which level it is found: by
`check` (with the rules), on a board (beside other entries), by weights recomputed (lineage: without data; replay: with
the data), by an outside clock (witness), or by a person who reads a warning. docs/tampering.md lists them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal

from tests.rules.cases.consistent import edit_system, faster
from tests.rules.cases.edits import GPU, edit_record, find, index, resample, set_value, shift
from tests.support.builders import BuiltPackage, Lines

Level = Literal["check", "board", "lineage", "replay", "witness", "a person"]


@dataclass(frozen=True)
class Forgery:
    """One of them: what it pretends, and what finds it."""

    name: str
    pretends: str
    level: Level
    rules: tuple[str, ...]  # those that find it; empty where `check` cannot
    beyond: tuple[str, ...]  # rules that find it at its level, where that is not `check`
    forge: Callable[[BuiltPackage], None] = field(repr=False)
    options: dict[str, Any] = field(default_factory=dict)


FORGERIES: list[Forgery] = []


def forgery(pretends: str, *rules: str, level: Level = "check", **options: Any) -> Callable[..., None]:
    """Register a forgery under the name of its function. The rules are those that find it at its level."""

    def register(forge: Callable[[BuiltPackage], None]) -> None:
        found = (rules, ()) if level == "check" else ((), rules)
        FORGERIES.append(Forgery(forge.__name__, pretends, level, *found, forge, options))

    return register


def _every_run(built: BuiltPackage, change: Callable[[Lines], object]) -> None:
    for run in range(built.options.runs):

        def edit(events: Lines) -> None:
            change(events)

        built.edit_events(run, edit)
        resample(built, run)


def _share(events: Lines, value: float) -> float:
    """The nearest share of the evaluated pixels."""
    pixels = find(events, "eval_samples")["value"] * find(events, "patch_size")["value"] ** 2
    return round(value * pixels) / pixels


@forgery("an epoch less: the run stops with an accuracy that it did not have", "QUA020")
def typed_accuracy(built: BuiltPackage) -> None:
    _every_run(built, lambda e: find(e, "eval_accuracy", -1).update(value=0.9013472913))


@forgery("the same, by somebody who counts pixels", "EVD019", level="replay")
def counted_accuracy(built: BuiltPackage) -> None:
    _every_run(built, lambda e: find(e, "eval_accuracy", -1).update(value=_share(e, 0.9013472913)))


@forgery("losses of a better model beside the accuracies of this one", "QUA021")
def losses_of_another(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        for nth in range(3):
            find(events, "eval_loss", nth)["value"] *= 0.05

    _every_run(built, change)


@forgery("better science: accuracy and IoU lifted in step", "QUA022")
def lifted_science(built: BuiltPackage) -> None:
    for run in range(5):
        lifted = {"accuracy": 0.951, "iou": 0.893}
        built.edit_json(built.run_files(run).science, lambda s, v=lifted: s["overall"].update(v))

        def change(events: Lines) -> None:
            result = find(events, "result")["value"]
            result["test_accuracy"]["value"], result["test_iou"]["value"] = 0.951, 0.893

        built.edit_events(run, change)


@forgery("a smaller machine, in description and detection", "SYS030")
def old_processor(built: BuiltPackage) -> None:
    edit_system(
        built,
        host_processor_core_count="1",
        host_processor_vcpu_count="1",
        host_processor_model_name="Intel Atom N270",
    )


@forgery("eight accelerators, described, detected and declared, with typed readings", "SYS030", "TIM020")
def invented_cluster(built: BuiltPackage) -> None:
    edit_system(built, host_processor_core_count="112", host_processor_vcpu_count="224")
    faster(built, 6000.0)


@forgery("three slow runs, ended by hand and kept as failed", "EVD018")
def slow_runs_ended(built: BuiltPackage) -> None:
    for attempt in range(3):
        _failed(built, attempt, built.layout.result(attempt).read_text())


@forgery("the same, with logs cut before their first epoch ends", "WIT012", level="witness")
def slow_runs_cut(built: BuiltPackage) -> None:
    for attempt in range(3):
        text = built.layout.result(attempt).read_text()
        _failed(built, attempt, text[: text.index('"epoch_stop"')].rpartition("\n")[0] + "\n")


def _failed(built: BuiltPackage, attempt: int, log: str) -> None:
    folder = built.layout.failed_dir(attempt)
    folder.mkdir(parents=True)
    (folder / "result.txt").write_text(log)
    record = {
        "schema": 1,
        "run": attempt,
        "status": "failed",
        "reason": "exit code 1",
        "seed": 10**6 + attempt,
    }
    (folder / "run.json").write_text(json.dumps(record))
    built.reseal(timeline=False)


@forgery("empty caches, on a machine that read nothing", "EVD052")
def warm_cache(built: BuiltPackage) -> None:
    for run in range(5):
        resample(built, run, read_bytes=2.0e5)


@forgery("five runs at once, each on a host of its own", "TIM023")
def runs_at_once(built: BuiltPackage) -> None:
    for run in range(1, 5):
        events = built.events(run)
        back_ms = -298_000 * run
        shift(events, 0, len(events), back_ms)
        built.edit_events(run, lambda _, moved=events: moved)

        def moved_record(record: Any, run: int = run, by_s: float = back_ms / 1000) -> None:
            record.update(host=f"node{run}", boot_id=f"boot-{run}")
            record["started_wall_s"] += by_s
            record["finished_wall_s"] += by_s

        edit_record(built, moved_record, run)
        resample(built, run)


@forgery("four fifths of epoch 1 before run_start, arrivals in step", "TIM021")
def early_training(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        start, stop = find(events, "run_start"), find(events, "epoch_stop")
        cut = round(0.8 * (stop["time_ms"] - start["time_ms"]))
        for event in events[index(events, "init_stop") : index(events, "epoch_stop")]:
            event["time_ms"] += cut

    _every_run(built, change)


@forgery("max_epochs as a knife: slow runs end early and are dropped as the slowest", "HYP002")
def short_leash(built: BuiltPackage) -> None:
    set_value(built, "max_epochs", 8)
    built.edit_json(built.layout.plan, lambda p: p["recipe"]["hyperparameters"].update(max_epochs=8))
    built.edit_text(built.layout.recipe, lambda t: t.replace("max_epochs: 200", "max_epochs: 8"))


@forgery("a run without the evidence that would show it", "EVD050")
def bare_minimum(built: BuiltPackage) -> None:
    for run in range(5):
        files = built.run_files(run)
        for path in (files.telemetry(), files.science, files.spec, files.weights):
            path.unlink()
        built.edit_events(run, lambda e: [x for x in e if x["key"] != "weights_digest"])


@forgery("readings of a GPU that nobody found", "SYS031")
def typed_gpu(built: BuiltPackage) -> None:
    edit_system(built, accelerators_per_node="0")
    for run in range(5):
        resample(built, run, accelerators=1, busy_percent=20.0)


@forgery("telemetry under a clock that was slowed to two fifths", "SYS032")
def slow_clock(built: BuiltPackage) -> None:
    for run in range(5):
        resample(built, run, busy_percent=450.0)


@forgery("twenty times the speed of the machine, all clocks and readings in step", "TIM020")
def beyond_the_roofline(built: BuiltPackage) -> None:
    faster(built, 20.0)


@forgery("a third faster, all clocks and readings in step", "WIT002", "WIT010", level="witness")
def everything_rescaled(built: BuiltPackage) -> None:
    faster(built, 1.33)


@forgery("the page says another time, and a script keeps it so", "PKG041", "PKG042")
def edited_report(built: BuiltPackage) -> None:
    built.layout.report_dir.mkdir(parents=True)
    policy = "default-src 'none'; script-src 'unsafe-inline' https://example.org"
    (built.layout.report_dir / "index.html").write_text(
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">closed, unverified<script>1</script>'
        '<th scope="row">1</th>\n<td class="r">0.10 s</td>'
    )


@forgery("four accelerators, of which telemetry never had a reading", "SYS031", **GPU)
def silent_accelerators(built: BuiltPackage) -> None:
    for run in range(5):
        resample(built, run, accelerators=0)


@forgery("weights of the first run as those of all", "CNV008")
def one_set_of_weights(built: BuiltPackage) -> None:
    digest = find(built.events(0), "weights_digest")["value"]
    for run in range(1, 5):
        shutil.copy(built.run_files(0).weights, built.run_files(run).weights)
        built.edit_events(run, lambda e: find(e, "weights_digest").update(value=digest))


@forgery("seeds of one's own choice, in log, record and spec", "EVD070", "EVD075", level="lineage")
def chosen_seeds(built: BuiltPackage) -> None:
    for run, seed in enumerate((1337, 42_424_242, 31_415_926, 27_182_818, 16_180_339)):
        built.edit_events(run, lambda e, seed=seed: find(e, "seed").update(value=seed))
        _respec(built, run, lambda spec, seed=seed: spec.update(seed=seed))
        edit_record(built, lambda record, seed=seed: record.update(seed=seed), run)


def _respec(built: BuiltPackage, run: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Edit the spec of a run, in its file and in its record."""
    if built.run_files(run).spec.is_file():
        built.edit_json(built.run_files(run).spec, change)
    edit_record(built, lambda record: change(record["spec"]) if record.get("spec") else None, run)


@forgery("weights of somebody else, with their digests", "EVD070", "EVD071", "EVD073", level="lineage")
def foreign_weights(built: BuiltPackage) -> None:
    for run in range(5):
        weights = built.run_files(run).weights
        weights.write_bytes(f"downloaded, number {run}".encode())
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        built.edit_events(run, lambda e, digest=digest: find(e, "weights_digest").update(value=digest))


@forgery("trained at another batch size than is claimed", "EVD075", level="replay")
def other_batch_size(built: BuiltPackage) -> None:
    batch = 2 * find(built.events(0), "global_batch_size")["value"]
    ranks = find(built.events(0), "number_of_ranks")["value"]

    def claim(hyperparameters: dict[str, Any]) -> None:
        hyperparameters["global_batch_size"] = batch

    old = f"global_batch_size: {batch // 2}"
    built.edit_text(built.layout.recipe, lambda t: t.replace(old, f"global_batch_size: {batch}"))
    built.edit_json(built.layout.plan, lambda p: claim(p["recipe"]["hyperparameters"]))
    for run in range(5):
        _respec(built, run, lambda spec: claim(spec["hyperparameters"]))
    set_value(built, "global_batch_size", batch)
    set_value(built, "micro_batch_size", batch // ranks)


@forgery("two slow attempts deleted, the others numbered anew", "WIT001", "WIT012", level="witness")
def attempts_deleted(built: BuiltPackage) -> None:
    for attempt in range(2):
        text = built.layout.result(attempt).read_text()
        _failed(built, attempt, text[: text.index('"run_start"')].rpartition("\n")[0] + "\n")


@forgery("all dates moved to a year before", "WIT002", "WIT010", level="witness")
def dates_moved(built: BuiltPackage) -> None:
    back_s = 300 * 86_400
    for run in range(5):
        events = built.events(run)
        shift(events, 0, len(events), -1000 * back_s)
        built.edit_events(run, lambda _, moved=events: moved)

        def moved_record(record: Any) -> None:
            record["started_wall_s"] -= back_s
            record["finished_wall_s"] -= back_s

        edit_record(built, moved_record, run)
        _redate_bill(built, run)
        resample(built, run)


def _redate_bill(built: BuiltPackage, run: int) -> None:
    """The bill of materials as made when the record says that the run began."""
    began_s = json.loads(built.run_files(run).record.read_text())["started_wall_s"]
    made = datetime.fromtimestamp(began_s, timezone.utc).isoformat(timespec="seconds")
    built.edit_json(built.run_files(run).bill, lambda bill: bill["metadata"].update(timestamp=made))


@forgery("a program that nobody has read, in closed", "PKG032", level="board")
def unread_program(built: BuiltPackage) -> None:
    command = ["python", "train_on_everything.py"]
    built.edit_text(built.layout.recipe, lambda t: t + f"command: {json.dumps(command)}\n")
    built.edit_json(built.layout.plan, lambda p: p["recipe"].update(command=command))
    for run in range(5):
        edit_record(built, lambda record: record.update(command=command), run)


@forgery("output that tells of other weights and more devices", "EVD054", level="a person")
def confession(built: BuiltPackage) -> None:
    for run in range(5):
        built.run_files(run).output.write_text("loaded pre-trained weights from best.h5\nMemoryError\n")
    built.reseal()


@forgery("a run that took 4 KB of memory", "EVD055", level="a person")
def no_memory(built: BuiltPackage) -> None:
    for run in range(5):
        edit_record(built, lambda record: record.update(peak_rss_bytes=4096), run)
