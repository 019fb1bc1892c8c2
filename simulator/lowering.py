"""A layer becomes one or more problems, each with how often it runs.

Everything with multiply-accumulates lowers to the convolution of `simulator.problem.convolution`, with
extents of 1 where the layer lacks a dimension: a linear layer on a feature map is a convolution whose
kernel covers the map, a matrix product is a 1x1 convolution over its rows with a group per batch entry.
"""

from __future__ import annotations

import math

from simulator.problem import Problem, convolution
from workloads import Convolution, DepthwiseConvolution, Linear, MatrixMultiplication, NetworkLayer


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
