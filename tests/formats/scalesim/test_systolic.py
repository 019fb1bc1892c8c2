"""Systolic arrays: cycles as SCALE-Sim's formulas have them, and words."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
from simulator.cost.model import Cost, cost
from simulator.errors import MappingError, ProblemError
from simulator.formats import scalesim
from simulator.problem import Problem, convolution

sizes = st.integers(1, 9)
layers = st.builds(
    lambda m, c, r, s, p, q: convolution("layer", m=m, c=c, r=r, s=s, p=p, q=q),
    st.integers(1, 40), st.integers(1, 12), st.sampled_from([1, 1, 2, 3]), st.sampled_from([1, 1, 2, 3]),
    st.integers(1, 6), st.integers(1, 6),
)  # fmt: skip


def run(problem: Problem, dataflow: str, rows: int, columns: int, kb: int = 64) -> Cost:
    machine = scalesim.systolic(scalesim.Config("array", rows, columns, kb, kb, kb, dataflow))
    matrices = scalesim.product(problem)
    return cost(matrices, machine, scalesim.systolic_mapping(matrices, machine), "closed-form")


def matrix(problem: Problem) -> tuple[int, int, int]:
    """Filter size x channels, outputs, filters."""
    x = problem.extents
    return x["C"] * x["R"] * x["S"], x["P"] * x["Q"], x["M"]


@settings(max_examples=60, deadline=None)
@given(layers, sizes, sizes)
def test_output_stationary_cycles_are_those_of_the_formula(layer: Problem, rows: int, columns: int) -> None:
    k, p, n = matrix(layer)
    found = run(layer, "os", rows, columns).cycles
    assert found.total == ceil(p / rows) * ceil(n / columns) * (k + rows + columns - 2)
    assert found.stalls == found.exposed == 0


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["ws", "is"]), layers, sizes, sizes)
def test_loads_and_skew_of_stationary_operands_are_charged_by_the_whole_array(
    dataflow: str, layer: Problem, rows: int, columns: int
) -> None:
    k, p, n = matrix(layer)
    others, streamed = (n, p) if dataflow == "ws" else (p, n)
    found = run(layer, dataflow, rows, columns).cycles
    passes = ceil(k / rows) * ceil(others / columns)
    assert found.exposed + found.first_fill == pytest.approx(passes * rows)
    assert found.skew == passes * (rows + columns - 2) and found.steps == passes * streamed
    assert found.total == passes * (streamed + 2 * rows + columns - 2)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["ws", "is", "os"]), layers, sizes, sizes)
def test_words_into_and_out_of_the_array_are_those_of_the_passes(
    dataflow: str, layer: Problem, rows: int, columns: int
) -> None:
    k, p, n = matrix(layer)
    found = run(layer, dataflow, rows, columns)
    words = {
        row.tensor: row.parent_reads - row.forwardable + row.drains
        for row in found.counts.rows
        if row.parent in ("IFMAP_SRAM", "FILTER_SRAM", "OFMAP_SRAM")
    }
    assert (
        words
        == {
            "ws": {"inputs": k * p * ceil(n / columns), "weights": k * n, "outputs": p * n * ceil(k / rows)},
            "is": {"inputs": k * p, "weights": k * n * ceil(p / columns), "outputs": p * n * ceil(k / rows)},
            "os": {"inputs": k * p * ceil(n / columns), "weights": k * n * ceil(p / rows), "outputs": p * n},
        }[dataflow]
    )


@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
def test_engines_agree_and_small_memories_hold_smaller_tiles(dataflow: str) -> None:
    layer = convolution("layer", g=2, m=70, c=20, r=3, s=3, p=6, q=5)
    small, large = run(layer, dataflow, 4, 3, kb=2), run(layer, dataflow, 4, 3, kb=4096)
    assert small.cycles.total == large.cycles.total
    dram = [sum(r.parent_reads for r in c.counts.rows if r.parent == "DRAM") for c in (small, large)]
    # A large memory takes every word of the products once.
    assert dram[0] > dram[1] == 2 * (70 * 180 + 180 * 30)
    machine = scalesim.systolic(scalesim.Config("array", 4, 3, 2, 2, 2, dataflow))
    assert cost(small.problem, machine, small.mapping, "walk").counts.rows == small.counts.rows


def test_other_problems_and_machines_are_refused() -> None:
    layer = convolution("layer", m=4, c=3, r=2, p=5)
    machine = scalesim.systolic(scalesim.Config("array", 2, 2, 1, 1, 1, "ws"))
    with pytest.raises(ProblemError, match=r"give product\(problem\)"):
        scalesim.systolic_mapping(layer, machine)
    with pytest.raises(MappingError, match="eyeriss_v1: is no systolic array"):
        scalesim.systolic_mapping(scalesim.product(layer), sim.load_architecture("eyeriss_v1"))
    einsum = sim.Problem.from_dict({
        "dims": {"I": 2}, "output": "outputs",
        "tensors": {t: [{"coefficients": {"I": 1}}] for t in ("weights", "inputs", "outputs")},
    })  # fmt: skip
    with pytest.raises(ProblemError, match="no convolution or matrix product"):
        scalesim.product(einsum)
