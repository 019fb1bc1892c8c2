"""The walk's hops on wires: every step in which tiles move, by what every place holds then."""

from __future__ import annotations

import numpy as np

from simulator.counting.lowering import COLUMNS, DRAINS, READS, Ints, Nest, Query, lower_queries
from simulator.counting.sets import chunk_words, in_tile, kernel_sizes, position_offsets
from simulator.counting.tiles import hold, make_boundaries, owns, tiles_of
from simulator.counting.wires import (
    FULL,
    HELD,
    LINKED,
    SHARED,
    Wiring,
    add_place,
    begin_factors,
    drive_words,
    end_class,
    end_factor,
    lay_wires,
    with_room,
)
from simulator.jit import kernel, run_interruptibly

# Steps that are remembered, times what each depends on; numbers for them.
_MEMORY, _KEYS = 2**20, 2**40 - 1
_IDLE = 2**40


def walk_wires(nest: Nest, query: Query) -> Ints:
    """Return the counts (COLUMNS,) of a query of wires by walking its steps.

    Raises
    ------
    ProblemError
        For an array with more places, or words with more classes, than there is memory for.
    """
    asked = lower_queries(nest, [query])
    _, positions, length = kernel_sizes(nest.structure, nest.bounds[None, :], asked)
    spatial = np.array(nest.spatial, np.bool_)

    def count(wiring: Wiring) -> Ints:
        counted = np.zeros(COLUMNS, np.int64)
        where = nest.structure, nest.bounds, spatial, asked, positions, length, wiring
        counted[DRAINS if query.boundary.output else READS] = run_interruptibly(_walk_wires, *where)
        return counted

    return with_room(nest, query, count)


@kernel
def _walk_wires(structure, bounds, spatial, queries, positions, length, w):
    """Run the odometer over the temporal loops above the child; return the wires that all words drive."""
    child, holds, dims = queries.child[0], queries.holds[0], len(structure.extents)
    strides, inside = np.zeros(len(bounds), np.int64), np.ones(dims, np.int64)
    for loop in range(len(bounds) - 1, -1, -1):
        strides[loop] = inside[structure.loop_dim[loop]]
        inside[structure.loop_dim[loop]] *= bounds[loop]
    b = make_boundaries(structure, 1, positions, length)
    position_offsets(structure, bounds, strides, queries, 0, b.offsets[0], b.n_offsets[0], b.shape[0])
    tiles = tiles_of(b, structure, queries, 0)
    lay_wires(structure, bounds, queries, 0, w)
    index, here = np.zeros(len(bounds), np.int64), np.zeros(dims, np.int64)
    length = 2 * dims
    for d in range(dims):
        length += tiles.n_offsets[d, 0] * tiles.n_offsets[d, 1]
    kept = max(1, _MEMORY // length)
    state, states, found = (
        np.zeros(length, np.int64),
        np.full((kept, length), -2, np.int64),
        np.zeros(kept, np.int64),
    )
    total = 0
    while not w.marks[FULL]:
        slot = _describe(tiles, here, holds, state) % kept
        same = True
        for i in range(length):
            same = same and states[slot, i] == state[i]
        if not same:
            found[slot] = _drive_step(tiles, here, w, tiles.at[0] < 0 or not holds)
            for i in range(length):
                states[slot, i] = state[i]
        total += found[slot]
        hold(tiles, here)
        k = child - 1
        while k >= 0:
            if not spatial[k]:
                d = structure.loop_dim[k]
                index[k] += 1
                here[d] += strides[k]
                if index[k] < bounds[k] and here[d] < structure.extents[d]:
                    break
                here[d] -= index[k] * strides[k]
                index[k] = 0
            k -= 1
        if k < 0:
            break
    return total


@kernel
def _describe(tiles, here, holds, state):
    """Write down all that a step's wires depend on; return a number for it, not negative.

    Of dimensions whose tiles are all complete, and no padding left out, that is not where they stand.
    """
    i, key = 0, 0
    for d in range(len(here)):
        extent, chunk, at = tiles.structure.extents[d], tiles.shape[d, 0], tiles.at[d]
        n = tiles.n_offsets[d, 1]
        complete = not tiles.clip and max(here[d], at) + tiles.shape[d, 1] + chunk <= extent
        first = i
        i += 2
        for s in range(tiles.n_offsets[d, 0]):
            for u in range(n):
                place = here[d] + tiles.offsets[d, 0, 0, s] + tiles.offsets[d, 1, 0, u]
                held = tiles.held[d, s * n + u] if holds else place
                complete = complete and held + chunk <= extent
                state[i] = held - place if place < extent else _IDLE
                i += 1
        state[first], state[first + 1] = -1 if complete else here[d], at - here[d] if at >= 0 else _IDLE
    for i in range(len(state)):
        key = (key * 1_000_003 + state[i]) & _KEYS
    return key ^ (key >> 20)


@kernel
def _drive_step(tiles, here, w, fresh):
    """Wires that the words of one step drive."""
    begin_factors(w)
    if not tiles.output:
        for r in range(tiles.first_rank, tiles.end_rank):
            if tiles.structure.rank_dims[r, 1] < 0:
                _classify_line(tiles, r, here, w)
            else:
                _classify_pair(tiles, r, here, w)
            end_factor(w)
    for d in range(len(here)):
        if not owns(tiles, d):
            _classify_lacking(tiles, d, here, w)
            end_factor(w)
        elif tiles.output:
            _classify_own(tiles, d, here, w)
            end_factor(w)
    return drive_words(w, fresh)


@kernel
def _classify_lacking(tiles, d, here, w):
    """Active places of every group; the group was at work before if its first place was."""
    extent = tiles.structure.extents[d]
    for s in range(tiles.n_offsets[d, 0]):
        split = tiles.offsets[d, 0, 0, s]
        flags = HELD | SHARED if w.marks[LINKED] and tiles.at[d] + split < extent else HELD
        for u in range(tiles.n_offsets[d, 1]):
            if here[d] + split + tiles.offsets[d, 1, 0, u] < extent:
                add_place(w, w.codes[d, 0, s] + w.codes[d, 1, u], flags)
        end_class(w, 1)


@kernel
def _classify_own(tiles, d, here, w):
    """Words of every place of the output's own dimension; all stay, or none."""
    extent = tiles.structure.extents[d]
    for s in range(tiles.n_offsets[d, 0]):
        chunk = here[d] + tiles.offsets[d, 0, 0, s]
        if chunk < extent:
            add_place(w, w.codes[d, 0, s], HELD if here[d] == tiles.at[d] else 0)
            end_class(w, min(tiles.shape[d, 0], extent - chunk))


@kernel
def _span(tiles, r):
    """The coordinates of a rank that count, as first and end."""
    if tiles.clip:
        return tiles.structure.rank_data[r, 0], tiles.structure.rank_data[r, 1]
    end = 1
    for j in range(2):
        d = tiles.structure.rank_dims[r, j]
        if d >= 0:
            end += tiles.structure.rank_coefficients[r, j] * (tiles.structure.extents[d] - 1)
    return 0, end


@kernel
def _classify_line(tiles, r, here, w):
    """Chunks of a rank of one dimension: two are equal or disjoint."""
    d, a = tiles.structure.rank_dims[r, 0], tiles.structure.rank_coefficients[r, 0]
    extent, n = tiles.structure.extents[d], tiles.n_offsets[d, 1]
    first, end = _span(tiles, r)
    for s in range(tiles.n_offsets[d, 0]):
        split = tiles.offsets[d, 0, 0, s]
        for u in range(n):
            chunk = here[d] + split + tiles.offsets[d, 1, 0, u]
            if chunk >= extent:
                continue
            flags = HELD if tiles.held[d, s * n + u] == chunk else 0
            for v in range(n):
                before = tiles.at[d] + split + tiles.offsets[d, 1, 0, v]
                if w.marks[LINKED] and tiles.at[d] >= 0 and before == chunk:
                    flags |= SHARED
            add_place(w, w.codes[d, 0, s] + w.codes[d, 1, u], flags)
            end_class(w, chunk_words(chunk, tiles.shape[d, 0], extent, a, first, end))


@kernel
def _classify_pair(tiles, r, here, w):
    """Coordinates of a rank of two dimensions, one by one for each group."""
    d1, d2 = tiles.structure.rank_dims[r, 0], tiles.structure.rank_dims[r, 1]
    a, b = tiles.structure.rank_coefficients[r, 0], tiles.structure.rank_coefficients[r, 1]
    e1, e2 = tiles.structure.extents[d1], tiles.structure.extents[d2]
    w1, w2 = tiles.shape[d1, 0], tiles.shape[d2, 0]
    n1, n2 = tiles.n_offsets[d1, 1], tiles.n_offsets[d2, 1]
    first, end = _span(tiles, r)
    for s1 in range(tiles.n_offsets[d1, 0]):
        for s2 in range(tiles.n_offsets[d2, 0]):
            o1, o2 = tiles.offsets[d1, 0, 0, s1], tiles.offsets[d2, 0, 0, s2]
            lowest = a * (here[d1] + o1) + b * (here[d2] + o2)
            longest = a * (tiles.shape[d1, 1] + w1 - 1) + b * (tiles.shape[d2, 1] + w2 - 1) + 1
            for x in range(max(first, lowest), min(end, lowest + longest)):
                shared = 0
                for u1 in range(n1 if w.marks[LINKED] else 0):
                    p1 = tiles.at[d1] + o1 + tiles.offsets[d1, 1, 0, u1]
                    for u2 in range(n2):
                        p2 = tiles.at[d2] + o2 + tiles.offsets[d2, 1, 0, u2]
                        stood = tiles.at[d1] >= 0 and p1 < e1 and p2 < e2
                        if stood and in_tile(x, p1, w1, e1, a, p2, w2, e2, b):
                            shared = SHARED
                for u1 in range(n1):
                    b1 = here[d1] + o1 + tiles.offsets[d1, 1, 0, u1]
                    held1 = tiles.held[d1, s1 * n1 + u1]
                    for u2 in range(n2):
                        b2 = here[d2] + o2 + tiles.offsets[d2, 1, 0, u2]
                        held2 = tiles.held[d2, s2 * n2 + u2]
                        if b1 < e1 and b2 < e2 and in_tile(x, b1, w1, e1, a, b2, w2, e2, b):
                            cell = w.codes[d1, 0, s1] + w.codes[d1, 1, u1]
                            cell += w.codes[d2, 0, s2] + w.codes[d2, 1, u2]
                            had = held1 >= 0 and held2 >= 0 and in_tile(
                                x, held1, w1, e1, a, held2, w2, e2, b
                            )  # fmt: skip
                            add_place(w, cell, HELD | shared if had else shared)
                end_class(w, 1)
