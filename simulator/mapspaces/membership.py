"""Which vectors of a batch are in a mapspace."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulator.batch.layout import ONLY
from simulator.encoding import Vectors
from simulator.jit import lean_kernel, run_interruptibly
from simulator.mapspaces.plans import choices
from simulator.mapspaces.settling import any_saturated, check_scratch, find_unsaturated, is_legal
from simulator.mapspaces.space import Mapspace


def members(space: Mapspace, vectors: Vectors) -> npt.NDArray[np.bool_]:
    """Whether each of some legal vectors (B, length) is in a mapspace, as `Mapspace.contains` says."""
    found = np.zeros(len(vectors), np.bool_)
    row = np.zeros((1, vectors.shape[1]), np.int32)
    checks = check_scratch(space.layout)
    run_interruptibly(_members, space.layout, space.restriction, checks, row, vectors, found)
    # An axis without a loop may stand anywhere; what is saturated hangs on where it does.
    for i, column in enumerate(range(space.encoding.first_axes, space.encoding.length)):
        listed = choices(space.restriction, len(space.encoding.slots) + len(space.encoding.regions) + i)
        if len(listed):
            found &= np.isin(vectors[:, column], listed)
    # Loops or nodes may stand elsewhere between the same two arrays as well.
    for outside in np.flatnonzero(~found):
        found[outside] = space.contains(vectors[outside])
    return found


@lean_kernel
def _members(layout, restriction, checks, given, vectors, found):
    saturated = any_saturated(restriction)
    for row in range(vectors.shape[0]):
        for column in range(vectors.shape[1]):
            given[0, column] = vectors[row, column]
        found[row] = is_legal(layout, restriction, given, checks) and not (
            saturated and find_unsaturated(layout, restriction, given, ONLY, checks)
        )
