"""The vector of a mapping: round trips, what it refuses, and legality as kernels see it."""

import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import convolutions, machine, mapped, mapping

from simulator.batch.layout import lower_encoding, rule_names
from simulator.batch.state import find_violations, make_state, read_row
from simulator.counting import count, lower
from simulator.encoding import VERSION, Encoding, permutation, permutation_number
from simulator.errors import MappingError
from simulator.legality import check_mapping, rules
from simulator.problem import convolution

LEGAL_REFUSALS = ("merge them", "at one place", "has no place for loops between")


@st.composite
def tight_machines(draw):
    """Two arrays, small axes and capacities, partitions, double buffers, padding left out or stored."""

    def storage(name, capacity, **fields):
        part = draw(st.integers(1, capacity - 1))
        if draw(st.booleans()):
            fields["capacity"] = f"{8 * capacity} bits"
            if draw(st.booleans()):
                fields["partitions"] = [
                    {"tensors": ["inputs", "outputs"], "capacity": f"{8 * part} bits"},
                    {"tensors": ["weights"], "capacity": f"{8 * (capacity - part)} bits"},
                ]
        modes = st.sampled_from(("single", "double", "fifo"))
        fields["buffering"] = {t: draw(modes) for t in fields.get("keeps", ("weights", "inputs", "outputs"))}
        return {"storage": name, "price": {}, "stores_padding": draw(st.booleans()), **fields}

    def array(name, axes):
        sizes = {
            axis: {"size": draw(st.integers(1, 4)), "multicast": True, "reduction": True} for axis in axes
        }
        return {"array": name, "axes": {axis: fields | {"links": []} for axis, fields in sizes.items()}}

    side = [
        {"storage": "WB", "keeps": ["weights"], "capacity": f"{8 * draw(st.integers(1, 6))} bits"},
        {"storage": "IB", "keeps": ["inputs", "weights"], "stores_padding": draw(st.booleans())},
    ]
    required = draw(st.sets(st.sampled_from(("weights", "inputs", "outputs"))))
    levels = [
        {"storage": "DRAM"},
        storage("GLB", 40, required=sorted(required)),
        array("A", "xy"),
        storage("BUF", 20),
        array("B", "z"),
        {"side_by_side": side},
        {"mac": {"price": 1}},
    ]
    return machine(*levels)


@st.composite
def vectors(draw):
    """An encoding and a vector in its ranges with few loops, most of them illegal."""
    encoding = Encoding(draw(convolutions()), draw(tight_machines()))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    low, high = encoding.ranges
    vector = random.integers(low, high + 1)
    vector[encoding.first_keep : encoding.first_axes] &= random.integers(0, 2, len(encoding.nodes)) | draw(
        st.integers(0, 1)
    )
    vector = np.maximum(vector, low)
    bounds = vector[encoding.first_bound : encoding.first_order].reshape(len(encoding.slots), -1)
    bounds[:] = 1
    for d, (_, extent) in enumerate(encoding.problem.dimensions):
        left = extent + draw(st.sampled_from((0, 0, 0, 0, 0, 0, 1, -1)))
        for slot in random.permutation(len(encoding.slots))[: random.integers(1, 4)]:
            bounds[slot, d] = random.integers(1, max(1, min(left, extent)) + 1)
            left = -(-left // bounds[slot, d])
        if draw(st.integers(0, 9)):
            slot = random.choice(np.flatnonzero(bounds[:, d] == 1))
            bounds[slot, d] = max(1, min(left, extent))
    return encoding, vector.astype(np.int32)


def violations(encoding, vector):
    """How far the kernel finds a vector to break each rule."""
    layout = lower_encoding(encoding)
    state = make_state(layout)
    broken = np.zeros((1, len(rule_names(encoding))))
    found = read_row(state, layout.orders, vector[None], 0)
    wrong = find_violations(state, layout.clipped, vector[None], 0, found, broken)
    assert wrong == (broken > 0).any()
    return broken[0]


def encoded(encoding, nest):
    """The vector of a nest; skips the example where the vector has no place for it."""
    try:
        return encoding.encode(nest)
    except MappingError as error:
        assert any(reason in str(error) for reason in LEGAL_REFUSALS), error
        assume(False)


@given(vectors())
@settings(max_examples=200, deadline=None)
def test_kernel_and_check_mapping_agree(case):
    encoding, vector = case
    broken = violations(encoding, vector)
    try:
        check_mapping(encoding.problem, encoding.architecture, encoding.decode(vector))
        legal = True
    except MappingError as error:
        legal = False
        reason = str(error)
    assert legal == (not broken.any()), (rule_names(encoding), broken, legal or reason)


@given(mapped())
@settings(deadline=None)
def test_kernel_accepts_legal_mappings(case):
    problem, architecture, nest = case
    check_mapping(problem, architecture, nest)
    encoding = Encoding(problem, architecture)
    assert not violations(encoding, encoded(encoding, nest)).any()


@given(mapped())
@settings(deadline=None)
def test_counts_survive_the_vector(case):
    problem, architecture, nest = case
    encoding = Encoding(problem, architecture)
    again = encoding.decode(encoded(encoding, nest))
    for tensor in problem.tensor_names:
        assert [level for level, _ in again.keepers(tensor)] == [level for level, _ in nest.keepers(tensor)]

    def counted(nest):
        return count(lower(problem, nest, rules(problem, architecture, nest)), "closed-form").rows

    assert counted(again) == counted(nest)
    assert encoding.decode(encoding.encode(again)) == again


@given(vectors())
@settings(deadline=None)
def test_decoded_mappings_encode_again(case):
    encoding, vector = case
    nest = encoding.decode(vector)
    again = encoding.encode(nest)
    assert encoding.decode(again) == nest
    assert (encoding.encode(encoding.decode(again)) == again).all()


@given(st.integers(0, 8).flatmap(lambda n: st.permutations(range(n))))
def test_numbers_of_permutations(order):
    number = permutation_number(order)
    assert permutation(number, len(order)) == list(order)
    assert permutation_number(sorted(order)) == 0
    if order == sorted(order, reverse=True):
        assert number == np.prod(np.arange(1, len(order) + 1), dtype=int) - 1


# One machine to be wrong about.

PROBLEM = convolution("layer", m=4, c=3)
MACHINE = machine(
    {"storage": "DRAM"},
    {"storage": "GLB", "required": ["inputs"]},
    {"array": "PE", "axes": {"x": {"size": 4, "multicast": True, "reduction": True}}},
    {"storage": "RF", "keeps": ["weights"]},
    {"mac": {"price": 1}},
    name="tiny",
)
ENCODING = Encoding(PROBLEM, MACHINE)
NEST = mapping("DRAM:", "C 3", "GLB: inputs", "M 4 @PE.x")


def test_the_columns_are_named():
    vector = ENCODING.encode(NEST)
    named = dict(zip(ENCODING.columns, vector.tolist(), strict=True))
    assert len(ENCODING.columns) == ENCODING.length == len(vector)
    others = {name for name, value in named.items() if value != 1 and "." in name and "order" not in name}
    assert others == {"T0.C", "PE.x.M", "GLB.weights", "GLB.outputs", "RF.weights"}
    assert (named["version"], named["T0.C"], named["PE.x.M"], named["GLB.inputs"]) == (VERSION, 3, 4, 1)
    assert ENCODING.decode(vector) == NEST
    assert vector.dtype == np.int32


def changed(column, value):
    vector = ENCODING.encode(NEST).astype(np.int64)
    vector[ENCODING.columns.index(column)] = value
    return vector


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.ones(3, int), f"layer on tiny has vectors of {ENCODING.length} integers, not an array of shape"),
        (np.ones((2, ENCODING.length), int), "not an array of shape"),
        (ENCODING.encode(NEST).astype(float), "vectors are of integers, not float64"),
        (ENCODING.encode(NEST) > 0, "vectors are of integers, not bool"),
        ([1, [2]], f"vectors must all have {ENCODING.length} columns"),
        (["a"] * ENCODING.length, "vectors are of integers, not <U1"),
        (changed("version", 7), "a vector of version 7; this encoding has version 1"),
        (changed("T0.C", 4), r"\(T0.C\) is 4; it goes from 1 to 3"),
        (changed("T0.C", 0), r"\(T0.C\) is 0; it goes from 1 to 3"),
        (changed("T0.C", 2**40 + 1), r"\(T0.C\) is 1099511627777; it goes from 1 to 3"),
        (changed("region0.order", 6), r"\(region0.order\) is 6; it goes from 0 to 5"),
        (changed("GLB.inputs", 0), r"\(GLB.inputs\) is 0; it goes from 1 to 1"),
        (changed("PE.order", -1), r"\(PE.order\) is -1; it goes from 0 to 0"),
    ],
)
def test_a_vector_that_is_none_is_refused(vector, message):
    with pytest.raises(MappingError, match=message):
        ENCODING.decode(vector)


@pytest.mark.parametrize(
    ("nest", "message"),
    [
        (mapping("DRAM:", "K 2"), "has no dimension 'K'"),
        (mapping("DRAM:", "M 2 @QE.x"), "has no array 'QE'; did you mean 'PE'"),
        (mapping("DRAM:", "M 2 @PE.z"), "has no axis 'z'; known: x"),
        (mapping("DRAM:", "RF: inputs"), "RF cannot keep inputs"),
        (mapping("DRAM:", "GLB: inputs", "GLB: inputs"), "GLB keeps inputs twice"),
        (mapping("DRAM:", "RF: weights", "GLB: inputs"), "GLB stands below an array that it is outside of"),
        (mapping("DRAM:", "M 2 @PE.x", "M 2", "C 2 @PE.x"), "no place for loops between the spatial loops"),
        (mapping("DRAM:", "M 2 @PE.x", "M 2 @PE.x"), "one loop of each dimension on an axis; merge them"),
        (mapping("DRAM:", "M 2", "C 3", "M 2", "GLB:", "RF: weights"), "'for m in 2': a vector has one loop"),
    ],
)
def test_a_nest_without_a_vector_is_refused(nest, message):
    with pytest.raises(MappingError, match=message):
        ENCODING.encode(nest)


def test_loops_below_an_array_without_loops_have_a_vector():
    """With no spatial loops, two loops of a dimension side by side stand on both sides of the array."""
    vector = ENCODING.encode(mapping("DRAM:", "C 3", "GLB:"))
    for name, bound in (("T3.M", 2), ("T4.M", 2)):
        vector[ENCODING.columns.index(name)] = bound
    nest = ENCODING.decode(vector)
    assert ENCODING.decode(ENCODING.encode(nest)) == nest


def test_too_many_nodes_for_an_order():
    levels = [{"storage": f"B{i}"} for i in range(5)]
    crowded = machine({"storage": "DRAM"}, *levels, {"mac": {"price": 1}}, name="crowded")
    with pytest.raises(MappingError, match="crowded has 15 places to hold tensors"):
        Encoding(PROBLEM, crowded)


def test_an_encoding_pickles():
    assert pickle.loads(pickle.dumps(ENCODING)).columns == ENCODING.columns
