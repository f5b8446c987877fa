"""Scenes of a kind that was not trained on: generalisation.json beside the recipe, if it is there."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from harness.generalise.result import FILE, Generalisation, in_words
from harness.report.drawing.text import clean
from harness.report.panels.science.model import GeneralisationCard, LeftOut
from harness.untrusted.documents import Unreadable, read_object

MAX_GROUPS = 200


def read_generalisation(code_dir: Path) -> tuple[GeneralisationCard | None, str]:
    """What the file says, and a note where it cannot be read. Raises nothing for what it holds."""
    path = code_dir / FILE
    try:
        if not path.is_file() or path.is_symlink():
            return None, ""
        found = Generalisation.model_validate(read_object(path))
    except OSError:  # a system with a name that no folder can have
        return None, ""
    except (Unreadable, ValidationError) as error:
        first = clean(str(error).splitlines()[0], 120)
        return None, f"{FILE} beside the recipe cannot be read: {first}"
    return _card(found), ""


def _card(found: Generalisation) -> GeneralisationCard:
    rows = []
    seeds = sorted({run.seed for run in found.runs})[:50]
    for group in found.groups[:MAX_GROUPS]:
        runs = {run.seed: run for run in found.of(group)}
        several = [runs.get(seed) for seed in seeds]
        rows.append(
            LeftOut(
                group=clean(group, 120),
                scenes=next(iter(runs.values())).scenes,
                accuracy=[run.accuracy if run else None for run in several],
                mcc=[run.mcc if run else None for run in several],
                auc=[run.auc if run else None for run in several],
            )
        )
    chosen = found.settings
    settings = (
        f"left out by {clean(chosen.by, 40)}, {chosen.epochs} epochs, normalisation {chosen.normalisation}, "
        f"augmentation {chosen.augmentation}, batch {chosen.batch}, learning rate {chosen.learning_rate:g}"
    )
    return GeneralisationCard(
        settings=settings, seeds=seeds, rows=rows, lines=[clean(x) for x in in_words(found)]
    )
