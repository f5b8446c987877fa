"""Mutations for SED rules: seeds."""

from __future__ import annotations

import copy

from tests.rules.cases.edits import find, index, set_value
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines


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
