"""Memory that files are read into: whole pages, and those of batches used again.

Both are about speed alone, measured in tests/bench. Some processors (AMD's Zen 3) copy from the page
cache at a third of the rate when the place to copy to is not aligned, and numpy's arrays are not.
And pages that are new to the process are cleared by the kernel first, which costs as much as the copy.
"""

from __future__ import annotations

import threading
import weakref

import numpy as np

PAGE_BYTES = 4096


def aligned(size: int) -> np.ndarray:
    """An array of `size` bytes that begins at a page, content undefined."""
    memory = np.empty(size + PAGE_BYTES, np.uint8)
    begin = -memory.__array_interface__["data"][0] % PAGE_BYTES
    return memory[begin : begin + size]


class Buffers:
    """Blocks of one size at a time: whoever asks for another size lets go of those kept so far.

    Never more blocks are kept than were in use together. Any number of threads may use it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a block can come back while one is taken: memory is freed anywhere
        self._size = 0
        self._kept: list[np.ndarray] = []

    def block(self, size: int) -> np.ndarray:
        """An array of `size` bytes, content undefined. Its memory comes back here, all by itself, when
        neither it nor any view of it is referenced, TensorFlow's included."""
        with self._lock:
            if size != self._size:
                self._size, self._kept = size, []
            memory = self._kept.pop() if self._kept else aligned(size)
        # all views refer to this array, not to the memory: numpy looks through arrays, not through buffers
        array = np.frombuffer(memory.data, np.uint8)
        weakref.finalize(array, self._take_back, memory).atexit = False
        return array

    def clear(self) -> None:
        """Let go of what is kept; blocks in use are let go of when they come back."""
        with self._lock:
            self._size, self._kept = 0, []

    def _take_back(self, memory: np.ndarray) -> None:
        with self._lock:
            if memory.size == self._size:
                self._kept.append(memory)
