"""A query of one vector by the general closed form: right for every mapping, some ten times slower."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture
from simulator.batch.layout import SLOT_AXIS
from simulator.batch.program import CLIPS, HOLDS, ROLES, WEIGHT
from simulator.batch.state import INSIDE, LOOP_BOUND, LOOP_DIM, LOOP_SLOT, LOOP_STRIDE
from simulator.counting.closed_form import answer_query, make_frame
from simulator.counting.events import Frame
from simulator.counting.lowering import COLUMNS, TEMPORAL, Ints, Queries, Structure, rank_arrays
from simulator.counting.sets import MAX_PLACES, MAX_POSITIONS
from simulator.errors import ProblemError
from simulator.jit import lean_kernel
from simulator.problem import Problem


class General(NamedTuple):
    """The problem as the closed form takes it, and scratch that every row uses again.

    frame holds most loops, filled in row by row; queries are one query, answer (COLUMNS,) is its answer.
    """

    frame: Frame
    queries: Queries
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

    structure = Structure(
        extents,
        np.zeros(most_loops, np.int64),
        start,
        dims,
        coefficients,
        data,
        np.array([t.name == problem.output for t in problem.tensors], np.int64),
    )
    places = min(int(extents.max()), MAX_PLACES)
    return General(
        make_frame(structure, np.zeros(most_loops, np.int64), places, positions, length),
        Queries(one(), one(), one(), one(), np.zeros((1, most_loops), np.int64), one()),
        np.zeros(COLUMNS, np.int64),
    )


@lean_kernel
def general_query(g, state, code, b, query, count, tensor, child, answers, lane, out):
    """Every column of a query of boundary ``b``, by the closed form, into a lane of ``answers``."""
    axis = code[query + WEIGHT]
    if axis < 0:
        _ask(g, state, code, b, query, count, tensor, child, np.int64(-1))
        for column in range(COLUMNS):
            answers[out + column, lane] = g.answer[column]
        return
    # Words weighted by how far along an axis they go: one question for each of its loops.
    for column in range(COLUMNS):
        answers[out + column, lane] = 0
    step = 1
    for i in range(state[INSIDE, child], count):
        if state[SLOT_AXIS, state[LOOP_SLOT, i]] == axis:
            _ask(g, state, code, b, query, count, tensor, child, count - 1 - i)
            for column in range(COLUMNS):
                answers[out + column, lane] += step * g.answer[column]
            step *= state[LOOP_BOUND, i]


@lean_kernel
def _ask(g, state, code, b, query, count, tensor, child, weight):
    """One question to the closed form, the answer into g.answer; loops outermost first."""
    frame, queries = g.frame, g.queries
    for i in range(count):
        loop = count - 1 - i
        frame.structure.loop_dim[loop] = state[LOOP_DIM, i]
        frame.bounds[loop] = state[LOOP_BOUND, i]
        frame.strides[loop] = state[LOOP_STRIDE, i]
        axis = state[SLOT_AXIS, state[LOOP_SLOT, i]]
        queries.roles[0, loop] = TEMPORAL if axis < 0 else code[query + ROLES + axis]
    queries.tensor[0] = tensor
    queries.child[0] = count - state[INSIDE, child]
    queries.holds[0], queries.clip[0], queries.weight[0] = code[b + HOLDS], code[b + CLIPS], weight
    g.answer[:] = 0
    answer_query(frame, count, queries, np.int64(0), g.answer)
