"""What a mapping spends at least, given the bounds of its first steps."""

from __future__ import annotations

import math

from simulator.jit import lean_kernel, woven
from simulator.mappers.pruned.facts import (
    CHILD,
    CLIPS,
    CONTRIBUTE,
    DIVIDES,
    DRAIN,
    FILL,
    IS_OUTPUT,
    LACKS,
    PARENT,
    PLAIN,
    READ,
    RETURN,
    TENSOR,
)
from simulator.mappers.pruned.words import KEYS, fewest, tensor_words
from simulator.mapspaces.chains import DIM, PART, POOL, POSITION, SLOT, TILE, room

# Prices are sums of floats; what a bound claims is less by more than their rounding.
_SURE = 1.0 - 1e-9


@lean_kernel
def least_cost(space, plan, state, facts, depth, which):
    """Energy and cycles that no mapping with the bounds of the first ``depth`` steps goes below.

    For the order of loops with number ``which``, or of all of them for -1. Energy is the sum over boundaries
    of their fewest words (`fewest`), the MACs and leakage; cycles are the steps of a full array.
    """
    _reach(space, plan, state, facts, depth)
    cycles = 1.0
    for d in range(len(facts.extents)):
        cycles *= math.ceil(facts.extents[d] / _places(facts, d, 0))
    energy = math.inf
    for o in range(len(facts.place)):
        if which < 0 or which == o:
            for k in range(len(plan.steps)):
                place = facts.place[o, plan.steps[k, SLOT], plan.steps[k, DIM]]
                facts.keys[k] = plan.steps[k, POSITION] * KEYS + place
            energy = min(energy, _energy(plan, state, facts, depth))
    return (energy + facts.fixed[0] + facts.fixed[1] * cycles) * _SURE, cycles


@woven
def _reach(space, plan, state, facts, depth):
    """Set the largest bound of every step, and the largest tile that capacities leave with those inside it.

    Argument: dimensions not chosen count with their smallest tiles.
    """
    table = space.layout.table
    for k in range(len(plan.steps)):
        facts.room[k] = math.inf
        if k < depth:
            facts.high[k] = state.at[k]
        elif facts.spatial[k]:
            facts.high[k] = room(table, space.restriction.most, state.vector, plan.steps[k])
        else:
            facts.high[k] = space.restriction.most[plan.steps[k, SLOT], plan.steps[k, DIM]]
    for j in range(len(state.sums)):
        state.sums[j] = 0.0
    for j in range(len(plan.kept)):
        state.sums[plan.kept[j, POOL]] += state.bits[depth, j]
        state.sums[plan.kept[j, PART]] += state.bits[depth, j]
    for c in range(len(facts.caps)):
        j, k = facts.caps[c, 0], facts.caps[c, 1]
        if k >= depth:
            bits = state.bits[depth, j]
            pool, part = plan.kept[j, POOL], plan.kept[j, PART]
            left = bits + min(plan.limits[pool] - state.sums[pool], plan.limits[part] - state.sums[part])
            tile = state.tiles[plan.kept[j, TILE], plan.steps[k, DIM]]
            most = tile * left / bits * (1.0 + 1e-12)
            # Otherwise a tile of the whole dimension fits, whatever its bounds multiply to.
            if most < facts.extents[plan.steps[k, DIM]]:
                inside = 1.0
                for i in range(facts.steps_of[plan.steps[k, DIM], 0], min(k, depth)):
                    inside *= state.at[i]
                facts.room[k] = min(facts.room[k], inside * max(1.0, math.floor(most / inside)))


@woven
def _places(facts, d, first):
    """The most places on axes from slot ``first`` on that a dimension takes."""
    places = 1.0
    for k in range(facts.steps_of[d, 0], facts.steps_of[d, 1]):
        if facts.spatial[k] and facts.keys[k] >= first * KEYS:
            places *= facts.high[k]
    return min(places, float(facts.extents[d]))


@woven
def _energy(plan, state, facts, depth):
    """What all boundaries cost at least."""
    energy = 0.0
    for b in range(len(facts.rows)):
        row, price = facts.rows[b], facts.prices[b]
        t, clip = row[TENSOR], row[CLIPS]
        if row[PLAIN]:
            read, delivered, alone = _plain(facts, b)
        else:
            read, delivered, alone = fewest(facts, plan, state, depth, t, row[PARENT], row[CHILD], clip)
        if row[IS_OUTPUT]:
            energy += price[DRAIN] * read + price[CONTRIBUTE] * delivered
            energy += price[RETURN] * (alone - tensor_words(facts, t, clip))
        else:
            energy += price[READ] * read + price[FILL] * delivered
    return energy


@woven
def _plain(facts, b):
    """Words read for MACs that hold nothing, delivered to them all, and read for one parent.

    Argument: in a step one word serves all MACs that a parent feeds, at most.
    """
    t, parent = facts.rows[b, TENSOR], facts.rows[b, PARENT]
    read, runs = facts.plain[b], 1.0
    for d in range(len(facts.extents)):
        if facts.role[t, d] != DIVIDES:
            read /= _places(facts, d, parent)
        if facts.role[t, d] == LACKS:
            runs *= math.ceil(facts.extents[d] / _places(facts, d, 0))
    return read, facts.plain[b], runs * tensor_words(facts, t, 0)
