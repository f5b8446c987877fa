"""One epoch of training and one evaluation, under any tf.distribute strategy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.data.augmentation import Radiometric
from reference.data.patches import CHANNELS
from reference.data.pipeline import Batch, PatchStore, Piece, batches, epoch_order, piece_size, prefetch
from reference.protocol.log import Progress
from reference.protocol.spec import RunSpec
from reference.tensorflow import xla
from reference.tensorflow.model import build_unet
from reference.tensorflow.state import StateVariables, TrainingState
from reference.tensorflow.strategies import Placement

if TYPE_CHECKING:
    import keras

CALL_BYTES = 64 << 20
MAX_STEPS_PER_CALL = 16
PLACED_CALLS = 1


@dataclass(frozen=True)
class Score:
    """Mean loss per pixel and share of correct pixels of one pass, with its number of patches and duration."""

    loss: float
    accuracy: float
    samples: int
    duration_s: float

    @property
    def patches_per_s(self) -> float:
        """Patches per second; 0 for a pass that took no time."""
        return self.samples / self.duration_s if self.duration_s > 0 else 0.0


class Trainer:
    """The U-Net, its optimiser and two compiled passes, each over several steps.

    Loss and hits are summed in float64 on the devices (float32 cannot count beyond 2^24 pixels) and
    fetched once per epoch. Nothing is fetched after a step; the display reads the sums one call later,
    when they are ready, so that no device waits for it.
    """

    def __init__(self, spec: RunSpec, placement: Placement) -> None:
        import tensorflow as tf

        self._spec = spec
        self._placement = placement
        self._patch = spec.data.geometry.patch_size
        self._batch = spec.hyperparameters.global_batch_size
        self._each = piece_size(self._batch, placement.shard)
        self._steps = steps_per_call(self._each * placement.shard.local, self._patch)
        with placement.strategy.scope():
            self.model = build_unet(self._patch, spec.precision)
            self._optimizer = make_optimizer(spec)
            self._optimizer.build(self.model.trainable_variables)
            self._loss_sum, self._hits = (
                tf.Variable(
                    0.0,
                    dtype=tf.float64,
                    trainable=False,
                    synchronization=tf.VariableSynchronization.ON_READ,
                    aggregation=tf.VariableAggregation.SUM,
                )
                for _ in range(2)
            )
        self._variables = StateVariables(self.model, self._optimizer)
        self._xla = {training: xla.helps(self.model, self._patch, training) for training in (True, False)}
        self._gradients = xla.compiled(self._gradients_of, self._xla[True])
        self._score = xla.compiled(self._score_of, self._xla[False])
        self._train_steps = self._compiled(self._train_replica)
        self._evaluate_steps = self._compiled(self._evaluate_replica)

    def trace(self) -> None:
        """Build both graphs without training: no weight changes and no data is read.

        Functions that XLA compiles have to run once, on zeros with weight zero.
        """
        import tensorflow as tf

        size = self._steps * self._each
        piece = Piece(
            np.zeros((size, self._patch, self._patch, CHANNELS), np.float32),
            np.zeros((size, self._patch, self._patch, 1), np.uint8),
            np.zeros(size, np.float32),
        )
        batch = Batch([piece] * self._placement.shard.local, (self._batch,) * self._steps)
        arguments = self._placed(batch)
        for compiled in (self._train_steps, self._evaluate_steps):
            compiled.get_concrete_function(*arguments)
        passes = [
            (self._gradients, (tf.constant(0.0),)) if training else (self._score, ())
            for training in (True, False)
            if self._xla[training]
        ]
        zeros = [tf.constant(array[: self._each]) for array in (piece.inputs, piece.labels, piece.weights)]
        for one, more in passes:
            # Inside a plain function: some strategies run a copy of a tf.function, compiled separately.
            tf.function(
                lambda one=one, more=more: self._placement.strategy.run(
                    lambda *arrays: one(*arrays), (*zeros, *more)
                )
            )()

    def state(self) -> TrainingState:
        """A copy of weights and optimiser as they are now. Any thread may ask, between two training epochs."""
        return self._variables.read()

    def restore(self, state: TrainingState) -> None:
        """Continue training from a state."""
        self._variables.write(state)

    def train_epoch(self, store: PatchStore, epoch: int, progress: Progress) -> Score:
        """Train on every patch once, in an order drawn from the run's seed and the epoch's number."""
        if self._spec.augmentation == "radiometric":
            store.change = Radiometric(self._spec.seed, epoch)
        order = epoch_order(len(store), self._spec.seed, epoch)
        return self._pass("train", self._train_steps, store, order, epoch, progress)

    def evaluate(self, store: PatchStore, epoch: int, progress: Progress) -> Score:
        """Evaluate every validation patch once."""
        return self._pass("evaluate", self._evaluate_steps, store, np.arange(len(store)), epoch, progress)

    def _pass(
        self,
        phase: str,
        compiled: Callable[..., Any],
        store: PatchStore,
        order: np.ndarray,
        epoch: int,
        progress: Progress,
    ) -> Score:
        start_s = time.monotonic()
        for total in (self._loss_sum, self._hits):
            total.assign(0.0)
        done = 0
        shown: Callable[[], None] | None = None
        for batch, arguments in prefetch(self._calls(store, order), PLACED_CALLS):
            compiled(*arguments)
            done += batch.count
            if shown:
                shown()
            shown = self._display(phase, epoch, done, len(order), start_s, progress)
        if shown:
            shown()
        pixels = len(order) * self._patch**2
        loss_sum, hits_sum = float(self._loss_sum.read_value()), float(self._hits.read_value())
        return Score(loss_sum / pixels, hits_sum / pixels, len(order), time.monotonic() - start_s)

    def _calls(self, store: PatchStore, order: np.ndarray) -> Iterator[tuple[Batch, list[Any]]]:
        """An epoch's data, call by call, placed on its devices (by the prefetching thread)."""
        for batch in batches(store, order, self._batch, self._placement.shard, self._steps):
            yield batch, self._placed(batch)

    def _compiled(self, replica_step: Callable[..., Any]) -> Any:
        """Several steps as one graph, so that the host takes part only between calls."""
        import tensorflow as tf

        strategy, each = self._placement.strategy, self._each

        def step(at: Any, *arrays: Any, scales: Any) -> None:
            mine = (tf.reshape(array, (-1, each, *array.shape[1:]))[at] for array in arrays)
            replica_step(*mine, scales[at])

        def steps(count: Any, scales: Any, *arrays: Any) -> None:
            for at in tf.range(count):
                strategy.run(step, args=(at, *arrays), kwargs={"scales": scales})

        return tf.function(steps)

    def _train_replica(self, inputs: Any, labels: Any, weights: Any, scale: Any) -> None:
        gradients = self._agreed(self._gradients(inputs, labels, weights, scale))
        self._optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))

    def _evaluate_replica(self, inputs: Any, labels: Any, weights: Any, scale: Any) -> None:
        self._score(inputs, labels, weights)

    def _gradients_of(self, inputs: Any, labels: Any, weights: Any, scale: Any) -> list[Any]:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss_sum = self._forward(inputs, labels, weights, training=True)
            # The gradients of replicas are added up, so each contributes its share of the global mean.
            loss = self._optimizer.scale_loss(loss_sum * scale)
        gradients: list[Any] = tape.gradient(loss, self.model.trainable_variables)
        return gradients

    def _score_of(self, inputs: Any, labels: Any, weights: Any) -> None:
        self._forward(inputs, labels, weights, training=False)

    def _forward(self, inputs: Any, labels: Any, weights: Any, training: bool) -> Any:
        """This replica's binary cross-entropy, summed over pixels. Adds it and the hits to the epoch's sums."""
        import keras
        import tensorflow as tf

        truth = tf.cast(labels, tf.float32)
        probability = self.model(inputs, training=training)
        weight = tf.reshape(weights, (-1, 1, 1))
        loss = tf.reduce_sum(keras.losses.binary_crossentropy(truth, probability) * weight)
        correct = tf.equal(probability > 0.5, truth > 0.5)[..., 0]
        hits = tf.reduce_sum(tf.cast(correct, tf.float32) * weight)
        self._loss_sum.assign_add(tf.cast(loss, tf.float64))
        self._hits.assign_add(tf.cast(hits, tf.float64))
        return loss

    def _agreed(self, gradients: list[Any]) -> list[Any]:
        """With float16, an overflow on one replica must make all replicas skip the step together."""
        import tensorflow as tf

        if self._spec.precision != "mixed_float16" or self._placement.shard.replicas == 1:
            return gradients
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
        spoiler = tf.where(finite, 0.0, float("nan"))
        spoiler = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, spoiler)
        return [g + tf.cast(spoiler, g.dtype) for g in gradients]

    def _placed(self, batch: Batch) -> list[Any]:
        """Arguments of a compiled pass: number of steps, a scale for each, the replicas' arrays.

        The arrays are copied to the devices here, by the prefetching thread, while these still compute.
        """
        import tensorflow as tf

        strategy, shard = self._placement.strategy, self._placement.shard
        scales = np.zeros(self._steps, np.float32)
        scales[: len(batch.counts)] = [1.0 / (count * self._patch**2) for count in batch.counts]
        arrays = [(piece.inputs, piece.labels, piece.weights) for piece in batch.pieces]
        if shard.replicas == 1:
            with tf.device(strategy.extended.worker_devices[0]):
                data = [tf.constant(array) for array in arrays[0]]
        else:
            data = [
                strategy.experimental_distribute_values_from_function(
                    lambda context, at=at: tf.constant(
                        arrays[(context.replica_id_in_sync_group - shard.first) % len(arrays)][at]
                    )
                )
                for at in range(3)
            ]
        return [tf.constant(len(batch.counts)), tf.constant(scales), *data]

    def _display(
        self, phase: str, epoch: int, done: int, total: int, start_s: float, progress: Progress
    ) -> Callable[[], None] | None:
        """A function that shows the progress of the pass, if that is due; to be called once the sums are there.

        Loss and accuracy are means up to now on the first local replica: reading those of all replicas
        would need a collective operation, and only one process shows anything.
        """
        if not progress.due():
            return None
        sums = [
            self._placement.strategy.experimental_local_results(v)[0] for v in (self._loss_sum, self._hits)
        ]
        loss, hits = (value.read_value() for value in sums)
        pixels = done / self._placement.shard.replicas * self._patch**2

        def show() -> None:
            progress.say(
                phase,
                epoch=epoch,
                max_epochs=self._spec.hyperparameters.max_epochs,
                step=-(-done // self._batch),
                steps=-(-total // self._batch),
                loss=float(loss) / pixels,
                accuracy=float(hits) / pixels,
                patches_per_s=done / max(time.monotonic() - start_s, 1e-9),
                target=self._spec.hyperparameters.target_accuracy,
            )

        return show


def steps_per_call(patches: int, patch_size: int) -> int:
    """How many steps, each of `patches` local patches, are bundled into one call.

    A full-size step takes long enough to hide the overhead of a call; bundling it would only take memory.
    """
    return max(1, min(MAX_STEPS_PER_CALL, CALL_BYTES // (patches * patch_size**2 * (CHANNELS * 4 + 1))))


def make_optimizer(spec: RunSpec) -> keras.optimizers.Optimizer:
    """Adam with the spec's hyperparameters; with float16, the loss is scaled so that small gradients survive."""
    import keras

    h = spec.hyperparameters
    adam = keras.optimizers.Adam(
        learning_rate=h.learning_rate, beta_1=h.adam_beta_1, beta_2=h.adam_beta_2, epsilon=h.adam_epsilon
    )
    if spec.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(adam)
    return adam
