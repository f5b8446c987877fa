"""What commitments cost time-to-train: digests of the state after an epoch against that epoch, within one run."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import pytest

pytestmark = pytest.mark.bench
EPOCHS = 3
BATCH = 8
GOAL = 0.005  # of the time-to-train
# that an epoch trains on: patches times pixels of a patch (reference/data/profiles.py)
OFFICIAL_PIXELS = 776 * 20 * 256**2


@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_digests_cost_little_beside_an_epoch(profile: str, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    from reference.data.dataset import describe
    from reference.data.pipeline import PatchStore
    from reference.data.profiles import get_profile
    from reference.data.split import split_patches
    from reference.data.synthetic import synthesize
    from reference.protocol.log import Progress
    from reference.protocol.spec import Hyperparameters, RunSpec
    from reference.tensorflow.checkpoints import Commitments
    from reference.tensorflow.strategies import place
    from reference.tensorflow.training import Trainer

    geometry = get_profile(profile).geometry
    data = describe(synthesize(get_profile(profile), tmp_path), profile, geometry).data
    split = split_patches(len(data.train_files), data.geometry, data.split)
    stores = [
        PatchStore(data.train_files, patches, data.geometry) for patches in (split.train, split.validation)
    ]
    trainer = Trainer(RunSpec(0, 1, data, "", Hyperparameters(global_batch_size=BATCH)), place("one-device"))
    commitments = Commitments(trainer.state)
    shares, waits, digests_s, epochs_s = [], [], [], []
    for epoch in range(1, EPOCHS + 1):
        begun_s, cpu_s = time.monotonic(), time.process_time()
        trainer.train_epoch(stores[0], epoch, Progress(False))
        trainer.evaluate(stores[1], epoch, Progress(False))
        trained_s, trained_cpu_s = time.monotonic(), time.process_time()
        commitments.begin(epoch).result()  # alone, so that its processor time is its own
        digests_s.append(time.process_time() - trained_cpu_s)
        pending = commitments.begin(epoch)  # as a run does it: while the epoch is evaluated
        trainer.evaluate(stores[1], epoch, Progress(False))
        evaluated_s = time.monotonic()
        pending.result()
        waits.append((time.monotonic() - evaluated_s) / (trained_s - begun_s))
        epochs_s.append(trained_cpu_s - cpu_s)
        shares.append(digests_s[-1] / epochs_s[-1])
    commitments.close()
    pixels = len(split.train) * geometry.patch_size**2
    share = median(shares[1:])  # the first epoch builds the graph
    print(
        f"\ndigests: {median(digests_s[1:]):.3f} s of processor time, {share:.2%} of an epoch of {profile} data "
        f"({median(epochs_s[1:]):.1f} s); the run waits for them {median(waits[1:]):.3%} of its time; by pixels, an "
        f"epoch of official data is {OFFICIAL_PIXELS / pixels:.0f} times as much work "
        f"({share * pixels / OFFICIAL_PIXELS:.4%})"
    )
    assert median(waits[1:]) < GOAL
    assert share < GOAL or profile == "smoke"  # whose epochs take a second or two
