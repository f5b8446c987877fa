"""Charts of the board: what they show, and that no label meets another, whatever the names."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from harness.leaderboard.history import history
from harness.leaderboard.strips import energy_scatter, epoch_strips, rate_strips, time_strips
from tests.support.board_builders import make_entry, make_table
from tests.support.chart_boxes import collisions, drawings

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


@pytest.mark.parametrize("chart", [time_strips, epoch_strips, rate_strips, energy_scatter, history])
@pytest.mark.parametrize(("count", "name"), [(2, "s%d"), (12, LONG), (40, LONG)])
def test_no_label_meets_another(chart, count: int, name: str) -> None:
    drawn = drawings(chart(make_table(entries(count, name))))
    assert len(drawn) == 2, "a wide and a narrow one"
    for one in drawn:
        assert collisions(one) == []


def test_labels_that_meet_are_found() -> None:
    svg = '<svg viewBox="0 0 100 40"><text x="0" y="20">abc</text><text x="{}" y="22">def</text>{}</svg>'
    assert collisions(svg.format(60, "")) == []
    assert collisions(svg.format(10, "")) == ["abc | def"]
    assert collisions(svg.format(95, "")) == ["outside: def"]
    line = '<line x1="5" y1="16" x2="50" y2="90" class="target"/>'
    assert collisions(svg.format(60, line)) == ["line target ends in abc"]


def test_scores_over_time_need_different_days() -> None:
    same = [make_entry(id=f"Org/s{i}", trained="2026-01-01") for i in range(3)]
    assert history(make_table(same)) == "" == history(make_table([make_entry(trained="")]))
    drawn = drawings(history(make_table(entries(5))))[0]
    assert drawn.count("<circle") == 5
    best = re.search(r'<path d="M([^"]*)" class="mean-line"', drawn)
    assert best and best[1].count(" ") + best[1].count("-") >= 9, "a step at every better score"
    assert "2026-01-01" in drawn and "2026-06-10" in drawn


def test_only_a_known_rate_is_drawn() -> None:
    table = make_table([make_entry(), make_entry(id="Org/b", system="b", train_flop_per_s=None)])
    drawn = drawings(rate_strips(table))[0]
    assert drawn.count("<circle") == 1 and "H100" in drawn and "EPYC" in drawn
    assert rate_strips(make_table([make_entry(train_flop_per_s=None)])) == ""
