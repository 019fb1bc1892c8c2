"""Timeloop's problems: shapes with projections and coefficients, their instances, and ours in that form."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import SimulatorError
from simulator.formats import timeloop
from simulator.formats.timeloop.problems import read_problem_data
from simulator.problem import Problem, Rank, convolution

from .designs import GEMM, PROBLEM


def read(text: str, **changes: Any) -> Any:
    data = yaml.safe_load(text)
    data["problem"] |= changes
    return read_problem_data(data, "p.yaml", "p")


def test_projections_and_coefficients() -> None:
    problem = read(PROBLEM).problem
    assert problem.name == "row" and problem.extents == {
        "C": 2,
        "M": 4,
        "R": 3,
        "S": 1,
        "N": 1,
        "P": 5,
        "Q": 6,
    }
    # The stride is the instance's, the dilation the shape's default.
    assert problem.tensor("inputs").ranks[2] == Rank((("R", 1), ("P", 2)))
    assert problem.output == "outputs" and problem.macs == 2 * 4 * 3 * 5 * 6
    assert not read(PROBLEM).notes


def test_operands_without_telling_names() -> None:
    found = read(GEMM)
    assert (
        found.tensors == {"A": "inputs", "B": "weights", "Z": "outputs"}
        and "A is read as inputs" in found.notes[0]
    )
    assert read(GEMM.replace("name: B", "name: Kernel")).tensors["A"] == "inputs"
    assert read(GEMM.replace("name: A", "name: Filters")).tensors["B"] == "inputs"


def test_densities_are_the_data_spaces() -> None:
    sparse = {"A": {"density": 0.5, "distribution": "hypergeometric"}, "B": 0.25}
    found = read(GEMM, instance={"M": 4, "N": 6, "K": 8, "densities": sparse})
    assert found.problem.tensor("inputs").density == 0.5 and found.problem.tensor("weights").density == 0.25
    assert any("independently" in note for note in found.notes)


def test_sizes_beside_the_shape_and_flat_projections() -> None:
    text = """
problem:
  shape:
    name: dot
    dimensions: [M, K]
    data_spaces:
    - {name: A, projection: [M, K]}
    - {name: x, projection: [K]}
    - {name: y, projection: [M], read_write: true}
  M: 3
  K: 4
  H: 9
"""
    found = read(text)
    assert found.problem.macs == 12 and "instance.H: no dimension" in found.notes[0]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.fixed_dictionaries({name: st.integers(1, 9) for name in "ngmcpqrs"}),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.integers(1, 3),
    density=st.sampled_from([1.0, 0.5]),
)
def test_a_problem_comes_back_as_it_was(
    sizes: dict[str, int], stride: tuple[int, int], dilation: int, density: float
) -> None:
    problem = convolution("layer", **sizes, stride=stride, dilation=dilation).with_densities(
        {"inputs": density}
    )
    text, notes = timeloop.write_problem(problem)
    assert not notes and read_problem_data(yaml.safe_load(text), "p.yaml", "p").problem == problem


def test_what_timeloop_cannot_say_of_a_problem() -> None:
    padded = convolution("layer", p=5, r=3, row_data=(1, 5))
    _, notes = timeloop.write_problem(padded)
    assert notes == ("inputs: Timeloop knows no padding and takes it for data",)
    long = Problem.from_dict(
        {"dims": {"Mo": 2}, "tensors": {"a": [], "z": [{"coefficients": {"Mo": 1}}]}, "output": "z"}
    )
    with pytest.raises(SimulatorError, match="one letter"):
        timeloop.write_problem(long)


WRONG: dict[str, tuple[str, str]] = {
    "problem: must be a mapping": ("problem:", "other: {}\nproblem: 3\nrest:"),
    "the field 'dimensions' is missing": ("dimensions: [M, N, K]", ""),
    "dimension K has no size": ("K: 8", "k: 8"),
    "problem.instance.K: must be from 1": ("K: 8", "K: 0"),
    "problem.instance.M: must be a whole": ("M: 4", "M: 4.5"),
    "problem.instance.N: must be a number": ("N: 6", "N: [6]"),
    "must be from 1 to 2**60": ("K: 8", "K: 1000000000000000000000000000000"),
    "'six' is no number": ("N: 6", "N: six"),
    "no dimension 'J'": ("[[M]], [[K]]", "[[M]], [[J]]"),
    "no coefficient 'stride'": ("[[M]], [[K]]", "[[M]], [[K, stride]]"),
    "must be [dimension] or [dimension, coefficient]": ("[[M]], [[K]]", "[[M]], [[K, 1, 2]]"),
    "read_write: true, the output; 0 have": (", read_write: true", ""),
    "a file of Timeloop's own": ("shape:", "shape: cnn-layer\n  old:"),
    "flattened dimensions": ("dimensions: [M, N, K]", "dimensions: [M, N, K]\n    flatten: [{name: X}]"),
    "no data-space 'C'": ("instance: {", "instance: {densities: {C: 0.5}, "),
    "density of 'inputs' must be in (0, 1]": ("instance: {", "instance: {densities: {A: 2}, "),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_problem_is_one_clear_error(why: str) -> None:
    old, new = WRONG[why]
    assert old in GEMM
    data = yaml.safe_load(GEMM.replace(old, new, 1))
    with pytest.raises(SimulatorError) as error:
        read_problem_data(data, "p.yaml", "p")
    assert why in str(error.value)


def test_fused_workloads_are_refused() -> None:
    with pytest.raises(SimulatorError, match="several shapes"):
        read_problem_data({"problem": [{}, {}]}, "p.yaml", "p")
