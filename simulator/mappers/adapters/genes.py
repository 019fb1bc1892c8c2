"""Mappings as points of a cube, for optimizers of real numbers: what all adapters share."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import CAP, Floats
from simulator.counting.lowering import Ints
from simulator.encoding import VERSION, Vectors
from simulator.jit import lean_kernel
from simulator.mapspaces import Mapspace, sampling
from simulator.mapspaces.bounds import possible_bounds
from simulator.mapspaces.canonical import order_number

# Yields genes (P, size) to score and is sent their heights (P, 2): least is best, all are finite.
Optimizer = Generator[Floats, Floats, None]
# Begins an optimizer of so many genes with a seed; it goes on without end.
Optimize = Callable[[int, int], Optimizer]
# The logarithm of this is the height of what is no mapping: above every other.
_NO_MAPPING = 1e300
# Odd and large: seeds next to each other stay apart when they are used up.
_SEED_STEP = 0x9E3779B1


class GeneMapper:
    """A mapper that lets an optimizer look for genes of a mapspace; see `Genes`.

    The optimizer names as many at a time as it likes, whatever is asked for: they are handed out in pieces.
    It is told the logarithms of costs, so that shares count and not differences. Where a round comes to
    mappings of one cost, it has converged, and another begins.

    Raises
    ------
    MappingError
        If the space has no mapping: which level or axis is too small, and what would do.
    """

    def __init__(self, name: str, space: Mapspace, seed: int, optimize: Optimize) -> None:
        self.name = name
        self._genes, self._optimize, self._seed = Genes(space), optimize, seed
        self._optimizer = optimize(self._genes.size, seed)
        self._round, self._asked = self._genes.decode(next(self._optimizer)), 0
        self._heights: list[Floats] = []

    def ask(self, n: int) -> Vectors:
        """Return the mappings of the genes that the optimizer wants to know of next."""
        if self._asked == len(self._round):
            self._round, self._asked = self._genes.decode(self._next_round()), 0
        vectors = self._round[self._asked : self._asked + n]
        self._asked += len(vectors)
        return vectors

    def tell(self, vectors: Vectors, costs: npt.NDArray[np.float64]) -> None:
        """Keep the costs until those of the whole round are known."""
        self._heights.append(np.log1p(np.minimum(costs, _NO_MAPPING)))

    def _next_round(self) -> Floats:
        heights = np.concatenate(self._heights)
        self._heights.clear()
        if len(heights) == 1 or (heights != heights[0]).any():
            return self._optimizer.send(heights)
        self._optimizer.close()
        self._seed = (self._seed + _SEED_STEP) % 2**32
        self._optimizer = self._optimize(self._genes.size, self._seed)
        return next(self._optimizer)


class _Bounds(NamedTuple):
    """What `_decode` knows of bounds; S slots, D dimensions.

    least, most (S, D): the bounds a loop may have, no less than the other slots leave and no more than an
    axis has places. extents (D,). places (S,): those of an axis over the least bounds on it, else ``CAP``.
    gene (S, D): the gene of a bound, -1 if it has none. sequence (D,): dimensions with few slots first.
    """

    least: Ints
    most: Ints
    extents: Ints
    places: Ints
    gene: Ints
    sequence: Ints


class _Orders(NamedTuple):
    """What `_decode` knows of O orders, of at most W things each.

    column, size, first (O,): the column, of how many things it is an order, the first of its genes. listed
    (O, 2): where its list in ``choices`` begins and ends; it has one gene. Where that is empty, things
    (O, W) are those that a gene each orders, ascending and -1 after the last; the others follow.
    """

    column: Ints
    size: Ints
    first: Ints
    listed: Ints
    things: Ints
    choices: Ints


class Genes:
    """Numbers from 0 to 1, ``size`` of them, that stand for the mappings of a mapspace.

    One for every bound that can vary: up to 1/2 the least, from there to 1 on a scale of logarithms to the
    extent, slot by slot from the innermost as far as units and places are left. One for each node that may
    be bypassed, which it is below 1/2. One key for every thing that can be ordered, smallest first, or one
    number for a choice of listed orders. What comes of it is repaired (`Mapspace.repair`), so capacities
    cut tiles to what fits, and bounds near 1 mean the largest tile.

    Raises
    ------
    MappingError
        If the space has no mapping: which level or axis is too small, and what would do.
    """

    def __init__(self, space: Mapspace) -> None:
        self._space = space
        # Says why if there is none. Also stands for what cannot be repaired.
        self._first: Vectors = next(space.batches(1))[0]
        self._template = np.zeros(space.encoding.length, np.int64)
        self._template[0] = VERSION
        size = self._lay_out_bounds()
        size = self._lay_out_nodes(size)
        # Optimizers need two, also where there is nothing to choose.
        self.size = max(2, self._lay_out_orders(size))

    def _lay_out_bounds(self) -> int:
        encoding, restriction = self._space.encoding, self._space.restriction
        axes = {(a.name, axis.name): axis.size for a in encoding.architecture.arrays for axis in a.axes}
        places = np.array([axes[s.array, s.axis] if s.array and s.axis else CAP for s in encoding.slots])
        extents = np.array([extent for _, extent in encoding.problem.dimensions])
        least, most = possible_bounds(self._space.layout, restriction)
        gene = np.full(least.shape, -1)
        free = most > least
        gene[free] = np.arange(free.sum())
        taken = np.minimum(np.where(places < CAP, least.astype(np.float64).prod(axis=1), 1), places)
        self._bounds = _Bounds(
            least, most, extents, places // taken.astype(np.int64), gene,
            np.argsort((most > 1).sum(axis=0), kind="stable"),
        )  # fmt: skip
        return int(free.sum())

    def _lay_out_nodes(self, size: int) -> int:
        first, keep = self._space.encoding.first_keep, self._space.restriction.keep
        self._template[first : first + len(keep)] = keep[:, 0]
        free = np.flatnonzero(keep[:, 0] < keep[:, 1])
        self._nodes = np.column_stack((first + free, size + np.arange(len(free))))
        return size + len(free)

    def _lay_out_orders(self, size: int) -> int:
        encoding, restriction = self._space.encoding, self._space.restriction
        dims, slots = len(encoding.dimensions), len(encoding.slots)
        things = [np.flatnonzero(most > 1) for most in restriction.most]
        things += [np.arange(len(region.nodes)) for region in encoding.regions]
        things += [np.arange(len(array.axes)) for array in encoding.architecture.arrays]
        columns = [*range(encoding.first_order, encoding.first_keep)]
        columns += range(encoding.first_axes, encoding.length)
        rows: list[tuple[int, int, int, int, int]] = []
        ordered: list[Ints] = []
        for index, (column, own) in enumerate(zip(columns, things, strict=True)):
            start, end = (int(i) for i in restriction.choices_start[index : index + 2])
            if end > start:
                self._template[column] = restriction.choices[start]
            genes = int(end - start > 1) if end > start else len(own) * (len(own) > 1)
            if genes:
                rows.append((column, dims if index < slots else len(own), size, start, end))
                ordered.append(own)
                size += genes
        table = np.array(rows, np.int64).reshape(-1, 5)
        width = max(map(len, ordered), default=0)
        padded = np.array([[*own, *[-1] * (width - len(own))] for own in ordered], np.int64)
        self._orders = _Orders(
            table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), table[:, 3:].copy(),
            padded.reshape(len(rows), width), restriction.choices,
        )  # fmt: skip
        return size

    def decode(self, genes: Floats) -> Vectors:
        """Return the legal vectors (P, length) of genes (P, size), each within the mapspace."""
        drawn = np.repeat(self._template[None], len(genes), axis=0)
        width = self._orders.things.shape[1]
        scratch = np.zeros(len(self._bounds.places), np.int64), np.zeros(max(1, width), np.int64)
        genes = np.ascontiguousarray(genes, np.float64)
        _decode(self._bounds, self._nodes, self._orders, *scratch, genes, drawn)
        vectors = sampling.repair(self._space.layout, self._space.restriction, drawn)
        vectors[~self._space.members(vectors)] = self._first
        return vectors


@lean_kernel
def _decode(bounds, nodes, orders, places, sequence, genes, vectors):
    for row in range(vectors.shape[0]):
        for slot in range(len(places)):
            places[slot] = bounds.places[slot]
        for i in range(len(bounds.sequence)):
            _choose_bounds(bounds, bounds.sequence[i], places, genes, vectors, row)
        for i in range(nodes.shape[0]):
            vectors[row, nodes[i, 0]] = genes[row, nodes[i, 1]] >= 0.5
        for i in range(len(orders.column)):
            vectors[row, orders.column[i]] = _choose_order(orders, i, sequence, genes, row)


@lean_kernel
def _choose_bounds(bounds, d, places, genes, vectors, row):
    """Choose the bounds of a dimension, from the innermost slot, and take their places on the axes."""
    left, dims = bounds.extents[d], len(bounds.extents)
    for slot in range(len(places) - 1, -1, -1):
        least, most, wanted = bounds.least[slot, d], bounds.most[slot, d], bounds.least[slot, d]
        if bounds.gene[slot, d] >= 0:
            share = max(0.0, 2 * genes[row, bounds.gene[slot, d]] - 1)
            wanted = np.int64(np.rint(least * (most / least) ** share))
        cover = 1
        for outside in range(slot):
            room = min(bounds.most[outside, d], places[outside] * bounds.least[outside, d])
            cover = min(CAP, cover * room)
        top = min(left, most, places[slot] * least)
        bound = max(least, -(-left // cover), min(wanted, top))
        left = -(-left // bound)
        if places[slot] < CAP:
            places[slot] = max(1, places[slot] * least // bound)
        vectors[row, 1 + slot * dims + d] = bound


@lean_kernel
def _choose_order(orders, i, sequence, genes, row):
    """Return the number of an order: of those listed, or of things sorted by their keys."""
    first, start, end = orders.first[i], orders.listed[i, 0], orders.listed[i, 1]
    if end > start:
        return orders.choices[start + min(end - start - 1, np.int64(genes[row, first] * (end - start)))]
    count = 0
    while count < orders.things.shape[1] and orders.things[i, count] >= 0:
        place = count
        while place and genes[row, first + sequence[place - 1]] > genes[row, first + count]:
            sequence[place] = sequence[place - 1]
            place -= 1
        sequence[place] = count
        count += 1
    for place in range(count):
        sequence[place] = orders.things[i, sequence[place]]
    return order_number(sequence, count, orders.size[i])
