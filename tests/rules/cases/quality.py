"""Mutations for QUA rules: accuracies, the target and the result."""

from __future__ import annotations

import copy

from tests.rules.cases.edits import find, index, set_value
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines


@log_case("QUA001")
def target_missed_at_the_end(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 0.88


@log_case("QUA001")
def target_only_before_run_start(events: Lines) -> None:
    good = copy.deepcopy(find(events, "eval_accuracy", -1))
    good["time_ms"] = find(events, "run_start")["time_ms"]
    find(events, "eval_accuracy", -1)["value"] = 0.7
    events.insert(index(events, "run_start"), good)


@log_case("QUA002")
def percent_instead_of_share(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 93.0


@log_case("QUA002")
def negative_accuracy(events: Lines) -> None:
    find(events, "eval_accuracy")["value"] = -93


@log_case("QUA002")
def accuracy_above_one(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 1.7


@log_case("QUA003")
def only_last_evaluation_kept(events: Lines) -> Lines:
    last = find(events, "eval_start", -1)["metadata"]["epoch_num"]
    keys = ("eval_start", "eval_stop", "eval_accuracy", "eval_loss")
    return [e for e in events if e["key"] not in keys or e["metadata"]["epoch_num"] == last]


@log_case("QUA003")
def two_accuracies_in_one_epoch(events: Lines) -> None:
    at = index(events, "eval_accuracy")
    events.insert(at, copy.deepcopy(events[at]))


@log_case("QUA004")
def aborted_at_target(events: Lines) -> None:
    find(events, "run_stop")["metadata"]["status"] = "aborted"


@log_case("QUA004")
def success_without_target(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 0.8


@case("QUA005", not_converged=(1, 3), max_epochs=8)
def two_runs_miss(built: BuiltPackage) -> None:
    pass


@case("QUA005", division="open", runs=1, not_converged=(0,), max_epochs=8)
def the_only_run_misses(built: BuiltPackage) -> None:
    pass


@case("QUA006")
def lower_target(built: BuiltPackage) -> None:
    set_value(built, "target_quality", 0.85)


@log_case("QUA007", run=1, not_converged=(1,), max_epochs=8)
def given_up_after_two_epochs(events: Lines) -> Lines:
    third = next(i for i, e in enumerate(events) if e["metadata"].get("epoch_num") == 3)
    stop = index(events, "run_stop")
    events[stop]["metadata"] |= {"epoch_num": 2, "samples_count": 640}
    return events[:third] + events[stop:]


@log_case("QUA008")
def test_accuracy_far_off(events: Lines) -> None:
    find(events, "result")["value"]["test_accuracy"]["value"] = 0.6


@log_case("QUA009")
def metric_without_meaning(events: Lines) -> None:
    find(events, "result")["value"]["test_iou"] = 0.8


@log_case("QUA009")
def no_test_accuracy(events: Lines) -> None:
    del find(events, "result")["value"]["test_accuracy"]


@log_case("QUA011")
def rounded_up_to_target(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["value"] = 0.9
