"""Layers as problems: each type against a naive count of multiplications, and against its own MACs."""

import itertools

import oracles
import pytest

import simulator as sim
import workloads as w
from simulator.counting import ENGINES, Rules, count, lower
from simulator.lowering import lower_layer, lower_pooling
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


def naive_windows(shape, kernel, stride, padding, ceil):
    """The places of each output's window, by row and column.

    With ``ceil`` one more than those that lie on the padded map, where they leave some of it out, unless it
    begins behind the map.
    """
    lines = []
    for i, size in enumerate(shape):
        before, after = padding[2 * i : 2 * i + 2]
        starts = range(-before, size + after, stride[i])
        whole = [a for a in starts if a + kernel[i] <= size + after]
        left_out = whole[-1] + kernel[i] < size + after
        rest = [a for a in starts[len(whole) : len(whole) + 1] if ceil and left_out and a < size]
        lines.append([range(a, a + kernel[i]) for a in whole + rest])
    return lines


def pooled(layer, shape, batch=1):
    return lower_pooling(bind(layer, [shape], batch=batch))


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [
        ((2, 2), (2, 2), (0, 0, 0, 0)),
        ((3, 3), (2, 2), (0, 0, 0, 0)),
        ((3, 2), (2, 3), (1, 1, 0, 0)),
        ((3, 3), (2, 2), (1, 0, 1, 0)),
        ((2, 3), (3, 1), (0, 1, 1, 1)),
        ((1, 1), (2, 2), (0, 0, 0, 0)),
    ],
)
@pytest.mark.parametrize("extent", [(7, 6), (8, 5)])
def test_pooling_reads_the_places_of_its_windows(kernel, stride, padding, ceil, extent):
    """Windows, and the data in them, one by one; what lies past the map is not data."""
    problem = pooled(w.Pooling("pool", "max", kernel, stride, padding, ceil_mode=ceil), (3, *extent), batch=2)
    rows, columns = naive_windows(extent, kernel, stride, padding, ceil)
    x = problem.extents
    assert (x["P"], x["Q"], x["R"], x["S"]) == (len(rows), len(columns), *kernel)
    assert (x["N"], x["G"], x["M"], x["C"]) == (2, 3, 1, 1)
    assert problem.macs == 2 * 3 * sum(len(a) * len(b) for a in rows for b in columns)
    for rank, windows, size, before in zip(
        problem.tensor("inputs").ranks[3:], (rows, columns), extent, padding[::2], strict=True
    ):
        data = {place for window in windows for place in window if 0 <= place < size}
        assert data_rows(problem, rank) == {place + before for place in data}


def test_pooling_has_no_weights_and_is_mapped_and_executed():
    """Past the map (ceil_mode): counts of the functional engine, and each word read once, by brute force."""
    problem = pooled(w.Pooling("pool", "max", 3, 2, ceil_mode=True), (2, 6, 6))
    assert problem.tensor_names == ("inputs", "outputs")
    assert problem.extents["P"] == 3  # The third window begins at 4 and reaches past row 5.
    nest = oracles.mapping("DRAM:inputs outputs", "G 2", "P 3", "Q 3", "R 3", "S 3")
    on = oracles.machine({"storage": "DRAM", "price": {"read": 1}}, {"mac": {}})
    for engine in ("walk", "functional"):
        (row, _) = sim.evaluate(problem, on, nest, engine).cost.counts.rows
        # By row two windows of three places and one of two.
        assert row.parent_reads == 2 * (3 + 3 + 2) ** 2


def test_pooling_s_counts_are_those_of_moving_word_by_word():
    problem = pooled(w.Pooling("pool", "average", 3, 2, (1, 0, 1, 0), ceil_mode=True), (2, 5, 4))
    nest = oracles.mapping(
        "DRAM:inputs outputs", "P 3", "L1:inputs", "G 2", "Q 2", "L2:inputs outputs", "R 3", "S 3"
    )
    rules = Rules({tensor: frozenset() for tensor in problem.tensor_names}, frozenset(), frozenset())
    expected = oracles.naive_counts(problem, nest, rules)
    for engine in ENGINES:
        counts = count(lower(problem, nest, rules), engine)
        assert [row.to_dict(row.tensor == "outputs") for row in counts.rows] == expected


@pytest.mark.parametrize("shape", [(5, 7, 6), (4, 1, 3)])
def test_global_pooling_covers_the_map_once(shape):
    problem = pooled(w.GlobalPooling("pool", "average"), shape, batch=3)
    x, (channels, height, width) = problem.extents, shape
    assert (x["N"], x["G"], x["P"], x["Q"], x["R"], x["S"]) == (3, channels, 1, 1, height, width)
    assert problem.macs == 3 * channels * height * width == len_of(problem, "inputs")


def test_alexnet_s_pooling_is_a_layer_like_any():
    problem = sim.load_layer("alexnet:pool1", batch=2)
    assert problem.extents == {"N": 2, "G": 96, "M": 1, "C": 1, "P": 27, "Q": 27, "R": 3, "S": 3}
    found = sim.search("alexnet:pool1", "eyeriss_isca16_256", "output_stationary_a")
    assert found.complete and not found.mapping.keepers("weights")
    assert lower_pooling(sim.load_network("alexnet")["conv1"]) is None
