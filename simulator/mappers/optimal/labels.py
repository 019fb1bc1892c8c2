"""Partial mappings: chains of tiles from outside in, each cut where its bound passes a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mappers.optimal.rules import BOUND, HOIST, MATTERS, SINK
from simulator.mappers.optimal.tables import boundary_price, staying, tile_bits
from simulator.mappers.optimal.words import free_repeats

# Columns of a label before its tiles: the label it goes on from, the state of holders, the tensor held last
# (-1: none), whether the array is entered (-1: not; else the spread), nodes inside the array, the tensor that
# keeps its tile there while loops outside run (-1: none yet).
PARENT, STATE, LAST, SPREAD, INNER, STAYS, TILES = range(7)


class Labels(NamedTuple):
    """n partial mappings.

    rows (n, 6 + D), with the numbers of the sizes of the tiles inside the last node; gaps (n, G, D): the
    iterations of each dimension between nodes, the last gap first; costs (n,) of all boundaries that are
    known; used (n, P): bits of every pool; total (n,): costs and the bound of the rest.
    """

    rows: Ints
    gaps: Floats
    costs: Floats
    used: Floats
    total: Floats

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Ints) -> Labels:
        """Some of them, copied."""
        return Labels(
            self.rows[which], self.gaps[which], self.costs[which], self.used[which], self.total[which]
        )


class Scratch(NamedTuple):
    """Room for what a step needs: at, n, within (D,), gaps (G, D), words (4,), way (T, L), choice (T,)."""

    at: Ints
    n: Ints
    within: Ints
    gaps: Floats
    words: Floats
    way: Floats
    choice: Ints


def join(parts: Sequence[Labels]) -> Labels:
    """Put labels one after the other."""
    fields = [np.concatenate([part[i] for part in parts]) for i in range(len(Labels._fields))]
    return Labels(*fields)


def room(number: int, dims: int, pools: int, gaps: int) -> Labels:
    """Return labels to be filled."""
    return Labels(
        np.zeros((number, TILES + dims), np.int64), np.zeros((number, gaps, dims)), np.zeros(number),
        np.zeros((number, pools)), np.zeros(number),
    )  # fmt: skip


@lean_kernel
def extend(
    m, sums, start, p, q, holders, region, prices, table, threshold, rules, labels, first, offset, out,
    scratch, counts,
):  # fmt: skip
    """Hold one more tensor in every way whose bound is within the threshold, from label ``first`` on.

    Tiles are those of ``p``, inside the array those of ``q``; ``prices`` (T, L, L, n) and ``table`` (H, n)
    are those of `Tables`; ``offset`` is the number of the first label among all. Returns the label to go on
    from once ``out`` is full, and how many are in it. ``counts`` counts what is tried, and what capacity,
    bound and equal paths cut.
    """
    at = scratch.at
    capacity, found = len(out.costs), 0
    for label in range(first, len(labels.costs)):
        begin = found
        for d in range(len(at)):
            for g in range(1, len(scratch.gaps)):
                scratch.gaps[g, d] = labels.gaps[label, g - 1, d]
        state, last = labels.rows[label, STATE], labels.rows[label, LAST]
        for t in range(len(m.levels)):
            for b in range(1, m.levels[t]):
                target = holders.after[state, t, b]
                if target < 0 or m.inner[t, b] != region:
                    continue
                a = holders.held[state, t]
                for d in range(len(at)):
                    at[d] = labels.rows[label, TILES + d]
                while True:
                    # Inside the array a tensor may keep its tile while loops outside run, or another one.
                    for stays in range(2 if m.inner[t, b] and m.alone[0] else 1):
                        found = _try(
                            m, sums, start, p, q, holders, target, t, a, b, stays == 0, prices, table,
                            threshold, rules, labels, label, offset, out, found, scratch, counts,
                        )  # fmt: skip
                        if found == capacity:
                            return label, begin
                    if not _next_tiles(m, p, rules, labels, label, last, t, at):
                        break
    return len(labels.costs), found


@lean_kernel
def _next_tiles(m, p, rules, labels, label, last, t, at):
    """Go on to the next tiles of a tensor that lie inside those of a label; False after the last."""
    for d in range(len(at) - 1, -1, -1):
        whole = labels.rows[label, TILES + d]
        if m.lattice.many[d] > 1 and _opens(m, rules, last, t, d):
            i = at[d] + 1
            while i < m.lattice.many[d] and not (m.lattice.inside[d, whole, i] and p.back[d, i] >= 0):
                i += 1
            if i < m.lattice.many[d]:
                at[d] = i
                return True
        at[d] = whole
    return False


@lean_kernel
def _matters(m, rules, last, t, gaps, at_array):
    """Whether no other path counts the same: a node could stand on a gap's other side for nothing.

    If all of a gap's loops leave the tile below it as it is, that node can stand above them; if all of them
    divide the tile above it, which nothing overlaps, that node can stand below them.
    """
    if not rules[MATTERS]:
        return True
    loops, below, above = False, False, False
    for d in range(gaps.shape[1]):
        if gaps[0, d] > 1.0:
            loops = True
            below = below or m.relevant[t, d]
            above = above or last < 0 or not m.relevant[last, d] or m.halo[last, d]
    return not loops or ((below or at_array) and above)


@lean_kernel
def _opens(m, rules, last, t, d):
    """Whether loops of a dimension matter between the node held last and one of tensor ``t``."""
    if rules[HOIST] and not m.relevant[t, d]:
        return False
    return not (rules[SINK] and last >= 0 and m.relevant[last, d] and not m.halo[last, d])


@lean_kernel
def _try(
    m, sums, start, p, q, holders, target, t, a, b, stays, prices, table, threshold, rules, labels, label,
    offset, out, found, scratch, counts,
):  # fmt: skip
    """Add the label of these tiles, if they fit and the bound is within the threshold.

    ``stays``: the tensor keeps its tile as long as it can; otherwise another one does, if any.
    """
    at, n, gaps, words = scratch.at, scratch.n, scratch.gaps, scratch.words
    counts[0] += 1
    index = 0
    for d in range(len(at)):
        index = index * p.many[d] + p.back[d, at[d]]
    price = prices[t, a, b, index]
    if price == np.inf:
        counts[1] += 1
        return found
    for d in range(len(at)):
        n[d] = m.lattice.tiles[d, at[d]]
        gaps[0, d] = float(m.lattice.tiles[d, at[d]] // m.lattice.tiles[d, labels.rows[label, TILES + d]])
    # The gap above the first node inside the array is partly outside.
    at_array = m.inner[t, b] and not labels.rows[label, INNER]
    inside = labels.rows[label, INNER] + m.inner[t, b]
    if not _matters(m, rules, labels.rows[label, LAST], t, gaps, at_array):
        counts[3] += 1
        return found
    free = free_repeats(m, t, gaps, len(gaps), inside) if m.inner[t, b] else 1.0
    kept = labels.rows[label, STAYS]
    if m.alone[0] and free > 1.0:
        if stays and kept >= 0 and kept != t:
            return found
        kept = t if stays else kept
        free = free if stays else 1.0
    elif not stays:
        return found
    rest = table[target, index]
    spent = labels.costs[label]
    # First with what the tiles alone say; where the tensor stays, that is no bound.
    if free > 1.0 or spent + price + rest > threshold:
        rest = min(rest, _staying(m, p, q, holders, prices, table, target, index, inside, kept, scratch))
    low = spent + rest + (price if free == 1.0 else 0.0)
    total, cost = low, spent
    if low <= threshold or not rules[BOUND]:
        cost += boundary_price(m, sums, start, p, t, a, b, at, n, gaps, np.int64(len(gaps)), free, words)
        total = cost + rest
    # Without a way on at all there is nothing to search.
    if not (total <= threshold if rules[BOUND] else total < np.inf):
        counts[2] += 1
        return found
    bits = tile_bits(m, t, b, at)
    for pool in range(out.used.shape[1]):
        used = labels.used[label, pool]
        if pool == m.pools[t, b, 0] or pool == m.pools[t, b, 1]:
            used += bits
        if used > m.limits[pool]:
            counts[1] += 1
            return found
        out.used[found, pool] = used
    out.rows[found, PARENT], out.rows[found, STATE] = offset + label, target
    out.rows[found, LAST], out.rows[found, SPREAD] = t, labels.rows[label, SPREAD]
    out.rows[found, INNER], out.rows[found, STAYS] = inside, kept
    for d in range(len(at)):
        out.rows[found, TILES + d] = at[d]
        for g in range(len(gaps)):
            out.gaps[found, g, d] = gaps[g, d]
    out.costs[found], out.total[found] = cost, total
    return found + 1


@lean_kernel
def _staying(m, p, q, holders, prices, table, state, index, inside, kept, scratch):
    """The cheapest way on from tiles of ``p`` where tensors stay inside the array."""
    for d in range(len(scratch.at)):
        scratch.within[d] = q.size[d, p.back[d, scratch.at[d]]]
    return staying(
        m, q, holders, prices, table, state, index, scratch.within, scratch.gaps, inside, kept, scratch.way,
        scratch.choice,
    )  # fmt: skip


@lean_kernel
def enter(m, p, q, spread, holders, prices, table, threshold, rules, labels, offset, out, scratch, counts):
    """Enter the array with every label whose bound by ``table`` (H, n) is within the threshold.

    Tiles are those of ``p`` above the array, of ``q`` inside.
    """
    at, gaps, found = scratch.at, scratch.gaps, 0
    for label in range(len(labels.costs)):
        state = labels.rows[label, STATE]
        if not holders.leaves[state]:
            continue
        index = 0
        for d in range(len(at)):
            at[d] = labels.rows[label, TILES + d]
            index = index * p.many[d] + p.back[d, at[d]]
            for g in range(len(gaps)):
                gaps[g, d] = labels.gaps[label, g, d]
        counts[0] += 1
        inside, kept = np.int64(0), np.int64(-1)
        stays = _staying(m, p, q, holders, prices, table, state, index, inside, kept, scratch)
        total = labels.costs[label] + min(table[state, index], stays)
        if not (total <= threshold if rules[BOUND] else total < np.inf):
            counts[2] += 1
            continue
        out.rows[found, PARENT], out.rows[found, STATE] = offset + label, state
        out.rows[found, LAST], out.rows[found, SPREAD] = labels.rows[label, LAST], spread
        out.rows[found, INNER], out.rows[found, STAYS] = inside, kept
        for d in range(len(at)):
            out.rows[found, TILES + d] = q.size[d, p.back[d, at[d]]]
            for g in range(len(gaps)):
                out.gaps[found, g, d] = gaps[g, d]
        out.costs[found], out.total[found] = labels.costs[label], total
        for pool in range(out.used.shape[1]):
            out.used[found, pool] = labels.used[label, pool]
        found += 1
    return found
