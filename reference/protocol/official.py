"""The official data set, as far as it is known without reading it: its folders and its test scenes.

The folders were renamed in the bucket in April 2026. Older copies have the older names; the scenes are the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

TRAIN_FOLDERS = ("training", "one-day")  # today's name first
TEST_FOLDERS = ("inference", "ssts")
EITHER_LAYOUT = "training/ and inference/ (or one-day/ and ssts/, their older names)"
SAMPLE_PROFILE = "official-sample"  # a part of the official scenes, never to be taken for the whole
# where a manifest of all scenes (`cloudmask data manifest --profile official`) will lie, once one is published
PUBLISHED_MANIFEST = Path(__file__).with_name("official_manifest.json")
TEST_SCENES_FILE = Path(__file__).with_name("official_test_scenes.txt")


@cache
def official_test_scenes() -> frozenset[str]:
    """File names of the 100 test scenes, from the appendix of the seed paper (arXiv 2312.04799)."""
    lines = TEST_SCENES_FILE.read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def test_scene_differences(names: Iterable[str]) -> list[str]:
    """How the file names of test scenes differ from the official ones, in words; empty when they do not."""
    given, known = set(names), official_test_scenes()
    return [
        f"test scenes {what}: {len(found)}, e.g. {min(found)[:120]!r}"
        for what, found in (("not among the official ones", given - known), ("missing", known - given))
        if found
    ]
