"""Mutations of single logs: LOG, TIM, QUA, SED and CNV rules."""

from __future__ import annotations

import copy
import json

from tests.rules.cases import case, find, index, log_case, set_value, shift
from tests.support.builders import BuiltPackage, Lines

# ---------------------------------------------------------------- LOG


def _first_line(built: BuiltPackage, change) -> None:  # type: ignore[no-untyped-def]
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


@log_case("LOG004")
def second_run_start(events: Lines) -> None:
    late = copy.deepcopy(find(events, "run_start"))
    at = index(events, "run_stop")
    late["time_ms"] = events[at]["time_ms"] - 5000
    events.insert(at, late)


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


# ---------------------------------------------------------------- TIM


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


# ---------------------------------------------------------------- QUA


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


# ---------------------------------------------------------------- SED


@log_case("SED001")
def no_seed(events: Lines) -> None:
    del events[index(events, "seed")]


@log_case("SED002")
def float_seed(events: Lines) -> None:
    find(events, "seed")["value"] = 1000.7


@log_case("SED002")
def boolean_seed(events: Lines) -> None:
    find(events, "seed")["value"] = True


@log_case("SED003")
def two_seeds(events: Lines) -> None:
    more = copy.deepcopy(find(events, "seed"))
    more["value"] += 1
    events.insert(index(events, "seed"), more)


@case("SED004")
def same_seed_on_another_line(built: BuiltPackage) -> None:
    seed = find(built.events(0), "seed")["value"]

    def change(events: Lines) -> None:
        event = find(events, "seed")
        event["value"] = seed
        event["metadata"]["lineno"] += 7

    built.edit_events(4, change)


@case("SED005", only=True)
def another_seed_than_drawn(built: BuiltPackage) -> None:
    set_value(built, "seed", 987654321, range(1, 2))


@case("SED006", seeds=(1234, 815, 77_231, 9_001_112, 40_961))
def published_seed_in_closed(built: BuiltPackage) -> None:
    pass


@case("SED007", seeds=(11, 12, 13, 14, 15))
def counted_seeds(built: BuiltPackage) -> None:
    pass


# ---------------------------------------------------------------- CNV


@log_case("CNV001")
def trained_before(events: Lines) -> Lines:
    find(events, "eval_accuracy")["value"] = 0.93
    stop = index(events, "run_stop")
    events[stop]["metadata"] |= {"epoch_num": 1, "samples_count": 320}
    return events[: index(events, "eval_stop") + 1] + events[stop:]


def copy_run(built: BuiltPackage, source: int, target: int, delta_ms: int) -> None:
    """Put run `source` in place of `target`, moved in time, with the target's seed and weights."""
    own = built.events(target)
    seed, weights = find(own, "seed")["value"], find(own, "weights_digest")["value"]

    def change(_: Lines) -> Lines:
        events = built.events(source)
        shift(events, 0, len(events), delta_ms)
        find(events, "seed")["value"], find(events, "weights_digest")["value"] = seed, weights
        return events

    built.edit_events(target, change)


@case("CNV002")
def copied_run_with_new_seed(built: BuiltPackage) -> None:
    copy_run(built, 0, 1, 300_000)


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
    copy_run(built, 0, 1, 300_000)


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


def as_text(events: Lines) -> str:
    return "".join(f":::MLLOG {json.dumps(e)}\n" for e in events)
