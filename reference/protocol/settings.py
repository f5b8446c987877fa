"""What the reference computes with by default, and the MLLOG keys and values under which a run states it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reference.protocol.spec import Hyperparameters, RunSpec, Split

DEFAULTS = Hyperparameters()
DEFAULT_SPLIT = Split()
DEFAULT_PRECISION = RunSpec.precision

# Precision of a run spec -> lowest numerical precision of the convolutions, as MLPerf names it.
PRECISIONS: Mapping[str, str] = MappingProxyType(
    {DEFAULT_PRECISION: "fp32", "mixed_bfloat16": "bfloat16", "mixed_float16": "fp16"}
)

# Field of Hyperparameters (and of a recipe) -> MLLOG key.
HYPERPARAMETER_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "global_batch_size": "global_batch_size",
        "learning_rate": "opt_base_learning_rate",
        "adam_beta_1": "opt_adam_beta_1",
        "adam_beta_2": "opt_adam_beta_2",
        "adam_epsilon": "opt_adam_epsilon",
        "max_epochs": "max_epochs",
        "early_stopping_patience": "early_stopping_patience",
        "target_accuracy": "target_quality",
    }
)

LINEAR_PRECISION_KEY = "lowest_numerical_precision_in_linear"

# The reference's loss and optimiser.
METHOD: Mapping[str, object] = MappingProxyType(
    {"opt_name": "adam", "opt_weight_decay": 0.0, "loss_function": "binary_crossentropy"}
)
EVALUATION: Mapping[str, object] = MappingProxyType({"evaluation_frequency": 1})  # after every epoch


def hyperparameter_settings(hyperparameters: Hyperparameters) -> dict[str, object]:
    """The hyperparameters by MLLOG key."""
    return {key: getattr(hyperparameters, name) for name, key in HYPERPARAMETER_KEYS.items()}
