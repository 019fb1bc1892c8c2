"""Hops on buses, trees and meshes: both engines against the naive count of wires, and what they imply."""

from dataclasses import replace

import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.counting import closed_form, functional, lower, walk
from simulator.counting.lowering import DRAINS, READS, Query, Rules
from simulator.counting.wires import Wires
from simulator.errors import ProblemError
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import convolution

ARRAYS = {"o": "outer", "x": "PE", "y": "PE", "i": "inner", None: None}


@st.composite
def boundaries(draw, most_macs=120):
    """A lowered nest with one boundary a tensor, loops on three arrays in any order, and a network."""
    problem = draw(st.one_of(oracles.problems(most_macs), sliding()))
    loops = draw(oracles.loop_orders(problem, (None, None, "x", "y", "x", "y", "o", "i")))
    loops = [Loop(x.dimension, x.bound, x.axis, ARRAYS[x.axis]) for x in loops]
    nodes = [Store("L0", problem.tensor_names), *loops]
    below = 1 + max((i for i, x in enumerate(loops) if x.spatial), default=0)
    for tensor in problem.tensor_names:
        first = draw(st.sampled_from((1, below)))
        nodes.insert(draw(st.integers(first, len(nodes))), Store("L1", (tensor,)))
    mapping = Mapping(tuple(nodes))
    apart = {t: draw(st.sets(st.sampled_from("xyoi"), max_size=2)) for t in problem.tensor_names}
    splits = {t: frozenset(i for i, x in enumerate(loops) if x.axis in axes) for t, axes in apart.items()}
    latches = draw(st.sets(st.sampled_from([t.name for t in problem.operands])))
    padded = draw(st.sets(st.sampled_from(("L0", "L1"))))
    return lower(problem, mapping, Rules(splits, frozenset(latches), frozenset(padded)))


@st.composite
def sliding(draw):
    """Windows that overlap on their way along a row or two."""
    sizes = {"p": draw(st.integers(3, 8)), "r": draw(st.integers(2, 4)), "m": draw(st.integers(1, 2))}
    if draw(st.booleans()):
        sizes |= {"q": draw(st.integers(1, 3)), "s": draw(st.integers(1, 2)), "m": 1}
    length = 2 * (sizes["p"] - 1) + sizes["r"]
    stride = draw(st.sampled_from((1, 1, 2))), 1
    rows = draw(st.none() | st.tuples(st.integers(0, 2), st.integers(1, length)))
    rows = None if rows is None or sum(rows) > stride[0] * (sizes["p"] - 1) + sizes["r"] else rows
    return convolution(**sizes, stride=stride, row_data=rows)


@st.composite
def networks(draw, nest):
    """A network on the array PE, with as many places as the nest uses or more."""
    used = {"x": 1, "y": 1}
    for loop in nest.mapping.loops:
        if loop.array == "PE":
            used[loop.axis] *= loop.bound
    axes = tuple((a, used[a] + draw(st.integers(0, 3))) for a in draw(st.sampled_from(("yx", "xy"))))
    kind = draw(st.sampled_from(("bus", "mesh", "tree")))
    return Wires("PE", kind, axes, draw(st.integers(2, 4)), ("outer",), draw(st.booleans()))


def counted(nest, boundary, wires):
    """Hops of a boundary by the closed form and by the walk."""
    query = Query(boundary, splits=nest.rules.splits[boundary.tensor], wires=wires)
    name = DRAINS if boundary.output else READS
    return [engine.count_queries(nest, [query])[0, name] for engine in (closed_form, walk)]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_wires_are_those_on_the_ways_of_every_word(data):
    nest = data.draw(boundaries())
    wires = data.draw(networks(nest))
    found, outermost = [], [i for i, b in enumerate(nest.boundaries) if not b.parent_above]
    executed = functional.execute_and_verify(nest, networks=[(i, wires) for i in outermost])
    for i, moved in zip(outermost, executed.hops, strict=True):
        boundary = nest.boundaries[i]
        expected = oracles.naive_wires(
            nest.problem, nest.mapping, boundary.tensor, boundary.parent_above, boundary.child_above,
            holds=boundary.holds, clip=boundary.clips, splits=nest.rules.splits[boundary.tensor], wires=wires,
        )  # fmt: skip
        found.append((expected, moved, *counted(nest, boundary, wires)))
    assert all(len(set(hops)) == 1 for hops in found), (found, wires)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_word_goes_further_over_a_mesh_than_over_buses(data):
    nest = data.draw(boundaries())
    wires = data.draw(networks(nest))
    for boundary in nest.boundaries:
        if not boundary.parent_above:
            mesh, bus = (counted(nest, boundary, replace(wires, kind=kind))[0] for kind in ("mesh", "bus"))
            assert mesh <= bus
            # A tree whose root feeds every place has one edge on each axis to each, and words are used.
            star = counted(nest, boundary, replace(wires, kind="tree", fan_out=1000))[0]
            assert star <= sum(size > 1 for _, size in wires.axes) * nest.problem.macs


def test_a_word_goes_once_over_every_wire_to_a_diagonal():
    """As drawn in docs/counting.md: inputs of a row of a convolution, outputs by taps on 4 x 3 places."""
    everything = ("weights", "inputs", "outputs")
    loops = Loop("P", 4, "x", "PE"), Loop("R", 3, "y", "PE")
    mapping = Mapping((Store("L0", everything), *loops, Store("L1", everything)))
    nest = lower(convolution(p=4, r=3), mapping, Rules({t: frozenset() for t in everything}))
    inputs = next(b for b in nest.boundaries if (b.tensor, b.parent) == ("inputs", "L0"))
    hops = {
        kind: counted(nest, inputs, Wires("PE", kind, (("y", 3), ("x", 4)), 2, (), False))
        for kind in ("bus", "tree", "mesh")
    }
    assert hops == {"bus": [48, 48], "tree": [45, 45], "mesh": [27, 27]}


def test_windows_that_slide_bring_only_what_is_new():
    """Two places of three outputs each, as drawn in docs/counting.md: ten reads, seven words to place 1."""
    everything = ("weights", "inputs", "outputs")
    loops = Loop("P", 3), Loop("P", 2, "x", "PE")
    mapping = Mapping((Store("L0", everything), *loops, Store("L1", everything), Loop("R", 3)))
    nest = lower(convolution(p=6, r=3), mapping, Rules({t: frozenset() for t in everything}))
    inputs = next(b for b in nest.boundaries if (b.tensor, b.parent) == ("inputs", "L0"))
    wires = Wires("PE", "mesh", (("x", 2),), 2, (), False)
    bus = replace(wires, kind="bus")
    assert counted(nest, inputs, wires) == [7, 7]
    assert counted(nest, inputs, bus) == [10, 10]
    # Place 1 has words 3 and 5 for place 0.
    assert counted(nest, inputs, replace(bus, linked=True)) == [8, 8]


def test_an_array_too_large_to_follow_words_is_refused():
    everything = ("weights", "inputs", "outputs")
    nodes = Store("L0", everything), Loop("M", 2**23, "x", "PE"), Store("L1", everything)
    nest = lower(convolution(m=2**23), Mapping(nodes), Rules({t: frozenset() for t in everything}))
    wires = Wires("PE", "mesh", (("x", 2**23),), 2, (), False)
    with pytest.raises(ProblemError, match="8388608 places on the arrays are too many for hops on wires"):
        counted(nest, nest.boundaries[0], wires)
