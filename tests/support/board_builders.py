"""Entries and tables of a board, made by hand: no package is judged."""

from __future__ import annotations

from typing import Any

from harness.leaderboard.model import Entry, Table

ENTRY = Entry(
    id="Org/system", system="system", org="Org", status="research", time_to_train_s=1234.5678,
    mean_s=1234.5678, factor=1.0, pace="not_faster", factor_reason="Not scaled: as many epochs.",
    low_s=1200.1, high_s=1270.2, error_s=13.1, degrees=4, run_times_s=[1234.5] * 5, run_epochs=[30] * 5,
    run_dropped=[""] * 5, mean_epochs=30.0, reference_epochs=29.5, least_epochs=27.1, warned=["SYS003"],
    target=0.9,
    fastest_run_s=1200.0, slowest_run_s=1300.0, runs=5, accuracy=0.91, test_accuracy=0.9,
    samples_per_s=31.25, seconds_per_scene=1.25, energy_j=1e6, energy_scope="all 8 GPUs",
    energy_method="energy counter", power_scored=False, replay_verified=True, accelerators=8,
    accelerator="NVIDIA H100 80GB", nodes=1, processor="AMD EPYC 9654", framework="TensorFlow 2.21.0",
    precision="bfloat16", global_batch_size=256, warnings=1, commit="0" * 40, checked="2026-01-01T00:00:00Z",
    report="reports/Org/system/index.html", system_page="system/Org/system.html",
    train_flop_per_s=1.2e13, trained="2026-01-01",
)  # fmt: skip


def make_entry(**changes: Any) -> Entry:
    """An entry with some fields changed."""
    return ENTRY.model_copy(update=changes)


def make_table(entries: list[Entry]) -> Table:
    """A table of the closed division on official data."""
    return Table(
        data_kind="official",
        division="closed",
        data_profile="official",
        data_digest="ab" * 32,
        status="research",
        division_name="CloudMask Closed",
        id="t-0123456789",
        entries=entries,
    )
