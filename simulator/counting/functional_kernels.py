"""The functional engine's walk: MACs read, multiply and accumulate while tiles come and go around them."""

from __future__ import annotations

from typing import NamedTuple

from simulator.counting.functional_memory import (
    ABOVE,
    ACTIVE_PES,
    BEGUN,
    CONTRIBUTED,
    DRAINS,
    FILLS,
    LENT,
    MACS,
    MERGES,
    MISSING_AT_MAC,
    MULTIPLIES,
    OUTPUT,
    PADDING,
    PARENT,
    READS,
    REFILLS,
    SLOT,
    SLOTS,
    STAMP,
    STEPS,
    ZERO_MACS,
)
from simulator.counting.functional_stores import drain, fail, fill, take
from simulator.counting.functional_wires import begin_chains, follow_chains, note_place
from simulator.counting.lowering import Ints
from simulator.jit import kernel

# Columns of a port, how the MACs reach a tensor: SOURCE store, ROW of counts (-1 behind a latch, whose
# own fills are counted), whether padding is clipped, number of groups of MACs, whether each group is a
# single MAC, where its stamps begin, whether it is the output, whether its zeros gate the MACs.
SOURCE, PORT_ROW, PORT_CLIPS, GROUPS, SINGLE, PORT_STAMPS, PORT_OUTPUT, PORT_GATES = range(8)

# Columns of a loop, and rows of a port's table of MACs, which is in the order of its groups: PLACE is the
# MAC's number, GROUP its group (under full reduction for the output), PART the output's group as split.
DIM, BOUND, STRIDE = range(3)
PLACE, ADDRESS, WORD, GROUP, PART = range(5)


class Ports(NamedTuple):
    """MACs and loops; int64. T tensors, L loops, K temporal loops, P MACs.

    ports (T, 8); moves (2, T, L) slots and words by which a loop's increment moves a tensor's address;
    table (T, 5, P); offset (D, P) of a MAC in each dimension, farthest (D,) the largest; loops (L, 3);
    temporal (K,) loops, outermost first.
    """

    ports: Ints
    moves: Ints
    table: Ints
    offset: Ints
    farthest: Ints
    loops: Ints
    temporal: Ints


@kernel
def _multiply(extents, stores, macs, memory, deepest):
    """Execute steps until a loop above ``deepest`` increments; return that loop, or -1 at the end.

    One function, because per step the arrays of a call would cost more than a row of MACs.
    """
    ports, table, product, active = macs.ports, macs.table, memory.product, memory.working
    needed, gate = memory.needed, memory.open
    tags, values, stamps, counts = memory.tags, memory.values, memory.stamps, memory.counts
    totals, reached, index, at = memory.totals, memory.reached, memory.place, memory.moved
    tracks = memory.tracks
    places = len(product)
    while True:
        idle = 0
        for p in range(places):
            active[p] = 1
            product[p] = 1
            gate[p] = 1
        for d in range(len(extents)):
            room = extents[d] - reached[d]
            if macs.farthest[d] >= room:
                for p in range(places):
                    if macs.offset[d, p] >= room:
                        idle += active[p]
                        active[p] = 0
        if totals[STEPS] == 0:
            totals[ACTIVE_PES] = places - idle
        totals[STEPS] += 1
        totals[MACS] += places - idle
        output = 0
        for t in range(len(ports)):
            if ports[t, PORT_OUTPUT]:
                output = t
                continue
            # Behind a latch nothing more is counted; a group of one reads what it delivers.
            counted = ports[t, PORT_ROW] >= 0
            shared = counted and not ports[t, SINGLE]
            clip = PADDING if ports[t, PORT_CLIPS] else 0
            moved, words = at[0, t], at[1, t]
            stamp, stamps_at = totals[STAMP], ports[t, PORT_STAMPS]
            gates = ports[t, PORT_GATES]
            reads, fills, taken = 0, 0, 0
            for i in range(places):
                p = table[t, PLACE, i]
                if not active[p]:
                    continue
                slot, word = table[t, ADDRESS, i] + moved, table[t, WORD, i] + words
                tag = tags[slot]
                if tag >> 2 != word:
                    _fail_at(stores, ports, memory.failure, t, slot, word)
                    return -1
                product[p] *= values[slot]
                delivered = 1 - (tag & clip)
                fills += delivered
                if gates and values[slot] == 0:
                    gate[p] = 0
                taken += delivered & gate[p]
                if shared and delivered and stamps[stamps_at + word] != stamp + table[t, GROUP, i]:
                    stamps[stamps_at + word] = stamp + table[t, GROUP, i]
                    reads += 1
            if counted:
                needed[ports[t, PORT_ROW]] += taken
                counts[ports[t, PORT_ROW], FILLS] += fills
                counts[ports[t, PORT_ROW], READS] += reads if shared else fills
                totals[STAMP] += ports[t, GROUPS]
                if tracks.first[ports[t, PORT_ROW] + 1] > tracks.first[ports[t, PORT_ROW]]:
                    _follow_operand(macs, memory, t)
        t = output
        moved, words = at[0, t], at[1, t]
        drains, merges, refills, zeros, multiplies = 0, 0, 0, 0, 0
        group, part = -1, -1
        for i in range(places):
            p = table[t, PLACE, i]
            if not active[p]:
                continue
            slot, word = table[t, ADDRESS, i] + moved, table[t, WORD, i] + words
            tag = tags[slot]
            if tag >> 2 != word or tag & LENT:
                _fail_at(stores, ports, memory.failure, t, slot, word)
                return -1
            if table[t, PART, i] != part:
                part = table[t, PART, i]
                drains += 1
                if table[t, GROUP, i] != group:
                    # The group's word is read back if it was begun, else it is the zero put there.
                    group = table[t, GROUP, i]
                    refills += tag & BEGUN
                    tags[slot] = tag | BEGUN
                else:
                    merges += 1
            values[slot] += product[p]
            zeros += product[p] == 0
            multiplies += gate[p]
        row = ports[t, PORT_ROW]
        if tracks.first[row + 1] > tracks.first[row]:
            _follow_output(macs, memory, output, row)
        counts[row, DRAINS] += drains
        counts[row, MERGES] += merges
        counts[row, CONTRIBUTED] += places - idle
        counts[row, REFILLS] += refills
        totals[ZERO_MACS] += zeros
        totals[MULTIPLIES] += multiplies
        # The next step that exists: the innermost loop that can go on does, those inside it return.
        going = -1
        for k in range(len(macs.temporal) - 1, -1, -1):
            loop = macs.temporal[k]
            d, change = macs.loops[loop, DIM], -index[loop]
            if (
                index[loop] + 1 < macs.loops[loop, BOUND]
                and reached[d] + macs.loops[loop, STRIDE] < extents[d]
            ):
                going, change = loop, 1
            index[loop] += change
            reached[d] += change * macs.loops[loop, STRIDE]
            for t in range(len(ports)):
                at[0, t] += change * macs.moves[0, t, loop]
                at[1, t] += change * macs.moves[1, t, loop]
            if going >= 0:
                break
        if going < deepest:
            return going


@kernel
def _follow_operand(macs, memory, t):
    """Follow the words that MACs have taken in this step, each group's apart."""
    table, tags, tracks = macs.table, memory.tags, memory.tracks
    clip = PADDING if macs.ports[t, PORT_CLIPS] else 0
    stamp, stamps_at = memory.totals[STAMP], macs.ports[t, PORT_STAMPS]
    begin_chains(tracks)
    for i in range(table.shape[2]):
        p, word = table[t, PLACE, i], stamps_at + table[t, WORD, i] + memory.moved[1, t]
        if memory.working[p] and not tags[table[t, ADDRESS, i] + memory.moved[0, t]] & clip:
            group = stamp + table[t, GROUP, i]
            note_place(tracks, word, memory.stamps[word] != group, False, p)
            memory.stamps[word] = group
    memory.totals[STAMP] += macs.ports[t, GROUPS]
    follow_chains(tracks, macs.ports[t, PORT_ROW])


@kernel
def _follow_output(macs, memory, t, row):
    """Follow what MACs have sent in this step; those of one part add to the same word."""
    tracks, table, part = memory.tracks, macs.table, -1
    begin_chains(tracks)
    for i in range(table.shape[2]):
        p = table[t, PLACE, i]
        if memory.working[p]:
            word = macs.ports[t, PORT_STAMPS] + table[t, WORD, i] + memory.moved[1, t]
            note_place(tracks, word, table[t, PART, i] != part, False, p)
            part = table[t, PART, i]
    follow_chains(tracks, row)


@kernel
def _fail_at(stores, ports, failure, tensor, slot, word):
    """A MAC wants a word that its innermost store does not hold."""
    store = ports[tensor, SOURCE]
    fail(failure, MISSING_AT_MAC, store, (slot - stores[store, SLOT]) // stores[store, SLOTS], word)


@kernel
def walk(plan, macs, memory):
    """Execute the nest, step by step; stop at the first failure, which memory.failure then describes."""
    stores = plan.shapes.stores
    deepest = 0
    for store in range(len(stores)):
        if stores[store, PARENT] >= 0:
            deepest = max(deepest, stores[store, ABOVE])
    loop = -1
    while True:
        # Outputs leave from the inside out, new tiles arrive from the outside in.
        for store in range(len(stores) - 1, -1, -1):
            if stores[store, PARENT] >= 0 and stores[store, ABOVE] > loop and stores[store, OUTPUT]:
                drain(plan, memory, store, 0)
        for store in range(len(stores)):
            if stores[store, PARENT] >= 0 and stores[store, ABOVE] > loop:
                if stores[store, OUTPUT]:
                    take(plan, memory, store)
                else:
                    fill(plan, memory, store)
        if memory.failure[0]:
            return
        loop = _multiply(plan.shapes.extents, stores, macs, memory, deepest)
        if memory.failure[0]:
            return
        if loop < 0:
            break
    for store in range(len(stores) - 1, -1, -1):
        if stores[store, PARENT] >= 0 and stores[store, OUTPUT]:
            drain(plan, memory, store, 1)
