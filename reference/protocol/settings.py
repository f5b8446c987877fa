"""What the reference computes with by default, and the MLLOG keys and values under which a run states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from reference.protocol.keys import AUGMENTATION_KEY, AUGMENTATIONS, NORMALISATION_KEY, NORMALISATIONS
from reference.protocol.spec import Hyperparameters, RunSpec, Split

DEFAULTS = Hyperparameters()
DEFAULT_SPLIT = Split()
DEFAULT_PRECISION = RunSpec.precision

# Precision of a run spec -> lowest numerical precision of the convolutions, as MLPerf names it.
PRECISIONS: Mapping[str, str] = MappingProxyType(
    {DEFAULT_PRECISION: "fp32", "mixed_bfloat16": "bfloat16", "mixed_float16": "fp16"}
)
TF32 = "tf32"  # logged for float32 where the hardware rounds its convolutions to TF32

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
COMMUNICATION_PRECISION_KEY = "lowest_numerical_precision_in_comm"
PARAMETERS_KEY = "model_parameters_count"

# The reference's loss and optimiser.
METHOD: Mapping[str, object] = MappingProxyType(
    {"opt_name": "adam", "opt_weight_decay": 0.0, "loss_function": "binary_crossentropy"}
)
EVALUATION: Mapping[str, object] = MappingProxyType({"evaluation_frequency": 1})  # after every epoch
# Plain data parallelism: each replica has the whole model and takes part in every step.
PARALLELISM: Mapping[str, object] = MappingProxyType(
    {
        "gradient_accumulation_steps": 1,
        "tensor_parallelism": 1,
        "pipeline_parallelism": 1,
        "context_parallelism": 1,
        "expert_parallelism": 1,
    }
)


@dataclass(frozen=True)
class Samples:
    """What a split of the training scenes gives: patches and the scenes they come from."""

    train_samples: int
    eval_samples: int
    train_scenes: int
    eval_scenes: int
    split_digest: str  # of the patches on either side; equal in all runs on one data set


def hyperparameter_settings(hyperparameters: Hyperparameters) -> dict[str, object]:
    """The hyperparameters by MLLOG key."""
    return {key: getattr(hyperparameters, name) for name, key in HYPERPARAMETER_KEYS.items()}


def run_settings(
    spec: RunSpec, samples: Samples, parameters: int, replicas: int = 1, precision: str | None = None
) -> dict[str, object]:
    """Every setting that a run of the reference logs before `init_stop`, by MLLOG key, `seed` first.

    `parameters` is the number of the model's trainable parameters, `precision` the logged name of the
    lowest precision in use (by default the one that the spec asks for). Raises KeyError for a spec
    with an unknown precision.
    """
    return {
        "seed": spec.seed,
        "number_of_ranks": replicas,
        "micro_batch_size": spec.hyperparameters.global_batch_size // replicas,
        **PARALLELISM,
        **hyperparameter_settings(spec.hyperparameters),
        **METHOD,
        **EVALUATION,
        LINEAR_PRECISION_KEY: precision or PRECISIONS[spec.precision],
        # Gradients are those of the float32 variables, whatever the precision of the layers.
        COMMUNICATION_PRECISION_KEY: PRECISIONS[DEFAULT_PRECISION],
        PARAMETERS_KEY: parameters,
        "patch_size": spec.data.geometry.patch_size,
        "train_samples": samples.train_samples,
        "eval_samples": samples.eval_samples,
        "train_scenes": samples.train_scenes,
        "eval_scenes": samples.eval_scenes,
        "test_scenes": len(spec.data.test_files),
        "split_digest": samples.split_digest,
        **beyond_reference(spec),
    }


def beyond_reference(spec: RunSpec) -> dict[str, object]:
    """What is done with the inputs that the reference does not do, by MLLOG key; empty in closed."""
    asked = {
        NORMALISATION_KEY: (spec.data.normalisation, NORMALISATIONS[0]),
        AUGMENTATION_KEY: (spec.augmentation, AUGMENTATIONS[0]),
    }
    return {key: value for key, (value, usual) in asked.items() if value != usual}
