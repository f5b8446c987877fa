"""`cloudmask data`: fetch, synthesize, describe, verify, prepare and preview data sets."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from harness.cli import options
from harness.cli.data_croissant import croissant
from harness.cli.data_fetch import fetch
from harness.cli.data_places import (
    DATA_VARIABLE,
    DEFAULT_ROOT,
    OFFICIAL,
    bar,
    data_folder,
    describe_profile,
    locate_like,
    official_differences,
    read_manifest,
    user_errors,
)
from harness.core.errors import ExitCode
from harness.core.files import write_json
from reference.data.dataset import locate, verify
from reference.data.profiles import PROFILES, get_profile
from reference.data.shards import prepare
from reference.protocol.official import (
    EITHER_LAYOUT,
    PUBLISHED_MANIFEST,
)

PREPARED_FOLDER = "prepared"
DEFAULT_SEED, MAX_SEED = 1, 2**63 - 1  # scenes keep it in 64 bits
MAX_SCENES = 100_000  # a hundred times the official set; their names have six digits
SYNTHETIC = [name for name, profile in PROFILES.items() if profile.synthetic]

profile_option = click.option(
    "--profile",
    type=click.Choice(list(PROFILES)),
    default="quick",
    show_default=True,
    help="Which data set: official, official-sample (both fetched) or one of the synthetic ones.",
)
data_option = click.option(
    "--data",
    "folder",
    type=options.PathType,
    help=f"Folder with {EITHER_LAYOUT}. Default: data/<profile>; for official, ${DATA_VARIABLE}.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


@click.group()
def data() -> None:
    """Fetch, synthesize, describe, verify, prepare and preview data sets."""


data.add_command(fetch)
data.add_command(croissant)


@data.command()
@click.option(
    "--profile", type=click.Choice(SYNTHETIC), default="quick", show_default=True, help="Which set to make."
)
@click.option(
    "--scenes", type=click.IntRange(2, MAX_SCENES), help="Training scenes (default: the profile's)."
)
@click.option("--seed", type=click.IntRange(0, MAX_SEED), default=DEFAULT_SEED, show_default=True)
@click.option(
    "--out",
    type=options.PathType,
    default=DEFAULT_ROOT,
    show_default=True,
    help="Folder in which <profile>/ is made.",
)
def synthesize(profile: str, scenes: int | None, seed: int, out: Path) -> None:
    """Compute synthetic scenes. Equal seeds give equal scenes; finished files are kept.

    They replace the official 180 GB in trials, tests and teaching. Results on them are marked as
    synthetic and never compared with others.
    """
    from reference.data import synthetic

    with user_errors("choose another --out, or remove the folder."), bar("Scenes") as step:
        folder = synthetic.synthesize(profile, out, seed=seed, scenes=scenes, progress=step)
    click.echo(f"{profile} data set (synthetic, seed {seed}) is in {folder}")


@data.command("describe")
@profile_option
@data_option
@json_option
def describe_command(profile: str, folder: Path | None, as_json: bool) -> None:
    """Show scenes, patches, split, size and digest of a data set."""
    found = describe_profile(get_profile(profile), folder)
    dataset = found.dataset
    for remark in found.remarks:
        click.echo(f"warning: {remark}", err=True)
    if as_json:
        click.echo(json.dumps(asdict(dataset), indent=1))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    total = sum(file.size_bytes for file in [*dataset.train, *dataset.test])
    rows = {
        "Data set": dataset.description,
        "Folder": dataset.root,
        "Synthetic": "yes" if dataset.synthetic else "no",
        "Files": f"{len(dataset.train)} training, {len(dataset.test)} test, {total / 1e6:,.1f} MB",
        "Patches": f"{dataset.train_samples:,} training, {dataset.eval_samples:,} validation",
        "Split": f"by {dataset.split['unit']}, {dataset.split['train_fraction']:.0%} training",
        "Digest": dataset.digest,
    }
    for name, value in rows.items():
        table.add_row(f"[bold]{name}", str(value))
    Console().print(table)


@data.command()
@profile_option
@data_option
@click.option("--out", type=options.PathType, help="File to write (default: standard output).")
def manifest(profile: str, folder: Path | None, out: Path | None) -> None:
    """Write a data set's manifest: every file with size and SHA-256, and the digest over all."""
    content = asdict(describe_profile(get_profile(profile), folder).dataset)
    if out is None:
        click.echo(json.dumps(content, indent=1))
        return
    with user_errors("choose a file that can be written."):
        write_json(out, content)
    click.echo(f"Manifest of {len(content['train']) + len(content['test'])} files is in {out}")


@data.command("verify")
@click.argument("manifest_file", metavar="[MANIFEST]", required=False, type=options.PathType)
@click.option(
    "--profile", type=click.Choice(["official"]), help="Compare with what is known of the official data set."
)
@click.option("--sizes-only", is_flag=True, help="Compare names and sizes; read no content.")
@data_option
@json_option
def verify_command(
    manifest_file: Path | None, profile: str | None, sizes_only: bool, folder: Path | None, as_json: bool
) -> ExitCode:
    """Hash all files again and compare with MANIFEST (from `data manifest`, or a package's dataset.json).

    With --profile official, numbers of scenes and names of the 100 test scenes are compared too; this
    needs no MANIFEST, since no list of the official scenes' digests has been published. Folders may have their
    older or newer names. Exit code 0: everything is as listed; 1: something differs.
    """
    if manifest_file is None and profile is None:
        raise click.UsageError("MANIFEST or --profile official is needed.")
    if manifest_file is None and PUBLISHED_MANIFEST.is_file():
        manifest_file = PUBLISHED_MANIFEST
    expected = read_manifest(manifest_file) if manifest_file else None
    where = folder or (Path(expected.root) if expected and not profile else data_folder(OFFICIAL, None))
    with user_errors("pass the data set's folder with --data."):
        paths = locate_like(expected, where) if expected else locate(where)
        problems = official_differences(paths) if profile else []
        if expected:
            with bar("Hashing") as step:
                problems += verify(paths, expected, step, sizes_only)
    if as_json:
        click.echo(json.dumps({"schema": 1, "equal": not problems, "problems": problems}, indent=1))
        return ExitCode.FINDINGS if problems else ExitCode.OK
    for problem in problems:
        click.echo(problem)
    if not problems and expected:
        click.echo(f"All {len(expected.train) + len(expected.test)} files are as listed in {manifest_file}")
    elif not problems:
        click.echo("970 training scenes, and the 100 test scenes have the official names.")
        click.echo("Contents were not compared: no manifest was given, and none has been published yet.")
    return ExitCode.FINDINGS if problems else ExitCode.OK


@data.command("prepare")
@profile_option
@data_option
@click.option(
    "--out",
    type=options.PathType,
    help="Folder for the shards (default: prepared/ in the data set's folder).",
)
def prepare_command(profile: str, folder: Path | None, out: Path | None) -> None:
    """Cut the training scenes into patches in advance: optional, untimed, and faster to read in every run.

    Shards contain exactly the same patches, bit by bit. They are tied to their scenes by SHA-256 and refused
    when these change. Name the folder in a recipe as data.prepared. They take about two thirds of the space
    of the training scenes (47 GB for the official set); finished shards are kept.
    """
    found = describe_profile(get_profile(profile), folder)
    where = out or data_folder(get_profile(profile), folder) / PREPARED_FOLDER
    with user_errors("choose another --out with enough space."), bar("Preparing") as step:
        prepared = prepare(found, where, step)
    click.echo(f"{len(prepared.shards)} shards are in {where}, digest {prepared.digest}")
    click.echo(f"To use them, write into the recipe: data: {{prepared: {where}}}")


@data.command()
@profile_option
@data_option
@click.option(
    "--gallery",
    type=options.PathType,
    help="A run's gallery.h5, to show predictions and disagreement too.",
)
@click.option("--scenes", type=click.IntRange(1, 50), default=4, show_default=True, help="How many.")
@click.option(
    "--out",
    type=options.PathType,
    help="PNG file.  [default: scenes.png, of synthetic scenes synthetic-scenes.png]",
)
def preview(profile: str, folder: Path | None, gallery: Path | None, scenes: int, out: Path | None) -> None:
    """Draw test scenes beside their masks, or with --gallery beside a run's predictions."""
    from reference.science.contact_sheet import gallery_sheet, save_sheet, scenes_sheet

    chosen = get_profile(profile)
    with user_errors("name a data set with --profile or --data, or a run's gallery.h5 with --gallery."):
        if gallery is not None:
            sheet = gallery_sheet(gallery, scenes)
        else:
            sheet = scenes_sheet(locate(data_folder(chosen, folder)).test[:scenes], chosen.geometry)
        out = out or Path("synthetic-scenes.png" if sheet.info["synthetic"] else "scenes.png")
        save_sheet(sheet, out)
    click.echo(f"Picture is in {out}")
