r"""The U-Net by PyTorch, begun from the reference's weights: what another program and its rounding do to the bounds.

    python -m tests.bench.other_framework --data data/smoke --profile smoke --batch 8 --seed 11 --epochs 3 \
        [--rounded tf32] >> lines.jsonl

Needs torch (for processors) beside the harness. First the reference trains its first epoch, then PyTorch trains all of
them, on the same patches in the same order; each line (verb `elsewhere`, for `python -m tests.bench.lineage bounds`)
says how far the weights moved, and the first one how far apart the two losses are. With --rounded what goes into a
convolution, forwards and backwards, has the mantissa of TF32 (10 bits) or bfloat16 (7 bits), as on accelerators.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from harness.check.lineage import kernel_moves
from reference.data.pipeline import epoch_order
from reference.protocol.log import Progress
from reference.tensorflow.weights import as_layers
from tests.bench.lineage import Bench, ways_of

DROPPED = {"none": 0, "tf32": 13, "bfloat16": 16}  # bits of float32's mantissa
RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
LOG_FLOOR = 1e-7  # of a probability, as Keras clips it


def rounded(values: torch.Tensor, dropped: int) -> torch.Tensor:
    """float32 with so many bits of its mantissa rounded away, to the nearest, to even."""
    if not dropped:
        return values
    bits = values.contiguous().view(torch.int32)
    bits = bits + (1 << dropped - 1) - 1 + (bits >> dropped & 1)
    return (bits & ~((1 << dropped) - 1)).view(torch.float32)


class Convolution(torch.autograd.Function):
    """A convolution that keeps the size, of rounded numbers in both directions."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, kernel: torch.Tensor, dropped: int) -> torch.Tensor:
        """x (N, in, H, W), kernel (out, in, k, k): (N, out, H, W)."""
        x, kernel = rounded(x, dropped), rounded(kernel, dropped)
        ctx.save_for_backward(x, kernel)
        ctx.dropped = dropped
        return functional.conv2d(x, kernel, padding=kernel.shape[-1] // 2)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        """Gradients of x and kernel."""
        x, kernel = ctx.saved_tensors
        gradient, padding = rounded(gradient, ctx.dropped), kernel.shape[-1] // 2
        return (
            torch.nn.grad.conv2d_input(x.shape, kernel, gradient, padding=padding),
            torch.nn.grad.conv2d_weight(x, kernel.shape, gradient, padding=padding),
            None,
        )


class Unet:
    """The model, with Adam as Keras has it: epsilon beside the uncorrected second moment."""

    def __init__(self, weights: np.ndarray, dropped: int) -> None:
        self._dropped, self._step = dropped, 0
        layers = [a.transpose(3, 2, 0, 1) if a.ndim == 4 else a for a in as_layers(weights)]
        self._weights = [torch.tensor(a.copy()).requires_grad_(True) for a in layers]
        self._momentum = [torch.zeros_like(w) for w in self._weights]
        self._velocity = [torch.zeros_like(w) for w in self._weights]

    def weights(self) -> np.ndarray:
        """All numbers in the reference's order, (PARAMETERS,) float32."""
        arrays = [w.detach().numpy() for w in self._weights]
        return np.concatenate([(a.transpose(2, 3, 1, 0) if a.ndim == 4 else a).ravel() for a in arrays])

    def train(self, x: np.ndarray, y: np.ndarray) -> float:
        """One step on patches (N, P, P, 9) and labels (N, P, P, 1): their mean loss before it."""
        probability = self._predict(torch.tensor(x.transpose(0, 3, 1, 2).copy()))
        loss = functional.binary_cross_entropy(
            probability.clamp(LOG_FLOOR, 1 - LOG_FLOOR), torch.tensor(y[..., 0].astype(np.float32))
        )
        for w in self._weights:
            w.grad = None
        loss.backward()
        self._step += 1
        rate = RATE * (1 - BETA_2**self._step) ** 0.5 / (1 - BETA_1**self._step)
        with torch.no_grad():
            for w, m, v in zip(self._weights, self._momentum, self._velocity, strict=True):
                assert w.grad is not None
                m += (w.grad - m) * (1 - BETA_1)
                v += (w.grad**2 - v) * (1 - BETA_2)
                w -= rate * m / (v.sqrt() + EPSILON)
        return float(loss.detach())

    def _predict(self, x: torch.Tensor) -> torch.Tensor:
        pairs = iter(zip(self._weights[::2], self._weights[1::2], strict=True))

        def convolved(x: torch.Tensor) -> torch.Tensor:
            kernel, bias = next(pairs)
            return Convolution.apply(x, kernel, self._dropped) + bias.view(1, -1, 1, 1)

        def block(x: torch.Tensor) -> torch.Tensor:
            return functional.relu(convolved(functional.relu(convolved(x))))

        skips = []
        for _ in range(3):
            x = block(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = block(x)
        for skip in reversed(skips):
            x = block(torch.cat([functional.interpolate(x, scale_factor=2, mode="nearest"), skip], 1))
        return torch.sigmoid(convolved(x))[:, 0]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--profile", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounded", choices=DROPPED, default="none")
    parser.set_defaults(
        verb="elsewhere", precision="float32", learning_rate=RATE, devices=1, threads=1, states=None
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    bench = Bench(given)
    beginning, patches = bench.trainer.state().weights, len(bench.train)
    model = Unet(beginning, DROPPED[given.rounded])
    reference = bench.trainer.train_epoch(bench.train, 1, Progress(False)).loss
    for epoch in range(1, given.epochs + 1):
        order, total = epoch_order(patches, given.seed, epoch), 0.0
        for at in range(0, patches, given.batch):
            piece = bench.train.fetch(order[at : at + given.batch])
            total += model.train(piece.inputs, piece.labels) * len(piece.weights)
        bench.say(
            program=f"PyTorch {torch.__version__}",
            rounded=given.rounded,
            epoch=epoch,
            steps=epoch * -(-patches // given.batch),
            loss=total / patches,
            **({"differs": abs(total / patches / reference - 1)} if epoch == 1 else {}),
            **ways_of(kernel_moves(beginning, model.weights()), RATE),
        )


if __name__ == "__main__":
    main()
