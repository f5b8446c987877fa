"""Mutations for TIM rules: times in a log."""

from __future__ import annotations

import copy

from tests.rules.cases.edits import find, index, set_value, shift
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines


@log_case("TIM001")
def init_of_31_minutes(events: Lines) -> None:
    shift(events, 0, index(events, "init_start") + 1, -31 * 60_000)


@log_case("TIM001", runs=1, division="open", run=0)
def open_init_of_241_minutes(events: Lines) -> None:
    shift(events, 0, index(events, "init_start") + 1, -241 * 60_000)


@log_case("TIM002")
def no_time_at_all(events: Lines) -> None:
    find(events, "run_stop")["time_ms"] = find(events, "run_start")["time_ms"]


@log_case("TIM003")
def time_as_text(events: Lines) -> None:
    event = find(events, "opt_name")
    event["time_ms"] = str(event["time_ms"])


@log_case("TIM003")
def seconds_instead_of_ms(events: Lines) -> None:
    for event in events:
        event["time_ms"] //= 1000


@log_case("TIM003")
def far_future(events: Lines) -> None:
    shift(events, 0, len(events), 10**12)


@log_case("TIM004")
def run_stop_earlier(events: Lines) -> None:
    find(events, "run_stop")["time_ms"] -= 20_000


@log_case("TIM004")
def run_start_later(events: Lines) -> None:
    find(events, "run_start")["time_ms"] += 5_000


@log_case("TIM005")
def target_met_early(events: Lines) -> None:
    find(events, "eval_accuracy")["value"] = 0.93


@log_case("TIM006")
def long_wait_before_run_stop(events: Lines) -> None:
    shift(events, index(events, "run_stop"), len(events), 15_000)


@log_case("TIM007")
def pause_between_epochs(events: Lines) -> None:
    shift(events, index(events, "epoch_start", 1), len(events), 60_000)


@log_case("TIM008")
def times_halved(events: Lines) -> None:
    base = find(events, "run_start")["time_ms"]
    for event in events[index(events, "run_start") :]:
        event["time_ms"] = base + (event["time_ms"] - base) // 4


@log_case("TIM009")
def staging_inside_run(events: Lines) -> None:
    at = index(events, "epoch_start")
    begin = copy.deepcopy(events[at])
    begin |= {"key": "staging_start", "metadata": {"file": "x.py", "lineno": 1}}
    end = {**copy.deepcopy(begin), "key": "staging_stop", "event_type": "INTERVAL_END"}
    events[at:at] = [begin, end]


@log_case("TIM011")
def instant_epoch(events: Lines) -> None:
    find(events, "epoch_stop", 1)["time_ms"] = find(events, "epoch_start", 1)["time_ms"]


@log_case("TIM011")
def shortened_epoch(events: Lines) -> None:
    find(events, "epoch_stop", 1)["time_ms"] = find(events, "epoch_start", 1)["time_ms"] + 500


@log_case("TIM012")
def evaluation_skipped(events: Lines) -> None:
    """Long epochs, and an evaluation that had no time to be one."""
    shift(events, index(events, "epoch_stop"), len(events), 90_000)
    start, stop = index(events, "eval_start"), index(events, "eval_stop")
    shift(events, stop, len(events), events[start]["time_ms"] + 50 - events[stop]["time_ms"])
    for event in events[start + 1 : stop]:
        event["time_ms"] = events[start]["time_ms"]


@case("TIM013")
def epoch_beyond_any_machine(built: BuiltPackage) -> None:
    set_value(built, "patch_size", 256)
    set_value(built, "train_samples", 15_520)

    def change(events: Lines) -> None:
        at = index(events, "epoch_stop")
        shift(
            events,
            at,
            len(events),
            events[index(events, "epoch_start")]["time_ms"] + 900 - events[at]["time_ms"],
        )

    built.edit_events(1, change)
