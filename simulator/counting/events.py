"""One event of the closed form: where each dimension stands, and what that means for a rank.

At an event a dimension's loops outside it take every index, its own counts from one, those inside it are
zero; before it, those inside stood at the last index that is reached.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.counting.lowering import TEMPORAL, UNION, Ints, Structure
from simulator.counting.sets import MAX_PLACES, chunk_words, compare_tile, stamp_tile
from simulator.counting.wires import Wiring
from simulator.jit import lean_kernel

# Sums of a rank: words of the union, those of it that stay, words delivered, those that were held, words
# of the union that others of the group had, those of them that stay.
UNION_WORDS, KEPT, DELIVERED, HELD, SHARED, SHARED_KEPT = range(6)
# Rows of the places of a dimension: base, anchor one step of the event before, last reached, how many.
BASE, ANCHOR, LAST, MANY = range(4)
START = -1
# A literal would compile the kernels that it is given to once more.
MERGED = np.bool_(True)


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
    sums: Ints
    others: Ints
    settled: Ints
    wiring: Wiring


@lean_kernel
def own_rank(f, d):
    """The rank of the tensor in which dimension ``d`` sits, or -1."""
    for r in range(f.first_rank, f.end_rank):
        if f.structure.rank_dims[r, 0] == d or f.structure.rank_dims[r, 1] == d:
            return r
    return -1


@lean_kernel
def last_place(f, d, k, start):
    """The last place that loops of ``d`` inside ``k`` reach from ``start``, below the extent."""
    room = f.structure.extents[d] - 1 - start
    reached = 0
    for loop in range(k + 1, f.child):
        if f.structure.loop_dim[loop] == d and f.roles[loop] == TEMPORAL:
            reached += min(f.bounds[loop] - 1, (room - reached) // f.strides[loop]) * f.strides[loop]
    return reached


@lean_kernel
def places_at(f, d, k, merge, places):
    """Places of dimension ``d`` at event ``k``; loops outside k vary, k counts from 1, those inside are 0.

    ``merge`` folds every place that is complete into one, for sums that do not see where they stand.
    Where the others are more than there is room for, ``epoch[1]`` says so.
    """
    if k == START:
        places[BASE, 0], places[ANCHOR, 0], places[LAST, 0], places[MANY, 0] = 0, -1, -1, 1
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
            places[BASE, 0] = back
            places[ANCHOR, 0] = 0
            places[LAST, 0] = span
            places[MANY, 0] = complete
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
        if n == places.shape[1]:
            f.epoch[1] = 1
            break
        places[BASE, n] = base
        places[ANCHOR, n] = base - back
        places[LAST, n] = base - back + last_place(f, d, k, base - back)
        places[MANY, n] = 1
        n += 1
    return n


@lean_kernel
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


@lean_kernel
def lacking(f, d, k):
    """Of a dimension the tensor lacks: groups with an active child, active children, groups active twice."""
    extent = f.structure.extents[d]
    groups, children, again = 0, 0, 0
    places = f.places[0]
    for i in range(places_at(f, d, k, MERGED, places)):
        base, last, many = places[BASE, i], places[LAST, i], places[MANY, i]
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


@lean_kernel
def own_words(f, d, k):
    """Along the output's dimension ``d``: words of every position, and of those whose chunk stays."""
    extent = f.structure.extents[d]
    words, same = 0, 0
    places = f.places[0]
    for i in range(places_at(f, d, k, MERGED, places)):
        for s in range(f.n_offsets[d, 0]):
            at = places[BASE, i] + f.offsets[d, 0, 0, s]
            if at < extent:
                size = min(f.shape[d, 0], extent - at) * f.offsets[d, 0, 1, s]
                words += size * places[MANY, i]
                if places[LAST, i] == places[BASE, i]:
                    same += size * places[MANY, i]
    return words, same


@lean_kernel
def last_active(f, d):
    """Of dimension ``d``: words, or groups where the output lacks it, that are active in the last step."""
    total = 0
    last = last_place(f, d, np.int64(START), np.int64(0))
    for s in range(f.n_offsets[d, 0]):
        at = last + f.offsets[d, 0, 0, s]
        if at < f.structure.extents[d]:
            total += min(f.shape[d, 0], f.structure.extents[d] - at) if own_rank(f, d) >= 0 else 1
    return total


@lean_kernel
def data_range(f, r):
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


@lean_kernel
def rank_sums(f, r, k, sums):
    """The six sums of rank ``r`` at event ``k`` into ``sums``."""
    sums[:] = 0
    d1, d2 = f.structure.rank_dims[r, 0], f.structure.rank_dims[r, 1]
    first, end, everything = data_range(f, r)
    n1 = places_at(f, d1, k, everything, f.places[0])
    if d2 < 0:
        for i in range(n1):
            _line_sums(f, r, first, end, k, f.places[0, :, i], sums)
        return
    n2 = places_at(f, d2, k, everything, f.places[1])
    if n1 * n2 > MAX_PLACES:
        f.epoch[1] = 1
        return
    for i in range(n1):
        for j in range(n2):
            _pair_sums(f, r, first, end, k, f.places[0, :, i], f.places[1, :, j], sums)


@lean_kernel
def _line_sums(f, r, first, end, k, place, sums):
    """Add one place of a rank of one dimension, where chunks of positions are equal or disjoint."""
    d = f.structure.rank_dims[r, 0]
    extent = f.structure.extents[d]
    for s in range(f.n_offsets[d, 0]):
        for u in range(f.n_offsets[d, 1]):
            offset = f.offsets[d, 0, 0, s] + f.offsets[d, 1, 0, u]
            at = place[BASE] + offset
            if at >= extent:
                continue
            words = chunk_words(at, f.shape[d, 0], extent, f.structure.rank_coefficients[r, 0], first, end)
            words *= place[MANY]
            weight = f.offsets[d, 0, 1, s] * f.offsets[d, 1, 1, u]
            sums[UNION_WORDS] += words
            sums[DELIVERED] += words * weight
            if place[ANCHOR] < 0:
                continue
            before = place[ANCHOR] + offset
            same = before + last_place(f, d, k, before) == at
            if same:
                sums[KEPT] += words
                sums[HELD] += words * weight
            if in_union(f, d, place[BASE] + f.offsets[d, 1, 0, u] - place[LAST]):
                sums[SHARED] += words
                sums[SHARED_KEPT] += words if same else 0


@lean_kernel
def in_union(f, d, value):
    """Whether ``value`` is an offset of the loops that share groups along dimension ``d``."""
    if value < 0:
        return False
    for loop in range(f.child):
        if f.structure.loop_dim[loop] == d and f.roles[loop] == UNION:
            value -= min(f.bounds[loop] - 1, value // f.strides[loop]) * f.strides[loop]
    return value == 0


@lean_kernel
def _pair_sums(f, r, first, end, k, place1, place2, sums):
    """Add one pair of places of a rank of two dimensions: sets ``a*i + b*j`` on bitmaps (`compare_tile`)."""
    d1, d2 = f.structure.rank_dims[r, 0], f.structure.rank_dims[r, 1]
    a, b = f.structure.rank_coefficients[r, 0], f.structure.rank_coefficients[r, 1]
    e1, e2 = f.structure.extents[d1], f.structure.extents[d2]
    w1, w2 = f.shape[d1, 0], f.shape[d2, 0]
    many = place1[MANY] * place2[MANY]
    moves = place1[ANCHOR] >= 0
    still = moves and place1[LAST] == place1[BASE] and place2[LAST] == place2[BASE]
    for s1 in range(f.n_offsets[d1, 0]):
        for s2 in range(f.n_offsets[d2, 0]):
            f.epoch[0] += 1
            group = f.epoch[0]
            lowest, highest = end, first
            for u1 in range(f.n_offsets[d1, 1]):
                o1 = f.offsets[d1, 0, 0, s1] + f.offsets[d1, 1, 0, u1]
                b1 = place1[BASE] + o1
                before1, last1 = place1[ANCHOR] + o1, place1[LAST] + o1
                held1 = before1 + last_place(f, d1, k, before1) if moves and before1 < e1 else e1
                for u2 in range(f.n_offsets[d2, 1]):
                    o2 = f.offsets[d2, 0, 0, s2] + f.offsets[d2, 1, 0, u2]
                    b2 = place2[BASE] + o2
                    if moves and not still and last1 < e1 and place2[LAST] + o2 < e2:
                        stamp_tile(f.stamps[2], group, last1, w1, e1, a, place2[LAST] + o2, w2, e2, b)
                    if b1 >= e1 or b2 >= e2:
                        continue
                    f.epoch[0] += 1
                    tile = f.epoch[0]
                    stamp_tile(f.stamps[3], tile, b1, w1, e1, a, b2, w2, e2, b)
                    if moves and not still:
                        before2 = place2[ANCHOR] + o2
                        held2 = before2 + last_place(f, d2, k, before2)
                        stamp_tile(f.stamps[4], tile, held1, w1, e1, a, held2, w2, e2, b)
                    low = max(first, a * b1 + b * b2)
                    high = min(end, a * (min(b1 + w1, e1) - 1) + b * (min(b2 + w2, e2) - 1) + 1)
                    lowest, highest = min(lowest, low), max(highest, high)
                    size, held = compare_tile(f.stamps, tile, group, low, high, still)
                    weight = f.offsets[d1, 0, 1, s1] * f.offsets[d1, 1, 1, u1]
                    weight *= f.offsets[d2, 0, 1, s2] * f.offsets[d2, 1, 1, u2] * many
                    sums[DELIVERED] += weight * size
                    sums[HELD] += weight * held if moves else 0
            for x in range(lowest, highest):
                if f.stamps[0, x] == group:
                    sums[UNION_WORDS] += many
                    if moves:
                        kept = many if f.stamps[1, x] != group else 0
                        sums[KEPT] += kept
                        if still or f.stamps[2, x] == group:
                            sums[SHARED] += many
                            sums[SHARED_KEPT] += kept
