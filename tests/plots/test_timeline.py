"""PEs at work over time, against stepping through the nest one step at a time."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
from simulator import plots
from simulator.errors import SimulatorError
from simulator.mapping import Loop, Mapping
from simulator.plots.timeline import _stretches
from simulator.problem import Problem, convolution

from .results import tiny
from .test_mapping import CASES


def stepped(problem: Problem, mapping: Mapping) -> list[int]:
    """The places at work in every step, by going through all indices of all loops."""
    loops = mapping.loops
    inside = dict.fromkeys(problem.extents, 1)
    strides = []
    for loop in reversed(loops):
        strides.insert(0, inside[loop.dimension])
        inside[loop.dimension] *= loop.bound
    active: dict[tuple[int, ...], int] = {}
    for indices in itertools.product(*(range(loop.bound) for loop in loops)):
        at = dict.fromkeys(problem.extents, 0)
        for loop, stride, index in zip(loops, strides, indices, strict=True):
            at[loop.dimension] += stride * index
        if all(at[d] < extent for d, extent in problem.extents.items()):
            time = tuple(i for i, loop in zip(indices, loops, strict=True) if not loop.spatial)
            active[time] = active.get(time, 0) + 1
    return [active[time] for time in sorted(active)]


def unrolled(rows: list[dict[str, float]]) -> list[float]:
    return [row["active PEs"] for row in rows for _ in range(int(row["cycles"]))]


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_as_stepped_through(case: str) -> None:
    problem, machine, mapping = CASES[case]
    layer = sim.evaluate(problem, machine, mapping, engine="closed-form")
    expected = stepped(problem, layer.cost.mapping)
    table = plots.activity_table(layer, 10**6)
    assert unrolled([row for row in table if row["doing"] == "steps"]) == expected
    for most in (1, 2, 7, 50):
        steps, work = _stretches(problem, layer.cost.mapping, most)
        assert len(steps) <= most and steps.sum() == len(expected)
        ends = list(itertools.accumulate(steps.tolist()))
        assert work.tolist() == [sum(expected[e - n : e]) for e, n in zip(ends, steps.tolist(), strict=True)]


@st.composite
def nests(draw: st.DrawFn) -> tuple[Problem, Mapping]:
    """Loops of random bounds in random order, some on the array, that just cover their dimensions."""
    bounds = {d: draw(st.lists(st.integers(1, 3), max_size=3)) for d in "MCP"}
    extents = {}
    for dimension, factors in bounds.items():
        # One index of the outermost loop is reached at least.
        inner = math.prod(factors[1:])
        extents[dimension] = (
            draw(st.integers((factors[0] - 1) * inner + 1, factors[0] * inner)) if factors else 1
        )
    order = draw(st.permutations([d for d, factors in bounds.items() for _ in factors]))
    left = {d: iter(factors) for d, factors in bounds.items()}
    loops = [Loop(d, next(left[d]), *draw(st.sampled_from([(), ("x", "PE")]))) for d in order]
    return convolution(m=extents["M"], c=extents["C"], p=extents["P"]), Mapping(tuple(loops))


@settings(deadline=None, max_examples=60)
@given(nests(), st.integers(1, 30))
def test_any_nest_is_as_stepped_through(nest: tuple[Problem, Mapping], most: int) -> None:
    problem, mapping = nest
    expected = stepped(problem, mapping)
    steps, work = _stretches(problem, mapping, most)
    ends = list(itertools.accumulate(steps.tolist()))
    assert ends[-1] == len(expected)
    assert work.tolist() == [sum(expected[e - n : e]) for e, n in zip(ends, steps.tolist(), strict=True)]


def test_the_mean_is_the_results_utilization_and_time_is_all_its_cycles() -> None:
    for layer in tiny():
        rows = plots.activity_table(layer, 20)
        steps = [row for row in rows if row["doing"] == "steps"]
        done = sum(row["cycles"] * row["active PEs"] for row in steps)
        length = sum(row["cycles"] for row in steps)
        assert length == layer.steps and done == pytest.approx(layer.done)
        assert done / length == pytest.approx(layer.utilization * 6)
        assert sum(row["cycles"] for row in rows) == layer.cycles
        begins = [row["begin (cycles)"] for row in rows]
        assert begins == [0, *itertools.accumulate(row["cycles"] for row in rows[:-1])]


def test_the_figure_has_the_steps_the_waiting_and_all_places() -> None:
    layer = next(layer for layer in tiny() if layer.cycles > layer.steps)
    ax = plots.activity(layer)
    assert [text.get_text().split(" ")[0] for text in ax.get_legend().get_texts()] == [
        "at", "waiting", "all", "mean",
    ]  # fmt: skip
    assert ax.get_xlim() == (0, layer.cycles) and ax.get_ylim()[1] > 6
    with pytest.raises(SimulatorError, match="stretches must be 1 or more, not 0"):
        plots.activity(layer, 0)
