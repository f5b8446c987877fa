"""The state of training between two epochs: weights, Adam's moments and step, and the scale of the loss.

All arrays are flat float32, the model's kernels and biases one after the other in the model's order, so that
the digest of a state depends on neither file format nor framework. docs/evidence.md describes file and digest.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.tensorflow.model import PARAMETERS

if TYPE_CHECKING:
    import keras

UNSCALED = (1.0, 0)


@dataclass(frozen=True)
class TrainingState:
    """What the next epoch starts from, besides the data and their order."""

    weights: np.ndarray  # (PARAMETERS,) float32
    momentum: np.ndarray  # Adam's first moments, (PARAMETERS,) float32
    velocity: np.ndarray  # its second moments, (PARAMETERS,) float32
    step: int  # steps that Adam has taken
    # with float16: factor of the loss, finite steps since it changed
    loss_scale: tuple[float, int] = UNSCALED

    @property
    def weights_digest(self) -> str:
        """SHA-256 of the weights: float32, little-endian."""
        return hashlib.sha256(self.weights.astype("<f4", copy=False).data).hexdigest()

    @property
    def optimizer_digest(self) -> str:
        """SHA-256 of first moments, second moments, and step, scale and counter as three float64."""
        digest = hashlib.sha256()
        for array in (self.momentum, self.velocity):
            digest.update(array.astype("<f4", copy=False).data)
        digest.update(np.array([self.step, *self.loss_scale], "<f8").data)
        return digest.hexdigest()


def initial_weights(seed: int) -> np.ndarray:
    """The weights (PARAMETERS,) float32 that a run of this seed begins with: he_normal kernels, biases of zero.

    Equal to those of build_unet after keras.utils.set_random_seed, whatever patch size and precision.
    """
    import keras

    from reference.tensorflow.weights import expected_shapes

    keras.utils.set_random_seed(seed % 2**32)
    parts = [
        np.asarray(keras.initializers.HeNormal()(shape)) if len(shape) > 1 else np.zeros(shape, np.float32)
        for shape in expected_shapes()
    ]
    return np.concatenate([part.ravel() for part in parts])


def initial_state(seed: int) -> TrainingState:
    """The state before the first epoch of a run of this seed."""
    zeros = np.zeros(PARAMETERS, np.float32)
    return TrainingState(initial_weights(seed), zeros, zeros, 0)


class StateVariables:
    """The variables of a model and its optimiser that make up a TrainingState."""

    def __init__(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        adam = getattr(optimizer, "inner_optimizer", optimizer)
        self._weights = list(model.trainable_variables)
        self._momentum = [v for v in adam.variables if v.path.endswith("_momentum")]
        self._velocity = [v for v in adam.variables if v.path.endswith("_velocity")]
        self._step = adam.iterations
        scaled = adam is not optimizer
        self._scale = (
            [v for v in optimizer.variables if v.path.endswith(("dynamic_scale", "step_counter"))]
            if scaled
            else []
        )
        assert len(self._weights) == len(self._momentum) == len(self._velocity)

    def read(self) -> TrainingState:
        """The state as it is now, copied from the first local replica."""
        scale, count = UNSCALED
        for variable in self._scale:
            if variable.path.endswith("dynamic_scale"):
                scale = float(variable.numpy())
            else:
                count = int(variable.numpy())
        return TrainingState(
            _flat(self._weights),
            _flat(self._momentum),
            _flat(self._velocity),
            int(self._step.numpy()),
            (scale, count),
        )

    def write(self, state: TrainingState) -> None:
        """Continue from this state."""
        for variables, values in (
            (self._weights, state.weights),
            (self._momentum, state.momentum),
            (self._velocity, state.velocity),
        ):
            at = 0
            for variable in variables:
                size = int(np.prod(variable.shape))
                variable.assign(values[at : at + size].reshape(variable.shape))
                at += size
        self._step.assign(state.step)
        for variable in self._scale:
            variable.assign(state.loss_scale[0 if variable.path.endswith("dynamic_scale") else 1])


def _flat(variables: list[Any]) -> np.ndarray:
    return np.concatenate([variable.numpy().ravel() for variable in variables])


def save_state(path: Path, state: TrainingState) -> None:
    """Write a state as .npz, atomically: weights, momentum, velocity and scalars (step, scale, counter)."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with temporary.open("wb") as file:
            np.savez(
                file,
                weights=state.weights,
                momentum=state.momentum,
                velocity=state.velocity,
                scalars=np.array([state.step, *state.loss_scale], np.float64),
            )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_state(path: Path) -> TrainingState:
    """A state that `save_state` wrote, or one that was checked (harness/untrusted/states.py)."""
    with np.load(path, allow_pickle=False) as file:
        step, scale, count = file["scalars"]
        return TrainingState(
            file["weights"], file["momentum"], file["velocity"], int(step), (float(scale), int(count))
        )
