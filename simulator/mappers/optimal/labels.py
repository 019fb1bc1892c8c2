"""Partial mappings: chains of tiles from outside in, each cut where its bound passes a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mappers.optimal.rules import BOUND, HOIST, MATTERS, SINK
from simulator.mappers.optimal.tables import boundary_price, fits_alone, tile_bits

# Columns of a label before its tiles: the label it goes on from, the state of holders, the tensor held last
# (-1: none), the spread (-1: still outside the array), nodes inside the array.
PARENT, STATE, LAST, SPREAD, INNER, TILES = range(6)


class Labels(NamedTuple):
    """n partial mappings.

    rows (n, 5 + D), with the numbers of the sizes of the tiles inside the last node; gaps (n, G, D): the
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
    m, sums, start, p, holders, region, bound, threshold, rules, labels, first, offset, out, at, n, gaps,
    words, counts,
):  # fmt: skip
    """Hold one more tensor in every way whose bound is within the threshold, from label ``first`` on.

    ``bound`` (H, N) are the cheapest completions; ``offset`` is the number of the first label among all.
    Returns the label to go on from once ``out`` is full, and how many are in it. ``counts`` (5,) counts
    what is tried, and what capacity, bound and equal paths cut.
    """
    dims, capacity, found = len(at), len(out.costs), 0
    for label in range(first, len(labels.costs)):
        begin = found
        state, last = labels.rows[label, STATE], labels.rows[label, LAST]
        for t in range(len(m.levels)):
            for b in range(1, m.levels[t]):
                target = holders.after[state, t, b]
                if target < 0 or m.inner[t, b] != region:
                    continue
                a = holders.held[state, t]
                for d in range(dims):
                    at[d] = labels.rows[label, TILES + d]
                while True:
                    found = _try(
                        m, sums, start, p, target, t, a, b, bound, threshold, rules, labels, label, offset,
                        out,                         found, at, n, gaps, words, counts,
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
    m, sums, start, p, target, t, a, b, bound, threshold, rules, labels, label, offset, out, found, at, n,
    gaps,     words, counts,
):  # fmt: skip
    """Add the label of these tiles, if they fit and the bound is within the threshold."""
    counts[0] += 1
    if not fits_alone(m, t, b, at):
        counts[1] += 1
        return found
    index = 0
    for d in range(len(at)):
        n[d] = m.lattice.tiles[d, at[d]]
        index = index * p.many[d] + p.back[d, at[d]]
        whole = labels.rows[label, TILES + d]
        gaps[0, d] = float(m.lattice.size[d, whole] // m.lattice.size[d, at[d]])
        for g in range(1, len(gaps)):
            gaps[g, d] = labels.gaps[label, g - 1, d]
    # The gap above the first node inside the array is partly outside.
    at_array = m.inner[t, b] and not labels.rows[label, INNER]
    inside = labels.rows[label, INNER] + 1 if m.inner[t, b] else np.int64(0)
    if not _matters(m, rules, labels.rows[label, LAST], t, gaps, at_array):
        counts[3] += 1
        return found
    cost = labels.costs[label] + boundary_price(
        m, sums, start, p, t, a, b, at, n, gaps, np.int64(len(gaps)), inside, words
    )
    total = cost + bound[target, index]
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
    out.rows[found, INNER] = labels.rows[label, INNER] + m.inner[t, b]
    for d in range(len(at)):
        out.rows[found, TILES + d] = at[d]
        for g in range(len(gaps)):
            out.gaps[found, g, d] = gaps[g, d]
    out.costs[found], out.total[found] = cost, total
    return found + 1


@lean_kernel
def enter(m, p, spread, bound, threshold, rules, holders, labels, offset, out, counts):
    """Spread every label over the array in one way, where its bound (H, n) is within the threshold."""
    dims, found = len(p.many), 0
    for label in range(len(labels.costs)):
        state = labels.rows[label, STATE]
        if not holders.leaves[state]:
            continue
        index = np.int64(0)
        for d in range(dims):
            size = m.lattice.size[d, labels.rows[label, TILES + d]]
            if size % p.total[d]:
                index = np.int64(-1)
                break
            index = index * p.many[d] + p.back[d, m.lattice.number[d, size // p.total[d]]]
        if index < 0:
            continue
        counts[0] += 1
        total = labels.costs[label] + bound[state, index]
        if not (total <= threshold if rules[BOUND] else total < np.inf):
            counts[2] += 1
            continue
        out.rows[found, PARENT], out.rows[found, STATE] = offset + label, state
        out.rows[found, LAST], out.rows[found, SPREAD] = labels.rows[label, LAST], spread
        for d in range(dims):
            size = m.lattice.size[d, labels.rows[label, TILES + d]] // p.total[d]
            out.rows[found, TILES + d] = m.lattice.number[d, size]
            for g in range(out.gaps.shape[1]):
                out.gaps[found, g, d] = labels.gaps[label, g, d]
        out.costs[found], out.total[found] = labels.costs[label], total
        for pool in range(out.used.shape[1]):
            out.used[found, pool] = labels.used[label, pool]
        found += 1
    return found
