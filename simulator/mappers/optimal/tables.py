"""The cheapest completion of every partial mapping, capacities shared by tensors left aside: the bound."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mappers.optimal.model import Model
from simulator.mappers.optimal.words import (
    free_repeats,
    mac_words,
    operand_words,
    output_words,
    price_operand,
    price_output,
)


class Holders(NamedTuple):
    """Which level holds each tensor innermost so far: H states, those before that can come before.

    held (H, T): the level; after (H, T, L + 1): the state once a tensor goes on to a level, -1 where it
    cannot; in the last column 1 where it may go on to the MAC; leaves (H,): 1 where no tensor needs another
    level outside the array; outer (H,): 1 where all levels are outside it.
    """

    held: Ints
    after: Ints
    leaves: Ints
    outer: Ints


class Places(NamedTuple):
    """The array as one spread uses it, or as nothing uses it.

    total (D,), shared (T, D): as in `Spreads`; apart, union (R, 2): where the sums of ranks begin, of all
    places and of their unions; one (T, D) of
    ones; and of every dimension the sizes that tiles inside can have: many (D,), size (D, K), back (D, K)
    from a size to its place there, -1 where it has none.
    """

    total: Ints
    shared: Ints
    apart: Ints
    union: Ints
    one: Ints
    many: Ints
    size: Ints
    back: Ints


def make_holders(model: Model, never: Ints) -> Holders:
    """Return every combination of levels and which can follow; ``never`` (T, L) marks levels to bypass."""
    levels, tensors = model.levels.tolist(), len(model.levels)
    states = sorted(product(*map(range, levels)), key=sum)
    number = {state: i for i, state in enumerate(states)}
    most = model.must.shape[1]
    after = np.full((len(states), tensors, most + 1), -1, np.int64)
    leaves, outer = np.ones(len(states), np.int64), np.ones(len(states), np.int64)
    for i, state in enumerate(states):
        for t, a in enumerate(state):
            for b in range(a + 1, levels[t] + 1):
                if model.must[t, a + 1 : b].any():
                    break
                if b < levels[t] and never[t, b]:
                    continue
                target = (*state[:t], b, *state[t + 1 :])
                after[i, t, most if b == levels[t] else b] = 1 if b == levels[t] else number[target]
            outside = [b for b in range(a + 1, levels[t]) if not model.inner[t, b]]
            leaves[i] &= not any(model.must[t, b] for b in outside)
            outer[i] &= not model.inner[t, a]
    return Holders(np.array(states, np.int64), after, leaves, outer)


@lean_kernel
def boundary_price(m, sums, start, p, t, a, b, at, n, gaps, many, inside, words):
    """The least that a tensor's boundary between levels ``a`` and ``b`` costs with tiles ``at`` at the child.

    ``gaps`` (G, D) are iterations above the child as `sliding_words` takes them; if ``many`` is 0 they are
    scratch, and loops may stand in any order. ``inside`` of them are inside the array; -1 where loops that
    the tensor lacks may repeat nothing at all.

    ``b`` is the number of levels for the MAC, whose tiles are single words.
    """
    mac = b == m.must.shape[1]
    crosses = (mac or m.inner[t, b]) and not m.inner[t, a]
    below = mac or m.inner[t, b]
    shared = p.shared if crosses else p.one
    total = p.total if below else p.one[0]
    free = 1.0
    if crosses and not mac:
        free = np.inf if inside < 0 else free_repeats(m, t, gaps, many, inside)
    if m.output[t]:
        output_words(m, t, n, total, shared, mac, free, words)
        if mac:
            words[2] = m.macs[0]
            if not crosses:
                words[0], words[1] = words[2], words[2]
        return price_output(m, m.prices[t, a, b], words, crosses)
    apart = p.apart if below else start
    union = p.union if crosses else apart
    if mac:
        mac_words(m, sums, apart, union, t, m.clips[t, a], at, shared, crosses, words)
    else:
        if many == 0:
            many = np.int64(1)
            for d in range(len(n)):
                gaps[0, d] = n[d] / total[d]
        operand_words(m, sums, apart, union, t, m.clips[t, a], at, n, total, shared, gaps, many, free, words)
    return price_operand(m.prices[t, a, b], words)


@lean_kernel
def tile_bits(m, t, b, at):
    """Bits that a tile takes at a level."""
    bits = float(m.bits[t, b])
    for r in range(m.rank_start[t], m.rank_start[t + 1]):
        d1, d2 = m.rank_dims[r, 0], m.rank_dims[r, 1]
        place = at[d1] * m.lattice.many[d2] + at[d2] if d2 >= 0 else at[d1]
        bits *= m.room[m.rank_room[r, m.clips[t, b]] + place]
    return bits


@lean_kernel
def fits_alone(m, t, b, at):
    """Whether a tile fits where it is the only one."""
    bits = tile_bits(m, t, b, at)
    for i in range(2):
        pool = m.pools[t, b, i]
        if pool >= 0 and bits > m.limits[pool]:
            return False
    return True


@lean_kernel
def end_price(m, sums, start, p, holders, state, at, n, gaps, words):
    """What all innermost boundaries cost: ``at`` and ``n`` are tiles of one word."""
    price = 0.0
    for t in range(len(m.levels)):
        mac = m.must.shape[1]
        if holders.after[state, t, mac] < 0:
            return np.inf
        price += boundary_price(
            m, sums, start, p, t, holders.held[state, t], mac, at, n, gaps, np.int64(0), np.int64(0), words
        )
    return price


@lean_kernel
def complete(m, sums, start, p, holders, region, prices, at, n, gaps, words, costs):
    """Fill ``costs`` (H, N) with the cheapest way on from every state of holders and tiles of a region.

    On entry they are the cheapest ways out of the region. ``prices`` (T, L, L, N), ``at``, ``n`` (D,),
    ``gaps`` (1, D) and ``words`` are scratch. Tiles are numbered by the places of their sizes in ``p.size``.
    """
    dims, tensors, most = len(at), len(m.levels), m.must.shape[1]
    number = costs.shape[1]
    for d in range(dims):
        at[d], n[d] = p.size[d, 0], m.lattice.tiles[d, p.size[d, 0]]
    for tiles in range(number):
        rest = tiles
        for d in range(dims - 1, -1, -1):
            at[d] = p.size[d, rest % p.many[d]]
            n[d] = m.lattice.tiles[d, at[d]]
            rest //= p.many[d]
        for t in range(tensors):
            for b in range(1, m.levels[t]):
                if m.inner[t, b] != region:
                    continue
                fits = fits_alone(m, t, b, at)
                for a in range(b):
                    prices[t, a, b, tiles] = np.inf
                    if fits:
                        prices[t, a, b, tiles] = boundary_price(
                            m, sums, start, p, t, a, b, at, n, gaps, np.int64(0), np.int64(0), words
                        )
    for state in range(len(holders.held) - 1, -1, -1):
        if region == 0 and not holders.outer[state]:
            continue
        for t in range(tensors):
            for b in range(1, most):
                target = holders.after[state, t, b]
                if target >= 0 and m.inner[t, b] == region:
                    a = holders.held[state, t]
                    for tiles in range(number):
                        way = prices[t, a, b, tiles] + costs[target, tiles]
                        if way < costs[state, tiles]:
                            costs[state, tiles] = way
        _least_inside(m, p, costs[state])


@lean_kernel
def keep_tiles(m, sums, start, p, holders, at, n, gaps, words, base, costs):
    """Lower ``costs`` (H, N) inside the array to those of tensors that keep their tiles while it starts anew.

    A tensor whose whole tile at the array's bottom fits its level may stay there while loops it lacks run
    outside; then it costs what its tiles cost once. The innermost loop outside is lacking for one tensor
    alone, unless two lack the same dimension: so others pay in full, as in ``base`` (H, N).
    """
    alone = True
    for d in range(len(at)):
        lacking = 0
        for t in range(len(m.levels)):
            lacking += m.lattice.many[d] > 1 and not m.relevant[t, d]
        alone = alone and lacking <= 1
    for tiles in range(costs.shape[1]):
        rest = tiles
        for d in range(len(at) - 1, -1, -1):
            at[d] = p.size[d, rest % p.many[d]]
            n[d] = m.lattice.tiles[d, at[d]]
            rest //= p.many[d]
        for t in range(len(m.levels)):
            for b in range(1, m.levels[t]):
                if not m.inner[t, b] or not fits_alone(m, t, b, at):
                    continue
                for a in range(b):
                    if m.inner[t, a]:
                        continue
                    once = boundary_price(
                        m, sums, start, p, t, a, b, at, n, gaps, np.int64(0), np.int64(-1), words
                    )
                    for state in range(len(holders.held) - 1, -1, -1):
                        target = holders.after[state, t, b]
                        if target >= 0 and holders.held[state, t] == a:
                            rest_of_all = base[target, tiles] if alone else costs[target, tiles]
                            costs[state, tiles] = min(costs[state, tiles], once + rest_of_all)


@lean_kernel
def _least_inside(m, p, costs):
    """Replace every cost (N,) by the least of all tiles that lie inside."""
    inner = 1
    for d in range(len(p.many) - 1, -1, -1):
        outer = len(costs) // (inner * p.many[d])
        for i in range(p.many[d] - 1, -1, -1):
            for c in range(m.lattice.next_.shape[2]):
                full = m.lattice.next_[d, p.size[d, i], c]
                if full < 0:
                    break
                j = p.back[d, full]
                if j < 0:
                    continue
                for o in range(outer):
                    base = o * p.many[d] * inner
                    for x in range(inner):
                        here, there = base + i * inner + x, base + j * inner + x
                        if costs[there] < costs[here]:
                            costs[here] = costs[there]
        inner *= p.many[d]


@lean_kernel
def lift(m, p, costs, at, top):
    """Lower ``top`` (N,), the costs above the array, to those of ``costs`` (n,) inside it, place by place."""
    for tiles in range(len(costs)):
        rest, index = tiles, 0
        for d in range(len(at) - 1, -1, -1):
            at[d] = p.size[d, rest % p.many[d]]
            rest //= p.many[d]
        for d in range(len(at)):
            whole = min(m.lattice.extents[d], m.lattice.size[d, at[d]] * p.total[d])
            index = index * m.lattice.many[d] + m.lattice.number[d, whole]
        if costs[tiles] < top[index]:
            top[index] = costs[tiles]
