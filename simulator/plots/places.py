"""What a mapping puts on each place of an array: which iterations, which tiles, who shares them.

A *place* is an index on each axis of the array, first axis first. Everything holds for the first pass over
the array (the loops outside it at zero, other arrays at their first place) unless it says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np

from simulator.architecture import Architecture, Array
from simulator.cost.actions import linking_array
from simulator.counting.closed_form import count_queries
from simulator.counting.lowering import FORWARDABLE, Nest, Query, lower
from simulator.errors import MappingError
from simulator.legality import check_mapping, rules
from simulator.mapping import Loop, Mapping
from simulator.problem import Problem, Rank, Tensor

Place = tuple[int, ...]
Kind = Literal["multicast", "reduction", "copies", "apart"]


@dataclass(frozen=True)
class SpatialLoop:
    """A spatial loop: its index i is ``i * step`` places along the axis, ``i * stride`` in the dimension."""

    dimension: str
    bound: int
    stride: int
    axis: int
    step: int


@dataclass(frozen=True)
class Movement:
    """How a tensor's words get to places a ``vector`` apart, or from them; its first step is positive.

    ``multicast``: one word reaches all of them. ``reduction``: their outputs are added on the way.
    ``copies`` and ``apart``: the places want the same, but the axis can do neither.
    """

    kind: Kind
    vector: Place
    along: str


@dataclass(frozen=True)
class ArrayPlaces:
    """An array under a mapping. ``chunks`` are the iterations of each dimension that one place covers.

    ``outside`` are the loops outside the array (and on arrays outside it), by dimension: bound and stride.
    ``linked`` are, for each tensor, the axes along which neighbours pass on its words in some pass.
    """

    problem: Problem
    array: Array
    spreads: tuple[SpatialLoop, ...]
    chunks: dict[str, int]
    outside: tuple[tuple[str, int, int], ...]
    linked: dict[str, tuple[int, ...]]

    @cached_property
    def used(self) -> Place:
        """Places along each axis that the loops span."""
        return tuple(
            math.prod(s.bound for s in self.spreads if s.axis == axis) for axis in range(len(self.array.axes))
        )

    @cached_property
    def dimensions(self) -> tuple[str, ...]:
        """Dimensions on the axes, in the order of the problem."""
        lying = {s.dimension for s in self.spreads}
        return tuple(d for d in self.problem.extents if d in lying)

    def offset(self, dimension: str, place: Place) -> int:
        """The first iteration of a dimension at a place."""
        return sum(
            s.stride * (place[s.axis] // s.step % s.bound) for s in self.spreads if s.dimension == dimension
        )

    def span(self, dimension: str, place: Place) -> tuple[int, int]:
        """The first and the last iteration of a dimension at an active place."""
        first = self.offset(dimension, place)
        return first, min(first + self.chunks[dimension], self.problem.extents[dimension]) - 1

    def active(self, place: Place) -> bool:
        """Whether a place computes in the first pass."""
        return all(index < used for index, used in zip(place, self.used, strict=True)) and all(
            self.offset(d, place) < self.problem.extents[d] for d in self.dimensions
        )

    def always_active(self, place: Place) -> bool:
        """Whether a place computes in every pass, on every place of the arrays outside."""
        if not self.active(place):
            return False
        return all(
            self.offset(d, place) + self._last_pass(d) < self.problem.extents[d] for d in self.dimensions
        )

    @cached_property
    def active_count(self) -> int:
        """Places that compute in the first pass: the dimensions leave places idle independently."""
        count = 1
        for dimension in self.dimensions:
            offsets = np.zeros(1, np.int64)
            for s in self.spreads:
                if s.dimension == dimension:
                    offsets = np.add.outer(offsets, s.stride * np.arange(s.bound)).ravel()
            count *= int((offsets < self.problem.extents[dimension]).sum())
        return count

    def tile(self, tensor: Tensor, place: Place) -> Place:
        """Where a tensor's tile begins at a place, by rank; places with the same want the same words."""
        return tuple(sum(c * self.offset(d, place) for d, c in rank.coefficients) for rank in tensor.ranks)

    def movements(self, tensor: Tensor) -> tuple[Movement, ...]:
        """Between which places a tensor's words are shared, along axes and along diagonals."""
        found = [self._along(tensor, s) for s in self.spreads if s.dimension not in tensor.dimensions]
        for rank in tensor.ranks:
            if len(rank.coefficients) == 2:
                (one, _), (two, _) = rank.coefficients
                pairs = product(*([s for s in self.spreads if s.dimension == d] for d in (one, two)))
                found += [self._diagonal(tensor, rank, a, b) for a, b in pairs]
        return tuple(movement for movement in found if movement is not None)

    def overlaps(self, tensor: Tensor) -> tuple[str, ...]:
        """Axes along which tiles overlap that of the first place without being the same, as windows do."""
        first = (0,) * len(self.array.axes)

        def overlap(there: Place) -> bool:
            return (
                self.active(there)
                and self.tile(tensor, first) != self.tile(tensor, there)
                and all(self._rank_overlaps(rank, first, there) for rank in tensor.ranks)
            )

        return tuple(
            axis.name
            for number, (axis, used) in enumerate(zip(self.array.axes, self.used, strict=True))
            if any(overlap((*first[:number], index, *first[number + 1 :])) for index in range(1, used))
        )

    def _last_pass(self, dimension: str) -> int:
        """The largest index that the loops outside reach where the first place still computes."""
        index = 0
        # Outermost first, so each loop's stride is more than all inside it reach together.
        for name, bound, stride in self.outside:
            if name == dimension:
                index += stride * min(bound - 1, (self.problem.extents[dimension] - 1 - index) // stride)
        return index

    def _along(self, tensor: Tensor, spread: SpatialLoop) -> Movement | None:
        """The sharing along a loop that the tensor lacks; the loop just inside it speaks for both."""
        inner = [s for s in self.spreads if s.axis == spread.axis and s.step * s.bound == spread.step]
        if inner and inner[0].dimension not in tensor.dimensions:
            return None
        axis = self.array.axes[spread.axis]
        vector = tuple(spread.step * (i == spread.axis) for i in range(len(self.array.axes)))
        if tensor.name == self.problem.output:
            return Movement("reduction" if axis.reduces else "apart", vector, axis.name)
        kind: Kind = "multicast" if axis.multicasts(tensor.name) else "copies"
        return Movement(kind, vector, axis.name)

    def _diagonal(self, tensor: Tensor, rank: Rank, one: SpatialLoop, two: SpatialLoop) -> Movement | None:
        """The sharing where a step of one loop makes up for steps back of another, as in ``p + r``."""
        coefficients = dict(rank.coefficients)
        first, second = coefficients[one.dimension] * one.stride, coefficients[two.dimension] * two.stride
        common = math.gcd(first, second)
        i, j = second // common, -(first // common)
        if i >= one.bound or -j >= two.bound:
            return None
        vector = tuple(
            i * one.step * (axis == one.axis) + j * two.step * (axis == two.axis)
            for axis in range(len(self.array.axes))
        )
        if vector < (0,) * len(vector):
            vector = tuple(-step for step in vector)
        axes = [self.array.axes[number] for number in dict.fromkeys((one.axis, two.axis))]
        reaches = all(axis.multicasts(tensor.name) for axis in axes)
        along = axes[0].name if len(axes) == 1 else "diagonals"
        return Movement("multicast" if reaches else "copies", vector, along)

    def _rank_overlaps(self, rank: Rank, here: Place, there: Place) -> bool:
        """Whether two places' tiles share a coordinate of a rank."""
        spans = [(self.span(d, here), self.span(d, there), c) for d, c in rank.coefficients]
        (a, b, step), *rest = sorted(spans, key=lambda span: span[0][1] - span[0][0], reverse=True)
        if not rest:
            return a[0] <= b[1] and b[0] <= a[1]
        # The shorter of the two dimensions is gone through, the other solved for.
        ((c, d, other),) = rest
        for difference in range(d[0] - c[1], d[1] - c[0] + 1):
            back, remainder = divmod(-other * difference, step)
            if not remainder and b[0] - a[1] <= back <= b[1] - a[0]:
                return True
        return False


def array_places(problem: Problem, architecture: Architecture, mapping: Mapping) -> tuple[ArrayPlaces, ...]:
    """The arrays of a machine under a mapping, outermost first.

    Raises
    ------
    MappingError
        For an illegal mapping, and for a machine without an array.
    ProblemError
        For a problem or a mapping that the closed form cannot count.
    """
    mapping = check_mapping(problem, architecture, mapping)
    if not architecture.arrays:
        raise MappingError(f"{architecture.name} has no array on which to draw a mapping")
    nest = lower(problem, mapping, rules(problem, architecture, mapping))
    return tuple(
        _places(
            problem,
            array,
            mapping.loops,
            {t: _linked(nest, architecture, array, t) for t in problem.tensor_names},
        )
        for array in architecture.arrays
    )


def _linked(nest: Nest, architecture: Architecture, array: Array, tensor: str) -> tuple[int, ...]:
    """Axes along which neighbours pass on a tensor's words: none where the counts have no such word."""
    loops = nest.mapping.loops
    used = {loop.axis for loop in loops if loop.array == array.name and loop.bound > 1}
    # Along an axis that does not multicast, the counts let no place have words from another.
    axes = [
        axis for axis in array.axes if axis.links(tensor) and axis.multicasts(tensor) and axis.name in used
    ]
    crossing = [
        b
        for b in nest.boundaries
        if b.tensor == tensor and linking_array(nest, architecture, b) == array.name
    ]
    if not axes or not crossing:
        return ()
    # Each axis alone, every other place apart; then all together, for words that move along diagonals only.
    groups = [*((axis.name,) for axis in axes), tuple(axis.name for axis in axes)]
    queries = []
    for names in groups:
        within = {i for i, loop in enumerate(loops) if loop.array == array.name and loop.axis in names}
        apart = frozenset(i for i, loop in enumerate(loops) if loop.spatial and i not in within)
        queries.append(Query(crossing[0], splits=apart))
    *alone, together = count_queries(nest, queries)[:, FORWARDABLE]
    passing = [axis for axis, words in zip(axes, alone, strict=True) if words] or (axes if together else [])
    return tuple(array.axes.index(axis) for axis in passing)


def _places(
    problem: Problem, array: Array, loops: tuple[Loop, ...], linked: dict[str, tuple[int, ...]]
) -> ArrayPlaces:
    strides = []
    covered = dict.fromkeys(problem.extents, 1)
    for loop in reversed(loops):
        strides.append(covered[loop.dimension])
        covered[loop.dimension] *= loop.bound
    strides.reverse()
    own = [i for i, loop in enumerate(loops) if loop.array == array.name]
    inside = own[-1] + 1 if own else 0
    chunks = dict.fromkeys(problem.extents, 1)
    for loop in loops[inside:]:
        chunks[loop.dimension] *= loop.bound
    names = [axis.name for axis in array.axes]
    steps = dict.fromkeys(names, 1)
    spreads: list[SpatialLoop] = []
    for i in reversed(own):
        name = str(loops[i].axis)
        if loops[i].bound > 1:
            place = SpatialLoop(
                loops[i].dimension, loops[i].bound, strides[i], names.index(name), steps[name]
            )
            spreads.insert(0, place)
        steps[name] *= loops[i].bound
    outside = tuple(
        (loop.dimension, loop.bound, strides[i])
        for i, loop in enumerate(loops)
        if i < inside and i not in own
    )
    return ArrayPlaces(problem, array, tuple(spreads), chunks, outside, linked)
