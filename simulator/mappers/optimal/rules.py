"""The rules that leave mappings out of a search, each with its argument; every one can be switched off."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simulator.counting.lowering import Ints
from simulator.errors import SimulatorError, did_you_mean
from simulator.mappers.optimal.model import Model

# Columns of the switches that kernels read.
BOUND, HOIST, SINK, MATTERS, DOMINATED, MIRROR = range(6)
RULES = {
    "bound": BOUND,
    "hoist": HOIST,
    "sink": SINK,
    "matters": MATTERS,
    "dominated": DOMINATED,
    "mirror": MIRROR,
}


def bound() -> None:
    """Leave out a partial mapping if what it spends and its cheapest completion pass the threshold.

    Argument: the completion is the cheapest chain of tiles for all orders of the nodes that are left, with
    every capacity that tensors share left aside (`tables.complete_inside`, `complete_outside`). A boundary's
    words are least for the tiles at its child alone: loops that the tensor lacks and that stand directly
    above it move nothing, so they may sink below it; all others repeat its tile. A level inside the array
    cannot stand above loops outside that its tensor lacks, but its tile stays while they run: so it costs
    what it would above them, which the chain may take it to do (`tables.staying` where they are known).
    So no mapping that begins so spends less.
    """


def hoist() -> None:
    """Hold a tensor above the loops that it lacks.

    Argument: with perfect factors a node directly below loops that its tensor lacks can stand above them: its
    tile and its words stay, and so does every other node. Loops of one gap may be exchanged, because the
    words of a boundary depend on the tiles below it and on which loops are outside, not on their order.
    Not where ranks of two dimensions overlap: there the order decides what slides.
    """


def sink() -> None:
    """Hold a tensor below the loops that divide it.

    Argument: a loop directly below a node that divides its tensor can stand above it. The tile gets smaller,
    its words in all stay the same, as tiles without overlap are each loaded as often as before.
    Not where ranks of two dimensions overlap.
    """


def matters() -> None:
    """Leave out a gap whose loops could all stand on its other side for nothing.

    Argument: if none of the loops between two nodes changes the lower node's tile, that node can stand above
    all of them as it is; if all of them divide the upper node's tensor, and none along a rank whose tiles
    overlap, the upper node can stand below them with a smaller tile. Neither changes the order of any loop,
    so this holds whatever slides. The path on the other side is searched.
    """


def dominated() -> None:
    """Leave out a partial mapping if another with the same tiles spends no more energy and no more room.

    Argument: whatever completes the one completes the other, and both completions cost the same. Not where
    ranks of two dimensions overlap: there the loops above decide what the completion costs.
    """


def mirror() -> None:
    """Leave out ways to use the array that become another one if dimensions that are alike are exchanged.

    Argument: where exchanging dimensions (rows with columns, say, of square maps and filters) leaves every
    extent and every rank of the problem as it is, exchanging them in a mapping changes no count. Such
    exchanges form a group, so of all spreads that they turn into each other one is enough.
    """


def check_rules(names: Iterable[str] | None) -> None:
    """Check the names of rules.

    Raises
    ------
    SimulatorError
        For anything but an iterable of known names, with the nearest one.
    """
    if isinstance(names, str) or not (names is None or isinstance(names, Iterable)):
        raise SimulatorError(f"rules are {names!r}; they must be names of {', '.join(RULES)}")
    for name in names or ():
        if not isinstance(name, str) or name not in RULES:
            raise SimulatorError(f"no pruning rule {name!r}{did_you_mean(str(name), RULES)}")


def switches(names: Iterable[str] | None, model: Model) -> Ints:
    """Return which rules are on: those named that hold for a problem, or all of those."""
    chosen = set(RULES if names is None else names)
    on = np.zeros(len(RULES), np.int64)
    on[[RULES[name] for name in chosen]] = 1
    if model.halo.any():
        on[[HOIST, SINK, DOMINATED]] = 0
    elif on[HOIST] and on[SINK]:
        on[MATTERS] = 0
    return on
