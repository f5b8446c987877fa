"""Commitments: the digest of weights and optimiser after each epoch, and the states themselves where asked for.

Copying, hashing and writing happen in threads of their own while the epoch is evaluated, which changes no
weight; the next epoch begins only when the digests are known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from reference.tensorflow.state import TrainingState, save_state


def checkpoint_name(epoch: int) -> str:
    """File name of the state after an epoch."""
    return f"epoch_{epoch:04d}.npz"


class Commitments:
    """Digests, and with a folder the files, of the states after the epochs of one run."""

    def __init__(self, state: Callable[[], TrainingState], folder: str | None = None) -> None:
        self._state = state
        self._folder = Path(folder) if folder else None
        self._pool = ThreadPoolExecutor(3, thread_name_prefix="commitment")
        self._written: Future[None] | None = None

    def begin(self, epoch: int) -> Future[tuple[str, str]]:
        """Start to read the state. No weight may change until the result is there: digests of weights and optimiser."""
        return self._pool.submit(self._commit, epoch)

    def _commit(self, epoch: int) -> tuple[str, str]:
        state = self._state()
        weights = self._pool.submit(lambda: state.weights_digest)
        if self._folder is not None:
            if self._written is not None:
                self._written.result()  # at most one state waits for a slow disk
            self._written = self._pool.submit(self._write, self._folder, epoch, state)
        optimizer = state.optimizer_digest
        return weights.result(), optimizer

    def _write(self, folder: Path, epoch: int, state: TrainingState) -> None:
        """A checkpoint that cannot be written is said once, and sinks no run."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_state(folder / checkpoint_name(epoch), state)
        except OSError as error:
            self._folder = None
            print(
                f"cloudmask reference: checkpoints could not be written, the run goes on without them: "
                f"{error.strerror or error}",
                file=sys.stderr,
            )

    def close(self) -> None:
        """Wait until everything is written."""
        self._pool.shutdown(wait=True)
