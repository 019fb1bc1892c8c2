"""The closed form of hops on wires: at every event the classes of words, by who needs and who holds them."""

from __future__ import annotations

from simulator.counting.events import (
    ANCHOR,
    BASE,
    LAST,
    MANY,
    MERGED,
    START,
    data_range,
    in_union,
    last_place,
    own_rank,
    places_at,
)
from simulator.counting.lowering import TEMPORAL
from simulator.counting.sets import MAX_PLACES, chunk_words, in_tile
from simulator.counting.wires import (
    FULL,
    HELD,
    LINKED,
    SHARED,
    add_place,
    begin_factors,
    drive_words,
    end_class,
    end_factor,
)
from simulator.jit import lean_kernel


@lean_kernel
def count_wires(f, output):
    """Wires that the words of a boundary drive, of all events."""
    w, total = f.wiring, 0
    for k in range(START, f.child if f.holds else 0):
        if w.marks[FULL]:
            return 0
        if k >= 0 and f.roles[k] != TEMPORAL:
            continue
        # Without a latch nothing is held: one event with every loop outside it holds all steps.
        at = k if f.holds else f.child
        begin_factors(w)
        if not output:
            for r in range(f.first_rank, f.end_rank):
                _classify_rank(f, r, at)
                end_factor(w)
        for d in range(len(f.structure.extents)):
            if own_rank(f, d) < 0:
                _classify_lacking(f, d, at)
                end_factor(w)
            elif output:
                _classify_own(f, d, at)
                end_factor(w)
        total += drive_words(w, k == START)
    return total


@lean_kernel
def _classify_lacking(f, d, k):
    """Of a dimension the tensor lacks: the active places of every group."""
    extent, places, w = f.structure.extents[d], f.places[0], f.wiring
    for i in range(places_at(f, d, k, MERGED, places)):
        base, last = places[BASE, i], places[LAST, i]
        for s in range(f.n_offsets[d, 0]):
            split = f.offsets[d, 0, 0, s]
            if base + split >= extent:
                continue
            shared = w.marks[LINKED] and last >= 0 and last + split < extent
            flags = HELD | SHARED if shared else HELD
            for u in range(f.n_offsets[d, 1]):
                if base + split + f.offsets[d, 1, 0, u] < extent:
                    add_place(w, w.codes[d, 0, s] + w.codes[d, 1, u], flags)
            end_class(w, places[MANY, i])


@lean_kernel
def _classify_own(f, d, k):
    """Of the output's own dimension: words of every place, held where the chunk stays."""
    extent, places, w = f.structure.extents[d], f.places[0], f.wiring
    for i in range(places_at(f, d, k, MERGED, places)):
        flags = HELD if places[LAST, i] == places[BASE, i] else 0
        for s in range(f.n_offsets[d, 0]):
            at = places[BASE, i] + f.offsets[d, 0, 0, s]
            if at < extent:
                add_place(w, w.codes[d, 0, s], flags)
                end_class(w, min(f.shape[d, 0], extent - at) * places[MANY, i])


@lean_kernel
def _classify_rank(f, r, k):
    """Coordinates of rank ``r`` at event ``k``, by the places that need them."""
    d1, d2 = f.structure.rank_dims[r, 0], f.structure.rank_dims[r, 1]
    first, end, everything = data_range(f, r)
    n1 = places_at(f, d1, k, everything, f.places[0])
    if d2 < 0:
        for i in range(n1):
            _classify_line(f, r, first, end, k, f.places[0, :, i])
        return
    n2 = places_at(f, d2, k, everything, f.places[1])
    if n1 * n2 > MAX_PLACES:
        f.epoch[1] = 1
        return
    for i in range(n1):
        for j in range(n2):
            _classify_pair(f, r, first, end, k, f.places[0, :, i], f.places[1, :, j])


@lean_kernel
def _classify_line(f, r, first, end, k, place):
    """One place of a rank of one dimension, where chunks of positions are equal or disjoint."""
    d, w = f.structure.rank_dims[r, 0], f.wiring
    extent = f.structure.extents[d]
    for s in range(f.n_offsets[d, 0]):
        for u in range(f.n_offsets[d, 1]):
            offset = f.offsets[d, 0, 0, s] + f.offsets[d, 1, 0, u]
            at = place[BASE] + offset
            if at >= extent:
                continue
            words = chunk_words(at, f.shape[d, 0], extent, f.structure.rank_coefficients[r, 0], first, end)
            flags = 0
            if place[ANCHOR] >= 0:
                before = place[ANCHOR] + offset
                if before + last_place(f, d, k, before) == at:
                    flags |= HELD
                if w.marks[LINKED] and in_union(f, d, place[BASE] + f.offsets[d, 1, 0, u] - place[LAST]):
                    flags |= SHARED
            add_place(w, w.codes[d, 0, s] + w.codes[d, 1, u], flags)
            end_class(w, words * place[MANY])


@lean_kernel
def _classify_pair(f, r, first, end, k, place1, place2):
    """One pair of places of a rank of two dimensions, coordinate by coordinate of each group."""
    d1, d2, w = f.structure.rank_dims[r, 0], f.structure.rank_dims[r, 1], f.wiring
    a, b = f.structure.rank_coefficients[r, 0], f.structure.rank_coefficients[r, 1]
    e1, e2 = f.structure.extents[d1], f.structure.extents[d2]
    w1, w2 = f.shape[d1, 0], f.shape[d2, 0]
    many = place1[MANY] * place2[MANY]
    moves = place1[ANCHOR] >= 0
    still = moves and place1[LAST] == place1[BASE] and place2[LAST] == place2[BASE]
    for s1 in range(f.n_offsets[d1, 0]):
        for s2 in range(f.n_offsets[d2, 0]):
            o1, o2 = f.offsets[d1, 0, 0, s1], f.offsets[d2, 0, 0, s2]
            lowest = a * (place1[BASE] + o1) + b * (place2[BASE] + o2)
            longest = a * (f.shape[d1, 1] + w1 - 1) + b * (f.shape[d2, 1] + w2 - 1) + 1
            for x in range(max(first, lowest), min(end, lowest + longest)):
                shared = 0
                if w.marks[LINKED] and moves:
                    had = still or _someone_had(f, d1, d2, a, b, x, place1[LAST] + o1, place2[LAST] + o2)
                    shared = SHARED if had else 0
                for u1 in range(f.n_offsets[d1, 1]):
                    p1 = o1 + f.offsets[d1, 1, 0, u1]
                    b1 = place1[BASE] + p1
                    if b1 >= e1:
                        continue
                    before1 = place1[ANCHOR] + p1
                    held1 = before1 + last_place(f, d1, k, before1) if moves else e1
                    for u2 in range(f.n_offsets[d2, 1]):
                        p2 = o2 + f.offsets[d2, 1, 0, u2]
                        b2 = place2[BASE] + p2
                        if b2 >= e2 or not in_tile(x, b1, w1, e1, a, b2, w2, e2, b):
                            continue
                        flags = shared
                        if still:
                            flags |= HELD
                        elif moves:
                            before2 = place2[ANCHOR] + p2
                            held2 = before2 + last_place(f, d2, k, before2)
                            if in_tile(x, held1, w1, e1, a, held2, w2, e2, b):
                                flags |= HELD
                        cell = w.codes[d1, 0, s1] + w.codes[d1, 1, u1]
                        add_place(w, cell + w.codes[d2, 0, s2] + w.codes[d2, 1, u2], flags)
                end_class(w, many)


@lean_kernel
def _someone_had(f, d1, d2, a, b, x, at1, at2):
    """Whether a place of the group that stood at ``at1`` and ``at2`` had a coordinate."""
    e1, e2 = f.structure.extents[d1], f.structure.extents[d2]
    for u1 in range(f.n_offsets[d1, 1]):
        b1 = at1 + f.offsets[d1, 1, 0, u1]
        if b1 >= e1:
            continue
        for u2 in range(f.n_offsets[d2, 1]):
            b2 = at2 + f.offsets[d2, 1, 0, u2]
            if b2 < e2 and in_tile(x, b1, f.shape[d1, 0], e1, a, b2, f.shape[d2, 0], e2, b):
                return True
    return False
