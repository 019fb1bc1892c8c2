"""A query of one vector, fast: all steps at once, less what stays at each event.

Over all events and places what is wanted telescopes to a product over dimensions, so only words that stay
are left to subtract: of a tensor with ranks of one dimension none at its own loops, and seldom any
elsewhere. Where a mapping is unlike this (a dimension on two arrays, or on axes of different kinds; a
padded rank of one dimension; words passed sideways) the general closed form counts.
"""

from __future__ import annotations

from simulator.batch import pairs, program
from simulator.batch.chains import (
    count_groups,
    count_members,
    count_words,
    last_base,
    result_words_kept,
    words_kept,
    words_moved,
)
from simulator.batch.layout import EXTENT, SIZES, SLOT_AXIS
from simulator.batch.pairs import (
    DELIVERED,
    GROUPS,
    HELD,
    INSIDE,
    KEPT,
    MEMBERS,
    OWN,
    PLACES,
    READ,
    ROLE,
    SENT,
    SPAN,
    STAYS,
    STEP,
    TILE,
    UNION,
    find_sums,
)
from simulator.batch.shape import (
    ALONE,
    END_PAIR,
    FIRST_PAIR,
    KIND,
    LACKING,
    LONERS,
    LONERS_WORDS,
    MANY_LONERS,
    MANY_OTHERS,
    OTHERS,
    OWN_DIMS,
    PAIRED,
    describe,
    lies,
)
from simulator.batch.state import AT_START, DIMS_OF_SLOT, LOOP_BOUND, LOOP_DIM, LOOP_SLOT, LOOP_STRIDE, TILES
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
from simulator.jit import inlined, lean_kernel, woven


@woven
def _many(state, code, roles, d, child, inside):
    """Groups and members of a dimension that a tensor lacks, with the loops inside an event at zero.

    Places that separate groups count each.
    """
    extent = state[EXTENT, d]
    tile, step, places, span, role = lies(state, code, roles, d, child)
    if span == tile:
        groups = (extent - 1) // inside + 1
        members = groups
    else:
        members = count_members(extent, step, places, span, inside)
        groups = members if role == SPLIT else count_groups(extent, step, span, inside)
    state[GROUPS, d] = groups
    state[MEMBERS, d] = members
    return groups, members


@lean_kernel
def _moved(state, d):
    """Words of a dimension in the tiles of all places at every base."""
    if state[ROLE, d] != ZERO:
        return state[EXTENT, d]
    return words_moved(
        state[EXTENT, d], state[TILE, d], state[STEP, d], state[PLACES, d], state[SPAN, d], state[TILE, d]
    )


@inlined
def _loners_words(state, code, query, tensor, child):
    """Words of the ranks of one dimension in all tiles."""
    if code[query + program.SHARED]:
        return state[LONERS_WORDS, tensor]
    words = 1
    for n in range(state[MANY_LONERS, tensor]):
        d = state[LONERS + tensor, n]
        describe(state, code, query + program.ROLES, d, child)
        words *= _moved(state, d)
    return words


@inlined
def _many_others(state, code, query, tensor, child, base, moved):
    """Groups and members of the dimensions a tensor lacks.

    Loops inside position ``base`` are inside the event, and the next loop of the dimensions ``moved``.
    """
    groups, members = 1, 1
    for n in range(state[MANY_OTHERS, tensor]):
        d = state[OTHERS + tensor, n]
        inside = state[TILES + base - ((moved >> d) & 1), d]
        more, many = _many(state, code, query + program.ROLES, d, child, inside)
        groups *= more
        members *= many
    return groups, members


@inlined
def _next_event(state, i, count):
    """The first temporal loop from ``i`` on."""
    while i < count and state[SLOT_AXIS, state[LOOP_SLOT, i]] >= 0:
        i += 1
    return i


@inlined
def _first_event(state, tensor, child, count, holds):
    """The first temporal loop that moves a tensor; those before it leave its tile where it is.

    Return it, the position inside its slot, and the dimensions of the loops of its slot before it, as bits.
    """
    if not holds:
        return count, child, 0
    own, position = state[OWN_DIMS, tensor], child - 1
    while position >= 0 and (state[SLOT_AXIS, position] >= 0 or not state[DIMS_OF_SLOT, position] & own):
        position -= 1
    if position < 0:
        return count, 0, 0
    i, moved = state[LOOPS_INSIDE, position + 1], 0
    while not (own >> state[LOOP_DIM, i]) & 1:
        moved |= 1 << state[LOOP_DIM, i]
        i += 1
    return i, position + 1, moved


@inlined
def fast_operand(state, code, b, query, known, stamps, count, tensor, child, answers, lane, out):
    """Reads and fills of an operand, and what times need, into a lane of ``answers`` from ``out`` on."""
    roles, clip, holds = query + program.ROLES, code[b + program.CLIPS], code[b + program.HOLDS]
    i, base, moved = _first_event(state, tensor, child, count, holds)
    loners = _loners_words(state, code, query, tensor, child)
    groups, members = _many_others(state, code, query, tensor, child, base, moved)
    reads, fills = loners * groups, loners * members
    for pair in range(state[FIRST_PAIR, tensor], state[END_PAIR, tensor]):
        describe(state, code, roles, state[pairs.PAIR_DIM, pair], child)
        describe(state, code, roles, state[pairs.PAIR_OTHER, pair], child)
        row = find_sums(state, known, stamps, pair, clip)
        state[READ, pair] = known[row, UNION]
        state[SENT, pair] = known[row, DELIVERED]
        reads *= known[row, UNION]
        fills *= known[row, DELIVERED]
    if i < count:
        less_reads, less_fills = _kept(
            state, code, roles, known, stamps, i, count, tensor, child, clip, loners
        )
        reads -= less_reads
        fills -= less_fills
    answers[out + READS, lane] = reads
    answers[out + FILLS, lane] = fills
    answers[out + FORWARDABLE, lane] = 0
    if code[query + program.TIMED]:
        first = _first_reads(state, code, query, known, stamps, tensor, child, clip) if holds else 0
        answers[out + FIRST_READS, lane] = first


@inlined
def _kept(state, code, roles, known, stamps, i, count, tensor, child, clip, loners):
    """Words that stay when loops from ``i`` on move: of what is read, of what is delivered."""
    reads, fills, moved = 0, 0, 0
    while i < count:
        d, bound = state[LOOP_DIM, i], state[LOOP_BOUND, i]
        inside, kind = state[LOOP_STRIDE, i] * bound, state[KIND + tensor, d]
        if kind == ALONE:
            tile, step, places, span, _ = lies(state, code, roles, d, child)
            kept = words_kept(state[EXTENT, d], tile, step, places, span, inside)
            # Loops further out find less of it in place.
            if kept == 0:
                break
            describe(state, code, roles, d, child)
            loners = loners // (state[STAYS, d] if (moved >> d) & 1 else _moved(state, d)) * kept
            state[STAYS, d] = kept
        else:
            groups, members = _others_at(state, code, roles, tensor, d, child, inside)
            if groups or members:
                union, held = _pairs_at(state, known, stamps, tensor, clip, d, bound, moved)
                reads += loners * groups * union
                fills += loners * members * held
            state[INSIDE, d] = inside
        moved |= 1 << d
        i = _next_event(state, i + 1, count)
    return reads, fills


@inlined
def _others_at(state, code, roles, tensor, own, child, inside):
    """Groups and members when a loop of dimension ``own`` moves, of the dimensions a tensor lacks."""
    groups, members = 1, 1
    for n in range(state[MANY_OTHERS, tensor]):
        d = state[OTHERS + tensor, n]
        more, many = state[GROUPS, d], state[MEMBERS, d]
        if d == own:
            less, fewer = _many(state, code, roles, d, child, inside)
            more -= less
            many -= fewer
        groups *= more
        members *= many
    return groups, members


@inlined
def _pairs_at(state, known, stamps, tensor, clip, own, bound, moved):
    """Words of a tensor's pairs that stay when a loop of dimension ``own`` moves: read, delivered."""
    reads, fills = 1, 1
    for pair in range(state[FIRST_PAIR, tensor], state[END_PAIR, tensor]):
        mine = state[KIND + tensor, own] == PAIRED + pair
        still = (moved >> state[pairs.PAIR_DIM, pair] | moved >> state[pairs.PAIR_OTHER, pair]) & 1 == 0
        if still and not mine:
            reads *= state[READ, pair]
            fills *= state[SENT, pair]
            continue
        state[OWN, own] = bound if mine else 0
        row = find_sums(state, known, stamps, pair, clip)
        state[OWN, own] = 0
        reads *= known[row, KEPT]
        fills *= known[row, HELD]
        if reads == 0 and fills == 0:
            break
    return reads, fills


@inlined
def _first_reads(state, code, query, known, stamps, tensor, child, clip):
    """Words of the first tiles."""
    reads, start, roles = 1, state[SIZES, AT_START], query + program.ROLES
    for n in range(state[MANY_LONERS, tensor]):
        d = state[LONERS + tensor, n]
        describe(state, code, roles, d, child)
        reads *= _first_words(state, d, start)
    if not code[query + program.SHARED]:
        for n in range(state[MANY_OTHERS, tensor]):
            reads *= _groups_at_start(state, code, roles, state[OTHERS + tensor, n], child)
    for pair in range(state[FIRST_PAIR, tensor], state[END_PAIR, tensor]):
        state[INSIDE, state[pairs.PAIR_DIM, pair]] = start
        state[INSIDE, state[pairs.PAIR_OTHER, pair]] = start
        reads *= _first_of_pair(state, known, stamps, pair, clip)
    return reads


@lean_kernel
def _groups_at_start(state, code, roles, d, child):
    """Groups of a dimension that a tensor lacks which have a first tile."""
    _, step, places, span, role = lies(state, code, roles, d, child)
    if role == SPLIT:
        return count_members(state[EXTENT, d], step, places, span, state[SIZES, AT_START])
    return 1


@inlined
def _first_words(state, d, start):
    """Words of a dimension in the first tiles of all its places."""
    if state[STEP, d] == state[TILE, d] and state[ROLE, d] != ZERO:
        return min(state[SPAN, d], state[EXTENT, d])
    return words_moved(
        state[EXTENT, d], state[TILE, d], state[STEP, d], state[PLACES, d], state[SPAN, d], start
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


@inlined
def fast_output(state, code, b, query, count, tensor, child, answers, lane, out):
    """Drains and contributed words of the output, and what times need, into a lane of ``answers``."""
    i, base, moved = _first_event(state, tensor, child, count, code[b + program.HOLDS])
    words = _loners_words(state, code, query, tensor, child)
    groups, members = _many_others(state, code, query, tensor, child, base, moved)
    drains, contributed = words * groups, words * members
    if i < count:
        less_drains, less_contributed = _going_on(
            state, code, query + program.ROLES, i, count, tensor, child, words
        )
        drains -= less_drains
        contributed -= less_contributed
    answers[out + DRAINS, lane] = drains
    answers[out + CONTRIBUTED, lane] = contributed
    if code[query + program.TIMED]:
        fresh = words
        if not code[query + program.SHARED]:
            for n in range(state[MANY_OTHERS, tensor]):
                fresh *= _groups_at_start(
                    state, code, query + program.ROLES, state[OTHERS + tensor, n], child
                )
        answers[out + LAST_DRAINS, lane] = _last_words(state, code, query, tensor, child)
        answers[out + FRESH, lane] = fresh
        answers[out + REFILLS, lane] = drains - fresh


@inlined
def _going_on(state, code, roles, i, count, tensor, child, words):
    """Words that groups go on accumulating when loops from ``i`` on move: as drains, as contributions."""
    drains, contributed, moved = 0, 0, 0
    while i < count:
        d = state[LOOP_DIM, i]
        inside = state[LOOP_STRIDE, i] * state[LOOP_BOUND, i]
        if state[KIND + tensor, d] == LACKING:
            groups, members = _others_at(state, code, roles, tensor, d, child, inside)
            drains += words * groups
            contributed += words * members
        else:
            tile, step, places, span, _ = lies(state, code, roles, d, child)
            kept = result_words_kept(state[EXTENT, d], tile, step, places, span, inside)
            if kept == 0:
                break
            describe(state, code, roles, d, child)
            words = words // (state[STAYS, d] if (moved >> d) & 1 else _moved(state, d)) * kept
            state[STAYS, d] = kept
            moved |= 1 << d
        i = _next_event(state, i + 1, count)
    return drains, contributed


@inlined
def _last_words(state, code, query, tensor, child):
    """Words of the last tiles of an output, where groups that are apart count each."""
    words, roles = 1, query + program.ROLES
    for n in range(state[MANY_LONERS, tensor]):
        d = state[LONERS + tensor, n]
        extent = state[EXTENT, d]
        tile, step, places, span, _ = lies(state, code, roles, d, child)
        if span == tile:
            words *= extent - (extent - 1) // tile * tile
        else:
            rest = extent - last_base(extent, tile, step, span)
            words *= count_words(rest, rest, places, step, tile)
    if not code[query + program.SHARED]:
        for n in range(state[MANY_OTHERS, tensor]):
            d = state[OTHERS + tensor, n]
            tile, step, places, span, role = lies(state, code, roles, d, child)
            if role == SPLIT:
                rest = state[EXTENT, d] - last_base(state[EXTENT, d], tile, step, span)
                words *= min(places, (rest + step - 1) // step)
    return words
