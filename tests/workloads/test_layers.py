"""Each layer type's shapes and counts: worked examples, and every refusal with its message."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from workloads import (
    Activation,
    Convolution,
    DepthwiseConvolution,
    Elementwise,
    Flatten,
    GlobalPooling,
    Input,
    Linear,
    MatrixMultiplication,
    Normalization,
    Pooling,
    Softmax,
    WorkloadError,
    bind,
)


def test_sizes_are_written_out_in_full() -> None:
    layer = Convolution("c", 8, 3, stride=(1, 2), padding=(1, 2), dilation=2)
    assert layer.kernel == (3, 3)
    assert layer.stride == (1, 2)
    assert layer.padding == (1, 1, 2, 2)
    assert layer.dilation == (2, 2)
    assert layer == Convolution("c", 8, (3, 3), (1, 2), (1, 1, 2, 2), (2, 2))


def test_a_layer_is_a_value() -> None:
    layer = Convolution("c", 8, 3)
    assert hash(layer) == hash(Convolution("c", 8, 3))
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert dataclasses.replace(layer, stride=2) == Convolution("c", 8, 3, stride=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.groups = 2  # type: ignore[misc]


def test_numpy_integers_become_ints() -> None:
    layer = Convolution("c", np.int64(8), (np.int32(3), np.int32(3)))  # type: ignore[arg-type]
    assert type(layer.out_channels) is int
    assert [type(size) for size in layer.kernel] == [int, int]


def test_convolution_with_everything_rectangular() -> None:
    # Rows: 10+1+0 padded, kernel 3 dilated by 2 spans 5: (11-5)/1+1. Columns: 20+0+3, 5 by 1: (23-5)//2+1.
    layer = Convolution("c", 6, (3, 5), stride=(1, 2), padding=(1, 0, 0, 3), dilation=(2, 1), groups=2)
    found = bind(layer, [(4, 10, 20)], batch=3)
    assert found.output_shape == (6, 7, 10)
    assert found.weights == 6 * 2 * 3 * 5
    assert found.macs == 3 * 7 * 10 * 6 * 2 * 3 * 5
    assert found.biases == 6


def test_each_side_of_the_padding_counts_on_its_own_axis() -> None:
    def places(padding: tuple[int, int, int, int]) -> tuple[int, ...]:
        return Convolution("c", 1, 3, padding=padding).output_shape([(1, 5, 5)])[1:]

    assert places((1, 0, 0, 0)) == (4, 3)
    assert places((0, 2, 0, 0)) == (5, 3)
    assert places((0, 0, 3, 0)) == (3, 6)
    assert places((0, 0, 0, 4)) == (3, 7)


def test_groups_divide_weights_and_macs_but_not_outputs() -> None:
    whole, halves = (bind(Convolution("c", 8, 3, groups=g), [(4, 9, 9)]) for g in (1, 2))
    assert halves.output_shape == whole.output_shape == (8, 7, 7)
    assert (2 * halves.weights, 2 * halves.macs) == (whole.weights, whole.macs)


@pytest.mark.parametrize("multiplier", [1, 3])
def test_depthwise_equals_one_group_per_channel(multiplier: int) -> None:
    alone = bind(DepthwiseConvolution("d", (3, 2), 2, 1, (1, 2), multiplier), [(5, 9, 8)])
    grouped = bind(Convolution("c", 5 * multiplier, (3, 2), 2, 1, (1, 2), groups=5), [(5, 9, 8)])
    for count in ("output_shape", "macs", "weights", "biases"):
        assert getattr(alone, count) == getattr(grouped, count)


def test_linear_flattens_a_map_and_keeps_its_shape_known() -> None:
    found = bind(Linear("fc6", 4096), [(256, 6, 6)], batch=2)
    assert found.input_shapes == ((256, 6, 6),)
    assert found.output_shape == (4096,)
    assert (found.weights, found.macs, found.biases) == (37_748_736, 2 * 37_748_736, 4096)
    as_convolution = bind(Convolution("c", 4096, 6), [(256, 6, 6)], batch=2)
    assert (as_convolution.weights, as_convolution.macs) == (found.weights, found.macs)


def test_without_bias_there_are_none() -> None:
    shapes = [(4, 5, 5)]
    for layer in (
        Convolution("c", 8, 3, bias=False),
        DepthwiseConvolution("d", 3, bias=False),
        Linear("l", 9, bias=False),
    ):
        assert bind(layer, shapes).biases == 0
        assert bind(dataclasses.replace(layer, bias=True), shapes).biases > 0


def test_matrix_multiplication() -> None:
    found = bind(MatrixMultiplication("scores"), [(12, 197, 64), (12, 64, 50)], batch=2)
    assert found.output_shape == (12, 197, 50)
    assert found.macs == 2 * 12 * 197 * 64 * 50
    assert found.params == 0
    assert bind(MatrixMultiplication("plain"), [(2, 3), (3, 4)]).output_shape == (2, 4)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "down", "up"),
    [
        (55, 3, 2, 0, 27, 27),  # AlexNet's pool1: it divides, both agree
        (112, 3, 2, 0, 55, 56),  # ResNet's pool1 as Caffe runs it
        (4, 2, 2, 1, 3, 3),
        (5, 2, 2, 1, 3, 3),  # a fourth window would begin in the far padding
        (3, 1, 3, 0, 1, 1),  # a second window would begin beyond the map
    ],
)
def test_pooling_rounds_down_or_up(
    size: int, kernel: int, stride: int, padding: int, down: int, up: int
) -> None:
    for ceil_mode, places in ((False, down), (True, up)):
        layer = Pooling("p", "max", kernel, stride, padding, ceil_mode)
        assert layer.output_shape([(7, size, size)]) == (7, places, places)


def test_pooling_strides_by_its_kernel_unless_told() -> None:
    assert Pooling("p", "average", (2, 3)).stride == (2, 3)
    assert Pooling("p", "average", (2, 3), stride=1).stride == (1, 1)


def test_layers_without_macs() -> None:
    image = (8, 6, 5)
    for layer, output in (
        (GlobalPooling("g", "average"), (8, 1, 1)),
        (Flatten("f"), (240,)),
        (Softmax("s"), image),
        (Activation("r"), image),
        (Normalization("n", "local_response"), image),
        (Pooling("p", "max", 2), (8, 3, 2)),
    ):
        found = bind(layer, [image])
        assert (found.output_shape, found.macs, found.params) == (output, 0, 0)


def test_batch_normalization_has_two_params_per_channel_and_no_weights() -> None:
    found = bind(Normalization("bn"), [(64, 7, 7)], batch=8)
    assert (found.weights, found.biases, found.affine, found.params) == (0, 0, 128, 128)


def test_elementwise_takes_any_number_of_equal_inputs() -> None:
    assert Elementwise("e", "add").output_shape([(4, 2, 2)] * 3) == (4, 2, 2)


@pytest.mark.parametrize("bad", [True, 3.0, float("nan"), "3", None, [3.5, 3]])
def test_no_whole_number(bad: object) -> None:
    with pytest.raises(WorkloadError, match=r"^layer 'c': kernel must be a whole number, not "):
        Convolution("c", 8, bad)  # type: ignore[arg-type]
    with pytest.raises(WorkloadError, match=r"^layer 'l': out_features must be a whole number, not "):
        Linear("l", bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [0, -1, 2**31 + 1])
@pytest.mark.parametrize("field", ["out_channels", "kernel", "stride", "dilation", "groups"])
def test_no_sensible_size(field: str, bad: int) -> None:
    sizes: dict[str, int] = {"out_channels": 8, "kernel": 3, field: bad}
    with pytest.raises(WorkloadError) as caught:
        Convolution("c", **sizes)
    assert str(caught.value) == f"layer 'c': {field} must lie between 1 and 2**31, not {bad}"


def test_the_largest_size_and_no_padding_are_allowed() -> None:
    assert Linear("l", 2**31).out_features == 2**31
    assert Pooling("p", "max", 2, padding=0).padding == (0, 0, 0, 0)


MAP = (96, 27, 27)
REFUSED = {
    "padding must lie between 0 and 2**31, not -1": lambda: Convolution("x", 8, 3, padding=(0, -1)),
    "kernel must be one whole number or a pair (height, width), not (3, 3, 3)": lambda: Convolution(
        "x",
        8,
        (3, 3, 3),  # type: ignore[arg-type]
    ),
    "padding must be one whole number or a pair (height, width) or four (top, bottom, left, right), "
    "not (1, 2, 3)": lambda: Convolution("x", 8, 3, padding=(1, 2, 3)),  # type: ignore[arg-type]
    "bias must be True or False, not 1": lambda: Convolution("x", 8, 3, bias=1),  # type: ignore[arg-type]
    "multiplier must lie between 1 and 2**31, not 0": lambda: DepthwiseConvolution("x", 3, multiplier=0),
    "groups=3 does not divide its 8 output channels": lambda: Convolution("x", 8, 3, groups=3),
    "groups=5 does not divide its 96 input channels": lambda: bind(Convolution("x", 10, 3, groups=5), [MAP]),
    "kernel 5x30 is larger than the padded input 27x29 (27x27 unpadded)": lambda: bind(
        Convolution("x", 8, (5, 30), padding=(0, 1)), [MAP]
    ),
    "kernel 3x3 (29x29 with dilation 14x14) is larger than the padded input 27x27": lambda: bind(
        DepthwiseConvolution("x", 3, dilation=14), [MAP]
    ),
    "kernel 28x2 is larger than the padded input 27x27": lambda: bind(Pooling("x", "max", (28, 2)), [MAP]),
    "padding (0, 2, 0, 0) must be smaller than the kernel (2, 2)": lambda: Pooling(
        "x", "max", 2, padding=(0, 2, 0, 0)
    ),
    "padding (1, 1, 3, 3) must be smaller than the kernel (2, 3)": lambda: Pooling(
        "x", "max", (2, 3), padding=(1, 3)
    ),
    "kind='maximal' is unknown; did you mean 'max'?": lambda: Pooling("x", "maximal", 2),
    "kind='avg' is unknown; did you mean 'average'?": lambda: GlobalPooling("x", "avg"),
    "kind='q' is unknown; known: add, multiply, maximum, minimum, mean, subtract, divide, power, modulo, "
    "compare, logical, select": lambda: Elementwise("x", "q"),
    "kind='rellu' is unknown; did you mean 'relu'?": lambda: Activation("x", "rellu"),
    "kind='batched' is unknown; did you mean 'batch'?": lambda: Normalization("x", "batched"),
    "shape must be a tuple such as (channels, height, width), no batch, not 224": lambda: Input(
        "x",
        224,  # type: ignore[arg-type]
    ),
    "shape must lie between 1 and 2**31, not 0": lambda: Input("x", (3, 0, 224)),
    "input_size must be one whole number or a pair (height, width), not (3, 8, 8)": lambda: Input.image(
        "x",
        3,
        (3, 8, 8),  # type: ignore[arg-type]
    ),
    "batch must lie between 1 and 2**31, not 0": lambda: bind(Softmax("x"), [MAP], batch=0),
    "input shape must be a tuple such as (channels, height, width), no batch, not ()": lambda: bind(
        Softmax("x"), [()]
    ),
    "Convolution needs a (channels, height, width) input, not (4096,)": lambda: bind(
        Convolution("x", 8, 3), [(4096,)]
    ),
    "Linear needs a (features,) or (channels, height, width) input, not (4, 5)": lambda: bind(
        Linear("x", 8), [(4, 5)]
    ),
    "Softmax takes 1 input, not 2": lambda: bind(Softmax("x"), [MAP, MAP]),
    "Input takes no input, not 1": lambda: bind(Input("x", (4,)), [MAP]),
    "Elementwise takes 2 or more inputs, not 1": lambda: bind(Elementwise("x", "add"), [MAP]),
    "MatrixMultiplication takes 2 inputs, not 3": lambda: bind(MatrixMultiplication("x"), [(2, 2)] * 3),
    "add needs inputs of one shape, not (4,) and (5,)": lambda: bind(
        Elementwise("x", "add"), [(4,), (4,), (5,)]
    ),
    "cannot multiply (2, 3) by (4, 3); needs (..., rows, inner) by (..., inner, columns) with equal leading "
    "extents": lambda: bind(MatrixMultiplication("x"), [(2, 3), (4, 3)]),
    "cannot multiply (5, 2, 3) by (4, 3, 2); needs (..., rows, inner) by (..., inner, columns) with equal "
    "leading extents": lambda: bind(MatrixMultiplication("x"), [(5, 2, 3), (4, 3, 2)]),
    "cannot multiply (3,) by (3,); needs (..., rows, inner) by (..., inner, columns) with equal leading "
    "extents": lambda: bind(MatrixMultiplication("x"), [(3,), (3,)]),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_one_clear_message(message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        REFUSED[message]()
    assert str(caught.value) == f"layer 'x': {message}"


@pytest.mark.parametrize("name", ["", "  ", 5, "\x1b[2Jconv1", "conv\n1", "conv\x9b1"])
def test_a_layer_needs_a_name_that_can_be_shown(name: object) -> None:
    with pytest.raises(WorkloadError, match="Softmax: name must be text without control characters, not "):
        Softmax(name)  # type: ignore[arg-type]
    with pytest.raises(
        WorkloadError, match="Convolution: name must be text without control characters, not "
    ):
        Convolution(name, 8, 3)  # type: ignore[arg-type]
