"""Pooling over windows, over whole maps, to a given size, over regions; and reductions of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, prod
from typing import ClassVar

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import (
    Shape,
    Sides,
    Sizes,
    axes_in,
    axis_number,
    axis_of,
    one_of,
    positions,
    sides,
    sizes,
    true_or_false,
    whole_number,
)

POOLINGS = ("max", "average", "l2")
REDUCTIONS = ("sum", "mean", "max", "min", "product", "l2")
REGIONS = ("max", "align")


def _operations(kind: str, values: int, outputs: int) -> int:
    """One comparison or addition per value; a mean's division and a length's squares and root besides."""
    return values * (2 if kind == "l2" else 1) + outputs * (kind in ("average", "mean", "l2"))


@dataclass(frozen=True, init=False)
class Pooling(Layer):
    """The maximum, average or length over a sliding window; stride is the kernel unless given.

    kind: "max", "average" or "l2"; sizes as Convolution's. ``ceil_mode`` rounds the output up (Caffe),
    otherwise down; padding must be smaller than the kernel, or a window would see none of the map. Raises
    WorkloadError.
    """

    kind: str
    kernel: Sizes
    stride: Sizes
    padding: Sides
    ceil_mode: bool
    dilation: Sizes

    axes: ClassVar[int] = 2

    def __init__(
        self,
        name: str,
        kind: str,
        kernel: int | Sizes,
        stride: int | Sizes | None = None,
        padding: int | Sides = 0,
        ceil_mode: bool = False,
        dilation: int | Sizes = 1,
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            kind=one_of(kind, POOLINGS, where, "kind"),
            kernel=sizes(kernel, self.axes, where, "kernel"),
            stride=sizes(kernel if stride is None else stride, self.axes, where, "stride"),
            padding=sides(padding, self.axes, where, "padding"),
            ceil_mode=true_or_false(ceil_mode, where, "ceil_mode"),
            dilation=sizes(dilation, self.axes, where, "dilation"),
        )
        if any(max(self.padding[2 * a : 2 * a + 2]) >= taps for a, taps in enumerate(self.kernel)):
            raise WorkloadError(
                f"{where}: padding {self.padding} must be smaller than the kernel {self.kernel}"
            )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, P, Q). Raises WorkloadError where the kernel does not fit."""
        leading, channels, extent = self._maps(inputs, self.axes)
        places = positions(
            extent, self.kernel, self.stride, self.padding, self.dilation, self.where, self.ceil_mode
        )
        return *leading, channels, *places

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return a comparison or addition per value of a window, padding too.

        An average's division is one more per window; a length takes a square per value and a root.
        """
        outputs = prod(self.output_shape(inputs))
        return _operations(self.kind, outputs * prod(self.kernel), outputs)


@dataclass(frozen=True, init=False)
class Pooling1d(Pooling):
    """Pooling of a (channels, length) map."""

    axes = 1


@dataclass(frozen=True, init=False)
class Pooling3d(Pooling):
    """Pooling of a (channels, depth, height, width) map."""

    axes = 3


POOLING_OF_AXES = {1: Pooling1d, 2: Pooling, 3: Pooling3d}


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """The maximum, average or length over the whole of a (channels, length, ...) map of one to three axes."""

    kind: str

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, POOLINGS, self.where, "kind")

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, 1, 1), with a 1 for every axis."""
        given = self._only(inputs)
        if not 2 <= len(given) <= 4:
            raise WorkloadError(
                f"{self.where}: GlobalPooling needs a (channels, height, width) input, not {given}"
            )
        return given[0], *(1,) * (len(given) - 1)

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return as Pooling's with one window."""
        return _operations(self.kind, prod(self._only(inputs)), self._only(inputs)[0])


@dataclass(frozen=True, init=False)
class AdaptivePooling(Layer):
    """Pooling to a given size: output i sees the places from i * in // out to the next one's, rounded up.

    ``size`` is (height, width), one number for both, or one or three for maps of as many axes. Windows
    differ by a place and overlap where the size does not divide the map. Raises WorkloadError.
    """

    kind: str
    size: Sizes

    def __init__(self, name: str, kind: str, size: int | Sizes) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            kind=one_of(kind, POOLINGS, where, "kind"),
            size=sizes(size, axes_in(size), where, "size"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, *size)."""
        leading, channels, _ = self._maps(inputs, len(self.size))
        return *leading, channels, *self.size

    def windows(self, inputs: Sequence[Shape]) -> list[dict[int, int]]:
        """Return for every axis how many windows of which length it has: of one length, or of two."""
        _, _, extent = self._maps(inputs, len(self.size))
        found = []
        for given, out in zip(extent, self.size, strict=True):
            # A window is as long as ceil((given + r) / out), for the r by which its start is rounded down.
            # Together they are given + out - gcd long: the sums of those ceilings and floors.
            short = -(-given // out)
            longer = given + out - gcd(given, out) - short * out
            found.append({n: times for n, times in ((short, out - longer), (short + 1, longer)) if times})
        return found

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return as Pooling's, for the values of every window."""
        leading, channels, _ = self._maps(inputs, len(self.size))
        seen = prod(sum(n * times for n, times in axis.items()) for axis in self.windows(inputs))
        values = prod(leading) * channels * seen
        return _operations(self.kind, values, prod(self.output_shape(inputs)))


@dataclass(frozen=True, init=False)
class RegionPooling(Layer):
    """Cuts ``regions`` out of a (channels, height, width) map, each brought to ``size`` (a detector's RoIs).

    kind: "align" interpolates ``samples`` points for every output, "max" compares so many places. A second
    input may be the regions themselves. Raises WorkloadError.
    """

    regions: int
    size: Sizes
    kind: str
    samples: int

    inputs_taken = (1, 2)

    def __init__(
        self, name: str, regions: int, size: int | Sizes, kind: str = "align", samples: int = 4
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            regions=whole_number(regions, where, "regions"),
            size=sizes(size, 2, where, "size"),
            kind=one_of(kind, REGIONS, where, "kind"),
            samples=whole_number(samples, where, "samples"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (regions, channels, height, width): that many maps."""
        _, channels, _ = self._maps(inputs[:1] or inputs, 2)
        self._only(inputs)
        return self.regions, channels, *self.size

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return one comparison a sample, or a bilinear interpolation (nine) and an addition."""
        each = 10 if self.kind == "align" else 1
        return prod(self.output_shape(inputs)) * self.samples * each


@dataclass(frozen=True)
class Reduction(Layer):
    """The sum, mean, ... over ``axes``, counted as NumPy's; ``keep`` leaves a 1 in their place."""

    kind: str
    axes: tuple[int, ...]
    keep: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, REDUCTIONS, self.where, "kind")
        true_or_false(self.keep, self.where, "keep")
        axes = self.axes if isinstance(self.axes, Sequence) else (self.axes,)
        if not axes:
            raise WorkloadError(f"{self.where}: axes must name one axis or more")
        self._set(axes=tuple(axis_number(axis, self.where, "axes") for axis in axes))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the shape without its ``axes``, or (1,) where nothing else is left."""
        given = self._only(inputs)
        gone = {axis_of(axis, given, self.where) for axis in self.axes}
        left = tuple(1 if axis in gone else size for axis, size in enumerate(given))
        return left if self.keep else tuple(n for a, n in enumerate(given) if a not in gone) or (1,)

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return one per input value; a mean's division and a length's squares and root besides."""
        return _operations(self.kind, prod(self._only(inputs)), prod(self.output_shape(inputs)))
