"""Mappings of a plan, depth first, cut where no mapping below can be better than those known."""

from __future__ import annotations

from simulator.jit import lean_kernel, woven
from simulator.mappers.pruned.bounds import least_cost
from simulator.mapspaces.chains import DIM, LATER, NOW, SATURATED, choose, descend, enter, grows_from, leave
from simulator.mapspaces.orders import next_orders, put_order, repeats_axes


@woven
def beaten(points, energy, cycles):
    """Whether a point (P, 2) of energy and cycles is less than one and no more than the other."""
    found = False
    for p in range(len(points)):
        found |= energy > points[p, 0] and cycles >= points[p, 1]
    return found


@lean_kernel
def fill_prefixes(space, plan, state, scratch, facts, ends, at, points, budget, prefixes, costs):
    """Write the next choices of the bounds of all but the last dimension to ``prefixes`` (B, steps).

    And to ``costs`` (B, 2) the least energy and cycles of any mapping with them; those that ``points`` beat
    are left out. Return how many, fewer than B at the plan's end or once ``budget`` bounds were tried.
    ``ends`` are the numbers of steps after which to look, from the first on, and ``at`` (1,) which is next.
    """
    if not prefixes.shape[1]:
        costs[0, 0], costs[0, 1] = least_cost(space, plan, state, facts, 0, -1)
        at[0] = 0
        return 1
    n = 0
    while n < len(prefixes) and _next(space, plan, state, scratch, facts, ends, at, points, budget, costs[n]):
        for k in range(prefixes.shape[1]):
            prefixes[n, k] = state.at[k]
        n += 1
    return n


@lean_kernel
def fill_rows_of(
    space,
    plan,
    state,
    fresh,
    scratch,
    order,
    facts,
    ends,
    at,
    prefixes,
    least,
    done,
    points,
    budget,
    rows,
    cost,
):
    """Write the next vectors that begin as prefixes (P, steps) say to ``rows`` (B, length).

    Those that ``points`` beat are left out, and so are prefixes whose ``least`` cost (P, 2) they beat.
    ``done`` (1,) counts prefixes gone through; ``fresh`` is the state before the first bound, ``cost`` (2,)
    scratch. Return how many, fewer than B at the end or once ``budget`` bounds were tried.
    """
    n = 0
    while n < len(rows):
        if state.pending[0]:
            state.pending[0] = next_orders(space, state.vector, order)
        elif _next(space, plan, state, scratch, facts, ends, at, points, budget, cost):
            if repeats_axes(space, plan, state.vector):
                continue
            for i in range(len(space.ordered)):
                put_order(space, state.vector, order, space.ordered[i], 0)
            state.pending[0] = 1
        elif done[0] == len(prefixes) or state.visited[0] >= budget:
            return n
        else:
            i = done[0]
            if not beaten(points, least[i, 0], least[i, 1]):
                _restore(space, plan, state, fresh, prefixes[i])
                at[0] = 1
            done[0] += 1
        if state.pending[0]:
            energy, cycles = least_cost(
                space, plan, state, facts, len(plan.steps), _which(space, facts, order)
            )
            if not beaten(points, energy, cycles):
                for column in range(len(state.vector)):
                    rows[n, column] = state.vector[column]
                n += 1
    return n


@woven
def _restore(space, plan, state, fresh, bounds):
    """Choose the bounds of the first steps once more."""
    for column in range(len(state.vector)):
        state.vector[column] = fresh.vector[column]
    for p in range(len(state.tiles)):
        for d in range(state.tiles.shape[1]):
            state.tiles[p, d] = fresh.tiles[p, d]
    for j in range(state.words.shape[0]):
        for r in range(state.words.shape[1]):
            state.words[j, r] = fresh.words[j, r]
    for k in range(len(bounds)):
        enter(plan, state, k)
        choose(space, plan, state, k, bounds[k])
    enter(plan, state, len(bounds))


@woven
def _which(space, facts, order):
    """The number of the orders of all slots, -1 where they are not told apart."""
    if not len(facts.many):
        return -1
    number = 0
    for i in range(len(facts.many)):
        number = number * facts.many[i] + order[space.ordered[i]]
    return facts.alike[number]


@lean_kernel
def _next(space, plan, state, scratch, facts, ends, at, points, budget, cost):
    """Go on to the next bounds up to the last of ``ends`` that no point beats, with what they cost at least.

    Return whether there are any within the budget. Bounds of all steps are those of a legal mapping.
    """
    while at[0]:
        first, end = ends[at[0] - 1], ends[at[0]]
        if end == state.depth[0] == len(plan.steps) and _alone(plan, first):
            leave(space, plan, state, first)
            at[0] -= 1
            continue
        if not descend(space, plan, state, first, end, budget):
            if state.visited[0] >= budget:
                return False
            at[0] -= 1
            continue
        if end == len(plan.steps):
            for k in range(end):
                if plan.steps[k, SATURATED] == NOW:
                    state.found[k] = 1
        cost[0], cost[1] = least_cost(space, plan, state, facts, end, -1)
        if beaten(points, cost[0], cost[1]):
            continue
        if at[0] < len(ends) - 1:
            enter(plan, state, end)
            at[0] += 1
        elif end < len(plan.steps) or not _grows(space, plan, state, scratch):
            return True
    return False


@lean_kernel
def _alone(plan, first):
    """Whether the bounds before a step leave those from it on one choice: the first that is legal."""
    if first == 0 or plan.steps[first, DIM] != plan.steps[first - 1, DIM]:
        return False
    alone = True
    for k in range(first, len(plan.steps) - 1):
        alone &= plan.steps[k, SATURATED] == NOW
    return alone


@lean_kernel
def _grows(space, plan, state, scratch):
    """Whether a saturated bound has room."""
    for k in range(len(plan.steps) - 1, -1, -1):
        if plan.steps[k, SATURATED] == LATER and grows_from(space, plan, state, scratch, k):
            return True
    return False
