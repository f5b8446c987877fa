"""Memory that files are read into: aligned to pages, and reused from batch to batch.

Both only serve speed (measured in tests/bench). Some processors (AMD's Zen 3) copy from the page cache
at a third of the rate when the destination is not aligned, and numpy's arrays are not. Pages that are
new to the process are cleared by the kernel first, which takes as long as the copy.
"""

from __future__ import annotations

import threading
import weakref

import numpy as np

PAGE_BYTES = 4096


def aligned(size: int) -> np.ndarray:
    """An array (size,) uint8 that begins at a page boundary; its content is undefined."""
    memory = np.empty(size + PAGE_BYTES, np.uint8)
    begin = -memory.__array_interface__["data"][0] % PAGE_BYTES
    return memory[begin : begin + size]


class Buffers:
    """A pool of blocks of one size at a time; a request for another size releases those kept so far.

    It never keeps more blocks than were in use at the same time. It may be used by any number of threads.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: a finalizer can return a block while another one is taken
        self._size = 0
        self._kept: list[np.ndarray] = []

    def block(self, size: int) -> np.ndarray:
        """An array (size,) uint8; its content is undefined.

        Its memory returns to the pool by itself once neither it nor a view of it is referenced,
        TensorFlow's references included.
        """
        with self._lock:
            if size != self._size:
                self._size, self._kept = size, []
            memory = self._kept.pop() if self._kept else aligned(size)
        # Views of an array refer to its base array, but not beyond a buffer: all refer to this array.
        array = np.frombuffer(memory.data, np.uint8)
        weakref.finalize(array, self._take_back, memory).atexit = False
        return array

    def clear(self) -> None:
        """Release the blocks that are kept; those in use are released when they return."""
        with self._lock:
            self._size, self._kept = 0, []

    def _take_back(self, memory: np.ndarray) -> None:
        with self._lock:
            if memory.size == self._size:
                self._kept.append(memory)
