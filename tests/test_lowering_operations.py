"""Pooling and layers that work value by value as problems: windows one by one, each word once."""

from math import prod

import numpy as np
import oracles
import pytest
from hypothesis import given, settings

import simulator as sim
import workloads as w
from simulator.counting import ENGINES, Rules, count, lower
from simulator.lowering import lower_operations, lowered_part
from workloads import bind

from .problem_words import data_rows, len_of
from .workloads.random_layers import layers


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
    return lowered_part(bind(layer, [shape], batch=batch))


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
    assert lower_operations(sim.load_network("alexnet")["conv1"]) == ()


@pytest.mark.parametrize("shape", [(2, 3, 4), (5, 4), (7,), (3, 1, 1), (2, 2, 3, 4)])
@pytest.mark.parametrize("inputs", [2, 3])
def test_inputs_of_one_shape_are_added_in_place(shape, inputs):
    layer = bind(w.Elementwise("add", "add"), [shape] * inputs, batch=2)
    ((problem, times),) = lower_operations(layer)
    assert times == 1 and problem.tensor_names == ("inputs", "outputs")
    assert len_of(problem, "inputs") == problem.macs == layer.words_in
    assert len_of(problem, "outputs") == layer.words_out
    if len(shape) == 1:
        assert problem.extents["P"] == 7


@settings(max_examples=60, deadline=None)
@given(layer=layers("Elementwise"))
def test_what_combines_values_reads_and_writes_each_word_once(layer):
    """Of inputs that are broadcast too; of more than two shapes the results in between besides."""
    problems = lower_operations(layer)
    out = layer.batch * prod(layer.output_shape)
    if len(set(layer.input_shapes)) == 1:
        assert sum(n * p.macs for p, n in problems) == out * len(layer.input_shapes)
        return
    made = layer.input_shapes[0]
    expected = 0
    for other in layer.input_shapes[1:]:
        made = np.broadcast_shapes(made, other)
        expected += layer.batch * prod(made)
    assert sum(n * p.macs for p, n in problems) == expected
    if len(layer.input_shapes) == 2 and len(problems[0][0].tensor_names) == 3 and problems[0][1] == 1:
        ((problem, _),) = problems
        words = len_of(problem, "inputs") + len_of(problem, "weights")
        assert words == layer.batch * sum(map(prod, layer.input_shapes))


def test_a_gate_per_channel_is_read_as_weights():
    layer = bind(w.Elementwise("gate", "multiply"), [(6, 1, 1), (6, 5, 4)], batch=3)
    ((problem, times),) = lower_operations(layer)
    assert times == 1 and problem.tensor_names == ("weights", "inputs", "outputs")
    assert len_of(problem, "weights") == 3 * 6
    assert len_of(problem, "inputs") == len_of(problem, "outputs") == problem.macs == 3 * 6 * 5 * 4


def test_adaptive_pooling_has_a_problem_per_length_of_window():
    layer = bind(w.AdaptivePooling("p", "average", 6), [(3, 13, 12)])
    problems = lower_operations(layer)
    assert {(p.extents["R"], p.extents["S"]): n for p, n in problems} == {(3, 2): 36}
    layer = bind(w.AdaptivePooling("p", "average", (4,)), [(3, 11)])
    assert {p.extents["S"]: n for p, n in lower_operations(layer)} == {3: 2, 4: 2}


def test_a_reduction_adds_up_what_it_drops():
    layer = bind(w.Reduction("mean", "mean", (1,)), [(4, 5, 6)], batch=2)
    ((problem, _),) = lower_operations(layer)
    assert (problem.extents["N"], problem.extents["P"], problem.extents["C"]) == (2, 24, 5)
    assert len_of(problem, "inputs") == problem.macs == 240


@pytest.mark.parametrize("flow", ["row_stationary", "weight_stationary", "output_stationary_b", "flexible"])
@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (w.Elementwise("add", "add"), [(4, 3, 3)] * 2),
        (w.Elementwise("gate", "multiply"), [(4, 3, 3), (4, 1, 1)]),
        (w.Activation("relu"), [(4, 3, 3)]),
        (w.Reduction("sum", "sum", (0,)), [(4, 3)]),
        (w.Pooling3d("pool", "max", 2), [(2, 4, 4, 4)]),
    ],
)
def test_operations_are_mapped_as_layers_are(flow, layer, shapes):
    ((problem, _),) = lower_operations(bind(layer, shapes))
    found = sim.search(problem, "eyeriss_v1", flow, evaluations=200, mapper="random")
    assert sim.evaluate(problem, "eyeriss_v1", found.mapping).macs == problem.macs
