"""The fewest words that a boundary moves, given some of the bounds of a mapping."""

from __future__ import annotations

import math

from simulator.jit import lean_kernel, woven
from simulator.mappers.pruned.facts import (
    APART,
    DIVIDES,
    FIRST,
    HIGH,
    LACKS,
    LOW,
    OF,
    OTHER_APART,
    OTHER_STEP,
    SECOND,
    STEP,
    SUMS,
)
from simulator.mapspaces.chains import DIM

# Places of dimensions within a slot, in the key of a step.
KEYS = 16


@woven
def repeats(facts, t, key, first):
    """How often all loops that a tensor lacks, outside a loop, let everything inside it run at least.

    ``key`` says which loop. Spatial loops before slot ``first`` run their own too. Argument: the loops of a
    dimension that are not counted cover so many of its indices at most as their bounds multiply to, and no
    more than the capacities of levels outside them let a tile have; every index must be covered.
    """
    runs = 1.0
    for d in range(len(facts.extents)):
        if facts.role[t, d] == LACKS and facts.extents[d] > 1:
            covered = 1.0
            for k in range(facts.steps_of[d, 0], facts.steps_of[d, 1]):
                if facts.keys[k] >= (first * KEYS if facts.spatial[k] else key):
                    covered *= facts.high[k]
                covered = min(covered, facts.room[k])
            covered = min(covered, float(facts.extents[d]))
            runs *= math.ceil(facts.extents[d] / covered)
    return runs


@woven
def tensor_words(facts, t, clip):
    """Words of a whole tensor."""
    words = facts.whole[t, clip]
    for r in range(len(facts.ranks)):
        if facts.ranks[r, OF] == t:
            words *= facts.both[r, clip]
    return words


@woven
def swept_words(facts, depth, t, clip, key, first):
    """Words of all tiles inside a loop, once each, at least; loops of dimensions not chosen count as one.

    Argument: tiles of one dimension do not overlap, so they hold the whole tensor. Of a rank of two, a tile's
    words grow ever slower with either size, so that any cut of the rank into tiles up to a size has no fewer
    words than its share of the largest tile. Tiles with gaps between their indices count as if sums met as
    often as they may. Of tiles without padding the sums are known where they are cut evenly.
    """
    words = facts.whole[t, clip]
    for r in range(len(facts.ranks)):
        if facts.ranks[r, OF] == t:
            words *= _rank_words(facts, depth, r, clip, key, first)
    return words


@woven
def _rank_words(facts, depth, r, clip, key, first):
    whole = facts.both[r, clip]
    inner = facts.inner[0]
    # Where a loop inside the array comes before, tiles of its instances stand apart.
    if key >= inner * KEYS:
        return whole
    d, e = facts.ranks[r, FIRST], facts.ranks[r, SECOND]
    wide, gaps, even = _tile(facts, depth, d, key, first)
    high, other_gaps, other_even = _tile(facts, depth, e, key, first)
    if clip and facts.both[r, 1] != facts.both[r, 0]:
        if even and other_even and first <= inner:
            return max(whole, _sums(facts, r, wide, high))
        return whole
    apart, other_apart = facts.ranks[r, APART], facts.ranks[r, OTHER_APART]
    if gaps or other_gaps:
        apart, other_apart = 1, 1
    tile = float(wide * high - max(0, wide - apart) * max(0, high - other_apart))
    return max(whole, tile * facts.extents[d] / wide * facts.extents[e] / high)


@woven
def _tile(facts, depth, d, key, first):
    """A dimension's largest tile inside a loop, whether it may have gaps, and whether all are cut evenly.

    Without the spatial loops before slot ``first``.
    """
    tile, temporal, apart, outside = 1.0, False, False, 0
    for k in range(facts.steps_of[d, 0], facts.steps_of[d, 1]):
        if facts.spatial[k]:
            if facts.keys[k] >= first * KEYS:
                tile *= facts.high[k]
            else:
                apart = apart or facts.high[k] > 1.0
        elif facts.keys[k] >= key:
            tile *= facts.high[k]
            temporal = temporal or (apart and facts.high[k] > 1.0)
        elif facts.high[k] > 1.0:
            outside += 1
    chosen = facts.steps_of[d, 1] <= depth
    return min(int(min(tile, 2.0**31)), facts.extents[d]), temporal, chosen and outside <= 1


@lean_kernel
def _sums(facts, r, wide, high):
    """Words of all tiles of a rank without padding, cut evenly; worked out once for every size."""
    d, e = facts.extents[facts.ranks[r, FIRST]], facts.extents[facts.ranks[r, SECOND]]
    place = facts.ranks[r, SUMS] + (wide - 1) * e + high - 1
    if not facts.sums[place]:
        step, other_step = facts.ranks[r, STEP], facts.ranks[r, OTHER_STEP]
        low, end = facts.ranks[r, LOW], facts.ranks[r, HIGH]
        words, last = 0, len(facts.stamps) - 1
        for i in range(0, d, wide):
            for j in range(0, e, high):
                facts.stamps[last] += 1
                for a in range(i, min(d, i + wide)):
                    for b in range(j, min(e, j + high)):
                        at = step * a + other_step * b
                        if low <= at < end and facts.stamps[at] != facts.stamps[last]:
                            facts.stamps[at] = facts.stamps[last]
                            words += 1
        facts.sums[place] = words
    return float(facts.sums[place])


@woven
def lasting(facts, plan, state, t, k, clip):
    """The share of a tensor's words that a loop of its own replaces whenever it runs, at least.

    Argument: a loop over two tiles or more replaces each before it comes again, so nothing of it is held when
    the loop starts anew. Only in the last run of a loop that does not divide its dimension may there be
    places with one tile alone, which keep it.
    """
    d, stride = plan.steps[k, DIM], state.inside[k]
    extent = facts.extents[d]
    block = stride * state.at[k]
    rest = extent - (extent + block - 1) // block * block + block
    lone = rest if rest <= stride else max(0, 2 * stride - rest)
    return max(0.0, 1.0 - lone / (facts.least[t, d] if clip else float(extent)))


@woven
def fewest(facts, plan, state, depth, t, parent, child, clip):
    """The fewest words read for a boundary, delivered to all instances, and read for one parent.

    Argument: at least every word once. If a loop of the tensor's own, whose tiles do not overlap, stands
    above the child, everything inside it is fetched again whenever a loop outside it goes on: the child holds
    another tile then (`lasting`). If tiles overlap, a single child has at most one tile when the loop starts
    anew. Of all loops the innermost shows most, but for those that replace a larger share.
    """
    whole, inner = tensor_words(facts, t, clip), facts.inner[0]
    single = child <= inner
    shared = 1.0 if single else repeats(facts, t, 0, child)
    read = whole if parent <= inner else whole * repeats(facts, t, 0, parent)
    delivered, alone = whole * shared, whole
    innermost, most = -1, 0.0
    for again in range(2):
        for k in range(depth):
            d, key = plan.steps[k, DIM], facts.keys[k]
            if facts.role[t, d] == LACKS or state.at[k] <= 1 or facts.spatial[k] or key >= child * KEYS:
                continue
            if not again:
                if facts.role[t, d] == DIVIDES and key > innermost:
                    innermost, most = key, lasting(facts, plan, state, t, k, clip)
                continue
            if facts.role[t, d] == DIVIDES:
                share = lasting(facts, plan, state, t, k, clip)
                if key < innermost and share <= most:
                    continue
                runs = repeats(facts, t, key, parent)
                swept = swept_words(facts, depth, t, clip, key, parent)
                read = max(read, share * runs * swept + (1.0 - share) * whole)
                if not single:
                    swept = swept_words(facts, depth, t, clip, key, child) * repeats(facts, t, key, child)
                    delivered = max(delivered, share * swept + (1.0 - share) * whole * shared)
                if parent > inner:
                    runs = repeats(facts, t, key, 0)
                alone = max(alone, (share * runs + 1.0 - share) * whole)
            elif single and innermost < key:
                new = max(0.0, whole - _held(facts, t, child))
                read = max(read, whole + (repeats(facts, t, key, parent) - 1.0) * new)
    return read, max(delivered, read), alone


@woven
def _held(facts, t, child):
    """The most words of a tile that a child outside all arrays holds."""
    words = 1.0
    for d in range(len(facts.extents)):
        if facts.role[t, d] == DIVIDES:
            wide, _, _ = _tile(facts, 0, d, child * KEYS, 0)
            words *= wide
    for r in range(len(facts.ranks)):
        if facts.ranks[r, OF] == t:
            wide, _, _ = _tile(facts, 0, facts.ranks[r, FIRST], child * KEYS, 0)
            high, _, _ = _tile(facts, 0, facts.ranks[r, SECOND], child * KEYS, 0)
            overlap = max(0, wide - facts.ranks[r, APART]) * max(0, high - facts.ranks[r, OTHER_APART])
            words *= float(wide * high - overlap)
    return words
