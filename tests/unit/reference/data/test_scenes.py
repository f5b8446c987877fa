"""Reading scenes, and the one-line errors for files that are not scenes."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from reference.data.scenes import check_scene, find_scenes, is_daylight, open_scene
from tests.support.scenes import write_scene

NAN = np.full((40, 50, 3), np.nan, np.float32)


def problem(path: Path) -> str:
    with pytest.raises(ValueError) as caught:
        check_scene(path, 40, 50)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


def test_a_good_scene_is_accepted(tmp_path: Path) -> None:
    check_scene(write_scene(tmp_path / "S3A_1.hdf"), 40, 50)


@pytest.mark.parametrize("name", ["refs", "bts", "bayes"])
def test_a_missing_data_set_is_named(tmp_path: Path, name: str) -> None:
    assert name in problem(write_scene(tmp_path / "S3A_1.hdf", drop=name))


@pytest.mark.parametrize(
    ("replace", "word"),
    [
        ({"refs": np.zeros((40, 50, 5), np.float32)}, "refs has shape"),
        ({"bayes": np.zeros((40, 50), np.uint8)}, "bayes has shape"),
        ({"bts": np.zeros((40, 49, 3), np.float32)}, "differ in size"),
        ({"refs": np.full((40, 50, 6), b"x", dtype="S1")}, "numbers expected"),
        ({"bts": NAN}, "every value of bts is NaN"),
        ({"bayes": NAN[..., :1]}, "every value of bayes is NaN"),
    ],
)
def test_wrong_content_is_said(tmp_path: Path, replace: dict[str, np.ndarray], word: str) -> None:
    assert word in problem(write_scene(tmp_path / "S3A_1.hdf", **replace))


def test_another_size_is_said(tmp_path: Path) -> None:
    assert "40 x 50 expected" in problem(write_scene(tmp_path / "S3A_1.hdf", height=48, width=50))


@pytest.mark.parametrize("kept", [0, 100, 3000, 0.5])
def test_truncated_files_are_errors(tmp_path: Path, kept: float) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    problem(path)


def test_corrupt_chunks_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "S3A_1.hdf"
    with h5py.File(write_scene(path), "a") as file:
        values = file["refs"][...]
        del file["refs"]
        file.create_dataset("refs", data=values, chunks=(20, 25, 6), compression="gzip")
        offset = file["refs"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset : offset + 200] = b"\xff" * 200
    path.write_bytes(content)
    assert "refs cannot be read" in problem(path)


def test_text_and_folders_are_no_scenes(tmp_path: Path) -> None:
    text = tmp_path / "S3A_text.hdf"
    text.write_text("no HDF5")
    assert "not a readable HDF5 file" in problem(text)
    assert "no such scene file" in problem(tmp_path / "S3A_absent.hdf")
    (tmp_path / "S3A_folder.hdf").mkdir()
    problem(tmp_path / "S3A_folder.hdf")


def test_reflectance_may_be_missing_at_night(tmp_path: Path) -> None:
    refs = np.full((40, 50, 6), np.nan, np.float32)
    path = write_scene(tmp_path / "S3A_1.hdf", refs=refs)
    check_scene(path, 40, 50)
    assert not is_daylight(refs)


def test_windows_are_read_without_the_rest(tmp_path: Path) -> None:
    """A corrupt corner does not disturb a window elsewhere: only that window is read."""
    path = write_scene(tmp_path / "S3A_1.hdf")
    with h5py.File(path, "a") as file:
        values = file["bts"][...]
        del file["bts"]
        file.create_dataset("bts", data=values, chunks=(10, 10, 3), compression="gzip")
        offset = file["bts"].id.get_chunk_info_by_coord((0, 0, 0)).byte_offset
    content = bytearray(path.read_bytes())
    content[offset : offset + 20] = b"\xff" * 20
    path.write_bytes(content)
    with open_scene(path) as scene:
        np.testing.assert_array_equal(scene.read("bts", slice(20, 30), slice(10, 30)), values[20:30, 10:30])
        with pytest.raises(ValueError, match="bts cannot be read"):
            scene.read("bts", slice(0, 5), slice(0, 5))


def test_scenes_are_found_below_and_sorted(tmp_path: Path) -> None:
    for name in ("b/S3A_2.hdf", "a/S3A_9.hdf", "S3A_5.hdf", "a/S3B_1.hdf", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in find_scenes(tmp_path)] == [
        "b/S3A_2.hdf",
        "S3A_5.hdf",
        "a/S3A_9.hdf",
    ]


def test_observed_and_synthetic_scenes_do_not_mix(tmp_path: Path) -> None:
    """Whichever of them are the intruders: a result on both would be one on neither."""
    write_scene(tmp_path / "S3A_1.hdf")
    write_scene(tmp_path / "SYN_seed1_scene000000.hdf")
    with pytest.raises(ValueError, match=r"observed and synthetic scenes \(S3A_1.hdf, SYN_seed1_"):
        find_scenes(tmp_path)


def test_no_scenes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no scene files \(S3A\*.hdf or SYN_\*.hdf\)"):
        find_scenes(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        find_scenes(tmp_path / "absent")


def test_facts_are_none_where_absent(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf")
    with open_scene(path) as scene:
        facts = scene.facts()
        assert scene.surface() is None
    assert (facts.daylight, facts.latitude, facts.synthetic) == (None, None, False)
    with h5py.File(path, "a") as file:
        file.attrs.update(daylight=True, latitude=float("nan"), longitude="east", synthetic=True)
        file["surface"] = np.ones((40, 50), np.uint8)
    with open_scene(path) as scene:
        facts = scene.facts()
        assert scene.surface() is not None
    assert (facts.daylight, facts.latitude, facts.longitude, facts.synthetic) == (True, None, None, True)


GOOD = np.full((40, 50, 3), 280.0, np.float32)


def patched(values: np.ndarray, fill: float) -> np.ndarray:
    values = values.copy()
    values[:, :4] = fill
    return values


@pytest.mark.parametrize(
    ("replace", "words"),
    [
        ({"bts": patched(GOOD, -32768)}, "8.00% of bts .*-32768, a fill value"),
        ({"bts": patched(GOOD, -9999)}, "-9999, a fill value"),
        ({"bts": patched(GOOD, 65535)}, "65535, a fill value"),
        ({"bts": GOOD - 273.15}, "100.00% of bts"),  # degrees Celsius
        ({"refs": np.full((40, 50, 6), 55.0, np.float32)}, "of refs .*55"),  # per cent
        ({"refs": patched(np.zeros((40, 50, 6), np.float32), 9.96921e36)}, "of refs"),
        ({"refs": np.full((40, 50, 6), 5500, np.int16)}, "refs holds integers .int16."),
        ({"bts": np.full((40, 50, 3), 280, np.uint16)}, "bts holds integers"),
    ],
)
def test_values_that_no_instrument_measures_are_flagged(
    tmp_path: Path, replace: dict[str, object], words: str
) -> None:
    (remark,) = check_scene(write_scene(tmp_path / "S3A_1.hdf", **replace), 40, 50)
    assert re.search(words, remark) and "S3A_1.hdf" in remark and "\n" not in remark


@pytest.mark.parametrize(
    "replace",
    [
        {},
        {"bts": patched(GOOD, 0)},  # not observed
        {"bts": patched(GOOD, np.nan)},
        {"refs": np.full((40, 50, 6), -0.01, np.float32)},  # noise of a dark scene
        {"refs": np.full((40, 50, 6), 1.4, np.float32)},  # sun glint
    ],
)
def test_sound_values_are_not_flagged(tmp_path: Path, replace: dict[str, object]) -> None:
    assert check_scene(write_scene(tmp_path / "S3A_1.hdf", **replace), 40, 50) == []


@pytest.mark.parametrize(
    ("replace", "word"),
    [
        ({"bayes": np.full((40, 50, 1), 255, np.uint8)}, "fill values, not a mask"),
        (
            {"bayes": np.where(np.arange(2000) % 2, -32768, 1).reshape(40, 50, 1).astype(np.int16)},
            "50.00% of bayes",
        ),
        ({"bayes": patched(np.ones((40, 50, 1), np.float32), np.nan)}, "8.00% of bayes are NaN or negative"),
        ({"bayes": patched(np.ones((40, 50, 1), np.int8), -1)}, "taken for clear sky"),
        ({"bayes": np.full((40, 50, 1), 0.05, np.float32)}, "a probability"),
        ({"bts": np.zeros((40, 50, 3), np.float32)}, "nothing was observed"),
    ],
)
def test_values_that_show_nothing_are_said(tmp_path: Path, replace: dict[str, np.ndarray], word: str) -> None:
    (said,) = check_scene(write_scene(tmp_path / "S3A_1.hdf", **replace), 40, 50)
    assert word in said


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({"scale_factor": 0.01}, "has the attribute scale_factor"),
        ({"_FillValue": np.float32(285.0)}, "8.00% of bts are 285, which the file calls missing"),
        ({"scale_factor": 1.0, "add_offset": [0.0], "_FillValue": np.nan, "missing_value": b"none"}, None),
    ],
)
def test_what_a_data_set_states_of_its_values_is_heard(
    tmp_path: Path, attributes: dict[str, object], word: str | None
) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf", bts=patched(GOOD, 285.0))
    with h5py.File(path, "a") as file:
        file["bts"].attrs.update(attributes)
    said = check_scene(path, 40, 50)
    assert len(said) == (word is not None) and all(str(word) in line for line in said)


@pytest.mark.parametrize("kind", ["external", "virtual", "link"])
def test_values_that_lie_in_another_file_are_refused(tmp_path: Path, kind: str) -> None:
    """The digest of the scene does not cover them; where the other file is missing, HDF5 gives fill values."""
    other = write_scene(tmp_path / "other.hdf")
    path, shape = write_scene(tmp_path / "S3A_1.hdf", drop="bts"), (40, 50, 3)
    with h5py.File(path, "a") as file:
        if kind == "external":
            file.create_dataset("bts", shape, "f4", external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(shape, "f4")
            layout[...] = h5py.VirtualSource("gone.hdf", "bts", shape)
            file.create_virtual_dataset("bts", layout, fillvalue=280.0)
        else:
            file["bts"] = h5py.ExternalLink("other.hdf", "/bts")
    assert "lie in another file" in problem(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "S3A_1.hdf")
    assert "not a file" in problem(tmp_path / "S3A_1.hdf")


@pytest.mark.parametrize(
    ("stated", "daylight"),
    [
        ("false", False),
        (b"0", False),
        ("yes", True),
        (np.bool_(True), True),
        (np.array([1]), True),
        (np.array([1, 0]), None),
        ("perhaps", None),
        (h5py.Empty("f"), None),
    ],
)
def test_attributes_of_any_kind(tmp_path: Path, stated: object, daylight: bool | None) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf")
    with h5py.File(path, "a") as file:
        file.attrs.update({"daylight": stated, "synthetic": stated, "latitude": -32768.0, "longitude": "7.5"})
    with open_scene(path) as scene:
        facts = scene.facts()
    assert facts.daylight is daylight and facts.synthetic is (daylight is not False)
    assert facts.latitude is None and facts.longitude == 7.5


def test_a_filter_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf")
    with h5py.File(path, "a") as file:
        del file["bts"]
        kept = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kept.set_chunk((40, 50, 3))
        kept.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, ())  # Blosc
        space = h5py.h5s.create_simple((40, 50, 3))
        data = h5py.h5d.create(file.id, b"bts", h5py.h5t.IEEE_F32LE, space, kept)
        data.write_direct_chunk((0, 0, 0), np.ones((40, 50, 3), np.float32).tobytes())
    assert "filter 32001" in problem(path) and "not installed" in problem(path)


def test_links_to_nothing_and_odd_names_are_said(tmp_path: Path) -> None:
    path = write_scene(tmp_path / "S3A_1.hdf")
    with h5py.File(path, "a") as file:
        del file["bts"]
        file["bts"] = h5py.ExternalLink("gone.hdf", "/bts")
    assert "a link that leads to nothing" in problem(path)
    with h5py.File(path, "a") as file:
        del file["bts"]
        for name in (b"\xff", b"a\x1b[31m", *(b"%d" % n for n in range(99))):
            h5py.h5g.create(file.id, name)
    assert "and 91 more" in problem(path) and problem(path).isprintable()


def test_what_the_file_system_says_is_not_blamed_on_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Unable to synchronously open file (time = ...)")

    monkeypatch.setattr(h5py, "File", stale)
    assert problem(tmp_path / "S3A_1.hdf").endswith("cannot be opened (Stale file handle)")


def test_a_folder_that_cannot_be_listed_has_not_no_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene(tmp_path / "S3A_1.hdf")
    (tmp_path / "S3A_folder.hdf").mkdir()
    assert [path.name for path in find_scenes(tmp_path)] == ["S3A_1.hdf"]

    def denied(path: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(ValueError, match=r"cannot be listed \(Permission denied\)"):
        find_scenes(tmp_path)
