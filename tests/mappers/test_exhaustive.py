"""The exhaustive search: nothing in the space is better than what it returns."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import machine

from simulator import dataflows
from simulator.cost.model import cost
from simulator.errors import SimulatorError
from simulator.mappers import Choice, search_exhaustively
from simulator.mappers.exhaustive import best_together
from simulator.mapping import Mapping
from simulator.problem import convolution

LAYERS = (
    convolution(n=2, m=4, c=3, p=4, q=5, r=2, s=2),
    convolution(m=6, c=5, p=3, q=3),
    convolution(m=3, c=2, p=5, q=4, r=3, s=1, stride=(2, 1)),
)


def port(bits):
    return {"bandwidth": {"shared": f"{bits} bits"}}


SMALL = machine(
    {"storage": "DRAM", "price": dict.fromkeys(("read", "drain", "refill", "merge"), 200), **port(6)},
    {
        "storage": "GLB",
        "capacity": "90 words",
        "price": dict.fromkeys(("read", "fill", "drain", "refill"), 6),
    },
    {"array": "PE", "axes": {"x": {"size": 3}, "y": {"size": 2}}, "price": {"deliver": 2, "add": 2}},
    {
        "storage": "RF",
        "capacity": "9 words",
        "buffering": "single",
        "price": {"read": 1, "refill": 2},
        **port(9),
    },
    {"mac": {"price": 1}},
)


def costs(space):
    """Energy and cycles of every mapping, one by one."""
    spent = [cost(space.problem, space.architecture, nest, "closed-form") for nest in space]
    return [(c.energy, c.cycles.total) for c in spent]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("dataflow", dataflows.MODULES)
def test_the_best_of_a_space_is_the_best_by_brute_force(layer, dataflow):
    space = dataflows.mapspace(dataflow, layer, SMALL)
    every = costs(space)
    (frugal,) = search_exhaustively(space, "energy")
    (fast,) = search_exhaustively(space, "cycles")
    assert (frugal.energy, frugal.cycles) == min(every)
    assert (fast.cycles, fast.energy) == min((c, e) for e, c in every)
    for choice in (frugal, fast):
        spent = cost(layer, SMALL, choice.mapping, "closed-form")
        assert (spent.energy, spent.cycles.total) == (choice.energy, choice.cycles)


def test_leakage_counts_in_what_is_best():
    """A machine that leaks more than it computes wants the fastest mapping."""
    leaking = SMALL.replace({"energy_unit": "pJ", "clock_mhz": 1.0, "GLB.leakage_mw": 1e6})
    space = dataflows.mapspace("row_stationary", LAYERS[0], leaking)
    (frugal,) = search_exhaustively(space, "energy")
    assert (frugal.energy, frugal.cycles) == min(costs(space))
    assert frugal.cycles == min(c for _, c in costs(space))


def test_ties_are_broken_by_the_other_figure():
    """Without prices all energies are equal, without ports many mappings are equally fast."""
    free = {f"{level}.price": {} for level in ("DRAM", "GLB", "RF", "PE")}
    space = dataflows.mapspace("row_stationary", LAYERS[0], SMALL.replace(free))
    (fastest,) = search_exhaustively(space, "energy")
    assert (fastest.energy, fastest.cycles) == min(costs(space))
    assert min(costs(space)) < (fastest.energy, max(c for _, c in costs(space)))
    wide = SMALL.replace({"DRAM.bandwidth": {}, "RF.bandwidth": {}})
    space = dataflows.mapspace("row_stationary", LAYERS[0], wide)
    (frugal,) = search_exhaustively(space, "cycles")
    tied = [e for e, c in costs(space) if c == frugal.cycles]
    assert frugal.energy == min(tied) < max(tied)


def naive_hull(points):
    """Points that some positive weighting of energy and cycles prefers to all others, corners alone."""
    points = sorted(set(points))
    best = [p for p in points if not any(q[0] <= p[0] and q[1] <= p[1] and q != p for q in points)]

    def between(p):
        for a, b in itertools.combinations(best, 2):
            if a[0] < p[0] < b[0] and (p[1] - a[1]) * (b[0] - a[0]) >= (b[1] - a[1]) * (p[0] - a[0]):
                return True
        return False

    return [p for p in best if not between(p)]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_front_is_the_convex_hull(layer):
    space = dataflows.mapspace("row_stationary", layer, SMALL)
    front = search_exhaustively(space, "edp")
    assert [(c.energy, c.cycles) for c in front] == naive_hull(costs(space))


points = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=7)


@given(st.lists(st.tuples(points, st.integers(1, 5)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_the_best_product_of_sums_is_found_on_the_hulls(layers):
    """Over all points of all layers, not only those on the fronts."""
    weights = [weight for _, weight in layers]
    fronts = [tuple(Choice(Mapping(()), e, c) for e, c in naive_hull(cloud)) for cloud, _ in layers]

    def product(chosen):
        energy = sum(w * e for w, (e, _) in zip(weights, chosen, strict=True))
        return energy * sum(w * c for w, (_, c) in zip(weights, chosen, strict=True))

    picks = best_together(fronts, weights)
    picked = [(front[i].energy, front[i].cycles) for front, i in zip(fronts, picks, strict=True)]
    assert product(picked) == min(
        product(all_) for all_ in itertools.product(*(cloud for cloud, _ in layers))
    )


def test_progress_ends_with_the_whole_space():
    space = dataflows.mapspace("row_stationary", LAYERS[1], SMALL)
    seen = []
    search_exhaustively(space, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(space), len(space))
    assert seen == sorted(seen)


def test_an_unknown_objective_comes_with_the_nearest():
    space = dataflows.mapspace("row_stationary", LAYERS[1], SMALL)
    with pytest.raises(SimulatorError, match="unknown objective 'cycle'; did you mean 'cycles'"):
        search_exhaustively(space, "cycle")
