"""Ranks of two dimensions (rows and columns of a convolution's inputs): sums per event, each worked out once.

A rank's sums at an event depend on little: the two dimensions' tiles, places and loops inside. They are
worked out coordinate by coordinate and remembered in a table of fixed size, under a key that says it all.
"""

from __future__ import annotations

import numpy as np

from simulator.batch.chains import reach
from simulator.batch.layout import EXTENT, SIZES
from simulator.batch.state import AT_START, CHAIN, SHAPE
from simulator.counting.lowering import SPLIT, ZERO, Ints
from simulator.counting.sets import compare_tile, stamp_tile
from simulator.jit import inlined, lean_kernel, woven

# Rows of the state, a column per dimension: what a dimension is above the child of a query (see `chains`),
# the kind of its places, the bound of its loop that moves at the event or 0, words that stay; groups and
# members of one that the tensor lacks. A column per pair: words of unions, and delivered, over all steps.
TILE, STEP, PLACES, SPAN, INSIDE, ROLE, OWN, STAYS, GROUPS, MEMBERS, READ, SENT = range(CHAIN, CHAIN + 12)
# Rows of the state, a column per pair: its dimensions and their coefficients; then, twice, a number that
# ranks alike share and the range of coordinates that count: with padding, and where it is left out.
PAIR_DIM, PAIR_OTHER, PAIR_COEFFICIENT, PAIR_OTHER_COEFFICIENT, PAIR_KIND, PAIR_FIRST, PAIR_END = range(
    SHAPE, SHAPE + 7
)
CLIPPED = 3
END_OF_PAIRS = PAIR_END + CLIPPED + 1
# A row of sums, after its key: words of unions, those of them that stay, words delivered, those held.
UNION, KEPT, DELIVERED, HELD = range(4, 8)
# Extents of paired dimensions, for keys to hold.
MOST = 2**20
# Rows of the scratch after five bitmaps; from each of the last two on the rows of a dimension's tiles: where
# the new and the held one begin, where each group begins among them, how many groups are like it.
COUNTER, FIRST_TILES, OTHER_TILES = 5, 6, 10
NEW, HOLDING, GROUP, ALIKE, LISTED = range(5)
_BITS = 21
# Coordinates that one integer has bits for.
_WORD = 62
_ENTRIES = 2**16


def memory() -> Ints:
    """Return an empty table of sums."""
    # No key is zero: tiles are at least 1. A row is a line of the cache, if it begins with one.
    room = np.zeros(8 * (_ENTRIES + 1), np.int64)
    first = -room.ctypes.data // room.itemsize % 8
    return room[first : first + 8 * _ENTRIES].reshape(_ENTRIES, 8)


def bitmaps(longest: int) -> Ints:
    """Return scratch for ranks of up to ``longest`` coordinates: bitmaps, a counter, lists of tiles."""
    return np.zeros((OTHER_TILES + LISTED, longest + 1), np.int64)


@woven
def find_sums(state, known, stamps, pair, clip):
    """The row of ``known`` with the sums of a pair as the state describes its dimensions."""
    d, e = state[PAIR_DIM, pair], state[PAIR_OTHER, pair]
    # Places follow from the span, but where only the first counts.
    roles = (state[ROLE, d] == SPLIT) | (state[ROLE, d] == ZERO) << 1
    roles |= (state[ROLE, e] == SPLIT) << 2 | (state[ROLE, e] == ZERO) << 3
    a0 = state[TILE, d] | state[STEP, d] << _BITS | state[SPAN, d] << (2 * _BITS)
    b0 = state[TILE, e] | state[STEP, e] << _BITS | state[SPAN, e] << (2 * _BITS)
    a1 = min(state[INSIDE, d], 2 * MOST - 1) | state[OWN, d] << _BITS | roles << (2 * _BITS)
    b1 = min(state[INSIDE, e], 2 * MOST - 1) | state[OWN, e] << _BITS
    b1 |= state[PAIR_KIND + CLIPPED * clip, pair] << (2 * _BITS)
    mixed = a0 * 0x2545F4914F6CDD1D + b0 * 0x1B8735939E3779B9
    mixed = (mixed ^ (mixed >> 29)) + a1 * 0x369DEA0F31A53F85 + b1 * 0x5851F42D4C957F2D
    mixed = (mixed ^ (mixed >> 32)) * 0x2545F4914F6CDD1D
    row = (mixed >> 40) & (known.shape[0] - 1)
    if known[row, 0] != a0 or known[row, 1] != a1 or known[row, 2] != b0 or known[row, 3] != b1:
        known[row, 0], known[row, 1], known[row, 2], known[row, 3] = a0, a1, b0, b1
        _work_out(state, known, row, stamps, pair, clip)
    return row


@lean_kernel
def _list_tiles(state, d, stamps, row, apart, low, high):
    """Tiles of a dimension at the event, group by group, into the rows of ``stamps`` from ``row`` on.

    Places that stand ``apart`` are groups of one. Of the groups that end at no extent and lie between
    ``low`` and ``high``, where no padding is, all move alike: the first stands for them. Return how many
    groups are listed.
    """
    extent, tile, step, span = state[EXTENT, d], state[TILE, d], state[STEP, d], state[SPAN, d]
    inside, own, start = state[INSIDE, d], state[OWN, d], state[SIZES, AT_START]
    inner = step // inside if inside < step else 1
    period = span if inside < step else max(inside, span)
    back = 0
    if own:
        back = inside if inside < step else period
    width = state[PLACES, d] * step
    groups, n, first_alike, end_alike = 0, 0, 0, 0
    for outer in range(0, extent, period):
        for i in range(inner):
            base = outer + i * inside
            number = i if inside < step else outer // period
            if base >= extent or (own and number % own == 0):
                continue
            alike = outer + period <= extent and base >= low and base + width - step + tile <= high
            if alike and end_alike:
                for group in range(first_alike, end_alike):
                    stamps[row + ALIKE, group] += 1
                continue
            first = groups
            for place in range(base, min(extent, base + width), step):
                if place == base or apart:
                    stamps[row + GROUP, groups] = n
                    stamps[row + ALIKE, groups] = 1
                    groups += 1
                stamps[row + NEW, n] = place
                if inside < start:
                    before = place - back
                    stamps[row + HOLDING, n] = before + reach(extent, tile, step, span, inside, before)
                n += 1
            if alike:
                first_alike, end_alike = first, groups
    stamps[row + GROUP, groups] = n
    return groups


@lean_kernel
def _work_out(state, known, row, stamps, pair, clip):
    """The sums of a pair, after the key of its row."""
    d, e = state[PAIR_DIM, pair], state[PAIR_OTHER, pair]
    a, b = state[PAIR_COEFFICIENT, pair], state[PAIR_OTHER_COEFFICIENT, pair]
    first, end = state[PAIR_FIRST + CLIPPED * clip, pair], state[PAIR_END + CLIPPED * clip, pair]
    # Below the second number all coordinates are data, whatever the other dimension's index.
    low1, high1 = -(-first // a), (end - 1 - b * (state[EXTENT, e] - 1)) // a + 1
    low2, high2 = -(-first // b), (end - 1 - a * (state[EXTENT, d] - 1)) // b + 1
    n1 = _list_tiles(state, d, stamps, np.int64(FIRST_TILES), state[ROLE, d] == SPLIT, low1, high1)
    n2 = _list_tiles(state, e, stamps, np.int64(OTHER_TILES), state[ROLE, e] == SPLIT, low2, high2)
    for column in range(UNION, HELD + 1):
        known[row, column] = 0
    in_words = state[PAIR_END, pair] <= _WORD
    for i in range(n1):
        for j in range(n2):
            if in_words:
                _add_words(state, known, row, stamps, pair, clip, i, j)
            else:
                _add_group(state, known, row, stamps, pair, clip, i, j)


@inlined
def _bits(start, many, step):
    """Bits from ``start`` on, ``many`` of them, ``step`` apart."""
    if step == 1:
        return ((1 << many) - 1) << start
    word = 0
    for i in range(many):
        word |= 1 << (start + i * step)
    return word


@lean_kernel
def _count_bits(word):
    word = word - ((word >> 1) & 0x5555555555555555)
    word = (word & 0x3333333333333333) + ((word >> 2) & 0x3333333333333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0F
    return ((word * 0x0101010101010101) >> 56) & 0x7F


@lean_kernel
def _tile_word(a, b, b1, n1, b2, n2):
    """The coordinates a*i + b*j of a tile as bits."""
    word = _bits(a * b1 + b * b2, n1, a)
    if a == 1 and b == 1:
        return ((1 << (n1 + n2 - 1)) - 1) << (b1 + b2)
    many = word
    for j in range(1, n2):
        many |= word << (b * j)
    return many


@lean_kernel
def _add_words(state, known, row, stamps, pair, clip, i, j):
    """Add groups of places that are alike; a rank's coordinates are few enough for bits of one integer."""
    d, e = state[PAIR_DIM, pair], state[PAIR_OTHER, pair]
    a, b = state[PAIR_COEFFICIENT, pair], state[PAIR_OTHER_COEFFICIENT, pair]
    e1, e2, w1, w2 = state[EXTENT, d], state[EXTENT, e], state[TILE, d], state[TILE, e]
    first, end = state[PAIR_FIRST + CLIPPED * clip, pair], state[PAIR_END + CLIPPED * clip, pair]
    data, moves = ((1 << (end - first)) - 1) << first, state[INSIDE, d] < state[SIZES, AT_START]
    union, needed = np.int64(0), np.int64(0)
    many = stamps[FIRST_TILES + ALIKE, i] * stamps[OTHER_TILES + ALIKE, j]
    for x in range(stamps[FIRST_TILES + GROUP, i], stamps[FIRST_TILES + GROUP, i + 1]):
        b1, held1 = stamps[FIRST_TILES + NEW, x], stamps[FIRST_TILES + HOLDING, x]
        for y in range(stamps[OTHER_TILES + GROUP, j], stamps[OTHER_TILES + GROUP, j + 1]):
            b2 = stamps[OTHER_TILES + NEW, y]
            new = _tile_word(a, b, b1, min(w1, e1 - b1), b2, min(w2, e2 - b2)) & data
            old = np.int64(0)
            if moves:
                held2 = stamps[OTHER_TILES + HOLDING, y]
                old = new & _tile_word(a, b, held1, min(w1, e1 - held1), held2, min(w2, e2 - held2))
            known[row, DELIVERED] += many * _count_bits(new)
            known[row, HELD] += many * _count_bits(old)
            union |= new
            needed |= new ^ old
    known[row, UNION] += many * _count_bits(union)
    known[row, KEPT] += many * _count_bits(union & ~needed)


@lean_kernel
def _add_group(state, known, row, stamps, pair, clip, i, j):
    """The same coordinate by coordinate."""
    d, e = state[PAIR_DIM, pair], state[PAIR_OTHER, pair]
    a, b = state[PAIR_COEFFICIENT, pair], state[PAIR_OTHER_COEFFICIENT, pair]
    e1, e2, w1, w2 = state[EXTENT, d], state[EXTENT, e], state[TILE, d], state[TILE, e]
    first, end = state[PAIR_FIRST + CLIPPED * clip, pair], state[PAIR_END + CLIPPED * clip, pair]
    moves = state[INSIDE, d] < state[SIZES, AT_START]
    stamps[COUNTER, 0] += 1
    group = stamps[COUNTER, 0]
    lowest, highest = end, first
    many = stamps[FIRST_TILES + ALIKE, i] * stamps[OTHER_TILES + ALIKE, j]
    for x in range(stamps[FIRST_TILES + GROUP, i], stamps[FIRST_TILES + GROUP, i + 1]):
        b1, held1 = stamps[FIRST_TILES + NEW, x], stamps[FIRST_TILES + HOLDING, x]
        for y in range(stamps[OTHER_TILES + GROUP, j], stamps[OTHER_TILES + GROUP, j + 1]):
            b2 = stamps[OTHER_TILES + NEW, y]
            stamps[COUNTER, 0] += 1
            tile = stamps[COUNTER, 0]
            stamp_tile(stamps[3], tile, b1, w1, e1, a, b2, w2, e2, b)
            if moves:
                stamp_tile(stamps[4], tile, held1, w1, e1, a, stamps[OTHER_TILES + HOLDING, y], w2, e2, b)
            low = max(first, a * b1 + b * b2)
            high = min(end, a * (min(b1 + w1, e1) - 1) + b * (min(b2 + w2, e2) - 1) + 1)
            lowest, highest = min(lowest, low), max(highest, high)
            size, held = compare_tile(stamps, tile, group, low, high, np.bool_(False))
            known[row, DELIVERED] += many * size
            known[row, HELD] += many * held
    for x in range(lowest, highest):
        if stamps[0, x] == group:
            known[row, UNION] += many
            known[row, KEPT] += many * (stamps[1, x] != group)
