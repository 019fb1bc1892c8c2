"""The batch cost model: every number of every vector as the single mapping's, bit for bit."""

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from oracles import convolution, machine, mapped, mapping

import simulator as sim
from simulator.batch.model import CostModel
from simulator.errors import MappingError

from .cases import assert_right, batches, random_vectors


@given(batches(wrong=0.2))
@settings(max_examples=30, deadline=None)
def test_every_vector_costs_what_its_mapping_does(case):
    model, vectors = case
    event(f"legal: {assert_right(model, vectors)} of {len(vectors)}")


@given(batches(most_macs=100_000))
@settings(max_examples=20, deadline=None)
def test_larger_problems_cost_the_same_by_the_closed_form(case):
    assert_right(*case, walked=False)


@given(mapped())
@settings(max_examples=60, deadline=None)
def test_a_mapping_costs_what_its_vector_does(case):
    problem, architecture, nest = case
    model = CostModel(problem, architecture)
    try:
        vector = model.encoding.encode(nest)
    except MappingError:
        assume(False)
    assert assert_right(model, vector[None]) == 1


def chip_model(layer):
    """A layer on the Eyeriss chip."""
    return CostModel(sim.load_layer(layer), sim.load_architecture("eyeriss_v1"))


def test_most_random_vectors_are_legal():
    """Else the tests above compare little."""
    model = chip_model("lenet5_caffe:conv2")
    vectors = random_vectors(model.encoding, np.random.default_rng(0), 200)
    assert assert_right(model, vectors, walked=False) > 30


def wide_machine():
    """Two arrays with a level around and between them, and a bandwidth everywhere."""
    rate = {"bandwidth": {"read": "5 bits", "write": "3 bits"}, "buffering": "single"}
    price = {"price": {"read": 1, "fill": 2, "drain": 3, "merge": 5, "send": 7, "refill": 11}}
    axes = {
        "A": {"x": {"size": 4}, "y": {"size": 3, "multicast": ["inputs"]}},
        "B": {"z": {"size": 6, "reduction": False}, "w": {"size": 2}},
    }
    a, b = ({"array": name, "axes": axes[name], "network": {"inputs": "7 bits"}} for name in axes)
    outer, *levels = ({"storage": name} | rate | price for name in ("DRAM", "GLB", "BUF", "RF"))
    del outer["buffering"]
    return machine(
        outer, levels[0], a, levels[1], b, levels[2], {"mac": {"price": 1, "latches": ["weights"]}}
    )


@pytest.mark.parametrize(
    "sizes", [{"q": 23, "s": 7, "m": 5}, {"p": 11, "r": 3, "c": 7, "stride": 2}, {"m": 31, "c": 13}]
)
def test_many_vectors_of_few_dimensions(sizes):
    """Long chains of loops, a dimension on several axes and arrays, whatever was remembered before."""
    model = CostModel(convolution(**sizes), wide_machine())
    assert (
        assert_right(model, random_vectors(model.encoding, np.random.default_rng(2), 300), walked=False)
        == 300
    )


@pytest.mark.parametrize(
    "sizes",
    [
        {"p": 45, "r": 5, "row_data": (2, 45)},
        {"p": 90, "r": 3, "row_data": (1, 90)},
        {"p": 41, "r": 7, "stride": 2, "dilation": 2, "row_data": (6, 85)},
    ],
)
def test_long_padded_rows(sizes):
    """Most groups of places are alike, but those at an edge: in one word of bits and in more."""
    model = CostModel(convolution(**sizes), wide_machine())
    vectors = random_vectors(model.encoding, np.random.default_rng(3), 60)
    assert assert_right(model, vectors, walked=False) == 60


def test_rows_do_not_depend_on_each_other():
    """The same rows in another order, of the same and of other batches, come to the same."""
    model = chip_model("alexnet:conv2")
    random = np.random.default_rng(1)
    vectors = random_vectors(model.encoding, random, 3000, 0.1)
    together = model.evaluate(vectors, counts=True)
    order = random.permutation(len(vectors))
    assert (model.evaluate(vectors[order], counts=True) == together[order]).all()
    alone = CostModel(model.problem, model.architecture)
    for row in range(0, len(vectors), 97):
        assert (alone.evaluate(vectors[row : row + 1], counts=True) == together[row]).all()


# What went wrong once, or could.

FLAT = {"storage": "DRAM", "price": {"read": 1, "drain": 1, "refill": 1}}
LINKED = {"size": 4, "multicast": True, "reduction": True, "links": ["weights", "inputs"]}
MAC = {"mac": {"price": 1}}


def test_a_machine_of_one_level():
    model = CostModel(convolution(m=3, p=4), machine(FLAT, MAC))
    nest = mapping("DRAM:", "M 3", "P 4")
    assert assert_right(model, model.encoding.encode(nest)[None]) == 1


def test_arrays_without_a_level_between():
    arrays = [{"array": name, "axes": {"x": LINKED}} for name in "AB"]
    model = CostModel(convolution(m=3, p=4), machine(FLAT, *arrays, MAC))
    nest = mapping("DRAM:", "M 3 @A.x", "P 4 @B.x")
    assert assert_right(model, model.encoding.encode(nest)[None]) == 1


def test_counts_of_bypassed_levels_are_zero():
    model = CostModel(convolution(m=3, p=4), machine(FLAT, {"storage": "GLB"}, MAC))
    kept, bypassed = mapping("DRAM:", "M 3", "GLB:", "P 4"), mapping("DRAM:", "M 3", "P 4")
    vectors = np.array([model.encoding.encode(nest) for nest in (kept, bypassed)])
    assert assert_right(model, vectors) == 2


def test_linked_axes_above_the_parent_part_its_instances():
    array = {"array": "A", "axes": {"x": LINKED}}
    model = CostModel(convolution(s=3), machine(FLAT, array, {"storage": "RF"}, MAC))
    nest = mapping("DRAM:", "S 3 @A.x", "RF:")
    assert assert_right(model, model.encoding.encode(nest)[None]) == 1


@pytest.mark.parametrize("places", [(2, 3), (3, 2)])
def test_what_is_remembered_of_one_row_is_not_taken_for_another(places):
    """A loop left at position zero must not pass for none."""
    axes = {"x": LINKED | {"links": []}}
    levels = [{"storage": "GLB", "bandwidth": {"shared": "8 bits"}}, {"array": "A", "axes": axes}]
    model = CostModel(convolution(q=12, s=3), machine(FLAT, *levels, {"storage": "RF"}, MAC))
    nests = [
        mapping("DRAM:", "GLB:", f"Q {-(-12 // (a * b))}", f"Q {a} @A.x", "RF:", f"Q {b}", "S 3")
        for a, b in [(n, m) for n in (1, *places) for m in (1, *places)]
    ]
    vectors = np.array([model.encoding.encode(nest) for nest in nests])
    assert assert_right(model, vectors) == len(nests)
    assert assert_right(model, vectors[::-1]) == len(nests)


@pytest.mark.parametrize("inner", ["RF:", "RF: weights"])
def test_a_mapping_without_a_price_is_marked(inner):
    """How far words go on a network whose words pass on to the next has no price."""
    arrays = [{"array": name, "axes": {"x": LINKED}, "price": {"hop": 1}} for name in "AB"]
    levels = [FLAT, arrays[0], {"storage": "RF"}, arrays[1], MAC]
    model = CostModel(convolution(m=3, p=4), machine(*levels))
    nest = mapping("DRAM:", "M 3 @A.x", inner, "P 4 @B.x")
    assert assert_right(model, model.encoding.encode(nest)[None]) == (inner == "RF:")


def test_words_that_neighbours_could_pass_on_are_counted_without_links():
    """Three places hold columns 0 1 2, then 1 2 3: two of four words move over by one."""
    array = {"array": "A", "axes": {"x": LINKED | {"links": []}}}
    model = CostModel(convolution(q=2, s=3), machine(FLAT, array, {"storage": "RF"}, MAC))
    vector = model.encoding.encode(mapping("DRAM:", "Q 2", "S 3 @A.x", "RF:"))[None]
    assert assert_right(model, vector) == 1
    (row,) = model.evaluate(vector, forwardable=True)["counts"][:, model.boundaries.index(("inputs", "DRAM"))]
    assert (row["parent_reads"], row["forwardable"]) == (6, 2)


def test_levels_side_by_side_do_not_hand_a_tensor_to_each_other():
    side = {
        "side_by_side": [{"storage": "S0", "keeps": ["weights"]}, {"storage": "S1", "keeps": ["weights"]}]
    }
    model = CostModel(convolution(m=3, p=4), machine(FLAT, side, MAC))
    vector = model.encoding.encode(mapping("DRAM:", "M 3", "S0: weights", "P 4", "S1: weights"))[None]
    assert assert_right(model, vector) == 0
    assert model.evaluate(vector)["violation"][0, model.rules.index("hierarchy")] == 1


ARRAYS = [
    {"array": "A", "axes": {"x": LINKED | {"links": []}}},
    {"storage": "RF", "buffering": "single"},
    {"array": "B", "axes": {"z": LINKED | {"links": []}}},
]


@pytest.mark.parametrize(
    ("sizes", "nest"),
    [
        # The last tile of the outer loop is ragged: the inner one has no room to leave it.
        ({"m": 5, "c": 2}, ("M 2", "M 2 @A.x", "C 2", "M 2", "RF: outputs")),
        ({"m": 8, "c": 2}, ("M 2", "C 2", "GLB: weights", "M 2", "M 3 @A.x", "RF: outputs")),
        ({"m": 9, "c": 2}, ("M 2", "M 2 @A.x", "M 2", "C 2", "RF: weights", "M 2", "PE: outputs")),
        # A dimension on two arrays, with a loop between and without.
        ({"m": 11}, ("M 2 @A.x", "M 2", "M 3 @B.z", "PE:")),
        ({"m": 11}, ("M 3 @A.x", "M 4 @B.z", "PE:")),
        ({"m": 7, "p": 3}, ("P 3", "M 2", "M 2 @A.x", "M 3 @B.z", "PE: weights")),
        ({"m": 11, "c": 3}, ("C 3", "M 2", "M 2 @A.x", "M 3 @B.z", "PE: inputs outputs")),
        # Partial sums go up and down the same wires into a tile that waits for them.
        ({"m": 6, "c": 5}, ("C 5", "M 3", "M 2 @A.x", "RF: outputs")),
    ],
)
@pytest.mark.parametrize("timed", [False, True])
def test_nests_that_random_ones_seldom_are(sizes, nest, timed):
    array = ARRAYS[0] | ({"network": {"outputs": "1 bits"}} if timed else {})
    levels = [FLAT, {"storage": "GLB"}, array, *ARRAYS[1:], {"storage": "PE"}, MAC]
    model = CostModel(convolution(**sizes), machine(*levels))
    assert assert_right(model, model.encoding.encode(mapping("DRAM:", *nest))[None]) == 1
