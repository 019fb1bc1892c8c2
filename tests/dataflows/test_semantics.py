"""What each dataflow's name promises, seen in the mappings it allows: which loops stand where, what stays."""

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import machine

import simulator as sim
from simulator import dataflows
from simulator.dataflows import DATAFLOWS
from simulator.mapping import Store
from simulator.problem import convolution

from .cases import PADS, SHARED, layers, machines, mapspace_or_reason, rows_of

FIXED = [name for name in DATAFLOWS if name != "flexible"]


class Seen:
    """A mapping's loops by where they stand: on axes, and below which keepers."""

    def __init__(self, mapping, on):
        self.on = on
        self.first, self.last = (f"PE.{axis.name}" for axis in (on.arrays[0].axes[0], on.arrays[0].axes[-1]))
        self.mapping = mapping
        self.pe = [s.name for s in on.storages if s.rank > on.arrays[0].rank]

    def on_array(self, *axes):
        """Dimensions on the array, or on some of its axes."""
        spatial = [loop for loop in self.mapping.loops if loop.spatial]
        return {loop.dimension for loop in spatial if not axes or loop.place in axes}

    def outside(self, level, tensor):
        """Dimensions of the loops above a keeper, all of them where it is no keeper."""
        above = dict(self.mapping.keepers(tensor)).get(level, len(self.mapping.loops))
        return {loop.dimension for loop in self.mapping.loops[:above]}

    def keeper(self, tensor, inside=True):
        """The level inside the array (or between it and the memory) that keeps a tensor, None for none."""
        levels = [level for level, _ in self.mapping.keepers(tensor)][1:]
        return next((level for level in levels if (level in self.pe) == inside), None)

    def in_the_pe(self):
        """Dimensions of the loops that run inside a PE."""
        found, inside = set(), False
        for node in self.mapping.nodes:
            inside = inside or (isinstance(node, Store) and node.level in self.pe)
            if not isinstance(node, Store) and not node.spatial and inside:
                found.add(node.dimension)
        return found

    def straight_below(self, tensor):
        """Dimensions of the loops between a tensor's keeper in the PE and the next keeper of anything."""
        nodes, level = self.mapping.nodes, self.keeper(tensor)
        at = next(
            i
            for i, n in enumerate(nodes)
            if isinstance(n, Store) and n.level == level and tensor in n.tensors
        )
        found = set()
        if tensor != nodes[at].tensors[-1]:
            return found  # Another keeper follows at once.
        for node in nodes[at + 1 :]:
            if isinstance(node, Store):
                break
            found.add(node.dimension)
        return found


def row_stationary(seen):
    assert {seen.keeper(t) for t in ("weights", "inputs", "outputs")} <= set(seen.pe)
    # Weights stay for all images and a row's pixels; these never run outside the PE.
    assert seen.straight_below("weights") <= {"N", "Q"}
    assert "Q" not in seen.outside(seen.keeper("weights"), "weights")
    assert seen.on_array() <= {"P", "R", "C", "M"}
    # A PE adds up one pixel's row of products before it sends it on.
    assert seen.straight_below("outputs") <= {"S", "C", "M"}
    # All channels are added up below the buffer's outputs.
    if seen.keeper("outputs", inside=False):
        assert not {"C", "R", "S"} & seen.outside(seen.keeper("outputs", inside=False), "outputs")


def weight_stationary(seen):
    assert seen.keeper("weights") in seen.pe
    assert seen.keeper("weights", inside=False) is None
    # Nothing that weights have moves while pixels stream past, and all of a row's pixels do.
    if seen.keeper("inputs") or seen.keeper("outputs"):
        assert seen.straight_below("weights") <= {"N", "P", "Q"} | (
            set() if seen.keeper("outputs") else {"C", "M"}
        )
    assert "Q" not in seen.outside(seen.keeper("weights"), "weights")
    assert seen.on_array() <= {"R", "S", "C", "M"}
    assert "R" not in seen.on_array(seen.first) or seen.first == seen.last
    assert "S" not in seen.on_array(seen.last) or seen.first == seen.last
    if seen.keeper("outputs", inside=False):
        assert not {"C", "R", "S"} & seen.outside(seen.keeper("outputs", inside=False), "outputs")


def output_stationary(seen):
    assert seen.keeper("outputs") in seen.pe
    assert seen.keeper("outputs", inside=False) is None and seen.keeper("weights") is None
    # A sum is whole when it leaves its PE: what is added up runs inside, and nothing else does.
    assert not {"C", "R", "S"} & seen.outside(seen.keeper("outputs"), "outputs")
    assert seen.in_the_pe() <= {"C", "R", "S"}


def output_stationary_a(seen):
    output_stationary(seen)
    assert seen.on_array() <= {"N", "P", "Q"}
    if seen.first != seen.last:
        assert "P" not in seen.on_array(seen.first) and "Q" not in seen.on_array(seen.last)


def output_stationary_b(seen):
    output_stationary(seen)
    assert seen.on_array() <= {"N", "M", "Q"}
    if seen.first != seen.last:
        assert "Q" not in seen.on_array(seen.last)


def output_stationary_c(seen):
    output_stationary(seen)
    assert seen.on_array() <= {"N", "M"}
    assert seen.keeper("inputs") is None


def input_stationary(seen):
    assert seen.keeper("inputs") in seen.pe and seen.keeper("weights") is None
    assert seen.on_array() <= {"P", "Q", "C"}
    # Filters alone pass by; what inputs have runs outside, or in the tile that a PE holds.
    if seen.keeper("outputs"):
        assert seen.straight_below("inputs") <= {"M"}
        assert seen.straight_below("outputs") <= {"R", "S", "C"}
    assert seen.in_the_pe() <= {"M", "R", "S", "C"}
    if seen.first != seen.last:
        assert "P" not in seen.on_array(seen.first) and "Q" not in seen.on_array(seen.last)


def no_local_reuse(seen):
    assert all(seen.keeper(tensor) is None for tensor in ("weights", "inputs", "outputs"))
    assert seen.on_array() <= {"M", "C"}
    if any(storage.name == "GLB" for storage in seen.on.storages):
        assert all(seen.keeper(t, inside=False) == "GLB" for t in ("weights", "inputs", "outputs"))
    # The array's places change with every step: no loop stands inside it.
    loops = [loop.spatial for loop in seen.mapping.loops]
    assert loops == sorted(loops)


PROMISES = {name: globals()[name] for name in FIXED}


def check_promises(dataflow, space, most=2000, checked=150):
    rows = rows_of(space, most, 0)
    for row in rows[:: 1 + len(rows) // checked]:
        mapping = space.decode(row)
        kept = {tensor for store, _ in mapping.stores for tensor in store.tensors}
        if kept == {"weights", "inputs", "outputs"}:
            PROMISES[dataflow](Seen(mapping, space.architecture))


def small(*inside, x=3, y=2, glb=200):
    return machine(
        {"storage": "DRAM"},
        {"storage": "GLB", "capacity": f"{glb} words"},
        {"array": "PE", "axes": {"x": {"size": x}, "y": {"size": y}}},
        *inside,
        {"mac": {}},
    )


ON = {"shared": small(*SHARED), "pads": small(*PADS), "chip": sim.load_architecture("eyeriss_v1")}
LAYER = convolution("layer", n=2, g=2, m=6, c=4, p=5, q=5, r=3, s=3, row_data=(1, 5), column_data=(1, 5))


# The chip's buffer must keep inputs and outputs, which these let pass it by.
PAST_THE_BUFFER = [name for name in FIXED if name.startswith("output") or name == "no_local_reuse"]


@pytest.mark.parametrize(
    ("dataflow", "on"),
    [(d, on) for d in FIXED for on in (*ON, "bare") if on != "chip" or d not in PAST_THE_BUFFER],
)
def test_what_a_dataflow_s_name_promises(dataflow, on):
    # PEs without levels keep nothing.
    if on == "bare" and dataflow != "no_local_reuse":
        with pytest.raises(sim.SimulatorError, match="has no level there for them"):
            dataflows.mapspace(dataflow, LAYER, small())
        return
    check_promises(dataflow, dataflows.mapspace(dataflow, LAYER, ON.get(on, small())))


@pytest.mark.parametrize("dataflow", FIXED)
@given(problem=layers(), on=machines())
@settings(max_examples=12, deadline=None)
def test_it_does_so_for_every_layer_and_machine(dataflow, problem, on):
    space = mapspace_or_reason(dataflow, problem, on)
    if space is not None and problem.name != "pool":
        check_promises(dataflow, space, checked=40)


@pytest.mark.parametrize("dataflow", [name for name in FIXED if name.startswith("output")])
@pytest.mark.parametrize("on", ["shared", "pads"])
def test_an_output_leaves_the_array_once_and_never_returns(dataflow, on):
    space = dataflows.mapspace(dataflow, LAYER, ON[on])
    words = prod(LAYER.shape("outputs"))
    for row in rows_of(space, 2000, 0)[::40]:
        counts = sim.evaluate(LAYER, ON[on], space.decode(row), "closed-form").cost.counts
        (up,) = [r for r in counts.rows if r.tensor == "outputs" and r.parent == "DRAM"]
        assert (up.drains, up.merges, up.refills) == (words, 0, 0)


def test_weights_enter_a_pe_once_where_all_pixels_pass_in_one_tile():
    """As N, P and Q all run below the PE's weights, each weight is delivered to one place, once."""
    space = dataflows.mapspace("weight_stationary", LAYER, small(*PADS, glb=4000))
    seen = 0
    for row in np.concatenate(list(space.batches())):
        mapping = space.decode(row)
        if {"N", "P"} & Seen(mapping, space.architecture).outside("wpad", "weights"):
            continue
        counts = sim.evaluate(LAYER, space.architecture, mapping, "closed-form").cost.counts
        (down,) = [r for r in counts.rows if r.tensor == "weights" and r.child == "wpad"]
        assert down.child_fills == down.parent_reads == prod(LAYER.shape("weights"))
        seen += 1
        if seen == 30:
            return
    pytest.fail("no such mapping")
