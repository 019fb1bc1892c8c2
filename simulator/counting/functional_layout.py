"""Lay a nest out in memory for the functional engine: stores, instances, groups and linear addresses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

import numpy as np

from simulator.counting.functional_kernels import Ports
from simulator.counting.functional_memory import (
    COUNT_COLUMNS,
    PADDING,
    SLOT,
    SLOTS,
    TOTALS,
    Memory,
    Plan,
    Scratch,
    Shapes,
)
from simulator.counting.functional_wires import make_tracks
from simulator.counting.lowering import Ints, Nest
from simulator.counting.wires import Wires
from simulator.errors import ProblemError
from simulator.problem import MAX_RANKS, Problem, Tensor

MAX_BYTES = 2**32


@dataclass(frozen=True)
class StoreLayout:
    """A level's buffers for one tensor; ``parent`` is an index into the stores or -1, ``above`` the loops
    above it, ``row`` the boundary above it or -1, ``strides`` and ``spans`` are per rank in slots."""

    tensor: str
    level: str
    above: int
    parent: int
    row: int
    clips: bool
    keeps_padding: bool
    capacity: int
    instances: int
    chunk: tuple[int, ...]
    spans: tuple[int, ...]

    @property
    def slots(self) -> int:
        """Slots of one instance: the tile's box, holes included."""
        return math.prod(self.spans)

    @property
    def strides(self) -> tuple[int, ...]:
        return row_major(self.spans)


@dataclass(frozen=True)
class Layout:
    """The stores of a nest and the kernels' arrays."""

    stores: tuple[StoreLayout, ...]
    plan: Plan
    macs: Ports

    def first_slot(self, tensor: str) -> int:
        """Where the outermost store of a tensor, which holds all of it, begins."""
        index = next(i for i, store in enumerate(self.stores) if store.tensor == tensor)
        return int(self.plan.shapes.stores[index, SLOT])


def row_major(spans: tuple[int, ...]) -> tuple[int, ...]:
    """Distance of neighbours along each rank when the last rank is contiguous."""
    return tuple(math.prod(spans[i + 1 :]) for i in range(len(spans)))


def is_data(problem: Problem, tensor: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """True at the words of a tensor that are data rather than padding, in its shape."""
    shape = problem.shape(tensor.name)
    inside = np.ones(shape, np.bool_)
    for axis, rank in enumerate(tensor.ranks):
        if rank.data is not None:
            first, count = rank.data
            coordinate = np.arange(shape[axis])
            data = (coordinate >= first) & (coordinate < first + count)
            inside &= data.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return inside


def lay_out(nest: Nest, capacity_words: Dictionary[tuple[str, str], int]) -> Layout:
    """Lay out a legal nest; words beyond ``capacity_words[(level, tensor)]`` will fail.

    Raises
    ------
    ProblemError
        If the buffers would not fit into memory.
    """
    stores = tuple(_stores(nest, capacity_words))
    _check_bytes(nest, stores)
    planner = _Planner(nest, stores)
    plan = planner.plan()
    return Layout(stores, plan, planner.ports(plan.shapes.stores))


def allocate(
    nest: Nest, layout: Layout, operands: Dictionary[str, Ints], networks: Sequence[tuple[int, Wires]]
) -> Memory:
    """Memory before the first step: the outermost stores hold the operands and an output of zeros."""
    stores = layout.stores
    slots = sum(store.instances * store.slots for store in stores)
    instances, dimensions = layout.plan.offset.shape
    longest, span = _longest(stores)
    words = sum(math.prod(nest.problem.shape(t)) for t in nest.problem.tensor_names)
    notes = max(layout.macs.offset.shape[1], *(store.instances * store.slots for store in stores))
    tags, values = np.full(slots, -1, np.int64), np.zeros(slots, np.int64)
    for tensor in nest.problem.tensors:
        shape = nest.problem.shape(tensor.name)
        here = slice(layout.first_slot(tensor.name), layout.first_slot(tensor.name) + math.prod(shape))
        tags[here] = 4 * np.arange(math.prod(shape))
        if tensor.name in operands:
            values[here] = operands[tensor.name].reshape(-1)
            tags[here] |= np.where(is_data(nest.problem, tensor), 0, PADDING).reshape(-1)

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, np.int64)

    return Memory(
        tags=tags,
        values=values,
        instances=zeros(3, instances),
        base=zeros(instances + 1, dimensions),
        stamps=zeros(words),
        counts=zeros(len(nest.boundaries), COUNT_COLUMNS),
        needed=zeros(len(nest.boundaries)),
        # Stamps in memory start at zero, so the first one handed out must not.
        totals=np.array([1] + [0] * (TOTALS - 1), np.int64),
        failure=zeros(4),
        place=zeros(len(nest.bounds)),
        reached=zeros(dimensions),
        moved=zeros(*layout.macs.moves.shape[:2]),
        product=zeros(layout.macs.offset.shape[1]),
        working=zeros(layout.macs.offset.shape[1]),
        open=zeros(layout.macs.offset.shape[1]),
        scratch=Scratch(
            seen=zeros(span),
            parts=zeros(5, MAX_RANKS, span),
            cursor=zeros(3, MAX_RANKS),
            tile=zeros(4, longest),
            row=zeros(2, longest),
        ),
        tracks=make_tracks(nest, networks, words, notes),
    )


def _longest(stores: tuple[StoreLayout, ...]) -> tuple[int, int]:
    """Most slots, and longest span of a rank, of one instance of any store that receives tiles."""
    fed = [store for store in stores if store.parent >= 0]
    return max((store.slots for store in fed), default=1), max((s for f in fed for s in f.spans), default=1)


def _stores(nest: Nest, capacity_words: Dictionary[tuple[str, str], int]) -> Iterable[StoreLayout]:
    """Each tensor's stores from the outermost in; a latch is a store at the MAC."""
    problem = nest.problem
    known: set[str] = set()
    count = 0
    for row, boundary in enumerate(nest.boundaries):
        places = [(boundary.child, boundary.child_above, row)] if boundary.holds else []
        if boundary.tensor not in known:
            known.add(boundary.tensor)
            places.insert(0, (boundary.parent, 0, -1))
        for level, above, row_above in places:
            chunk = tuple(
                math.prod(
                    int(nest.bounds[i])
                    for i in range(above, len(nest.bounds))
                    if nest.mapping.loops[i].dimension == d
                )
                for d in problem.extents
            )
            inside = {d: min(n, size) for (d, n), size in zip(problem.dimensions, chunk, strict=True)}
            yield StoreLayout(
                boundary.tensor,
                level,
                above,
                count - 1 if row_above >= 0 else -1,
                row_above,
                boundary.clips,
                boundary.output or level in nest.rules.stores_padding,
                capacity_words.get((level, boundary.tensor), -1),
                math.prod(int(nest.bounds[i]) for i in range(above) if nest.spatial[i]),
                chunk,
                tuple(
                    1 + sum(c * (inside[d] - 1) for d, c in rank.coefficients)
                    for rank in problem.tensor(boundary.tensor).ranks
                ),
            )
            count += 1


def _check_bytes(nest: Nest, stores: tuple[StoreLayout, ...]) -> None:
    dimensions, tensors = len(nest.problem.extents), len(nest.problem.tensors)
    macs = math.prod(int(b) for b, spatial in zip(nest.bounds, nest.spatial, strict=True) if spatial)
    longest, span = _longest(stores)
    words = sum(store.instances * (2 * store.slots + 2 * dimensions + 5) for store in stores)
    words += sum(math.prod(nest.problem.shape(t.name)) for t in nest.problem.tensors)
    words += (
        macs * (dimensions + 5 * tensors + 3 + len(nest.bounds)) + 6 * longest + (5 * MAX_RANKS + 1) * span
    )
    if 8 * words > MAX_BYTES:
        raise ProblemError(
            f"{nest.problem.name}: moving real words needs {8 * words / 2**30:.1f} GiB of buffers; "
            f"at most {MAX_BYTES / 2**30:.0f} GiB"
        )


class _Planner:
    """Builds the Plan and the Ports of a nest from its stores."""

    def __init__(self, nest: Nest, stores: tuple[StoreLayout, ...]) -> None:
        self.nest, self.stores = nest, stores
        self.loops = nest.mapping.loops
        self.names = list(nest.problem.extents)
        self.tensors = list(nest.problem.tensor_names)
        sizes = [math.prod(nest.problem.shape(tensor)) for tensor in self.tensors]
        self.stamps = [sum(sizes[:i]) for i in range(len(sizes))]
        self.loop_dim = [self.names.index(loop.dimension) for loop in self.loops]
        self.loop_stride = [
            math.prod(inner.bound for inner in self.loops[i + 1 :] if inner.dimension == loop.dimension)
            for i, loop in enumerate(self.loops)
        ]

    def spatial(self, above: int) -> list[int]:
        """Spatial loops above a place."""
        return [i for i in range(above) if self.nest.spatial[i]]

    def indices(self, above: int) -> dict[int, Ints]:
        """Index of each spatial loop above a place, for every instance there; the innermost runs fastest."""
        loops = self.spatial(above)
        grid = np.indices([self.loops[i].bound for i in loops], np.int64)
        return {i: grid[j].reshape(-1) for j, i in enumerate(loops)}

    def instances(self, above: int) -> int:
        return math.prod(self.loops[i].bound for i in self.spatial(above))

    def offsets(self, above: int) -> Ints:
        """Offset of each instance in each dimension, (instances, D)."""
        offset = np.zeros((self.instances(above), len(self.names)), np.int64)
        for i, index in self.indices(above).items():
            offset[:, self.loop_dim[i]] += index * self.loop_stride[i]
        return offset

    def groups(self, tensor: str, parent_above: int, above: int, splits: bool = True) -> Ints:
        """Group number of each instance: by parent instance, by position on axes that split groups, and
        for the output by place in its own dimensions."""
        own = self.nest.problem.tensor(tensor).dimensions if tensor == self.nest.problem.output else ()
        split = self.nest.rules.splits.get(tensor, frozenset()) if splits else frozenset()
        number = np.zeros(self.instances(above), np.int64)
        for i, index in self.indices(above).items():
            if i < parent_above or i in split or self.loops[i].dimension in own:
                number = number * self.loops[i].bound + index
        return number

    def steps(self, tensor: str, strides: tuple[int, ...], above: int) -> list[int]:
        """How far each loop's increment moves along a tensor with these rank strides; 0 for loops above."""
        ranks = self.nest.problem.tensor(tensor).ranks
        return [
            0
            if i < above
            else sum(
                dict(rank.coefficients).get(loop.dimension, 0) * self.loop_stride[i] * stride
                for rank, stride in zip(ranks, strides, strict=True)
            )
            for i, loop in enumerate(self.loops)
        ]

    def plan(self) -> Plan:
        """Shapes of tiles, and the instances of every store by group."""
        structure, problem = self.nest.structure, self.nest.problem
        rows: list[tuple[int, ...]] = []
        strides, spans = (np.zeros((len(self.stores), MAX_RANKS), np.int64) for _ in range(2))
        offsets, orders, starts = [], [], []
        instance = slot = runs = 0
        for index, store in enumerate(self.stores):
            strides[index, : len(store.spans)] = store.strides
            spans[index, : len(store.spans)] = store.spans
            parent_above = self.stores[store.parent].above if store.parent >= 0 else 0
            group = self.groups(store.tensor, parent_above, store.above)
            order = np.argsort(group, kind="stable")
            run = np.flatnonzero(np.diff(group[order], prepend=-1))
            tensor = self.tensors.index(store.tensor)
            first, end = (int(structure.rank_start[tensor + i]) for i in (0, 1))
            children = store.instances // self.instances(parent_above)
            rows.append(
                (
                    *(store.above, store.tensor == problem.output, first, end, instance, slot, store.slots),
                    *(store.parent, children, store.row, store.clips, store.keeps_padding, store.capacity),
                    *(self.stamps[tensor], runs, runs + len(run)),
                )
            )
            offsets.append(self.offsets(store.above))
            orders.append(order + instance)
            starts.append(run + instance)
            instance += store.instances
            slot += store.instances * store.slots
            runs += len(run)
        word_strides = [s for t in self.tensors for s in row_major(problem.shape(t))]
        shapes = Shapes(
            extents=structure.extents,
            ranks=np.column_stack(
                (structure.rank_dims, structure.rank_coefficients, structure.rank_data, word_strides)
            ).astype(np.int64, order="C"),
            stores=np.array(rows, np.int64),
            chunk=np.array([store.chunk for store in self.stores], np.int64),
            own=np.array(
                [[d in problem.tensor(s.tensor).dimensions for d in self.names] for s in self.stores],
                np.int64,
            ),
            stride=strides,
            span=spans,
        )
        run_start = np.concatenate([*starts, [instance]])
        return Plan(shapes, np.concatenate(offsets), np.concatenate(orders), run_start)

    def ports(self, rows: Ints) -> Ports:
        """How the MACs reach every tensor, given the rows of ``Shapes.stores``."""
        offset = np.ascontiguousarray(self.offsets(len(self.loops)).T)
        # The gating operand first: its zeros say which words of the others are needed.
        order = sorted(self.tensors, key=lambda tensor: tensor != self.nest.rules.gating)
        lines, moves, table = zip(*(self.port(t, rows) for t in order), strict=True)
        return Ports(
            ports=np.array(lines, np.int64),
            moves=np.ascontiguousarray(np.stack(moves, axis=1)),
            table=np.stack(table),
            offset=offset,
            farthest=offset.max(axis=1),
            loops=np.array(
                [*zip(self.loop_dim, (loop.bound for loop in self.loops), self.loop_stride, strict=True)],
                np.int64,
            ).reshape(-1, 3),
            temporal=np.array([i for i, spatial in enumerate(self.nest.spatial) if not spatial], np.int64),
        )

    def port(self, tensor: str, rows: Ints) -> tuple[tuple[int, ...], Ints, Ints]:
        """One tensor's row of ``Ports.ports``, its moves (2, L) and its table (5, P)."""
        output, above = tensor == self.nest.problem.output, len(self.loops)
        index = max(i for i, store in enumerate(self.stores) if store.tensor == tensor)
        source = self.stores[index]
        last = max(i for i, boundary in enumerate(self.nest.boundaries) if boundary.tensor == tensor)
        boundary = self.nest.boundaries[last]
        whole = self.groups(tensor, source.above, above, splits=not output)
        names, group = np.unique(whole, return_inverse=True)
        part = self.groups(tensor, source.above, above)
        places = np.arange(len(whole), dtype=np.int64)
        moves = np.array(
            [
                self.steps(tensor, source.strides, source.above),
                self.steps(tensor, row_major(self.nest.problem.shape(tensor)), 0),
            ],
            np.int64,
        ).reshape(2, above)
        address = rows[index, SLOT] + places // (len(places) // source.instances) * rows[index, SLOTS]
        word = np.zeros_like(places)
        for i, step in self.indices(above).items():
            address += step * moves[0, i]
            word += step * moves[1, i]
        table = np.stack([places, address, word, group.reshape(-1), part])
        row = (
            *(index, -1 if boundary.holds else last, boundary.clips, len(names), len(names) == len(whole)),
            *(self.stamps[self.tensors.index(tensor)], output, tensor == self.nest.rules.gating),
        )
        return row, moves, np.ascontiguousarray(table[:, np.lexsort((part, whole))])
