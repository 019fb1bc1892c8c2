"""Every choice of bounds for one way to hold tensors, depth first, cut where nothing below can be legal.

A *step* chooses the bound of one dimension in one open slot: dimension by dimension, each from its
innermost slot outwards, the outermost taking what remains. Dimensions not yet chosen count with their
smallest tiles, so a bound that exceeds an axis or a capacity rules out every larger one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import (
    AXIS_SIZE,
    CAP,
    DIMS,
    EXTENT,
    NODE_BITS,
    SIZES,
    SLOT_AXIS,
    Floats,
    Layout,
)
from simulator.batch.state import tile_bits
from simulator.counting.lowering import Ints
from simulator.jit import inlined, lean_kernel
from simulator.mapspaces.bounds import admitted_after, admitted_up_to
from simulator.mapspaces.restriction import Restriction

# Columns of a step. LAST: the outermost slot of its dimension; REACH: the most units that slots outside it
# take; END: the step after the last of its dimension; SATURATED: 1 where checked afterwards, 2 where every
# other dimension is chosen before, so that the first bound with a legal mapping is the one.
DIM, SLOT, POSITION, LAST, REACH, END, SATURATED = range(7)
LATER, NOW = 1, 2


# Columns of a kept node: the node, the position of its tile, the capacity and the partition it shares, or
# the last of the limits, which is none.
NODE, TILE, POOL, PART = range(4)
# Columns of a link, what a step changes: a rank of a kept node, with the rank's dimensions and extents.
KEPT, PLACE, RANK, OWN, OTHER, WIDEST, HIGHEST, REPEAT, OTHER_REPEAT, CLIPPED = range(10)


class Plan(NamedTuple):
    """One way to hold tensors. K steps, S slots, D dimensions, k kept nodes.

    steps (K, 7); floor (S + 1, D): tiles that no mapping goes below; kept (k, 4); limits (pools + 1,): bits;
    links (L, 10), those of a step from first_link (K + 2,) on, then those of every rank; exact (1,): 1 where
    tiles of chosen bounds may take more than `floors` says; repeated (A, 2**axes): 1 where a plan before
    this one has the axes of an array that have loops, a set of them, in the same order.
    """

    steps: Ints
    floor: Ints
    kept: Ints
    limits: Floats
    links: Ints
    first_link: Ints
    exact: Ints
    repeated: Ints


class State(NamedTuple):
    """Where a search stands; it goes on from there.

    depth (1,): the step to choose next; at, low, inside, found (K,): the bound chosen last (0: none), the
    least, the tile inside, whether anything below was legal; tiles (S + 1, D); words (k, 1 + ranks): factors
    of each tile's bits; bits (K + 1, k) before a step; exact, sums: room to work in; visited (1,): bounds
    tried; pending (1,): 1 while orders of the loops reached are not all given; vector (length,).
    """

    depth: Ints
    at: Ints
    low: Ints
    inside: Ints
    found: Ints
    tiles: Ints
    words: Floats
    bits: Floats
    exact: Floats
    sums: Floats
    visited: Ints
    pending: Ints
    vector: npt.NDArray[np.int32]


class Space(NamedTuple):
    """What every plan of a mapspace shares.

    ``floors`` is the layout with tiles that grow with bounds; ``ordered`` the slots with several orders.
    """

    layout: Layout
    floors: Layout
    restriction: Restriction
    ordered: Ints


def start(space: Space, plan: Plan, template: npt.NDArray[np.int32]) -> State:
    """Return the state before the first bound; ``template`` (length,) is a vector without loops."""
    steps, nodes = plan.steps, len(plan.kept)
    zeros = np.zeros(len(steps), np.int64)
    vector = template.copy()
    vector[1 : 1 + space.restriction.least.size] = space.restriction.least.ravel()
    words = np.ones((nodes, 1 + int(plan.links[:, RANK].max(initial=0))))
    words[:, 0] = space.layout.table[NODE_BITS, plan.kept[:, NODE]]
    # With the links of all ranks.
    first = np.zeros((2, nodes))
    _measure(plan.links[plan.first_link[-2] :], space.floors.clipped, plan.floor, words, first)
    bits = np.zeros((len(steps) + 1, nodes))
    bits[0] = first[1]
    low = space.restriction.least[steps[:, SLOT], steps[:, DIM]]
    return State(
        np.zeros(1, np.int64), zeros, low, np.ones_like(zeros), zeros.copy(), plan.floor.copy(), words, bits,
        np.zeros(nodes), np.zeros(len(plan.limits)), np.zeros(1, np.int64), np.zeros(1, np.int64), vector,
    )  # fmt: skip


def copied(state: State) -> State:
    """Return a state to search on from another without disturbing it."""
    return State._make(field.copy() for field in state)


@lean_kernel
def next_bounds(space, plan, state, scratch, budget):
    """Go on to the next bounds of a legal mapping; whether there are any within ``budget`` bounds tried."""
    count = len(plan.steps)
    while descend(space, plan, state, np.int64(0), count, budget):
        for k in range(count):
            if plan.steps[k, SATURATED] == NOW:
                state.found[k] = 1
        grows = False
        for k in range(count - 1, -1, -1):
            if plan.steps[k, SATURATED] == LATER and not grows:
                grows = grows_from(space, plan, state, scratch, k)
        if not grows:
            return True
    return False


@lean_kernel
def descend(space, plan, state, first, end, budget):
    """Go on choosing the bounds of steps ``first`` to ``end``; whether all of them are chosen and fit.

    A step takes the largest bound that may lead to a legal mapping, then the next smaller ones.
    """
    table, rule, k = space.layout.table, space.restriction.factors[0], state.depth[0]
    # Handing single arrays on is cheap, all of them is not: what is called here sees few.
    dims, vector, tiles, floor = table[SIZES, DIMS], state.vector, state.tiles, plan.floor
    words, clipped, kept, limits, sums = state.words, space.floors.clipped, plan.kept, plan.limits, state.sums
    if k == end:
        k -= 1
    while k >= first and state.visited[0] < budget:
        state.visited[0] += 1
        step, inside, last = plan.steps[k], state.inside[k], plan.steps[k, LAST]
        links = plan.links[plan.first_link[k] : plan.first_link[k + 1]]
        bits = state.bits[k : k + 2]
        units = (table[EXTENT, step[DIM]] + inside - 1) // inside
        least = max(state.low[k], (units + step[REACH] - 1) // step[REACH])
        if state.at[k]:
            # Smaller bounds than one that fits do.
            most = 0 if last or state.found[k] else state.at[k] - 1
        else:
            most = min(units, room(table, space.restriction.most, vector, step))
            low, high = least - 1, most + 1
            middle = most
            while high - low > 1:
                _put(tiles, floor, vector, step, dims, inside, middle)
                _measure(links, clipped, tiles, words, bits)
                if _within(kept, limits, sums, bits[1]):
                    low = middle
                else:
                    high = middle
                middle = (low + high) // 2
            most = low
        bound = admitted_up_to(rule, units, most) if most >= least else 0
        if bound >= least and not (last and bound < units):
            state.at[k] = bound
            _put(tiles, floor, vector, step, dims, inside, bound)
            _measure(links, clipped, tiles, words, bits)
            k += 1
            if k == end:
                if _fits(space, plan, state):
                    break
                k -= 1
                continue
            enter(plan, state, k)
        else:
            # Its least again for the steps before it.
            _put(tiles, floor, vector, step, dims, inside, state.low[k])
            _measure(links, clipped, tiles, words, bits)
            k -= 1
    state.depth[0] = k
    return k == end


@lean_kernel
def enter(plan, state, k):
    """Begin with a step: none of its bounds is chosen."""
    same = k > 0 and plan.steps[k, DIM] == plan.steps[k - 1, DIM]
    state.inside[k] = state.inside[k - 1] * state.at[k - 1] if same else 1
    state.at[k], state.found[k], state.depth[0] = 0, 0, k


@lean_kernel
def leave(space, plan, state, first):
    """Give up the bounds of all steps from one on; the step before, of the same dimension, is next."""
    for k in range(first, len(plan.steps)):
        step = plan.steps[k]
        state.vector[1 + step[SLOT] * space.layout.table[SIZES, DIMS] + step[DIM]] = state.low[k]
    state.depth[0] = first - 1


@lean_kernel
def choose(space, plan, state, k, bound):
    """Choose the bound of a step that was chosen before with the same ones inside it."""
    step = plan.steps[k]
    state.at[k] = bound
    _put(state.tiles, plan.floor, state.vector, step, space.layout.table[SIZES, DIMS], state.inside[k], bound)
    links = plan.links[plan.first_link[k] : plan.first_link[k + 1]]
    _measure(links, space.floors.clipped, state.tiles, state.words, state.bits[k : k + 2])


@lean_kernel
def room(table, most, vector, step):
    """The largest bound of a step that its axis has places for, all steps to come at their least."""
    d, slot, dims = step[DIM], step[SLOT], table[SIZES, DIMS]
    axis = table[SLOT_AXIS, slot]
    if axis < 0:
        return most[slot, d]
    used = 1
    for other in range(dims):
        if other != d:
            used = min(CAP, used * vector[1 + slot * dims + other])
    return min(most[slot, d], table[AXIS_SIZE, axis] // used)


@lean_kernel
def _put(tiles, floor, vector, step, dims, tile, bound):
    """Set the bound of a step and the tiles outside it."""
    d = step[DIM]
    vector[1 + step[SLOT] * dims + d] = bound
    for p in range(step[POSITION] + 1):
        tiles[p, d] = max(tile * bound, floor[p, d])


@lean_kernel
def _measure(links, clipped, tiles, words, bits):
    """Set the bits (2, k) of every tile after a step from those before it, by the links of the step."""
    for j in range(bits.shape[1]):
        bits[1, j] = bits[0, j]
    for i in range(len(links)):
        j, place, own, other = links[i, KEPT], links[i, PLACE], links[i, OWN], links[i, OTHER]
        wide = min(tiles[place, own], links[i, WIDEST])
        high = min(tiles[place, other], links[i, HIGHEST]) if other >= 0 else 1
        if links[i, CLIPPED] >= 0:
            found = clipped[links[i, CLIPPED] + (wide - 1) * links[i, HIGHEST] + high - 1]
        else:
            found = wide * high - max(0, wide - links[i, REPEAT]) * max(0, high - links[i, OTHER_REPEAT])
        words[j, links[i, RANK]] = found
        product = 1.0
        for r in range(words.shape[1]):
            product *= words[j, r]
        bits[1, j] = product


@inlined
def _fits(space, plan, state):
    """Whether the tiles of chosen bounds fit exactly, where padding left out makes them less than sure."""
    if not plan.exact[0]:
        return True
    for j in range(len(plan.kept)):
        state.exact[j] = tile_bits(
            space.layout.table, space.layout.clipped, plan.kept[j, 0], state.tiles, plan.kept[j, 1]
        )
    return _within(plan.kept, plan.limits, state.sums, state.exact)


@lean_kernel
def _within(kept, limits, sums, bits):
    """Whether the bits of kept nodes (k,) are within all capacities."""
    for pool in range(len(sums)):
        sums[pool] = 0.0
    for j in range(len(kept)):
        sums[kept[j, POOL]] += bits[j]
        sums[kept[j, PART]] += bits[j]
    within = True
    for pool in range(len(limits)):
        within &= sums[pool] <= limits[pool]
    return within


@inlined
def grows_from(space, plan, state, scratch, first):
    """Whether a larger bound of a step is legal with some bounds of the steps outside it in its dimension."""
    rule, d = space.restriction.factors[0], plan.steps[first, DIM]
    end, slot = plan.steps[first, END], plan.steps[first, SLOT]
    units = (space.layout.table[EXTENT, d] + state.inside[first] - 1) // state.inside[first]
    low = admitted_after(rule, units, state.at[first], min(units, space.restriction.most[slot, d]))
    if not low:
        return False
    dims = space.layout.table[SIZES, DIMS]
    for column in range(len(state.vector)):
        scratch.vector[column] = state.vector[column]
    for p in range(len(state.tiles)):
        for e in range(dims):
            scratch.tiles[p, e] = state.tiles[p, e]
    for j in range(len(plan.kept)):
        for r in range(state.words.shape[1]):
            scratch.words[j, r] = state.words[j, r]
        # What a step leaves as it is has its final bits.
        scratch.bits[first, j] = state.bits[len(plan.steps), j]
    for k in range(first, end):
        scratch.low[k] = state.low[k]
    scratch.low[first], scratch.inside[first], scratch.at[first] = low, state.inside[first], 0
    scratch.found[first], scratch.visited[0], scratch.depth[0] = 0, 0, first
    for k in range(first, end):
        scratch.vector[1 + plan.steps[k, SLOT] * dims + d] = state.low[k]
    return descend(space, plan, scratch, first, end, np.int64(CAP))
