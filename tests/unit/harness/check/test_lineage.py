"""Comparing weights with their beginning and with each other, on arrays of the model's size."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from harness.check.lineage import Family, Relatives, kernel_moves, lineage, plain_digest
from reference.tensorflow.model import PARAMETERS
from reference.tensorflow.weights import as_layers


def noise(seed: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal(PARAMETERS)).astype(np.float32)


def test_unmoved_weights_have_cosine_one_and_no_way():
    moves = kernel_moves(noise(1), noise(1))
    assert len(moves) == 15
    assert all(m.cosine == pytest.approx(1) and m.moved == m.farthest == 0 and m.drift == 0 for m in moves)


def test_a_way_across_the_beginning():
    beginning = noise(1)
    for move in kernel_moves(beginning, beginning + noise(2, 0.1))[:-1]:  # the last kernel has 32 numbers
        assert move.moved == pytest.approx(0.1, rel=0.1)
        assert move.cosine == pytest.approx(1 / np.sqrt(1.01), abs=0.02)
        assert abs(move.drift) < 0.1
        assert move.farthest >= move.moved


def test_unrelated_weights_lie_back_along_the_beginning():
    for move in kernel_moves(noise(1), noise(2))[:-1]:
        assert abs(move.cosine) < 0.1
        assert move.drift == pytest.approx(-np.sqrt(0.5), abs=0.05)


def test_zero_weights_are_no_division_by_zero():
    assert {m.cosine for m in kernel_moves(noise(1), np.zeros(PARAMETERS, np.float32))} == {0.0}


def test_biases_count_by_their_farthest():
    beginning = np.zeros(PARAMETERS, np.float32)
    end = beginning.copy()
    as_layers(end)[3][5] = -0.25  # a view: the second convolution's biases
    moves = kernel_moves(beginning, end)
    assert [m.bias_farthest for m in moves][:3] == [0.0, 0.25, 0.0]


def test_relatives_find_the_copy_and_nothing_else():
    relatives = Relatives()
    assert relatives.likest(0, noise(1)) is None
    honest = relatives.likest(1, noise(2))
    assert honest is not None and honest.run == 0 and honest.cosine < 0.15
    copy = relatives.likest(2, noise(1) * np.float32(1.0001))
    assert copy is not None and copy.run == 0 and copy.cosine == pytest.approx(1, abs=1e-3)
    part = noise(3)
    as_layers(part)[8][...] = as_layers(noise(2))[8]
    mixed = relatives.likest(3, part)
    assert mixed is not None and mixed.run == 1 and mixed.cosine == pytest.approx(1, abs=1e-3)


def test_noise_has_no_direction_and_one_outer_product_has_nothing_else():
    beginning = noise(1)
    of_noise = [move.alignment for move in kernel_moves(beginning, beginning + noise(2, 0.1))[:-1]]
    assert of_noise == pytest.approx([1.0] * 14, abs=0.15)
    end = beginning.copy()
    for kernel in as_layers(end)[::2]:  # views
        kernel += np.ones(kernel.shape[:-1], np.float32)[..., np.newaxis] * noise(3)[: kernel.shape[-1]]
    for move, kernel in list(zip(kernel_moves(beginning, end), as_layers(end)[::2], strict=True))[:-1]:
        m, n = kernel.size // kernel.shape[-1], kernel.shape[-1]
        assert move.alignment == pytest.approx(m * n / (np.sqrt(m) + np.sqrt(n)) ** 2, rel=1e-3)
    assert {move.alignment for move in kernel_moves(beginning, beginning)} == {0.0}


def test_one_way_added_to_two_beginnings_is_found():
    family, way = Family(), noise(9, 0.1)
    lineage(0, noise(1) + way, noise(1), None, family)
    mixed = lineage(1, noise(2) + way + noise(8, 0.03), noise(2), None, family)
    assert mixed.likest is not None and mixed.likest.cosine < 0.15
    assert mixed.likest_way is not None and mixed.likest_way.run == 0 and mixed.likest_way.cosine > 0.9
    honest = lineage(2, noise(3) + noise(7, 0.1), noise(3), None, family)
    assert honest.likest_way is not None and honest.likest_way.cosine < 0.1


def test_without_a_beginning_there_is_no_way():
    found = lineage(0, noise(1), None, "no seed", Family())
    assert (found.kernels, found.likest_way, found.reason) == ((), None, "no seed")


def test_digest_is_that_of_little_endian_numbers():
    weights = noise(4)
    assert plain_digest(weights) == hashlib.sha256(weights.astype("<f4").tobytes()).hexdigest()
