"""Tensors as frameworks have them, with a batch of one in front, and their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from workloads.errors import WorkloadError
from workloads.geometry import LARGEST, Shape


@dataclass(frozen=True)
class Fixed:
    """A tensor that is part of the network: a parameter or a constant, with its values where they matter.

    ``trained`` ones count as weights; ``stored`` is what a file has as it stands.
    """

    shape: Shape
    name: str
    values: np.ndarray[Any, Any] | None = None
    trained: bool = False
    stored: bool = False


@dataclass(frozen=True)
class Made:
    """A tensor of a shape whose words a layer makes."""

    layer: str
    shape: Shape


Value = Fixed | Made


def bare(shape: Shape) -> Shape:
    """Return a shape without the batch of one.

    >>> bare((1, 3, 224, 224)), bare((77, 512)), bare(())
    ((3, 224, 224), (77, 512), (1,))
    """
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape or (1,)


def axis_in(axis: int, rank: int) -> int:
    """Return an axis counted from 0. Raises WorkloadError where there are too few."""
    if not -rank <= axis < rank:
        raise WorkloadError(f"there is no axis {axis} in a tensor of {rank} axes")
    return axis % rank


def broadcast(*shapes: Shape) -> Shape:
    """Return what shapes broadcast to. Raises WorkloadError."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise WorkloadError(f"shapes {', '.join(map(str, shapes))} do not fit each other") from None


def checked_shape(shape: Sequence[int], what: str) -> Shape:
    """Return a shape whose extents and number of values are such as networks have. Raises WorkloadError."""
    if len(shape) > 16 or not all(0 <= n <= LARGEST for n in shape) or prod(shape) > 2**48:
        raise WorkloadError(f"{what} has the shape {tuple(shape[:16])}, which no tensor of a network has")
    return tuple(shape)
