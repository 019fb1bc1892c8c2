"""The cheapest completion of every partial mapping, capacities shared by tensors left aside: the bound."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from simulator.counting.lowering import Ints
from simulator.jit import lean_kernel
from simulator.mappers.optimal.model import CONSTANT, Model
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
    cannot; in the last column 1 where it may go on to the MAC; at (H, T, L): the state with a tensor at a
    level, whether it can go there or not; leaves (H,): 1 where no tensor needs another level outside the
    array; more (H,): 1 where one may be held by another level there.
    """

    held: Ints
    after: Ints
    at: Ints
    leaves: Ints
    more: Ints


class Places(NamedTuple):
    """The array as one spread uses it, or as nothing uses it.

    total (D,), shared (T, D): as in `Spreads`; apart, union (R, 2): where the sums of ranks begin, of all
    places and of their unions; one (T, D) of ones; and of every dimension the sizes that tiles inside can
    have: many (D,), size (D, K), back (D, K) from a size to its place there, -1 where it has none.
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
    at = np.full((len(states), tensors, most), -1, np.int64)
    leaves, more = np.ones(len(states), np.int64), np.zeros(len(states), np.int64)
    for i, state in enumerate(states):
        for t, a in enumerate(state):
            at[i, t, : levels[t]] = [number[*state[:t], b, *state[t + 1 :]] for b in range(levels[t])]
            for b in range(a + 1, levels[t] + 1):
                if model.must[t, a + 1 : b].any():
                    break
                if b < levels[t] and never[t, b]:
                    continue
                target = (*state[:t], b, *state[t + 1 :])
                after[i, t, most if b == levels[t] else b] = 1 if b == levels[t] else number[target]
            outside = [b for b in range(a + 1, levels[t]) if not model.inner[t, b]]
            leaves[i] &= not any(model.must[t, b] for b in outside)
            more[i] |= bool(outside)
    return Holders(np.array(states, np.int64), after, at, leaves, more)


@lean_kernel
def boundary_price(m, sums, start, p, t, a, b, at, n, gaps, many, free, words):
    """The least that a tensor's boundary between levels ``a`` and ``b`` costs with tiles ``at`` at the child.

    ``gaps`` (G, D) are iterations above the child as `sliding_words` takes them; if ``many`` is 0 they are
    scratch, and loops may stand in any order. Of the iterations of loops that the tensor lacks, ``free``
    repeat nothing (`free_repeats`).

    ``b`` is the number of levels for the MAC, whose tiles are single words.
    """
    crosses = _crosses(m, t, a, b)
    _boundary_words(m, sums, start, p, t, m.clips[t, a], b, crosses, at, n, gaps, many, free, words)
    return _price(m, t, a, b, crosses, words)


@lean_kernel
def _crosses(m, t, a, b):
    """Whether the array stands between two levels."""
    return (b == m.must.shape[1] or m.inner[t, b]) and not m.inner[t, a]


@lean_kernel
def _price(m, t, a, b, crosses, words):
    if m.output[t]:
        return price_output(m, m.prices[t, a, b], words, crosses)
    return price_operand(m.prices[t, a, b], words)


@lean_kernel
def _boundary_words(m, sums, start, p, t, clip, b, crosses, at, n, gaps, many, free, words):
    """The words of a boundary, as `output_words` or `operand_words` puts them; see `boundary_price`."""
    mac = b == m.must.shape[1]
    below = mac or m.inner[t, b]
    shared = p.shared if crosses else p.one
    total = p.total if below else p.one[0]
    if m.output[t]:
        output_words(m, t, n, total, shared, mac, free, words)
        if mac:
            words[2] = m.macs[0]
            if not crosses:
                words[0], words[1] = words[2], words[2]
        return
    apart = p.apart if below else start
    union = p.union if crosses else apart
    if mac:
        mac_words(m, sums, apart, union, t, clip, at, shared, crosses, words)
        return
    if many == 0:
        many = np.int64(1)
        for d in range(len(n)):
            gaps[0, d] = n[d] / total[d]
    operand_words(m, sums, apart, union, t, clip, at, n, total, shared, gaps, many, free, words)


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
            m, sums, start, p, t, holders.held[state, t], mac, at, n, gaps, np.int64(0), 1.0, words
        )
    return price


@lean_kernel
def level_prices(m, sums, start, p, region, at, n, gaps, words, prices):
    """Fill ``prices`` (T, L, L, N) with those of boundaries to a region's levels, infinite where none fits.

    ``at``, ``n`` (D,), ``gaps`` (1, D) and ``words`` are scratch. Tiles are numbered by the places of their
    sizes in ``p.size``.
    """
    for tiles in range(prices.shape[3]):
        rest = tiles
        for d in range(len(at) - 1, -1, -1):
            at[d] = p.size[d, rest % p.many[d]]
            n[d] = m.lattice.tiles[d, at[d]]
            rest //= p.many[d]
        for t in range(len(m.levels)):
            for b in range(1, m.levels[t]):
                if m.inner[t, b] != region:
                    continue
                fits = fits_alone(m, t, b, at)
                for a in range(b):
                    prices[t, a, b, tiles] = np.inf
                    if fits:
                        crosses, clip = _crosses(m, t, a, b), m.clips[t, a]
                        # Parents that ask for the same words differ in what these cost alone.
                        if a == 0 or clip != m.clips[t, a - 1] or crosses != _crosses(m, t, a - 1, b):
                            _boundary_words(
                                m, sums, start, p, t, clip, b, crosses, at, n, gaps, np.int64(0), 1.0, words
                            )
                        prices[t, a, b, tiles] = _price(m, t, a, b, crosses, words)


@lean_kernel
def complete_inside(m, p, holders, prices, free, costs):
    """Fill ``costs`` (H, n) with the cheapest way from every state and tiles inside the array to the end.

    On entry they are what is spent without another level. ``free`` (D,) is scratch.
    """
    free[:] = 1
    for state in range(len(holders.held) - 1, -1, -1):
        for t in range(len(m.levels)):
            for b in range(1, m.levels[t]):
                if m.inner[t, b] and holders.after[state, t, b] >= 0:
                    _by_level(
                        prices[t, holders.held[state, t], b], costs[holders.after[state, t, b]], costs[state]
                    )
        _least_inside(m, p, free, costs[state])


@lean_kernel
def complete_outside(m, p, holders, prices, inside, free, costs):
    """Fill ``costs`` (H, n) with the cheapest way from every state and tiles above the array to the end.

    ``inside`` (H, n) are the ways on once the array is entered. ``free`` (D,) is scratch.

    A tensor may be held inside already: there it stays while all loops that follow outside are ones that it
    lacks, so it costs what it would if its level stood above them and above the nodes between them.
    """
    tensors, number = len(m.levels), costs.shape[1]
    for state in range(len(holders.held) - 1, -1, -1):
        for tiles in range(number):
            costs[state, tiles] = inside[state, tiles] if holders.leaves[state] else np.inf
        free[:] = 1
        for t in range(tensors):
            if m.inner[t, holders.held[state, t]]:
                for d in range(len(free)):
                    free[d] &= not m.relevant[t, d]
        if not holders.more[state]:
            continue
        for t in range(tensors):
            a = holders.held[state, t]
            for b in range(1, m.levels[t]):
                if holders.after[state, t, b] >= 0:
                    _by_level(prices[t, a, b], costs[holders.after[state, t, b]], costs[state])
        _least_inside(m, p, free, costs[state])


@lean_kernel
def _by_level(prices, costs, least):
    for tiles in range(len(least)):
        least[tiles] = min(least[tiles], prices[tiles] + costs[tiles])


@lean_kernel
def staying(m, p, holders, prices, table, state, index, at, gaps, inside, kept, way, choice):
    """The cheapest way on where tensors stay inside the array since loops before; infinite where none can.

    The state's tiles inside are ``at`` and have the number ``index`` in ``prices`` (T, L, L, n) and ``table``
    (H, n); ``gaps`` (G, D) are the iterations before, ``inside`` of them inside the array; ``kept`` is the
    tensor known to stay (-1: none). ``way`` (T, L) and ``choice`` (T,) are scratch.
    """
    some = False
    for t in range(len(m.levels)):
        way[t, :] = np.inf
        choice[t] = -1
        a = holders.held[state, t]
        if m.inner[t, a] or (m.alone[0] and kept >= 0 and kept != t):
            continue
        free = free_repeats(m, t, gaps, len(gaps), inside)
        if free <= 1.0:
            continue
        if _held_throughout(m, p, t, at):
            free = 1.0
        for b in range(a + 1, m.levels[t]):
            for c in range(a, b):
                before = 0.0 if c == a else way[t, c]
                if m.inner[t, b] and before < np.inf and holders.after[holders.at[state, t, c], t, b] >= 0:
                    constant = m.prices[t, c, b, CONSTANT]
                    price = (prices[t, c, b, index] - constant) / free + constant
                    way[t, b] = min(way[t, b], before + price)
                    some = some or way[t, b] < np.inf
    return _least_choice(m, holders, table, state, index, way, choice) if some else np.inf


@lean_kernel
def _held_throughout(m, p, t, at):
    """Whether places hold all of a tensor at once, so that nothing of it ever moves again."""
    for d in range(len(at)):
        if m.relevant[t, d] and m.lattice.size[d, at[d]] * p.total[d] < m.lattice.extents[d]:
            return False
    return True


@lean_kernel
def _least_choice(m, holders, table, state, index, way, choice):
    """The cheapest of all choices of tensors that stay and of their levels, by what these cost (T, L)."""
    least = np.inf
    while True:
        # The next choice of levels, like the digits of a number.
        t = 0
        while t < len(choice):
            choice[t] += 1
            while choice[t] < m.levels[t] and way[t, choice[t]] == np.inf:
                choice[t] += 1
            if choice[t] < m.levels[t]:
                break
            choice[t] = -1
            t += 1
        if t == len(choice):
            return least
        target, price = state, 0.0
        for u in range(len(choice)):
            if choice[u] >= 0:
                target = holders.at[target, u, choice[u]]
                price += way[u, choice[u]]
        least = min(least, price + table[target, index])


@lean_kernel
def _least_inside(m, p, free, costs):
    """Replace every cost (n,) by the least of all tiles that lie inside along ``free`` dimensions."""
    inner = 1
    for d in range(len(p.many) - 1, -1, -1):
        if not free[d]:
            inner *= p.many[d]
            continue
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
