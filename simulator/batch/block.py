"""Energy and cycles of a block of rows side by side: each boundary is priced for all its rows at once.

A row's boundaries are met in the order in which a single mapping's are (`cost.model`, `cost.timing`), so its
sums are made in the same order and come to the same number.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture
from simulator.batch import program
from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.jit import inlined, lean_kernel

# Rows of vectors in a block.
LANES = 64
# Rows of Block.whole: the row of vectors; scratch, twice; words that start at zero above; steps; cycles of
# skew, and cycles, -1 for too many.
ROW, WORDS, KEPT, FRESH, STEPS, SKEW, CYCLES, WHOLE = range(8)
# Rows of Block.times: sums; scratch: one boundary's, four parts of a flow. Then busy times of all resources
# and a boundary's waits for them; when each level was met, how many were met before it; and for each level
# what of each resource fills first, and what fills anew.
ENERGY, EXPOSED, LAST_DRAIN, REDRAIN, DRAINING, PARTS = range(6)
BUSY = PARTS + 4
# What became of a row.
ILLEGAL, SCORED, TOO_LARGE, HARD = range(4)
MOST_CYCLES = 2.0**62
MOST = 2**63 - 1
_NO_PLACE = 1e9


class Block(NamedTuple):
    """A block's rows, a column for each.

    answers: those to every query, in the order of the program; asked (records, LANES): whether a row has the
    boundary, if it is the number of the block; again: how often it starts anew; latest (records + 1,): the
    last block with the boundary, and the number of the block.
    """

    answers: Ints
    asked: Ints
    again: Floats
    whole: Ints
    times: Floats
    latest: Ints


class Results(NamedTuple):
    """The rows of results, as bytes, numbers and integers of 8 bytes: `CostModel.dtype`; counts and words."""

    valid: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
    floats: Floats
    integers: Ints
    counts: Ints
    words: Ints


def make_block(priced: program.Priced, architecture: Architecture) -> Block:
    """Return a block without rows."""
    resources, levels = len(priced.resources), len(architecture.storages)
    return Block(
        np.zeros((priced.answers, LANES), np.int64),
        np.zeros((priced.records, LANES), np.int64),
        np.zeros((priced.records, LANES)),
        np.zeros((WHOLE, LANES), np.int64),
        np.zeros((BUSY + 2 * resources + levels * (2 + 2 * resources) + 1, LANES)),
        np.zeros(priced.records + 1, np.int64),
    )


@lean_kernel
def start_block(block):
    """Begin a block: no row has a boundary."""
    block.latest[len(block.latest) - 1] += 1
    for i in range(block.times.shape[0]):
        for j in range(LANES):
            block.times[i, j] = 0.0


@lean_kernel
def price_block(code, prices, block, fates, many, rules, results):
    """Write down what the block's first ``many`` rows cost, those that are SCORED."""
    levels, resources = code[program.LEVELS], code[program.RESOURCES]
    places = BUSY + 2 * resources
    now = block.latest[len(block.latest) - 1]
    for level in range(levels):
        for j in range(LANES):
            block.times[places + level, j] = _NO_PLACE
    for tensor in range(code[program.TENSORS]):
        for j in range(LANES):
            block.whole[FRESH, j] = code[program.OUTPUTS]
        table = code[program.FIRST_RECORD] + tensor
        for number in range(code[table], code[table + 1]):
            if block.latest[number] != now:
                continue
            b = code[code[program.BY_TENSOR] + number]
            for j in range(LANES):
                block.answers[code[b + program.FRESH_ABOVE], j] = block.whole[FRESH, j]
            _price_actions(code, prices, block, b, now)
            if code[b + program.FLOW_COUNT]:
                _add_flows(code, prices, block, b, now)
            if results.counts.shape[1]:
                _report(code, block, b, now, many, results)
            if code[b + program.IS_OUTPUT]:
                _pass_on(code, block, b, now)
    _write_results(code, prices, block, fates, many, rules, results)


@inlined
def price_full(code, prices, block, fates, many, rules, results):
    """Price a block if it is full, and begin the next one; return how many rows it has."""
    if many < LANES:
        return many
    price_block(code, prices, block, fates, many, rules, results)
    start_block(block)
    return np.int64(0)


@lean_kernel
def _add_words(code, block, form):
    """Words of the form at an address, into their row; return the address after it."""
    for j in range(LANES):
        block.whole[WORDS, j] = 0
    end = form + 1 + 2 * code[form]
    for term in range(form + 1, end, 2):
        answer, coefficient = code[term], code[term + 1]
        for j in range(LANES):
            block.whole[WORDS, j] += block.answers[answer, j] * coefficient
    return end


@lean_kernel
def _price_actions(code, prices, block, b, now):
    """Add the energy of a boundary's actions."""
    number = code[b + program.NUMBER]
    at, price = code[b + program.ACTION], code[b + program.ACTION_PRICE]
    for _ in range(code[b + program.ACTION_COUNT]):
        at = _add_words(code, block, at)
        finished, unit = code[at], prices[price + 1]
        rest = finished / prices[price + 2] if finished else 0.0
        for j in range(LANES):
            units = float(block.whole[WORDS, j] - finished) / unit + rest
            spent = units * prices[price]
            block.times[ENERGY, j] += spent if block.asked[number, j] == now else 0.0
        at += 1
        price += 3


@lean_kernel
def _add_flows(code, prices, block, b, now):
    """Add the flows of a boundary to busy times, waits, fills and drains."""
    times, asked, again = block.times, block.asked, block.again
    number, resources, parent = code[b + program.NUMBER], code[program.RESOURCES], code[b + program.PARENT]
    places = BUSY + 2 * resources
    for row in range(BUSY + resources, places):
        for j in range(LANES):
            times[row, j] = -np.inf
    for j in range(LANES):
        place = float(number) if asked[number, j] == now else _NO_PLACE
        times[places + parent, j] = min(times[places + parent, j], place)
        times[DRAINING, j] = 0.0
    at, cost = code[b + program.FLOW], code[b + program.FLOW_PRICE]
    for _ in range(code[b + program.FLOW_COUNT]):
        resource, term = code[at], at + 5
        for part in range(4):
            _add_cycles(code, prices, block, PARTS + part, term, cost, code[at + 1 + part])
            term, cost = term + code[at + 1 + part], cost + code[at + 1 + part]
        filling = _filling(code, parent) + resource
        _add_flow(times, asked, again, number, now, resources, resource, filling, code[b + program.EXPOSED])
        at = term
    for j in range(LANES):
        here = asked[number, j] == now
        times[LAST_DRAIN, j] += times[DRAINING, j] if here else 0.0
        times[REDRAIN, j] += again[number, j] * times[DRAINING, j] if here else 0.0
    if code[b + program.EXPOSED]:
        _slowest(times, DRAINING, BUSY + resources, places)
        for j in range(LANES):
            times[EXPOSED, j] += times[DRAINING, j] if asked[number, j] == now else 0.0


@inlined
def _filling(code, level):
    """The first row of a level's fills."""
    resources = code[program.RESOURCES]
    return BUSY + 2 * resources + 2 * code[program.LEVELS] + 2 * resources * level


@lean_kernel
def _add_cycles(code, prices, block, row, term, cost, many):
    """Cycles of so many terms of a flow, from the address of the first and the place of its cycles a word."""
    for j in range(LANES):
        block.times[row, j] = 0.0
    for i in range(many):
        answer, cycles = code[term + i], prices[cost + i]
        for j in range(LANES):
            block.times[row, j] += cycles * block.answers[answer, j]


@lean_kernel
def _add_flow(times, asked, again, number, now, resources, resource, filling, exposed):
    """Add one flow, whose parts stand in their rows; what is exposed sets no pace."""
    waiting = BUSY + resources + resource
    for j in range(LANES):
        here = asked[number, j] == now
        whole, first, last = times[PARTS, j], times[PARTS + 1, j], times[PARTS + 2, j]
        hidden = 0.0 if exposed else whole
        times[BUSY + resource, j] += hidden + times[PARTS + 3, j] if here else 0.0
        times[filling, j] += first if here else 0.0
        times[filling + resources, j] += again[number, j] * first if here else 0.0
        times[DRAINING, j] = max(times[DRAINING, j], last)
        before, waits = times[waiting, j], whole - first - last
        times[waiting, j] = waits if before == -np.inf else before + waits


@lean_kernel
def _slowest(times, row, first, end):
    """The largest of rows ``first`` to ``end``, into a row."""
    for j in range(LANES):
        times[row, j] = times[first, j]
    for i in range(first + 1, end):
        for j in range(LANES):
            times[row, j] = max(times[row, j], times[i, j])


@lean_kernel
def _pass_on(code, block, b, now):
    """Note the words of an output that start at zero below a boundary."""
    whole, number = block.whole, code[b + program.NUMBER]
    forms = code[b + program.COUNT_FORMS]
    _add_words(code, block, code[forms + program.REFILLS_FORM])
    for j in range(LANES):
        whole[KEPT, j] = whole[WORDS, j]
    _add_words(code, block, code[forms + program.CONTRIBUTED_FORM])
    for j in range(LANES):
        fresh = whole[WORDS, j] - whole[KEPT, j]
        whole[FRESH, j] = fresh if block.asked[number, j] == now else whole[FRESH, j]


@lean_kernel
def _report(code, block, b, now, many, results):
    """Write a boundary's counts and its actions' words down."""
    number, forms = code[b + program.NUMBER], code[b + program.COUNT_FORMS]
    for i in range(len(program.COUNTS)):
        _add_words(code, block, code[forms + i])
        column = len(program.COUNTS) * code[b + program.COUNT_ROW] + i
        for j in range(many):
            if block.asked[number, j] == now:
                results.counts[block.whole[ROW, j], column] = block.whole[WORDS, j]
    at = code[b + program.WORD_FORMS]
    for _ in range(code[b + program.WORD_COUNT]):
        column = code[at]
        at = _add_words(code, block, at + 1)
        for j in range(many):
            if block.asked[number, j] == now:
                results.words[block.whole[ROW, j], column] = block.whole[WORDS, j]


@lean_kernel
def _fills(code, times, row, anew):
    """The slowest resource of every level that fills, one after the other as they were met, into a row.

    What fills first, or anew (1).
    """
    levels, resources = code[program.LEVELS], code[program.RESOURCES]
    ranks = BUSY + 2 * resources + levels
    for j in range(LANES):
        times[row, j] = 0.0
    for level in range(levels):
        fills = _filling(code, level) + resources * anew
        _slowest(times, fills, fills, fills + resources)
    for rank in range(levels):
        for level in range(levels):
            fills = _filling(code, level) + resources * anew
            for j in range(LANES):
                times[row, j] += times[fills, j] if times[ranks + level, j] == rank else 0.0


@lean_kernel
def _rank_levels(code, times):
    """How many levels were met before each."""
    levels = code[program.LEVELS]
    places = BUSY + 2 * code[program.RESOURCES]
    for level in range(levels):
        for other in range(levels):
            for j in range(LANES):
                sooner = times[places + other, j] < times[places + level, j]
                times[places + levels + level, j] += 1.0 if sooner else 0.0


@lean_kernel
def _write_results(code, prices, block, fates, many, rules, results):
    """Cycles, and what is made of them and of the energy."""
    times, whole = block.times, block.whole
    _rank_levels(code, times)
    _fills(code, times, PARTS, np.int64(1))
    _fills(code, times, PARTS + 1, np.int64(0))
    for j in range(LANES):
        times[PARTS + 2, j] = float(whole[STEPS, j])
    for resource in range(code[program.RESOURCES]):
        for j in range(LANES):
            times[PARTS + 2, j] = max(times[PARTS + 2, j], times[BUSY + resource, j])
    for j in range(LANES):
        ramp = times[PARTS, j] + times[REDRAIN, j]
        total = times[PARTS + 2, j] + times[EXPOSED, j] + ramp + times[PARTS + 1, j] + times[LAST_DRAIN, j]
        fits = (whole[SKEW, j] >= 0) & (total + whole[SKEW, j] < MOST_CYCLES)
        cycles = np.int64(np.ceil((total if fits else 0.0) * (1 - 1e-12) - 1e-6)) + whole[SKEW, j]
        spent = times[ENERGY, j] + prices[0]
        for i in range(code[program.LEAKS]):
            spent += prices[1 + i] * cycles
        times[ENERGY, j] = spent
        whole[CYCLES, j] = cycles if fits else -1
    macs, units = float(code[program.MACS]), float(code[program.MAC_UNITS])
    for j in range(many):
        row, cycles, energy = whole[ROW, j], whole[CYCLES, j], times[ENERGY, j]
        if fates[row] == SCORED and cycles < 0:
            fates[row] = TOO_LARGE
        if fates[row] == SCORED:
            utilization = macs / (float(whole[STEPS, j]) * units)
            _write(results, row, rules, True, energy, cycles, energy * cycles, utilization)
        else:
            _write(results, row, rules, False, np.inf, MOST, np.inf, 0.0)
            results.floats[row, rules + 1] = 1.0


@lean_kernel
def _write(results, row, rules, valid, energy, cycles, edp, utilization):
    """Write the columns after the rules."""
    results.valid[row, 0] = valid
    results.floats[row, rules + 2] = energy
    results.integers[row, rules + 3] = cycles
    results.floats[row, rules + 4] = edp
    results.floats[row, rules + 5] = utilization


@lean_kernel
def write_illegal(results, row, broken):
    """Write down how far a row breaks each rule."""
    rules = broken.shape[1]
    for rule in range(rules):
        results.floats[row, 1 + rule] = broken[0, rule]
    _write(results, row, rules, False, np.inf, MOST, np.inf, 0.0)
