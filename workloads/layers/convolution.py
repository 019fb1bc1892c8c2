"""Convolutions: plain, grouped, depthwise, with a connection table, and transposed; of 1, 2 or 3 axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, prod
from typing import ClassVar

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import Shape, Sides, Sizes, by, positions, sides, sizes, true_or_false, whole_number

Table = tuple[tuple[int, ...], ...]

LONGEST_STRIDE = 4096
"""Of transposed convolutions, which have as many phases; networks upsample by 64 at most."""


class _Filters(Layer):
    """What convolutions with filters of their own share."""

    out_channels: int
    bias: bool

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return one bias per output channel, or 0."""
        return self.out_channels if self.bias else 0


@dataclass(frozen=True, init=False)
class Convolution(_Filters):
    """A convolution of a (channels, height, width) map; out_channels is over all groups, G times M.

    kernel, stride and dilation: one number or (height, width). padding: one number, (height, width) or
    (top, bottom, left, right). They are kept written out in full. ``table`` names for every output channel
    the input channels it sees, counted from 0, where it is not all of its group. Extents that lead the
    channels are that many maps. Raises WorkloadError.

    >>> Convolution("conv2", 256, 5, padding=2, groups=2).output_shape([(96, 27, 27)])
    (256, 27, 27)
    """

    out_channels: int
    kernel: Sizes
    stride: Sizes
    padding: Sides
    dilation: Sizes
    groups: int
    bias: bool
    table: Table | None

    axes: ClassVar[int] = 2

    def __init__(
        self,
        name: str,
        out_channels: int,
        kernel: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sides = 0,
        dilation: int | Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        table: Table | None = None,
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            out_channels=whole_number(out_channels, where, "out_channels"),
            kernel=sizes(kernel, self.axes, where, "kernel"),
            stride=sizes(stride, self.axes, where, "stride"),
            padding=sides(padding, self.axes, where, "padding"),
            dilation=sizes(dilation, self.axes, where, "dilation"),
            groups=_groups(groups, out_channels, where),
            bias=true_or_false(bias, where, "bias"),
            table=None if table is None else _table(table, out_channels, groups, where),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (out_channels, P, Q). Raises WorkloadError on a misfit of groups, table or kernel."""
        leading, channels, extent = self._maps(inputs, self.axes)
        _check_divides(self.groups, channels, self.where)
        last = max((max(seen) for seen in self.table or ()), default=0)
        if last >= channels:
            raise WorkloadError(
                f"{self.where}: its table names input channel {last}, but there are {channels}, from 0"
            )
        places = positions(extent, self.kernel, self.stride, self.padding, self.dilation, self.where)
        return *leading, self.out_channels, *places

    def connections(self, inputs: Sequence[Shape]) -> int:
        """Return the pairs of an input and an output channel that a kernel connects."""
        if self.table is not None:
            return sum(map(len, self.table))
        return self.out_channels * (self._maps(inputs, self.axes)[1] // self.groups)

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return G x M x C x R x S, or with a table its connections x R x S."""
        return self.connections(inputs) * prod(self.kernel)

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return every weight times the places it is used at."""
        return self.weight_count(inputs) * prod(self.output_shape(inputs)) // self.out_channels


@dataclass(frozen=True, init=False)
class Convolution1d(Convolution):
    """A convolution of a (channels, length) map; sizes as Convolution's, padding (before, after)."""

    axes = 1


@dataclass(frozen=True, init=False)
class Convolution3d(Convolution):
    """A convolution of a (channels, depth, height, width) map; sizes as Convolution's, with the depth first.

    >>> Convolution3d("conv1a", 64, 3, padding=1).output_shape([(3, 16, 112, 112)])
    (64, 16, 112, 112)
    """

    axes = 3


@dataclass(frozen=True, init=False)
class DepthwiseConvolution(Layer):
    """A convolution whose every input channel is filtered alone, by ``multiplier`` filters.

    Sizes are given and kept as in Convolution. Raises WorkloadError.
    """

    kernel: Sizes
    stride: Sizes
    padding: Sides
    dilation: Sizes
    multiplier: int
    bias: bool

    axes: ClassVar[int] = 2

    def __init__(
        self,
        name: str,
        kernel: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sides = 0,
        dilation: int | Sizes = 1,
        multiplier: int = 1,
        bias: bool = True,
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            kernel=sizes(kernel, self.axes, where, "kernel"),
            stride=sizes(stride, self.axes, where, "stride"),
            padding=sides(padding, self.axes, where, "padding"),
            dilation=sizes(dilation, self.axes, where, "dilation"),
            multiplier=whole_number(multiplier, where, "multiplier"),
            bias=true_or_false(bias, where, "bias"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels x multiplier, P, Q). Raises WorkloadError where the kernel does not fit."""
        leading, channels, extent = self._maps(inputs, self.axes)
        places = positions(extent, self.kernel, self.stride, self.padding, self.dilation, self.where)
        return *leading, channels * self.multiplier, *places

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return channels x multiplier x R x S."""
        return self._maps(inputs, self.axes)[1] * self.multiplier * prod(self.kernel)

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return every weight times the places it is used at."""
        return prod(self.output_shape(inputs)) * prod(self.kernel)

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return one bias per output channel, or 0."""
        return self._maps(inputs, self.axes)[1] * self.multiplier if self.bias else 0


@dataclass(frozen=True, init=False)
class TransposedConvolution(_Filters):
    """A convolution run backwards: each input is spread over a kernel of outputs, ``stride`` apart.

    Sizes as in Convolution; ``padding`` is cut off the output's edges, ``output_padding`` added at its far
    ends, one number or (height, width), smaller than the stride or the dilation. Raises WorkloadError.

    Every output is a sum over the taps of the kernel whose step from it falls on an input, and these taps
    repeat with the stride: the layer is a convolution per phase of the output, with a part of the kernel
    each. These taps are its MACs, those that reach past the map's edge too, as a convolution's padding does.
    Papers and profilers count instead every input with every weight: the same number where the stride divides
    the kernel and the output is stride times the input, as in most networks; otherwise theirs has products
    that are cut off with the output's edges, and not the zeros past the map's. A convolution over the map
    with zeros inserted, as some frameworks write it, does about stride x stride times as many.

    >>> layer = TransposedConvolution("up", 21, 4, stride=2, padding=1, bias=False)
    >>> layer.output_shape([(21, 16, 16)]), layer.mac_count([(21, 16, 16)]) == 21 * 21 * 4 * 4 * 16 * 16
    ((21, 32, 32), True)
    """

    out_channels: int
    kernel: Sizes
    stride: Sizes
    padding: Sides
    output_padding: Sizes
    dilation: Sizes
    groups: int
    bias: bool

    axes: ClassVar[int] = 2

    def __init__(
        self,
        name: str,
        out_channels: int,
        kernel: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sides = 0,
        output_padding: int | Sizes = 0,
        dilation: int | Sizes = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            out_channels=whole_number(out_channels, where, "out_channels"),
            kernel=sizes(kernel, self.axes, where, "kernel"),
            stride=sizes(stride, self.axes, where, "stride"),
            padding=sides(padding, self.axes, where, "padding"),
            output_padding=sizes(output_padding, self.axes, where, "output_padding", 0),
            dilation=sizes(dilation, self.axes, where, "dilation"),
            groups=_groups(groups, out_channels, where),
            bias=true_or_false(bias, where, "bias"),
        )
        if max(self.stride) > LONGEST_STRIDE:
            raise WorkloadError(f"{where}: stride must be at most {LONGEST_STRIDE}, not {by(self.stride)}")
        for extra, step, gap in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(step, gap):
                raise WorkloadError(
                    f"{where}: output_padding {by(self.output_padding)} must be smaller than "
                    f"the stride {by(self.stride)} or the dilation {by(self.dilation)}"
                )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (out_channels, height, width). Raises WorkloadError where groups or padding do not fit."""
        leading, channels, extent = self._maps(inputs, self.axes)
        _check_divides(self.groups, channels, self.where)
        grown = tuple(
            (size - 1) * step + gap * (taps - 1) + 1 + extra
            for size, step, gap, taps, extra in zip(
                extent, self.stride, self.dilation, self.kernel, self.output_padding, strict=True
            )
        )
        kept = tuple(size - sum(self.padding[2 * a : 2 * a + 2]) for a, size in enumerate(grown))
        if min(kept) < 1:
            raise WorkloadError(
                f"{self.where}: padding {self.padding} leaves nothing of the {by(grown)} output"
            )
        return *leading, self.out_channels, *kept

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return G x M x C x R x S."""
        return self.out_channels * (self._maps(inputs, self.axes)[1] // self.groups) * prod(self.kernel)

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return input channels of a group x outputs x the taps that meet each of them."""
        leading, channels, _ = self._maps(inputs, self.axes)
        places = self.output_shape(inputs)[-self.axes :]
        met = prod(
            sum(outputs * taps for outputs, taps, *_ in self.phases(axis, places[axis]))
            for axis in range(self.axes)
        )
        return prod(leading) * self.out_channels * (channels // self.groups) * met

    def phases(self, axis: int, outputs: int) -> list[tuple[int, int, int, int]]:
        """Return the convolutions along an axis of ``outputs`` that make up this one, one a phase.

        Each is (outputs, taps, dilation of the taps, first input that its foremost tap meets); they
        have stride 1, and phases whose outputs no tap meets are left out.
        """
        stride, dilation, cut = self.stride[axis], self.dilation[axis], self.padding[2 * axis]
        common = gcd(stride, dilation)
        apart = stride // common
        found = []
        for tap in range(min(apart, self.kernel[axis])):
            # This tap, and every `apart`-th after it, meets the outputs from `first` on, `stride` apart: tap
            # t the input (first + cut - t * dilation) / stride, so that the last one meets the foremost.
            first = (tap * dilation - cut) % stride
            taps = -(-(self.kernel[axis] - tap) // apart)
            foremost = (first + cut - (tap + (taps - 1) * apart) * dilation) // stride
            if first < outputs:
                found.append((-(-(outputs - first) // stride), taps, dilation // common, foremost))
        return found


@dataclass(frozen=True, init=False)
class TransposedConvolution1d(TransposedConvolution):
    """A transposed convolution of a (channels, length) map."""

    axes = 1


@dataclass(frozen=True, init=False)
class TransposedConvolution3d(TransposedConvolution):
    """A transposed convolution of a (channels, depth, height, width) map."""

    axes = 3


CONVOLUTION_OF_AXES = {1: Convolution1d, 2: Convolution, 3: Convolution3d}
TRANSPOSED_OF_AXES = {1: TransposedConvolution1d, 2: TransposedConvolution, 3: TransposedConvolution3d}

CONVOLUTIONS = (Convolution, DepthwiseConvolution, TransposedConvolution)
"""The types whose MACs are those of convolutions."""


def _groups(groups: int, out_channels: int, where: str) -> int:
    groups = whole_number(groups, where, "groups")
    if out_channels % groups:
        raise WorkloadError(f"{where}: groups={groups} does not divide its {out_channels} output channels")
    return groups


def _check_divides(groups: int, channels: int, where: str) -> None:
    if channels % groups:
        raise WorkloadError(f"{where}: groups={groups} does not divide its {channels} input channels")


def _table(table: object, out_channels: int, groups: int, where: str) -> Table:
    if groups != 1:
        raise WorkloadError(f"{where}: a table says which channels connect; leave out groups={groups}")
    if not isinstance(table, Sequence) or len(table) != out_channels:
        raise WorkloadError(
            f"{where}: table must have an entry for each of the {out_channels} output channels"
        )
    rows = []
    for row in table:
        if not isinstance(row, Sequence) or isinstance(row, str) or not row or len(set(row)) < len(row):
            raise WorkloadError(f"{where}: an entry of table must list different input channels, not {row!r}")
        rows.append(tuple(whole_number(channel, where, "table", 0) for channel in row))
    return tuple(rows)
