"""Mutations for DAT rules: the data set."""

from __future__ import annotations

from typing import Any

from reference.protocol.official import official_test_scenes
from tests.rules.cases.edits import edit_dataset, edit_record, find, set_value
from tests.rules.cases.registry import case, log_case
from tests.support.builders import BuiltPackage, Lines


@case("DAT001")
def another_data_set_in_one_run(built: BuiltPackage) -> None:
    set_value(built, "dataset_digest", "ab" * 32, range(1, 2))


@case("DAT002")
def another_data_set_in_all_runs(built: BuiltPackage) -> None:
    set_value(built, "dataset_digest", "ab" * 32)


@case("DAT002")
def file_replaced_in_list(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["train"][0].update(sha256="cd" * 32))


@case("DAT002", only=True)
def easy_scenes_listed_where_they_are_validated(built: BuiltPackage) -> None:
    """The digest does not depend on the order, the split does."""
    edit_dataset(built, lambda d: d["train"].reverse())
    for run in range(5):
        built.edit_json(built.run_files(run).record, lambda r: r["spec"]["data"]["train_files"].reverse())


@case("DAT003")
def a_thousand_samples(built: BuiltPackage) -> None:
    set_value(built, "train_samples", 1000)


@case("DAT003")
def larger_training_share(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d.update(train_samples=380, eval_samples=20))


@log_case("DAT004")
def sample_count_inflated(events: Lines) -> None:
    find(events, "eval_accuracy", -1)["metadata"]["samples_count"] += 1600


@case("DAT005")
def test_scene_in_training(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["test"][0].update(name="ssts/" + d["train"][0]["name"].split("/")[1]))


@case("DAT005")
def renamed_test_scene_in_training(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["test"][0].update(sha256=d["train"][3]["sha256"]))


@case("DAT006")
def scene_twice(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["train"][1].update(sha256=d["train"][0]["sha256"]))


@case("DAT007")
def split_95_to_5(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["split"].update(train_fraction=0.95))


@case("DAT007")
def split_a_hair_below_80_to_20(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["split"].update(train_fraction=0.7999999996))


@case("DAT007")
def split_by_patch(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["split"].update(unit="patch"))


@case("DAT008")
def smaller_patches(built: BuiltPackage) -> None:
    set_value(built, "patch_size", 32)


@case("DAT009")
def renamed_scenes(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d["train"][0].update(name="one-day/best_scene.hdf"))


@case("DAT010")
def official_in_part(built: BuiltPackage) -> None:
    edit_dataset(built, lambda d: d.update(profile="official", synthetic=False))


@case("DAT010")
def another_official_test_scene(built: BuiltPackage) -> None:
    """All counts are right and 99 of the 100 test scenes are the known ones."""

    def change(d: Any) -> None:
        one = d["test"][0]
        names = [*sorted(official_test_scenes())[1:], "S3A_SL_1_RBT____20200101T000000_other.hdf"]
        test = [{**one, "name": f"inference/{n}", "sha256": f"{i:064x}"} for i, n in enumerate(names)]
        train = [
            {**one, "name": f"training/S3A_{i:04d}.hdf", "sha256": f"{1000 + i:064x}"} for i in range(970)
        ]
        geometry = {"scene_height": 1200, "scene_width": 1500, "patch_size": 256}
        d.update(profile="official", synthetic=False, geometry=geometry, train=train, test=test)

    edit_dataset(built, change)


@case("DAT011")
def synthetic_scenes(built: BuiltPackage) -> None:
    pass


@case("DAT012")
def other_files_given(built: BuiltPackage) -> None:
    def change(record: Any) -> None:
        record["spec"]["data"]["train_files"].pop()

    built.edit_json(built.run_files(0).record, change)


@case("DAT012")
def files_given_in_another_order(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(0).record, lambda r: r["spec"]["data"]["train_files"].reverse())


@case("DAT012")
def shards_without_a_word_in_the_log(built: BuiltPackage) -> None:
    built.edit_json(built.run_files(0).record, lambda r: r["spec"]["data"].update(prepared_digest="ab" * 32))


@case("DAT014")
def smaller_patches_in_spec(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["spec"]["data"]["geometry"].update(patch_size=32))


@case("DAT014")
def larger_training_share_in_spec(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["spec"]["data"]["split"].update(train_fraction=0.95))


@case("DAT014")
def other_data_in_spec(built: BuiltPackage) -> None:
    edit_record(built, lambda r: r["spec"]["data"].update(digest="ab" * 32))


@case("DAT015")
def smaller_scenes_called_quick(built: BuiltPackage) -> None:
    built.edit_json(built.layout.dataset, lambda d: d["geometry"].update(patch_size=32))


def _made_names(d: Any, count: int) -> None:
    """Name the first scenes as the generator names its own."""
    for number, file in enumerate(d["test"][:count]):
        file["name"] = f"ssts/SYN_seed1_scene{number:06d}.hdf"


@case("DAT021")
def synthetic_scenes_denied(built: BuiltPackage) -> None:
    def change(d: Any) -> None:
        _made_names(d, len(d["test"]))
        d.update(profile="slstr-north", synthetic=False)

    edit_dataset(built, change)


@case("DAT021")
def one_synthetic_scene_among_others(built: BuiltPackage) -> None:
    def change(d: Any) -> None:
        _made_names(d, 1)
        d.update(profile="slstr-north", synthetic=False)

    edit_dataset(built, change)


@case("DAT021")
def scenes_of_an_earlier_generator_denied(built: BuiltPackage) -> None:
    def change(d: Any) -> None:
        for number, file in enumerate(d["test"]):
            file["name"] = (
                f"ssts/S3A_SL_1_RBT____20191001T232441_20191001T232741_{number:04d}_SYN_O_NT_001.hdf"
            )
        d.update(profile="slstr-north", synthetic=False)

    edit_dataset(built, change)


@case("DAT021")
def standard_synthetic_set_denied(built: BuiltPackage) -> None:
    smoke = "8c9c170916d776b060fe9069abf124fcb72f39a3d4a20568532c851f82bec3d6"
    edit_dataset(built, lambda d: d.update(profile="slstr-north", synthetic=False, digest=smoke))
