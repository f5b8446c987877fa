"""Mutations for CNV rules: the runs of a package against each other and the reference."""

from __future__ import annotations

from tests.rules.cases.edits import find, index, set_value, shift
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines


def _copy_run(built: BuiltPackage, source: int, target: int, delta_ms: int) -> None:
    """Put run `source` in place of `target`, moved in time, with the target's seed and weights."""
    own = built.events(target)
    seed, weights = find(own, "seed")["value"], find(own, "weights_digest")["value"]

    def change(_: Lines) -> Lines:
        events = built.events(source)
        shift(events, 0, len(events), delta_ms)
        find(events, "seed")["value"], find(events, "weights_digest")["value"] = seed, weights
        return events

    built.edit_events(target, change)


@log_case("CNV001")
def trained_before(events: Lines) -> Lines:
    find(events, "eval_accuracy")["value"] = 0.93
    stop = index(events, "run_stop")
    events[stop]["metadata"] |= {"epoch_num": 1, "samples_count": 320}
    return events[: index(events, "eval_stop") + 1] + events[stop:]


@case("CNV002")
def copied_run_with_new_seed(built: BuiltPackage) -> None:
    _copy_run(built, 0, 1, 300_000)


@case("CNV003")
def copied_losses(built: BuiltPackage) -> None:
    losses = [e["value"] for e in built.events(0) if e["key"] == "eval_loss"]

    def change(events: Lines) -> None:
        find(events, "eval_loss")["value"] = losses[0]

    built.edit_events(2, change)


@case("CNV004")
def identical_files(built: BuiltPackage) -> None:
    built.layout.result(3).write_bytes(built.layout.result(0).read_bytes())
    built.reseal()


@log_case("CNV005", run=1)
def overlapping_runs(events: Lines) -> None:
    shift(events, 0, len(events), -290_000)


@case("CNV006")
def copied_times(built: BuiltPackage) -> None:
    _copy_run(built, 0, 1, 300_000)


@log_case("CNV007")
def constant_loss(events: Lines) -> None:
    for event in events:
        if event["key"] == "eval_loss":
            event["value"] = 0.5


@log_case("CNV007")
def rising_loss(events: Lines) -> None:
    find(events, "tracked_stats", -1)["value"]["train_loss"] = 3.0


@case("CNV008")
def one_model_for_two_runs(built: BuiltPackage) -> None:
    source, target = built.run_files(0).weights, built.run_files(1).weights
    target.write_bytes(source.read_bytes())
    set_value(built, "weights_digest", find(built.events(0), "weights_digest")["value"], range(1, 2))


@case("CNV009")
def runs_over_two_years(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        shift(events, 0, len(events), -600 * 86_400_000)

    built.edit_events(0, change)


@case("CNV009")
def runs_swapped(built: BuiltPackage) -> None:
    first, second = built.layout.result(0), built.layout.result(1)
    a, b = first.read_text(), second.read_text()
    first.write_text(b)
    second.write_text(a)
    built.reseal()


@log_case("CNV013")
def resumed_just_below_target(events: Lines) -> None:
    found = [e for e in events if e["key"] == "eval_accuracy"]
    for event in found[:-1]:
        event["value"] = 0.8987
    found[-1]["value"] = 0.9008


@case("CNV014")
def copied_test_result(built: BuiltPackage) -> None:
    set_value(built, "result", find(built.events(0), "result")["value"], range(3, 4))


@case("CNV015")
def epochs_of_another_run(built: BuiltPackage) -> None:
    """The first epoch is the run's own; losses and accuracies of the next two are another run's."""
    taken = {
        (e["key"], e["metadata"]["epoch_num"]): e["value"]
        for e in built.events(0)
        if e["key"] in ("eval_loss", "tracked_stats")
    }

    def change(events: Lines) -> None:
        for event in events:
            if event["metadata"].get("epoch_num") in (2, 3):
                event["value"] = taken.get((event["key"], event["metadata"]["epoch_num"]), event["value"])

    built.edit_events(4, change)


@case("CNV016")
def room_for_other_runs(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        shift(events, 0, len(events), -7200_000)

    built.edit_events(0, change)
