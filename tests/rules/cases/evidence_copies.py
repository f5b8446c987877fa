"""Mutations for EVD rules: evidence of another run, another boot, or another machine."""

from __future__ import annotations

import shutil
from typing import Any

import h5py
import numpy as np

from tests.rules.cases.edits import TELEMETRY, find
from tests.rules.cases.registry import case
from tests.support.builders import BuiltPackage, Lines
from tests.support.report_builders import write_gallery
from tests.support.scene_counts import made_scene, write_counts

SHAPE = (300, 375)  # of the scenes of built packages


def _attributes(built: BuiltPackage, run: int, **values: Any) -> None:
    with h5py.File(built.run_files(run).telemetry(), "r+") as file:
        file.attrs.update(values)
    built.reseal()


@case("EVD037", only=True, **TELEMETRY)
def telemetry_of_another_boot(built: BuiltPackage) -> None:
    _attributes(built, 1, anchor_monotonic_s=91_234.5)


@case("EVD037", **TELEMETRY)
def telemetry_of_another_host(built: BuiltPackage) -> None:
    _attributes(built, 1, host=np.bytes_(b"larger.example"))


@case("EVD045", only=True, **TELEMETRY)
def a_longer_interval_than_was_asked_for(built: BuiltPackage) -> None:
    _attributes(built, 1, interval_s=5.0)


@case("EVD036", nodes=2, **TELEMETRY)
def second_node_made_from_the_first(built: BuiltPackage) -> None:
    """Readings differ, and the host; the steps are those of the first node."""
    first, second = (built.run_files(1).telemetry(node) for node in (0, 1))
    with h5py.File(first, "r+") as file:
        times = file["machine/time_s"]
        times[...] += np.random.default_rng(1).exponential(5e-5, times.size)
    shutil.copy(first, second)
    with h5py.File(second, "r+") as file:
        file.attrs.update(node=np.bytes_(b"node_1"), host=np.bytes_(b"node1.example"))
        for name, column in file["machine"].items():
            if name != "time_s":
                column[...] *= np.random.default_rng(2).uniform(0.97, 1.0, column.size)
    built.reseal()


def with_gallery(built: BuiltPackage, number: int = 0, **changed: np.ndarray) -> None:
    """science.json of schema 2 and a gallery of its first scene in run 2; `number` is of the scene that is drawn."""
    row = write_counts(built)["per_scene"][0]
    scene, probability = made_scene(number, SHAPE)
    picture = {
        "false_colour": np.zeros((*SHAPE, 3), np.uint8),
        "bayes": scene.truth,
        "probability": np.rint(probability * 255).astype(np.uint8),
        **{name: row[name] for name in ("name", "daylight", "latitude", "longitude")},
        **changed,
    }
    write_gallery(built.run_files(2).gallery, [picture])
    with h5py.File(built.run_files(2).gallery, "r+") as file:
        file["scene_000"].attrs["accuracy"] = row["accuracy"]
    built.edit_json(built.run_files(2).record, lambda record: record["spec"].update(gallery_scenes=1))
    built.reseal()


@case("EVD038", only=True)
def gallery_of_ground_truth(built: BuiltPackage) -> None:
    truth = made_scene(0, SHAPE)[0].truth
    with_gallery(built, probability=np.where(truth > 0, 245, 9).astype(np.uint8))


@case("EVD038", only=True)
def gallery_of_another_scene(built: BuiltPackage) -> None:
    with_gallery(built, number=1)


@case("EVD038", only=True)
def scene_of_no_name(built: BuiltPackage) -> None:
    with_gallery(built)
    with h5py.File(built.run_files(2).gallery, "r+") as file:
        file["scene_000"].attrs["name"] = "S3A_another.hdf"
    built.reseal()


@case("EVD038", only=True)
def other_accuracy_beside_the_picture(built: BuiltPackage) -> None:
    with_gallery(built)
    with h5py.File(built.run_files(2).gallery, "r+") as file:
        file["scene_000"].attrs["accuracy"] = 0.999
    built.reseal()


@case("EVD039", only=True)
def one_state_in_all_epochs(built: BuiltPackage) -> None:
    def change(events: Lines) -> None:
        last = find(events, "weights_commitment", -1)
        first = find(events, "weights_commitment")
        first["value"] = last["value"]
        first["metadata"]["optimizer_digest"] = last["metadata"]["optimizer_digest"]

    built.edit_events(2, change)


@case("EVD039", only=True)
def states_of_another_run(built: BuiltPackage) -> None:
    other = find(built.events(0), "weights_commitment")

    def change(events: Lines) -> None:
        mine = find(events, "weights_commitment")
        mine["value"] = other["value"]
        mine["metadata"]["optimizer_digest"] = other["metadata"]["optimizer_digest"]

    built.edit_events(3, change)


@case("EVD092", only=True)
def bill_of_another_day(built: BuiltPackage) -> None:
    def change(bill: Any) -> None:
        bill["metadata"]["timestamp"] = "2024-05-17T08:00:00+00:00"

    built.edit_json(built.run_files(1).bill, change)


@case("EVD018")
def attempt_without_a_log(built: BuiltPackage) -> None:
    folder = built.layout.failed_dir(0)
    folder.mkdir(parents=True)
    shutil.copy(built.run_files(0).record, folder / "run.json")
    built.reseal()


@case("EVD054")
def output_of_another_day(built: BuiltPackage) -> None:
    line = "I0000 00:00:1700000000.123456    5234 port.cc:153] oneDNN custom operations are on."
    built.run_files(1).output.write_text(f"{line}\n")
    built.reseal()


@case("EVD054", accelerators_per_node=4)
def output_says_that_no_accelerator_is_used(built: BuiltPackage) -> None:
    built.run_files(1).output.write_text(
        "Could not find cuda drivers on your machine, GPU will not be used.\n"
    )
    built.reseal()


@case("EVD093")
def a_thousand_scenes_a_second(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(1).science, lambda s: s["seconds_per_scene"].update(mean=0.001))
