"""Layers without multiply-accumulates that an array can run: pooling, reductions, element-wise ones.

The array takes the maximum, or adds, where it would multiply and accumulate (ISCA'16, section V), so each
value that comes in counts as one operation. No tensor is called weights, but for an operand that is
broadcast over the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from math import prod

from simulator.lowering.layers import Axis, Problems, slide, sliding_axes
from simulator.problem import Problem, Rank, Tensor, convolution
from workloads import (
    Activation,
    AdaptivePooling,
    Elementwise,
    GlobalPooling,
    NetworkLayer,
    Normalization,
    Pooling,
    Reduction,
    Shape,
)


def lower_operations(layer: NetworkLayer) -> Problems:
    """Return what an array runs of a layer without multiply-accumulates, with multiplicities; else nothing.

    - Pooling is a convolution with a group per channel and no weights; adaptive pooling one for each length
      of its windows.
    - Inputs of one shape are added, compared, ... as if they were so many channels; of different shapes two
      at a time, the second as weights.
    - An activation, or batch normalization, is a pass over its values.

    Raises
    ------
    ProblemError
        If an extent or the number of operations is too large to count exactly.
    """
    kind = layer.layer
    if isinstance(kind, Pooling):
        channels = layer.input_shapes[0][-kind.axes - 1]
        return _weightless(slide(layer, sliding_axes(layer, kind), channels, 1, 1))
    if isinstance(kind, GlobalPooling):
        channels, *extent = layer.input_shapes[0]
        return _weightless(slide(layer, [Axis(1, size) for size in extent], channels, 1, 1))
    if isinstance(kind, AdaptivePooling):
        return _adaptive(layer, kind)
    if isinstance(kind, Reduction):
        left = prod(layer.output_shape)
        added = convolution(layer.name, n=layer.batch, p=left, c=prod(layer.input_shapes[0]) // left)
        return _weightless([(added, 1)])
    if isinstance(kind, Elementwise):
        if len(set(layer.input_shapes)) == 1:
            return _together(layer, len(layer.input_shapes))
        return _two_by_two(layer)
    if isinstance(kind, Activation) or (isinstance(kind, Normalization) and kind.kind == "batch"):
        return _together(layer, 1)
    return ()


def _weightless(problems: Iterable[tuple[Problem, int]]) -> Problems:
    """The problems without their weights."""
    return tuple(
        (replace(problem, tensors=tuple(t for t in problem.tensors if t.name != "weights")), times)
        for problem, times in problems
    )


def _adaptive(layer: NetworkLayer, kind: AdaptivePooling) -> Problems:
    """Each window for itself, as they overlap unevenly."""
    windows = kind.windows(layer.input_shapes)
    channels = layer.input_shapes[0][-len(windows) - 1]
    found: list[tuple[Problem, int]] = []
    for lengths in product(*windows):
        times = prod(axis[length] for axis, length in zip(windows, lengths, strict=True))
        single = slide(layer, [Axis(1, length) for length in lengths], channels, 1, 1)
        found += [(problem, times * n) for problem, n in single]
    return _weightless(found)


def _together(layer: NetworkLayer, inputs: int) -> Problems:
    """Inputs of one shape, place by place."""
    *leading, p, q = (1, 1, *(size for size in layer.output_shape if size > 1))
    # A lone axis is better put on the array's (P) than inside a PE.
    p, q = (q, 1) if p == 1 else (p, q)
    return _weightless([(convolution(layer.name, n=layer.batch, g=prod(leading), c=inputs, p=p, q=q), 1)])


def _two_by_two(layer: NetworkLayer) -> Problems:
    """Inputs of different shapes: the first two, what they make and the third, ..."""
    found: list[tuple[Problem, int]] = []
    made, *others = layer.input_shapes
    for other in others:
        found += _pair(layer, made, other)
        longest = max(len(made), len(other))
        made = tuple(map(max, _aligned(made, longest), _aligned(other, longest)))
    return tuple(found)


def _aligned(shape: Shape, axes: int) -> Shape:
    return (1,) * (axes - len(shape)) + shape


def _pair(layer: NetworkLayer, first: Shape, second: Shape) -> Problems:
    """Two inputs, the larger as inputs and the other as weights."""
    longest = max(len(first), len(second))
    inputs, weights = sorted((_aligned(first, longest), _aligned(second, longest)), key=prod, reverse=True)
    # Neighbouring axes that the same inputs have are one.
    axes: list[tuple[int, bool, bool]] = []
    for own, other in zip(inputs, weights, strict=True):
        size, has = max(own, other), (own > 1, other > 1)
        if axes and axes[-1][1:] == has:
            axes[-1] = (axes[-1][0] * size, *has)
        elif size > 1:
            axes.append((size, *has))
    *outer, third, second_, last = [(1, False, False)] * 3 + axes
    dense = convolution(layer.name, n=layer.batch, g=third[0], p=second_[0], q=last[0])
    placed = dict(zip("GPQ", (third, second_, last), strict=True))

    def ranks(which: int) -> tuple[Rank, ...]:
        return tuple(Rank(((d, 1),)) for d in "NGPQ" if d == "N" or placed[d][which])

    tensors = (Tensor("weights", ranks(2)), Tensor("inputs", ranks(1)), dense.tensor("outputs"))
    return ((replace(dense, tensors=tensors), prod(size for size, *_ in outer)),)
