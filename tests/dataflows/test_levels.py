"""Levels, their tensors and their loops in dataflows on small machines."""

import numpy as np
import pytest
from oracles import machine

import simulator as sim
from simulator import dataflows
from simulator.dataflows.declaration import Dataflow, Keep, Spread
from simulator.errors import MappingError, SimulatorError
from simulator.problem import convolution

from .nests import flow, mappings, on_axes, pads, places

TWO_ARRAYS = machine(
    {"storage": "DRAM"},
    {"storage": "GLB", "capacity": "100 words"},
    {"array": "A", "axes": {"x": {"size": 2}}},
    {"storage": "BUF", "capacity": "20 words"},
    {"array": "B", "axes": {"x": {"size": 3}}},
    {"storage": "RF", "capacity": "9 words"},
    {"mac": {}},
)


def test_levels_between_arrays_are_named():
    nest = flow(
        Keep("memory", loops=("N",)),
        Keep("GLB", ("inputs",), ("M",)),
        Spread({"A.x": {"M": "any"}, "B.x": {"C": 3}}),
        Keep("BUF", ("weights",), ("P",)),
        Keep("pe", ("outputs",), ("Q",)),
    )
    problem = convolution(n=2, m=4, c=3, p=2, q=2)
    found = mappings(nest, problem, TWO_ARRAYS)
    assert {places(m).get("M@A.x", 1) for m in found} == {1, 2}
    for mapping in found:
        assert [level for level, _ in mapping.keepers("weights")] == ["DRAM", "BUF"]
        assert [level for level, _ in mapping.keepers("inputs")] == ["DRAM", "GLB"]
        assert [level for level, _ in mapping.keepers("outputs")] == ["DRAM", "RF"]
        at = places(mapping)
        assert (at["N@DRAM"], at["P@BUF"], at["C@B.x"], at["Q@RF"]) == (2, 2, 3, 2)
        assert not {"C@A.x", "M@B.x", "M@BUF", "M@RF", "M@DRAM"} & set(at)


def test_pe_is_inside_the_last_array_and_buffer_outside_the_first():
    nest = (
        Keep("memory", loops=("MC",)),
        Keep("buffer", ("outputs", "weights")),
        Spread({"each": {"M": "any"}}),
        Keep("pe", ("outputs", "inputs")),
    )
    for mapping in mappings(flow(*nest), convolution(m=4, c=2), TWO_ARRAYS):
        kept = {t: [level for level, _ in mapping.keepers(t)] for t in ("weights", "inputs", "outputs")}
        assert kept == {
            "weights": ["DRAM", "GLB"], "inputs": ["DRAM", "RF"], "outputs": ["DRAM", "GLB", "RF"],
        }  # fmt: skip


def test_tensors_of_a_part_stand_in_the_order_named():
    for order in (("inputs", "outputs"), ("outputs", "inputs")):
        nest = (Keep("memory", loops=("M",)), Keep("buffer", order, ("C",)), Keep("buffer", ("weights",)))
        on = machine({"storage": "DRAM"}, {"storage": "GLB"}, {"mac": {}})
        space = dataflows.mapspace(flow(*nest), convolution(m=2, c=2), on)
        (encoded,) = space.constraints.nodes["DRAM"]
        assert encoded == (*(f"GLB.{tensor}" for tensor in order), "GLB.weights")


def test_loops_of_a_level_that_the_machine_lacks_join_those_above():
    nest = (
        Keep("memory", loops=("M",)),
        Keep("buffer", ("outputs",), ("C",)),
        Spread({"each": {}}),
        Keep("pe", ("weights",), ("P",)),
        Keep("pe", ("inputs",), ("Q",), "allowed"),
    )
    problem = convolution(m=2, c=3, p=2, q=2)
    (mapping,) = mappings(flow(*nest), problem, pads())
    assert places(mapping) == {"M@DRAM": 2, "C@DRAM": 3, "P@RF": 2, "Q@RF": 2}
    assert [loop.dimension for loop in mapping.loops] == list("MCPQ")


@pytest.mark.parametrize(
    ("bypass", "kept"), [("never", {True}), ("allowed", {True, False}), ("always", {False})]
)
def test_what_may_bypass_a_level(bypass, kept):
    nest = (Keep("memory", loops=("M",)), Keep("buffer", ("weights",), (), bypass))
    plain = machine({"storage": "DRAM"}, {"storage": "GLB"}, {"mac": {}})
    found = mappings(flow(*nest), convolution(m=2), plain)
    assert {len(mapping.keepers("weights")) == 2 for mapping in found} == kept
    must = machine({"storage": "DRAM"}, {"storage": "GLB", "required": ["weights"]}, {"mac": {}})
    found = mappings(flow(*nest), convolution(m=2), must)
    assert {len(mapping.keepers("weights")) == 2 for mapping in found} == {True}


def test_an_array_alone_leaves_levels_and_loops_open():
    dataflow, problem, on = flow(Spread({"x": {"M": 2}})), convolution(m=4, c=3, p=3), pads(y=2)
    assert dataflow.open and not on_axes(M=2).open
    space = dataflows.mapspace(dataflow, problem, on)
    rows = space.sample(300, 1)
    decoded = [space.decode(row) for row in rows]
    assert {places(m)["M@PE.x"] for m in decoded} == {2}
    assert not any({"C@PE.x", "P@PE.x", "M@PE.y", "C@PE.y", "P@PE.y"} & set(places(m)) for m in decoded)
    assert {len(m.keepers("weights")) for m in decoded} == {1, 2}
    assert len({tuple(loop.dimension for loop in m.loops) for m in decoded}) > 20
    assert not sim.search(problem, on, dataflow, evaluations=50).complete
    assert sim.search(problem, on, on_axes(M=2)).optimal


def test_no_nest_allows_what_flexible_allows():
    problem, on = convolution(m=2, c=3), pads()
    free, flexible = (
        dataflows.mapspace(flow(factors="ragged"), problem, on),
        dataflows.mapspace("flexible", problem, on),
    )
    rows = [np.concatenate(list(space.batches())) for space in (free, flexible, sim.Mapspace(problem, on))]
    assert np.array_equal(rows[0], rows[1]) and np.array_equal(rows[0], rows[2])


def test_a_level_s_orders_are_alternatives():
    nest = (Keep("memory", loops=("MC", "CM")),)
    found = mappings(flow(*nest), convolution(m=2, c=3), pads())
    assert not any(loop.spatial for mapping in found for loop in mapping.loops)
    assert {tuple(loop.dimension for loop in mapping.loops) for mapping in found} == {("M", "C"), ("C", "M")}


def test_a_number_for_a_loop_without_a_place_of_its_own_is_refused():
    nest = (Keep("memory", loops=("C",)), Keep("buffer", ("inputs",), ("C",), factors={"C": 2}))
    bare = machine({"storage": "DRAM"}, {"array": "PE", "axes": {"x": {"size": 1}}}, {"mac": {}})
    with pytest.raises(
        MappingError, match=r"small lacks the level above the loop of C with the factor 2, so that"
    ):
        dataflows.mapspace(flow(*nest), convolution(c=8), bare)


def test_a_level_called_buffer_goes_before_the_role():
    on = machine(
        {"storage": "DRAM"}, {"storage": "buffer"}, {"storage": "L1"},
        {"array": "PE", "axes": {"x": {"size": 1}}}, {"mac": {}},
    )  # fmt: skip
    nest = (Keep("memory"), Keep("buffer", ("inputs",), ("C",)))
    space = dataflows.mapspace(flow(*nest), convolution(c=8), on)
    assert [s.level for s, _ in space.decode(next(space.batches(1))[0]).stores] == ["DRAM", "buffer"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Keep("memory", loops=5), "loops are 5; they must be orders of dimensions"),
        (lambda: Keep("pe", "weights"), "keeps is 'weights'; it must be a tuple of tensors"),
        (
            lambda: Keep("memory", loops=("M",), factors=("M",)),
            r"factors are \('M',\); they must be a mapping",
        ),
        (lambda: Spread(["x"]), r"the array is \['x'\]; it must be a mapping from axes"),
        (lambda: Spread({"x": ["M"]}), r"array.x are \['M'\]; they must be a mapping from dimensions"),
        (lambda: flow("memory"), r"nest\[0\] is 'memory'; it must be a Keep or a Spread"),
        (lambda: Dataflow("d", factors="balancd"), "d: no factors 'balancd'; did you mean 'balanced'"),
    ],
)
def test_parts_of_a_wrong_type_are_refused(wrong, message):
    with pytest.raises(SimulatorError, match=message):
        wrong()
