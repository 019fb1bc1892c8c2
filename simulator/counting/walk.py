"""The walk: executes the nest, every step in order, and counts from what each level holds then.

One odometer runs the temporal loops. Whenever a loop above a level advances, the tiles of that level's
instances move: their new tiles are compared with the tiles they hold, and what is missing is counted.
The instances of a step are treated together, dimension by dimension (see ``tiles``).

While it walks it times each tile's transfer against the computation on the tile before it. Transfers
queue at ports and networks; a tile that is late stalls the computation. The first tiles are taken as
present and fetched once more at the end, as if the same layer followed; the first fill is added apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.counting.counts import count_steps
from simulator.counting.lowering import (
    COLUMNS,
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FIRST_READS,
    FRESH,
    LAST_DRAINS,
    READS,
    REFILLS,
    Ints,
    Nest,
    Query,
    lower_queries,
)
from simulator.counting.sets import kernel_sizes, position_offsets
from simulator.counting.tiles import advance, ask_all, last_words, make_tiles
from simulator.errors import SimulatorError
from simulator.jit import kernel, run_interruptibly

Floats = npt.NDArray[np.float64]
MAX_STEPS = 10**12
MAX_BYTES = 2**32


def count_queries(nest: Nest, queries: list[Query]) -> Ints:
    """Return counts (Q, COLUMNS) of a nest by walking it."""
    return walk(nest, queries, np.zeros((len(queries), COLUMNS, 0)))[0]


def walk(nest: Nest, queries: list[Query], cycles_per_word: Floats) -> tuple[Ints, float]:
    """Walk a nest; return counts (Q, COLUMNS) and the cycles of computation with its stalls.

    ``cycles_per_word`` (Q, COLUMNS, resources) says for how long a word of a query's column keeps a
    port or network busy; no resources where bandwidth is no limit.

    Raises
    ------
    SimulatorError
        For more than `MAX_STEPS` steps or `MAX_BYTES` of positions.
    """
    steps = int(count_steps(nest))
    if steps > MAX_STEPS:
        raise SimulatorError(
            f"{nest.problem.name}: walking {steps:.2e} steps would take days; the closed form counts the same"
        )
    asked = lower_queries(nest, queries)
    out = np.zeros((len(queries), COLUMNS), np.int64)
    _, positions, length = kernel_sizes(nest.structure, nest.bounds[None, :], asked)
    room_bytes = len(queries) * len(nest.structure.extents) * 5 * positions * 8
    if room_bytes > MAX_BYTES:
        raise SimulatorError(
            f"{nest.problem.name}: walking {positions} positions takes {room_bytes / 2**30:.0f} GiB"
        )
    spatial = np.array(nest.spatial, np.bool_)
    arguments = (nest.structure, nest.bounds, spatial, asked, positions, length, cycles_per_word, out)
    cycles = run_interruptibly(_walk, *arguments)
    return out, float(cycles)


@kernel
def _walk(structure, bounds, spatial, queries, positions, length, cycles_per_word, out):
    """Run the odometer over all temporal loops; return the cycles with stalls."""
    dims, loops, asked = len(structure.extents), len(bounds), len(queries.tensor)
    strides = np.zeros(loops, np.int64)
    inside = np.ones(dims, np.int64)
    reach = np.zeros(dims, np.int64)  # largest offset of any position
    for loop in range(loops - 1, -1, -1):
        d = structure.loop_dim[loop]
        strides[loop] = inside[d]
        inside[d] *= bounds[loop]
        if spatial[loop]:
            reach[d] += (bounds[loop] - 1) * strides[loop]

    offsets = np.zeros((asked, dims, 2, 2, positions), np.int64)
    n_offsets = np.zeros((asked, dims, 2), np.int64)
    shape = np.zeros((asked, dims, 2), np.int64)
    for q in range(asked):
        position_offsets(structure, bounds, strides, queries, q, offsets[q], n_offsets[q], shape[q])
    at = np.full((asked, dims), -1, np.int64)
    held = np.full((asked, dims, positions), -1, np.int64)
    sums = np.zeros((asked, len(structure.rank_dims), 6), np.int64)
    lacking = np.ones((asked, dims, 3), np.int64)
    stamps = np.zeros((5, length), np.int64)
    epoch = np.zeros(1, np.int64)
    here = np.zeros(dims, np.int64)
    delta = np.zeros(COLUMNS, np.int64)

    index = np.zeros(loops, np.int64)
    base = np.zeros(dims, np.int64)
    whole = reach < structure.extents  # every position of the dimension is active
    # The MACs' counts change only with dimensions that are ragged now or before, or clip padding.
    restless = _clipped_dimensions(structure, queries)
    dirty = np.ones(dims, np.bool_)
    any_dirty = True
    product = np.zeros((asked, 2), np.int64)
    reductions = _reduction_masks(structure, queries)
    away = 0  # bit d: dimension d does not stand at zero

    resources = cycles_per_word.shape[2]
    free = np.zeros(resources)
    tile_start = np.zeros(asked)
    pending = np.zeros(asked)
    taken = np.zeros((asked, COLUMNS), np.int64)  # words of the tile in use
    stall = 0.0
    steps = 0
    k = -1
    while True:
        for q in range(asked):
            if not queries.holds[q]:
                if any_dirty:
                    tiles = make_tiles(
                        structure,
                        queries,
                        q,
                        offsets,
                        n_offsets,
                        shape,
                        at,
                        held,
                        sums,
                        lacking,
                        stamps,
                        epoch,
                    )
                    ask_all(tiles, base, dirty, product[q])
                output = structure.is_output[queries.tensor[q]]
                out[q, DRAINS if output else READS] += product[q, 0]
                out[q, CONTRIBUTED if output else FILLS] += product[q, 1]
                if output:
                    out[q, REFILLS if away & reductions[q] else FRESH] += product[q, 0]
            elif queries.child[q] > k:
                tiles = make_tiles(
                    structure, queries, q, offsets, n_offsets, shape, at, held, sums, lacking, stamps, epoch
                )
                advance(tiles, index, strides, here, delta)
                for column in range(COLUMNS):
                    out[q, column] += delta[column]
                if resources > 0 and k >= 0:
                    late = _transfer(
                        cycles_per_word[q], delta, taken[q], tile_start[q], steps + stall, pending, q, free
                    )
                    stall = max(stall, late - steps)
                taken[q] = delta
        if resources > 0:
            for q in range(asked):
                if queries.child[q] > k:
                    tile_start[q] = steps + stall
        if any_dirty:
            dirty[:] = False
            any_dirty = False
        steps += 1
        # Advance the innermost loop that can; a place past the extent ends its loop.
        k = loops - 1
        while k >= 0:
            if not spatial[k]:
                d = structure.loop_dim[k]
                index[k] += 1
                base[d] += strides[k]
                moved = index[k] < bounds[k] and base[d] < structure.extents[d]
                if not moved:
                    base[d] -= index[k] * strides[k]
                    index[k] = 0
                away = away | (1 << d) if base[d] else away & ~(1 << d)
                complete = base[d] + reach[d] < structure.extents[d]
                if restless[d] or not complete or not whole[d]:
                    dirty[d] = True
                    any_dirty = True
                whole[d] = complete
                if moved:
                    break
            k -= 1
        if k < 0:
            break
    for q in range(asked):
        if structure.is_output[queries.tensor[q]]:
            tiles = make_tiles(
                structure, queries, q, offsets, n_offsets, shape, at, held, sums, lacking, stamps, epoch
            )
            if not queries.holds[q]:
                _last_index(structure, bounds, strides, spatial, at[q])
            out[q, LAST_DRAINS] = last_words(tiles, at[q])
    return _finish(queries, cycles_per_word, out, tile_start, pending, free, steps + stall)


@kernel
def _last_index(structure, bounds, strides, spatial, at):
    """Where position zero stands in the last step that exists."""
    at[:] = 0
    for loop in range(len(bounds)):
        if not spatial[loop]:
            d = structure.loop_dim[loop]
            room = structure.extents[d] - 1 - at[d]
            at[d] += min(bounds[loop] - 1, room // strides[loop]) * strides[loop]


@kernel
def _reduction_masks(structure, queries):
    """Per query a bit for each dimension its tensor lacks."""
    masks = np.zeros(len(queries.tensor), np.int64)
    for q in range(len(queries.tensor)):
        t = queries.tensor[q]
        for d in range(len(structure.extents)):
            own = False
            for r in range(structure.rank_start[t], structure.rank_start[t + 1]):
                own = own or structure.rank_dims[r, 0] == d or structure.rank_dims[r, 1] == d
            if not own:
                masks[q] |= 1 << d
    return masks


@kernel
def _clipped_dimensions(structure, queries):
    """Dimensions of ranks whose padding a MAC boundary leaves out."""
    clipped = np.zeros(len(structure.extents), np.bool_)
    for q in range(len(queries.tensor)):
        if queries.clip[q] and not queries.holds[q]:
            t = queries.tensor[q]
            for r in range(structure.rank_start[t], structure.rank_start[t + 1]):
                for j in range(2):
                    if structure.rank_dims[r, j] >= 0:
                        clipped[structure.rank_dims[r, j]] = True
    return clipped


@kernel
def _transfer(cost, delta, taken, tile_start, now, pending, q, free):
    """Queue a tile's transfers; return when the computation on it may begin.

    What must arrive is asked for when the tile before it started; what that tile took drains now and must
    be gone when the next tile comes.
    """
    ready = max(now, pending[q])
    gone = now
    for resource in range(len(free)):
        arriving, leaving = 0.0, 0.0
        for c in range(COLUMNS):
            if c == DRAINS or c == CONTRIBUTED or c == FRESH:  # noqa: SIM109 (numba compiles this faster)
                leaving += cost[c, resource] * taken[c]
            else:
                arriving += cost[c, resource] * delta[c]
        if arriving > 0.0:
            free[resource] = max(free[resource], tile_start) + arriving
            ready = max(ready, free[resource])
        if leaving > 0.0:
            free[resource] = max(free[resource], now) + leaving
            gone = max(gone, free[resource])
    pending[q] = gone
    return ready


@kernel
def _finish(queries, cycles_per_word, out, tile_start, pending, free, cycles):
    """Fetch the first tiles once more behind the last ones; return the cycle at which all is quiet."""
    first, nothing = np.zeros(COLUMNS, np.int64), np.zeros(COLUMNS, np.int64)
    end = cycles
    for q in range(len(queries.tensor)):
        if queries.holds[q] and len(free) > 0:
            # Each query has its costs in one of the two: what a parent or network sends, what a child takes.
            first[READS] = out[q, FIRST_READS]
            first[FILLS] = out[q, FIRST_READS]
            late = _transfer(cycles_per_word[q], first, nothing, tile_start[q], cycles, pending, q, free)
            end = max(end, late)
    return end
