"""Mutations for LOG rules: what a log may hold, and in which order."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tests.rules.cases.edits import find, index, set_value
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines


def _first_line(built: BuiltPackage, change: Callable[[str], str]) -> None:
    """Change the line of opt_name in one log."""

    def edit(text: str) -> str:
        lines = text.splitlines(keepends=True)
        at = next(i for i, line in enumerate(lines) if '"opt_name"' in line)
        lines[at] = change(lines[at])
        return "".join(lines)

    built.edit_text(built.layout.result(1), edit)


@case("LOG001")
def broken_json(built: BuiltPackage) -> None:
    _first_line(built, lambda line: line.rstrip()[:-3] + "\n")


@case("LOG001")
def duplicate_json_key(built: BuiltPackage) -> None:
    _first_line(built, lambda line: line.replace('"value": "adam"', '"value": "sgd", "value": "adam"'))


@case("LOG001")
def not_a_number(built: BuiltPackage) -> None:
    _first_line(built, lambda line: line.replace('"adam"', "NaN"))


@case("LOG001")
def text_before_token(built: BuiltPackage) -> None:
    _first_line(built, lambda line: "0: " + line)


@case("LOG001")
def no_space_after_token(built: BuiltPackage) -> None:
    _first_line(built, lambda line: line.replace(":::MLLOG ", ":::MLLOG"))


@case("LOG001")
def two_objects_on_a_line(built: BuiltPackage) -> None:
    _first_line(built, lambda line: line.rstrip() + " " + line)


@case("LOG001")
def metadata_missing(built: BuiltPackage) -> None:
    _first_line(built, lambda line: line[: line.index(', "metadata"')] + "}\n")


@case("LOG001")
def not_utf8(built: BuiltPackage) -> None:
    path = built.layout.result(1)
    path.write_bytes(path.read_bytes().replace(b"binary_crossentropy", b"binary_cross\xffentropy"))
    built.reseal()


@case("LOG001")
def infinite_learning_rate(built: BuiltPackage) -> None:
    built.edit_text(
        built.layout.result(0),
        lambda text: text.replace(
            '"opt_base_learning_rate", "value": 0.001', '"opt_base_learning_rate", "value": Infinity'
        ),
    )


@case("LOG002")
def chatter_in_result(built: BuiltPackage) -> None:
    built.edit_text(built.layout.result(0), lambda text: "Epoch 1/200\n" + text)


@log_case("LOG003", only=True)
def evaluation_frequency_missing(events: Lines) -> None:
    del events[index(events, "evaluation_frequency")]


@log_case("LOG003")
def truncated_file(events: Lines) -> Lines:
    return events[: index(events, "run_stop")]


@case("LOG003")
def emptied_log(built: BuiltPackage) -> None:
    built.edit_text(built.layout.result(3), lambda text: "")


@log_case("LOG003")
def cache_clear_removed(events: Lines) -> None:
    del events[index(events, "cache_clear")]


@log_case("LOG003")
def letter_of_another_alphabet(events: Lines) -> None:
    """A Cyrillic a: the key looks right and is not."""
    find(events, "opt_name")["key"] = "opt_n\u0430me"


@log_case("LOG004")
def second_run_start(events: Lines) -> None:
    late = copy.deepcopy(find(events, "run_start"))
    at = index(events, "run_stop")
    late["time_ms"] = events[at]["time_ms"] - 5000
    events.insert(at, late)


@log_case("LOG004")
def an_attempt_before_the_run(events: Lines) -> None:
    events[:0] = copy.deepcopy(events[: index(events, "run_start")])


@log_case("LOG004")
def two_whole_runs(events: Lines) -> None:
    events += copy.deepcopy(events)


@log_case("LOG004")
def early_run_stop(events: Lines) -> None:
    early = copy.deepcopy(find(events, "run_stop"))
    at = index(events, "eval_stop") + 1
    early["time_ms"] = events[at]["time_ms"]
    events.insert(at, early)


@log_case("LOG004", only=True)
def repeated_equal_value(events: Lines) -> None:
    at = index(events, "opt_name")
    events.insert(at, copy.deepcopy(events[at]))


@case("LOG005")
def batch_size_true(built: BuiltPackage) -> None:
    set_value(built, "global_batch_size", True)


@case("LOG005")
def org_null(built: BuiltPackage) -> None:
    set_value(built, "submission_org", None)


@case("LOG005")
def wrong_benchmark(built: BuiltPackage) -> None:
    set_value(built, "submission_benchmark", "CloudMask")


@case("LOG005")
def division_path_traversal(built: BuiltPackage) -> None:
    set_value(built, "submission_division", "../../../tmp/evil")


@log_case("LOG006")
def point_instead_of_start(events: Lines) -> None:
    find(events, "run_start")["event_type"] = "POINT_IN_TIME"


@log_case("LOG006")
def all_types_changed(events: Lines) -> None:
    for event in events:
        event["event_type"] = "INTERVAL_END"


@log_case("LOG007")
def evaluation_without_epoch(events: Lines) -> None:
    del find(events, "eval_accuracy")["metadata"]["epoch_num"]


@log_case("LOG007")
def unknown_status(events: Lines) -> None:
    find(events, "run_stop")["metadata"]["status"] = "done"


@log_case("LOG008")
def run_start_before_init_stop(events: Lines) -> None:
    events.insert(index(events, "init_stop"), events.pop(index(events, "run_start")))


@log_case("LOG009")
def run_stop_before_run_start(events: Lines) -> None:
    find(events, "run_stop")["time_ms"] = find(events, "run_start")["time_ms"] - 60_000


@log_case("LOG009")
def init_start_after_init_stop(events: Lines) -> None:
    find(events, "init_start")["time_ms"] = find(events, "init_stop")["time_ms"] + 1000


@log_case("LOG010")
def epoch_never_closed(events: Lines) -> None:
    del events[index(events, "epoch_stop")]


@log_case("LOG010")
def evaluation_closed_twice(events: Lines) -> None:
    at = index(events, "eval_stop")
    events.insert(at, copy.deepcopy(events[at]))


@log_case("LOG011")
def epochs_from_zero(events: Lines) -> None:
    for event in events:
        if "epoch_num" in event["metadata"]:
            event["metadata"]["epoch_num"] -= 1


@log_case("LOG011")
def epoch_two_removed(events: Lines) -> Lines:
    return [e for e in events if e["metadata"].get("epoch_num") != 2]


@log_case("LOG012")
def epoch_after_run_stop(events: Lines) -> None:
    start, stop = index(events, "epoch_start"), index(events, "eval_stop") + 1
    more = copy.deepcopy(events[start:stop])
    at = index(events, "run_stop") + 1
    for event in more:
        event["time_ms"] = events[at - 1]["time_ms"]
    events[at:at] = more


@log_case("LOG012")
def run_moved_a_day(events: Lines) -> None:
    for key in ("run_start", "run_stop"):
        find(events, key)["time_ms"] -= 86_400_000


@log_case("LOG013")
def accuracy_outside_evaluation(events: Lines) -> None:
    events.insert(index(events, "eval_start"), events.pop(index(events, "eval_accuracy")))


@log_case("LOG013")
def accuracy_of_another_epoch(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["metadata"]["epoch_num"] += 5


@log_case("LOG014", only=True)
def decoy_batch_size(events: Lines) -> None:
    decoy = copy.deepcopy(find(events, "global_batch_size"))
    decoy["key"], decoy["value"] = "global_batch_size_eval", 64
    events.insert(index(events, "global_batch_size") + 1, decoy)


@log_case("LOG014")
def misspelt_key(events: Lines) -> None:
    find(events, "opt_weight_decay")["key"] = "opt_weight_decai"


@log_case("LOG014")
def blank_after_key(events: Lines) -> None:
    find(events, "run_start")["key"] = "run_start "


@log_case("LOG015", only=True)
def no_call_site(events: Lines) -> None:
    find(events, "seed")["metadata"].pop("lineno")


@log_case("LOG016")
def cache_cleared_late(events: Lines) -> None:
    event = events.pop(index(events, "cache_clear"))
    at = index(events, "epoch_stop")
    event["time_ms"] = events[at]["time_ms"]
    events.insert(at, event)


@log_case("LOG017")
def run_stop_claims_more_epochs(events: Lines) -> None:
    find(events, "run_stop")["metadata"]["epoch_num"] += 5


@log_case("LOG018")
def inference_inside_run(events: Lines) -> None:
    at = index(events, "run_stop")
    for key in ("inference_stop", "inference_start"):
        event = events.pop(index(events, key))
        event["time_ms"] = events[at]["time_ms"]
        events.insert(at, event)


@log_case("LOG019", only=True)
def merged_instances(events: Lines) -> None:
    find(events, "tracked_stats")["namespace"] = "instance1"
