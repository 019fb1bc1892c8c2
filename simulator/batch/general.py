"""A query of one vector by the general closed form: right for every mapping, some ten times slower."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture
from simulator.batch.layout import SLOT_AXIS
from simulator.batch.program import (
    AXES,
    CLIPS,
    HOLDS,
    NETWORK_AXES,
    NETWORK_LIES,
    NETWORK_LINKED,
    ROLES,
    WEIGHT,
    WIRES,
)
from simulator.batch.state import INSIDE, LOOP_BOUND, LOOP_DIM, LOOP_SLOT, LOOP_STRIDE
from simulator.cost.hops import wires_of
from simulator.counting.closed_form import answer_query, answer_wires, make_frame
from simulator.counting.events import Frame
from simulator.counting.lowering import COLUMNS, TEMPORAL, Ints, Queries, Structure, rank_arrays
from simulator.counting.sets import MAX_PLACES, MAX_POSITIONS
from simulator.counting.wires import AXES as WIRE_AXES
from simulator.counting.wires import FULL, LINKED, USED, Wiring, make_wiring, no_wiring
from simulator.errors import ProblemError
from simulator.jit import lean_kernel
from simulator.problem import Problem

# Entries of classes of words that go to the same places, 5 MB a thread; rows with more are not countable.
_ROOM = 2**16


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
    wiring = _wiring(problem, architecture, most_loops, len(dims), positions)
    return General(
        make_frame(structure, np.zeros(most_loops, np.int64), places, positions, length, wiring),
        Queries(one(), one(), one(), one(), np.zeros((1, most_loops), np.int64), one()),
        np.zeros(COLUMNS, np.int64),
    )


def _wiring(
    problem: Problem, architecture: Architecture, most_loops: int, ranks: int, positions: int
) -> Wiring:
    """Scratch for the largest network with a price for hops; none where there is none."""
    depths = [
        wires_of(architecture, array, tensor, False).depth
        for array in architecture.arrays
        for tensor in problem.tensor_names
        if array.price("hop", tensor) and array.topology(tensor) != "unicast"
    ]
    if not depths:
        return no_wiring()
    dims = len(problem.dimensions)
    return make_wiring(most_loops, dims, dims + ranks, positions, architecture.mac_units, max(depths), _ROOM)


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
    frame, queries, network = g.frame, g.queries, code[query + WIRES]
    if network >= 0:
        _set_network(frame.wiring, code, network)
    for i in range(count):
        loop = count - 1 - i
        frame.structure.loop_dim[loop] = state[LOOP_DIM, i]
        frame.bounds[loop] = state[LOOP_BOUND, i]
        frame.strides[loop] = state[LOOP_STRIDE, i]
        axis = state[SLOT_AXIS, state[LOOP_SLOT, i]]
        queries.roles[0, loop] = TEMPORAL if axis < 0 else code[query + ROLES + axis]
        if network >= 0 and axis >= 0:
            frame.wiring.loops[loop, 0] = code[network + NETWORK_LIES + axis]
    queries.tensor[0] = tensor
    queries.child[0] = count - state[INSIDE, child]
    queries.holds[0], queries.clip[0], queries.weight[0] = code[b + HOLDS], code[b + CLIPS], weight
    g.answer[:] = 0
    if network < 0:
        answer_query(frame, count, queries, np.int64(0), g.answer)
        return
    answer_wires(frame, count, queries, np.int64(0), g.answer)
    if frame.wiring.marks[FULL]:
        frame.epoch[1], frame.wiring.marks[FULL] = 1, 0


@lean_kernel
def _set_network(wiring, code, network):
    """Put a network's axes where the closed form looks for them."""
    wiring.marks[LINKED], wiring.marks[WIRE_AXES] = (
        code[network + NETWORK_LINKED],
        code[network + NETWORK_AXES],
    )
    at = network + NETWORK_LIES + code[AXES]
    for a in range(code[network + NETWORK_AXES]):
        for column in range(USED):
            wiring.axes[a, column] = code[at + a * USED + column]
