"""Small kernels on positions, chunks and tiles that the walk and the closed form share."""

from __future__ import annotations

from simulator.counting.lowering import SPLIT, TEMPORAL, UNION, ZERO, Ints, Queries, Structure
from simulator.errors import ProblemError
from simulator.jit import lean_kernel

MAX_PLACES = 2**24
MAX_POSITIONS = 2**22


def kernel_sizes(structure: Structure, bounds: Ints, queries: Queries) -> tuple[int, int, int]:
    """Scratch the kernels need: places of one dimension in time and on the array, longest bitmap.

    Places in time are at most `MAX_PLACES`: complete ones are folded and need no room.

    Raises
    ------
    ProblemError
        For more than `MAX_POSITIONS` positions of one dimension on the array.
    """
    situations, positions = 1, 1
    temporal = (queries.roles == TEMPORAL).any(axis=0)
    spatial = ((queries.roles != TEMPORAL) & (queries.roles <= ZERO)).any(axis=0)
    for d in range(len(structure.extents)):
        of_dim = structure.loop_dim == d
        situations = max(situations, int(bounds[:, of_dim & temporal].prod(axis=1).max()))
        positions = max(positions, int(bounds[:, of_dim & spatial].prod(axis=1).max()))
    pairs = structure.rank_dims[:, 1] >= 0
    lengths = (structure.rank_coefficients * (structure.extents[structure.rank_dims] - 1)).sum(axis=1) + 1
    length = int(lengths[pairs].max()) if pairs.any() else 1
    if positions > MAX_POSITIONS:
        raise ProblemError(f"{positions} positions of one dimension on the array are too many; at most 2**22")
    return min(situations, MAX_PLACES), positions, length


@lean_kernel
def position_offsets(structure, bounds, strides, queries, q, offsets, n_offsets, shape):
    """Positions of each dimension: offsets and weights that split groups (0) and that share them (1).

    ``shape`` gets a dimension's chunk inside the child, its largest offset and the loops' whole span.
    """
    child = queries.child[q]
    own_split = structure.is_output[queries.tensor[q]] == 1
    first, end = structure.rank_start[queries.tensor[q]], structure.rank_start[queries.tensor[q] + 1]
    for d in range(len(structure.extents)):
        n_offsets[d, 0] = 1
        n_offsets[d, 1] = 1
        for kind in range(2):
            offsets[d, kind, 0, 0] = 0
            offsets[d, kind, 1, 0] = 1
        shape[d, 0] = 1
        shape[d, 1] = 0
        own = False
        for r in range(first, end):
            own = own or structure.rank_dims[r, 0] == d
        for loop in range(len(bounds)):
            if structure.loop_dim[loop] != d:
                continue
            if loop >= child:
                shape[d, 0] *= bounds[loop]
                continue
            role = queries.roles[q, loop]
            if role != UNION and role != SPLIT:
                continue
            shape[d, 1] += (bounds[loop] - 1) * strides[loop]
            kind = 1 if role == UNION and not (own and own_split) else 0
            n = n_offsets[d, kind]
            weighted = queries.weight[q] == loop
            for i in range(bounds[loop] - 1, -1, -1):
                for j in range(n):
                    offsets[d, kind, 0, i * n + j] = offsets[d, kind, 0, j] + i * strides[loop]
                    offsets[d, kind, 1, i * n + j] = offsets[d, kind, 1, j] * (i if weighted else 1)
            n_offsets[d, kind] = n * bounds[loop]


@lean_kernel
def chunk_words(base, chunk, extent, coefficient, first, end):
    """Words of a one-dimensional chunk whose coordinate lies in [first, end)."""
    low = max(base, -(-first // coefficient))
    high = min(min(base + chunk, extent), -(-end // coefficient))
    return max(0, high - low)


@lean_kernel
def stamp_tile(stamps, mark, b1, w1, e1, a, b2, w2, e2, b):
    """Mark the coordinates a*i + b*j of a tile, each about once.

    (i, j) and (i + b/g, j - a/g) are one coordinate, so from i = b/g on only the last a/g of j are new.
    """
    g, rest = a, b
    while rest:
        g, rest = rest, g % rest
    n1, n2 = min(w1, e1 - b1), min(w2, e2 - b2)
    low = a * b1 + b * b2
    for i in range(n1):
        for j in range(0 if i < b // g else max(0, n2 - a // g), n2):
            stamps[low + a * i + b * j] = mark


@lean_kernel
def compare_tile(stamps, tile, group, low, high, still):
    """Words of a tile in [low, high), and how many of them its position holds: all if it stands still.

    Rows of ``stamps``: 0 the group's union, 1 needed by someone of it, 2 in someone's tile the step before,
    3 the tile, 4 what its position holds. The union and what is needed are marked here.
    """
    size, held = 0, 0
    for x in range(low, high):
        if stamps[3, x] == tile:
            size += 1
            stamps[0, x] = group
            if still or stamps[4, x] == tile:
                held += 1
            else:
                stamps[1, x] = group
    return size, held


@lean_kernel
def in_tile(x, b1, w1, e1, a, b2, w2, e2, b):
    """Whether ``x`` is a coordinate a*i + b*j of a tile."""
    first, last = x - b * (min(b2 + w2, e2) - 1), x - b * b2
    low, high = max(b1, -(-first // a)), min(min(b1 + w1, e1) - 1, last // a)
    for i in range(low, high + 1):  # noqa: SIM110 (numba knows no generators)
        if (x - a * i) % b == 0:
            return True
    return False
