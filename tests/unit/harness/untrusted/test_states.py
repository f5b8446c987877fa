"""States of an answer: only plain arrays of the expected names, types and shapes are read."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from harness.untrusted.hdf5_guard import Reader
from harness.untrusted.states import MAX_FILE_BYTES, read_head, read_states
from reference.tensorflow.model import PARAMETERS

HEAD = {"schema": 1, "answered_s": 1.0}


def arrays(**changes: object) -> dict[str, np.ndarray]:
    """A whole answer about one epoch."""
    made = {"head": np.frombuffer(json.dumps(HEAD).encode(), np.uint8)}
    for side in ("before", "after"):
        for part in ("weights", "momentum", "velocity"):
            made[f"0_{side}_{part}"] = np.full(PARAMETERS, 0.5, np.float32)
        made[f"0_{side}_scalars"] = np.array([60.0, 1.0, 0.0])
    made.update(changes)  # type: ignore[arg-type]
    return {name: values for name, values in made.items() if values is not None}


@pytest.fixture
def answer(tmp_path: Path):
    def write(**changes: object) -> Path:
        path = tmp_path / "answer.npz"
        np.savez(path, **arrays(**changes))  # type: ignore[arg-type]
        return path

    return write


def test_a_whole_answer(answer):
    path = answer()
    assert read_head(path) == HEAD
    states = read_states(path, 0)
    assert states.keys() == {"before", "after"} and states["after"]["scalars"][0] == 60
    assert read_states(path, 1) == {}


def test_through_the_guarded_process(answer):
    path = answer()
    reader = Reader()
    assert reader.answer_head(path) == HEAD
    assert reader.answer_states(path, 0)["before"]["weights"].shape == (PARAMETERS,)
    with pytest.raises(ValueError, match="not an .npz"):
        path.write_bytes(b"nothing")
        reader.answer_head(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"0_after_weights": np.zeros(5, np.float32)},
        {"0_after_weights": np.zeros(PARAMETERS, np.float64)},
        {"0_after_weights": np.zeros((PARAMETERS, 1), np.float32)},
        {"0_after_weights": np.full(PARAMETERS, np.nan, np.float32)},
        {"0_after_momentum": None},
        {"0_before_scalars": np.array([np.inf, 1, 0])},
        {"0_before_scalars": np.array([1, 2, 3])},
        {"0_after_velocity": np.array([{"a": 1}], dtype=object)},
    ],
)
def test_states_of_another_form(answer, changes):
    with pytest.raises(ValueError, match="0_|not finite|cannot be read"):
        read_states(answer(**changes), 0)


@pytest.mark.parametrize(
    "head",
    [np.frombuffer(b"[1]", np.uint8), np.frombuffer(b"{", np.uint8), np.zeros(1 << 17, np.uint8), None],
)
def test_heads_of_another_form(answer, head):
    with pytest.raises(ValueError):
        read_head(answer(head=head))


def test_compressed_and_pickled(tmp_path):
    path = tmp_path / "answer.npz"
    np.savez_compressed(path, **arrays())
    with pytest.raises(ValueError, match="compressed"):
        read_states(path, 0)
    ran = tmp_path / "ran"

    class Trap:
        def __reduce__(self):
            return (Path.touch, (ran,))

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Trap()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0_after_weights.npy", buffer.getvalue())
        archive.writestr("head.npy", pickle.dumps(Trap()))
    for read in (lambda: read_states(path, 0), lambda: read_head(path)):
        with pytest.raises(ValueError):
            read()
    assert not ran.exists()


def test_sizes_are_bounded(tmp_path):
    path = tmp_path / "answer.npz"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ValueError, match="larger than"):
        read_head(path)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2000):
            archive.writestr(f"{number}.npy", b"")
    with pytest.raises(ValueError, match="too many"):
        read_head(path)


def test_cut_off(answer):
    path = answer()
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError):
        read_states(path, 0)
