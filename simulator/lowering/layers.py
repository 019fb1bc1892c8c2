"""A layer becomes one or more problems, each with how often it runs.

Everything with multiply-accumulates lowers to the convolution of `simulator.problem.convolution`, with
extents of 1 where the layer lacks a dimension: a linear layer on a feature map is a convolution whose
kernel covers the map, a matrix product is a 1x1 convolution over its rows with a group per batch entry, a
row of values is a map of height 1. Layers that are several:

- a transposed convolution, a convolution per phase of its outputs, with the kernel's taps that meet them;
- a convolution of three axes, for every output depth one of two axes, with a channel per input channel and
  tap of the depth (those past the map's front and back are padding);
- a convolution with a connection table, one for each set of input channels that outputs see;
- attention, the scores and the weighted values, with a group per key-value head;
- a recurrent cell, at every step the products with its input and with its last outputs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from simulator.errors import ProblemError
from simulator.problem import Problem, Rank, convolution
from workloads import (
    Attention,
    Convolution,
    DepthwiseConvolution,
    Linear,
    MatrixMultiplication,
    NetworkLayer,
    Pooling,
    Recurrent,
    TransposedConvolution,
)

Problems = tuple[tuple[Problem, int], ...]

MOST_DEPTHS = 2**16


@dataclass(frozen=True)
class Axis:
    """A window sliding along an axis.

    ``data`` are the first of the coordinates that are no padding, counted from the first tap's first place,
    and how many they are; None if all are data.
    """

    outputs: int
    taps: int
    stride: int = 1
    dilation: int = 1
    data: tuple[int, int] | None = None

    @property
    def length(self) -> int:
        """Coordinates from the first to the last that the window reaches."""
        return self.stride * (self.outputs - 1) + self.dilation * (self.taps - 1) + 1

    def on_map(self, foremost: int, size: int) -> Axis:
        """The axis on a map of a size, from its coordinate ``foremost`` on, which may lie before the map."""
        first = min(max(0, -foremost), self.length)
        return replace(self, data=(first, max(0, size - max(0, foremost))))


def lower_layer(layer: NetworkLayer) -> Problems:
    """Return the problems of a layer with multiplicities; none for a layer without multiply-accumulates.

    Their multiply-accumulates, times the multiplicities, are the layer's.

    Raises
    ------
    ProblemError
        If an extent or the number of multiply-accumulates is too large to count exactly.
    """
    kind = layer.layer
    if isinstance(kind, Convolution):
        return _convolution(layer, kind)
    if isinstance(kind, DepthwiseConvolution):
        channels = layer.input_shapes[0][-kind.axes - 1]
        return slide(layer, sliding_axes(layer, kind), channels, kind.multiplier, 1)
    if isinstance(kind, TransposedConvolution):
        return _transposed(layer, kind)
    if isinstance(kind, Linear):
        return ((_linear(layer, kind), 1),)
    if isinstance(kind, MatrixMultiplication):
        return ((_product(layer), 1),)
    if isinstance(kind, Attention):
        return _attention(layer, kind)
    if isinstance(kind, Recurrent):
        return _recurrent(layer, kind)
    return ()


def sliding_axes(layer: NetworkLayer, kind: Convolution | DepthwiseConvolution | Pooling) -> list[Axis]:
    """Return the axes of a layer that slides a window over its maps."""
    found = []
    for axis in range(kind.axes):
        size, outputs = (shape[axis - kind.axes] for shape in (layer.input_shapes[0], layer.output_shape))
        window = Axis(outputs, kind.kernel[axis], kind.stride[axis], kind.dilation[axis])
        before, after = kind.padding[2 * axis : 2 * axis + 2]
        # Windows that begin inside the padded map may reach past it (ceil_mode).
        padded = before or after or window.length > size
        found.append(window.on_map(-before, size) if padded else window)
    return found


def slide(layer: NetworkLayer, axes: Sequence[Axis], groups: int, filters: int, channels: int) -> Problems:
    """Return the problems of a window over one to three axes; ``filters`` and ``channels`` are per group."""
    items = layer.batch * prod(layer.input_shapes[0][: -len(axes) - 1])

    def flat(channels: int, channel_data: tuple[int, int] | None = None) -> Problem:
        rows, columns = (Axis(1, 1), *axes)[-2:]
        problem = convolution(
            layer.name,
            n=items,
            g=groups,
            m=filters,
            c=channels,
            p=rows.outputs,
            q=columns.outputs,
            r=rows.taps,
            s=columns.taps,
            stride=(rows.stride, columns.stride),
            dilation=(rows.dilation, columns.dilation),
            row_data=rows.data,
            column_data=columns.data,
        )
        return problem if channel_data is None else _with_channel_data(problem, channel_data)

    if len(axes) < 3:
        return ((flat(channels), 1),)
    found = []
    for (first, seen), times in _depths(layer, axes[0]).items():
        whole = seen == axes[0].taps
        data = None if whole else (first * channels, seen * channels)
        found.append((flat(channels * axes[0].taps, data), times))
    return tuple(found)


def _depths(layer: NetworkLayer, depth: Axis) -> Counter[tuple[int, int]]:
    """How many output depths see which taps of the window: the first that is on the map, and how many are."""
    if depth.data is None:
        return Counter({(0, depth.taps): depth.outputs})
    if depth.outputs > MOST_DEPTHS:
        raise ProblemError(f"{layer.name}: {depth.outputs} output depths are too many; at most {MOST_DEPTHS}")
    begin, end = depth.data[0], sum(depth.data)
    found: Counter[tuple[int, int]] = Counter()
    for output in range(depth.outputs):
        start = output * depth.stride
        first, last = (min(max(0, -((start - edge) // depth.dilation)), depth.taps) for edge in (begin, end))
        found[first, last - first] += 1
    return found


def _with_channel_data(problem: Problem, data: tuple[int, int]) -> Problem:
    def clipped(rank: Rank) -> Rank:
        return replace(rank, data=data) if rank.dimensions == ("C",) else rank

    tensors = tuple(
        replace(t, ranks=tuple(map(clipped, t.ranks))) if t.name == "inputs" else t for t in problem.tensors
    )
    return replace(problem, tensors=tensors)


def _convolution(layer: NetworkLayer, kind: Convolution) -> Problems:
    axes = sliding_axes(layer, kind)
    channels = layer.input_shapes[0][-kind.axes - 1]
    if kind.table is None:
        return slide(layer, axes, kind.groups, kind.out_channels // kind.groups, channels // kind.groups)
    # Output channels that see the same inputs are one problem; those with as many are the same problem.
    same = Counter(map(frozenset, kind.table))
    alike = Counter((len(seen), filters) for seen, filters in same.items())
    return tuple(
        (problem, number * times)
        for (seen, filters), number in alike.items()
        for problem, times in slide(layer, axes, 1, filters, seen)
    )


def _transposed(layer: NetworkLayer, kind: TransposedConvolution) -> Problems:
    channels, *extent = layer.input_shapes[0][-kind.axes - 1 :]
    # Of every axis its phases; those that are alike are the same problem.
    phases: list[Counter[Axis]] = []
    for axis, size in enumerate(extent):
        phases.append(Counter())
        for outputs, taps, dilation, foremost in kind.phases(axis, layer.output_shape[axis - kind.axes]):
            window = Axis(outputs, taps, 1, dilation)
            padded = foremost < 0 or foremost + window.length > size
            phases[-1][window.on_map(foremost, size) if padded else window] += 1
    found: list[tuple[Problem, int]] = []
    for axes in product(*phases):
        number = prod(alike[window] for alike, window in zip(phases, axes, strict=True))
        filters, seen = kind.out_channels // kind.groups, channels // kind.groups
        found += [(p, number * times) for p, times in slide(layer, axes, kind.groups, filters, seen)]
    return tuple(found)


def _linear(layer: NetworkLayer, kind: Linear) -> Problem:
    if kind.last_axis:
        *positions, features = layer.input_shapes[0]
        return convolution(layer.name, n=layer.batch, m=kind.out_features, c=features, p=prod(positions))
    channels, *kernel = layer.input_shapes[0]
    r, s = kernel or (1, 1)
    return convolution(layer.name, n=layer.batch, m=kind.out_features, c=channels, r=r, s=s)


def _product(layer: NetworkLayer) -> Problem:
    (*leading, rows, inner), (*_, columns) = layer.input_shapes
    groups = layer.batch * prod(leading)
    return convolution(layer.name, g=groups, m=columns, c=inner, p=rows)


def _attention(layer: NetworkLayer, kind: Attention) -> Problems:
    items, kv_heads, positions, attended, d, e = kind.sizes(layer.input_shapes)
    # Heads that share keys and values are so many more rows against the same matrix.
    groups, rows = layer.batch * items * kv_heads, positions * (kind.heads // kv_heads)
    scores = convolution(f"{layer.name}.scores", g=groups, m=attended, c=d, p=rows)
    values = convolution(f"{layer.name}.values", g=groups, m=e, c=attended, p=rows)
    return (scores, 1), (values, 1)


def _recurrent(layer: NetworkLayer, kind: Recurrent) -> Problems:
    positions, features = layer.input_shapes[0]
    steps = positions * kind.directions
    return tuple(
        (convolution(f"{layer.name}.{name}", n=layer.batch, m=kind.gate_units, c=channels), steps)
        for name, channels in (("inputs", features), ("states", kind.hidden))
    )
