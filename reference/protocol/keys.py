"""Keys and values of a log that do not depend on the run spec, apart so that who reads logs loads nothing else."""

from __future__ import annotations

# After each epoch: digest of the weights, with epoch_num and optimizer_digest as metadata (docs/evidence.md).
COMMITMENT_KEY = "weights_commitment"

NORMALISATIONS = ("fixed", "per-scene")  # of the inputs; the reference's first
AUGMENTATIONS = ("none", "radiometric")
# logged where not the reference's
NORMALISATION_KEY, AUGMENTATION_KEY = "data_normalisation", "data_augmentation"
