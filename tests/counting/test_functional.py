"""The functional engine: counts of words that really moved, and an output that is right."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from simulator.counting import count, functional
from simulator.counting.counts import Counts, count_active_pes, count_steps
from simulator.counting.functional import (
    Execution,
    ExecutionError,
    execute,
    random_operands,
    reference_output,
    run,
)
from simulator.counting.functional_layout import Layout, lay_out
from simulator.counting.functional_memory import ABOVE
from simulator.counting.lowering import Nest, Rules, lower
from simulator.errors import EngineDifferenceError, ProblemError, SimulatorError
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, Rank, Tensor, convolution

from .nests import Case, nests, problems

CASES = Path(__file__).parents[1] / "data" / "counting_cases.jsonl"


def read_case(line: str) -> tuple[dict[str, Any], Nest]:
    case = json.loads(line)
    problem = Problem.from_dict({key: case[key] for key in ("dims", "tensors", "output")}, case["id"])
    mapping = Mapping.from_list(case["nest"])
    options = case["options"]
    splits = {}
    for tensor in problem.tensor_names:
        axes = options["no_reduction" if tensor == problem.output else "no_multicast"]
        splits[tensor] = frozenset(i for i, loop in enumerate(mapping.loops) if loop.axis in axes)
    return case, lower(problem, mapping, Rules(splits, frozenset(options["latches"])))


def check(nest: Nest, counts: Counts) -> None:
    """What must hold whatever the nest: totals, and the rows' relations to each other."""
    problem = nest.problem
    assert counts.engine == "functional"
    assert counts.macs == problem.macs
    assert counts.steps == count_steps(nest)
    assert counts.active_pes == count_active_pes(nest)
    fresh = math.prod(problem.extents[d] for d in problem.tensor(problem.output).dimensions)
    for boundary, row in zip(nest.boundaries, counts.rows, strict=True):
        assert (row.tensor, row.parent, row.child) == (boundary.tensor, boundary.parent, boundary.child)
        if not boundary.output:
            assert row.forwardable <= row.parent_reads <= row.child_fills
            continue
        assert row.refills == row.drains - row.merges - fresh
        fresh = row.contributed - row.refills


def run_checked(nest: Nest) -> Execution:
    operands = random_operands(nest.problem, seed=len(nest.bounds))
    execution = execute(nest, operands)
    check(nest, execution.counts)
    np.testing.assert_array_equal(execution.output, reference_output(nest.problem, operands))
    return execution


def test_counting_cases() -> None:
    lines = CASES.read_text().splitlines()
    assert len(lines) == 600
    for line in lines:
        case, nest = read_case(line)
        rows = run_checked(nest).counts.rows
        assert [row.to_dict(row.tensor == nest.problem.output) for row in rows] == case["counts"], case["id"]


@settings(max_examples=100, deadline=None)
@given(nests())
def test_random_nests(case: Case) -> None:
    nest = lower(*case)
    execution = run_checked(nest)
    for engine in ("walk", "closed-form"):
        assert execution.counts.rows == count(nest, engine).rows


@settings(max_examples=100, deadline=None)
@given(problems())
def test_reference_output_is_the_plain_loop(problem: Problem) -> None:
    operands = random_operands(problem, 5)
    expected = np.zeros(problem.shape(problem.output), np.int64)
    names = list(problem.extents)

    def place(tensor: Tensor, point: tuple[int, ...]) -> tuple[int, ...]:
        at = dict(zip(names, point, strict=True))
        return tuple(sum(c * at[d] for d, c in rank.coefficients) for rank in tensor.ranks)

    for point in np.ndindex(*problem.extents.values()):
        product = math.prod(int(operands[t.name][place(t, point)]) for t in problem.operands)
        expected[place(problem.tensor(problem.output), point)] += product
    np.testing.assert_array_equal(reference_output(problem, operands), expected)


def small_nest(rules: Rules | None = None) -> Nest:
    """Row stationary in small: 3 x 3 kernels, padded by one, on 2 x 3 PEs, with uneven scratchpads."""
    problem = convolution("small", m=4, c=2, p=5, q=4, r=3, s=3, row_data=(1, 5), column_data=(1, 4))
    nodes = (
        Store("DRAM", ("weights", "inputs", "outputs")),
        Loop("P", 3),
        Store("GLB", ("outputs",)),
        Loop("C", 2),
        Store("GLB", ("inputs",)),
        Loop("M", 2),
        Loop("P", 2, "x", "PE"),
        Loop("R", 3, "y", "PE"),
        Store("filter_spad", ("weights",)),
        Loop("Q", 4),
        Store("ifmap_spad", ("inputs",)),
        Store("psum_spad", ("outputs",)),
        Loop("S", 3),
        Loop("M", 2),
    )
    return lower(problem, Mapping(nodes), rules or Rules({}))


def test_row_stationary() -> None:
    execution = run_checked(small_nest())
    assert execution.counts.steps == 3 * 2 * 2 * 4 * 3 * 2
    assert execution.counts.active_pes == 6
    spad = execution.counts.row("inputs", "ifmap_spad")
    # 13 of the 15 input rows and 10 of the 12 columns that MACs meet are data.
    assert spad.parent_reads == spad.child_fills == 4 * 2 * 13 * 10
    assert execution.counts.row("outputs", "psum_spad").drains == execution.counts.macs


def test_zero_operands_are_counted() -> None:
    tensors = (
        Tensor("a", (Rank((("I", 1), ("J", 1)), (1, 3)),), density=1.0),
        Tensor("o", (Rank((("I", 1),)),)),
    )
    problem = Problem("sum", (("I", 4), ("J", 2)), tensors, "o")
    nest = lower(problem, Mapping((Store("L0", ("a", "o")), Loop("I", 4), Loop("J", 2))), Rules({}))
    execution = execute(nest, {"a": np.array([0, 5, 0, 7, 0])})
    # i + j meets coordinates 0, 1 1, 2 2, 3 3, 4; of them 0 and 4 are padding and 2 is a zero.
    assert execution.counts.zero_operand_macs == 4
    assert execution.output.tolist() == [5, 5, 7, 7]


def test_a_gating_zero_needs_no_word_of_the_others() -> None:
    """Inputs 3 0 4 0 and a zero of the padding: three of a filter's eight MACs see one that is not zero."""
    problem = convolution("gated", m=2, p=4, r=2, row_data=(0, 4))
    nodes = (
        Store("L0", ("weights", "inputs", "outputs")),
        Loop("M", 2),
        Store("L1", ("inputs",)),
        Loop("P", 4),
        Loop("R", 2),
    )
    operands = {
        "weights": np.ones((1, 2, 1, 2, 1), np.int64),
        "inputs": np.array([3, 0, 4, 0, 0]).reshape(1, 1, 1, 5, 1),
    }
    gated, free = (
        execute(lower(problem, Mapping(nodes), Rules({}, gating=gating)), operands)
        for gating in ("inputs", None)
    )
    # Steps (p, r) meet inputs 0 1, 1 2, 2 3, 3 4: one that is not zero in each of the first three.
    assert (gated.multiplies, free.multiplies) == (2 * 3, 2 * 8)
    rows = {(row.tensor, row.child): i for i, row in enumerate(gated.counts.rows)}
    assert gated.needed[rows["weights", "MAC"]] == 6 and free.needed[rows["weights", "MAC"]] == 16
    assert gated.needed[rows["inputs", "L1"]] == gated.needed[rows["outputs", "MAC"]] == 0
    assert gated.counts == free.counts
    np.testing.assert_array_equal(gated.output, free.output)


def test_random_operands_have_the_density_and_no_data_in_the_padding() -> None:
    tensors = (
        Tensor("a", (Rank((("I", 1),), (100, 9000)),), density=0.25),
        Tensor("o", (Rank((("I", 1),)),)),
    )
    operands = random_operands(Problem("dense", (("I", 10_000),), tensors, "o"), 3)["a"]
    assert not operands[:100].any() and not operands[9100:].any()
    assert 0.22 < np.count_nonzero(operands) / 9000 < 0.28
    assert abs(operands).max() <= 7
    again = random_operands(Problem("dense", (("I", 10_000),), tensors, "o"), 3)["a"]
    np.testing.assert_array_equal(operands, again)


def test_output_with_holes() -> None:
    tensors = (Tensor("a", (Rank((("I", 2), ("J", 1))),)), Tensor("o", (Rank((("I", 3),)),)))
    problem = Problem("holes", (("I", 3), ("J", 2)), tensors, "o")
    nodes = (Store("L0", ("a", "o")), Loop("J", 2), Store("L1", ("a", "o")), Loop("I", 3))
    execution = execute(lower(problem, Mapping(nodes), Rules({})), {"a": np.arange(1, 7)})
    assert execution.output.tolist() == [3, 0, 0, 7, 0, 0, 11]
    assert [row.refills for row in execution.counts.rows if row.tensor == "o"] == [0, 3]


def broken(nest: Nest, level: str, tensor: str) -> tuple[Layout, dict[str, np.ndarray[Any, Any]]]:
    """A layout in which a store receives its first tile and never another one."""
    layout = lay_out(nest, {})
    index = next(i for i, s in enumerate(layout.stores) if (s.level, s.tensor) == (level, tensor))
    layout.plan.shapes.stores[index, ABOVE] = 0
    return layout, random_operands(nest.problem, 0)


@pytest.mark.parametrize(
    ("level", "tensor", "message"),
    [
        ("filter_spad", "weights", r"filter_spad instance 0: the MAC needs weights\[0, 2, 0, 0, 0\]"),
        ("ifmap_spad", "inputs", r"ifmap_spad instance 0: the MAC needs inputs\[0, 0, 0, 0, 1\]"),
        (
            "GLB",
            "inputs",
            r"ifmap_spad instance 0: its tile needs inputs\[0, 0, 1, 0, 0\], which GLB does not hold",
        ),
        ("psum_spad", "outputs", r"psum_spad instance 0: the MAC needs outputs\[0, 0, 0, 0, 1\]"),
        ("GLB", "outputs", r"psum_spad instance 0: its tile needs outputs\[0, 0, 0, 2, 0\], which GLB does"),
    ],
)
def test_a_word_that_is_not_held_is_refused(level: str, tensor: str, message: str) -> None:
    nest = small_nest()
    layout, operands = broken(nest, level, tensor)
    with pytest.raises(ExecutionError, match=message):
        run(nest, layout, operands)


def test_a_drain_without_accumulation_is_refused() -> None:
    nest = small_nest()
    layout = lay_out(nest, {})
    # MACs that write into another instance's scratchpad leave their own without a begun word.
    outputs = nest.problem.tensor_names.index("outputs")
    layout.macs.table[outputs, 1, :3] = layout.macs.table[outputs, 1, 0]
    with pytest.raises(ExecutionError, match="although nothing was accumulated into it"):
        run(nest, layout, random_operands(nest.problem, 0))


def test_capacity_overflow() -> None:
    nest = small_nest()
    enough = {
        ("DRAM", "inputs"): 2 * 5 * 4,
        ("GLB", "inputs"): 4 * 4,
        ("ifmap_spad", "inputs"): 3,
        ("filter_spad", "weights"): 2 * 3,
        ("psum_spad", "outputs"): 2,
        ("GLB", "outputs"): 4 * 2 * 4,
        ("GLB", "weights"): 0,
    }
    assert execute(nest, capacity_words=enough).counts == execute(nest).counts
    for key in list(enough)[:-1]:
        with pytest.raises(ExecutionError, match=rf"{key[0]} instance \d+: .* words of {key[1]} overflows"):
            execute(nest, capacity_words={**enough, key: enough[key] - 1})


def test_capacity_of_a_level_that_stores_padding() -> None:
    nest = small_nest(Rules({}, stores_padding=frozenset({"GLB"})))
    execute(nest, capacity_words={("GLB", "inputs"): 4 * 6})
    with pytest.raises(ExecutionError, match="GLB instance 0: a tile of 24 words of inputs overflows its 23"):
        execute(nest, capacity_words={("GLB", "inputs"): 4 * 6 - 1})


def test_operands_are_checked() -> None:
    nest = small_nest()
    good = random_operands(nest.problem, 1)
    with pytest.raises(ExecutionError, match="operands must be weights, inputs, not inputs"):
        execute(nest, {"inputs": good["inputs"]})
    with pytest.raises(ExecutionError, match=r"'weights' must be signed integers of shape \(1, 4, 2, 3, 3\)"):
        execute(nest, {**good, "weights": good["weights"][0]})
    with pytest.raises(ExecutionError, match="must be signed integers"):
        execute(nest, {**good, "weights": good["weights"].astype(np.float64)})
    with pytest.raises(ExecutionError, match="'inputs' is not zero in its padding"):
        execute(nest, {**good, "inputs": good["inputs"] + 1})
    with pytest.raises(ExecutionError, match="overflow 64 bits"):
        execute(nest, {**good, "weights": good["weights"] + 2**60})
    assert issubclass(ExecutionError, SimulatorError)


def test_a_problem_too_large_to_move_is_refused() -> None:
    problem = convolution("vast", m=2**15, c=2**15, p=4, q=4)
    nodes = (
        Store("DRAM", problem.tensor_names),
        *(Loop(d, n) for d, n in problem.dimensions if n > 1),
    )
    with pytest.raises(ProblemError, match=r"vast: moving .* needs 24\.0 GiB of buffers; at most 4 GiB"):
        execute(lower(problem, Mapping(nodes), Rules({})))


def test_a_wrong_output_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    nest = lower(
        convolution(m=2, c=2),
        Mapping((Store("DRAM", ("weights", "inputs", "outputs")), Loop("M", 2), Loop("C", 2))),
        Rules({}),
    )
    right = functional.run

    def wrong(*arguments: Any) -> Execution:
        executed = right(*arguments)
        return replace(executed, output=executed.output + 1)

    monkeypatch.setattr(functional, "run", wrong)
    with pytest.raises(EngineDifferenceError, match="a wrong output"):
        count(nest, "functional")
