"""Charts of the board: what they show, and that no label meets another, whatever the names."""

from __future__ import annotations

import csv
import math
import re
from datetime import date, timedelta

import pytest

from harness.leaderboard import charts
from harness.leaderboard.charts import files
from harness.leaderboard.strips import epoch_caption, time_caption
from harness.report.rates import machines
from tests.support.board_builders import make_entry, make_table
from tests.support.chart_boxes import collisions, crossings, drawings

LONG = "Wissenschaftliches-Rechenzentrum-WWWW@MMMM-mit-einem-sehr-langen-Namen-%d"


def entries(count: int, name: str = "s%d") -> list:
    first = date(2026, 1, 1)
    return [
        make_entry(
            id=f"Org/s{i}",
            system=name % i,
            time_to_train_s=100.0 + 37 * (count - i),
            low_s=90.0 + 37 * (count - i),
            high_s=130.0 + 37 * (count - i),
            run_times_s=[100.0 + 37 * (count - i) + 3 * k for k in range(5)],
            run_epochs=[28 + (i + k) % 6 for k in range(5)],
            energy_j=1e6 + 1e5 * i,
            train_flop_per_s=10 ** (11 + i % 4),
            trained=(first + timedelta(days=40 * i)).isoformat(),
        )
        for i in range(count)
    ]


def drawn_of(name: str, rows: list) -> list[str]:
    return drawings(charts.drawings(make_table(rows))[name])


@pytest.mark.parametrize("chart", list(charts.DRAWN))
@pytest.mark.parametrize(("count", "name"), [(2, "s%d"), (12, LONG), (40, LONG)])
def test_no_label_meets_another(chart: str, count: int, name: str) -> None:
    drawn = drawn_of(chart, entries(count, name))
    assert len(drawn) == 2, "a wide and a narrow one"
    for one in drawn:
        assert collisions(one) == [] == crossings(one)


def test_labels_that_meet_are_found() -> None:
    svg = '<svg viewBox="0 0 100 40"><text x="0" y="20">abc</text><text x="{}" y="22">def</text>{}</svg>'
    assert collisions(svg.format(60, "")) == []
    assert collisions(svg.format(10, "")) == ["abc | def"]
    assert collisions(svg.format(95, "")) == ["outside: def"]
    line = '<line x1="5" y1="16" x2="50" y2="90" class="target"/>'
    assert collisions(svg.format(60, line)) == ["line target ends in abc"]
    through = (
        '<svg viewBox="0 0 100 40"><text x="10" y="20">abc</text><path d="M0 10l60 {}" class="curve"/></svg>'
    )
    assert crossings(through.format(20)) == ["curve through abc"]
    assert crossings(through.format(-5)) == []


def test_scores_over_time_need_different_days() -> None:
    same = [make_entry(id=f"Org/s{i}", trained="2026-01-01") for i in range(3)]
    assert drawn_of("history", same) == [] == drawn_of("history", [make_entry(trained="")])
    drawn = drawn_of("history", entries(5))[0]
    assert drawn.count("<circle") == 5
    best = re.search(r'<path d="M([^"]*)" class="mean-line"', drawn)
    assert best and best[1].count(" ") + best[1].count("-") >= 9, "a step at every better score"
    assert "2026-01-01" in drawn and "2026-06-10" in drawn


def test_only_a_known_rate_is_drawn() -> None:
    rows = [make_entry(), make_entry(id="Org/b", system="b", train_flop_per_s=None)]
    drawn = drawn_of("rates", rows)[0]
    assert drawn.count("<circle") == 1 and "H100" in drawn and "EPYC" in drawn
    assert drawn_of("rates", [make_entry(train_flop_per_s=None)]) == []


@pytest.mark.parametrize(
    ("kind", "before"), [("official", "charts/chart-"), ("SYNTHETIC", "charts/synthetic-chart-")]
)
def test_every_chart_can_be_taken_away_and_says_what_it_is(kind: str, before: str) -> None:
    table = make_table(entries(3, LONG)).model_copy(update={"data_kind": kind})
    found = {name: str(content) for name, content in files(table, "cloudmask-1.1")}
    ends = [f"{name}-{table.id}.{end}" for name in charts.DRAWN for end in ("svg", "csv")]
    assert list(found) == [before + end for end in ends]
    for name, text in found.items():
        if name.endswith(".svg"):
            assert f"Unofficial. Result not verified by MLCommons Association. {kind} data." in text
            lines = re.findall(
                r">Lines, machines for comparison: full-size patches \(docs/bench/[^<]*<", text
            )
            assert len(lines) == (2 if "-rates-" in name else 0), "those are not of the results' data"
            assert collisions(text) == []
        else:
            own = [line for line in text.splitlines()[1:] if "reference machine" not in line]
            assert own and all(f",{kind},Result not verified" in line for line in own)
    times = found[f"{before}times-{table.id}.csv"].splitlines()
    assert times[0] == "system,organisation,run,time_to_train_s,epochs,left_out,data,review"
    assert len(times) == 1 + 3 * 5


def test_a_reference_machine_is_nobodys_result() -> None:
    table = make_table(entries(2)).model_copy(update={"data_kind": "SYNTHETIC"})
    found = dict(files(table, "cloudmask-1.1"))
    rows = list(csv.DictReader(str(found[f"charts/synthetic-chart-rates-{table.id}.csv"]).splitlines()))
    assert {row["data"] for row in rows if row["kind"] == "result"} == {"SYNTHETIC"}
    known = [row for row in rows if row["kind"] == "reference machine"]
    assert [row["machine"] for row in known] == [machine.name for machine in machines()]
    for row in known:
        assert row["system"] == row["organisation"] == "" and row["data"].startswith(
            "full-size patches (docs/bench/"
        )


def test_the_caption_of_runs_explains_what_is_drawn() -> None:
    plain = {"factor": 1.0, "low_s": None, "high_s": None, "run_dropped": [""] * 5}
    bare = make_table([one.model_copy(update=plain) for one in entries(2)])
    assert "dashed" not in time_caption(bare) and "hollow" not in time_caption(bare)
    assert "band" not in time_caption(bare) and 'class="interval' not in str(charts.drawings(bare)["times"])
    more = {
        "factor": 1.2,
        "mean_s": 90.0,
        "low_s": 80.0,
        "high_s": 130.0,
        "run_dropped": ["fastest"] + [""] * 4,
    }
    full = make_table([entries(1)[0].model_copy(update=more)])
    for word in ("dashed: the mean", "band: 95 %", "hollow: left out"):
        assert word in time_caption(full)
    assert "first 30 entries" in time_caption(make_table(entries(31)))


@pytest.mark.parametrize("count", [3, 5, 40])
def test_equal_runs_do_not_hide_each_other(count: int) -> None:
    """Equal values, nearly equal ones, and one that meets none: each mark is seen, and the last stays on the line."""
    times = [100.0] * (count - 2) + [100.5, 200.0]
    left_out = ["fastest"] + [""] * (count - 2) + ["slowest"]
    row = make_entry(run_times_s=times, run_dropped=left_out, run_epochs=[3] * count)
    for chart in ("times", "epochs"):
        for drawn in drawn_of(chart, [row, make_entry(id="Org/b", system="b")]):
            found = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="4.5" class="(dot[^"]*)"', drawn)
            marks = [(float(x), float(y)) for x, y, _ in found][:count]
            apart = [math.dist(a, b) for i, a in enumerate(marks) for b in marks[:i]]
            assert min(apart) >= (9 if count < 10 else 3), "beside or above each other"
            assert [style for *_, style in found[:3]].count("dot hollow") == 2, "solid is drawn over hollow"
            top, bottom = (f(y for _, y in marks) for f in (min, max))
            line = re.findall(r'<line [^>]*y1="([\d.]+)"[^>]* class="grid"/>', drawn)[0]
            assert float(line) == pytest.approx((top + bottom) / 2, abs=0.2), (
                "the stack stands around its line"
            )
            assert collisions(drawn) == [] == crossings(drawn)


def test_what_cannot_be_drawn_has_no_files() -> None:
    alone = make_table([make_entry(train_flop_per_s=None, trained="")])
    assert {name.split("-")[1] for name, _ in files(alone, "cloudmask-1.1")} == {"times", "epochs"}


def test_the_bound_of_chance_is_drawn_beside_the_mean_that_it_bounds() -> None:
    known = make_entry(
        mean_epochs=2.5, reference_epochs=2.625, least_epochs=2.024, run_epochs=[2, 2, 3, 3, 2]
    )
    unknown = known.model_copy(update={"reference_epochs": None, "least_epochs": None})
    for entry, bound in ((known, True), (unknown, False)):
        assert ("Dashed: the least that chance explains" in epoch_caption(make_table([entry]))) == bound
        for one in drawn_of("epochs", [entry]):
            assert 'class="bar-interval"' in one, "the mean"
            assert ('class="mean-line"' in one) == bound
