"""Whether a mapping is legal: for its problem alone, and on a machine."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise, product

import numpy as np

from simulator.architecture import TENSORS, Architecture, Storage
from simulator.compression import RunLengthCode
from simulator.counting.lowering import Rules
from simulator.errors import MappingError, did_you_mean
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, Rank, distinct_sums


def check_nest(problem: Problem, mapping: Mapping) -> None:
    """Check a nest against its problem: structure, names, coverage and reachable bounds.

    Raises
    ------
    MappingError
        Saying which node or dimension is wrong and what would be right.
    """
    if not mapping.nodes or not isinstance(mapping.nodes[0], Store):
        raise MappingError("a mapping begins with the outermost storage level")
    missing = sorted(set(problem.tensor_names) - set(mapping.nodes[0].tensors))
    if missing:
        raise MappingError(
            f"the outermost level {mapping.nodes[0].level} must keep every tensor, also {', '.join(missing)}"
        )
    for store, _ in mapping.stores:
        for tensor in store.tensors:
            if tensor not in problem.tensor_names:
                hint = did_you_mean(tensor, problem.tensor_names)
                raise MappingError(f"{store.level} keeps {tensor!r}, no tensor of {problem.name}{hint}")
    for tensor in problem.tensor_names:
        levels = Counter(level for level, _ in mapping.keepers(tensor))
        twice = [level for level, n in levels.items() if n > 1]
        if twice:
            raise MappingError(f"{twice[0]} keeps {tensor} twice")
    _check_bounds(problem, mapping)


def check_mapping(problem: Problem, architecture: Architecture, mapping: Mapping) -> Mapping:
    """Check a mapping on a machine and return it with every spatial loop's array named.

    Raises
    ------
    MappingError
        For a nest wrong in itself, an unknown level or axis, a tensor a level cannot keep, a hierarchy
        out of order, an axis or a capacity exceeded (which tensors do not fit, and by how much).
    """
    check_nest(problem, mapping)
    mapping = Mapping(
        tuple(_placed(node, architecture) if isinstance(node, Loop) else node for node in mapping.nodes)
    )
    _check_levels(problem, architecture, mapping)
    _check_order(problem, architecture, mapping)
    _check_axes(architecture, mapping)
    for storage in architecture.storages:
        _check_capacity(problem, architecture, mapping, storage)
    return mapping


def rules(problem: Problem, architecture: Architecture, mapping: Mapping) -> Rules:
    """What the machine's networks and levels do, for each loop of a checked mapping."""
    splits = {}
    for tensor in problem.tensor_names:
        stuck = set()
        for index, loop in enumerate(mapping.loops):
            if loop.spatial:
                axis = architecture.array(str(loop.array)).axis(str(loop.axis))
                moves = axis.reduces if tensor == problem.output else axis.multicasts(tensor)
                if not moves:
                    stuck.add(index)
        splits[tensor] = frozenset(stuck)
    stored = frozenset(s.name for s in architecture.storages if s.stores_padding)
    return Rules(splits, frozenset(architecture.mac.latches), stored, architecture.mac.gating)


def tile_words(problem: Problem, mapping: Mapping, tensor: str, level: str, stores_padding: bool) -> int:
    """Words of the largest tile of ``tensor`` that any instance of ``level`` holds at any step."""
    above = next(n for name, n in mapping.keepers(tensor) if name == level)
    chunks = dict.fromkeys(problem.extents, 1)
    for loop in mapping.loops[above:]:
        chunks[loop.dimension] *= loop.bound
    return math.prod(
        rank_words(
            rank if not stores_padding else replace(rank, data=None),
            tuple(problem.extents[d] for d in rank.dimensions),
            tuple(min(chunks[d], problem.extents[d]) for d in rank.dimensions),
        )
        for rank in problem.tensor(tensor).ranks
    )


def tile_bits(
    problem: Problem, architecture: Architecture, mapping: Mapping, store: Store, tensor: str
) -> int:
    """Bits a tile takes at its level, twice the tile where it is double-buffered."""
    storage = architecture.storage(store.level)
    words = tile_words(problem, mapping, tensor, store.level, storage.stores_padding)
    return (
        words * word_bits(problem, architecture, tensor, store.level) * (1 + storage.double_buffered(tensor))
    )


def capacity_words(
    problem: Problem, architecture: Architecture, mapping: Mapping
) -> dict[tuple[str, str], int]:
    """Words of a tensor's tile that an instance of a level has room for, by (level, tensor).

    A capacity shared by several tensors bounds each of them alone; `check_mapping` bounds their sum.
    """
    room: dict[tuple[str, str], int] = {}
    for store, _ in mapping.stores:
        storage = architecture.storage(store.level)
        for tensor in store.tensors:
            capacities = [part.capacity_bits for part in storage.partitions if tensor in part.tensors]
            if storage.capacity_bits is not None:
                capacities.append(storage.capacity_bits)
            if capacities:
                width = word_bits(problem, architecture, tensor, store.level)
                copies = 1 + storage.double_buffered(tensor)
                room[store.level, tensor] = min(capacities) // (width * copies)
    return room


def word_bits(problem: Problem, architecture: Architecture, tensor: str, level: str) -> int:
    """Width of a tensor's word at a level: the problem's own where it states one, else the machine's."""
    own = problem.tensor(tensor).bits
    return own if own is not None else architecture.word_bits(tensor, level)


def word_widths(problem: Problem, architecture: Architecture, tensor: str, level: str) -> tuple[int, int]:
    """Widths of a word at a level while it is used, and for good: partial sums may be wider than outputs."""
    final = word_bits(problem, architecture, tensor, level)
    own = problem.tensor(tensor).bits
    return (final if own is not None or tensor != problem.output else architecture.partial_sum_bits), final


def code_of(problem: Problem, architecture: Architecture, tensor: str, level: str) -> RunLengthCode | None:
    """The code that a level holds a tensor's finished words in, None where they stay as they are.

    A tensor is coded where the level says so and its density lets the code expect fewer bits than its words
    have: never where the density is unknown (1), which is how a network's first input is sent.
    """
    if tensor not in architecture.storage(level).coded:
        return None
    width = word_bits(problem, architecture, tensor, level)
    code = RunLengthCode(width)
    return code if code.expected_bits(problem.tensor(tensor).density) < width else None


def moved_bits(problem: Problem, architecture: Architecture, tensor: str, level: str) -> tuple[float, float]:
    """Bits that a word takes through a level's ports while it is in use and for good, as expected if coded.

    Operands are coded for good; of outputs only the finished ones are, partial sums are not.
    """
    used, final = word_widths(problem, architecture, tensor, level)
    code = code_of(problem, architecture, tensor, level)
    if code is None:
        return used, final
    coded = code.expected_bits(problem.tensor(tensor).density)
    return (used if tensor == problem.output else coded), coded


_MOST_PLACES = 2**26


@lru_cache(maxsize=65536)
def rank_words(rank: Rank, extents: tuple[int, ...], chunks: tuple[int, ...]) -> int:
    """Largest number of data coordinates that one chunk of each dimension reaches, wherever it stands."""
    coefficients = [c for _, c in rank.coefficients]
    if len(chunks) == 1:
        size = chunks[0]
    else:
        size = int(distinct_sums(chunks[0], chunks[1], (coefficients[0], coefficients[1])))
    if rank.data is None:
        return size
    return _clipped_words(coefficients, rank.data, extents, chunks)


def _clipped_words(
    coefficients: list[int], data: tuple[int, int], extents: tuple[int, ...], chunks: tuple[int, ...]
) -> int:
    """The same with a range of data: the largest over every place the chunks can stand."""
    places = math.prod(-(-n // c) for n, c in zip(extents, chunks, strict=True))
    if max(places, math.prod(chunks)) > _MOST_PLACES:
        raise MappingError(
            f"a padded rank with {places} tiles of up to {math.prod(chunks)} words is too large to check"
        )
    most = 0
    # The last chunk of a dimension may be a ragged one.
    kinds = [((0, n - n % c, c), (n - n % c, n, n % c)) for n, c in zip(extents, chunks, strict=True)]
    for kind in product(*kinds):
        starts, tile = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for coefficient, (first, end, chunk) in zip(coefficients, kind, strict=True):
            starts = np.unique(starts[:, None] + coefficient * np.arange(first, end, max(1, chunk)))
            tile = np.unique(tile[:, None] + coefficient * np.arange(chunk))
        low, high = (np.searchsorted(tile, edge - starts) for edge in (data[0], data[0] + data[1]))
        most = max(most, int((high - low).max(initial=0)))
    return most


def _check_bounds(problem: Problem, mapping: Mapping) -> None:
    stride = dict.fromkeys(problem.extents, 1)
    for loop in reversed(mapping.loops):
        if loop.dimension not in stride:
            hint = did_you_mean(loop.dimension, problem.extents)
            raise MappingError(f"'{loop}': {problem.name} has no dimension {loop.dimension!r}{hint}")
        extent = problem.extents[loop.dimension]
        if loop.bound < 1:
            raise MappingError(f"'{loop}': a bound must be at least 1")
        if (loop.bound - 1) * stride[loop.dimension] >= extent:
            most = -(-extent // stride[loop.dimension])
            raise MappingError(
                f"'{loop}': its last iteration is never reached, each covers {stride[loop.dimension]} of "
                f"{extent}; a bound of {most} is enough"
            )
        stride[loop.dimension] *= loop.bound
    for dimension, covered in stride.items():
        if covered < problem.extents[dimension]:
            raise MappingError(
                f"dimension {dimension} is not covered: the bounds of its loops multiply to {covered}, "
                f"its extent is {problem.extents[dimension]}"
            )


def _placed(loop: Loop, architecture: Architecture) -> Loop:
    if loop.axis is None:
        return loop
    arrays = [a for a in architecture.arrays if loop.array in (None, a.name)]
    owners = [a.name for a in arrays if loop.axis in (axis.name for axis in a.axes)]
    if len(owners) == 1:
        return replace(loop, array=owners[0])
    if owners:
        raise MappingError(f"'{loop}': axis {loop.axis!r} is on arrays {', '.join(owners)}; name one")
    places = [f"{a.name}.{axis.name}" for a in architecture.arrays for axis in a.axes]
    raise MappingError(
        f"'{loop}': {architecture.name} has no axis {loop.place!r}{did_you_mean(loop.place, places)}"
    )


def _check_levels(problem: Problem, architecture: Architecture, mapping: Mapping) -> None:
    names = [s.name for s in architecture.storages]
    for tensor in problem.tensor_names:
        if tensor not in TENSORS:
            raise MappingError(
                f"{problem.name}: machines know the tensors {', '.join(TENSORS)}; rename {tensor!r}, "
                f"or count the nest without a machine"
            )
    for store, _ in mapping.stores:
        if store.level not in names:
            hint = did_you_mean(store.level, names)
            raise MappingError(f"{architecture.name} has no storage level {store.level!r}{hint}")
        for tensor in store.tensors:
            if tensor not in architecture.storage(store.level).keeps:
                keeps = ", ".join(architecture.storage(store.level).keeps)
                raise MappingError(f"{store.level} cannot keep {tensor}; it keeps {keeps}")
    if mapping.stores[0][0].level != names[0]:
        raise MappingError(f"the outermost level is {names[0]}, not {mapping.stores[0][0].level}")
    for storage in architecture.storages:
        for tensor in problem.tensor_names:
            if tensor in storage.required and storage.name not in (n for n, _ in mapping.keepers(tensor)):
                raise MappingError(f"{storage.name} must keep {tensor} in every mapping")


def _check_order(problem: Problem, architecture: Architecture, mapping: Mapping) -> None:
    for tensor in problem.tensor_names:
        levels = [level for level, _ in mapping.keepers(tensor)]
        for outer, inner in pairwise(levels):
            if architecture.rank_of(outer) >= architecture.rank_of(inner):
                raise MappingError(
                    f"{tensor}: {inner} stands below {outer} in the mapping, but not in the hierarchy of "
                    f"{architecture.name}"
                )
    for place, loop in enumerate(mapping.nodes):
        if not isinstance(loop, Loop) or not loop.spatial:
            continue
        rank = architecture.array(str(loop.array)).rank
        for other, node in enumerate(mapping.nodes):
            if isinstance(node, Store):
                level_rank = architecture.rank_of(node.level)
            elif node.spatial and node.array != loop.array:
                level_rank = architecture.array(str(node.array)).rank
            else:
                continue
            name = node.level if isinstance(node, Store) else f"array {node.array}"
            if level_rank < rank and other > place:
                raise MappingError(f"'{loop}' must stand below {name}, which is outside array {loop.array}")
            if level_rank > rank and other < place:
                raise MappingError(f"'{loop}' must stand above {name}, which is inside array {loop.array}")


def _check_axes(architecture: Architecture, mapping: Mapping) -> None:
    for array in architecture.arrays:
        for axis in array.axes:
            on_axis = [x for x in mapping.loops if x.array == array.name and x.axis == axis.name]
            used = math.prod(loop.bound for loop in on_axis)
            if used > axis.size:
                loops = " x ".join(f"{loop.dimension} {loop.bound}" for loop in on_axis)
                raise MappingError(
                    f"axis {array.name}.{axis.name} has {axis.size} places, the mapping uses {used} ({loops})"
                )


def _check_capacity(problem: Problem, architecture: Architecture, mapping: Mapping, storage: Storage) -> None:
    bits: dict[str, int] = {}
    if storage.capacity_bits is None and not storage.partitions:
        return
    for store, _ in mapping.stores:
        if store.level == storage.name:
            for tensor in store.tensors:
                bits[tensor] = tile_bits(problem, architecture, mapping, store, tensor)
    parts = [(part.tensors, part.capacity_bits) for part in storage.partitions]
    if storage.capacity_bits is not None:
        parts.append((tuple(bits), storage.capacity_bits))
    for tensors, capacity in parts:
        inside = {t: n for t, n in bits.items() if t in tensors}
        over = sum(inside.values()) - capacity
        if over > 0:
            tiles = ", ".join(
                f"{t} {n} bits{' (twice a tile)' if storage.double_buffered(t) else ''}"
                for t, n in inside.items()
            )
            raise MappingError(
                f"{storage.name} overfills by {over} bits: it has {capacity} bits for {', '.join(tensors)}, "
                f"the tiles take {sum(inside.values())} ({tiles})"
            )
