"""The ways to hold tensors that a mapspace allows, each lowered to the steps that choose its bounds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import permutations, product

import numpy as np

from simulator.batch.layout import (
    AXES,
    AXIS_SIZE,
    AXIS_SLOT,
    CAP,
    NODE_CLIPS,
    NODE_PART,
    NODE_POOL,
    NODE_TENSOR,
    POOL_BITS,
    POOLS,
    RANK_CLIPPED,
    RANK_DIM,
    RANK_OTHER,
    RANK_OTHER_REPEAT,
    RANK_REPEAT,
    RANK_START,
    SIZES,
    Layout,
)
from simulator.counting.lowering import Ints
from simulator.encoding import VERSION, Encoding, Vectors, permutation, permutation_number
from simulator.mapspaces.chains import LATER, NOW, OTHER, OWN, PLACE, Plan, Space
from simulator.mapspaces.restriction import Restriction

Orders = tuple[tuple[int, ...], ...]


def make_space(encoding: Encoding, layout: Layout, restriction: Restriction) -> Space:
    """Return what the plans of a mapspace share."""
    # No loop is longer than its axis.
    most = restriction.most.copy()
    for axis, slot in enumerate(layout.table[AXIS_SLOT, : layout.table[SIZES, AXES]]):
        most[slot] = np.minimum(most[slot], layout.table[AXIS_SIZE, axis])
    restriction = restriction._replace(most=most)
    ordered = [
        slot
        for slot in range(len(encoding.slots))
        if len(choices(restriction, slot)) != 1 and (restriction.most[slot] > 1).any()
    ]
    return Space(layout, _floors(encoding, layout), restriction, np.array(ordered, np.int64))


def choices(restriction: Restriction, index: int) -> Ints:
    """The order numbers listed for a slot, or for a region or an array behind them; none allow all."""
    return restriction.choices[restriction.choices_start[index] : restriction.choices_start[index + 1]]


def make_plans(
    encoding: Encoding, space: Space, keeps: Sequence[int] | None = None
) -> Iterator[tuple[Plan, Vectors]]:
    """Yield every plan with its vector without loops; ``keeps`` fixes which nodes keep their tensor.

    Of node orders that differ in bypassed nodes alone, the one with those furthest inside.
    """
    restriction = space.restriction
    open_slots: list[bool] = np.any(restriction.most > 1, axis=0).tolist()
    if any(extent > 1 and not open_slots[d] for d, (_, extent) in enumerate(encoding.problem.dimensions)):
        return
    # Such a loop has no step where its axis has one place, so that no step would refuse it.
    if (restriction.least > restriction.most).any():
        return
    arrays = [_axis_orders(encoding, restriction, a) for a in range(len(encoding.architecture.arrays))]
    ranges = (
        [range(high, low - 1, -1) for low, high in restriction.keep]
        if keeps is None
        else [(k,) for k in keeps]
    )
    for axes in product(*map(range, map(len, arrays))):
        picked = [orders[i] for orders, i in zip(arrays, axes, strict=True)]
        repeated = _repeated([orders[: i + 1] for orders, i in zip(arrays, axes, strict=True)])
        steps, floor = _steps(encoding, restriction, picked)
        for kept in product(*ranges):
            for orders in product(
                *(_node_orders(encoding, restriction, g, kept) for g in range(len(encoding.regions)))
            ):
                yield (
                    _plan(encoding, space, steps, floor, repeated, kept, orders),
                    _template(encoding, restriction, picked, kept, orders),
                )


def _plan(
    encoding: Encoding,
    space: Space,
    steps: Ints,
    floor: Ints,
    repeated: Ints,
    kept: Sequence[int],
    orders: Orders,
) -> Plan:
    held = [
        (region.first_node + node, region.first_slot + 1 + place)
        for region, order in zip(encoding.regions, orders, strict=True)
        for place, node in enumerate(order)
        if kept[region.first_node + node]
    ]
    links = [_links(encoding, space.layout, node, place, j) for j, (node, place) in enumerate(held)]
    every = [link for own in links for link in own]
    groups = [
        [link for link in every if d in (link[OWN], link[OTHER]) and link[PLACE] <= position]
        for d, _, position, *_ in steps
    ]
    groups.append(every)
    table, limits = space.layout.table, space.layout.table[POOL_BITS, : space.layout.table[SIZES, POOLS]]
    shared = [(node, place, table[NODE_POOL, node], table[NODE_PART, node]) for node, place in held]
    kept_rows = np.array(shared, np.int64).reshape(-1, 4)
    kept_rows[kept_rows < 0] = len(limits)
    exact = not np.array_equal(space.floors.clipped, space.layout.clipped)
    return Plan(
        steps,
        floor,
        kept_rows,
        np.array([*limits, np.inf]),
        np.array([link for group in groups for link in group], np.int64).reshape(-1, 10),
        np.cumsum([0, *map(len, groups)]),
        np.array([exact], np.int64),
        repeated,
    )


def _links(encoding: Encoding, layout: Layout, node: int, place: int, kept: int) -> list[tuple[int, ...]]:
    """A link for every rank of a node's tensor."""
    table, extents = layout.table, [extent for _, extent in encoding.problem.dimensions]
    tensor = table[NODE_TENSOR, node]
    found = []
    for column, rank in enumerate(range(table[RANK_START, tensor], table[RANK_START, tensor + 1]), 1):
        first, second = int(table[RANK_DIM, rank]), int(table[RANK_OTHER, rank])
        repeats = (table[RANK_REPEAT, rank], table[RANK_OTHER_REPEAT, rank]) if second >= 0 else (1, 1)
        clipped = table[RANK_CLIPPED, rank] if table[NODE_CLIPS, node] else -1
        highest = extents[second] if second >= 0 else 1
        found.append((kept, place, column, first, second, extents[first], highest, *repeats, clipped))
    return found


def _template(
    encoding: Encoding,
    restriction: Restriction,
    axes: Sequence[Sequence[int]],
    kept: Sequence[int],
    orders: Orders,
) -> Vectors:
    vector = np.ones(encoding.length, np.int32)
    vector[0], vector[encoding.first_order :] = VERSION, 0
    for slot in range(len(encoding.slots)):
        vector[encoding.first_order + slot] = choices(restriction, slot)[:1].sum()
    vector[encoding.first_nodes : encoding.first_keep] = [permutation_number(order) for order in orders]
    vector[encoding.first_keep : encoding.first_axes] = kept
    vector[encoding.first_axes :] = [permutation_number(order) for order in axes]
    return vector


def _axis_orders(encoding: Encoding, restriction: Restriction, array: int) -> list[list[int]]:
    size = len(encoding.architecture.arrays[array].axes)
    listed = choices(restriction, len(encoding.slots) + len(encoding.regions) + array)
    numbers = listed if len(listed) else range(math.factorial(size))
    return [permutation(int(number), size) for number in numbers]


def _repeated(tried: Sequence[Sequence[Sequence[int]]]) -> Ints:
    """By array and set of its axes, 1 where an order before the last of those tried agrees on the set."""
    width = max((len(orders[0]) for orders in tried), default=0)
    table = np.zeros((len(tried), 2**width), np.int64)
    for a, orders in enumerate(tried):
        for mask in range(2 ** len(orders[0])):
            left = [[axis for axis in order if mask >> axis & 1] for order in orders]
            table[a, mask] = left[-1] in left[:-1]
    return table


def _node_orders(
    encoding: Encoding, restriction: Restriction, index: int, kept: Sequence[int]
) -> Iterator[tuple[int, ...]]:
    """Allowed orders of a region's nodes that keep the hierarchy, one for each order of those kept."""
    region = encoding.regions[index]
    count = len(region.nodes)
    held = [i for i in range(count) if kept[region.first_node + i]]
    rest = tuple(i for i in range(count) if i not in held)
    listed = [tuple(permutation(int(n), count)) for n in choices(restriction, len(encoding.slots) + index)]
    best: dict[tuple[int, ...], tuple[int, ...]] = {}
    for order in listed:
        left = tuple(i for i in order if i in held)
        places = [order.index(i) for i in rest]
        if left not in best or places > [best[left].index(i) for i in rest]:
            best[left] = order
    for left in best if listed else permutations(held):
        if _in_hierarchy(encoding, [region.first_node + i for i in left]):
            yield best[left] if listed else left + rest


def _in_hierarchy(encoding: Encoding, nodes: Sequence[int]) -> bool:
    deepest: dict[str, int] = {}
    for index in nodes:
        node = encoding.nodes[index]
        rank = encoding.architecture.rank_of(node.level)
        if deepest.get(node.tensor, -1) >= rank:
            return False
        deepest[node.tensor] = rank
    return True


def _steps(encoding: Encoding, restriction: Restriction, axes: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Steps (K, 7) and the smallest tiles (S + 1, D) for one order of the axes of every array.

    Dimensions with the most saturated bounds come last: those of the very last need no check afterwards.
    """
    position = np.arange(len(encoding.slots))
    for first, order in zip(encoding.first_axis_slots, axes, strict=True):
        position[[first + axis for axis in order]] = range(first, first + len(order))
    inwards = np.argsort(position)
    extents = np.array([extent for _, extent in encoding.problem.dimensions])
    least, most = restriction.least[inwards], restriction.most[inwards]
    floor = np.ones((len(position) + 1, len(extents)), np.int64)
    for d, extent in enumerate(extents):
        for p in range(len(position)):
            outside = math.prod(map(int, most[:p, d]))
            floor[p, d] = max(math.prod(map(int, least[p:, d])), -(-int(extent) // outside))
    chosen = {
        d: [p for p in reversed(range(len(position))) if most[p, d] > 1]
        for d, extent in enumerate(extents)
        if extent > 1
    } or {0: [0]}
    saturated = {
        d: [int(restriction.saturated[inwards[p], d]) for p in slots[:-1]] for d, slots in chosen.items()
    }
    order = sorted(chosen, key=lambda d: (sum(saturated[d]), len(chosen[d]) > 1, extents[d]))
    steps: list[list[int]] = []
    for d in order:
        end = len(steps) + len(chosen[d])
        for p, full in zip(chosen[d], [*saturated[d], 0], strict=True):
            reach = min(CAP, math.prod(int(most[o, d]) for o in chosen[d] if o < p))
            last = int(p == chosen[d][-1])
            steps.append([d, inwards[p], p, last, reach, end, full * (NOW if d == order[-1] else LATER)])
    return np.array(steps, np.int64), floor


def _floors(encoding: Encoding, layout: Layout) -> Layout:
    """The layout with tiles that grow with their bounds: at least as small as any larger one."""
    clipped = layout.clipped.copy()
    ranks = [rank for tensor in encoding.problem.tensors for rank in tensor.ranks]
    for first, rank in zip(layout.table[RANK_CLIPPED], ranks, strict=False):
        if first >= 0:
            shape = [encoding.problem.extents[d] for d in rank.dimensions]
            words = clipped[first : first + math.prod(shape)].reshape(shape)
            for axis in range(len(shape)):
                words[...] = np.flip(np.minimum.accumulate(np.flip(words, axis), axis=axis), axis)
    return Layout(layout.table, layout.orders, clipped)
