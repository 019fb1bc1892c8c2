"""One dimension above a child: how often its loops run, and how much of what they reach stays.

Above the child stand outer temporal loops, then places on an array, then inner temporal loops. With the
loops inside an event at zero, ``inside`` is the product of the child's tile and of their bounds:

    extent   of the dimension          tile      what the child holds of it
    step     between places, a product of the tile and the inner loops        places   how many
    span     of all places, step * places

Below ``step`` an inner loop moves, so bases are j*span + i*inside; from there on outer ones, j*inside.
Loops inside an event reach every multiple of the tile that they have room for, since bounds nest.
"""

from __future__ import annotations

import numpy as np

from simulator.jit import lean_kernel

# Past every extent: no loop outside, so the start of the walk.
START = 2**40


@lean_kernel
def count_places(extent, period, inner, step):
    """How many j*period + i*step with i < inner lie below the extent; inner * step is at most the period."""
    last = (extent - 1) // period
    return last * inner + min(inner, (extent - last * period + step - 1) // step)


@lean_kernel
def count_words(extent, period, inner, step, tile):
    """Words of chunks of ``tile`` at j*period + i*step, i < inner, below the extent."""
    last = (extent - 1) // period
    rest = extent - last * period
    full = min(inner, rest // step)
    words = (last * inner + full) * tile
    return words + min(tile, rest - full * step) if full < inner else words


@lean_kernel
def count_groups(extent, step, span, inside):
    """Bases whose first place is active."""
    if inside < step:
        return count_places(extent, span, step // inside, inside)
    return (extent - 1) // max(inside, span) + 1


@lean_kernel
def count_members(extent, step, places, span, inside):
    """Active places at every base, for ``places`` of the span (all of them, or the first alone)."""
    if inside < step:
        if places * step == span:
            return (extent - 1) // inside + 1
        return count_places(extent, span, step // inside, inside)
    return count_places(extent, max(inside, span), places, step)


@lean_kernel
def words_moved(extent, tile, step, places, span, inside):
    """Words in the tiles of all places at every base."""
    if inside < step:
        if places * step == span:
            return count_words(extent, inside, np.int64(1), inside, tile)
        return count_words(extent, span, step // inside, inside, tile)
    return count_words(extent, max(inside, span), places, step, tile)


@lean_kernel
def words_kept(extent, tile, step, places, span, inside):
    """Of the words moved those whose place holds them: the loops inside have no room to leave them."""
    if span == tile:
        rest = extent - (extent - 1) // inside * inside
        return rest if rest <= tile else 0
    period = max(inside, span)
    inner, apart = places, step
    if inside < step:
        period, inner, apart = span, step // inside, inside
        if places * step == span:
            period, inner, apart = inside, 1, inside
    rest = extent - (extent - 1) // period * period
    if step > tile:
        # The innermost loop moves by a tile: only a last, ragged chunk stays.
        last = (rest - 1) // apart
        return rest - last * apart if last < inner and rest - last * apart <= tile else 0
    # Loops outside the array alone: places stay that the next span would put past the extent.
    first = max(0, -((span - rest) // apart))
    full = min(inner, rest // apart)
    words = max(0, full - first) * tile
    return words + min(tile, rest - full * apart) if first <= full < inner else words


@lean_kernel
def result_words_kept(extent, tile, step, places, span, inside):
    """The same for groups of an output, which keep their tile while its first place does."""
    if span == tile:
        return words_kept(extent, tile, step, places, span, inside)
    if inside < step:
        rest = extent - (extent - 1) // span * span
        last = (rest - 1) // inside
        left = rest - last * inside
        return left if last < step // inside and left <= tile else 0
    period = max(inside, span)
    rest = extent - (extent - 1) // period * period
    if rest > (tile if step > tile else span):
        return 0
    return count_words(rest, rest, places, step, tile)


@lean_kernel
def reach(extent, tile, step, span, inside, start):
    """How far past ``start`` the loops inside an event get, in multiples of the tile."""
    room = extent - 1 - start
    if inside < step:
        return min(inside // tile - 1, room // tile) * tile
    outer = min(max(inside, span) // span - 1, room // span) * span
    return outer + min(step // tile - 1, (room - outer) // tile) * tile


@lean_kernel
def last_base(extent, tile, step, span):
    """The last base that the first place reaches."""
    outer = (extent - 1) // span * span
    return outer + min(step // tile - 1, (extent - 1 - outer) // tile) * tile
