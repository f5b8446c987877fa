"""States between epochs: digests that are of their epoch, files, continuing, and the beginning of a seed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reference.data.dataset import describe
from reference.data.pipeline import PatchStore
from reference.data.split import split_patches
from reference.protocol.log import Progress
from reference.protocol.spec import Hyperparameters, RunSpec
from reference.tensorflow.checkpoints import Commitments, checkpoint_name
from reference.tensorflow.model import PARAMETERS
from reference.tensorflow.state import TrainingState, load_state, save_state
from reference.tensorflow.weights import as_layers
from tests.support.scenes import SMALL, write_set


def made(seed: int = 0) -> TrainingState:
    rng = np.random.default_rng(seed)
    return TrainingState(
        *(rng.standard_normal(PARAMETERS).astype(np.float32) for _ in range(3)), 7, (2048.0, 3)
    )


def test_digests_are_those_of_the_bytes():
    state = made()
    assert state.weights_digest == hashlib.sha256(state.weights.astype("<f4").tobytes()).hexdigest()
    rest = state.momentum.tobytes() + state.velocity.tobytes() + np.array([7, 2048, 3], "<f8").tobytes()
    assert state.optimizer_digest == hashlib.sha256(rest).hexdigest()


def test_a_file_and_back(tmp_path: Path):
    save_state(tmp_path / "state.npz", made())
    again = load_state(tmp_path / "state.npz")
    assert (again.weights_digest, again.optimizer_digest) == (made().weights_digest, made().optimizer_digest)
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def test_a_disk_that_cannot_be_written_sinks_no_commitment(tmp_path: Path, capsys):
    (tmp_path / "file").write_text("")
    commitments = Commitments(made, str(tmp_path / "file/below"))
    digests = [commitments.begin(epoch).result() for epoch in (1, 2)]
    commitments.close()
    assert digests == [(made().weights_digest, made().optimizer_digest)] * 2
    assert capsys.readouterr().err.count("could not be written") == 1


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """A trainer with its data, and the states after two epochs, read in the thread that commits to them."""
    keras = pytest.importorskip("keras")
    from reference.tensorflow.strategies import place
    from reference.tensorflow.training import Trainer

    root = tmp_path_factory.mktemp("state")
    data = describe(write_set(root / "data"), "tiny", SMALL).data
    spec = RunSpec(0, 11, data, "", Hyperparameters(global_batch_size=4))
    split = split_patches(len(data.train_files), data.geometry, data.split)
    store = PatchStore(data.train_files, split.train, data.geometry)
    keras.utils.set_random_seed(spec.seed)
    trainer = Trainer(spec, place("one-device"))
    beginning = trainer.state()
    commitments, digests = Commitments(trainer.state, str(root / "states")), []
    for epoch in (1, 2):
        trainer.train_epoch(store, epoch, Progress(False))
        digests.append(commitments.begin(epoch).result())
    commitments.close()
    return trainer, store, root / "states", digests, beginning


def test_the_beginning_follows_from_the_seed(trained):
    from reference.tensorflow.state import initial_state

    beginning, again = trained[4], initial_state(11)
    assert (beginning.weights == again.weights).all() and beginning.step == again.step == 0
    assert not beginning.momentum.any() and beginning.optimizer_digest == again.optimizer_digest
    assert (initial_state(12).weights != again.weights).any()


def test_each_digest_is_of_its_own_epoch(trained):
    _, _, folder, digests, _ = trained
    states = [load_state(folder / checkpoint_name(epoch)) for epoch in (1, 2)]
    assert [(s.weights_digest, s.optimizer_digest) for s in states] == digests
    assert digests[0] != digests[1] and states[1].step == 2 * states[0].step


def test_continuing_from_a_state_repeats_the_epoch(trained):
    from harness.check.retraining import distances

    trainer, store, folder, _, _ = trained
    before, after = (load_state(folder / checkpoint_name(epoch)) for epoch in (1, 2))
    trainer.restore(before)
    trainer.train_epoch(store, 2, Progress(False))
    assert distances(before, after, trainer.state())[1] < 0.1
    trainer.restore(before)
    trainer.train_epoch(store, 3, Progress(False))  # another order of the same patches
    assert distances(before, after, trainer.state())[1] > 0.2


def test_loss_scale_is_part_of_the_state():
    keras = pytest.importorskip("keras")
    from reference.tensorflow.model import build_unet
    from reference.tensorflow.state import StateVariables

    model = build_unet(8, "mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    optimizer.build(model.trainable_variables)
    variables = StateVariables(model, optimizer)
    assert variables.read().loss_scale[0] > 1
    variables.write(made())
    assert variables.read().optimizer_digest == made().optimizer_digest


@pytest.mark.slow
def test_initial_weights_as_a_file(tmp_path: Path):
    pytest.importorskip("tensorflow")
    from reference.tensorflow.state import initial_weights

    command = [sys.executable, "-m", "reference", "weights", "--seed", "5", "--out", "w.npz"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        layers = as_layers(initial_weights(5))
        assert len(file.files) == len(layers)
        for at, layer in enumerate(layers):
            assert (file[f"{'bias' if at % 2 else 'kernel'}_{at // 2:02d}"] == layer).all()
    refused = subprocess.run([*command[:-1], "no/where.npz"], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 2 and "no/where.npz" in refused.stderr


@pytest.mark.parametrize("seed", ["-1", "0", "2147483648", "99999999999999999999", "x"])
def test_what_is_no_seed_begins_nothing(
    seed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from reference.tensorflow.initial import main

    out = tmp_path / "w.npz"
    monkeypatch.setattr(sys, "argv", ["reference", "weights", "--seed", seed, "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and not out.exists()
    assert "a whole number from 1 to 2147483647 is expected" in capsys.readouterr().err
