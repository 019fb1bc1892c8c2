"""The functional engine's hops: every word that moves is followed over the wires to all that receive it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.counting.lowering import Ints, Nest
from simulator.counting.wires import (
    AXES,
    AXIS,
    MOST_AXES,
    OUTER,
    STRIDE,
    USED,
    WORD,
    Wires,
    Wiring,
    drive,
    make_wiring,
)
from simulator.jit import kernel

# Rows of the chains of places that one word goes to, by chain: the place noted last, whether neighbours had
# the word; by note: the one before of its chain, the place.
_LATEST, _HAD, _BEFORE, _PLACE = range(4)
_CHAINS, _NOTES = range(2)


class Tracks(NamedTuple):
    """N networks, by the row of counts of the boundary that uses them; int64.

    first (rows + 1,): the first network of each row; axes (N, MOST_AXES, AXIS) and many (N,): its axes;
    linked (N,): whether neighbours pass words on; cell (N, instances): where a child lies; hops (N,).
    Scratch: wiring; chains (4, notes); used (2,): chains and notes so far; heads (W,): the chain of a word.
    """

    first: Ints
    axes: Ints
    many: Ints
    linked: Ints
    cell: Ints
    hops: Ints
    wiring: Wiring
    chains: Ints
    used: Ints
    heads: Ints


def make_tracks(nest: Nest, networks: Sequence[tuple[int, Wires]], words: int, notes: int) -> Tracks:
    """Return room to follow words over networks, each with its boundary's row, in the order of rows.

    ``words`` of all tensors, ``notes`` of places that words go to at once.

    Raises
    ------
    ProblemError
        For an array with more places than there is memory for.
    """
    rows = [row for row, _ in networks]
    loops = nest.mapping.loops
    places = math.prod(loop.bound for loop in loops if loop.spatial) if networks else 0
    axes, cell = np.zeros((len(rows), MOST_AXES, AXIS), np.int64), np.zeros((len(rows), places), np.int64)
    for n, (row, wires) in enumerate(networks):
        spatial = [loop for loop in loops[: nest.boundaries[row].child_above] if loop.spatial]
        bounds = [loop.bound for loop in spatial]
        grid = np.indices(bounds, np.int64).reshape(len(spatial), math.prod(bounds))
        axes[n, : len(wires.axes), :USED] = wires.rows()
        # Inner loops of an axis run fastest, axes from the last one on; arrays outside stand apart.
        lies = [wires.lies(loop.array, loop.axis) for loop in spatial]
        stride = 1
        for a in [*reversed(range(len(wires.axes))), OUTER]:
            if a >= 0:
                axes[n, a, STRIDE] = stride
            for i in reversed([i for i, at in enumerate(lies) if at == a]):
                cell[n, : grid.shape[1]] += stride * grid[i]
                stride *= spatial[i].bound
            if a >= 0:
                axes[n, a, USED] = stride // axes[n, a, STRIDE]
    return Tracks(
        np.searchsorted(rows, np.arange(len(nest.boundaries) + 1)).astype(np.int64),
        axes,
        np.array([len(wires.axes) for _, wires in networks], np.int64),
        np.array([wires.linked for _, wires in networks], np.int64),
        cell,
        np.zeros(len(rows), np.int64),
        make_wiring(0, 0, 0, 0, places, max((wires.depth for _, wires in networks), default=0), 0),
        np.zeros((4, notes if networks else 0), np.int64),
        np.zeros(2, np.int64),
        np.zeros(words if networks else 0, np.int64),
    )


@kernel
def begin_chains(tracks):
    """Forget where words went."""
    tracks.used[:] = 0


@kernel
def note_place(tracks, word, first, had, place):
    """Note that a word goes to a place; ``first``: to no other so far; ``had``: neighbours have it."""
    chains, used = tracks.chains, tracks.used
    if first:
        tracks.heads[word] = used[_CHAINS]
        chains[_LATEST, used[_CHAINS]], chains[_HAD, used[_CHAINS]] = -1, had
        used[_CHAINS] += 1
    c, note = tracks.heads[word], used[_NOTES]
    chains[_BEFORE, note], chains[_PLACE, note] = chains[_LATEST, c], place
    chains[_LATEST, c] = note
    used[_NOTES] += 1


@kernel
def follow_chains(tracks, row):
    """Add the wires that the words noted drive on every network of a boundary."""
    for n in range(tracks.first[row], tracks.first[row + 1]):
        tracks.wiring.marks[AXES] = tracks.many[n]
        for a in range(tracks.many[n]):
            for column in range(AXIS):
                tracks.wiring.axes[a, column] = tracks.axes[n, a, column]
        for c in range(tracks.used[_CHAINS]):
            if tracks.chains[_HAD, c] and tracks.linked[n]:
                continue
            tracks.wiring.marks[WORD] += 1
            note = tracks.chains[_LATEST, c]
            while note >= 0:
                tracks.hops[n] += drive(tracks.wiring, tracks.cell[n, tracks.chains[_PLACE, note]])
                note = tracks.chains[_BEFORE, note]
