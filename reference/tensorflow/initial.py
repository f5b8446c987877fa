"""`python -m reference weights`: the initial weights of a seed as a file, for implementations in other frameworks.

The file is an uncompressed .npz without pickled objects. Arrays kernel_00 to kernel_14, (height, width, in, out)
float32, and bias_00 to bias_14, (out,) float32, in the order in which the model applies its convolutions.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from reference.tensorflow.environment import quiet_tensorflow


def main() -> int:
    """Entry point. Returns 2 when the file cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m reference",
        description="Without arguments: one run, as CLOUDMASK_RUN_SPEC describes it.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    weights = verbs.add_parser("weights", help="write the weights that a run of a seed begins with")
    weights.add_argument("--seed", type=int, required=True, help="the seed of the run spec")
    weights.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    given = parser.parse_args()
    try:
        write_initial_weights(given.seed, given.out)
    except OSError as error:
        print(f"cloudmask reference: {given.out}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def write_initial_weights(seed: int, path: Path) -> None:
    """Write the initial weights of a seed as .npz. Raises OSError."""
    quiet_tensorflow()
    from reference.tensorflow.state import initial_weights
    from reference.tensorflow.weights import as_layers

    layers = as_layers(initial_weights(seed))
    arrays = {f"{'bias' if at % 2 else 'kernel'}_{at // 2:02d}": layer for at, layer in enumerate(layers)}
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
