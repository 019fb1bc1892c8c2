"""A layer becomes one or more problems, each with how often it runs.

Everything with multiply-accumulates lowers to the convolution of `simulator.problem.convolution`, with
extents of 1 where the layer lacks a dimension: a linear layer on a feature map is a convolution whose
kernel covers the map, a matrix product is a 1x1 convolution over its rows with a group per batch entry.
"""

from __future__ import annotations

import math
from dataclasses import replace

from simulator.problem import Problem, convolution
from workloads import (
    Convolution,
    DepthwiseConvolution,
    GlobalPooling,
    Linear,
    MatrixMultiplication,
    NetworkLayer,
    Pooling,
)


def lower_layer(layer: NetworkLayer) -> tuple[tuple[Problem, int], ...]:
    """Return the problems of a layer with multiplicities; none for a layer without multiply-accumulates.

    Raises
    ------
    ProblemError
        If an extent or the number of multiply-accumulates is too large to count exactly.
    """
    kind = layer.layer
    if isinstance(kind, Convolution):
        return ((_convolution(layer, kind, kind.groups), 1),)
    if isinstance(kind, DepthwiseConvolution):
        return ((_convolution(layer, kind, layer.input_shapes[0][0]), 1),)
    if isinstance(kind, Linear):
        return ((_linear(layer, kind), 1),)
    if isinstance(kind, MatrixMultiplication):
        return ((_product(layer), 1),)
    return ()


def lower_pooling(layer: NetworkLayer) -> Problem | None:
    """Return a pooling layer as a problem, None for any other layer.

    A convolution with a group per channel and no weights: the array takes the maximum, or adds, where it
    would multiply and accumulate (ISCA'16, section V; so each of these operations counts as one).

    Raises
    ------
    ProblemError
        If an extent or the number of operations is too large to count exactly.
    """
    kind = layer.layer
    if not isinstance(kind, Pooling | GlobalPooling):
        return None
    channels, height, width = layer.input_shapes[0]
    _, rows, columns = layer.output_shape
    if isinstance(kind, Pooling):
        (r, s), (u, v), (top, bottom, left, right) = kind.kernel, kind.stride, kind.padding
    else:
        (r, s), (u, v), (top, bottom, left, right) = (height, width), (1, 1), (0, 0, 0, 0)
    # Windows that begin inside the padded map may reach past it (ceil_mode).
    past = u * (rows - 1) + r > height, v * (columns - 1) + s > width
    dense = convolution(
        layer.name,
        n=layer.batch,
        g=channels,
        p=rows,
        q=columns,
        r=r,
        s=s,
        stride=(u, v),
        row_data=(top, height) if top or bottom or past[0] else None,
        column_data=(left, width) if left or right or past[1] else None,
    )
    return replace(dense, tensors=tuple(tensor for tensor in dense.tensors if tensor.name != "weights"))


def _convolution(layer: NetworkLayer, kind: Convolution | DepthwiseConvolution, groups: int) -> Problem:
    channels, height, width = layer.input_shapes[0]
    filters, rows, columns = layer.output_shape
    top, bottom, left, right = kind.padding
    return convolution(
        layer.name,
        n=layer.batch,
        g=groups,
        m=filters // groups,
        c=channels // groups,
        p=rows,
        q=columns,
        r=kind.kernel[0],
        s=kind.kernel[1],
        stride=kind.stride,
        dilation=kind.dilation,
        row_data=(top, height) if top or bottom else None,
        column_data=(left, width) if left or right else None,
    )


def _linear(layer: NetworkLayer, kind: Linear) -> Problem:
    channels, *kernel = layer.input_shapes[0]
    r, s = kernel or (1, 1)
    return convolution(layer.name, n=layer.batch, m=kind.out_features, c=channels, r=r, s=s)


def _product(layer: NetworkLayer) -> Problem:
    (*leading, rows, inner), (*_, columns) = layer.input_shapes
    groups = layer.batch * math.prod(leading)
    return convolution(layer.name, g=groups, m=columns, c=inner, p=rows)
