"""`cloudmask generalise`: leave one group of scenes out, train on the others, and look at what was left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from harness import __version__
from harness.cli import options
from harness.cli.bars import progress_bar
from harness.core.errors import ExitCode, UserError
from harness.generalise.folds import folds, run_fold
from harness.generalise.groups import BY, Grouped, group_scenes
from harness.generalise.result import FILE, Generalisation, Settings, in_words, table
from reference.data.files import write_json

PATCH_SIZES = (256, 128, 64, 32)
TABLE = "generalisation.csv"


@click.command()
@click.option(
    "--data",
    "folder",
    type=options.PathType,
    required=True,
    help="Folder of scenes: all in and below it take part.",
)
@click.option(
    "--by", type=click.Choice(list(BY)), default="scene", show_default=True, help="What is left out together."
)
@click.option(
    "--groups",
    "listed",
    type=options.PathType,
    help="CSV with the columns scene, group, instead of --by.",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="Runs of every fold: seeds 1, 2, ...",
)
@click.option(
    "--epochs",
    type=click.IntRange(1, 100_000),
    default=6,
    show_default=True,
    help="Epochs of every run; none stops early.",
)
@click.option(
    "--normalisation",
    type=click.Choice(["fixed", "per-scene"]),
    default="fixed",
    show_default=True,
    help="Of the inputs: by the reference's constants, or by each scene's own statistics.",
)
@click.option(
    "--augmentation",
    type=click.Choice(["none", "radiometric"]),
    default="none",
    show_default=True,
    help="Of training patches: random gains and offsets, turns, mirrors.",
)
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Patches of a step.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    default=0.001,
    show_default=True,
    help="Of Adam.",
)
@click.option(
    "--patch-size",
    type=click.Choice([str(size) for size in PATCH_SIZES]),
    help="Default: the largest that fits four times.",
)
@click.option(
    "--out",
    type=options.PathType,
    default=Path("build/generalise"),
    show_default=True,
    help="Where results and the files of the runs go.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def generalise(  # fmt: skip
    folder: Path,
    by: str,
    listed: Path | None,
    seeds: int,
    epochs: int,
    normalisation: Any,
    augmentation: Any,
    batch: int,
    learning_rate: float,
    patch_size: str | None,
    out: Path,
    as_json: bool,
) -> ExitCode:
    """Train without one group of scenes and mask that group; once for every group and seed; print every value.

    A test set of the same kind as the training set says nothing about a sensor, region or season that was not seen.
    Epochs are fixed and nothing is chosen by looking at what was left out. Finished runs are kept in --out and not
    repeated. generalisation.json in --out may be put beside a recipe: the report of a package then shows it.

    \b
    Examples:
      cloudmask generalise --data scenes/ --by scene --normalisation per-scene --seeds 2
    """
    scenes = group_scenes(folder, by, listed)
    settings = Settings(
        by="table" if listed else by,
        epochs=epochs,
        seeds=list(range(1, seeds + 1)),
        normalisation=normalisation,
        augmentation=augmentation,
        batch=batch,
        learning_rate=learning_rate,
        patch_size=int(patch_size) if patch_size else _patch_size(scenes),
        train_fraction=0.8,
    )
    result = _run(scenes, settings, out)
    content = result.model_dump(mode="json", by_alias=True)
    write_json(out / FILE, content)
    (out / TABLE).write_text(table(result))
    if as_json:
        click.echo(result.model_dump_json(by_alias=True, indent=1))
    else:
        _show(result)
        click.echo(f"{out / FILE} and {TABLE} beside it")
    return ExitCode.OK


def _run(scenes: Grouped, settings: Settings, out: Path) -> Generalisation:
    planned, runs = folds(scenes, settings, out), []
    with progress_bar() as step:
        for number, fold in enumerate(planned, 1):

            def say(title: str, line: dict[str, Any], number: int = number) -> None:
                done = line.get("epoch", 0) if line.get("phase") in ("train", "evaluate") else settings.epochs
                step(f"run {number} of {len(planned)}, without {title}", done, settings.epochs + 1)

            runs.append(run_fold(fold, say))
            one = runs[-1]
            said = "undefined" if one.accuracy is None else f"{one.accuracy:.3f}"
            click.echo(
                f"run {number} of {len(planned)}: without {one.group}, seed {one.seed}: accuracy {said}",
                err=True,
            )
    return Generalisation(
        tool=f"cloudmask-harness {__version__}",
        settings=settings,
        scenes={path.name: group for path, group in zip(scenes.files, scenes.groups, strict=True)},
        runs=runs,
    )


def _show(result: Generalisation) -> None:
    """Every value, and what it means."""
    shown = Table(box=None, pad_edge=False)
    for name in ("left out", "seed", "scenes", "accuracy", "balanced", "MCC", "AUC", "best threshold"):
        shown.add_column(name, justify="left" if name == "left out" else "right")
    for run in result.runs:
        values = (run.accuracy, run.balanced_accuracy, run.mcc, run.auc, run.best_accuracy)
        numbers = ["undefined" if value is None else f"{value:.3f}" for value in values]
        shown.add_row(run.group, str(run.seed), str(run.scenes), *numbers)
    Console(width=140, highlight=False).print(shown)
    for line in in_words(result):
        click.echo(line)


def _patch_size(scenes: Grouped) -> int:
    """The largest size of which four fit along the shorter side of a scene."""
    shorter = min(scenes.height, scenes.width)
    fitting = [size for size in PATCH_SIZES if 4 * size <= shorter]
    if not fitting:
        raise UserError(
            f"Scenes of {scenes.height} x {scenes.width} pixels are too small.", "128 x 128 is the least."
        )
    return fitting[0]
