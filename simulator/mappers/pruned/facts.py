"""What bounds know of one plan of a mapspace: boundaries, their prices, what repeats and what overlaps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from simulator.batch.layout import AXES, AXIS_SLOT, NODE_TENSOR, SIZES, Floats
from simulator.cost.actions import boundary_actions, crossed, mac_action
from simulator.cost.model import leaks
from simulator.counting.counts import BoundaryForms, boundary_forms
from simulator.counting.lowering import MAC, Ints, Nest, lower
from simulator.encoding import Vectors, permutation
from simulator.legality import rank_words, rules
from simulator.mapspaces import Mapspace
from simulator.mapspaces.chains import (
    CLIPPED,
    KEPT,
    NODE,
    OTHER,
    OWN,
    PLACE,
    POSITION,
    SLOT,
    TILE,
    Plan,
    Space,
)
from simulator.mapspaces.chains import DIM as STEP_DIM
from simulator.mapspaces.plans import choices

# Columns of a boundary. The first slots inside its parent and its child; PLAIN: the child is a MAC that holds
# nothing; CLIPS: padding is left out.
TENSOR, PARENT, CHILD, IS_OUTPUT, PLAIN, CLIPS = range(6)
# Columns of its prices: operands pay for words read and delivered; the output for what is drained and
# contributed, and for every word read back.
READ, FILL = 0, 1
DRAIN, CONTRIBUTE, RETURN = range(3)
# What a dimension is to a tensor: ranks of two dimensions overlap.
LACKS, DIVIDES, OVERLAPS = range(3)
# Columns of a rank of two dimensions: the first dimension of a pair, how far apart equal sums lie, the steps,
# the range of data; where its sums are kept.
OF, FIRST, SECOND, APART, OTHER_APART, STEP, OTHER_STEP, LOW, HIGH, SUMS = range(10)
# Orders of loops of all slots that a bound tells apart.
_MOST_ORDERS = 8


class Facts(NamedTuple):
    """T tensors, D dimensions, K steps, S slots, B boundaries, H ranks of two dimensions longer than 1.

    rows (B, 6), prices (B, 3); extents (D,); steps_of (D, 2): the first step of a dimension and that after
    its last; role (T, D); ranks (H, 10); whole (T, 2): words of a tensor's other ranks, with and without
    padding; both (H, 2): those of a rank; least (T, D): words of a dimension that are data; plain (B,):
    words that cross a boundary to MACs that hold nothing; spatial (K,); inner (1,): the first slot of any
    array; caps (C, 2): a kept node and the outermost step inside it whose bounds grow its tile; place (O,
    S, D): in every order of the loops the place of each; alike: which of these each choice of orders has;
    many: from how many each ordered slot chooses, none where they are not told apart; fixed (2,): energy
    that every mapping spends, and that of a cycle.

    Scratch: high, keys, room (K,); sums: words of all tiles of a rank, by sizes; stamps.
    """

    rows: Ints
    prices: Floats
    extents: Ints
    steps_of: Ints
    role: Ints
    ranks: Ints
    whole: Floats
    both: Floats
    least: Floats
    plain: Floats
    spatial: Ints
    inner: Ints
    caps: Ints
    place: Ints
    alike: Ints
    many: Ints
    fixed: Floats
    high: Floats
    keys: Ints
    room: Floats
    sums: Ints
    stamps: Ints


def facts_of(mapspace: Mapspace, space: Space, plan: Plan, template: Vectors) -> Facts:
    """Return what the bounds know of a plan."""
    problem, architecture = mapspace.problem, mapspace.architecture
    mapping = mapspace.decode(template)
    nest = lower(problem, mapping, rules(problem, architecture, mapping))
    names, index = problem.tensor_names, {d: i for i, (d, _) in enumerate(problem.dimensions)}
    extents = np.array([n for _, n in problem.dimensions], np.int64)
    role = np.zeros((len(names), len(extents)), np.int64)
    whole, both, ranks = np.ones((len(names), 2)), [], []
    least = np.tile(extents.astype(float), (len(names), 1))
    sums, longest = 0, 1
    for t, tensor in enumerate(problem.tensors):
        for rank in tensor.ranks:
            sizes = tuple(problem.extents[d] for d in rank.dimensions)
            words = [rank_words(kept, sizes, sizes) for kept in (replace(rank, data=None), rank)]
            own = [index[d] for d in rank.dimensions]
            if min(sizes) > 1 and len(sizes) == 2:
                role[t, own] = OVERLAPS
                (_, a), (_, b) = rank.coefficients
                low, count = rank.data or (0, problem.rank_length(rank))
                g = math.gcd(a, b)
                ranks.append([t, *own, b // g, a // g, a, b, low, low + count, sums])
                both.append(words)
                sums, longest = sums + math.prod(sizes), max(longest, problem.rank_length(rank))
            else:
                role[t, own] = DIVIDES
                whole[t] *= words
                least[t, own] = words[1]
    steps = plan.steps
    on_axes = set(space.layout.table[AXIS_SLOT, : space.layout.table[SIZES, AXES]].tolist())
    data = [
        whole[t, 1] * math.prod(words[1] for words, rank in zip(both, ranks, strict=True) if rank[OF] == t)
        for t in range(len(names))
    ]
    rows, prices, plain, finished = _boundaries(mapspace, nest, plan, role, data)
    place, alike, many = _places(mapspace, space)
    action, leak = mac_action(problem, architecture), sum(price for _, price in leaks(architecture))
    return Facts(
        rows, prices, extents, _steps_of(steps, len(extents)), role,
        np.array(ranks, np.int64).reshape(-1, 10), whole, np.array(both, float).reshape(-1, 2), least, plain,
        np.array([int(slot in on_axes) for slot in steps[:, SLOT]]),
        np.array([min(on_axes, default=len(mapspace.encoding.slots))]),
        _caps(plan, role, space.layout.table[NODE_TENSOR]),
        place, alike, many,
        np.array([action.units(problem.macs) * action.price + finished, leak]),
        np.zeros(len(steps)), np.zeros(len(steps), np.int64), np.zeros(len(steps)),
        np.zeros(max(1, sums), np.int64), np.zeros(longest + 1, np.int64),
    )  # fmt: skip


def _steps_of(steps: Ints, dims: int) -> Ints:
    """Where the steps of each dimension begin and end (D, 2)."""
    found = np.zeros((dims, 2), np.int64)
    for d in range(dims):
        own = np.flatnonzero(steps[:, STEP_DIM] == d)
        if len(own):
            found[d] = own[0], own[-1] + 1
    return found


def _boundaries(
    mapspace: Mapspace, nest: Nest, plan: Plan, role: Ints, data: Sequence[float]
) -> tuple[Ints, Floats, Floats, float]:
    """Rows, prices and plain words of a plan's boundaries, and what finished words cost beside others.

    ``data`` are the words of every tensor without padding.
    """
    problem, encoding = mapspace.problem, mapspace.encoding
    position = {str(encoding.nodes[row[NODE]]): int(row[TILE]) for row in plan.kept}
    rows: list[list[int]] = []
    prices: list[list[float]] = []
    plain: list[float] = []
    finished = 0.0
    for forms in boundary_forms(nest):
        boundary = forms.boundary
        t = problem.tensor_names.index(boundary.tensor)
        parent = position.get(f"{boundary.parent}.{boundary.tensor}", 0)
        child = position.get(f"{boundary.child}.{boundary.tensor}", len(encoding.slots))
        bare = boundary.child == MAC and not boundary.holds
        rows.append([t, parent, child, boundary.output, bare, boundary.clips])
        paid = _paid(mapspace, nest, forms)
        prices.append(_output_prices(paid) if boundary.output else _operand_prices(mapspace, paid, t))
        finished += paid["finished"]
        # Every word of data meets all of what its tensor lacks at least once.
        lacked = math.prod(
            n for (_, n), own in zip(problem.dimensions, role[t].tolist(), strict=True) if own == LACKS
        )
        plain.append(data[t] * lacked if boundary.clips else float(problem.macs))
    outputs = [i for i, row in enumerate(rows) if row[IS_OUTPUT]]
    for above, below in reversed(list(pairwise(outputs))):
        _settle_returns(prices[above], prices[below])
    return np.array(rows, np.int64), np.array(prices), np.array(plain), finished


def _operand_prices(mapspace: Mapspace, paid: dict[str, float], t: int) -> list[float]:
    tensor = mapspace.problem.tensor_names[t]
    # What neighbours pass on is not read; how much that is, the bound leaves open.
    linked = any(axis.links(tensor) for array in mapspace.architecture.arrays for axis in array.axes)
    return [0.0 if linked else paid["read"], paid["fill"] + paid["deliver"], 0.0]


def _output_prices(paid: dict[str, float]) -> list[float]:
    # Additions are what is contributed less what is drained; no dearer than a drain they bound from below.
    add = min(paid["add"], paid["drain"])
    return [paid["drain"] - add, paid["send"] + add, paid["refill"] + paid["fill"] + paid["deliver"]]


def _settle_returns(above: list[float], below: list[float]) -> None:
    """Price words read back below exactly, where that leaves contributing above it no gain.

    What is read back is what is drained there, less what is contributed above it but for what is read back
    above: ``refills`` of the counting contract.
    """
    price = below[RETURN]
    if above[CONTRIBUTE] >= price:
        below[DRAIN] += price
        below[RETURN] = 0.0
        above[CONTRIBUTE] -= price
        above[RETURN] += price


def _paid(mapspace: Mapspace, nest: Nest, forms: BoundaryForms) -> dict[str, float]:
    """Price of a word of every action of a boundary that bounds count; what finished words add."""
    several = len(crossed(mapspace.architecture, forms.boundary)) > 1
    paid = dict.fromkeys(("read", "fill", "deliver", "drain", "send", "refill", "add", "finished"), 0.0)
    for action in boundary_actions(nest, mapspace.architecture, forms):
        passed_on = not forms.boundary.output and action.words != forms.child_fills
        # Of several networks on the way only the last is sure to carry every word.
        if several and (action.action == "add" or (action.action == "deliver" and passed_on)):
            continue
        if action.action in paid:
            paid[action.action] += action.price / action.words_per_unit
        if action.finished.constant:
            apart = action.price / action.finished_per_unit - action.price / action.words_per_unit
            paid["finished"] += action.finished.constant * apart
    return paid


def _caps(plan: Plan, role: Ints, tensors: Ints) -> Ints:
    """A kept node and the step whose bounds, with those inside it, are its tile of a dimension."""
    found = []
    steps = plan.steps
    for link in plan.links[plan.first_link[-2] :]:
        for d in link[[OWN, OTHER]].tolist():
            if d < 0 or link[CLIPPED] >= 0 or role[tensors[plan.kept[link[KEPT], NODE]], d] != DIVIDES:
                continue
            inside = np.flatnonzero((steps[:, STEP_DIM] == d) & (steps[:, POSITION] >= link[PLACE]))
            if len(inside):
                found.append((int(link[KEPT]), int(inside[-1])))
    return np.array(found, np.int64).reshape(-1, 2)


def _places(mapspace: Mapspace, space: Space) -> tuple[Ints, Ints, Ints]:
    """The place of every dimension in every slot (O, S, D), for all orders that differ for some loops.

    And which of them each choice of orders has, and from how many each ordered slot chooses. Slots with too
    many orders are not told apart: all of their dimensions stand at one place.
    """
    slots, dims = len(mapspace.encoding.slots), len(mapspace.encoding.dimensions)
    listed = [choices(space.restriction, slot).tolist() for slot in range(slots)]
    many = [len(listed[slot]) for slot in space.ordered]
    apart = 0 < math.prod(many) <= _MOST_ORDERS
    looping = (space.restriction.most > 1).tolist()
    found: dict[bytes, tuple[int, Ints]] = {}
    alike = []
    for indices in product(*map(range, many)) if apart else [()]:
        numbers = [orders[0] if len(orders) == 1 else -1 for orders in listed]
        for slot, index in zip(space.ordered, indices, strict=False):
            numbers[slot] = listed[slot][index]
        places = np.zeros((slots, dims), np.int64)
        for slot, number in enumerate(numbers):
            if number >= 0 and any(looping[slot]):
                present = [d for d in permutation(number, dims) if looping[slot][d]]
                places[slot, present] = range(len(present))
        alike.append(found.setdefault(places.tobytes(), (len(found), places))[0])
    return (
        np.array([places for _, places in found.values()]),
        np.array(alike),
        np.array(many if apart else [], np.int64),
    )
