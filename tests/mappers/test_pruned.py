"""What bounds leave out of a mapspace is never the best of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine

import simulator as sim
from simulator.batch.model import CostModel
from simulator.dataflows import DATAFLOWS, mapspace
from simulator.errors import SimulatorError
from simulator.mappers import find_best
from simulator.mappers.driver import search
from simulator.mappers.objective import read_objective
from simulator.mappers.pruned.bounds import least_cost
from simulator.mappers.pruned.mapper import Pruned, Way
from simulator.mapspaces import Mapspace
from simulator.mapspaces.chains import DIM, SLOT, choose, copied, enter
from simulator.mapspaces.plans import make_plans, make_space
from simulator.problem import Problem

from .random_spaces import cases

NESTED = sorted(name for name, flow in DATAFLOWS.items() if flow.nest)
MACHINES = ("eyeriss_v1", "eyeriss_isca16_256", "scratchpads_168")
MOST = 1_000


def weighted(energy: float, cycles: int) -> float:
    return energy + 3.0 * cycles


@st.composite
def layers(draw: st.DrawFn) -> Problem:
    def size(*sizes: int) -> int:
        return draw(st.sampled_from(sizes))

    kernel, p, q, stride = size(1, 2, 3), size(1, 4, 9), size(1, 5), size(1, 2)
    padded = draw(st.booleans()) and kernel > 1
    rows, columns = ((1, max(1, (n - 1) * stride + kernel - 2)) if padded else None for n in (p, q))
    return sim.convolution(
        n=size(1, 2), g=size(1, 2), m=size(1, 3, 8, 26), c=size(1, 2, 7, 12), p=p, q=q, r=kernel, s=kernel,
        stride=stride, row_data=rows, column_data=columns,
    )  # fmt: skip


def small_space(flow: str, layer: Problem, machine: str) -> Mapspace | None:
    try:
        space = mapspace(flow, layer, sim.load_architecture(machine))
    except SimulatorError:
        return None
    size = space.size()
    return space if size.exact and size.mappings <= MOST else None


def pruned(space, objective, **options):
    model = CostModel(space.problem, space.architecture)
    return search(space, model, Pruned(space, read_objective(objective), **options), objective)


def unsound(space, seed=0, most=8):
    """Of some mappings, those that cost less than the bound of what they begin with."""
    model, encoding = CostModel(space.problem, space.architecture), space.encoding
    shared = make_space(encoding, space.layout, space.restriction)
    plans = {
        template[encoding.first_nodes :].tobytes(): (plan, template)
        for plan, template in make_plans(encoding, shared)
    }
    vectors = np.concatenate([vectors.copy() for vectors in space.batches()])
    picked = np.random.default_rng(seed).permutation(len(vectors))[:most]
    for vector, exact in zip(vectors[picked], model.evaluate(vectors[picked]), strict=True):
        way = Way(space, shared, *plans[vector[encoding.first_nodes :].tobytes()])
        state, steps = copied(way.fresh), way.plan.steps
        for k in range(len(steps) + 1):
            energy, cycles = least_cost(shared, way.plan, state, way.facts, k, -1)
            if energy > exact["energy"] or cycles > exact["cycles"]:
                yield vector, k, energy, exact["energy"]
            if k < len(steps):
                enter(way.plan, state, k)
                bound = vector[encoding.bound_column(steps[k, SLOT], steps[k, DIM])]
                choose(shared, way.plan, state, k, int(bound))


@settings(max_examples=20, deadline=None)
@given(layers(), st.sampled_from(NESTED), st.sampled_from(MACHINES))
def test_finds_what_going_through_all_finds(layer, flow, machine) -> None:
    space = small_space(flow, layer, machine)
    if space is None:
        return
    assert list(unsound(space)) == []
    for objective in ("energy", "cycles", weighted):
        every, found = find_best(space, objective, "exhaustive"), pruned(space, objective)
        assert found.cost == every.cost
        assert found.optimal and found.evaluated <= every.evaluated
        assert space.contains(found.vector)


def test_bounds_hold_on_any_machine() -> None:
    for case in islice(cases(seed=3, most=MOST), 6):
        assert list(unsound(case.space)) == []


@pytest.mark.parametrize("objective", ["energy", weighted])
def test_leaves_most_of_a_large_mapspace_out(objective) -> None:
    chip = sim.load_architecture("eyeriss_v1")
    space = mapspace("row_stationary", sim.load_layer("alexnet:conv2"), chip)
    every, found = find_best(space, objective, "exhaustive"), find_best(space, objective, "optimal")
    assert (found.cost, found.optimal, found.mapper) == (every.cost, True, "optimal")
    assert found.evaluated < every.evaluated / 10


def test_without_bounds_every_mapping_is_counted() -> None:
    space = small_space("row_stationary", sim.convolution(m=8, c=4, p=4, q=4), "eyeriss_v1")
    found = find_best(space, "energy", "optimal", rules=["hoist"])
    assert found.optimal and found.evaluated == space.size().mappings


@pytest.mark.parametrize("objective", ["edp", ("energy", "cycles")])
def test_fronts_are_whole(objective) -> None:
    space = small_space("row_stationary", sim.convolution(m=8, c=4, p=4, q=4), "eyeriss_v1")
    assert find_best(space, objective, "optimal").evaluated == space.size().mappings


def test_goes_through_all_where_bounds_take_too_long() -> None:
    space = small_space("row_stationary", sim.convolution(m=8, c=4, p=4, q=4), "eyeriss_v1")
    found = pruned(space, "energy", most_tried=3)
    assert found.optimal and found.evaluated >= space.size().mappings


def test_an_empty_mapspace_says_why() -> None:
    flow = mapspace("row_stationary", sim.convolution(m=64, c=4), sim.load_architecture("eyeriss_v1"))
    bounds = {**flow.constraints.bounds, "psum_spad.outputs.M": (48, 64)}
    with pytest.raises(SimulatorError, match="has no mapping of"):
        pruned(flow.within(replace(flow.constraints, bounds=bounds)), "energy")


def test_a_machine_without_prices_has_a_best_mapping_too():
    on = machine(
        {"storage": "DRAM"},
        {"array": "PE", "axes": {"x": {"size": 2}}},
        {"storage": "RF", "capacity": "4 words"},
        {"mac": {}},
    )
    space = Mapspace(sim.convolution(m=3, p=2), on)
    found = find_best(space, lambda energy, cycles: energy + cycles, "optimal")
    assert found.optimal and found.value == 3.0
