"""Which vectors of a batch are in a mapspace."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import Layout
from simulator.encoding import Encoding, Vectors
from simulator.jit import run_interruptibly
from simulator.mapspaces.restriction import Restriction
from simulator.mapspaces.settling import (
    AXIS_ORDER,
    BOUNDS,
    LOOP_ORDER,
    NODE_ORDER,
    NOTHING,
    SATURATED,
    check_scratch,
    find_broken,
)
from simulator.mapspaces.why import why_not

# Loops or nodes that break these may stand elsewhere between the same two arrays as well.
_MISPLACED = (BOUNDS, LOOP_ORDER, NODE_ORDER, AXIS_ORDER, SATURATED)


def members(
    encoding: Encoding, layout: Layout, restriction: Restriction, vectors: Vectors
) -> npt.NDArray[np.bool_]:
    """Whether each of some vectors (B, length) is in a restriction, as `why_not` says."""
    broken, row = np.empty(len(vectors), np.int64), np.zeros((1, encoding.length), np.int32)
    run_interruptibly(find_broken, layout, restriction, check_scratch(layout), row, vectors, broken)
    found: npt.NDArray[np.bool_] = broken == NOTHING
    for outside in np.flatnonzero(np.isin(broken, _MISPLACED)):
        found[outside] = why_not(encoding, layout, restriction, vectors[outside]) is None
    return found
