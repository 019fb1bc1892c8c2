"""Mappings in and out of a mapspace, whatever vector they come as."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles import machine, mapping

from simulator.errors import MappingError
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import convolution

ON = machine(
    {"storage": "DRAM"},
    {"array": "A", "axes": {"x": {"size": 2}}},
    {"storage": "BUF", "keeps": ["inputs"]},
    {"array": "B", "axes": {"y": {"size": 2}}},
    {"storage": "RF", "keeps": ["weights"]},
    {"mac": {}},
)
# T0, A.x, T1, BUF.inputs, T2, B.y, T3, RF.weights, T4.
DIMENSIONS = st.sampled_from([(), ("M",), ("C",), ("M", "C"), ("C", "M")])
SLOTS = [f"T{i}" for i in range(5)]
NAMES = [*(f"{slot}.{d}" for slot in SLOTS for d in "MC"), "A.x.M", "B.y.C"]


@given(
    loops=st.dictionaries(st.sampled_from(SLOTS), st.tuples(DIMENSIONS), max_size=3),
    saturated=st.lists(st.sampled_from(NAMES), max_size=1),
    least=st.lists(st.sampled_from(NAMES), max_size=1),
    factors=st.sampled_from(("ragged", "balanced", "perfect")),
    m=st.integers(1, 4),
)
# A loop over M may not stand where C fills the axis, but further in.
@example(loops={"T0": ((),)}, saturated=["T2.M"], least=[], factors="ragged", m=3)
@settings(max_examples=25, deadline=None)
def test_a_mapping_is_contained_if_it_is_that_of_a_vector_of_the_space(loops, saturated, least, factors, m):
    """Whichever of the two arrays are empty, and whichever nodes are bypassed."""
    whole = Mapspace(convolution("layer", m=m, c=2), ON)
    try:
        space = whole.within(Constraints("c", loops=loops, saturated=tuple(saturated),
                                         bounds=dict.fromkeys(least, (2, 2)), factors=factors))  # fmt: skip
        rows = np.concatenate(list(space.batches()))
    except MappingError:
        return
    inside = {space.decode(row) for row in rows}
    every = {whole.decode(row) for rows in whole.batches() for row in rows}
    for nest in list(every)[:: max(1, len(every) // 150)]:
        assert (space.why_not(nest) is None) == (nest in inside)
    for nest in list(inside)[:: max(1, len(inside) // 50)]:
        assert space.why_not(nest) is None


@pytest.mark.parametrize(
    ("closed", "kept", "inside"),
    [
        (("T0",), (), True),
        (("T0", "T1", "T2", "T3"), (), True),
        (("T0", "T1", "T2", "T3", "T4"), (), False),
        # Inside a level that keeps its tensor the loop is another.
        (("T0", "T1"), ("BUF: inputs",), False),
        (("T2", "T3", "T4"), ("BUF: inputs",), True),
    ],
)
def test_loops_around_arrays_without_loops_stand_anywhere(closed, kept, inside):
    space = Mapspace(convolution(m=4), ON, Constraints("c", loops=dict.fromkeys(closed, ())))
    assert space.contains(mapping("DRAM:", "M 4", *kept)) == inside


def test_a_loop_on_an_array_parts_those_around_it():
    on_array = mapping("DRAM:", "M 2", "M 2 @A.x")
    space = Mapspace(convolution(m=4), ON, Constraints("c", loops={"T0": ()}))
    assert space.why_not(on_array) == "T0.M has a bound of 2, the mapspace allows only 1"
    assert space.contains(mapping("DRAM:", "M 2 @A.x", "M 2"))


def test_a_mapping_of_many_loops_in_one_gap_is_refused_at_once():
    levels = [{"storage": f"L{i}"} for i in range(4)]
    on = machine({"storage": "DRAM"}, *levels, {"mac": {}})
    problem = convolution(n=8, m=8, c=8, p=8, q=8, r=8, s=8)
    nest = mapping("DRAM:", *(f"{d} 2" for _ in range(3) for d in "NMCPQRS"))
    closed = dict.fromkeys(("T0.M", "T1.M", "T2.M", "T3.M", "T4.M"), (1, 1))
    whole = Mapspace(problem, on)
    assert whole.contains(nest)
    orders = tuple(f"T{i}" for i in range(13))
    listed = Constraints("c", loops=dict.fromkeys(orders, (tuple("SRQPCMN"),)))
    assert not whole.within(listed).contains(nest)
    assert whole.within(Constraints("c", bounds=closed)).contains(nest)
