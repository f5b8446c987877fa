"""docs/explanation/test-scenes.md: where the official test scenes lie, counted from their file names."""

from __future__ import annotations

import re
from collections import Counter

from harness.report.panels.science.orbit import PERIOD_S, estimate
from harness.rulebook.markdown import MADE_BY, table
from reference.protocol.official import official_test_scenes

_NAME = re.compile(r"RBT_{2,4}(\d{8})T\d{6}_\d{8}T\d{6}_\d{8}T\d{6}_(\d{4})_(\d{3})_\d{3}_(\d{4})_")
_TEXT = """\
# Where the test scenes lie

The names of the {count} test scenes stand in the appendix of the seed paper
([arXiv 2312.04799](https://arxiv.org/abs/2312.04799)). A name tells when and on which part of the orbit a frame was
taken, and with the mean orbit that gives the point below the satellite: an estimate, good for a map and for no more.
Nothing else was read: the scenes themselves were not at hand.

* All are of Sentinel-3A, taken on {days} days from {first} to {last}, in cycles {cycles}.
* {descending} lie on the descending half of the orbit (10:00 local time: day, but for high latitudes), {ascending} on
  the ascending half (22:00: night).
* By estimated latitude and longitude of their middle:

{map}

So they cover one month of one autumn, and mostly one part of the world: the North Atlantic with its coasts. What this
means for a test accuracy:

* **One month.** Winter snow, summer convection and the light of other seasons are absent.
* **Hardly any south.** Nothing can be said about southern oceans, deserts or the Antarctic.
* **More day than night**, and at night six of nine channels are empty. Look at both parts by themselves.
* **Few independent weathers.** Frames of the same day and region show the same systems; {count} scenes are fewer than
  {count} independent samples. Intervals have to be made over scenes, never over pixels.
* How the training scenes are spread is not published; whether they are of the same month cannot be told here.

Where synthetic scenes "lie" is made up, and their reports show no map.
"""


def page() -> str:
    """The document as Markdown."""
    names = sorted(official_test_scenes())
    found = [match for name in names if (match := _NAME.search(name))]
    days = sorted({match[1] for match in found})
    middles = [int(match[4]) + int(match[2]) / 2 for match in found]
    descending = sum(PERIOD_S / 4 <= at < PERIOD_S * 3 / 4 for at in middles)
    text = _TEXT.format(
        count=len(names),
        days=len(days),
        first=_day(days[0]),
        last=_day(days[-1]),
        cycles=" and ".join(sorted({match[3].lstrip("0") for match in found})),
        descending=descending,
        ascending=len(found) - descending,
        map="\n".join(_map(names)),
    )
    return f"{MADE_BY.format(command='make docs')}\n\n{text}"


def _day(digits: str) -> str:
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"


def _map(names: list[str]) -> list[str]:
    """Counts by boxes of 30 by 60 degrees."""
    boxes: Counter[tuple[int, int]] = Counter()
    for name in names:
        where = estimate(name)
        if where is not None:
            boxes[int(where[0] // 30) * 30, int(where[1] // 60) * 60] += 1
    columns = range(-180, 180, 60)
    rows = [
        [f"{south} to {south + 30}", *(str(boxes[south, west] or "") for west in columns)]
        for south in range(60, -91, -30)
    ]
    return table(["latitude", *(f"{west} to {west + 60}" for west in columns)], rows)
