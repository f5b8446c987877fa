"""One epoch of training and one evaluation, under any tf.distribute strategy."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reference.logs import Progress
from reference.model import build_unet
from reference.pipeline import Batch, PatchStore, batches, epoch_order, prefetch
from reference.spec import RunSpec
from reference.strategies import Placement

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Score:
    """Mean loss per pixel, share of pixels called right, and how it went."""

    loss: float
    accuracy: float
    samples: int
    duration_s: float

    @property
    def patches_per_s(self) -> float:
        return self.samples / self.duration_s if self.duration_s > 0 else 0.0


class Trainer:
    """The U-Net, its optimiser and the two compiled steps.

    Loss and hits are summed in float64 on the devices and fetched once per epoch: float32 would
    lose pixels beyond 2^24.
    """

    def __init__(self, spec: RunSpec, placement: Placement) -> None:
        import tensorflow as tf

        self._spec = spec
        self._placement = placement
        self._patch = spec.data.geometry.patch_size
        self._batch = spec.hyperparameters.global_batch_size
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
        self._train_step = self._compiled(self._train_replica)
        self._evaluate_step = self._compiled(self._evaluate_replica)

    def trace(self) -> None:
        """Build both graphs without running them: no weight changes and no data is touched."""
        each = self._batch // self._placement.shard.replicas
        piece = (
            np.zeros((each, self._patch, self._patch, 9), np.float32),
            np.zeros((each, self._patch, self._patch, 1), np.uint8),
            np.zeros(each, np.float32),
        )
        values = self._distributed([piece] * self._placement.shard.local)
        for step in (self._train_step, self._evaluate_step):
            step.get_concrete_function(*values, self._scale(self._batch))

    def train_epoch(self, store: PatchStore, epoch: int, progress: Progress) -> Score:
        """Every training patch once, in an order drawn from the run's seed and the epoch's number."""
        order = epoch_order(len(store), self._spec.seed, epoch)
        return self._pass("train", self._train_step, store, order, epoch, progress)

    def evaluate(self, store: PatchStore, epoch: int, progress: Progress) -> Score:
        """Every validation patch once."""
        return self._pass("evaluate", self._evaluate_step, store, np.arange(len(store)), epoch, progress)

    def _pass(
        self,
        phase: str,
        step: Callable[..., Any],
        store: PatchStore,
        order: np.ndarray,
        epoch: int,
        progress: Progress,
    ) -> Score:
        start_s = time.monotonic()
        for total in (self._loss_sum, self._hits):
            total.assign(0.0)
        steps = -(-len(order) // self._batch)
        done = 0
        for number, batch in enumerate(
            prefetch(batches(store, order, self._batch, self._placement.shard)), 1
        ):
            result = step(*self._distributed(_arrays(batch)), self._scale(batch.count))
            done += batch.count
            if progress.due() or number == steps:
                loss, hits = self._first_replica(result, batch)
                progress.say(
                    phase,
                    epoch=epoch,
                    max_epochs=self._spec.hyperparameters.max_epochs,
                    step=number,
                    steps=steps,
                    loss=loss,
                    accuracy=hits,
                    patches_per_s=done / max(time.monotonic() - start_s, 1e-9),
                    target=self._spec.hyperparameters.target_accuracy,
                )
        pixels = len(order) * self._patch**2
        loss_sum, hits_sum = float(self._loss_sum.read_value()), float(self._hits.read_value())
        return Score(loss_sum / pixels, hits_sum / pixels, len(order), time.monotonic() - start_s)

    def _compiled(self, replica_step: Callable[..., Any]) -> Any:
        import tensorflow as tf

        strategy = self._placement.strategy

        def step(inputs: Any, labels: Any, weights: Any, scale: Any) -> Any:
            return strategy.run(replica_step, args=(inputs, labels, weights, scale))

        return tf.function(step)

    def _train_replica(self, inputs: Any, labels: Any, weights: Any, scale: Any) -> Any:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss_sum, hits = self._forward(inputs, labels, weights, training=True)
            # Replicas' gradients are added up, so each contributes its share of the global mean.
            loss = self._optimizer.scale_loss(loss_sum * scale)
        gradients = tape.gradient(loss, self.model.trainable_variables)
        gradients = self._agreed(gradients)
        self._optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return loss_sum, hits

    def _evaluate_replica(self, inputs: Any, labels: Any, weights: Any, scale: Any) -> Any:
        return self._forward(inputs, labels, weights, training=False)

    def _forward(self, inputs: Any, labels: Any, weights: Any, training: bool) -> tuple[Any, Any]:
        """Sums over this replica's pixels of binary cross-entropy and of correct calls."""
        import keras
        import tensorflow as tf

        truth = tf.cast(labels, tf.float32)
        probability = self.model(inputs, training=training)
        weight = tf.reshape(weights, (-1, 1, 1))
        loss = tf.reduce_sum(keras.losses.binary_crossentropy(truth, probability) * weight)
        right = tf.equal(probability > 0.5, truth > 0.5)[..., 0]
        hits = tf.reduce_sum(tf.cast(right, tf.float32) * weight)
        self._loss_sum.assign_add(tf.cast(loss, tf.float64))
        self._hits.assign_add(tf.cast(hits, tf.float64))
        return loss, hits

    def _agreed(self, gradients: list[Any]) -> list[Any]:
        """With float16, an overflow on one replica must make all of them skip the step together."""
        import tensorflow as tf

        if self._spec.precision != "mixed_float16" or self._placement.shard.replicas == 1:
            return gradients
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
        spoiler = tf.where(finite, 0.0, float("nan"))
        spoiler = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, spoiler)
        return [g + tf.cast(spoiler, g.dtype) for g in gradients]

    def _scale(self, count: int) -> Any:
        import tensorflow as tf

        return tf.constant(1.0 / (count * self._patch**2), tf.float32)

    def _distributed(self, pieces: list[tuple[np.ndarray, ...]]) -> list[Any]:
        """Each local replica's arrays as one per-replica value per argument."""
        import tensorflow as tf

        strategy = self._placement.strategy
        if self._placement.shard.replicas == 1:
            return [tf.constant(array) for array in pieces[0]]
        first = self._placement.shard.first
        return [
            strategy.experimental_distribute_values_from_function(
                lambda context, at=at: tf.constant(
                    pieces[(context.replica_id_in_sync_group - first) % len(pieces)][at]
                )
            )
            for at in range(3)
        ]

    def _first_replica(self, result: Any, batch: Batch) -> tuple[float | None, float | None]:
        """Loss and accuracy of the first local replica's last step, for the display only."""
        values = [self._placement.strategy.experimental_local_results(value)[0] for value in result]
        pixels = float(batch.pieces[0].weights.sum()) * self._patch**2
        return tuple(float(value) / pixels if pixels else None for value in values)  # type: ignore[return-value]


def make_optimizer(spec: RunSpec) -> keras.optimizers.Optimizer:
    """Adam as the spec says; with float16, gradients are scaled so that small ones do not vanish."""
    import keras

    h = spec.hyperparameters
    adam = keras.optimizers.Adam(
        learning_rate=h.learning_rate, beta_1=h.adam_beta_1, beta_2=h.adam_beta_2, epsilon=h.adam_epsilon
    )
    if spec.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(adam)
    return adam


def _arrays(batch: Batch) -> list[tuple[np.ndarray, ...]]:
    return [(piece.inputs, piece.labels, piece.weights) for piece in batch.pieces]
