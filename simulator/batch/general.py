"""A query of one vector by the general closed form: right for every mapping, some ten times slower."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture
from simulator.batch.layout import SLOT_AXIS
from simulator.batch.program import ROLES, WEIGHT
from simulator.batch.state import INSIDE, LOOP_BOUND, LOOP_DIM, LOOP_SLOT, LOOP_STRIDE
from simulator.counting.closed_form import count_operand, count_output
from simulator.counting.events import Frame
from simulator.counting.lowering import COLUMNS, TEMPORAL, Ints, Queries, Structure, rank_arrays
from simulator.counting.sets import MAX_PLACES, MAX_POSITIONS, position_offsets
from simulator.errors import ProblemError
from simulator.jit import lean_kernel
from simulator.problem import Problem


class General(NamedTuple):
    """The problem as the closed form takes it, and scratch that every row uses again.

    structure and queries are `counting.lowering`'s, of one mapping and one query; loops are filled in row
    by row. bounds and strides (1, most loops).
    """

    structure: Structure
    queries: Queries
    bounds: Ints
    strides: Ints
    offsets: Ints
    n_offsets: Ints
    shape: Ints
    places: Ints
    stamps: Ints
    epoch: Ints
    sums: Ints
    others: Ints
    settled: Ints
    answer: Ints


def general_scratch(problem: Problem, architecture: Architecture, most_loops: int) -> General:
    """Return scratch for one thread; ``most_loops`` is what a vector can hold.

    Raises
    ------
    ProblemError
        For more positions of one dimension on the arrays than there is memory for.
    """
    start, dims, coefficients, data = rank_arrays(problem)
    extents = np.array([n for _, n in problem.dimensions], np.int64)
    lengths = (coefficients * (extents[dims] - 1)).sum(axis=1) + 1
    length = int(max(lengths[dims[:, 1] >= 0], default=1))
    # Bounds of a dimension multiply to less than twice its extent.
    positions = min(architecture.mac_units, 2 * int(extents.max()))
    if positions > MAX_POSITIONS:
        raise ProblemError(f"{positions} positions of one dimension on the array are too many; at most 2**22")

    def one() -> Ints:
        return np.zeros(1, np.int64)

    return General(
        Structure(
            extents,
            np.zeros(most_loops, np.int64),
            start,
            dims,
            coefficients,
            data,
            np.array([t.name == problem.output for t in problem.tensors], np.int64),
        ),
        Queries(one(), one(), one(), one(), np.zeros((1, most_loops), np.int64), one()),
        np.zeros(most_loops, np.int64),
        np.zeros(most_loops, np.int64),
        np.zeros((len(extents), 2, 2, positions), np.int64),
        np.zeros((len(extents), 2), np.int64),
        np.zeros((len(extents), 2), np.int64),
        np.zeros((2, 4, min(int(extents.max()), MAX_PLACES) + 1), np.int64),
        np.zeros((5, length), np.int64),
        np.zeros(2, np.int64),
        np.zeros((len(dims), 6), np.int64),
        np.zeros((len(extents), 3), np.int64),
        np.zeros(len(dims) + len(extents), np.int64),
        np.zeros(COLUMNS, np.int64),
    )


@lean_kernel
def general_query(g, state, code, query, count, tensor, child, holds, clip, answers, out):
    """Every column of a query into ``answers`` from ``out`` on, by the general closed form."""
    axis = code[query + WEIGHT]
    if axis < 0:
        _ask(g, state, code, query, count, tensor, child, holds, clip, -1)
        for column in range(COLUMNS):
            answers[out + column] = g.answer[column]
        return
    # Words weighted by how far along an axis they go: one question for each of its loops.
    for column in range(COLUMNS):
        answers[out + column] = 0
    step = 1
    for i in range(state[INSIDE, child], count):
        if state[SLOT_AXIS, state[LOOP_SLOT, i]] == axis:
            _ask(g, state, code, query, count, tensor, child, holds, clip, count - 1 - i)
            for column in range(COLUMNS):
                answers[out + column] += step * g.answer[column]
            step *= state[LOOP_BOUND, i]


@lean_kernel
def _ask(g, state, code, query, count, tensor, child, holds, clip, weight):
    """One question to the closed form, the answer into g.answer; loops outermost first."""
    for i in range(count):
        loop = count - 1 - i
        g.structure.loop_dim[loop] = state[LOOP_DIM, i]
        g.bounds[loop] = state[LOOP_BOUND, i]
        g.strides[loop] = state[LOOP_STRIDE, i]
        axis = state[SLOT_AXIS, state[LOOP_SLOT, i]]
        g.queries.roles[0, loop] = TEMPORAL if axis < 0 else code[query + ROLES + axis]
    g.queries.tensor[0] = tensor
    g.queries.child[0] = count - state[INSIDE, child]
    g.queries.weight[0] = weight
    bounds = g.bounds[:count]
    position_offsets(g.structure, bounds, g.strides, g.queries, 0, g.offsets, g.n_offsets, g.shape)
    f = Frame(
        g.structure, bounds, g.strides, g.queries.child[0], holds, clip, g.queries.roles[0],
        g.structure.rank_start[tensor], g.structure.rank_start[tensor + 1],
        g.offsets, g.n_offsets, g.shape, g.places, g.stamps, g.epoch, g.sums, g.others, g.settled,
    )  # fmt: skip
    g.answer[:] = 0
    if g.structure.is_output[tensor]:
        count_output(f, g.answer)
    else:
        count_operand(f, g.answer)
