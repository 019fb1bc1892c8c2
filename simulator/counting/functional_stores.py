"""Stores of the functional engine: the kernels that move words between them."""

from __future__ import annotations

from simulator.counting.functional_memory import (
    ACTIVE,
    BEFORE,
    BEGUN,
    CAPACITY,
    CHILDREN,
    CLIPS,
    COEFFICIENT1,
    COEFFICIENT2,
    CONTRIBUTED,
    DATA_END,
    DATA_FIRST,
    DIM1,
    DIM2,
    DRAINS,
    END_RANK,
    END_RUN,
    FAR,
    FILLS,
    FIRST_RANK,
    FLAGS,
    FORWARDABLE,
    HELD,
    HERE,
    IDLE,
    INSTANCE,
    IS_PADDING,
    KEEPS_PADDING,
    LENT,
    MERGES,
    MISSING_AT_PARENT,
    MOVES,
    NOT_BEGUN,
    NOT_TAKEN,
    OVERFLOW,
    PADDING,
    PARENT,
    READS,
    REFILLS,
    ROW,
    RUN,
    SLOT,
    SLOTS,
    STAMP,
    STAMPS,
    STATUS,
    STAYS,
    TAG,
    THERE,
    WORD_STRIDE,
)
from simulator.counting.functional_wires import begin_chains, follow_chains, note_place
from simulator.jit import kernel

# Rows of Scratch.cursor.
_LENGTH, _PLACE, _SEEN = range(3)


@kernel
def fail(failure, kind, store, instance, word):
    """Keep the first failure; the walk stops at it."""
    if failure[0] == 0:
        failure[0] = kind
        failure[1] = store
        failure[2] = instance
        failure[3] = word


@kernel
def _list_tile(shapes, scratch, store, base, new, old, above):
    """List the tile that starts at ``base[new]`` in scratch.tile and return its words.

    THERE and BEFORE are where the word would lie in the parent's row, whose tile starts at ``base[above]``,
    and in a row of this store whose tile starts at ``base[old]``; negative if nowhere.
    """
    parts, tile, cursor = scratch.parts, scratch.tile, scratch.cursor
    parent = shapes.stores[store, PARENT]
    first_rank = shapes.stores[store, FIRST_RANK]
    last = shapes.stores[store, END_RANK] - first_rank - 1
    for j in range(last + 1):
        rank = first_rank + j
        d, e = shapes.ranks[rank, DIM1], shapes.ranks[rank, DIM2]
        c, f = shapes.ranks[rank, COEFFICIENT1], shapes.ranks[rank, COEFFICIENT2]
        n, m = min(shapes.chunk[store, d], shapes.extents[d] - base[new, d]), 1
        start, old_start, above_start = c * base[new, d], c * base[old, d], c * base[above, d]
        if e >= 0:
            m = min(shapes.chunk[store, e], shapes.extents[e] - base[new, e])
            start += f * base[new, e]
            old_start += f * base[old, e]
            above_start += f * base[above, e]
        stride, span = shapes.stride[store, j], shapes.span[store, j]
        above_stride, above_span = shapes.stride[parent, j], shapes.span[parent, j]
        data, data_end = shapes.ranks[rank, DATA_FIRST], shapes.ranks[rank, DATA_END]
        cursor[_SEEN, 0] += 1
        stamp = cursor[_SEEN, 0]
        count = 0
        for a in range(n):
            for b in range(m):
                relative = c * a + f * b
                if scratch.seen[relative] == stamp:
                    continue
                scratch.seen[relative] = stamp
                x = start + relative
                y, z = x - old_start, x - above_start
                parts[TAG, j, count] = 4 * x * shapes.ranks[rank, WORD_STRIDE]
                parts[HERE, j, count] = relative * stride
                parts[THERE, j, count] = z * above_stride if 0 <= z < above_span else FAR
                parts[BEFORE, j, count] = y * stride if 0 <= y < span else FAR
                parts[IS_PADDING, j, count] = x < data or x >= data_end
                count += 1
        cursor[_LENGTH, j] = count
        cursor[_PLACE, j] = 0
    if last < 0:
        tile[TAG, 0] = tile[HERE, 0] = tile[THERE, 0] = tile[BEFORE, 0] = 0
        return 1
    words = 0
    while True:
        tag, here, there, before, padding = 0, 0, 0, 0, 0
        for j in range(last):
            i = cursor[_PLACE, j]
            tag += parts[TAG, j, i]
            here += parts[HERE, j, i]
            there += parts[THERE, j, i]
            before += parts[BEFORE, j, i]
            padding |= parts[IS_PADDING, j, i]
        for i in range(cursor[_LENGTH, last]):
            tile[TAG, words] = tag + parts[TAG, last, i] + (padding | parts[IS_PADDING, last, i])
            tile[HERE, words] = here + parts[HERE, last, i]
            tile[THERE, words] = there + parts[THERE, last, i]
            tile[BEFORE, words] = before + parts[BEFORE, last, i]
            words += 1
        j = last - 1
        while j >= 0:
            cursor[_PLACE, j] += 1
            if cursor[_PLACE, j] < cursor[_LENGTH, j]:
                break
            cursor[_PLACE, j] = 0
            j -= 1
        if j < 0:
            return words


@kernel
def _look(extents, own, offset, reached, base, held, store, p):
    """Whether instance ``p`` is idle, stays at its tile or moves to another one."""
    status = STAYS if held else MOVES
    for d in range(len(extents)):
        now = offset[p, d] + reached[d]
        if now >= extents[d]:
            return IDLE
        if own[store, d] and now != base[p, d]:
            status = MOVES
    return status


@kernel
def _first_slot(stores, store, p):
    """First slot of the row of instance ``p``."""
    return stores[store, SLOT] + (p - stores[store, INSTANCE]) * stores[store, SLOTS]


@kernel
def _parent_instance(stores, store, p):
    """The parent's instance that feeds instance ``p``."""
    instance = (p - stores[store, INSTANCE]) // stores[store, CHILDREN]
    return stores[stores[store, PARENT], INSTANCE] + instance


@kernel
def _enter(shapes, scratch, offset, reached, base, failure, store, p):
    """List the tile that instance ``p`` moves to, check that it fits and note it; return its words."""
    new = len(base) - 1
    for d in range(len(reached)):
        base[new, d] = offset[p, d] + reached[d]
    words = _list_tile(shapes, scratch, store, base, new, p, _parent_instance(shapes.stores, store, p))
    for d in range(len(reached)):
        base[p, d] = base[new, d]
    capacity = shapes.stores[store, CAPACITY]
    if capacity >= 0:
        kept = words
        if not shapes.stores[store, KEEPS_PADDING]:
            for i in range(words):
                kept -= scratch.tile[TAG, i] & PADDING
        if kept > capacity:
            fail(failure, OVERFLOW, store, p - shapes.stores[store, INSTANCE], kept)
    return words


@kernel
def fill(plan, memory, store):
    """Bring an operand's store to this step: every active instance gets what its new tile lacks."""
    shapes, stores, base, reached = plan.shapes, plan.shapes.stores, memory.base, memory.reached
    tags, values, stamps, failure = memory.tags, memory.values, memory.stamps, memory.failure
    tile, row, instances = memory.scratch.tile, memory.scratch.row, memory.instances
    slots, stamps_at = stores[store, SLOTS], stores[store, STAMPS]
    clip = PADDING if stores[store, CLIPS] else 0
    reads, fills, forwardable = 0, 0, 0
    tracks, counts = memory.tracks, stores[store, ROW]
    tracked = tracks.first[counts + 1] > tracks.first[counts]
    for run in range(stores[store, RUN], stores[store, END_RUN]):
        start, end = plan.run_start[run], plan.run_start[run + 1]
        moving = False
        for i in range(start, end):
            p = plan.order[i]
            instances[STATUS, p] = _look(
                shapes.extents, shapes.own, plan.offset, reached, base, instances[HELD, p], store, p
            )
            moving |= instances[STATUS, p] == MOVES
        # Stamps of this group and step: `had` for words at a member before, `sent` for words sent.
        had = memory.totals[STAMP]
        sent = had + 1
        if tracked:
            begin_chains(tracks)
        if moving:
            memory.totals[STAMP] += 2
            for i in range(start, end):
                p = plan.order[i]
                if instances[ACTIVE, p]:
                    first = _first_slot(stores, store, p)
                    for slot in range(first, first + slots):
                        if tags[slot] >= 0:
                            stamps[stamps_at + (tags[slot] >> 2)] = had
        for i in range(start, end):
            p = plan.order[i]
            instances[ACTIVE, p] = instances[STATUS, p] != IDLE
            if instances[STATUS, p] != MOVES:
                continue
            first = _first_slot(stores, store, p)
            above = _first_slot(stores, stores[store, PARENT], _parent_instance(stores, store, p))
            words = _enter(shapes, memory.scratch, plan.offset, reached, base, failure, store, p)
            for slot in range(slots):
                row[0, slot] = -1
            for k in range(words):
                tag, here, before = tile[TAG, k], tile[HERE, k], tile[BEFORE, k]
                row[0, here] = tag
                if instances[HELD, p] and before >= 0 and tags[first + before] == tag:
                    row[1, here] = values[first + before]
                    continue
                source = above + tile[THERE, k]
                if tile[THERE, k] < 0 or tags[source] != tag:
                    fail(failure, MISSING_AT_PARENT, store, p - stores[store, INSTANCE], tag >> 2)
                    return
                row[1, here] = values[source]
                if tag & clip:
                    continue
                fills += 1
                stamp = stamps[stamps_at + (tag >> 2)]
                if tracked:
                    place = p - stores[store, INSTANCE]
                    note_place(tracks, stamps_at + (tag >> 2), stamp != sent, stamp == had, place)
                if stamp != sent:
                    reads += 1
                    forwardable += stamp == had
                    stamps[stamps_at + (tag >> 2)] = sent
            for slot in range(slots):
                tags[first + slot] = row[0, slot]
                values[first + slot] = row[1, slot]
            instances[HELD, p] = 1
        if tracked:
            follow_chains(tracks, counts)
    memory.counts[counts, READS] += reads
    memory.counts[counts, FILLS] += fills
    memory.counts[counts, FORWARDABLE] += forwardable


@kernel
def take(plan, memory, store):
    """Give instances of an output's store that become active their tile: refilled once, else zero."""
    shapes, stores, base, reached = plan.shapes, plan.shapes.stores, memory.base, memory.reached
    tags, values, tile, instances = memory.tags, memory.values, memory.scratch.tile, memory.instances
    start, end = plan.run_start[stores[store, RUN]], plan.run_start[stores[store, END_RUN]]
    for i in range(start, end):
        p = plan.order[i]
        if instances[HELD, p]:
            continue
        if _look(shapes.extents, shapes.own, plan.offset, reached, base, 0, store, p) == IDLE:
            continue
        first = _first_slot(stores, store, p)
        above = _first_slot(stores, stores[store, PARENT], _parent_instance(stores, store, p))
        words = _enter(shapes, memory.scratch, plan.offset, reached, base, memory.failure, store, p)
        for k in range(words):
            tag, slot, source = tile[TAG, k] & ~FLAGS, first + tile[HERE, k], above + tile[THERE, k]
            state = tags[source] if tile[THERE, k] >= 0 else -1
            if state & ~FLAGS != tag:
                fail(memory.failure, MISSING_AT_PARENT, store, p - stores[store, INSTANCE], tag >> 2)
                return
            tags[slot] = tag
            values[slot] = 0
            # Only the first to come finds the word at rest; lent out, it is no longer begun here.
            if state & BEGUN:
                memory.counts[stores[store, ROW], REFILLS] += 1
                tags[slot] = tag | BEGUN
                values[slot] = values[source]
                values[source] = 0
            tags[source] = tag | LENT
        instances[HELD, p] = 1


@kernel
def drain(plan, memory, store, final):
    """Add up and send to the parent the tiles of groups whose nominal tile changes (all when final)."""
    shapes, stores, base, reached = plan.shapes, plan.shapes.stores, memory.base, memory.reached
    tags, values, tile, instances = memory.tags, memory.values, memory.scratch.tile, memory.instances
    drains, merges, contributed = 0, 0, 0
    tracks, counts = memory.tracks, stores[store, ROW]
    tracked = tracks.first[counts + 1] > tracks.first[counts]
    for run in range(stores[store, RUN], stores[store, END_RUN]):
        start, end = plan.run_start[run], plan.run_start[run + 1]
        members, chief = 0, -1
        for i in range(start, end):
            if instances[HELD, plan.order[i]]:
                members += 1
                chief = plan.order[i]
        if chief < 0:
            continue
        leaves = final
        for d in range(len(reached)):
            if shapes.own[store, d] and plan.offset[chief, d] + reached[d] != base[chief, d]:
                leaves = 1
        if not leaves:
            continue
        parent = _parent_instance(stores, store, chief)
        words = _list_tile(shapes, memory.scratch, store, base, chief, chief, parent)
        above = _first_slot(stores, stores[store, PARENT], parent)
        if tracked:
            begin_chains(tracks)
        for k in range(words):
            tag = tile[TAG, k] & ~FLAGS
            total, first = 0, True
            for i in range(start, end):
                p = plan.order[i]
                if instances[HELD, p]:
                    if tracked:
                        word = stores[store, STAMPS] + (tag >> 2)
                        note_place(tracks, word, first, False, p - stores[store, INSTANCE])
                        first = False
                    slot = _first_slot(stores, store, p) + tile[HERE, k]
                    if tags[slot] != tag | BEGUN:
                        fail(memory.failure, NOT_BEGUN, store, p - stores[store, INSTANCE], tag >> 2)
                        return
                    total += values[slot]
                    tags[slot] = -1
            target = above + tile[THERE, k]
            drains += 1
            contributed += members
            state = tags[target] if tile[THERE, k] >= 0 else -1
            if state == tag | LENT:
                values[target] = total
                tags[target] = tag | BEGUN
            elif state == tag | BEGUN:
                # Another group of the same pass was here before.
                merges += 1
                values[target] += total
            else:
                fail(memory.failure, NOT_TAKEN, store, chief - stores[store, INSTANCE], tag >> 2)
                return
        if tracked:
            follow_chains(tracks, counts)
        for i in range(start, end):
            instances[HELD, plan.order[i]] = 0
    memory.counts[counts, DRAINS] += drains
    memory.counts[counts, MERGES] += merges
    memory.counts[counts, CONTRIBUTED] += contributed
