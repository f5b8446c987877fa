"""Memory that is used again, and only when nobody holds it."""

from __future__ import annotations

import numpy as np
import pytest

from reference.data.buffers import Buffers

SIZE = 1 << 16


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_that_nobody_holds_is_used_again() -> None:
    buffers = Buffers()
    block = buffers.block(SIZE)
    first = address(block)
    del block
    assert address(buffers.block(SIZE)) == first


@pytest.mark.parametrize(
    "view",
    [
        lambda block: block[10:20],
        lambda block: block[: SIZE // 2].view(np.float32).reshape(-1, 4)[1:],
        lambda block: np.asarray(memoryview(block)),
        lambda block: np.frombuffer(block, np.uint8),
    ],
)
def test_a_view_alone_keeps_the_memory(view) -> None:
    buffers = Buffers()
    block = buffers.block(SIZE)
    first, kept = address(block), view(block)
    del block
    others = [buffers.block(SIZE) for _ in range(3)]
    assert first not in [address(other) for other in others]
    del kept
    assert address(buffers.block(SIZE)) == first


def test_tensorflow_keeps_the_memory_of_its_tensors() -> None:
    """On a CPU a tensor may lie in the array it was made of."""
    tf = pytest.importorskip("tensorflow")
    buffers = Buffers()
    block = buffers.block(SIZE)
    block[:] = 7
    tensor = tf.constant(block.view(np.float32))
    expected = tensor.numpy().copy()
    del block
    others = [buffers.block(SIZE) for _ in range(3)]
    for other in others:
        other[:] = 0
    assert np.array_equal(tensor.numpy(), expected)


def test_what_is_kept_can_be_let_go_of() -> None:
    buffers = Buffers()
    block, other = buffers.block(SIZE), buffers.block(SIZE)
    del other
    buffers.clear()
    assert buffers._kept == []
    del block  # it was in use
    assert buffers._kept == []


def test_another_size_lets_go_of_what_was_kept() -> None:
    buffers = Buffers()
    old, kept = buffers.block(SIZE), buffers.block(SIZE)
    del kept
    new = buffers.block(2 * SIZE)
    assert buffers._kept == []
    del old  # of the former size: not taken back
    assert buffers._kept == []
    del new
    assert [memory.size for memory in buffers._kept] == [2 * SIZE]
