"""The closed form: the separable sums of the counting contract, exact for every nest.

The walk is split into *events*: the start, and "temporal loop k advances, every loop inside it returns
to zero". What moves at an event factors over ranks, so an event costs a few one-dimensional sums
instead of all its steps. Within a sum, all places of a loop that are complete (nothing ragged, nothing
clipped) are alike, and one of them is worked out for all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.counting.events import (
    DELIVERED,
    HELD,
    KEPT,
    SHARED,
    SHARED_KEPT,
    START,
    UNION_WORDS,
    Frame,
    lacking,
    last_active,
    own_rank,
    own_words,
    rank_sums,
)
from simulator.counting.lowering import (
    COLUMNS,
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FIRST_READS,
    FORWARDABLE,
    FRESH,
    LAST_DRAINS,
    READS,
    REFILLS,
    TEMPORAL,
    Ints,
    Nest,
    Query,
    Structure,
    lower_queries,
)
from simulator.counting.sets import kernel_sizes, position_offsets
from simulator.counting.wire_events import count_wires
from simulator.counting.wires import Wiring, lay_wires, no_wiring, with_room
from simulator.errors import ProblemError
from simulator.jit import inlined, lean_kernel, run_interruptibly


def count_queries(nest: Nest, queries: list[Query]) -> Ints:
    """Return counts (Q, COLUMNS) of a legal nest by the closed form.

    Raises
    ------
    ProblemError
        For more positions or ragged places of one dimension than there is memory for.
    """
    out = np.zeros((len(queries), COLUMNS), np.int64)
    plain = [i for i, query in enumerate(queries) if query.wires is None]
    if plain:
        out[plain] = _count(_closed_form, nest, [queries[i] for i in plain], no_wiring())
    for i, query in enumerate(queries):
        if query.wires is not None:
            out[i] = _count_wires(nest, query)
    return out


def _count_wires(nest: Nest, query: Query) -> Ints:
    return with_room(nest, query, lambda wiring: _count(_closed_form_of_wires, nest, [query], wiring)[0])


def _count(kernel: Callable[..., int], nest: Nest, queries: list[Query], wiring: Wiring) -> Ints:
    """Counts (Q, COLUMNS) of queries of one network, or of none."""
    asked = lower_queries(nest, queries)
    out = np.zeros((len(queries), COLUMNS), np.int64)
    sizes = kernel_sizes(nest.structure, nest.bounds[None, :], asked)
    frame = make_frame(nest.structure, nest.bounds, *sizes, wiring)
    if run_interruptibly(kernel, frame, asked, out):
        raise ProblemError("more than 2**24 ragged places of one dimension; give it fewer, larger tiles")
    return out


def make_frame(
    structure: Structure, bounds: Ints, places: int, positions: int, length: int, wiring: Wiring
) -> Frame:
    """Return a frame without a question: a nest, and scratch that every question of it uses again.

    ``places`` in time and ``positions`` on the arrays of one dimension, ``length`` of the longest bitmap.
    """

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    dims, ranks, loops = len(structure.extents), len(structure.rank_dims), len(bounds)
    return Frame(
        structure,
        bounds,
        strides=zeros(loops),
        child=0,
        holds=0,
        clip=0,
        roles=zeros(loops),
        first_rank=0,
        end_rank=0,
        offsets=zeros(dims, 2, 2, positions),
        n_offsets=zeros(dims, 2),
        shape=zeros(dims, 2),
        places=zeros(2, 4, places + 1),
        stamps=zeros(5, length),
        epoch=zeros(2),
        sums=zeros(ranks, 6),
        others=zeros(dims, 3),
        settled=zeros(ranks + dims),
        wiring=wiring,
    )


@lean_kernel
def _closed_form(frame, queries, out):
    """Count every query of a nest; return 1 where a dimension has too many ragged places."""
    _set_strides(frame)
    for q in range(len(queries.tensor)):
        answer_query(frame, len(frame.bounds), queries, q, out[q])
    return frame.epoch[1]


@lean_kernel
def _closed_form_of_wires(frame, queries, out):
    """The same for one query of wires: apart, so that only those who ask compile it."""
    _set_strides(frame)
    answer_wires(frame, len(frame.bounds), queries, np.int64(0), out[0])
    return frame.epoch[1]


@lean_kernel
def _set_strides(frame):
    inside = frame.settled
    inside[:] = 1
    for loop in range(len(frame.bounds) - 1, -1, -1):
        frame.strides[loop] = inside[frame.structure.loop_dim[loop]]
        inside[frame.structure.loop_dim[loop]] *= frame.bounds[loop]


@inlined
def _ask(frame, count, queries, q):
    """The frame of a query of the first ``count`` loops."""
    t, bounds = queries.tensor[q], frame.bounds[:count]
    position_offsets(
        frame.structure, bounds, frame.strides, queries, q, frame.offsets, frame.n_offsets, frame.shape
    )
    return Frame(
        frame.structure, bounds, frame.strides, queries.child[q], queries.holds[q], queries.clip[q],
        queries.roles[q], frame.structure.rank_start[t], frame.structure.rank_start[t + 1],
        frame.offsets, frame.n_offsets, frame.shape, frame.places, frame.stamps, frame.epoch,
        frame.sums, frame.others, frame.settled, frame.wiring,
    )  # fmt: skip


@lean_kernel
def answer_query(frame, count, queries, q, out):
    """Every column of a query of the first ``count`` loops of a frame, into ``out`` (COLUMNS,) of zeros."""
    f = _ask(frame, count, queries, q)
    if f.structure.is_output[queries.tensor[q]]:
        count_output(f, out)
    else:
        count_operand(f, out)


@lean_kernel
def answer_wires(frame, count, queries, q, out):
    """The wires that a query's reads or drains drive, into their column."""
    f, output = _ask(frame, count, queries, q), frame.structure.is_output[queries.tensor[q]]
    lay_wires(f.structure, f.bounds, queries, q, f.wiring)
    out[DRAINS if output else READS] = count_wires(f, output)


@lean_kernel
def count_operand(f, out):
    """Reads, fills and forwardable words of one operand boundary."""
    ranks, dims = f.end_rank - f.first_rank, len(f.structure.extents)
    sums = f.sums
    others = f.others  # of a dimension the tensor lacks: groups, children, groups again
    # Between two loops of its own dimensions a rank's sums stay as they are.
    settled = f.settled
    settled[:] = 0
    # Without a latch nothing is held: one event with every loop outside it holds all steps.
    for k in range(START, f.child if f.holds else 0):
        if k >= 0 and f.roles[k] != TEMPORAL:
            continue
        at = k if f.holds else f.child
        changing = f.structure.loop_dim[k] if k >= 0 else -1
        reads, kept, fills, held, shared, shared_kept = 1, 1, 1, 1, 1, 1
        groups, children, again = 1, 1, 1
        for d in range(dims):
            if own_rank(f, d) < 0:
                if d == changing or not settled[ranks + d]:
                    others[d, 0], others[d, 1], others[d, 2] = lacking(f, d, at)
                settled[ranks + d] = k >= 0 and d != changing
                groups *= others[d, 0]
                children *= others[d, 1]
                again *= others[d, 2]
        for i in range(ranks):
            r = f.first_rank + i
            own = k >= 0 and (
                changing == f.structure.rank_dims[r, 0] or changing == f.structure.rank_dims[r, 1]
            )
            if own or not settled[i]:
                rank_sums(f, r, at, sums[i])
            settled[i] = k >= 0 and not own
            reads *= sums[i, UNION_WORDS]
            kept *= sums[i, KEPT]
            fills *= sums[i, DELIVERED]
            held *= sums[i, HELD]
            shared *= sums[i, SHARED]
            shared_kept *= sums[i, SHARED_KEPT]
        if k == START:
            out[READS] = reads * groups
            out[FILLS] = fills * children
            out[FIRST_READS] = reads * groups if f.holds else 0
        else:
            out[READS] += (reads - kept) * groups
            out[FILLS] += (fills - held) * children
            out[FORWARDABLE] += (shared - shared_kept) * again


@lean_kernel
def count_output(f, out):
    """Drains and contributed words of one boundary of the output."""
    dims = len(f.structure.extents)
    figures = f.others  # words and words that stay; groups and members where it lacks d
    settled = f.settled
    settled[:] = 0
    for k in range(START, f.child if f.holds else 0):
        if k >= 0 and f.roles[k] != TEMPORAL:
            continue
        at = k if f.holds else f.child
        moved, same, groups, members = 1, 1 if k >= 0 else 0, 1, 1
        for d in range(dims):
            own = k >= 0 and f.structure.loop_dim[k] == d
            if own_rank(f, d) >= 0:
                if own or not settled[d]:
                    figures[d, 0], figures[d, 1] = own_words(f, d, at)
                moved *= figures[d, 0]
                same *= figures[d, 1]
            else:
                if own or not settled[d]:
                    figures[d, 0], figures[d, 1], _ = lacking(f, d, at)
                groups *= figures[d, 0]
                members *= figures[d, 1]
            settled[d] = k >= 0 and not own
        out[DRAINS] += (moved - same) * groups
        out[CONTRIBUTED] += (moved - same) * members
    last, fresh = 1, 1
    for d in range(dims):
        last *= last_active(f, d)
        fresh *= own_words(f, d, f.child)[0] if own_rank(f, d) >= 0 else lacking(f, d, np.int64(START))[0]
    out[LAST_DRAINS] = last
    out[FRESH] = fresh
    out[REFILLS] = out[DRAINS] - fresh
