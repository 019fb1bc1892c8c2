"""One-dimensional sums of a rank of an operand: words of all its tiles, and of those that slide.

A rank has one or two dimensions (rows P + R). Its tile moves when a loop of either advances; loops inside
that one begin anew. Of a dimension with s places, g tiles one after the other inside each place and o
outside, the tile moves by

    +1, or s*g - (g - 1) where a loop outside the array advances: it advances
    0, -(x - 1) with x dividing g, or -(g - 1) - s*g*(y - 1) with y dividing o: a loop further out advances

and that is all that decides how many words are new.
"""

from __future__ import annotations

import numpy as np

from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mappers.optimal.lattice import Lattice

# What is said of a rank: extents, coefficients, range of coordinates that count.
EXTENT, OTHER_EXTENT, STEP, OTHER_STEP, LOW, HIGH = range(6)
# Sums: all words of the tiles of all steps, those of them that lie in padding; then, for each dimension as
# that of the innermost loop which changes the tensor's tile, shares of a tile's words that are new: ONE when
# it advances; when it begins anew after b iterations (see `kind`), as a loop of another dimension advances
# (APART) or one of the rank's own (WITHIN); and the most iterations.
KINDS = 5
FULL, LOST, ONE, APART, WITHIN, MOST = 0, 1, 2, 3, 3 + KINDS, 3 + 2 * KINDS
PER_DIMENSION = MOST + 1 - ONE
COLUMNS = 2 + 2 * PER_DIMENSION


def sums_of(lattice: Lattice, rank: Ints, dims: Ints, places: tuple[int, int], together: bool) -> Floats:
    """Return the sums (K1, K2, COLUMNS) of a rank for every size of its tiles, infinite where places do
    not divide.

    ``together`` counts a word once that several places take at the same time.
    """
    d1, d2 = dims
    out = np.empty((int(lattice.many[d1]), int(lattice.many[d2]) if d2 >= 0 else 1, COLUMNS))
    # As long as the rank with its padding.
    marks = np.zeros(int(rank[STEP] * rank[EXTENT] + rank[OTHER_STEP] * rank[OTHER_EXTENT]) + 1, np.int64)
    moves = np.zeros((4, int(lattice.many.max()) * 2 + 3), np.int64)
    _fill_sums(lattice, rank, d1, d2, places[0], places[1], int(together), marks, moves, out)
    return out


@lean_kernel
def _fill_sums(lattice, rank, d1, d2, s1, s2, together, marks, moves, out):
    for i1 in range(out.shape[0]):
        for i2 in range(out.shape[1]):
            w1 = lattice.size[d1, i1]
            w2 = lattice.size[d2, i2] if d2 >= 0 else 1
            n1, n2 = rank[EXTENT] // w1, rank[OTHER_EXTENT] // w2
            for k in range(COLUMNS):
                out[i1, i2, k] = 1.0
            out[i1, i2, FULL] = np.inf
            out[i1, i2, LOST] = 0.0
            if n1 % s1 or n2 % s2:
                continue
            # Without an array between them, loops outside and inside it are the same.
            apart = s1 * s2 > 1
            for g1 in range(1, (n1 // s1 if apart else 1) + 1):
                if (n1 // s1) % g1:
                    continue
                for g2 in range(1, (n2 // s2 if apart else 1) + 1):
                    if (n2 // s2) % g2 == 0:
                        _least_sums(rank, w1, w2, n1, n2, s1, s2, g1, g2, together, marks, moves, out[i1, i2])


@lean_kernel
def _least_sums(rank, w1, w2, n1, n2, s1, s2, g1, g2, together, marks, moves, least):
    """Lower the sums to those of places so many tiles apart."""
    steps = (n1 // s1) * (n2 // s2)
    words = _new(rank, w1, w2, s1, s2, g1, g2, 0, 0, True, together, marks)
    length = rank[STEP] * (rank[EXTENT] - 1) + rank[OTHER_STEP] * (rank[OTHER_EXTENT] - 1) + 1
    if rank[LOW] > 0 or rank[HIGH] < length:
        lost = _padding(rank, w1, w2, n1, n2, s1, s2, g1, g2, together, marks)
        least[LOST] = max(least[LOST], lost)
    whole = float(steps * words)
    # Shares are of the fewest words that places any distance apart take.
    least[FULL] = min(least[FULL], whole)
    for first in range(2):
        s, g, n = (s1, g1, n1) if first == 0 else (s2, g2, n2)
        trips = n // s
        # Where there are loops inside the places, the innermost is one of them.
        runs = g if g > 1 else trips
        if runs > 1 and not (g == 1 and (g2 if first == 0 else g1) > 1):
            _slide(
                rank,
                w1,
                w2,
                n1,
                n2,
                s1,
                s2,
                g1,
                g2,
                first,
                runs,
                steps / least[FULL],
                together,
                marks,
                moves,
                least,
            )


@lean_kernel
def _slide(rank, w1, w2, n1, n2, s1, s2, g1, g2, first, runs, unit, together, marks, moves, least):
    """Lower the shares of new words to those of one dimension that slides; a word is the share ``unit``."""
    at = 2 + first * PER_DIMENSION
    own_trips, own_s, own_g = (n1 // s1, s1, g1) if first == 0 else (n2 // s2, s2, g2)
    trips, s, g = (n2 // s2, s2, g2) if first == 0 else (n1 // s1, s1, g1)
    step = np.int64(1) if own_g > 1 else own_s
    one = _shift(rank, w1, w2, s1, s2, g1, g2, step, np.int64(0), first, together, marks) * unit
    least[at] = min(least[at], one)
    least[at + MOST - ONE] = max(least[at + MOST - ONE], float(runs))
    for b in range(2, runs + 1):
        if runs % b:
            continue
        place = at + APART - ONE + kind(b)
        own, other = _list_rests(own_trips, own_s, own_g, b, moves[0]), _list_rests(trips, s, g, 1, moves[1])
        for i in range(own):
            for j in range(other):
                new = (
                    _shift(rank, w1, w2, s1, s2, g1, g2, moves[0, i], moves[1, j], first, together, marks)
                    * unit
                )
                least[place] = min(least[place], new)
            for k in range(2):
                ahead = _advance(trips, s, g, k)
                if ahead:
                    new = (
                        _shift(rank, w1, w2, s1, s2, g1, g2, moves[0, i], ahead, first, together, marks)
                        * unit
                    )
                    least[place + KINDS] = min(least[place + KINDS], new)
        for k in range(2):
            ahead = _advance(own_trips, own_s, own_g, k)
            for j in range(other):
                # Where the other dimension stays it is the same loop, longer.
                if ahead and moves[1, j]:
                    new = (
                        _shift(rank, w1, w2, s1, s2, g1, g2, ahead, moves[1, j], first, together, marks)
                        * unit
                    )
                    least[place + KINDS] = min(least[place + KINDS], new)


@lean_kernel
def kind(iterations):
    """Which of the numbers of iterations that are told apart this is: 2, 3, 4 and 5, 6 to 8, more."""
    if iterations <= 3:
        return np.int64(iterations) - 2
    if iterations <= 5:
        return np.int64(2)
    return np.int64(3) if iterations <= 8 else np.int64(4)


@lean_kernel
def _advance(trips, s, g, k):
    """How far a tile moves when a loop of its dimension advances inside the array (0) or outside; 0: none."""
    if k == 0:
        return 1 if g > 1 else 0
    return s * g - (g - 1) if trips > g else 0


@lean_kernel
def _list_rests(trips, s, g, b, moves):
    """List how far a dimension's tile moves when a loop outside advances, its innermost loop being ``b``."""
    count = 0
    if b == 1:
        moves[0] = 0
        count = 1
    for x in range(max(2, b), g + 1):
        if g % x == 0 and (x % b == 0 or g == 1):
            moves[count] = -(x - 1)
            count += 1
    for y in range(2, trips // g + 1):
        if (trips // g) % y == 0 and (g > 1 or y % b == 0):
            moves[count] = -(g - 1) - s * g * (y - 1)
            count += 1
    if b > 1 and g > 1 and g % b == 0 and count == 0:
        moves[0] = -(g - 1)
        count = 1
    return count


@lean_kernel
def _shift(rank, w1, w2, s1, s2, g1, g2, own, other, first, together, marks):
    """New words where the sliding dimension moves by ``own`` tiles and the other one by ``other``."""
    if first == 0:
        return float(_new(rank, w1, w2, s1, s2, g1, g2, own, other, False, together, marks))
    return float(_new(rank, w1, w2, s1, s2, g1, g2, other, own, False, together, marks))


@lean_kernel
def _new(rank, w1, w2, s1, s2, g1, g2, move1, move2, all_, together, marks):
    """Words that the places need when all tiles move so far; ``all_`` where nothing is held."""
    a, b = rank[STEP], rank[OTHER_STEP]
    back = a * w1 * move1 + b * w2 * move2
    words, end = 0, 0
    for p1 in range(s1 if together else 1):
        for p2 in range(s2 if together else 1):
            base = a * p1 * g1 * w1 + b * p2 * g2 * w2
            for x in range(w1):
                for y in range(w2):
                    c = a * x + b * y
                    if not all_ and _reaches(a, b, w1, w2, c + back):
                        continue
                    if not marks[base + c]:
                        marks[base + c] = 1
                        words += 1
                        end = max(end, base + c + 1)
    for c in range(end):
        marks[c] = 0
    return words if together else words * s1 * s2


@lean_kernel
def _reaches(a, b, w1, w2, c):
    """Whether a tile of w1 x w2 has the coordinate ``c``, counted from its first."""
    if c < 0:
        return False
    for y in range(w2):
        x = c - b * y
        if x < 0:
            return False
        if x % a == 0 and x // a < w1:
            return True
    return False


@lean_kernel
def _padding(rank, w1, w2, n1, n2, s1, s2, g1, g2, together, marks):
    """Words of all steps' tiles that lie in padding."""
    a, b = rank[STEP], rank[OTHER_STEP]
    total = 0
    for i1 in range(0, n1, s1 * g1):
        for i2 in range(0, n2, s2 * g2):
            for j1 in range(i1, i1 + g1):
                for j2 in range(i2, i2 + g2):
                    start = a * j1 * w1 + b * j2 * w2
                    end = 0
                    for p1 in range(s1):
                        for p2 in range(s2):
                            base = a * p1 * g1 * w1 + b * p2 * g2 * w2
                            if not together:
                                for c in range(end):
                                    marks[c] = 0
                            for x in range(w1):
                                for y in range(w2):
                                    c = base + a * x + b * y
                                    if not marks[c]:
                                        marks[c] = 1
                                        end = max(end, c + 1)
                                        if not rank[LOW] <= start + c < rank[HIGH]:
                                            total += 1
                    for c in range(end):
                        marks[c] = 0
    return float(total)
