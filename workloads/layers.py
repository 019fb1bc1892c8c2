"""The layer types of a network: each infers its output shape from its input shapes and counts itself.

Shapes leave the batch out, and so do the counts: ``mac_count`` is for one image. One MAC is one
multiplication with its addition; multiplications with padding zeros count, as they do in the papers' figures.
Only convolutions, linear layers and matrix products have MACs; bias additions, normalization, pooling,
activations and element-wise layers have none. Field terms: G groups of C input and M output channels each,
P x Q output rows and columns, R x S filter rows and columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import (
    Pair,
    Shape,
    Sides,
    one_of,
    pair,
    positions,
    shape,
    sides,
    true_or_false,
    whole_number,
)

POOLINGS = ("max", "average")
ACTIVATIONS = ("relu", "sigmoid", "tanh")
ELEMENTWISE = ("add", "multiply", "maximum")
NORMALIZATIONS = ("batch", "local_response")


@dataclass(frozen=True)
class Input(Layer):
    """Where data enters; ``shape`` is (channels, height, width), (features,) or (..., rows, columns)."""

    shape: Shape

    inputs_taken = (0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "shape", shape(self.shape, self.where))

    @classmethod
    def image(cls, name: str, channels: int, size: int | Pair) -> Input:
        """Return an input of ``channels`` by (height, width) or one number for both. Raises WorkloadError."""
        return cls(name, (channels, *pair(size, f"layer {name!r}", "input_size")))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return ``shape``. Raises WorkloadError if it is fed by another layer."""
        self._only(inputs)
        return self.shape


@dataclass(frozen=True, init=False)
class Convolution(Layer):
    """A convolution of a (channels, height, width) map; out_channels is over all groups, G times M.

    kernel, stride and dilation: one number or (height, width). padding: one number, (height, width) or
    (top, bottom, left, right). They are kept written out in full. Raises WorkloadError.

    >>> Convolution("conv2", 256, 5, padding=2, groups=2).output_shape([(96, 27, 27)])
    (256, 27, 27)
    """

    out_channels: int
    kernel: Pair
    stride: Pair
    padding: Sides
    dilation: Pair
    groups: int
    bias: bool

    def __init__(
        self,
        name: str,
        out_channels: int,
        kernel: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | Sides = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            out_channels=whole_number(out_channels, where, "out_channels"),
            kernel=pair(kernel, where, "kernel"),
            stride=pair(stride, where, "stride"),
            padding=sides(padding, where, "padding"),
            dilation=pair(dilation, where, "dilation"),
            groups=whole_number(groups, where, "groups"),
            bias=true_or_false(bias, where, "bias"),
        )
        if self.out_channels % self.groups:
            raise WorkloadError(
                f"{where}: groups={self.groups} does not divide its {self.out_channels} output channels"
            )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (out_channels, P, Q). Raises WorkloadError on a misfit of groups or kernel."""
        channels, height, width = self._map(inputs)
        if channels % self.groups:
            raise WorkloadError(
                f"{self.where}: groups={self.groups} does not divide its {channels} input channels"
            )
        extent = (height, width)
        places = positions(extent, self.kernel, self.stride, self.padding, self.dilation, self.where)
        return self.out_channels, *places

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return G x M x C x R x S."""
        return self.out_channels * (self._map(inputs)[0] // self.groups) * prod(self.kernel)

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return every weight times the P x Q places it is used at."""
        return self.weight_count(inputs) * prod(self.output_shape(inputs)[1:])

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return one bias per output channel, or 0."""
        return self.out_channels if self.bias else 0


@dataclass(frozen=True, init=False)
class DepthwiseConvolution(Layer):
    """A convolution whose every input channel is filtered alone, by ``multiplier`` filters.

    Sizes are given and kept as in Convolution. Raises WorkloadError.
    """

    kernel: Pair
    stride: Pair
    padding: Sides
    dilation: Pair
    multiplier: int
    bias: bool

    def __init__(
        self,
        name: str,
        kernel: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | Sides = 0,
        dilation: int | Pair = 1,
        multiplier: int = 1,
        bias: bool = True,
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            kernel=pair(kernel, where, "kernel"),
            stride=pair(stride, where, "stride"),
            padding=sides(padding, where, "padding"),
            dilation=pair(dilation, where, "dilation"),
            multiplier=whole_number(multiplier, where, "multiplier"),
            bias=true_or_false(bias, where, "bias"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels x multiplier, P, Q). Raises WorkloadError where the kernel does not fit."""
        channels, height, width = self._map(inputs)
        extent = (height, width)
        places = positions(extent, self.kernel, self.stride, self.padding, self.dilation, self.where)
        return channels * self.multiplier, *places

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return channels x multiplier x R x S."""
        return self._map(inputs)[0] * self.multiplier * prod(self.kernel)

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return every weight times the P x Q places it is used at."""
        return self.weight_count(inputs) * prod(self.output_shape(inputs)[1:])

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return one bias per output channel, or 0."""
        return self._map(inputs)[0] * self.multiplier if self.bias else 0


@dataclass(frozen=True)
class Linear(Layer):
    """A fully connected layer over a (features,) vector or a (channels, height, width) map it flattens."""

    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "out_features", whole_number(self.out_features, self.where, "out_features"))
        true_or_false(self.bias, self.where, "bias")

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (out_features,). Raises WorkloadError unless the input is a vector or a map."""
        given = self._only(inputs)
        if len(given) not in (1, 3):
            raise WorkloadError(
                f"{self.where}: Linear needs a (features,) or (channels, height, width) input, not {given}"
            )
        return (self.out_features,)

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return input features x output features."""
        return prod(self._only(inputs)) * self.out_features

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return one MAC per weight."""
        return self.weight_count(inputs)

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return one bias per output feature, or 0."""
        return self.out_features if self.bias else 0


@dataclass(frozen=True)
class MatrixMultiplication(Layer):
    """The product of two activations: (..., rows, inner) by (..., inner, columns), equal leading extents."""

    inputs_taken = (2, 2)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (..., rows, columns). Raises WorkloadError where the two do not fit."""
        self._only(inputs)
        left, right = inputs
        if min(len(left), len(right)) < 2 or left[:-2] != right[:-2] or left[-1] != right[-2]:
            raise WorkloadError(
                f"{self.where}: cannot multiply {left} by {right}; "
                "needs (..., rows, inner) by (..., inner, columns) with equal leading extents"
            )
        return *left[:-1], right[-1]

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return leading extents x rows x inner x columns."""
        return prod(self.output_shape(inputs)) * inputs[0][-1]


@dataclass(frozen=True, init=False)
class Pooling(Layer):
    """The maximum or average over a sliding window; stride is the kernel unless given, sizes as Convolution.

    ``ceil_mode`` rounds the output up (Caffe), otherwise down; padding must be smaller than the kernel, or a
    window would see none of the map. Raises WorkloadError.
    """

    kind: str
    kernel: Pair
    stride: Pair
    padding: Sides
    ceil_mode: bool

    def __init__(
        self,
        name: str,
        kind: str,
        kernel: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair | Sides = 0,
        ceil_mode: bool = False,
    ) -> None:
        where = f"layer {name!r}"
        self._set(
            name=name,
            kind=one_of(kind, POOLINGS, where, "kind"),
            kernel=pair(kernel, where, "kernel"),
            stride=pair(kernel if stride is None else stride, where, "stride"),
            padding=sides(padding, where, "padding"),
            ceil_mode=true_or_false(ceil_mode, where, "ceil_mode"),
        )
        if max(self.padding[:2]) >= self.kernel[0] or max(self.padding[2:]) >= self.kernel[1]:
            raise WorkloadError(
                f"{where}: padding {self.padding} must be smaller than the kernel {self.kernel}"
            )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, P, Q). Raises WorkloadError where the kernel does not fit."""
        channels, height, width = self._map(inputs)
        extent = (height, width)
        places = positions(extent, self.kernel, self.stride, self.padding, (1, 1), self.where, self.ceil_mode)
        return channels, *places


@dataclass(frozen=True)
class GlobalPooling(Layer):
    """The maximum or average over the whole map."""

    kind: str

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, POOLINGS, self.where, "kind")

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, 1, 1)."""
        return self._map(inputs)[0], 1, 1


@dataclass(frozen=True)
class Elementwise(Layer):
    """Two or more equal-shaped inputs combined value by value: a residual addition, a gate."""

    kind: str

    inputs_taken = (2, None)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, ELEMENTWISE, self.where, "kind")

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the inputs' common shape. Raises WorkloadError where they differ."""
        first = self._only(inputs)
        for other in inputs[1:]:
            if other != first:
                raise WorkloadError(
                    f"{self.where}: {self.kind} needs inputs of one shape, not {first} and {other}"
                )
        return first


@dataclass(frozen=True)
class Activation(Layer):
    """A function of each value alone; the shape stays."""

    kind: str = "relu"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, ACTIVATIONS, self.where, "kind")


@dataclass(frozen=True)
class Normalization(Layer):
    """Batch normalization, with a trained scale and shift per channel, or local response without them."""

    kind: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, NORMALIZATIONS, self.where, "kind")

    def affine_count(self, inputs: Sequence[Shape]) -> int:
        """Return 2 per channel for batch normalization, otherwise 0."""
        return 2 * self._only(inputs)[0] if self.kind == "batch" else 0


@dataclass(frozen=True)
class Softmax(Layer):
    """Exponentials scaled to sum to one; the shape stays."""


@dataclass(frozen=True)
class Flatten(Layer):
    """A map written out as a vector."""

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (features,)."""
        return (prod(self._only(inputs)),)
