"""The walk's tiles: what every position of a boundary holds, and what moves when its tile changes.

Positions are kept dimension by dimension: along each, a position is active or idle and holds a chunk,
whatever the other dimensions do. An idle position keeps what it holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.counting.events import DELIVERED, HELD, KEPT, SHARED, SHARED_KEPT, UNION_WORDS
from simulator.counting.lowering import (
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FIRST_READS,
    FORWARDABLE,
    FRESH,
    READS,
    REFILLS,
    TEMPORAL,
    Ints,
    Structure,
)
from simulator.counting.sets import chunk_words, compare_tile, stamp_tile
from simulator.jit import kernel


class Boundaries(NamedTuple):
    """The arrays of `Tiles` for every boundary at once, its index first; bitmaps are shared."""

    offsets: Ints
    n_offsets: Ints
    shape: Ints
    at: Ints
    held: Ints
    sums: Ints
    lacking: Ints
    stamps: Ints
    epoch: Ints


class Tiles(NamedTuple):
    """State of one boundary. ``at`` (D,) is the chunk of position zero at the step before, -1 at first;
    ``held`` (D, positions) what each position holds; ``sums`` (ranks, 6) and ``lacking`` (D, 3) the
    figures of the present step, kept for dimensions that stay."""

    structure: Structure
    child: int
    clip: int
    output: int
    roles: Ints
    first_rank: int
    end_rank: int
    offsets: Ints
    n_offsets: Ints
    shape: Ints
    at: Ints
    held: Ints
    sums: Ints
    lacking: Ints
    stamps: Ints
    epoch: Ints


@kernel
def advance(tiles, index, strides, here, delta):
    """Move the tiles of one boundary to the present step; the words moved go into ``delta``.

    ``here`` (D,) is scratch for the chunk of position zero now.
    """
    here[:] = 0
    for loop in range(tiles.child):
        if tiles.roles[loop] == TEMPORAL:
            here[tiles.structure.loop_dim[loop]] += index[loop] * strides[loop]
    begin = tiles.at[0] < 0
    any_moved = begin
    reads, kept, fills, stayed, others, others_kept = 1, 1, 1, 1, 1, 1
    for r in range(tiles.first_rank, tiles.end_rank):
        sums = tiles.sums[r - tiles.first_rank]
        d1, d2 = tiles.structure.rank_dims[r, 0], tiles.structure.rank_dims[r, 1]
        moved = here[d1] != tiles.at[d1] or (d2 >= 0 and here[d2] != tiles.at[d2])
        any_moved = any_moved or moved
        if moved:
            _compare(tiles, r, here, sums)
        reads *= sums[UNION_WORDS]
        fills *= sums[DELIVERED]
        kept *= sums[KEPT] if moved else sums[UNION_WORDS]
        stayed *= sums[HELD] if moved else sums[DELIVERED]
        others *= sums[SHARED] if moved else sums[UNION_WORDS]
        others_kept *= sums[SHARED_KEPT] if moved else sums[UNION_WORDS]
    groups, children, again = 1, 1, 1
    untouched = True  # every reduction loop above the child stands at zero
    for d in range(len(here)):
        if not owns(tiles, d):
            untouched = untouched and here[d] == 0
            if here[d] != tiles.at[d]:
                _activity(tiles, d, here[d], tiles.at[d])
            groups *= tiles.lacking[d, 0]
            children *= tiles.lacking[d, 1]
            again *= tiles.lacking[d, 2] if here[d] != tiles.at[d] else tiles.lacking[d, 0]
    delta[:] = 0
    if tiles.output:
        # A group takes its tile when its place changes, and drains it once, when the place changes again.
        if any_moved:
            delta[DRAINS] = fills * groups
            delta[CONTRIBUTED] = fills * children
            delta[FRESH if untouched else REFILLS] = fills * groups
    elif begin:
        delta[READS] = reads * groups
        delta[FILLS] = fills * children
        delta[FIRST_READS] = reads * groups
    else:
        delta[READS] = (reads - kept) * groups
        delta[FILLS] = (fills - stayed) * children
        delta[FORWARDABLE] = (others - others_kept) * again
    hold(tiles, here)


@kernel
def ask_all(tiles, base, dirty, product):
    """What MACs that hold nothing ask for in one step: all of it. Only dirty dimensions are looked at."""
    product[0], product[1] = 1, 1
    for r in range(tiles.first_rank, tiles.end_rank):
        sums = tiles.sums[r - tiles.first_rank]
        d1, d2 = tiles.structure.rank_dims[r, 0], tiles.structure.rank_dims[r, 1]
        if dirty[d1] or (d2 >= 0 and dirty[d2]):
            _compare(tiles, r, base, sums)
        product[0] *= sums[DELIVERED] if tiles.output else sums[UNION_WORDS]
        product[1] *= sums[DELIVERED]
    for d in range(len(base)):
        if not owns(tiles, d):
            if dirty[d]:
                _activity(tiles, d, base[d], np.int64(-1))
            product[0] *= tiles.lacking[d, 0]
            product[1] *= tiles.lacking[d, 1]


@kernel
def last_words(tiles, at):
    """Words that the places active in the last step drain; ``at`` (D,) is position zero's chunk then."""
    words = 1
    for d in range(len(at)):
        own = owns(tiles, d)
        total = 0
        for s in range(tiles.n_offsets[d, 0]):
            chunk = at[d] + tiles.offsets[d, 0, 0, s]
            if chunk < tiles.structure.extents[d]:
                total += min(tiles.shape[d, 0], tiles.structure.extents[d] - chunk) if own else 1
        words *= total
    return words


@kernel
def owns(tiles, d):
    """Whether dimension ``d`` sits in a rank of the tensor."""
    for r in range(tiles.first_rank, tiles.end_rank):
        if tiles.structure.rank_dims[r, 0] == d or tiles.structure.rank_dims[r, 1] == d:
            return True
    return False


@kernel
def hold(tiles, here):
    """Active positions of dimensions that moved now hold their present chunk; idle ones keep theirs."""
    for d in range(len(here)):
        if here[d] != tiles.at[d]:
            tiles.at[d] = here[d]
            n = tiles.n_offsets[d, 1]
            for s in range(tiles.n_offsets[d, 0]):
                for u in range(n):
                    chunk = here[d] + tiles.offsets[d, 0, 0, s] + tiles.offsets[d, 1, 0, u]
                    if chunk < tiles.structure.extents[d]:
                        tiles.held[d, s * n + u] = chunk


@kernel
def _activity(tiles, d, here, before):
    """Of a dimension the tensor lacks: groups with an active child, active children, groups active twice."""
    extent = tiles.structure.extents[d]
    groups, children, again = 0, 0, 0
    for s in range(tiles.n_offsets[d, 0]):
        split = tiles.offsets[d, 0, 0, s]
        if here + split < extent:
            groups += 1
            again += 1 if before >= 0 and before + split < extent else 0
            for u in range(tiles.n_offsets[d, 1]):
                if here + split + tiles.offsets[d, 1, 0, u] < extent:
                    children += tiles.offsets[d, 0, 1, s] * tiles.offsets[d, 1, 1, u]
    tiles.lacking[d, 0], tiles.lacking[d, 1], tiles.lacking[d, 2] = groups, children, again


@kernel
def _compare(tiles, r, here, sums):
    """Compare, along one rank, the tiles of all positions with what they hold; six sums."""
    sums[:] = 0
    a, b = tiles.structure.rank_coefficients[r, 0], tiles.structure.rank_coefficients[r, 1]
    d1, d2 = tiles.structure.rank_dims[r, 0], tiles.structure.rank_dims[r, 1]
    first, end = 0, a * (tiles.structure.extents[d1] - 1) + 1
    if d2 >= 0:
        end += b * (tiles.structure.extents[d2] - 1)
    if tiles.clip:
        first, end = tiles.structure.rank_data[r, 0], tiles.structure.rank_data[r, 1]
    if d2 < 0:
        _compare_line(tiles, d1, a, first, end, here[d1], sums)
        return
    for s1 in range(tiles.n_offsets[d1, 0]):
        for s2 in range(tiles.n_offsets[d2, 0]):
            _compare_group(tiles, d1, d2, a, b, first, end, here, s1, s2, sums)


@kernel
def _compare_line(tiles, d, a, first, end, here, sums):
    """A rank of one dimension: chunks of two positions are equal or disjoint."""
    extent, at = tiles.structure.extents[d], tiles.at[d]
    n = tiles.n_offsets[d, 1]
    for s in range(tiles.n_offsets[d, 0]):
        for u in range(n):
            chunk = here + tiles.offsets[d, 0, 0, s] + tiles.offsets[d, 1, 0, u]
            if chunk >= extent:
                continue
            words = chunk_words(chunk, tiles.shape[d, 0], extent, a, first, end)
            weight = tiles.offsets[d, 0, 1, s] * tiles.offsets[d, 1, 1, u]
            sums[UNION_WORDS] += words
            sums[DELIVERED] += words * weight
            if at < 0:
                continue
            kept = words if tiles.held[d, s * n + u] == chunk else 0
            sums[KEPT] += kept
            sums[HELD] += kept * weight
            for v in range(n):
                if at + tiles.offsets[d, 0, 0, s] + tiles.offsets[d, 1, 0, v] == chunk:
                    sums[SHARED] += words
                    sums[SHARED_KEPT] += kept
                    break


@kernel
def _compare_group(tiles, d1, d2, a, b, first, end, here, s1, s2, sums):
    """One group along a rank of two dimensions: sets of ``a*i + b*j``, on bitmaps (see `compare_tile`)."""
    e1, e2 = tiles.structure.extents[d1], tiles.structure.extents[d2]
    w1, w2 = tiles.shape[d1, 0], tiles.shape[d2, 0]
    at1, at2 = tiles.at[d1], tiles.at[d2]
    n1, n2 = tiles.n_offsets[d1, 1], tiles.n_offsets[d2, 1]
    tiles.epoch[0] += 1
    group = tiles.epoch[0]
    lowest, highest = end, first
    for u1 in range(n1):
        o1 = tiles.offsets[d1, 0, 0, s1] + tiles.offsets[d1, 1, 0, u1]
        for u2 in range(n2):
            o2 = tiles.offsets[d2, 0, 0, s2] + tiles.offsets[d2, 1, 0, u2]
            if at1 >= 0 and at1 + o1 < e1 and at2 + o2 < e2:
                stamp_tile(tiles.stamps[2], group, at1 + o1, w1, e1, a, at2 + o2, w2, e2, b)
            b1, b2 = here[d1] + o1, here[d2] + o2
            if b1 >= e1 or b2 >= e2:
                continue
            tiles.epoch[0] += 1
            tile = tiles.epoch[0]
            stamp_tile(tiles.stamps[3], tile, b1, w1, e1, a, b2, w2, e2, b)
            if at1 >= 0:
                held1, held2 = tiles.held[d1, s1 * n1 + u1], tiles.held[d2, s2 * n2 + u2]
                stamp_tile(tiles.stamps[4], tile, held1, w1, e1, a, held2, w2, e2, b)
            low = max(first, a * b1 + b * b2)
            high = min(end, a * (min(b1 + w1, e1) - 1) + b * (min(b2 + w2, e2) - 1) + 1)
            lowest, highest = min(lowest, low), max(highest, high)
            size, kept = compare_tile(tiles.stamps, tile, group, low, high, np.bool_(False))
            weight = tiles.offsets[d1, 0, 1, s1] * tiles.offsets[d1, 1, 1, u1]
            weight *= tiles.offsets[d2, 0, 1, s2] * tiles.offsets[d2, 1, 1, u2]
            sums[DELIVERED] += size * weight
            sums[HELD] += kept * weight
    for x in range(lowest, highest):
        if tiles.stamps[0, x] == group:
            sums[UNION_WORDS] += 1
            keep = 1 if tiles.stamps[1, x] != group else 0
            sums[KEPT] += keep
            if tiles.stamps[2, x] == group:
                sums[SHARED] += 1
                sums[SHARED_KEPT] += keep


@kernel
def make_boundaries(structure, asked, positions, length):
    """Room for the tiles of ``asked`` boundaries with up to ``positions`` places along a dimension."""
    dims = len(structure.extents)
    return Boundaries(
        np.zeros((asked, dims, 2, 2, positions), np.int64),
        np.zeros((asked, dims, 2), np.int64),
        np.zeros((asked, dims, 2), np.int64),
        np.full((asked, dims), -1, np.int64),
        np.full((asked, dims, positions), -1, np.int64),
        np.zeros((asked, len(structure.rank_dims), 6), np.int64),
        np.ones((asked, dims, 3), np.int64),
        np.zeros((5, length), np.int64),
        np.zeros(1, np.int64),
    )


@kernel
def tiles_of(b, structure, queries, q):
    """The tiles of query ``q`` among all boundaries ``b``."""
    t = queries.tensor[q]
    return Tiles(
        structure, queries.child[q], queries.clip[q], structure.is_output[t], queries.roles[q],
        structure.rank_start[t], structure.rank_start[t + 1],
        b.offsets[q], b.n_offsets[q], b.shape[q], b.at[q], b.held[q], b.sums[q], b.lacking[q],
        b.stamps, b.epoch,
    )  # fmt: skip
