"""The walk: executes the nest, every step in order, and counts from what each level holds then.

One odometer runs the temporal loops. Whenever a loop above a level advances, the tiles of that level's
instances move: their new tiles are compared with the tiles they hold, and what is missing is counted.
The instances of a step are treated together, dimension by dimension (see ``tiles``).

While it walks it times each tile's transfer against the computation on the tile before it. Transfers
queue at ports and networks; a tile that is late stalls the computation, and a fifo's when it ends before
its last word has come. The first tiles are taken as
present and fetched once more at the end, as if the same layer followed; the first fill is added apart,
and so is the ramp: what fills before a pass begins and drains after it.
"""

from __future__ import annotations

from typing import NamedTuple

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
from simulator.counting.tiles import Boundaries, advance, ask_all, last_words, make_boundaries, tiles_of
from simulator.counting.wire_walk import walk_wires
from simulator.errors import SimulatorError
from simulator.jit import kernel, run_interruptibly

Floats = npt.NDArray[np.float64]
MAX_STEPS = 10**12
MAX_BYTES = 2**32
# Columns of `walk`'s streams.
FIFO, PASS = range(2)


def count_queries(nest: Nest, queries: list[Query]) -> Ints:
    """Return counts (Q, COLUMNS) of a nest by walking it."""
    nothing = np.zeros((len(queries), COLUMNS, 0)), np.zeros((len(queries), 2), np.int64)
    return walk(nest, queries, *nothing)[0]


def walk(nest: Nest, queries: list[Query], cycles_per_word: Floats, streams: Ints) -> tuple[Ints, float]:
    """Walk a nest; return counts (Q, COLUMNS) and the cycles of computation with its stalls.

    ``cycles_per_word`` (Q, COLUMNS, resources) says for how long a word of a query's column keeps a
    port or network busy; no resources where bandwidth is no limit. ``streams`` (Q, 2) says whether words
    come one by one (fifo), and how many loops stand above a pass: when one of them advances, a query's
    tile starts anew, and what that takes is counted apart (`cost.timing`).

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
    out = np.zeros((len(queries), COLUMNS), np.int64)
    for i, query in enumerate(queries):
        if query.wires is not None:
            out[i] = walk_wires(nest, query)
    plain = [i for i, query in enumerate(queries) if query.wires is None]
    asked = lower_queries(nest, [queries[i] for i in plain])
    counts = np.zeros((len(plain), COLUMNS), np.int64)
    _, positions, length = kernel_sizes(nest.structure, nest.bounds[None, :], asked)
    room_bytes = len(plain) * len(nest.structure.extents) * 5 * positions * 8
    if room_bytes > MAX_BYTES:
        raise SimulatorError(
            f"{nest.problem.name}: walking {positions} positions takes {room_bytes / 2**30:.0f} GiB"
        )
    spatial = np.array(nest.spatial, np.bool_)
    where = (nest.structure, nest.bounds, spatial, asked, positions, length)
    cycles = run_interruptibly(_walk, *where, cycles_per_word[plain], streams[plain], counts)
    out[plain] = counts
    return out, float(cycles)


class State(NamedTuple):
    """Where the walk stands: of each loop and dimension, and of each query the tiles it compares.

    strides and indices are (L,); base (position zero's place), reach (largest offset of any position), whole
    (every position active), restless (clips padding at the MAC) and dirty are (D,). Dirty are dimensions
    that are restless, ragged now or ragged before: only they change what MACs without latches ask for,
    kept in product (Q, 2). reductions (Q,) has a bit for each dimension the tensor lacks.
    """

    strides: Ints
    indices: Ints
    base: Ints
    reach: Ints
    whole: npt.NDArray[np.bool_]
    restless: npt.NDArray[np.bool_]
    dirty: npt.NDArray[np.bool_]
    product: Ints
    reductions: Ints
    boundaries: Boundaries


@kernel
def _walk(structure, bounds, spatial, queries, positions, length, cycles_per_word, streams, out):
    """Run the odometer over all temporal loops; return the cycles with stalls.

    What every step does stands here rather than in functions of its own: a call costs as much as a step.
    """
    asked, resources = len(queries.tensor), cycles_per_word.shape[2]
    state = _begin(structure, bounds, spatial, queries, positions, length)
    strides, reach, restless, boundaries = state.strides, state.reach, state.restless, state.boundaries
    index, base, whole, dirty, product = state.indices, state.base, state.whole, state.dirty, state.product
    here, delta = np.zeros(len(base), np.int64), np.zeros(COLUMNS, np.int64)
    taken = np.zeros((asked, COLUMNS), np.int64)  # words of the tile in use
    free, tile_start = np.zeros(resources), np.zeros(asked)
    pending, arrived = np.zeros(asked), np.zeros(asked)
    any_dirty, away = True, 0  # away: a bit for each dimension that does not stand at zero
    stall, steps, k = 0.0, 0, -1
    while True:
        for q in range(asked):
            if not queries.holds[q]:
                if any_dirty:
                    ask_all(tiles_of(boundaries, structure, queries, q), base, dirty, product[q])
                output = structure.is_output[queries.tensor[q]]
                out[q, DRAINS if output else READS] += product[q, 0]
                out[q, CONTRIBUTED if output else FILLS] += product[q, 1]
                if output:
                    out[q, REFILLS if away & state.reductions[q] else FRESH] += product[q, 0]
            elif queries.child[q] > k:
                advance(tiles_of(boundaries, structure, queries, q), index, strides, here, delta)
                for column in range(COLUMNS):
                    out[q, column] += delta[column]
                if resources > 0 and k >= 0:
                    stall = max(stall, arrived[q] - steps)
                    anew = k < streams[q, PASS]
                    if anew:
                        taken[q] = 0  # drained at the end of the pass before
                    if not anew or structure.is_output[queries.tensor[q]]:
                        costs, start, now = cycles_per_word[q], tile_start[q], steps + stall
                        late = _transfer(costs, delta, taken[q], start, now, pending, q, free)
                        if streams[q, FIFO]:
                            arrived[q] = late
                        else:
                            stall = max(stall, late - steps)
                # Assigning rows whole compiles the text of numba's error about their shapes.
                for column in range(COLUMNS):
                    taken[q, column] = delta[column]
        if resources > 0:
            for q in range(asked):
                if queries.child[q] > k:
                    tile_start[q] = steps + stall
        if any_dirty:
            dirty[:] = False
            any_dirty = False
        steps += 1
        # Advance the innermost loop that can; a place past the extent ends its loop.
        k = len(bounds) - 1
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
    _drain_last(structure, bounds, spatial, queries, state, out)
    end = steps + stall
    for q in range(asked):
        end = max(end, arrived[q])
    return _finish(queries, cycles_per_word, streams, out, tile_start, pending, free, end)


@kernel
def _begin(structure, bounds, spatial, queries, positions, length):
    """The state before the first step."""
    dims, loops, asked = len(structure.extents), len(bounds), len(queries.tensor)
    strides = np.zeros(loops, np.int64)
    inside = np.ones(dims, np.int64)
    reach = np.zeros(dims, np.int64)
    for loop in range(loops - 1, -1, -1):
        d = structure.loop_dim[loop]
        strides[loop] = inside[d]
        inside[d] *= bounds[loop]
        if spatial[loop]:
            reach[d] += (bounds[loop] - 1) * strides[loop]
    boundaries = make_boundaries(structure, asked, positions, length)
    for q in range(asked):
        position_offsets(
            structure, bounds, strides, queries, q,
            boundaries.offsets[q], boundaries.n_offsets[q], boundaries.shape[q],
        )  # fmt: skip
    return State(
        strides, np.zeros(loops, np.int64), np.zeros(dims, np.int64), reach, reach < structure.extents,
        _clipped_dimensions(structure, queries), np.ones(dims, np.bool_), np.zeros((asked, 2), np.int64),
        _reduction_masks(structure, queries), boundaries,
    )  # fmt: skip


@kernel
def _drain_last(structure, bounds, spatial, queries, state, out):
    """Words that the places active in the last step drain, for every query of the output."""
    for q in range(len(queries.tensor)):
        if structure.is_output[queries.tensor[q]]:
            tiles = tiles_of(state.boundaries, structure, queries, q)
            if not queries.holds[q]:
                _last_index(structure, bounds, state.strides, spatial, tiles.at)
            out[q, LAST_DRAINS] = last_words(tiles, tiles.at)


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
def _finish(queries, cycles_per_word, streams, out, tile_start, pending, free, cycles):
    """Fetch the first tiles once more behind the last ones; return the cycle at which all is quiet.

    Not those of which only the last word is waited for, nor those that no computation hides.
    """
    first, nothing = np.zeros(COLUMNS, np.int64), np.zeros(COLUMNS, np.int64)
    end = cycles
    for q in range(len(queries.tensor)):
        if streams[q, FIFO] or streams[q, PASS]:
            end = max(end, pending[q])
        elif queries.holds[q] and len(free) > 0:
            # Each query has its costs in one of the two: what a parent or network sends, what a child takes.
            first[READS] = out[q, FIRST_READS]
            first[FILLS] = out[q, FIRST_READS]
            late = _transfer(cycles_per_word[q], first, nothing, tile_start[q], cycles, pending, q, free)
            end = max(end, late)
    return end
