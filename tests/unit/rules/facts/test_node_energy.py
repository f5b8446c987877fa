"""Energy from power files, beside what mlperf_logging's own summarizer makes of the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.check import check_package
from harness.score.energy import energy_score
from harness.score.model import RunScore
from harness.score.score import score
from harness.untrusted.logs import parse_log, read_log
from rules.facts.log_reading import run_start, run_stop, time_ms
from rules.facts.node_energy import clipped_j, node_energy, run_energy, steps, switch_energy, window_mean_j
from rules.model.log import Log
from rules.model.run_facts import RunFacts
from rules.ruleset import load_ruleset
from tests.support import SHARED
from tests.support.builders import build_package
from tests.support.runs import make_facts, make_run

CORPUS = SHARED / "corpus/training40-power"


def power_log(*rows: tuple[int, str, Any], name: str = "node_0.txt") -> Log:
    """A power file from (time in ms, key, value)."""
    lines = [
        ":::MLLOG "
        + json.dumps(
            {
                "namespace": "",
                "time_ms": at,
                "event_type": "POINT_IN_TIME",
                "key": key,
                "value": value,
                "metadata": {"measurement_type": "AC"},
            }
        )
        for at, key, value in rows
    ]
    return parse_log("\n".join(lines).encode() + b"\n", name)


def metered(powers: list[float], start_ms: int = 0, step_ms: int = 1000, eff: float | None = None) -> Log:
    rows: list[tuple[int, str, Any]] = [(start_ms, "power_measurement_start", None)]
    if eff is not None:
        rows.append((start_ms, "conversion_eff", eff))
    rows += [(start_ms + (k + 1) * step_ms, "power_reading", p) for k, p in enumerate(powers)]
    rows.append((start_ms + len(powers) * step_ms, "power_measurement_stop", None))
    return power_log(*rows)


def test_a_step_of_load_is_measured_exactly() -> None:
    log = metered([70.0] * 10 + [300.0] * 10)
    found = node_energy(log, 0, 20_000)
    assert found.joule == pytest.approx(3700.0) and found.upstream_joule == pytest.approx(3700.0)
    assert found.readings == 20 and found.longest_gap_s == 1.0


def test_steps_are_clipped_to_the_run() -> None:
    # PM 4: reading k stands for the time since reading k - 1
    assert clipped_j([0, 1000, 2000, 3000], [100.0, 200.0, 400.0], 500, 2250) == pytest.approx(
        100 * 0.5 + 200 * 1.0 + 400 * 0.25
    )


def test_padding_changes_upstreams_number_only() -> None:
    log = metered([100.0] * 600 + [1000.0] * 100, start_ms=0)
    found = node_energy(log, 600_000, 700_000)
    assert found.joule == pytest.approx(100_000.0)
    assert found.upstream_joule == pytest.approx((60_000 + 100_000) / 700 * 100)


def test_efficiency_turns_ac_into_dc() -> None:
    assert node_energy(metered([100.0] * 10, eff=0.9), 0, 10_000).joule == pytest.approx(900.0)


@pytest.mark.parametrize(
    ("log", "window", "why"),
    [
        (metered([100.0] * 5), (0, 10_000), "miss 5.0 s"),
        (metered([100.0] * 5, start_ms=2000), (0, 5000), "miss 2.0 s"),
        (metered([]), (0, 10_000), "no readings"),
        (power_log((0, "power_reading", 5.0)), (0, 10_000), "0 power_measurement_start"),
        (metered([100.0, float("nan")]), (0, 2000), "not a power reading"),
        (metered([100.0, "many"]), (0, 2000), "not a power reading"),  # type: ignore[list-item]
        (metered([100.0] * 5), (5000, 5000), "no length"),
        (metered([100.0] * 5), (None, 5000), "no length"),
        (power_log((5, "power_measurement_start", None), (3, "power_reading", 5.0)), (5, 6), "back in time"),
    ],
)
def test_absent_is_not_zero(log: Log, window: tuple[Any, Any], why: str) -> None:
    found = node_energy(log, *window)
    assert found.joule is None and why in found.note


def test_a_switch_counts_with_its_estimate() -> None:
    log = power_log((0, "conversion_eff", 0.5), (0, "interconnect_power_est", 40.0), name="sw_0.txt")
    assert switch_energy(log, 0, 10_000).joule == pytest.approx(200.0)
    assert switch_energy(power_log(name="sw_0.txt"), 0, 10_000).joule is None


def test_the_score_drops_the_runs_that_the_time_drops() -> None:
    def run(index: int, readings: list[float]) -> RunFacts:
        rows = [(0, "run_start", None), (10_000, "run_stop", None)]
        return make_facts(power_log(*rows), index, power={"node_0.txt": metered(readings)})

    runs = [run(i, [100.0 * (i + 1)] * 10) for i in range(3)]
    scored = [RunScore(0, 9.0, 3, 0.9, "fastest"), RunScore(1, 10.0, 3, 0.9, None)]
    scored.append(RunScore(2, 11.0, 3, 0.9, "slowest"))
    found = energy_score(runs, scored, 1.5)
    assert found is not None and found.joule == pytest.approx(2000.0 * 1.5)
    assert found.difference == pytest.approx(0.0)
    runs[1] = run(1, [])
    spoilt = energy_score(runs, scored, 1.0)
    assert spoilt is not None and spoilt.joule is None and "run 1" in str(spoilt.note)
    assert energy_score([make_facts(power_log())], scored, 1.0) is None


def test_a_package_with_power_has_an_energy_and_one_without_has_none(tmp_path: Path) -> None:
    ruleset = load_ruleset()
    plain, _ = check_package(build_package(tmp_path / "plain").root)
    assert score(plain, ruleset).energy is None
    package, _ = check_package(build_package(tmp_path, power=True).root)
    found = score(package, ruleset)
    energy = found.energy
    assert energy is not None and energy.joule is not None and energy.difference is not None
    assert found.time_to_train_s is not None
    assert 180 * 0.94 < energy.joule / found.time_to_train_s < 240 * 0.94
    assert abs(energy.difference) < 0.02


# ---------------------------------------------------------------- mlperf_logging as the oracle


def upstream(path: Path, time_to_train_ms: int, switch: bool = False) -> float:
    summarizer = pytest.importorskip("mlperf_logging.result_summarizer.result_summarizer")
    from mlperf_logging.compliance_checker.mlp_parser import parse_file

    events, _ = parse_file(str(path), ruleset="4.0.0")
    compute = summarizer._compute_power_sw if switch else summarizer._compute_power_node
    return float(compute(events, time_to_train_ms))


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the published power package is not here")
def test_a_published_package_gives_the_same_energy_as_upstream() -> None:
    (folder,) = CORPUS.glob("results/*/resnet")
    ours, theirs, times, prose = [], [], [], []
    for path in sorted(folder.glob("result_*.txt")):
        log = read_log(path, path.name)
        start, stop = time_ms(run_start(log)), time_ms(run_stop(log))
        assert start is not None and stop is not None
        (file,) = (folder / "power" / path.stem).glob("node_*.txt")
        power = read_log(file, file.name)
        found = window_mean_j(power, stop - start)
        assert found is not None
        ours.append(found)
        theirs.append(upstream(file, stop - start))
        times.append(stop - start)
        # the meters stop before the runs do: compare the two formulas where they measured
        edges, powers = steps(power)
        assert node_energy(power, start, stop).joule is None
        low, high = max(edges[0], start), min(edges[-1], stop)
        prose.append(clipped_j(edges, powers, low, high) / (high - low) * (stop - start))
    assert len(ours) == 5
    assert ours == pytest.approx(theirs, rel=1e-9)
    kept = sorted(range(5), key=times.__getitem__)[1:-1]
    factor = json.loads((folder / "scaling.json").read_text())["scaling_factor"]
    assert sum(ours[i] for i in kept) / 3 * factor == pytest.approx(5.671887e6, rel=1e-6)
    assert prose == pytest.approx(theirs, rel=0.01)


def test_built_packages_give_the_same_energy_as_upstream(tmp_path: Path) -> None:
    built = build_package(tmp_path, power=True, runs=2, division="open")
    for run in range(2):
        log = read_log(built.layout.result(run), "result")
        start, stop = time_ms(run_start(log)), time_ms(run_stop(log))
        assert start is not None and stop is not None
        path = built.layout.power_dir(run) / "node_0.txt"
        mine = run_energy(make_run(log, run, power={"node_0.txt": read_log(path, "node_0.txt")}))
        assert mine is not None and mine.joule is not None
        theirs = upstream(path, stop - start)
        assert mine.upstream_joule == pytest.approx(theirs, rel=1e-9)
        assert mine.joule == pytest.approx(theirs, rel=0.01)


def test_without_power_no_power_rule_passes(tmp_path: Path) -> None:
    _, verdict = check_package(build_package(tmp_path).root)
    outcomes = {r.id: r.outcome.value for r in verdict.rules if r.id.startswith("PWR")}
    assert set(outcomes.values()) == {"not_applicable"} and len(outcomes) >= 11
