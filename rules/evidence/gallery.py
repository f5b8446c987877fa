"""EVD: the pictures of the test scenes show what science.json counts of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rules.facts.reference_code import is_reference
from rules.model.evidence import Pictured
from rules.model.findings import Finding, Scope, Severity
from rules.model.run import Run
from rules.model.values import is_int, is_number, show
from rules.registry import NotChecked, Rule, rule
from rules.ruleset import Ruleset

NEAR = 1e-9  # both state one quotient


@rule(
    "EVD038",
    "The gallery shows what science.json counts",
    Scope.RUN,
    source="evidence of this rulebook (cross-check of gallery.h5 and science.json); SP 2",
    fix="Package gallery.h5 and science.json as the run wrote them.",
)
def gallery_counts(self: Rule, run: Run, ruleset: Ruleset) -> Iterator[Finding]:
    """Mask and probability of a scene lie in the gallery pixel by pixel, unless it was shrunk: whoever betters the
    science, or the pictures, has to draw one anew from the other. A pixel of probability 128 of 255 may be either.
    Pictures that the reference was asked for, and that are not there, are a warning: a full disk may be why."""
    rows = _rows(run.science)
    path, counted, owed = run.files.gallery.as_posix(), 0, _owed(run, len(rows))
    pictured = len({scene.name for scene in run.gallery or ()})
    if owed > pictured:
        yield self.finding(
            f"there are pictures of {pictured} scenes, {owed} were asked for",
            severity=Severity.WARNING,
            path=path,
            expected=owed,
        )
    if run.gallery is None or not rows:
        raise NotChecked("there is no readable gallery.h5, or science.json lists no scenes")
    for scene in run.gallery:
        row = rows.get(scene.name)
        if row is None:
            yield self.finding(f"{show(scene.name)} is not a scene of science.json", path=path)
            continue
        if scene.accuracy is not None and not _near(row.get("accuracy"), scene.accuracy, NEAR):
            yield self.finding(
                f"{show(scene.name)} has an accuracy of {scene.accuracy:.6g}, science.json says "
                f"{show(row.get('accuracy'))}",
                path=path,
            )
        if row.get("pixels", scene.pixels) == scene.pixels == _size(run):
            counted += 1
            for problem in _differences(scene, row):
                yield self.finding(f"{show(scene.name)}: {problem}", path=path)
    if not counted:
        raise NotChecked("the pictures of the gallery are smaller than the scenes")


def _rows(science: Any) -> dict[str, dict[str, Any]]:
    """What science.json says of each scene, by name."""
    rows = science.get("per_scene") if isinstance(science, dict) else None
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {row["name"]: row for row in found if isinstance(row.get("name"), str)}


def _owed(run: Run, scenes: int) -> int:
    """How many scenes the reference was to keep as pictures; 0 where none, and for other programs."""
    asked = run.record.spec.get("gallery_scenes") if run.record and is_reference(run.package) else None
    return min(asked, scenes) if is_int(asked) and not run.pruned else 0


def _size(run: Run) -> int | None:
    """Pixels of a scene, by the description of the data set."""
    geometry = run.package.dataset.geometry if run.package.dataset else {}
    height, width = geometry.get("scene_height"), geometry.get("scene_width")
    return height * width if is_int(height) and is_int(width) else None


def _differences(scene: Pictured, row: dict[str, Any]) -> Iterator[str]:
    """Counts of the pictures that those of science.json are not; each may be off by the undecided pixels."""
    clear, cloud = scene.undecided
    for name, least, slack in (
        ("tp", scene.tp, cloud),
        ("fp", scene.fp, clear),
        ("fn", scene.fn, cloud),
        ("tn", scene.tn, clear),
    ):
        stated = row.get(name)
        if is_int(stated) and not least <= stated <= least + slack:
            yield f"{name} is {stated}, its pictures have {least}"
            return
    right, accuracy = scene.tp + scene.tn, row.get("accuracy")
    if is_number(accuracy) and not right - 0.5 <= accuracy * scene.pixels <= right + clear + cloud + 0.5:
        yield f"its accuracy is {accuracy:.6g}, its pictures have {right / scene.pixels:.6g}"


def _near(value: Any, expected: float, allowed: float) -> bool:
    return is_number(value) and abs(value - expected) <= allowed
