"""Random legal mappings of a mapspace."""

from __future__ import annotations

import numpy as np

from simulator.batch.layout import FIRST, LENGTH, Layout
from simulator.encoding import Vectors
from simulator.errors import MappingError
from simulator.jit import lean_kernel
from simulator.mapspaces.canonical import alike_regions, make_canonical, nest_scratch
from simulator.mapspaces.drafts import draft_scratch
from simulator.mapspaces.drawing import draw, start_stream
from simulator.mapspaces.moves import neighbours
from simulator.mapspaces.repairing import repair
from simulator.mapspaces.restriction import Restriction
from simulator.mapspaces.settling import any_saturated, check_scratch, find_unsaturated
from simulator.mapspaces.why import why_not

__all__ = ["neighbours", "repair", "sample", "why_not"]

_MOST_DRAWS = 10_000


def sample(layout: Layout, restriction: Restriction, n: int, seed: int) -> Vectors:
    """Return ``n`` random legal mappings of a restriction, (n, length).

    Every legal mapping can come whose vector has the bypassed nodes last in their region, or wherever a
    listed order has them: all but those with two loops of a dimension between two kept nodes of a region.

    A row depends on the seed and its own number only. It is drawn so: every node that may be bypassed is,
    with probability 1/2; nodes in any order that keeps the hierarchies (or any of those listed) and axes in
    any of theirs, all equally likely. Then bounds, slot by slot from the innermost, in each slot its
    dimensions in random order: with probability 1/2 the least bound, else any of those admitted that every
    axis and capacity has room for, equally likely, where everything still open counts at its least. What is
    left of a dimension falls to the outermost slot it may have a loop in. A bound that must be saturated is
    the largest with room, with probability 3/4. Last the loops of every slot in any order (or any of those
    listed), equally likely. A draw that comes to no legal mapping is dropped and the row drawn anew.

    The vectors are as `Encoding.encode` makes them of their mappings, wherever the slots of a region allow
    the same and its nodes stand in any order.

    Raises
    ------
    MappingError
        When no draw of a row comes to a legal mapping: the restriction leaves none, or next to none.
    """
    vectors = np.zeros((n, int(layout.table[FIRST, LENGTH])), np.int32)
    alike = alike_regions(layout, restriction)
    scratch = (draft_scratch(layout), check_scratch(layout), nest_scratch(layout))
    failed = _sample(layout, restriction, *scratch, alike, seed % 2**63, vectors)
    if failed >= 0:
        raise MappingError(
            f"no legal mapping in {_MOST_DRAWS} draws (row {failed} of seed {seed}): the constraints leave "
            f"none that fits the machine, or too few to be found by chance"
        )
    return vectors


@lean_kernel
def _sample(layout, restriction, draft, checks, nest, alike, seed, vectors):
    """Fill the rows; return the first that no draw makes legal, or -1."""
    saturated = any_saturated(restriction)
    for row in range(vectors.shape[0]):
        start_stream(draft.state, seed, row)
        draws = 1
        while not draw(layout, restriction, draft, vectors, row) or (
            saturated and find_unsaturated(layout, restriction, vectors, row, checks)
        ):
            if draws == _MOST_DRAWS:
                return row
            draws += 1
        make_canonical(layout, alike, vectors, row, draft.order, nest)
    return -1
