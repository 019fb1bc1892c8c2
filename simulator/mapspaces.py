"""The mappings a dataflow allows for a problem on a machine.

A mapspace is a few *skeletons* (nests whose bounds are open) with a table of bounds each: a row is a
mapping. Every row is legal; `mapping` makes it an object.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from simulator.architecture import Architecture
from simulator.counting.lowering import Ints
from simulator.errors import MappingError
from simulator.legality import word_bits
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, Rank, distinct_sums


@dataclass(frozen=True)
class Skeleton:
    """A nest with open bounds, and bounds (B, L) to fill them; a bound of 1 is no loop."""

    nest: Mapping
    bounds: Ints

    def mapping(self, row: int) -> Mapping:
        """The mapping of one row, without its loops of bound 1."""
        bounds = iter(int(b) for b in self.bounds[row])
        nodes: list[Store | Loop] = []
        for node in self.nest.nodes:
            if isinstance(node, Store):
                nodes.append(node)
            elif (bound := next(bounds)) > 1:
                nodes.append(replace(node, bound=bound))
        return Mapping(tuple(nodes))


@dataclass(frozen=True)
class Mapspace:
    """Every mapping that ``dataflow`` allows for ``problem`` on ``architecture``."""

    problem: Problem
    architecture: Architecture
    dataflow: str
    skeletons: tuple[Skeleton, ...]

    @cached_property
    def size(self) -> int:
        """Number of mappings."""
        return sum(len(s.bounds) for s in self.skeletons)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Mapping]:
        for skeleton in self.skeletons:
            for row in range(len(skeleton.bounds)):
                yield skeleton.mapping(row)


def keep_legal(problem: Problem, architecture: Architecture, skeleton: Skeleton) -> npt.NDArray[np.bool_]:
    """Rows (B,) of a skeleton whose bounds are reachable, cover, and fit every level.

    Where a level leaves padding out, a tile counts no more than its rank has data: at most a little
    stricter than `check_mapping`, which looks at every place.
    """
    legal = reachable(problem, skeleton)
    for capacity, _, taken in capacity_use(problem, architecture, skeleton):
        legal &= taken <= capacity
    return legal


def reachable(problem: Problem, skeleton: Skeleton) -> npt.NDArray[np.bool_]:
    """Rows (B,) in which every bound's last iteration is reached and every dimension covered."""
    legal = np.ones(len(skeleton.bounds), np.bool_)
    stride = {d: np.ones(len(skeleton.bounds), np.int64) for d in problem.extents}
    for index, loop in reversed(list(enumerate(skeleton.nest.loops))):
        bound = skeleton.bounds[:, index]
        legal &= (bound - 1) * stride[loop.dimension] < problem.extents[loop.dimension]
        stride[loop.dimension] = stride[loop.dimension] * bound
    for dimension, covered in stride.items():
        legal &= covered >= problem.extents[dimension]
    return legal


def capacity_use(
    problem: Problem, architecture: Architecture, skeleton: Skeleton
) -> Iterator[tuple[int, str, Ints]]:
    """Per level or partition with a capacity: capacity in bits, a name, and bits taken (B,) by its tiles."""
    taken: dict[tuple[str, str], Ints] = {}
    for store, above in skeleton.nest.stores:
        storage = architecture.storage(store.level)
        for tensor in store.tensors:
            words = _tile_words(problem, skeleton, tensor, above, storage.stores_padding)
            width = word_bits(problem, architecture, tensor, store.level) * (
                1 + storage.double_buffered(tensor)
            )
            taken[store.level, tensor] = words * width
    none = np.zeros(len(skeleton.bounds), np.int64)
    for storage in architecture.storages:
        inside = {t: bits for (level, t), bits in taken.items() if level == storage.name}
        if storage.capacity_bits is not None and inside:
            yield storage.capacity_bits, f"{storage.name} ({', '.join(inside)})", sum(inside.values(), none)
        for part in storage.partitions:
            mine = {t: bits for t, bits in inside.items() if t in part.tensors}
            if mine:
                yield part.capacity_bits, f"{storage.name} ({', '.join(mine)})", sum(mine.values(), none)


def why_empty(
    problem: Problem, architecture: Architecture, dataflow: str, tried: Sequence[Skeleton]
) -> MappingError:
    """The error for a space without mappings: which level cannot hold even the smallest tiles tried."""
    best: tuple[float, str, int, int] | None = None
    for skeleton in tried:
        rows = reachable(problem, skeleton)
        if not rows.any():
            continue
        candidate = Skeleton(skeleton.nest, skeleton.bounds[rows])
        uses = list(capacity_use(problem, architecture, candidate))
        # The row that comes closest: its worst level is what stands in the way.
        worst = np.max([taken / capacity for capacity, _, taken in uses], axis=0)
        row = int(np.argmin(worst))
        ratio, name, capacity, need = max((t[row] / c, n, c, int(t[row])) for c, n, t in uses)
        if best is None or ratio < best[0]:
            best = (ratio, name, capacity, need)
    where = f"{dataflow} has no mapping of {problem.name} on {architecture.name}"
    if best is None:
        return MappingError(f"{where}: its loops fit the arrays in no way")
    _, name, capacity, need = best
    return MappingError(f"{where}: {name} holds {capacity} bits, the smallest tiles take {need} bits")


def _tile_words(problem: Problem, skeleton: Skeleton, tensor: str, above: int, padding: bool) -> Ints:
    chunk = {}
    for dimension, extent in problem.dimensions:
        loops = [i for i, x in enumerate(skeleton.nest.loops) if i >= above and x.dimension == dimension]
        chunk[dimension] = np.minimum(skeleton.bounds[:, loops].prod(axis=1), extent)
    words = np.ones(len(skeleton.bounds), np.int64)
    for rank in problem.tensor(tensor).ranks:
        words *= _rank_words(rank, chunk, padding)
    return words


def _rank_words(rank: Rank, chunk: dict[str, Ints], padding: bool) -> Ints:
    """Coordinates a chunk of each dimension reaches."""
    sizes = [chunk[d] for d in rank.dimensions]
    words = sizes[0]
    if len(sizes) == 2:
        (_, a), (_, b) = rank.coefficients
        words = distinct_sums(sizes[0], sizes[1], (a, b))
    return words if padding or rank.data is None else np.minimum(words, rank.data[1])
