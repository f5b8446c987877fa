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

SEED_LIMIT = 2**31 - 1


def main() -> int:
    """Entry point. Returns 2 when the seed is none, or the file cannot be written."""
    parser = argparse.ArgumentParser(
        prog="python -m reference",
        description="Without arguments: one run, as CLOUDMASK_RUN_SPEC describes it.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    weights = verbs.add_parser(
        "weights",
        help="write the weights that a run of a seed begins with",
        epilog="example: python -m reference weights --seed 1748329 --out beginning.npz",
    )
    weights.add_argument("--seed", type=_seed, required=True, help="the seed of the run spec")
    weights.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="file to write")
    given = parser.parse_args()
    try:
        write_initial_weights(given.seed, given.out)
    except OSError as error:
        print(f"cloudmask reference: {given.out}: {error.strerror or error}", file=sys.stderr)
        return 2
    print(f"{given.out}: what a run with seed {given.seed} begins with")
    return 0


def _seed(text: str) -> int:
    """A seed as the harness draws them. Raises ArgumentTypeError."""
    if not text.isdecimal() or len(text) > 10 or not 1 <= int(text) <= SEED_LIMIT:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {SEED_LIMIT} is expected")
    return int(text)


def write_initial_weights(seed: int, path: Path) -> None:
    """Write the initial weights of a seed as .npz. Raises OSError."""
    quiet_tensorflow()
    from reference.tensorflow.state import initial_weights
    from reference.tensorflow.weights import as_layers

    layers = as_layers(initial_weights(seed))
    arrays = {f"{'bias' if at % 2 else 'kernel'}_{at // 2:02d}": layer for at, layer in enumerate(layers)}
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
