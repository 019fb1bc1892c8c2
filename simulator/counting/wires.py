"""Wires of an array's network that words drive on their way to the places that need them.

A network is laid out axis by axis. The trunk, along the array's last axis, begins where the network enters;
at each of its places begins a branch along the axis before it, and so on. What a word drives follows from
the set of places that it goes to:

    bus    the whole wire (places - 1) of the trunk, and of every branch with a receiver
    mesh   the trunk to the furthest branch with a receiver, every such branch to its furthest receiver
    tree   of the trunk and of every branch with a receiver, every edge with a receiver below it

Words of a boundary that go to the same places are a *class*. Which places need a word, and which of them hold
it, factors over the ranks of its tensor and the dimensions that it lacks: each of these *factors* has classes
of its own, and a word is in one class of each. Where an axis does not multicast (or reduce), each place on
it has a word of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.counting.lowering import SPLIT, UNION, Ints, Nest, Query
from simulator.errors import ProblemError
from simulator.jit import inlined, lean_kernel

BUS, MESH, TREE = range(3)
KINDS = ("bus", "mesh", "tree")
# Columns of an axis: as the network states it, and its first row in `seen`; then its used places, how far
# apart neighbours are among the cells, whether each place has a word of its own, and scratch.
KIND, SIZE, FAN_OUT, ROW, USED, STRIDE, APART, NEXT, AXIS = range(9)
# What a loop is to a network, if not on one of its axes: inside it, or on an array outside it.
INNER, OUTER = -1, -2
# Flags of a place: its tile had the coordinate in the step before; someone's of its group had.
HELD, SHARED = 1, 2
# Numbers in `marks`: axes, whether neighbours pass on what is shared, used places; words, hash tables and
# factors so far; classes and entries in use, entries of the class to come; whether there was no room.
AXES, LINKED, PLACES, WORD, TABLE, FACTORS, CLASSES, ENTRIES, PENDING, FULL, MARKS = range(11)
# Rows of a class.
COUNT, FIRST, MANY = range(3)
# Rows of the cursor: of every factor the class looked at, and the place of it.
CHOSEN, PLACE = range(2)
MOST_AXES = 8
MOST_CELLS = 2**25
_LEAST_ROOM, MOST_ROOM = 2**12, 2**24
_KEYS = 2**40 - 1


@dataclass(frozen=True)
class Wires:
    """An array's network, trunk first: names and sizes of its axes; ``outside``: the arrays around it."""

    array: str
    kind: str
    axes: tuple[tuple[str, int], ...]
    fan_out: int
    outside: tuple[str, ...]
    linked: bool

    def rows(self) -> list[tuple[int, int, int, int]]:
        """Kind, places, fan-out and first row in `seen` of every axis."""
        kind, each = KINDS.index(self.kind), [self._depth(size) for _, size in self.axes]
        return [(kind, size, self.fan_out, sum(each[:a])) for a, (_, size) in enumerate(self.axes)]

    def lies(self, array: str | None, axis: str | None) -> int:
        """What a loop on this axis of an array is to the network: the number of its axis, INNER or OUTER."""
        if array != self.array:
            return OUTER if array in self.outside else INNER
        return [name for name, _ in self.axes].index(str(axis))

    @property
    def depth(self) -> int:
        """Rows of `seen` that the network needs."""
        return sum(self._depth(size) for _, size in self.axes)

    def _depth(self, size: int) -> int:
        """Rows of one axis: a tree's one for each level of edges, a mesh's one more for how far words go."""
        if self.kind != "tree":
            return 1 + (self.kind == "mesh")
        levels, reach = 0, 1
        while reach < size:
            levels, reach = levels + 1, reach * self.fan_out
        return levels


class Wiring(NamedTuple):
    """A network and scratch for its classes, int64.

    axes (MOST_AXES, AXIS); loops (L, 2): what each loop is to the network, and how far its index moves a
    cell; seen (rows, cells); codes (D, 2, positions): the cell of every offset; classes (3, C); entries (2,
    E): cells and flags of the places of a class; first (F + 1,): the first class of each factor; cursor
    (2, F); slots (2, S): the hash table of a factor; marks (MARKS,).
    """

    axes: Ints
    loops: Ints
    seen: Ints
    codes: Ints
    classes: Ints
    entries: Ints
    first: Ints
    cursor: Ints
    slots: Ints
    marks: Ints


def make_wiring(
    loops: int, dims: int, factors: int, positions: int, cells: int, depth: int, room: int
) -> Wiring:
    """Return scratch for networks of up to ``cells`` places, and ``room`` for entries; of zeros for none.

    Raises
    ------
    ProblemError
        For an array with more places than there is memory for.
    """
    if (depth + 2 * dims) * cells > MOST_CELLS:
        raise ProblemError(f"{cells} places on the arrays are too many for hops on wires; price no hops")

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    return Wiring(
        zeros(MOST_AXES, AXIS), zeros(loops, 2), zeros(depth, cells), zeros(dims, 2, positions),
        zeros(3, room), zeros(2, room), zeros(factors + 1), zeros(2, factors), zeros(2, 2 * room),
        zeros(MARKS),
    )  # fmt: skip


def no_wiring() -> Wiring:
    """Return scratch for questions that ask for no wires."""
    return make_wiring(0, 0, 0, 0, 0, 0, 0)


def with_room(nest: Nest, query: Query, count: Callable[[Wiring], Ints]) -> Ints:
    """Return what ``count`` makes of a query's network, given scratch with room for all classes.

    Raises
    ------
    ProblemError
        For an array with more places, or words with more classes, than there is memory for.
    """
    network, loops = query.wires, nest.mapping.loops
    assert network is not None
    spatial = [loop.bound for loop in loops[: query.boundary.child_above] if loop.spatial]
    dims, places = len(nest.structure.extents), math.prod(spatial)
    factors = dims + len(nest.structure.rank_dims)
    room = _LEAST_ROOM
    while room <= MOST_ROOM:
        wiring = make_wiring(len(loops), dims, factors, places, places, network.depth, room)
        wiring.axes[: len(network.axes), :USED] = network.rows()
        wiring.marks[AXES], wiring.marks[LINKED] = len(network.axes), network.linked
        wiring.loops[:, 0] = [network.lies(loop.array, loop.axis) for loop in loops]
        counted = count(wiring)
        if not wiring.marks[FULL]:
            return counted
        room *= 16
    raise ProblemError(f"{nest.problem.name}: words go to too many sets of places; price no hops")


@lean_kernel
def lay_wires(structure, bounds, queries, q, w):
    """Number the cells of a query: places of the network, apart where words of their own go there."""
    cells = _lay_axes(bounds, queries.roles[q], queries.child[q], w)
    if cells > w.seen.shape[1]:
        w.marks[FULL] = 1
        return
    _step_loops(bounds, queries.roles[q], queries.child[q], w)
    t = queries.tensor[q]
    for d in range(len(structure.extents)):
        own = False
        for r in range(structure.rank_start[t], structure.rank_start[t + 1]):
            own = own or structure.rank_dims[r, 0] == d
        _code_places(structure, bounds, queries, q, d, own and structure.is_output[t], w)


@lean_kernel
def _lay_axes(bounds, roles, child, w):
    """Used places of every axis and how far apart they are, the last axis's together; return all cells."""
    axes, cells = w.axes, 1
    for a in range(w.marks[AXES]):
        axes[a, USED], axes[a, APART] = 1, 0
    for loop in range(child):
        if roles[loop] == UNION or roles[loop] == SPLIT:
            a = w.loops[loop, 0]
            if a >= 0:
                axes[a, USED] *= bounds[loop]
                axes[a, APART] = roles[loop] == SPLIT
            elif a == OUTER or roles[loop] == SPLIT:
                cells *= bounds[loop]
    stride = 1
    for a in range(w.marks[AXES] - 1, -1, -1):
        axes[a, STRIDE], axes[a, NEXT] = stride, stride
        stride *= axes[a, USED]
    w.marks[PLACES] = stride
    return cells * stride


@lean_kernel
def _step_loops(bounds, roles, child, w):
    """How far the index of every loop moves a cell; inner loops of an axis run fastest."""
    apart = w.marks[PLACES]
    for loop in range(child - 1, -1, -1):
        w.loops[loop, 1] = 0
        if roles[loop] == UNION or roles[loop] == SPLIT:
            a = w.loops[loop, 0]
            if a >= 0:
                w.loops[loop, 1] = w.axes[a, NEXT]
                w.axes[a, NEXT] *= bounds[loop]
            elif a == OUTER or roles[loop] == SPLIT:
                w.loops[loop, 1] = apart
                apart *= bounds[loop]


@lean_kernel
def _code_places(structure, bounds, queries, q, d, own_split, w):
    """The cell of every position of dimension ``d``, in the order of `position_offsets`."""
    many_split, many_union = 1, 1
    w.codes[d, 0, 0], w.codes[d, 1, 0] = 0, 0
    for loop in range(queries.child[q]):
        role = queries.roles[q, loop]
        if structure.loop_dim[loop] != d or (role != UNION and role != SPLIT):
            continue
        kind = 1 if role == UNION and not own_split else 0
        n = many_union if kind else many_split
        for i in range(bounds[loop] - 1, -1, -1):
            for j in range(n):
                w.codes[d, kind, i * n + j] = w.codes[d, kind, j] + i * w.loops[loop, 1]
        if kind:
            many_union *= bounds[loop]
        else:
            many_split *= bounds[loop]


@lean_kernel
def begin_factors(w):
    """Forget all classes."""
    w.marks[FACTORS], w.marks[CLASSES], w.marks[ENTRIES], w.marks[PENDING] = 0, 0, 0, 0
    w.marks[TABLE] += 1
    w.first[0] = 0


@lean_kernel
def end_factor(w):
    """The classes to come are those of the next factor."""
    w.marks[FACTORS] += 1
    w.marks[TABLE] += 1
    w.first[w.marks[FACTORS]] = w.marks[CLASSES]


@inlined
def add_place(w, cell, flags):
    """Add a place to the class to come."""
    at = w.marks[ENTRIES] + w.marks[PENDING]
    if at < w.entries.shape[1]:
        w.entries[0, at], w.entries[1, at] = cell, flags
        w.marks[PENDING] += 1
    else:
        w.marks[FULL] = 1


@lean_kernel
def end_class(w, count):
    """So many coordinates are of the class to come: count them with those that are alike."""
    start, many = w.marks[ENTRIES], w.marks[PENDING]
    w.marks[PENDING] = 0
    if many == 0 or count == 0:
        return
    key, mask = 0, w.slots.shape[1] - 1
    for e in range(start, start + many):
        key = (key * 1_000_003 + w.entries[0, e] * 4 + w.entries[1, e] + 1) & _KEYS
    slot = (key ^ (key >> 20)) & mask
    while w.slots[0, slot] == w.marks[TABLE]:
        c = w.slots[1, slot]
        alike = w.classes[MANY, c] == many
        i = 0
        while alike and i < many:
            at = w.classes[FIRST, c] + i
            alike = (
                w.entries[0, at] == w.entries[0, start + i] and w.entries[1, at] == w.entries[1, start + i]
            )
            i += 1
        if alike:
            w.classes[COUNT, c] += count
            return
        slot = (slot + 1) & mask
    c = w.marks[CLASSES]
    w.slots[0, slot], w.slots[1, slot] = w.marks[TABLE], c
    w.classes[COUNT, c], w.classes[FIRST, c], w.classes[MANY, c] = count, start, many
    w.marks[CLASSES] += 1
    w.marks[ENTRIES] += many


@lean_kernel
def drive_words(w, fresh):
    """Wires that all words drive; ``fresh`` ones go to all that need them, others to those that lack them."""
    for i in range(w.marks[FACTORS]):
        w.cursor[CHOSEN, i], w.cursor[PLACE, i] = w.first[i], 0
        if w.first[i] == w.first[i + 1]:
            return 0
    total = 0
    while True:
        words = 1
        for i in range(w.marks[FACTORS]):
            words *= w.classes[COUNT, w.cursor[CHOSEN, i]]
        total += words * _drive_word(w, fresh)
        if not _choose_next(w):
            return total


@lean_kernel
def _choose_next(w):
    """Go on to the next classes, one of each factor; False after the last."""
    for i in range(w.marks[FACTORS] - 1, -1, -1):
        w.cursor[CHOSEN, i] += 1
        if w.cursor[CHOSEN, i] < w.first[i + 1]:
            return True
        w.cursor[CHOSEN, i] = w.first[i]
    return False


@lean_kernel
def _drive_word(w, fresh):
    """Wires that a word of the chosen classes drives."""
    driven, last = 0, w.marks[FACTORS] - 1
    w.marks[WORD] += 1
    while True:
        cell, flags = 0, HELD | SHARED
        for i in range(last + 1):
            e = w.classes[FIRST, w.cursor[CHOSEN, i]] + w.cursor[PLACE, i]
            cell += w.entries[0, e]
            flags &= w.entries[1, e]
        if fresh or not (flags & HELD or (flags & SHARED and w.marks[LINKED])):
            driven += drive(w, cell)
        i = last
        while i >= 0:
            w.cursor[PLACE, i] += 1
            if w.cursor[PLACE, i] < w.classes[MANY, w.cursor[CHOSEN, i]]:
                break
            w.cursor[PLACE, i] = 0
            i -= 1
        if i < 0:
            return driven


@lean_kernel
def drive(w, cell):
    """Wires that the present word drives to reach one more cell."""
    axes, seen, word, driven, begin = w.axes, w.seen, w.marks[WORD], 0, cell
    for a in range(w.marks[AXES] - 1, -1, -1):
        index = cell // axes[a, STRIDE] % axes[a, USED]
        step = 0 if axes[a, APART] else axes[a, STRIDE]
        # Where the wire of this axis begins that leads to the cell.
        begin -= index * step
        row, kind = axes[a, ROW], axes[a, KIND]
        if kind == TREE:
            reach = 1
            while reach < axes[a, SIZE]:
                if seen[row, begin + index * step] != word:
                    seen[row, begin + index * step] = word
                    driven += 1
                index //= axes[a, FAN_OUT]
                reach *= axes[a, FAN_OUT]
                row += 1
            continue
        if seen[row, begin] != word:
            seen[row, begin] = word
            if kind == BUS:
                driven += axes[a, SIZE] - 1
            else:
                seen[row + 1, begin] = 0
        if kind == MESH and index > seen[row + 1, begin]:
            driven += index - seen[row + 1, begin]
            seen[row + 1, begin] = index
    return driven
