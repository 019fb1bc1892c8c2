"""Layers as problems: each type against a naive count of multiplications, and against its own MACs."""

import itertools
from collections import Counter
from math import prod

import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
import workloads as w
from simulator.counting import ENGINES, Rules, count, lower
from simulator.lowering import lower_layer, lower_operations
from workloads import bind

from .problem_words import data_rows, len_of
from .workloads.random_layers import MAKERS, layers

WITH_MACS = (
    "Attention", "Convolution", "Convolution1d", "Convolution3d", "DepthwiseConvolution", "Linear",
    "MatrixMultiplication", "Recurrent", "TransposedConvolution", "TransposedConvolution1d",
    "TransposedConvolution3d",
)  # fmt: skip


ON_THE_ARRAY = (
    "Activation", "AdaptivePooling", "Elementwise", "GlobalPooling", "Pooling", "Pooling1d", "Pooling3d",
    "Reduction",
)  # fmt: skip


def naive_macs(shape, filters, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1):
    """Slide the kernel over the padded map and count the multiplications, tap by tap."""
    channels, height, width = shape
    top, bottom, left, right = padding
    reach = [dilation[i] * (kernel[i] - 1) for i in range(2)]
    rows = range(0, top + height + bottom - reach[0], stride[0])
    columns = range(0, left + width + right - reach[1], stride[1])
    taps = itertools.product(rows, columns, range(kernel[0]), range(kernel[1]))
    return sum(1 for _ in taps) * filters * (channels // groups)


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


@pytest.mark.parametrize("kind", WITH_MACS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_macs_of_a_layer_s_problems_are_the_layer_s(kind, data):
    layer = data.draw(layers(kind))
    problems = lower_layer(layer)
    assert sum(times * problem.macs for problem, times in problems) == layer.macs
    assert lower_operations(layer) == ()
    assert all(problem.tensor_names == ("weights", "inputs", "outputs") for problem, _ in problems)


@settings(max_examples=100, deadline=None)
@given(layer=layers(*sorted(set(MAKERS) - set(WITH_MACS))))
def test_other_layers_have_no_macs(layer):
    assert lower_layer(layer) == () and layer.macs == 0
    on_array = layer.type in ON_THE_ARRAY or getattr(layer.layer, "kind", "") == "batch"
    assert (lower_operations(layer) != ()) == on_array


def naive_words(layer):
    """By axis the taps of all outputs that meet the map, and those that lie beside it."""
    kind, shape, output = layer.layer, layer.input_shapes[0], layer.output_shape
    taken = Counter()
    for axis in range(kind.axes):
        size, outputs = shape[axis - kind.axes], output[axis - kind.axes]
        before = kind.padding[2 * axis]
        for out, tap in itertools.product(range(outputs), range(kind.kernel[axis])):
            if isinstance(kind, w.TransposedConvolution):
                place, over = divmod(out + before - tap * kind.dilation[axis], kind.stride[axis])
                if over:
                    continue
            else:
                place = out * kind.stride[axis] - before + tap * kind.dilation[axis]
            taken[axis, 0 <= place < size] += 1
    return [(taken[axis, True], taken[axis, False]) for axis in range(kind.axes)]


@pytest.mark.parametrize("kind", [k for k in WITH_MACS if "Convolution" in k] + ["Pooling", "Pooling3d"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_as_many_macs_have_padding_as_taps_beside_the_map(kind, data):
    """Whichever way a layer was taken apart, and in each of its axes."""
    layer = data.draw(layers(kind))
    problems = lower_layer(layer) or lower_operations(layer)
    on_map = sum(times * problem.macs * problem.data_share("inputs") for problem, times in problems)
    all_of_it = sum(times * problem.macs for problem, times in problems)
    expected = prod(on / (on + off) for on, off in naive_words(layer) if on + off)
    assert on_map == pytest.approx(all_of_it * expected)


def test_a_transposed_convolution_has_a_kernel_part_per_phase():
    """FCN's upsampling by two: four phases of 2 x 2 taps each, all alike but for their edges."""
    layer = bind(w.TransposedConvolution("up", 3, 4, stride=2, padding=1), [(2, 5, 5)])
    problems = lower_layer(layer)
    assert sum(times for _, times in problems) == 4
    for problem, _ in problems:
        x = problem.extents
        assert (x["M"], x["C"], x["P"], x["Q"], x["R"], x["S"]) == (3, 2, 5, 5, 2, 2)
    assert {p.tensor("inputs").ranks[3].data for p, _ in problems} == {(1, 5), (0, 5)}


def naive_upsampled(size, taps, stride, cut, outputs):
    """Per output the pairs (tap, input) that a spread of every input brings there."""
    found = [[] for _ in range(outputs)]
    for i, t in itertools.product(range(size), range(taps)):
        if 0 <= i * stride + t - cut < outputs:
            found[i * stride + t - cut].append((t, i))
    return found


def test_a_transposed_convolution_reads_the_inputs_that_are_spread_there():
    """Each phase in turn: output u of a phase reads the inputs from its foremost on, by every tap once."""
    kind = w.TransposedConvolution1d("up", 1, 5, stride=3, padding=(2, 1), output_padding=2)
    layer = bind(kind, [(1, 4)])
    outputs = layer.output_shape[-1]
    expected = naive_upsampled(4, 5, 3, 2, outputs)
    read = Counter()
    for steps, taps, dilation, foremost in kind.phases(0, outputs):
        for u, j in itertools.product(range(steps), range(taps)):
            if 0 <= foremost + u + dilation * j < 4:
                read[foremost + u + dilation * j] += 1
    assert read == Counter(i for pairs in expected for _, i in pairs)


def test_a_3d_convolution_is_one_of_two_axes_per_output_depth():
    """C3D's first layer: the front and the back of the clip are padding for one depth each."""
    layer = bind(w.Convolution3d("conv1a", 64, 3, padding=1), [(3, 16, 12, 12)], batch=2)
    by_data = {p.tensor("inputs").ranks[2].data: (p, times) for p, times in lower_layer(layer)}
    assert {data: times for data, (_, times) in by_data.items()} == {(3, 6): 1, None: 14, (0, 6): 1}
    assert all(p.extents["C"] == 9 and p.extents["N"] == 2 for p, _ in by_data.values())


def test_a_3d_convolution_s_counts_are_those_of_moving_word_by_word():
    """Padding at the front of the clip: channels that are no data."""
    layer = bind(w.Convolution3d("c", 2, (2, 2, 1), padding=(1, 0, 0, 0, 0, 0)), [(2, 2, 3, 2)])
    problem = next(p for p, _ in lower_layer(layer) if p.tensor("inputs").ranks[2].data == (2, 2))
    nest = oracles.mapping("DRAM:", "M 2", "L1:inputs weights", "P 2", "C 4", "L2:outputs", "Q 2", "R 2")
    rules = Rules({tensor: frozenset() for tensor in problem.tensor_names}, frozenset(), frozenset())
    expected = oracles.naive_counts(problem, nest, rules)
    for engine in ENGINES:
        counts = count(lower(problem, nest, rules), engine)
        assert [row.to_dict(row.tensor == "outputs") for row in counts.rows] == expected


def test_a_connection_table_is_a_problem_per_set_of_channels():
    table = ((0, 1, 2), (2, 1, 0), (1, 2, 3), (0, 1, 2, 3))
    problems = lower_layer(bind(w.Convolution("c3", 4, 5, table=table), [(4, 9, 9)]))
    sizes = {(p.extents["M"], p.extents["C"]): times for p, times in problems}
    assert sizes == {(2, 3): 1, (1, 3): 1, (1, 4): 1}


def test_attention_heads_that_share_keys_are_rows_of_one_group():
    layer = bind(w.Attention("a", 8, kv_heads=2, cached=10), [(3, 64), (3, 16), (3, 16)], batch=5)
    (scores, _), (values, _) = lower_layer(layer)
    x, y = scores.extents, values.extents
    assert (scores.name, values.name) == ("a.scores", "a.values")
    assert (x["G"], x["P"], x["C"], x["M"]) == (10, 12, 8, 13)
    assert (y["G"], y["P"], y["C"], y["M"]) == (10, 12, 13, 8)
    keys, cache = len_of(scores, "weights"), 5 * 13 * 16
    assert keys == len_of(values, "weights") == cache


def test_a_recurrent_cell_runs_its_products_every_step():
    layer = bind(w.Recurrent("r", "lstm", 7, bidirectional=True), [(6, 5)], batch=3)
    (inputs, steps), (states, again) = lower_layer(layer)
    assert steps == again == 12
    assert (inputs.extents["N"], inputs.extents["M"], inputs.extents["C"]) == (3, 28, 5)
    assert (states.extents["N"], states.extents["M"], states.extents["C"]) == (3, 28, 7)


def test_a_linear_layer_on_a_sequence_shares_its_weights_between_positions():
    layer = bind(w.Linear("l", 7, last_axis=True), [(2, 5, 4)], batch=3)
    ((problem, _),) = lower_layer(layer)
    assert (problem.extents["N"], problem.extents["P"]) == (3, 10)
    assert len_of(problem, "weights") == 28


def test_too_many_depths_are_refused():
    layer = bind(w.Convolution3d("deep", 1, 1, padding=(1, 0, 0)), [(1, 70_000, 1, 1)])
    with pytest.raises(sim.SimulatorError, match=r"^deep: 70002 output depths are too many; at most 65536$"):
        lower_layer(layer)
