"""The walk and the closed form: the contract's cases, a naive oracle, and each other on random nests."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracles
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.counting import closed_form, count, lower, walk
from simulator.counting.lowering import (
    COLUMNS,
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FORWARDABLE,
    READS,
    Rules,
    at_zero,
    fully_reduced,
    total,
)
from simulator.errors import ProblemError, SimulatorError
from simulator.mapping import Mapping
from simulator.problem import Problem, Rank, Tensor

CASES = Path(__file__).parents[1] / "data" / "counting_cases.jsonl"
COLUMN = {
    "parent_reads": READS,
    "child_fills": FILLS,
    "forwardable": FORWARDABLE,
    "drains": DRAINS,
    "contributed": CONTRIBUTED,
}
ENGINES = pytest.mark.parametrize("engine", ["walk", "closed-form"])


def read_case(case):
    problem = Problem.from_dict({key: case[key] for key in ("dims", "tensors", "output")}, case["id"])
    mapping = Mapping.from_list(case["nest"])
    splits = {}
    for tensor in problem.tensor_names:
        axes = case["options"]["no_reduction" if tensor == problem.output else "no_multicast"]
        splits[tensor] = frozenset(i for i, loop in enumerate(mapping.loops) if loop.axis in axes)
    return lower(problem, mapping, Rules(splits, frozenset(case["options"]["latches"])))


def rows_of(counts, problem):
    return [row.to_dict(row.tensor == problem.output) for row in counts.rows]


@ENGINES
def test_every_case_of_the_contract(engine):
    cases = [json.loads(line) for line in CASES.read_text().splitlines()]
    assert len(cases) == 600
    for case in cases:
        nest = read_case(case)
        assert rows_of(count(nest, engine), nest.problem) == case["counts"], case["id"]


def test_the_naive_oracle_on_cases_of_the_contract():
    small = [case for line in CASES.read_text().splitlines() if (case := json.loads(line))["dims"]]
    for case in small[::25]:
        nest = read_case(case)
        counted = oracles.naive_counts(nest.problem, nest.mapping, nest.rules)
        assert [
            {key: row[key] for key in want} for row, want in zip(counted, case["counts"], strict=True)
        ] == (case["counts"])


@given(oracles.nests())
@settings(max_examples=150, deadline=None)
def test_both_engines_equal_the_naive_oracle(case):
    problem, mapping, rules = case
    nest = lower(problem, mapping, rules)
    naive = oracles.naive_counts(problem, mapping, rules)
    for engine in ("walk", "closed-form"):
        counts = count(nest, engine)
        assert rows_of(counts, problem) == [
            {key: row[key] for key in counted}
            for row, counted in zip(naive, rows_of(counts, problem), strict=True)
        ]
        assert counts.steps == oracles.naive_steps(problem, mapping)
        assert counts.active_pes == oracles.naive_active(problem, mapping)
        assert counts.macs == problem.macs


def queries_of(nest, draw):
    """A boundary as a whole, fully reduced, at position zero, split and weighted."""
    asked = []
    for boundary in nest.boundaries:
        whole = total(nest, boundary)
        spatial = [i for i in range(boundary.child_above) if nest.spatial[i]]
        asked += [whole, fully_reduced(boundary), at_zero(whole, boundary.parent_above)]
        asked += [at_zero(whole, draw(st.integers(0, boundary.child_above)))]
        asked += [at_zero(fully_reduced(boundary), boundary.child_above)]
        if spatial:
            asked.append(replace(whole, split_above=draw(st.sampled_from(spatial)) + 1))
            asked.append(replace(whole, weight=draw(st.sampled_from(spatial))))
    return asked


@given(oracles.nests(most_macs=3000), st.data())
@settings(max_examples=150, deadline=None)
def test_walk_equals_closed_form_in_every_column_of_every_query(case, data):
    nest = lower(*case)
    asked = queries_of(nest, data.draw)
    np.testing.assert_array_equal(walk.count_queries(nest, asked), closed_form.count_queries(nest, asked))


@given(oracles.nests(), st.data())
@settings(max_examples=80, deadline=None)
def test_queries_equal_the_naive_oracle(case, data):
    problem, mapping, rules = case
    nest = lower(problem, mapping, rules)
    asked = queries_of(nest, data.draw)
    answers = closed_form.count_queries(nest, asked)
    for query, answer in zip(asked, answers, strict=True):
        boundary = query.boundary
        naive = oracles.naive_columns(
            problem,
            mapping,
            boundary.tensor,
            max(boundary.parent_above, query.split_above),
            boundary.child_above,
            holds=boundary.holds,
            clip=boundary.parent not in rules.stores_padding,
            splits=query.splits,
            zero=query.zero_above,
            weight=(lambda index, loop=query.weight: index[loop]) if query.weight >= 0 else None,
        )
        # A weight multiplies deliveries only: what a network reads and drains is not weighted.
        names = ("child_fills", "contributed") if query.weight >= 0 else tuple(naive)
        assert {name: answer[COLUMN[name]] for name in names if name in naive} == {
            name: naive[name] for name in names if name in naive
        }


@given(oracles.nests(most_macs=2000))
@settings(max_examples=60, deadline=None)
def test_words_are_conserved(case):
    nest = lower(*case)
    counts = count(nest, "closed-form")
    outputs = [row for row in counts.rows if row.tensor == nest.problem.output]
    fresh = int(np.prod([nest.problem.extents[d] for d in nest.problem.tensor("outputs").dimensions]))
    assert outputs[0].drains >= fresh
    assert outputs[-1].contributed == nest.problem.macs
    for row in outputs:
        assert row.contributed >= row.drains >= row.drains - row.merges >= row.refills >= 0
        assert row.drains == row.merges + row.refills + fresh
        fresh = row.contributed - row.refills
    for row in counts.rows:
        assert row.child_fills >= row.parent_reads >= row.forwardable >= 0


def test_a_window_slides_over_what_it_holds():
    """Three of five words move in at first, one at each of the two steps after."""
    problem = oracles.convolution(q=3, s=3)
    nest = lower(
        problem,
        oracles.mapping("DRAM:", "Q 3", "GLB:", "S 3"),
        Rules({tensor: frozenset() for tensor in problem.tensor_names}),
    )
    row = count(nest, "walk").row("inputs", "DRAM")
    assert (row.parent_reads, row.child_fills, row.forwardable) == (5, 5, 2 * 0 + 0)


def test_neighbours_pass_on_what_they_held():
    """Three places hold columns 0 1 2, then 1 2 3: only column 3 has to come from the parent."""
    problem = oracles.convolution(q=2, s=3)
    loops = ("Q 2", "S 3 @PE.x")
    nest = lower(
        problem,
        oracles.mapping("DRAM:", *loops, "RF:"),
        Rules({tensor: frozenset() for tensor in problem.tensor_names}),
    )
    row = count(nest, "walk").row("inputs", "DRAM")
    assert (row.parent_reads, row.child_fills, row.forwardable) == (6, 6, 2)


@ENGINES
def test_outputs_that_skip_places_start_from_zero_once_each(engine):
    """An output rank of coefficient 2 has as many words as its dimension, not as coordinates."""
    tensors = (
        Tensor("inputs", (Rank((("I", 1),)), Rank((("J", 1),)))),
        Tensor("outputs", (Rank((("I", 2),)),)),
    )
    problem = Problem("even", (("I", 3), ("J", 4)), tensors, "outputs")
    nest = lower(
        problem,
        oracles.mapping("DRAM: inputs outputs", "J 4", "I 3"),
        Rules({"inputs": frozenset(), "outputs": frozenset()}),
    )
    row = count(nest, engine).row("outputs", "DRAM")
    assert (row.drains, row.refills) == (12, 9)


@ENGINES
def test_a_problem_of_one_iteration(engine):
    problem = oracles.convolution()
    nest = lower(
        problem, oracles.mapping("DRAM:"), Rules({tensor: frozenset() for tensor in problem.tensor_names})
    )
    counts = count(nest, engine)
    assert (counts.macs, counts.steps, counts.active_pes) == (1, 1, 1)
    assert counts.row("weights", "DRAM").parent_reads == 1
    assert counts.row("outputs", "DRAM").refills == 0


def test_an_unknown_engine_is_named_with_the_nearest():
    nest = lower(oracles.convolution(), oracles.mapping("DRAM:"), Rules({}))
    with pytest.raises(SimulatorError, match="unknown engine 'closed'; did you mean 'closed-form'"):
        count(nest, "closed")


def test_a_rank_too_long_for_the_bitmaps_is_refused():
    problem = oracles.convolution(p=2**20, r=2, stride=(2**10, 1))
    with pytest.raises(ProblemError, match=r"a rank of .* coordinates .* is too long"):
        lower(problem, oracles.mapping("DRAM:", f"P {2**20}", "R 2"), Rules({}))


def test_no_queries_have_no_answers():
    nest = lower(oracles.convolution(), oracles.mapping("DRAM:"), Rules({}))
    assert closed_form.count_queries(nest, []).shape == (0, COLUMNS)


# A group of MACs on an axis without reduction, held at position zero of a loop above its parent.
RAGGED = example(
    (
        oracles.convolution(m=5, c=3),
        oracles.mapping("L0:", "M 3 @A.y", "C 2", "L1: outputs", "C 2 @A.x", "M 2"),
        Rules({"weights": frozenset(), "inputs": frozenset({0}), "outputs": frozenset({2})}),
    )
)


@RAGGED
@given(oracles.nests())
@settings(max_examples=60, deadline=None)
def test_drains_and_merges_only_grow_with_axes_that_do_not_reduce(case):
    problem, mapping, rules = case
    free = replace(rules, splits=dict.fromkeys(problem.tensor_names, frozenset()))
    reduced = [r for r in count(lower(problem, mapping, free)).rows if r.tensor == "outputs"]
    given_ = [r for r in count(lower(problem, mapping, rules)).rows if r.tensor == "outputs"]
    for full, split in zip(reduced, given_, strict=True):
        assert (full.merges, full.drains) == (0, split.drains - split.merges)
        assert full.contributed == split.contributed or split.child != "MAC"
