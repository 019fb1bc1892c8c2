"""Output sizes and MACs against a kernel slid over the map step by step, on random shapes."""

from __future__ import annotations

import doctest
import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import workloads.errors
import workloads.layers
import workloads.network
import workloads.network_file
import workloads.zoo
from workloads import Convolution, DepthwiseConvolution, Pooling, WorkloadError, bind

SMALL = st.integers(1, 4)
PAIR = st.tuples(SMALL, SMALL)
SIDES = st.tuples(*[st.integers(0, 3)] * 4)
EXTENT = st.tuples(st.integers(1, 9), st.integers(1, 9))


def naive_starts(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> list[int]:
    """Return where the window starts: every stride-th place from which all its taps lie on the padded map."""
    padded = range(-before, size + after)
    return [
        start for start in padded[::stride] if all(start + tap * dilation in padded for tap in range(kernel))
    ]


def naive_macs(groups: int, c: int, m: int, rows: int, columns: int, kernel: tuple[int, int]) -> int:
    """Return the MACs, one by one."""
    macs = 0
    loops = (groups, m, c, rows, columns, *kernel)
    for _ in itertools.product(*map(range, loops)):
        macs += 1
    return macs


@given(extent=EXTENT, kernel=PAIR, stride=PAIR, padding=SIDES, dilation=PAIR, c=SMALL, m=SMALL, g=SMALL)
def test_convolution_equals_the_slid_kernel(
    extent: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
    c: int,
    m: int,
    g: int,
) -> None:
    rows, columns = (
        len(naive_starts(extent[a], kernel[a], stride[a], *padding[2 * a : 2 * a + 2], dilation[a]))
        for a in range(2)
    )
    layer = Convolution("c", g * m, kernel, stride, padding, dilation, g)
    if not rows or not columns:
        with pytest.raises(WorkloadError, match="is larger than the padded input"):
            bind(layer, [(g * c, *extent)])
        return
    found = bind(layer, [(g * c, *extent)])
    assert found.output_shape == (g * m, rows, columns)
    assert found.macs == naive_macs(g, c, m, rows, columns, kernel)
    assert found.weights == naive_macs(g, c, m, 1, 1, kernel)


@given(extent=EXTENT, kernel=PAIR, stride=PAIR, padding=SIDES, dilation=PAIR, c=SMALL, multiplier=SMALL)
def test_depthwise_equals_the_slid_kernel(
    extent: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    dilation: tuple[int, int],
    c: int,
    multiplier: int,
) -> None:
    rows, columns = (
        len(naive_starts(extent[a], kernel[a], stride[a], *padding[2 * a : 2 * a + 2], dilation[a]))
        for a in range(2)
    )
    assume(rows and columns)
    found = bind(
        DepthwiseConvolution("d", kernel, stride, padding, dilation, multiplier), [(c, *extent)], batch=2
    )
    assert found.output_shape == (c * multiplier, rows, columns)
    assert found.macs == 2 * naive_macs(c, 1, multiplier, rows, columns, kernel)


@given(extent=EXTENT, kernel=PAIR, stride=PAIR, padding=SIDES, ceil_mode=st.booleans())
def test_pooling_equals_the_slid_window(
    extent: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
    ceil_mode: bool,
) -> None:
    assume(max(padding[:2]) < kernel[0] and max(padding[2:]) < kernel[1])
    places = []
    for a in range(2):
        before, after = padding[2 * a : 2 * a + 2]
        starts = naive_starts(extent[a], kernel[a], stride[a], before, after, 1)
        assume(starts)
        uncovered = starts[-1] + kernel[a] < extent[a] + after
        if ceil_mode and uncovered and starts[-1] + stride[a] < extent[a]:
            starts.append(starts[-1] + stride[a])
        places.append(len(starts))
    assert Pooling("p", "max", kernel, stride, padding, ceil_mode).output_shape([(3, *extent)]) == (
        3,
        *places,
    )


@pytest.mark.parametrize(
    "module",
    [
        workloads.errors,
        workloads.layers,
        workloads.layers.convolution,
        workloads.layers.pointwise,
        workloads.layers.product,
        workloads.layers.shaping,
        workloads.network,
        workloads.network_file,
        workloads.zoo,
    ],
    ids=lambda m: m.__name__,
)
def test_the_examples_in_docstrings_run(module: object) -> None:
    ran = doctest.testmod(module)  # type: ignore[arg-type]
    assert ran.attempted > 0
    assert ran.failed == 0
