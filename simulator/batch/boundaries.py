"""A query of one vector, fast: all steps at once, less what stays at each event.

Over all events and places what is wanted telescopes to a product over dimensions, so only words that stay
are left to subtract: of a tensor with ranks of one dimension none at its own loops, and seldom any
elsewhere. Where a mapping is unlike this (a dimension on two arrays, or on axes of different kinds; a
padded rank of one dimension; words passed sideways) the general closed form counts.
"""

from __future__ import annotations

import numpy as np

from simulator.batch import pairs
from simulator.batch.chains import (
    count_groups,
    count_members,
    count_words,
    last_base,
    result_words_kept,
    words_kept,
    words_moved,
)
from simulator.batch.layout import DIMS, EXTENT, SIZES, SLOT_AXIS
from simulator.batch.pairs import (
    DELIVERED,
    HELD,
    INSIDE,
    KEPT,
    OWN,
    PLACES,
    ROLE,
    SPAN,
    STAYS,
    STEP,
    TILE,
    UNION,
    find_sums,
)
from simulator.batch.shape import ALONE, END_PAIR, FIRST_PAIR, KIND, LACKING, PAIRED
from simulator.batch.state import AT_START, LOOP_BOUND, LOOP_DIM, LOOP_SLOT, LOOP_STRIDE
from simulator.batch.state import INSIDE as LOOPS_INSIDE
from simulator.counting.lowering import (
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FIRST_READS,
    FORWARDABLE,
    FRESH,
    LAST_DRAINS,
    READS,
    REFILLS,
    SPLIT,
    ZERO,
)
from simulator.jit import inlined, lean_kernel


@inlined
def _groups(state, d, inside):
    """Groups of a dimension that a tensor lacks: places that separate them count each."""
    if state[ROLE, d] == SPLIT:
        return _members(state, d, inside)
    # Most often nothing is outside: spare the divisions.
    if inside >= state[EXTENT, d] or (state[SPAN, d] >= state[EXTENT, d] and inside >= state[STEP, d]):
        return 1
    return count_groups(state[EXTENT, d], state[STEP, d], state[SPAN, d], inside)


@inlined
def _members(state, d, inside):
    if state[PLACES, d] == 1 and inside >= state[EXTENT, d]:
        return 1
    return count_members(state[EXTENT, d], state[STEP, d], state[PLACES, d], state[SPAN, d], inside)


@lean_kernel
def _many(state, d, inside):
    """Groups and members of a dimension that a tensor lacks."""
    groups = _groups(state, d, inside)
    return groups, groups if state[PLACES, d] == 1 else _members(state, d, inside)


@lean_kernel
def _moved(state, d, inside):
    """Words of a dimension in the tiles of all places at every base."""
    if inside == state[TILE, d] and state[ROLE, d] != ZERO:
        return state[EXTENT, d]
    return words_moved(
        state[EXTENT, d], state[TILE, d], state[STEP, d], state[PLACES, d], state[SPAN, d], inside
    )


@inlined
def _next_event(state, i, count):
    """The first temporal loop from ``i`` on."""
    while i < count and state[SLOT_AXIS, state[LOOP_SLOT, i]] >= 0:
        i += 1
    return i


@inlined
def _first_event(state, kind, child, count, holds):
    """The first temporal loop that moves a tensor; those before it leave its tile where it is."""
    i = _next_event(state, state[LOOPS_INSIDE, child], count) if holds else count
    while i < count and state[kind, state[LOOP_DIM, i]] == LACKING:
        state[INSIDE, state[LOOP_DIM, i]] = state[LOOP_STRIDE, i] * state[LOOP_BOUND, i]
        i = _next_event(state, i + 1, count)
    return i


@lean_kernel
def fast_operand(state, known, stamps, count, tensor, child, holds, clip, timed, answers, out):
    """Reads and fills of an operand, and first reads where ``timed``, into ``answers`` from ``out`` on."""
    dims, kind = state[SIZES, DIMS], KIND + tensor
    reads = 1
    for d in range(dims):
        if state[kind, d] == ALONE:
            state[STAYS, d] = _moved(state, d, state[INSIDE, d])
            reads *= state[STAYS, d]
    fills = reads
    for pair in range(state[FIRST_PAIR, tensor], state[END_PAIR, tensor]):
        row = find_sums(state, known, stamps, pair, clip)
        reads *= known[row, UNION]
        fills *= known[row, DELIVERED]
    i = _first_event(state, kind, child, count, holds)
    for d in range(dims):
        if state[kind, d] == LACKING:
            groups, members = _many(state, d, state[INSIDE, d])
            reads *= groups
            fills *= members
    moved = np.int64(0)
    while i < count:
        d, inside = state[LOOP_DIM, i], state[LOOP_STRIDE, i] * state[LOOP_BOUND, i]
        if state[kind, d] != ALONE:
            less_reads, less_fills = _kept(
                state, known, stamps, tensor, clip, d, inside, state[LOOP_BOUND, i], moved
            )
            reads -= less_reads
            fills -= less_fills
        state[INSIDE, d] = inside
        moved |= 1 << d
        if state[kind, d] == ALONE:
            state[STAYS, d] = words_kept(
                state[EXTENT, d], state[TILE, d], state[STEP, d], state[PLACES, d], state[SPAN, d], inside
            )
            # Loops further out find less of it in place.
            if state[STAYS, d] == 0:
                break
        i = _next_event(state, i + 1, count)
    answers[out + READS] = reads
    answers[out + FILLS] = fills
    answers[out + FORWARDABLE] = 0
    if timed:
        answers[out + FIRST_READS] = _first_reads(state, known, stamps, tensor, clip) if holds else 0


@lean_kernel
def _kept(state, known, stamps, tensor, clip, own, inside, bound, moved):
    """Words that stay when a loop of dimension ``own`` moves: of what is read, of what is delivered."""
    reads, fills = 1, 1
    for d in range(state[SIZES, DIMS]):
        if state[KIND + tensor, d] == ALONE:
            reads *= state[STAYS, d]
            fills *= state[STAYS, d]
        elif state[KIND + tensor, d] == LACKING:
            groups, members = _many(state, d, state[INSIDE, d])
            if d == own:
                less_groups, less_members = _many(state, d, inside)
                groups -= less_groups
                members -= less_members
            reads *= groups
            fills *= members
    if reads == 0 and fills == 0:
        return reads, fills
    for pair in range(state[FIRST_PAIR, tensor], state[END_PAIR, tensor]):
        mine = state[KIND + tensor, own] == PAIRED + pair
        still = (moved >> state[pairs.PAIR_DIM, pair] | moved >> state[pairs.PAIR_OTHER, pair]) & 1 == 0
        state[OWN, own] = bound if mine else 0
        row = find_sums(state, known, stamps, pair, clip)
        state[OWN, own] = 0
        reads *= known[row, UNION] if still and not mine else known[row, KEPT]
        fills *= known[row, DELIVERED] if still and not mine else known[row, HELD]
        if reads == 0 and fills == 0:
            break
    return reads, fills


@lean_kernel
def _first_reads(state, known, stamps, tensor, clip):
    """Words of the first tiles; leaves the state at the start of the walk."""
    reads, start = 1, state[SIZES, AT_START]
    for d in range(state[SIZES, DIMS]):
        state[INSIDE, d] = start
        if state[KIND + tensor, d] == ALONE:
            reads *= _first_words(state, d)
        elif state[KIND + tensor, d] == LACKING:
            reads *= _groups(state, d, start)
    for pair in range(state[FIRST_PAIR, tensor], state[END_PAIR, tensor]):
        reads *= _first_of_pair(state, known, stamps, pair, clip)
    return reads


@inlined
def _first_words(state, d):
    """Words of a dimension in the first tiles of all its places."""
    if state[STEP, d] == state[TILE, d] and state[ROLE, d] != ZERO:
        return min(state[SPAN, d], state[EXTENT, d])
    return words_moved(
        state[EXTENT, d], state[TILE, d], state[STEP, d], state[PLACES, d], state[SPAN, d], state[INSIDE, d]
    )


@inlined
def _first_of_pair(state, known, stamps, pair, clip):
    """Words of a pair in the first tiles: one run of coordinates, or looked up."""
    d, e = state[pairs.PAIR_DIM, pair], state[pairs.PAIR_OTHER, pair]
    a, b = state[pairs.PAIR_COEFFICIENT, pair], state[pairs.PAIR_OTHER_COEFFICIENT, pair]
    shared = state[ROLE, d] != SPLIT and state[ROLE, e] != SPLIT and state[ROLE, d] != ZERO
    if (
        a == 1
        and b == 1
        and shared
        and state[ROLE, e] != ZERO
        and state[STEP, d] == state[TILE, d]
        and state[STEP, e] == state[TILE, e]
    ):
        length = min(state[SPAN, d], state[EXTENT, d]) + min(state[SPAN, e], state[EXTENT, e]) - 1
        end = min(length, state[pairs.PAIR_END + pairs.CLIPPED * clip, pair])
        return max(0, end - state[pairs.PAIR_FIRST + pairs.CLIPPED * clip, pair])
    return known[find_sums(state, known, stamps, pair, clip), UNION]


@lean_kernel
def fast_output(state, count, tensor, child, holds, timed, answers, out):
    """Drains and contributed words of the output, and what times need where ``timed``, into ``answers``."""
    dims, kind = state[SIZES, DIMS], KIND + tensor
    words = 1
    for d in range(dims):
        if state[kind, d] != LACKING:
            state[STAYS, d] = _moved(state, d, state[INSIDE, d])
            words *= state[STAYS, d]
    i = _first_event(state, kind, child, count, holds)
    drains, contributed = words, words
    for d in range(dims):
        if state[kind, d] == LACKING:
            groups, members = _many(state, d, state[INSIDE, d])
            drains *= groups
            contributed *= members
    while i < count:
        d, inside = state[LOOP_DIM, i], state[LOOP_STRIDE, i] * state[LOOP_BOUND, i]
        if state[kind, d] == LACKING:
            groups, members = _going_on(state, kind, d, inside)
            drains -= groups
            contributed -= members
        state[INSIDE, d] = inside
        if state[kind, d] != LACKING:
            state[STAYS, d] = result_words_kept(
                state[EXTENT, d], state[TILE, d], state[STEP, d], state[PLACES, d], state[SPAN, d], inside
            )
            if state[STAYS, d] == 0:
                break
        i = _next_event(state, i + 1, count)
    answers[out + DRAINS] = drains
    answers[out + CONTRIBUTED] = contributed
    if timed:
        fresh, last = words, 1
        for d in range(dims):
            if state[kind, d] == LACKING:
                fresh *= _groups(state, d, state[SIZES, AT_START])
            last *= _last_active(state, kind, d)
        answers[out + LAST_DRAINS] = last
        answers[out + FRESH] = fresh
        answers[out + REFILLS] = drains - fresh


@lean_kernel
def _going_on(state, kind, own, inside):
    """Words that groups go on accumulating when a reduction loop moves: as drains, as contributions."""
    words, members = 1, 1
    for d in range(state[SIZES, DIMS]):
        if state[kind, d] != LACKING:
            words *= state[STAYS, d]
            members *= state[STAYS, d]
            continue
        groups, many = _many(state, d, state[INSIDE, d])
        if d == own:
            less_groups, less_many = _many(state, d, inside)
            groups -= less_groups
            many -= less_many
        words *= groups
        members *= many
    return words, members


@inlined
def _last_active(state, kind, d):
    """Words of a dimension in the last step, or groups where the output lacks it."""
    extent, step, places = state[EXTENT, d], state[STEP, d], state[PLACES, d]
    if state[SPAN, d] >= extent and step == state[TILE, d] and state[ROLE, d] < 0:
        return extent if state[kind, d] != LACKING else 1
    rest = extent - last_base(extent, state[TILE, d], step, state[SPAN, d])
    if state[kind, d] != LACKING:
        return count_words(rest, rest, places, step, state[TILE, d])
    return min(places, (rest + step - 1) // step) if state[ROLE, d] == SPLIT else 1
