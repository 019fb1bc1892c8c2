"""Layers as problems: each type against a naive count of multiplications, and against its own MACs."""

import itertools

import pytest

import workloads as w
from simulator.lowering import lower_layer
from workloads import bind


def naive_macs(shape, filters, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1):
    """Slide the kernel over the padded map and count the multiplications, tap by tap."""
    channels, height, width = shape
    top, bottom, left, right = padding
    reach = [dilation[i] * (kernel[i] - 1) for i in range(2)]
    rows = range(0, top + height + bottom - reach[0], stride[0])
    columns = range(0, left + width + right - reach[1], stride[1])
    taps = itertools.product(rows, columns, range(kernel[0]), range(kernel[1]))
    return sum(1 for _ in taps) * filters * (channels // groups)


def data_rows(problem, rank):
    """Coordinates of the inputs' rank that are data, by sliding."""
    (_, a), (_, b) = rank.coefficients
    first, count = rank.data or (0, 10**9)
    p, r = (problem.extents[d] for d in rank.dimensions)
    return {a * i + b * j for i in range(p) for j in range(r) if first <= a * i + b * j < first + count}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": (2, 3)},
        {"padding": (1, 2, 0, 3)},
        {"dilation": (2, 1), "padding": (2, 2, 1, 1)},
        {"groups": 3, "stride": (2, 2)},
    ],
)
def test_a_convolution_has_the_macs_of_sliding_it(options):
    shape, kernel = (6, 11, 9), (3, 2)
    layer = bind(w.Convolution("conv", 12, kernel, **options), [shape], batch=2)
    ((problem, times),) = lower_layer(layer)
    assert times == 1
    assert problem.macs == layer.macs == 2 * naive_macs(shape, 12, kernel, **options)
    assert problem.extents["G"] == options.get("groups", 1)


def test_padding_is_not_data():
    layer = bind(w.Convolution("conv", 1, 3, padding=(1, 2, 0, 3)), [(1, 8, 6)])
    ((problem, _),) = lower_layer(layer)
    rows, columns = problem.tensor("inputs").ranks[3:]
    assert data_rows(problem, rows) == set(range(1, 9))
    assert data_rows(problem, columns) == set(range(6))
    unpadded = lower_layer(bind(w.Convolution("conv", 1, 3), [(1, 8, 6)]))[0][0]
    assert [rank.data for rank in unpadded.tensor("inputs").ranks] == [None] * 5


def test_a_depthwise_convolution_is_a_group_per_channel():
    layer = bind(w.DepthwiseConvolution("dw", 3, stride=2, padding=1, multiplier=2), [(5, 9, 9)], batch=3)
    ((problem, _),) = lower_layer(layer)
    assert (problem.extents["G"], problem.extents["M"], problem.extents["C"]) == (5, 2, 1)
    macs = naive_macs((5, 9, 9), 10, (3, 3), (2, 2), (1, 1, 1, 1), groups=5)
    assert problem.macs == layer.macs == 3 * macs


def test_a_linear_layer_on_a_map_covers_it():
    layer = bind(w.Linear("fc", 7), [(4, 3, 2)], batch=5)
    ((problem, _),) = lower_layer(layer)
    assert problem.macs == layer.macs == 5 * naive_macs((4, 3, 2), 7, (3, 2))
    assert problem.shape("inputs") == (5, 1, 4, 3, 2)


def test_a_linear_layer_on_a_vector_has_no_kernel():
    ((problem, _),) = lower_layer(bind(w.Linear("fc", 7), [(24,)]))
    assert problem.macs == 7 * 24
    assert problem.shape("weights") == (1, 7, 24, 1, 1)


def test_a_matrix_product_shares_nothing_between_leading_extents():
    layer = bind(w.MatrixMultiplication("scores"), [(2, 3, 5), (2, 5, 4)], batch=6)
    ((problem, _),) = lower_layer(layer)
    assert problem.macs == layer.macs == 6 * 2 * (3 * 5 * 4)
    words = {t: len_of(problem, t) for t in problem.tensor_names}
    assert words == {"inputs": 6 * 2 * 3 * 5, "weights": 6 * 2 * 5 * 4, "outputs": 6 * 2 * 3 * 4}


def len_of(problem, tensor):
    words = 1
    for length in problem.shape(tensor):
        words *= length
    return words


@pytest.mark.parametrize(
    "layer",
    [w.Pooling("pool", "max", 2), w.Activation("relu", "relu"), w.Softmax("softmax"), w.Flatten("flat")],
)
def test_layers_without_macs_have_no_problem(layer):
    assert lower_layer(bind(layer, [(2, 4, 4)])) == ()


@pytest.mark.parametrize("name", sorted(w.NETWORKS))
def test_every_network_of_the_zoo_keeps_its_macs(name):
    network = w.build(name, batch=2)
    assert sum(times * p.macs for layer in network for p, times in lower_layer(layer)) == network.macs
