"""An encoding as arrays: what kernels know of a problem's and a machine's slots, nodes and capacities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from simulator.counting.lowering import Ints, rank_arrays
from simulator.encoding import Encoding
from simulator.errors import MappingError
from simulator.jit import inlined, lean_kernel
from simulator.legality import rank_words, word_bits

# Rows of Layout.table. SIZES and FIRST hold one number for each of the names below.
(
    SIZES, FIRST, EXTENT, ORDERS_START,
    REGION_SLOT, REGION_NODE, REGION_NODES, ARRAY_SLOT, ARRAY_AXES, AXIS_SIZE, AXIS_SLOT, SLOT_AXIS,
    NODE_LEVEL, NODE_RANK, NODE_TENSOR, NODE_REQUIRED, NODE_BITS, NODE_CLIPS, NODE_POOL, NODE_PART,
    HIGHEST, POOL_BITS,
    RANK_START, RANK_DIM, RANK_OTHER, RANK_REPEAT, RANK_OTHER_REPEAT, RANK_CLIPPED, ROWS,
) = range(29)  # fmt: skip
DIMS, SLOTS, REGIONS, ARRAYS, AXES, NODES, POOLS = range(7)
BOUND_COLUMN, ORDER_COLUMN, NODES_COLUMN, KEEP_COLUMN, AXES_COLUMN, LENGTH = range(6)
# Rules every mapping obeys, before one for each axis and one for each capacity.
RANGE, KEEPS, HIERARCHY, REACH, COVER, RULES = range(6)
# The row of an array of one row: kernels called with a literal would be compiled for it once more.
ONLY = np.int64(0)
# Products of bounds stop growing here: past every extent, and its square fits 63 bits.
CAP = 2**31
Floats = npt.NDArray[np.float64]
_Pools = list[tuple[str, int, tuple[int, ...]]]
_Table = dict[int, Sequence[int] | Ints]
_MOST_TABLED = 8
_MOST_CLIPPED = 2**16


class Layout(NamedTuple):
    """An `Encoding` as arrays of int64.

    ``table`` (ROWS, W) has a row for each attribute of the slots, nodes and ranks, as named above:
    NODE_BITS are the bits a word takes at a node, twice where double-buffered; NODE_POOL and NODE_PART the
    capacity and the partition it shares, or -1; RANK_REPEAT the b/g and a/g of a rank a*i + b*j.
    ``orders`` are permutations by their number, four bits a place, those of n things from ORDERS_START[n]
    on (-1: not tabled). ``clipped``: the largest number of data words that chunks of a rank reach,
    from RANK_CLIPPED on (-1: no node leaves padding out), a row for each size of its first dimension.
    """

    table: Ints
    orders: Ints
    clipped: Ints


def lower_encoding(encoding: Encoding) -> Layout:
    """Return the arrays of an encoding."""
    problem, architecture = encoding.problem, encoding.architecture
    start, dims, coefficients, _ = rank_arrays(problem)
    axes = [(slot, i) for i, slot in enumerate(encoding.slots) if slot.axis is not None]
    slot_axis = np.full(len(encoding.slots), -1)
    slot_axis[[i for _, i in axes]] = np.arange(len(axes))
    pools = capacities(encoding)
    clipped_start, clipped = _clipped_words(encoding)
    sizes = {len(encoding.dimensions), *(len(r.nodes) for r in encoding.regions)}
    sizes |= {len(array.axes) for array in architecture.arrays}
    orders_start, orders = _orders(frozenset(sizes))
    g = np.maximum(1, np.gcd(coefficients[:, 0], coefficients[:, 1]))
    rows: _Table = {
        SIZES: [len(encoding.dimensions), len(encoding.slots), len(encoding.regions),
                len(architecture.arrays), len(axes), len(encoding.nodes), len(pools)],
        FIRST: [encoding.first_bound, encoding.first_order, encoding.first_nodes, encoding.first_keep,
                encoding.first_axes, encoding.length],
        EXTENT: [n for _, n in problem.dimensions],
        ORDERS_START: orders_start,
        REGION_SLOT: [r.first_slot for r in encoding.regions],
        REGION_NODE: [r.first_node for r in encoding.regions],
        REGION_NODES: [len(r.nodes) for r in encoding.regions],
        ARRAY_SLOT: encoding.first_axis_slots,
        ARRAY_AXES: [len(array.axes) for array in architecture.arrays],
        AXIS_SIZE: [architecture.array(str(s.array)).axis(str(s.axis)).size for s, _ in axes],
        AXIS_SLOT: [i for _, i in axes],
        SLOT_AXIS: slot_axis,
        HIGHEST: encoding.ranges[1],
        POOL_BITS: [bits for _, bits, _ in pools],
        RANK_START: start,
        RANK_DIM: dims[:, 0],
        RANK_OTHER: dims[:, 1],
        RANK_REPEAT: coefficients[:, 1] // g,
        RANK_OTHER_REPEAT: coefficients[:, 0] // g,
        RANK_CLIPPED: clipped_start,
        **_node_rows(encoding, pools),
    }  # fmt: skip
    width = max(len(values) for values in rows.values())
    table = np.zeros((ROWS, max(width, 8)), np.int64)
    for row, values in rows.items():
        table[row, : len(values)] = values
    return Layout(table, orders, clipped)


def rule_names(encoding: Encoding) -> tuple[str, ...]:
    """Names of the rules, in the order of a row's violations."""
    axes = [slot.name for slot in encoding.slots if slot.axis is not None]
    return (
        "range",
        "keeps",
        "hierarchy",
        "reach",
        "cover",
        *axes,
        *(name for name, *_ in capacities(encoding)),
    )


def capacities(encoding: Encoding) -> _Pools:
    """Capacities of levels and their partitions: a name, bits, and the nodes that share them."""
    found = []
    for storage in encoding.architecture.storages[1:]:
        here = [i for i, node in enumerate(encoding.nodes) if node.level == storage.name]
        if storage.capacity_bits is not None:
            found.append((f"{storage.name}.capacity", storage.capacity_bits, tuple(here)))
        for part in storage.partitions:
            inside = tuple(i for i in here if encoding.nodes[i].tensor in part.tensors)
            found.append((f"{storage.name}.{'+'.join(part.tensors)}", part.capacity_bits, inside))
    return found


def _node_rows(
    encoding: Encoding, pools: list[tuple[str, int, tuple[int, ...]]]
) -> dict[int, Sequence[int] | Ints]:
    problem, architecture = encoding.problem, encoding.architecture
    levels = [s.name for s in architecture.storages]
    storages = [architecture.storage(node.level) for node in encoding.nodes]
    bits = [
        word_bits(problem, architecture, node.tensor, node.level) * (1 + storage.double_buffered(node.tensor))
        for node, storage in zip(encoding.nodes, storages, strict=True)
    ]
    sharing = [[k for k, (*_, nodes) in enumerate(pools) if n in nodes] for n in range(len(encoding.nodes))]
    return {
        NODE_LEVEL: [levels.index(node.level) for node in encoding.nodes],
        NODE_RANK: [storage.rank for storage in storages],
        NODE_TENSOR: [problem.tensor_names.index(node.tensor) for node in encoding.nodes],
        NODE_REQUIRED: [int(node.required) for node in encoding.nodes],
        NODE_BITS: bits,
        NODE_CLIPS: [int(not storage.stores_padding) for storage in storages],
        NODE_POOL: [(*pair, -1, -1)[0] for pair in sharing],
        NODE_PART: [(*pair, -1, -1)[1] for pair in sharing],
    }


@lru_cache
def _orders(sizes: frozenset[int]) -> tuple[list[int], Ints]:
    """Tables of permutations of up to eight things, packed; where those of each number of things begin."""
    starts = [-1] * (max(sizes) + 1)
    tables: list[Ints] = []
    for n in sorted(size for size in sizes if size <= _MOST_TABLED):
        starts[n] = sum(map(len, tables))
        places = np.array(list(permutations(range(n))), np.int64).reshape(math.factorial(n), n)
        tables.append((places << 4 * np.arange(n)).sum(axis=1, dtype=np.int64))
    return starts, np.concatenate(tables) if tables else np.zeros(1, np.int64)


def _clipped_words(encoding: Encoding) -> tuple[list[int], Ints]:
    """Tables of the words that tiles hold where padding is left out, for the ranks that need them."""
    problem = encoding.problem
    clipping = {n.tensor for n in encoding.nodes if not encoding.architecture.storage(n.level).stores_padding}
    starts, words = [], [0]
    for tensor in problem.tensors:
        for rank in tensor.ranks:
            if rank.data is None or tensor.name not in clipping:
                starts.append(-1)
                continue
            extents = tuple(problem.extents[d] for d in rank.dimensions)
            if math.prod(extents) > _MOST_CLIPPED:
                raise MappingError(f"{problem.name}: the padded rank {rank} is too large for tables of tiles")
            starts.append(len(words))
            sizes = product(*(range(1, extent + 1) for extent in extents))
            words += [rank_words(rank, extents, chunks) for chunks in sizes]
    return starts, np.array(words, np.int64)


@inlined
def packed_order(table, orders, number, n):
    """The permutation of range(n) with a lexicographic number, four bits a place."""
    start = table[ORDERS_START, n]
    return orders[start + number] if start >= 0 else _work_out_order(np.int64(number), np.int64(n))


@lean_kernel
def _work_out_order(number, n):
    factorial = 1
    for i in range(2, n):
        factorial *= i
    packed, taken = 0, 0
    for place in range(n):
        index = number // factorial
        number -= index * factorial
        if place < n - 2:
            factorial //= n - 1 - place
        value = -1
        while index >= 0:
            value += 1
            index -= 1 - ((taken >> value) & 1)
        packed |= value << (4 * place)
        taken |= 1 << value
    return packed
