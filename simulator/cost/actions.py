"""Energy: every action of a mapping with its count and price, in one table that everything else sums.

The actions are those of the counting contract ("Energy"). Counts are forms over query answers, so the
same table prices one mapping or a batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from simulator.architecture import Architecture, Array, Storage
from simulator.cost.hops import hops, wires_of
from simulator.counting.counts import BoundaryForms, boundary_forms
from simulator.counting.forms import Form, column
from simulator.counting.lowering import (
    DRAINS,
    MAC,
    READS,
    Boundary,
    Nest,
    Query,
    total,
)
from simulator.counting.wires import Wires
from simulator.legality import moved_bits, word_widths
from simulator.problem import Problem

_NONE = Form()


@dataclass(frozen=True)
class Action:
    """Something a component does with a tensor's words: ``price`` per unit.

    A word moves ``bits`` bits, of which ``unit_bits`` are one unit; of the words, those that are ``finished``
    outputs may be narrower and have figures of their own. ``share`` is what gating is expected to leave of
    the words. On networks and at the MAC, units are words.
    """

    component: str
    tensor: str
    action: str
    words: Form
    price: float
    unit: str = "word"
    bits: float = 1.0
    unit_bits: float = 1.0
    finished: Form = _NONE
    finished_bits: float = 1.0
    finished_unit_bits: float = 1.0
    share: float = 1.0

    @property
    def words_per_unit(self) -> float:
        """Words, not finished ones, that are one priced unit; infinite where gating leaves none."""
        return _words_per_unit(self.unit_bits, self.bits * self.share)

    @property
    def finished_per_unit(self) -> float:
        """Finished words that are one priced unit."""
        return _words_per_unit(self.finished_unit_bits, self.finished_bits)

    def units(self, words: int) -> float:
        """Priced units of all the words, finished ones included; as if packed, so fractions of one."""
        finished = self.finished.constant
        units = float(words - finished) / self.words_per_unit
        return units + finished / self.finished_per_unit if finished else units

    def moved_bits(self, words: int) -> float:
        """Bits that all the words move."""
        finished = self.finished.constant
        return (words - finished) * self.bits * self.share + finished * self.finished_bits


def _words_per_unit(unit_bits: float, bits: float) -> float:
    return unit_bits / bits if bits else math.inf


def energy_actions(nest: Nest, architecture: Architecture) -> tuple[Action, ...]:
    """Every action of a mapping on its machine, boundary by boundary; the MACs last."""
    actions: list[Action] = []
    for forms in boundary_forms(nest):
        actions += boundary_actions(nest, architecture, forms)
    return (*actions, mac_action(nest.problem, architecture))


def mac_action(problem: Problem, architecture: Architecture) -> Action:
    """The multiply-accumulates, of which gating is expected to leave a share."""
    macs = Form(constant=problem.macs)
    share = gating_share(problem, architecture.mac.gating)
    return Action(MAC, "", "mac", macs, architecture.mac.price, "MAC", share=share)


def gating_share(problem: Problem, gating: str | None) -> float:
    """Expected share of the multiply-accumulates whose gating operand is neither a zero nor padding."""
    if gating not in problem.tensor_names:
        return 1.0
    return problem.tensor(gating).density * problem.data_share(gating)


def gated(problem: Problem, architecture: Architecture, boundary: Boundary) -> bool:
    """Whether gating skips reads of a boundary: those of another operand by the MAC from its own PE's level.

    A word that crosses an array, or waits in a latch, is read before any MAC could be gated. Where a level
    leaves padding out of the operand read, its reads are of chosen steps, of which the share is not known if
    the gating operand has padding too; they count as made.
    """
    gating = architecture.mac.gating
    if gating not in problem.tensor_names or boundary.output or boundary.tensor == gating:
        return False
    if boundary.child != MAC or boundary.holds or crossed(architecture, boundary):
        return False
    padded = any(rank.data is not None for rank in problem.tensor(gating).ranks)
    return not (boundary.clips and padded)


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


def followed(nest: Nest, architecture: Architecture) -> list[tuple[int, Wires]]:
    """Every network that has a topology and a price for hops, with the number of its boundary."""
    return [
        (row, wires_of(architecture, array, boundary.tensor, linked(nest, architecture, boundary)))
        for row, boundary in enumerate(nest.boundaries)
        for array in crossed(architecture, boundary)
        if array.price("hop", boundary.tensor) and array.topology(boundary.tensor) != "unicast"
    ]


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
    """An action at a level, paid by its bits, as if packed; the last drain of each output is final."""
    where = (nest.problem, architecture, boundary.tensor, storage.name)
    (bits, final), (per_unit, final_per_unit) = moved_bits(*where), word_widths(*where)
    unit = "word"
    if storage.price_per == "block" and storage.block_bits is not None:
        unit, per_unit, final_per_unit = "block", storage.block_bits, storage.block_bits
    skips = action == "read" and gated(nest.problem, architecture, boundary)
    share = gating_share(nest.problem, architecture.mac.gating) if skips else 1.0
    names = (storage.name, boundary.tensor, action)
    moving = Action(*names, words, storage.price(action, boundary.tensor), unit, bits, per_unit, share=share)
    if action != "drain" or (bits == final and boundary.tensor not in storage.coded):
        return moving
    own = nest.problem.tensor(nest.problem.output).dimensions
    finished = Form(constant=math.prod(nest.problem.extents[d] for d in own))
    return replace(moving, finished=finished, finished_bits=final, finished_unit_bits=final_per_unit)


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
        links = linked(nest, architecture, boundary)
        yield on_network("hop", hops(nest, architecture, boundary, array, inner, links))
