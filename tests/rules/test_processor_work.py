"""TIM024: what the rule does not take for a forgery, and what it cannot judge."""

from __future__ import annotations

import h5py
import pytest

from harness.check import check_package
from rules.model.findings import Outcome


def outcome(built):
    result = next(r for r in check_package(built.root)[1].rules if r.id == "TIM024")
    return result.outcome, result.reason or ""


def set_column(built, name: str, value: float) -> None:
    """One reading of all runs' own processes, all the time."""
    for run in range(built.options.runs):
        with h5py.File(built.run_files(run).telemetry(), "r+") as file:
            file[f"machine/process_tree.{name}"][...] = value
    built.reseal()


@pytest.mark.parametrize(
    ("percent", "expected"), [(0.0, Outcome.FAIL), (12.0, Outcome.FAIL), (20.0, Outcome.PASS)]
)
def test_less_than_the_arithmetic_takes(fresh, percent, expected):
    """The builder's runs take 15 % of a processor at peak speed with Winograd's algorithm."""
    built = fresh(telemetry=True)
    set_column(built, "cpu", percent)
    assert outcome(built)[0] is expected


def test_a_small_program_that_a_scheduler_works_for_is_not_judged(fresh):
    """srun, and clients of containers: the processes that train are not below the harness."""
    built = fresh(telemetry=True)
    set_column(built, "cpu", 0.0)
    set_column(built, "rss", 1.2e7)
    found, reason = outcome(built)
    assert found is Outcome.NOT_CHECKED and "not those that trained" in reason


def test_accelerators_compute(fresh):
    built = fresh(telemetry=True, accelerators_per_node=4)
    set_column(built, "cpu", 0.0)
    assert outcome(built)[0] is Outcome.NOT_APPLICABLE


def test_without_telemetry_nothing_passes(fresh):
    assert outcome(fresh(telemetry=False, division="open"))[0] is Outcome.NOT_CHECKED
