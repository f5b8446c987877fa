"""Where a run trains: on one device, on all devices of a machine, or on several machines."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from reference.data.pipeline import Shard

STRATEGIES = ("one-device", "mirrored", "multi-worker")


@dataclass(frozen=True)
class Placement:
    """A tf.distribute strategy, this process' replicas, and whether this process logs and saves."""

    strategy: Any
    shard: Shard
    chief: bool

    def meet(self) -> None:
        """Wait for every worker: to the others, one that exits early looks like one that died."""
        import tensorflow as tf

        if self.shard.local == self.shard.replicas:
            return

        def one() -> Any:
            return tf.distribute.get_replica_context().all_reduce(
                tf.distribute.ReduceOp.SUM, tf.constant(1.0)
            )

        tf.function(lambda: self.strategy.run(one))()


def is_chief(strategy_name: str) -> bool:
    """Whether this process logs and saves, from TF_CONFIG alone (so before TensorFlow is loaded).

    Raises ValueError for a broken TF_CONFIG.
    """
    if strategy_name != "multi-worker":
        return True
    return _task_position() == 0


def place(strategy_name: str) -> Placement:
    """Make the strategy. Raises ValueError for an unknown name or a broken TF_CONFIG.

    GPU memory is allocated as it is needed, so that other processes see how much is free.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if strategy_name == "one-device":
        return Placement(tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0"), Shard(), True)
    if strategy_name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
        count = strategy.num_replicas_in_sync
        return Placement(strategy, Shard(count, 0, count), True)
    if strategy_name == "multi-worker":
        position = _task_position()
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        local = len(strategy.extended.worker_devices)
        return Placement(
            strategy, Shard(strategy.num_replicas_in_sync, position * local, local), position == 0
        )
    raise ValueError(f"strategy {strategy_name!r}: one of {', '.join(STRATEGIES)} expected")


def _task_position() -> int:
    """This process' position among all workers (chief first), from TF_CONFIG. Raises ValueError."""
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        task, cluster = config["task"], config["cluster"]
        before = len(cluster.get("chief", [])) if task["type"] == "worker" else 0
        return before + int(task["index"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            "TF_CONFIG does not name a cluster and a task, which the multi-worker strategy needs"
        ) from None
