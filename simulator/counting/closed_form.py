"""The closed form: the separable sums of the counting contract, exact for every nest.

The walk is split into *events*: the start, and "temporal loop k advances, every loop inside it returns
to zero". What moves at an event factors over ranks, so an event costs a few one-dimensional sums
instead of all its steps. Within a sum, all places of a loop that are complete (nothing ragged, nothing
clipped) are alike, and one of them is worked out for all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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
    UNION,
    Ints,
    Nest,
    Queries,
    Query,
    Structure,
    lower_queries,
)
from simulator.counting.sets import chunk_words, kernel_sizes, position_offsets, stamp_tile
from simulator.jit import kernel

# Columns of a rank's sums: union, kept of it, delivered, held of it, union and kept that others held.
_U, _K, _A, _AB, _UH, _KH = range(6)
# Rows of the places of a dimension: base, anchor one step of the event before, last reached, how many.
_BASE, _ANCHOR, _LAST, _MANY = range(4)
_START = -1


class Frame(NamedTuple):
    """One query of one mapping, with the scratch arrays; see ``Structure`` and ``Queries``."""

    structure: Structure
    bounds: Ints
    strides: Ints
    child: int
    holds: int
    clip: int
    roles: Ints
    first_rank: int
    end_rank: int
    offsets: Ints
    n_offsets: Ints
    shape: Ints
    places: Ints
    stamps: Ints
    epoch: Ints


def count_queries(nest: Nest, queries: list[Query]) -> Ints:
    """Return counts (Q, COLUMNS) of a nest by the closed form."""
    counts: Ints = count_batch(nest.structure, nest.bounds[None, :], lower_queries(nest, queries))[0]
    return counts


def count_batch(structure: Structure, bounds: Ints, queries: Queries) -> Ints:
    """Return counts (B, Q, COLUMNS) of B legal mappings that share a nest's shape; ``bounds`` is (B, L)."""
    out = np.zeros((len(bounds), len(queries.tensor), COLUMNS), np.int64)
    if len(queries.tensor) and len(bounds):
        sizes = kernel_sizes(structure, bounds, queries)
        _closed_form(structure, np.ascontiguousarray(bounds), queries, *sizes, out)
    return out


@kernel
def _closed_form(structure, bounds, queries, n_places, n_positions, length, out):
    """Count every query of every row of bounds."""
    dims = len(structure.extents)
    places = np.zeros((2, 4, n_places + 1), np.int64)
    offsets = np.zeros((dims, 2, 2, n_positions), np.int64)
    n_offsets = np.zeros((dims, 2), np.int64)
    shape = np.zeros((dims, 2), np.int64)
    stamps = np.zeros((5, length), np.int64)
    epoch = np.zeros(1, np.int64)
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
                offsets, n_offsets, shape, places, stamps, epoch,
            )  # fmt: skip
            if structure.is_output[t]:
                _output(f, out[row, q])
            else:
                _operand(f, out[row, q])


@kernel
def _operand(f, out):
    """Reads, fills and forwardable words of one operand boundary."""
    ranks = f.end_rank - f.first_rank
    sums = np.zeros((ranks, 6), np.int64)
    settled = np.zeros(ranks, np.bool_)
    # Without a latch nothing is held: one event with every loop outside it holds all steps.
    for k in range(_START, f.child if f.holds else 0):
        if k >= 0 and f.roles[k] != TEMPORAL:
            continue
        at = k if f.holds else f.child
        changing = f.structure.loop_dim[k] if k >= 0 else -1
        reads, kept, fills, held, others, others_kept = 1, 1, 1, 1, 1, 1
        groups, children, again = 1, 1, 1
        for d in range(len(f.structure.extents)):
            if _own_rank(f, d) < 0:
                g, c, t = _lacking(f, d, at)
                groups *= g
                children *= c
                again *= t
        for i in range(ranks):
            r = f.first_rank + i
            own = k >= 0 and (
                changing == f.structure.rank_dims[r, 0] or changing == f.structure.rank_dims[r, 1]
            )
            # Between two loops of its own dimensions a rank's sums stay as they are.
            if own or not settled[i]:
                _rank_sums(f, r, at, sums[i])
            settled[i] = k >= 0 and not own
            reads *= sums[i, _U]
            kept *= sums[i, _K]
            fills *= sums[i, _A]
            held *= sums[i, _AB]
            others *= sums[i, _UH]
            others_kept *= sums[i, _KH]
        if k == _START:
            out[READS] = reads * groups
            out[FILLS] = fills * children
            out[FIRST_READS] = reads * groups if f.holds else 0
        else:
            out[READS] += (reads - kept) * groups
            out[FILLS] += (fills - held) * children
            out[FORWARDABLE] += (others - others_kept) * again


@kernel
def _output(f, out):
    """Drains and contributed words of one boundary of the output."""
    for k in range(_START, f.child if f.holds else 0):
        if k >= 0 and f.roles[k] != TEMPORAL:
            continue
        moved, same, groups, members = 1, 1 if k >= 0 else 0, 1, 1
        for d in range(len(f.structure.extents)):
            if _own_rank(f, d) >= 0:
                words, unmoved = _own_words(f, d, k if f.holds else f.child)
                moved *= words
                same *= unmoved
            else:
                g, c, _ = _lacking(f, d, k if f.holds else f.child)
                groups *= g
                members *= c
        out[DRAINS] += (moved - same) * groups
        out[CONTRIBUTED] += (moved - same) * members
    last, fresh = 1, 1
    for d in range(len(f.structure.extents)):
        last *= _last_active(f, d)
        fresh *= _own_words(f, d, f.child)[0] if _own_rank(f, d) >= 0 else _lacking(f, d, _START)[0]
    out[LAST_DRAINS] = last
    out[FRESH] = fresh
    out[REFILLS] = out[DRAINS] - fresh


@kernel
def _own_rank(f, d):
    """The rank of the tensor in which dimension ``d`` sits, or -1."""
    for r in range(f.first_rank, f.end_rank):
        if f.structure.rank_dims[r, 0] == d or f.structure.rank_dims[r, 1] == d:
            return r
    return -1


@kernel
def _last(f, d, k, start):
    """The last place that loops of ``d`` inside ``k`` reach from ``start``, below the extent."""
    room = f.structure.extents[d] - 1 - start
    reached = 0
    for loop in range(k + 1, f.child):
        if f.structure.loop_dim[loop] == d and f.roles[loop] == TEMPORAL:
            reached += min(f.bounds[loop] - 1, (room - reached) // f.strides[loop]) * f.strides[loop]
    return reached


@kernel
def _places(f, d, k, merge, places):
    """Places of dimension ``d`` at event ``k``; loops outside k vary, k counts from 1, those inside are 0.

    ``merge`` folds every place that is complete into one, for sums that do not see where they stand.
    """
    if k == _START:
        places[_BASE, 0], places[_ANCHOR, 0], places[_LAST, 0], places[_MANY, 0] = 0, -1, -1, 1
        return 1
    extent = f.structure.extents[d]
    outer, span, back, own = 1, 0, 0, 1
    for loop in range(f.child):
        if f.structure.loop_dim[loop] == d and f.roles[loop] == TEMPORAL:
            if loop > k:
                span += (f.bounds[loop] - 1) * f.strides[loop]
            else:
                outer *= f.bounds[loop]
            if loop == k:
                back, own = f.strides[loop], f.bounds[loop]
    n, start = 0, 0
    if merge:
        # Bases grow with the place, so the complete places are the first ones.
        start = _count_up_to(f, d, k, extent - f.shape[d, 1] - f.shape[d, 0] - max(0, span - back))
        complete = start - (-(-start // own) if back else 0)
        if complete > 0:
            places[_BASE, 0] = back
            places[_ANCHOR, 0] = 0
            places[_LAST, 0] = span
            places[_MANY, 0] = complete
            n = 1
    for place in range(start, outer):
        if back and place % own == 0:
            continue
        rest, base = place, 0
        for loop in range(min(k, f.child - 1), -1, -1):
            if f.structure.loop_dim[loop] == d and f.roles[loop] == TEMPORAL:
                base += rest % f.bounds[loop] * f.strides[loop]
                rest //= f.bounds[loop]
        if base >= extent:
            break
        places[_BASE, n] = base
        places[_ANCHOR, n] = base - back
        places[_LAST, n] = base - back + _last(f, d, k, base - back)
        places[_MANY, n] = 1
        n += 1
    return n


@kernel
def _count_up_to(f, d, k, limit):
    """How many places of the loops of ``d`` up to ``k`` have a base of at most ``limit``."""
    if limit < 0:
        return 0
    count = 0
    for loop in range(min(k + 1, f.child)):
        if f.structure.loop_dim[loop] == d and f.roles[loop] == TEMPORAL:
            digit = min(f.bounds[loop] - 1, limit // f.strides[loop])
            limit -= digit * f.strides[loop]
            count = count * f.bounds[loop] + digit
    return count + 1


@kernel
def _lacking(f, d, k):
    """Of a dimension the tensor lacks: groups with an active child, active children, groups active twice."""
    extent = f.structure.extents[d]
    groups, children, again = 0, 0, 0
    places = f.places[0]
    for i in range(_places(f, d, k, True, places)):
        base, last, many = places[_BASE, i], places[_LAST, i], places[_MANY, i]
        for s in range(f.n_offsets[d, 0]):
            split = f.offsets[d, 0, 0, s]
            if base + split >= extent:
                continue
            groups += many
            if last >= 0 and last + split < extent:
                again += many
            for u in range(f.n_offsets[d, 1]):
                if base + split + f.offsets[d, 1, 0, u] < extent:
                    children += many * f.offsets[d, 0, 1, s] * f.offsets[d, 1, 1, u]
    return groups, children, again


@kernel
def _own_words(f, d, k):
    """Along the output's dimension ``d``: words of every position, and of those whose chunk stays."""
    r = _own_rank(f, d)
    extent, coefficient = f.structure.extents[d], f.structure.rank_coefficients[r, 0]
    first, end, everything = _data(f, r)
    words, same = 0, 0
    places = f.places[0]
    for i in range(_places(f, d, k, everything, places)):
        for s in range(f.n_offsets[d, 0]):
            at = places[_BASE, i] + f.offsets[d, 0, 0, s]
            if at < extent:
                size = chunk_words(at, f.shape[d, 0], extent, coefficient, first, end) * f.offsets[d, 0, 1, s]
                words += size * places[_MANY, i]
                if places[_LAST, i] == places[_BASE, i]:
                    same += size * places[_MANY, i]
    return words, same


@kernel
def _last_active(f, d):
    """Of dimension ``d``: words, or groups where the output lacks it, that are active in the last step."""
    total = 0
    last = _last(f, d, -1, 0)
    for s in range(f.n_offsets[d, 0]):
        at = last + f.offsets[d, 0, 0, s]
        if at < f.structure.extents[d]:
            total += min(f.shape[d, 0], f.structure.extents[d] - at) if _own_rank(f, d) >= 0 else 1
    return total


@kernel
def _data(f, r):
    """The coordinates of rank ``r`` that count, as first and end, and whether that is all of them."""
    length = 1
    for j in range(2):
        if f.structure.rank_dims[r, j] >= 0:
            length += f.structure.rank_coefficients[r, j] * (
                f.structure.extents[f.structure.rank_dims[r, j]] - 1
            )
    if f.clip == 0:
        return 0, length, True
    first, end = f.structure.rank_data[r, 0], f.structure.rank_data[r, 1]
    return first, end, first <= 0 and end >= length


@kernel
def _rank_sums(f, r, k, sums):
    """The six sums of rank ``r`` at event ``k`` into ``sums``."""
    sums[:] = 0
    d1, d2 = f.structure.rank_dims[r, 0], f.structure.rank_dims[r, 1]
    first, end, everything = _data(f, r)
    n1 = _places(f, d1, k, everything, f.places[0])
    if d2 < 0:
        for i in range(n1):
            _line_sums(f, r, first, end, k, f.places[0, :, i], sums)
        return
    n2 = _places(f, d2, k, everything, f.places[1])
    for i in range(n1):
        for j in range(n2):
            _pair_sums(f, r, first, end, k, f.places[0, :, i], f.places[1, :, j], sums)


@kernel
def _line_sums(f, r, first, end, k, place, sums):
    """Add one place of a rank of one dimension, where chunks of positions are equal or disjoint."""
    d = f.structure.rank_dims[r, 0]
    extent = f.structure.extents[d]
    for s in range(f.n_offsets[d, 0]):
        for u in range(f.n_offsets[d, 1]):
            offset = f.offsets[d, 0, 0, s] + f.offsets[d, 1, 0, u]
            at = place[_BASE] + offset
            if at >= extent:
                continue
            words = chunk_words(at, f.shape[d, 0], extent, f.structure.rank_coefficients[r, 0], first, end)
            words *= place[_MANY]
            weight = f.offsets[d, 0, 1, s] * f.offsets[d, 1, 1, u]
            sums[_U] += words
            sums[_A] += words * weight
            if place[_ANCHOR] < 0:
                continue
            before = place[_ANCHOR] + offset
            same = before + _last(f, d, k, before) == at
            if same:
                sums[_K] += words
                sums[_AB] += words * weight
            if _in_union(f, d, place[_BASE] + f.offsets[d, 1, 0, u] - place[_LAST]):
                sums[_UH] += words
                sums[_KH] += words if same else 0


@kernel
def _in_union(f, d, value):
    """Whether ``value`` is an offset of the loops that share groups along dimension ``d``."""
    if value < 0:
        return False
    for loop in range(f.child):
        if f.structure.loop_dim[loop] == d and f.roles[loop] == UNION:
            value -= min(f.bounds[loop] - 1, value // f.strides[loop]) * f.strides[loop]
    return value == 0


@kernel
def _pair_sums(f, r, first, end, k, place1, place2, sums):
    """Add one pair of places of a rank of two dimensions: sets of ``a*i + b*j``, on bitmaps.

    Stamps: 0 the union, 1 needed by someone, 2 in someone's tile before, 3 this tile, 4 what it held.
    """
    d1, d2 = f.structure.rank_dims[r, 0], f.structure.rank_dims[r, 1]
    a, b = f.structure.rank_coefficients[r, 0], f.structure.rank_coefficients[r, 1]
    e1, e2 = f.structure.extents[d1], f.structure.extents[d2]
    w1, w2 = f.shape[d1, 0], f.shape[d2, 0]
    many = place1[_MANY] * place2[_MANY]
    moves = place1[_ANCHOR] >= 0
    still = moves and place1[_LAST] == place1[_BASE] and place2[_LAST] == place2[_BASE]
    for s1 in range(f.n_offsets[d1, 0]):
        for s2 in range(f.n_offsets[d2, 0]):
            f.epoch[0] += 1
            group = f.epoch[0]
            lowest, highest = end, first
            for u1 in range(f.n_offsets[d1, 1]):
                o1 = f.offsets[d1, 0, 0, s1] + f.offsets[d1, 1, 0, u1]
                b1 = place1[_BASE] + o1
                before1, last1 = place1[_ANCHOR] + o1, place1[_LAST] + o1
                held1 = before1 + _last(f, d1, k, before1) if moves and before1 < e1 else e1
                for u2 in range(f.n_offsets[d2, 1]):
                    o2 = f.offsets[d2, 0, 0, s2] + f.offsets[d2, 1, 0, u2]
                    b2 = place2[_BASE] + o2
                    if moves and not still and last1 < e1 and place2[_LAST] + o2 < e2:
                        stamp_tile(f.stamps[2], group, last1, w1, e1, a, place2[_LAST] + o2, w2, e2, b)
                    if b1 >= e1 or b2 >= e2:
                        continue
                    f.epoch[0] += 1
                    tile = f.epoch[0]
                    stamp_tile(f.stamps[3], tile, b1, w1, e1, a, b2, w2, e2, b)
                    if moves and not still:
                        before2 = place2[_ANCHOR] + o2
                        held2 = before2 + _last(f, d2, k, before2)
                        stamp_tile(f.stamps[4], tile, held1, w1, e1, a, held2, w2, e2, b)
                    low = max(first, a * b1 + b * b2)
                    high = min(end, a * (min(b1 + w1, e1) - 1) + b * (min(b2 + w2, e2) - 1) + 1)
                    lowest, highest = min(lowest, low), max(highest, high)
                    size, held = 0, 0
                    for x in range(low, high):
                        if f.stamps[3, x] == tile:
                            size += 1
                            f.stamps[0, x] = group
                            if still or f.stamps[4, x] == tile:
                                held += 1
                            else:
                                f.stamps[1, x] = group
                    weight = f.offsets[d1, 0, 1, s1] * f.offsets[d1, 1, 1, u1]
                    weight *= f.offsets[d2, 0, 1, s2] * f.offsets[d2, 1, 1, u2] * many
                    sums[_A] += weight * size
                    sums[_AB] += weight * held if moves else 0
            for x in range(lowest, highest):
                if f.stamps[0, x] == group:
                    sums[_U] += many
                    if moves:
                        kept = many if f.stamps[1, x] != group else 0
                        sums[_K] += kept
                        if still or f.stamps[2, x] == group:
                            sums[_UH] += many
                            sums[_KH] += kept
