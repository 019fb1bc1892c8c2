"""Energy: every action of a mapping with its count and price, in one table that everything else sums.

The actions are those of the counting contract ("Energy"). Counts are forms over query answers, so the
same table prices one mapping or a batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from simulator.architecture import Architecture, Array, Storage
from simulator.counting.counts import BoundaryForms, boundary_forms
from simulator.counting.forms import Form, column
from simulator.counting.lowering import (
    CONTRIBUTED,
    DRAINS,
    FILLS,
    MAC,
    READS,
    Boundary,
    Nest,
    Query,
    total,
)
from simulator.errors import ArchitectureError
from simulator.legality import word_widths

_NONE = Form()


@dataclass(frozen=True)
class Action:
    """Something a component does with a tensor's words: ``price`` per unit of ``words_per_unit`` words.

    Of the words, those that are ``finished`` outputs may be narrower: ``finished_per_unit`` of them are one.
    """

    component: str
    tensor: str
    action: str
    words: Form
    price: float
    unit: str = "word"
    words_per_unit: float = 1.0
    finished: Form = _NONE
    finished_per_unit: float = 1.0


def energy_actions(nest: Nest, architecture: Architecture) -> tuple[Action, ...]:
    """Every action of a mapping on its machine, boundary by boundary; the MACs last."""
    actions: list[Action] = []
    for forms in boundary_forms(nest):
        actions += boundary_actions(nest, architecture, forms)
    macs = Form(constant=nest.problem.macs)
    return (*actions, Action(MAC, "", "mac", macs, architecture.mac.price, "MAC"))


def crossed(architecture: Architecture, boundary: Boundary) -> tuple[Array, ...]:
    """Arrays between a boundary's parent and its child, outermost first."""
    above = architecture.rank_of(boundary.parent)
    arrays = [a for a in architecture.arrays if a.rank > above]
    if boundary.child != MAC:
        arrays = [a for a in arrays if a.rank < architecture.rank_of(boundary.child)]
    return tuple(arrays)


def linking_array(nest: Nest, architecture: Architecture, boundary: Boundary) -> str | None:
    """The innermost array on whose linked axes this boundary's children pass words to each other."""
    found = None
    for loop in nest.mapping.loops[boundary.parent_above : boundary.child_above]:
        if loop.spatial and architecture.array(str(loop.array)).axis(str(loop.axis)).links(boundary.tensor):
            found = loop.array
    return found


def linked(nest: Nest, architecture: Architecture, boundary: Boundary) -> bool:
    """Whether neighbours below this boundary can pass the tensor's words to each other."""
    return linking_array(nest, architecture, boundary) is not None


def loops_above(nest: Nest, architecture: Architecture, array: Array, inclusive: bool) -> int:
    """Index of the first spatial loop on ``array`` (or, inclusive, inside it); all loops if there is none."""
    for index, loop in enumerate(nest.mapping.loops):
        if loop.spatial:
            rank = architecture.array(str(loop.array)).rank
            if rank > array.rank or (rank == array.rank and not inclusive):
                return index
    return len(nest.mapping.loops)


def boundary_actions(nest: Nest, architecture: Architecture, forms: BoundaryForms) -> Iterable[Action]:
    """The actions of one boundary."""
    boundary = forms.boundary
    parent = architecture.storage(boundary.parent)
    child = None if boundary.child == MAC else architecture.storage(boundary.child)
    if boundary.output:
        yield _at(nest, architecture, parent, boundary, "drain", forms.drains)
        if forms.merges.terms:
            yield _at(nest, architecture, parent, boundary, "merge", forms.merges)
        yield _at(nest, architecture, parent, boundary, "refill", forms.refills)
        if child is not None:
            yield _at(nest, architecture, child, boundary, "send", forms.contributed)
            yield _at(nest, architecture, child, boundary, "fill", forms.refills)
    else:
        links = linked(nest, architecture, boundary)
        reads = forms.parent_reads - forms.forwardable if links else forms.parent_reads
        yield _at(nest, architecture, parent, boundary, "read", reads)
        if child is not None:
            yield _at(nest, architecture, child, boundary, "fill", forms.child_fills)
    arrays = crossed(architecture, boundary)
    for array, inner in zip(arrays, (*arrays[1:], None), strict=False):
        yield from _network_actions(nest, architecture, forms, array, inner)


def _at(
    nest: Nest, architecture: Architecture, storage: Storage, boundary: Boundary, action: str, words: Form
) -> Action:
    """An action at a level, per word or, as if packed, per block; the last drain of each output is final."""
    names = (storage.name, boundary.tensor, action)
    price = storage.price(action, boundary.tensor)
    if storage.price_per == "word" or storage.block_bits is None:
        return Action(*names, words, price)
    width, final = word_widths(nest.problem, architecture, boundary.tensor, storage.name)
    per_block = storage.block_bits / width
    if action != "drain" or width == final:
        return Action(*names, words, price, "block", per_block)
    own = nest.problem.tensor(nest.problem.output).dimensions
    finished = Form(constant=math.prod(nest.problem.extents[d] for d in own))
    return Action(*names, words, price, "block", per_block, finished, storage.block_bits / final)


def _network_actions(
    nest: Nest, architecture: Architecture, forms: BoundaryForms, array: Array, inner: Array | None
) -> Iterable[Action]:
    """What an array's network does for one boundary; ``inner`` is the next array the words go on to."""
    boundary = forms.boundary
    query = total(nest, boundary)
    within = Query(boundary, 0, loops_above(nest, architecture, array, inclusive=True), query.splits)

    def on_network(action: str, words: Form) -> Action:
        return Action(array.name, boundary.tensor, action, words, array.price(action, boundary.tensor))

    if boundary.output:
        above = Query(boundary, 0, loops_above(nest, architecture, array, inclusive=False), query.splits)
        entering = forms.contributed if inner is None else column(within, DRAINS)
        yield on_network("deliver", forms.refills)
        yield on_network("add", entering - column(above, DRAINS))
    else:
        yield on_network("deliver", forms.child_fills if inner is None else column(within, READS))
        if linking_array(nest, architecture, boundary) == array.name:
            yield on_network("link", forms.forwardable)
    if array.price("hop", boundary.tensor):
        if inner is not None:
            raise ArchitectureError(
                f"{architecture.name}: array {array.name}: hop has no price where {boundary.tensor} pass on "
                f"to {inner.name} without a level between; keep them at a level there"
            )
        yield on_network("hop", _distance(nest, architecture, boundary, array, query))


def _distance(nest: Nest, architecture: Architecture, boundary: Boundary, array: Array, query: Query) -> Form:
    """Words times the number of places between their child and the corner where the network enters.

    Of outputs the way up; the way down of partial sums read back is not priced.
    """
    name = CONTRIBUTED if boundary.output else FILLS
    distance = Form()
    places: dict[str, int] = {}
    for index in reversed(range(boundary.parent_above, boundary.child_above)):
        loop = nest.mapping.loops[index]
        if loop.spatial and loop.array == array.name:
            step = places.get(str(loop.axis), 1)
            weighted = Query(boundary, query.zero_above, query.split_above, query.splits, weight=index)
            distance = distance + Form(((weighted, name, step),))
            places[str(loop.axis)] = step * loop.bound
    return distance
