"""What holds of every layer type, on random layers; and shapes and counts by moving data one by one."""

from __future__ import annotations

import dataclasses
import itertools
from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads as w

from .random_layers import MAKERS, drawn, layers


def test_every_type_is_drawn() -> None:
    assert set(MAKERS) == set(w.LAYER_TYPES)
    assert set(w.LAYER_TYPES) <= set(w.__all__)


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_layer_of_any_type_is_a_value_with_whole_counts(kind: str, data: st.DataObject) -> None:
    layer, shapes = data.draw(drawn(kind))
    assert type(layer).__name__ == kind
    again = dataclasses.replace(layer, name="other")
    assert again != layer and dataclasses.replace(again, name="x") == layer
    assert hash(dataclasses.replace(again, name="x")) == hash(layer)
    one, five = w.bind(layer, shapes), w.bind(again, shapes, 5)
    for count in ("macs", "operations", "words_out"):
        assert type(getattr(one, count)) is int
        assert getattr(five, count) == 5 * getattr(one, count) >= 0
    assert five.params == one.params >= 0
    assert all(type(n) is int and n > 0 for n in one.output_shape)
    # Activations are read once an image, parameters once a batch.
    assert five.words_in - one.words_in == 4 * layer.words_in(shapes)
    assert (layer.weight_count(shapes) > 0) >= (one.macs > 0 and len(shapes) == 1)


@settings(max_examples=60, deadline=None)
@given(at=layers("TransposedConvolution1d"))
def test_a_transposed_convolution_spreads_its_inputs(at: w.NetworkLayer) -> None:
    """Its outputs are the places that inputs reach and the extra ones; its MACs the taps that meet them.

    Taps meet a place where an input would be, on the map or beside it.
    """
    layer = at.layer
    assert isinstance(layer, w.TransposedConvolution)
    (size,) = at.input_shapes[0][-1:]
    (taps,), (stride,), (dilation,), (extra,) = (
        layer.kernel,
        layer.stride,
        layer.dilation,
        layer.output_padding,
    )
    reached = {i * stride + t * dilation for i in range(size) for t in range(taps)}
    places = range(max(reached) + 1 + extra)[layer.padding[0] :]
    places = places[: len(places) - layer.padding[1]]
    assert at.output_shape[-1] == len(places)
    met = sum((place - t * dilation) % stride == 0 for place in places for t in range(taps))
    channels, items = at.input_shapes[0][-2] // layer.groups, prod(at.input_shapes[0][:-2])
    assert at.macs == at.batch * items * layer.out_channels * channels * met


@settings(max_examples=40, deadline=None)
@given(k=st.integers(1, 4), s=st.integers(1, 4), size=st.integers(1, 6), share=st.floats(0, 1))
def test_papers_count_every_input_with_every_weight(k: int, s: int, size: int, share: float) -> None:
    """The same where the stride divides the kernel and the output is stride times the input."""
    before = int(share * (k - 1) * s)
    layer = w.TransposedConvolution("up", 2, k * s, s, (before, (k - 1) * s - before) * 2)
    at = w.bind(layer, [(3, size, size)])
    assert at.output_shape == (2, s * size, s * size)
    assert at.macs == at.weights * size * size


@settings(max_examples=60, deadline=None)
@given(at=layers("Pooling1d", "Pooling3d", "Convolution1d", "Convolution3d"))
def test_windows_of_any_axes_are_those_that_fit(at: w.NetworkLayer) -> None:
    layer = at.layer
    assert isinstance(layer, w.Pooling | w.Convolution)
    for axis in range(layer.axes):
        size, before, after = at.input_shapes[0][axis - layer.axes], *layer.padding[2 * axis : 2 * axis + 2]
        starts = [
            a for a in range(-before, size + after, layer.stride[axis])
            if a + layer.dilation[axis] * (layer.kernel[axis] - 1) < size + after
        ]  # fmt: skip
        if isinstance(layer, w.Pooling) and layer.ceil_mode:
            end = starts[-1] + layer.dilation[axis] * (layer.kernel[axis] - 1) + 1
            beyond = starts[-1] + layer.stride[axis]
            starts += [beyond] if end < size + after and beyond < size else []
        assert at.output_shape[axis - layer.axes] == len(starts)


@given(size=st.integers(1, 30), out=st.integers(1, 30))
def test_adaptive_windows_are_those_of_the_definition(size: int, out: int) -> None:
    layer = w.AdaptivePooling("p", "max", (out,))
    starts = [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]
    (windows,) = layer.windows([(2, size)])
    lengths = [end - start for start, end in starts]
    assert windows == {n: lengths.count(n) for n in lengths}
    assert layer.operation_count([(2, size)]) == 2 * sum(lengths)


def test_a_connection_table_counts_its_pairs() -> None:
    """LeCun et al., Proc. IEEE 1998, table I: C3's 60 pairs give 1500 weights and 16 biases."""
    threes = [tuple((i + j) % 6 for j in range(3)) for i in range(6)]
    fours = [tuple((i + j) % 6 for j in range(4)) for i in range(6)]
    apart = [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]
    layer = w.Convolution("C3", 16, 5, table=(*threes, *fours, *apart, tuple(range(6))))
    at = w.bind(layer, [(6, 14, 14)])
    assert (at.weights, at.biases, at.output_shape) == (60 * 25, 16, (16, 10, 10))
    assert at.macs == 60 * 25 * 100


def naive_recurrent(kind: str, positions: int, features: int, hidden: int) -> int:
    """MACs of a cell, gate by gate."""
    gates = {"lstm": "ifgo", "gru": "rzn", "rnn": "h"}[kind]
    return sum(1 for _ in itertools.product(range(positions), gates, range(hidden), range(features + hidden)))


@pytest.mark.parametrize("kind", w.layers.RECURRENT)
def test_a_recurrent_cell(kind: str) -> None:
    once = w.bind(w.Recurrent("r", kind, 3), [(5, 4)])
    both = w.bind(w.Recurrent("r", kind, 3, bidirectional=True, biases=2), [(5, 4)])
    assert once.macs == naive_recurrent(kind, 5, 4, 3)
    assert (both.macs, both.weights, both.biases) == (2 * once.macs, 2 * once.weights, 4 * once.biases)
    assert both.output_shape == (5, 6)
    assert w.Recurrent("r", kind, 3, last_only=True).output_shape([(5, 4)]) == (3,)


def test_a_lstm_step_s_operations() -> None:
    """Two sums and a bias per gate's unit; sigmoids of 3, tanh, products and a sum as in its equations."""
    at = w.bind(w.Recurrent("r", "lstm", 10), [(1, 4)])
    assert at.operations == 4 * 10 * 2 + 10 * (3 * 3 + 2 * 1 + 3 + 1)


def test_attention_shares_keys_and_reads_what_is_cached() -> None:
    shared = w.bind(w.Attention("a", 8, kv_heads=2, cached=10), [(1, 64), (1, 16), (1, 16)])
    assert shared.macs == 8 * 1 * 11 * (8 + 8)
    assert shared.operations == 8 * 11 * (1 + 5)
    assert shared.words_in == 64 + 2 * 11 * 16
    assert shared.output_shape == (1, 64)
    # 12 heads of ViT-B/16 over 197 positions: 59.6 M MACs a block.
    assert w.Attention("a", 12).mac_count([(197, 768)] * 3) == 12 * 197 * 197 * 64 * 2


def test_linear_on_a_sequence() -> None:
    at = w.bind(w.Linear("l", 7, last_axis=True), [(5, 4)], batch=2)
    assert (at.output_shape, at.weights, at.macs, at.operations) == ((5, 7), 28, 2 * 5 * 28, 2 * 35)
    assert w.Linear("l", 7, last_axis=True).output_shape([(2, 3, 4)]) == (2, 3, 7)


def test_several_maps_lead() -> None:
    """A detector's head: every region is convolved as a map of its own."""
    regions = w.bind(w.RegionPooling("roi", 300, 7), [(16, 38, 50), (300, 4)])
    assert regions.output_shape == (300, 16, 7, 7)
    conv, one = (w.bind(w.Convolution("c", 8, 3), [shape]) for shape in (regions.output_shape, (16, 7, 7)))
    assert conv.output_shape == (300, 8, 5, 5)
    assert (conv.macs, conv.weights) == (300 * one.macs, one.weights)


@pytest.mark.parametrize(
    ("layer", "shapes", "operations"),
    [
        (w.Elementwise("e", "add"), [(2, 3)] * 3, 12),
        (w.Elementwise("e", "mean"), [(2, 3)] * 2, 12),
        (w.Elementwise("e", "multiply"), [(2, 3, 3), (2, 1, 1)], 18),
        (w.Activation("a", "sigmoid"), [(10,)], 30),
        (w.Softmax("s"), [(10,)], 50),
        (w.Pooling("p", "max", 2), [(3, 4, 4)], 48),
        (w.Pooling("p", "average", 2), [(3, 4, 4)], 48 + 12),
        (w.GlobalPooling("p", "l2"), [(3, 4, 4)], 2 * 48 + 3),
        (w.Normalization("n"), [(3, 4, 4)], 2 * 48),
        (w.Normalization("n", "rms"), [(3, 4)], 12 * (3 + 1)),
        (w.Normalization("n", "layer"), [(3, 4)], 12 * (5 + 2)),
        (w.Normalization("n", "local_response", size=3), [(3, 4, 4)], 48 * (3 + 4)),
        (w.Resize("r", "nearest", scale=2), [(3, 4, 4)], 0),
        (w.Resize("r", "linear", scale=2), [(1, 4, 4)], 64 * 9),
        (w.Resize("r", "linear", scale=(2,)), [(1, 4)], 8 * 3),
        (w.Resize("r", "cubic", 8), [(1, 4, 4)], 64 * 35),
        (w.Reduction("m", "mean", (0,)), [(4, 5)], 20 + 5),
        (w.Convolution("c", 4, 3), [(2, 5, 5)], 36),
        (w.Convolution("c", 4, 3, bias=False), [(2, 5, 5)], 0),
        (w.Concatenation("c"), [(2, 5), (1, 5)], 0),
    ],
)
def test_operations(layer: w.Layer, shapes: list[tuple[int, ...]], operations: int) -> None:
    assert w.bind(layer, shapes).operations == operations


@pytest.mark.parametrize(
    ("layer", "shapes", "output", "words"),
    [
        (w.Concatenation("c"), [(2, 5), (1, 5)], (3, 5), (15, 15)),
        (w.Slice("s", -1, 1, 4, 2), [(2, 5)], (2, 2), (4, 4)),
        (w.Reshape("r", (-1, 2)), [(4, 3)], (6, 2), (0, 0)),
        (w.Flatten("f", 1), [(4, 3, 2)], (4, 6), (0, 0)),
        (w.Transpose("t", (2, 0, 1)), [(4, 3, 2)], (2, 4, 3), (24, 24)),
        (w.Padding("p", ((0, 2), (1, 1))), [(4, 3)], (6, 5), (12, 30)),
        (w.Embedding("e", 1000, 8), [(5,)], (5, 8), (45, 40)),
        (w.Expand("e", (4, 3)), [(3,)], (4, 3), (3, 12)),
        (w.Convolution("c", 4, 3), [(2, 5, 5)], (4, 3, 3), (50 + 72 + 4, 36)),
        (w.Reduction("m", "sum", (1,)), [(4, 5)], (4,), (20, 4)),
        (w.Reduction("m", "sum", (1,), keep=True), [(4, 5)], (4, 1), (20, 4)),
        (w.Resize("r", "nearest", scale=(1.5, 0.5)), [(1, 5, 5)], (1, 7, 2), (25, 14)),
    ],
)
def test_shapes_and_words(
    layer: w.Layer, shapes: list[tuple[int, ...]], output: tuple[int, ...], words: tuple[int, int]
) -> None:
    at = w.bind(layer, shapes)
    assert at.output_shape == output
    assert (at.words_in, at.words_out) == words


def test_trained_values_of_pointwise_layers() -> None:
    sequence, image = [(197, 768)], [(64, 7, 7)]
    for layer, shapes, affine in (
        (w.Normalization("n", "layer"), sequence, 2 * 768),
        (w.Normalization("n", "layer", shift=False), sequence, 768),
        (w.Normalization("n", "layer", axis=0), image, 128),
        (w.Normalization("n", "rms"), sequence, 768),
        (w.Normalization("n", "l2"), image, 64),
        (w.Normalization("n", "group", groups=32), image, 128),
        (w.Normalization("n", "local_response"), image, 0),
        (w.Activation("a", "prelu"), image, 64),
        (w.Activation("a", "prelu", shared=True), image, 1),
    ):
        assert w.bind(layer, shapes).affine == affine, layer
    assert w.bind(w.Constant("cls", (1, 768), trained=True), []).params == 768
    assert w.bind(w.Constant("mask", (1, 768)), []).params == 0


SEQUENCE = (5, 8)
REFUSED = {
    "Convolution1d needs a (channels, length) input, not (4,)": (w.Convolution1d("x", 2, 3), [(4,)]),
    "Convolution3d needs a (channels, depth, height, width) input, not (4, 5, 5)": (
        w.Convolution3d("x", 2, 3), [(4, 5, 5)],
    ),
    "its table names input channel 4, but there are 4, from 0": (
        w.Convolution("x", 1, 1, table=((0, 4),)), [(4, 5, 5)],
    ),
    "padding (9, 9, 9, 9) leaves nothing of the 10x10 output": (
        w.TransposedConvolution("x", 1, 2, 2, 9), [(1, 5, 5)],
    ),
    "queries (5, 8), keys (5, 6) and values (5, 8) do not fit; needs (..., positions, 4 x d), "
    "(..., others, 4 x d) and (..., others, 4 x e)": (w.Attention("x", 4), [SEQUENCE, (5, 6), SEQUENCE]),
    "an initial state must be (6,), not (3,)": (w.Recurrent("x", "gru", 3, True), [SEQUENCE, (3,)]),
    "Recurrent needs a (positions, features) input, not (4,)": (w.Recurrent("x", "gru", 3), [(4,)]),
    "Recurrent takes 1 to 3 inputs, not 4": (w.Recurrent("x", "gru", 3), [SEQUENCE, (3,), (3,), (3,)]),
    "divide takes 2 inputs, not 3": (w.Elementwise("x", "divide"), [(2,)] * 3),
    "inputs must agree but in axis 0, not (2, 3) and (2, 4)": (w.Concatenation("x"), [(2, 3), (2, 4)]),
    "(2, 3) has no axis 2": (w.Concatenation("x", 2), [(2, 3)]),
    "from 1 to 9 is no part of axis 0 of (2, 3)": (w.Slice("x", 0, 1, 9), [(2, 3)]),
    "the 6 words of (2, 3) do not make (4, -1)": (w.Reshape("x", (4, -1)), [(2, 3)]),
    "the 6 words of (2, 3) do not make (3,)": (w.Reshape("x", (3,)), [(2, 3)]),
    "order (1, 0) does not fit the axes of (2, 3, 4)": (w.Transpose("x", (1, 0)), [(2, 3, 4)]),
    "(2, 3) does not broadcast to (1, 3)": (w.Expand("x", (1, 3)), [(2, 3)]),
    "Expand needs inputs of one shape, not (2, 3) and (3, 3)": (w.Expand("x", (3, 3)), [(2, 3)]),
    "sides ((1, 1),) do not fit the axes of (2, 3)": (w.Padding("x", ((1, 1),)), [(2, 3)]),
    "a scaled extent must lie between 1 and 2**31, not 0": (w.Resize("x", "linear", scale=0.1), [(1, 5, 5)]),
    "groups=3 does not divide its 4 channels": (w.Normalization("x", "group", groups=3), [(4, 2, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_shapes_that_do_not_fit(message: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        w.bind(*REFUSED[message])
    assert str(caught.value) == f"layer 'x': {message}"


NEVER = {
    "kernel must be one whole number or one (length,), not (3, 3)": lambda: w.Convolution1d("x", 2, (3, 3)),
    "kernel must be one whole number or three (depth, height, width), not (3, 3)": lambda: w.Convolution3d(
        "x", 2, (3, 3)
    ),
    "a table says which channels connect; leave out groups=2": lambda: w.Convolution(
        "x", 2, 1, groups=2, table=((0,), (1,))
    ),
    "table must have an entry for each of the 2 output channels": lambda: w.Convolution(
        "x", 2, 1, table=((0,),)
    ),
    "an entry of table must list different input channels, not (0, 0)": lambda: w.Convolution(
        "x", 1, 1, table=((0, 0),)
    ),
    "table must be a whole number, not 'a'": lambda: w.Convolution("x", 1, 1, table=(("a",),)),  # type: ignore[arg-type]
    "output_padding 2x2 must be smaller than the stride 2x2 or the dilation 1x1": (
        lambda: w.TransposedConvolution("x", 1, 3, 2, output_padding=2)
    ),
    "stride must be at most 4096, not 5000x5000": lambda: w.TransposedConvolution("x", 1, 3, 5000),
    "kv_heads=3 does not divide its 8 heads": lambda: w.Attention("x", 8, 3),
    "kind='lsmt' is unknown; did you mean 'lstm'?": lambda: w.Recurrent("x", "lsmt", 3),
    "shared is of prelu; relu has no slopes": lambda: w.Activation("x", "relu", True),
    "local_response normalization trains nothing; leave out scale and shift": lambda: w.Normalization(
        "x", "local_response", scale=True
    ),
    "groups=2 are of group normalization, not of batch": lambda: w.Normalization("x", groups=2),
    "axis must lie in -8..7, not 8": lambda: w.Concatenation("x", 8),
    "order must name every axis once, not (0, 2)": lambda: w.Transpose("x", (0, 2)),
    "order must name every axis once, not 3": lambda: w.Transpose("x", 3),  # type: ignore[arg-type]
    "sides must be (before, after) for every axis, as ((0, 0), (1, 1), (1, 1)), "
    "not (1, 1)": lambda: w.Padding(
        "x", (1, 1)  # type: ignore[arg-type]
    ),
    "Resize needs either a size or a scale": lambda: w.Resize("x", "linear", 2, 2),
    "scale must be a number above 0 and up to 2**31, not nan": lambda: w.Resize(
        "x", "linear", scale=float("nan")
    ),
    "scale must be one number or one per axis, not ()": lambda: w.Resize("x", "linear", scale=()),
    "axes must name one axis or more": lambda: w.Reduction("x", "sum", ()),
    "shape must lie between 1 and 2**31, not -1": lambda: w.Reshape("x", (-1, -1)),
    "shape must have at most 8 axes, not 9": lambda: w.Input("x", (1,) * 9),
}  # fmt: skip


@pytest.mark.parametrize("message", NEVER)
def test_layers_that_cannot_be(message: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        NEVER[message]()
    assert str(caught.value) == f"layer 'x': {message}"
