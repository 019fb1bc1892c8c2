"""The closed form: the separable sums of the counting contract, exact for every nest.

The walk is split into *events*: the start, and "temporal loop k advances, every loop inside it returns
to zero". What moves at an event factors over ranks, so an event costs a few one-dimensional sums
instead of all its steps. Within a sum, all places of a loop that are complete (nothing ragged, nothing
clipped) are alike, and one of them is worked out for all.
"""

from __future__ import annotations

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
    Queries,
    Query,
    Structure,
    lower_queries,
)
from simulator.counting.sets import kernel_sizes, position_offsets
from simulator.errors import ProblemError
from simulator.jit import kernel, lean_kernel, run_interruptibly


def count_queries(nest: Nest, queries: list[Query]) -> Ints:
    """Return counts (Q, COLUMNS) of a nest by the closed form."""
    counts: Ints = count_batch(nest.structure, nest.bounds[None, :], lower_queries(nest, queries))[0]
    return counts


def count_batch(structure: Structure, bounds: Ints, queries: Queries) -> Ints:
    """Return counts (B, Q, COLUMNS) of B legal mappings that share a nest's shape; ``bounds`` is (B, L).

    Raises
    ------
    ProblemError
        For more positions or ragged places of one dimension than there is memory for.
    """
    out = np.zeros((len(bounds), len(queries.tensor), COLUMNS), np.int64)
    if len(queries.tensor) and len(bounds):
        sizes = kernel_sizes(structure, bounds, queries)
        arguments = (structure, np.ascontiguousarray(bounds), queries, *sizes, out)
        if run_interruptibly(_closed_form, *arguments):
            raise ProblemError("more than 2**24 ragged places of one dimension; give it fewer, larger tiles")
    return out


@kernel
def _closed_form(structure, bounds, queries, n_places, n_positions, length, out):
    """Count every query of every row of bounds; return 1 where a dimension has too many ragged places."""
    dims = len(structure.extents)
    places = np.zeros((2, 4, n_places + 1), np.int64)
    offsets = np.zeros((dims, 2, 2, n_positions), np.int64)
    n_offsets = np.zeros((dims, 2), np.int64)
    shape = np.zeros((dims, 2), np.int64)
    stamps = np.zeros((5, length), np.int64)
    epoch = np.zeros(2, np.int64)
    sums = np.zeros((len(structure.rank_dims), 6), np.int64)
    others = np.zeros((dims, 3), np.int64)
    settled = np.zeros(len(structure.rank_dims) + dims, np.int64)
    strides = np.zeros(bounds.shape[1], np.int64)
    inside = np.zeros(dims, np.int64)
    for row in range(bounds.shape[0]):
        inside[:] = 1
        for loop in range(bounds.shape[1] - 1, -1, -1):
            strides[loop] = inside[structure.loop_dim[loop]]
            inside[structure.loop_dim[loop]] *= bounds[row, loop]
        for q in range(len(queries.tensor)):
            t = queries.tensor[q]
            position_offsets(structure, bounds[row], strides, queries, q, offsets, n_offsets, shape)
            f = Frame(
                structure, bounds[row], strides, queries.child[q], queries.holds[q], queries.clip[q],
                queries.roles[q], structure.rank_start[t], structure.rank_start[t + 1],
                offsets, n_offsets, shape, places, stamps, epoch, sums, others, settled,
            )  # fmt: skip
            if structure.is_output[t]:
                count_output(f, out[row, q])
            else:
                count_operand(f, out[row, q])
    return epoch[1]


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
        fresh *= own_words(f, d, f.child)[0] if own_rank(f, d) >= 0 else lacking(f, d, START)[0]
    out[LAST_DRAINS] = last
    out[FRESH] = fresh
    out[REFILLS] = out[DRAINS] - fresh
