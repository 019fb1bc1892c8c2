"""Scores of a batch of vectors: each row is read and counted by itself, then blocks of rows are priced."""

from __future__ import annotations

import numpy as np

from simulator.batch import program
from simulator.batch.block import (
    HARD,
    ILLEGAL,
    ROW,
    SCORED,
    SKEW,
    STEPS,
    TOO_LARGE,
    price_block,
    price_full,
    start_block,
    write_illegal,
)
from simulator.batch.boundaries import fast_operand, fast_output
from simulator.batch.general import general_query
from simulator.batch.layout import ONLY, SIZES, SLOT_AXIS, SLOTS
from simulator.batch.shape import FITS, find_spread, roles_agree
from simulator.batch.state import (
    INSIDE,
    KEEPER_LEVEL,
    KEEPER_POSITION,
    KEPT,
    LOOP_SLOT,
    RECORD,
    STEPS_ABOVE,
    find_broken,
    find_keepers,
    read_row,
)
from simulator.batch.timing import count_steps, find_skew, pass_end, restarts
from simulator.counting.lowering import COLUMNS, CONTRIBUTED, DRAINS, FILLS, FORWARDABLE, READS
from simulator.jit import inlined, lean_kernel, woven


@lean_kernel
def score_rows(state, orders, clipped, code, prices, known, stamps, block, vectors, broken, fates, results):
    """Score rows of vectors the fast way into ``results``; those it cannot count are HARD in ``fates`` (B,).

    ``broken`` (1, rules) is scratch.
    """
    start_block(block)
    # A literal would compile the kernels that it is given to once more.
    lane = np.int64(0)
    for row in range(len(vectors)):
        count = read_row(state, orders, vectors, row)
        broken[:] = 0.0
        if find_broken(state, clipped, vectors, row, count, broken, ONLY):
            fates[row] = ILLEGAL
            write_illegal(results, row, broken)
        elif count_row(state, code, known, stamps, count, block.answers, lane):
            fates[row] = time_row(state, code, count, block, lane, row)
            lane = price_full(code, prices, block, fates, lane + 1, broken.shape[1], results)
        else:
            fates[row] = HARD
    price_block(code, prices, block, fates, lane, broken.shape[1], results)


@lean_kernel
def score_hard_rows(state, orders, general, code, prices, block, vectors, rules, fates, results):
    """Score the HARD rows by the general closed form."""
    start_block(block)
    # A literal would compile the kernels that it is given to once more.
    lane = np.int64(0)
    for row in range(len(vectors)):
        if fates[row] == HARD:
            count = read_row(state, orders, vectors, row)
            find_keepers(state)
            general.frame.epoch[1] = 0
            count_hard_row(state, code, general, count, block.answers, lane)
            fates[row] = time_row(state, code, count, block, lane, row)
            if general.frame.epoch[1]:
                fates[row] = TOO_LARGE
            lane = price_full(code, prices, block, fates, lane + 1, rules, results)
    price_block(code, prices, block, fates, lane, rules, results)


@woven
def boundary_between(state, code, tensor, k):
    """The record of a tensor's k-th boundary, -1 if no price exists, and the position of its child.

    The state keeps the record.
    """
    levels = code[program.LEVELS]
    child, position = levels, state[SIZES, SLOTS]
    if k + 1 < state[KEPT, tensor]:
        child, position = state[KEEPER_LEVEL + tensor, k + 1], state[KEEPER_POSITION + tensor, k + 1]
    parent = state[KEEPER_LEVEL + tensor, k]
    at = (tensor * levels + parent) * (levels + 1) + child
    record, step = code[code[program.BOUNDARY] + at], code[code[program.LINKED] + at]
    if step and record >= 0:
        record += step * (1 + _linking_array(state, code, tensor, parent, child))
    state[RECORD + tensor, k] = record
    return record, position


@woven
def _linking_array(state, code, tensor, parent, child):
    """The innermost array on whose linked axes a boundary's children pass words sideways, or -1."""
    using = -1
    for i in range(state[INSIDE, 0]):
        axis = state[SLOT_AXIS, state[LOOP_SLOT, i]]
        if axis >= 0 and code[code[program.LINKS] + tensor * code[program.AXES] + axis]:
            array = code[code[program.AXIS_ARRAY] + axis]
            rank, ranks = code[code[program.ARRAY_RANK] + array], code[program.LEVEL_RANK]
            if code[ranks + parent] < rank and rank < code[ranks + child]:
                using = max(using, array)
    return using


@lean_kernel
def count_row(state, code, known, stamps, count, answers, lane):
    """Answer every query of a row the fast way; False where it does not hold."""
    plain = find_spread(state)
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor]):
            b, child = boundary_between(state, code, tensor, k)
            if b < 0:
                continue
            clip, query, out = code[b + program.CLIPS], code[b + program.QUERY], code[b + program.ANSWERS]
            for _ in range(code[b + program.QUERY_COUNT]):
                if code[query + program.EVERY_MAC] and not code[query + program.TIMED]:
                    answer_every_mac(answers, lane, out, code[program.MACS])
                elif (
                    not plain
                    or code[query + program.FORWARD]
                    or code[query + program.WEIGHT] >= 0
                    or code[query + program.WIRES] >= 0
                    or not state[FITS + clip, tensor]
                    or not (
                        code[query + program.SHARED] or roles_agree(state, code, query + program.ROLES, child)
                    )
                ):
                    return False
                elif code[b + program.IS_OUTPUT]:
                    fast_output(state, code, b, query, count, tensor, child, answers, lane, out)
                else:
                    fast_operand(
                        state, code, b, query, known, stamps, count, tensor, child, answers, lane, out
                    )
                query += program.ROLES + code[program.AXES]
                out += COLUMNS
    return True


@inlined
def answer_every_mac(answers, lane, out, macs):
    """Every step of every place moves one word."""
    answers[out + READS, lane] = macs
    answers[out + FILLS, lane] = macs
    answers[out + FORWARDABLE, lane] = 0
    answers[out + DRAINS, lane] = macs
    answers[out + CONTRIBUTED, lane] = macs


@inlined
def count_hard_row(state, code, general, count, answers, lane):
    """Answer every query of a row by the general closed form."""
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor]):
            b, child = boundary_between(state, code, tensor, k)
            if b >= 0:
                query, out = code[b + program.QUERY], code[b + program.ANSWERS]
                for _ in range(code[b + program.QUERY_COUNT]):
                    general_query(general, state, code, b, query, count, tensor, child, answers, lane, out)
                    query += program.ROLES + code[program.AXES]
                    out += COLUMNS


@lean_kernel
def time_row(state, code, count, block, lane, row):
    """Note a row's boundaries, how often they start anew, steps and skew; return its fate."""
    block.whole[ROW, lane] = row
    count_steps(state, count)
    end = pass_end(state, code, count)
    now = block.latest[len(block.latest) - 1]
    for tensor in range(code[program.TENSORS]):
        for k in range(state[KEPT, tensor]):
            b = state[RECORD + tensor, k]
            if b < 0:
                return TOO_LARGE
            number = code[b + program.NUMBER]
            block.latest[number] = now
            block.asked[number, lane] = now
            block.again[number, lane] = restarts(state, code, count, tensor, k, end)
    block.whole[STEPS, lane] = state[STEPS_ABOVE, 0]
    block.whole[SKEW, lane] = find_skew(state, code)
    return SCORED
