"""Reading oneDNN's account of a training step."""

from __future__ import annotations

import pytest

from tests.bench.onednn import primitive, profiles

FORWARD = (
    "onednn_verbose,v1,primitive,exec,cpu,convolution,brg_conv_fwd:avx2,forward_training,src:f32::blocked:acdb::f0 "
    "wei:f32:a:blocked:Acdb16a::f0,attr-scratchpad:user,alg:convolution_direct,"
    "mb8_ic64oc32_ih128oh128kh3sh1dh0ph1_iw120ow120kw3sw1dw0pw1,51.2"
)
REORDER = "onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:f32 dst:f32,,,32x9x3x3,0.5"
ELSE = "onednn_verbose,v1,info,cpu,isa:Intel AVX2"


def test_a_convolution_has_its_operations() -> None:
    found = primitive(FORWARD)
    assert found is not None and found.kind == "convolution forward"
    assert found.time_s == pytest.approx(0.0512)
    assert found.flop == 2 * 8 * 64 * 32 * 128 * 120 * 9


def test_other_lines() -> None:
    assert primitive(ELSE) is None
    assert primitive("epoch 1") is None
    reorder = primitive(REORDER)
    assert reorder is not None and (reorder.kind, reorder.flop) == ("reorder", 0)


def test_steps_without_the_first() -> None:
    output = "\n".join([ELSE, FORWARD, "STEP 8 9.5", FORWARD, REORDER, FORWARD, "STEP 8 0.2"])
    (step,) = profiles(output)
    assert (step.patches, step.wall_s, len(step.primitives)) == (8, 0.2, 3)
    assert step.time_s("convolution") == pytest.approx(0.1024)
    assert step.time_s() == pytest.approx(0.1029)
