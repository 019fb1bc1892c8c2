"""Layers that work value by value: activations, element-wise combinations, softmax and normalization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import ClassVar

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import (
    Shape,
    axis_number,
    axis_of,
    broadcast,
    one_of,
    true_or_false,
    whole_number,
)

ACTIVATIONS: Mapping[str, int] = MappingProxyType(
    {
        "relu": 1, "sigmoid": 3, "tanh": 1, "relu6": 2, "leaky_relu": 2, "prelu": 2, "elu": 4, "celu": 5,
        "selu": 5, "gelu": 5, "gelu_tanh": 9, "silu": 4, "mish": 5, "softplus": 3, "softsign": 3,
        "hard_sigmoid": 4, "hard_swish": 5, "hard_tanh": 2, "log_sigmoid": 4, "threshold": 1, "clip": 2,
        "exp": 1, "log": 1, "sqrt": 1, "rsqrt": 2, "square": 1, "reciprocal": 1, "abs": 1, "negate": 1,
        "sign": 1, "round": 1, "erf": 1, "sin": 1, "cos": 1, "not": 1, "scale": 1, "shift": 1, "power": 1,
        "cast": 1,
    }
)  # fmt: skip
"""Functions of one value, and the operations each takes."""

ELEMENTWISE: Mapping[str, tuple[int, int | None]] = MappingProxyType(
    {
        "add": (2, None), "multiply": (2, None), "maximum": (2, None), "minimum": (2, None),
        "mean": (2, None), "subtract": (2, 2), "divide": (2, 2), "power": (2, 2), "modulo": (2, 2),
        "compare": (2, 2), "logical": (2, None), "select": (3, 3),
    }
)  # fmt: skip
"""Combinations of values, and the least and the most inputs of each."""

NORMALIZATIONS: Mapping[str, int] = MappingProxyType(
    {"batch": 0, "local_response": 0, "layer": 5, "group": 5, "instance": 5, "rms": 3, "l2": 3}
)
"""Normalizations, and the operations per value of those that take a mean or a length of their input.

Those of layer, group and instance normalization: adding up, subtracting the mean, squaring, adding up,
scaling; of "rms" and "l2": squaring, adding up, scaling.
"""


@dataclass(frozen=True)
class Activation(Layer):
    """A function of each value alone; the shape stays. "prelu" trains a slope per channel, or one if shared.

    ``shared`` is of "prelu" alone. Raises WorkloadError.
    """

    kind: str = "relu"
    shared: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, ACTIVATIONS, self.where, "kind")
        if true_or_false(self.shared, self.where, "shared") and self.kind != "prelu":
            raise WorkloadError(f"{self.where}: shared is of prelu; {self.kind} has no slopes")

    def affine_count(self, inputs: Sequence[Shape]) -> int:
        """Return the slopes of "prelu": one per entry of the first axis, or one."""
        if self.kind != "prelu":
            return 0
        return 1 if self.shared else self._only(inputs)[0]

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return `ACTIVATIONS` per value: an exponential, a tanh or a root is one, a sigmoid three."""
        return ACTIVATIONS[self.kind] * prod(self._only(inputs))


@dataclass(frozen=True)
class Elementwise(Layer):
    """Two or more inputs combined value by value: a residual addition, a gate.

    Shapes broadcast as NumPy's do, from the last axis: (channels, 1, 1) scales a (channels, height, width).
    "subtract", "divide", "power", "modulo" and "compare" take two inputs, "select" a condition and two.
    """

    kind: str

    inputs_taken = (2, None)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, ELEMENTWISE, self.where, "kind")

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the shape the inputs broadcast to. Raises WorkloadError where they do not."""
        self._only(inputs)
        least, most = ELEMENTWISE[self.kind]
        if len(inputs) < least or (most is not None and len(inputs) > most):
            raise WorkloadError(f"{self.where}: {self.kind} takes {least} inputs, not {len(inputs)}")
        return broadcast(inputs, self.where, self.kind)

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return one per output and further input; "select" takes one, a mean one more for its division."""
        steps = 1 if self.kind == "select" else len(inputs) - 1 + (self.kind == "mean")
        return steps * prod(self.output_shape(inputs))


@dataclass(frozen=True)
class Softmax(Layer):
    """Exponentials scaled to sum to one; the shape stays."""

    per_value: ClassVar[int] = 5

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return five per value: for the largest, less it, exponential, added up, divided."""
        return self.per_value * prod(self._only(inputs))


@dataclass(frozen=True, init=False)
class Normalization(Layer):
    """A normalization; "batch" and the others train a ``scale`` and a ``shift`` per entry of ``axis``.

    kind: "batch" (statistics known beforehand), "layer", "group" (in ``groups``), "instance", "rms" (no
    shift unless given), "l2" (to length one over the channels, no shift unless given) or "local_response"
    (over ``size`` channels, nothing trained). ``axis`` is by default the last for "layer" and "rms", the
    features of a sequence, else the first, the channels of a map. Raises WorkloadError.

    >>> Normalization("norm1", "layer").affine_count([(197, 768)])
    1536
    """

    kind: str
    scale: bool
    shift: bool
    axis: int
    groups: int
    size: int

    def __init__(
        self,
        name: str,
        kind: str = "batch",
        scale: bool | None = None,
        shift: bool | None = None,
        axis: int | None = None,
        groups: int = 1,
        size: int = 5,
    ) -> None:
        where = f"layer {name!r}"
        one_of(kind, NORMALIZATIONS, where, "kind")
        trained = kind != "local_response"
        centred = kind not in ("local_response", "rms", "l2")
        last = -1 if kind in ("layer", "rms") else 0
        self._set(
            name=name,
            kind=kind,
            scale=trained if scale is None else true_or_false(scale, where, "scale"),
            shift=centred if shift is None else true_or_false(shift, where, "shift"),
            axis=last if axis is None else axis_number(axis, where),
            groups=whole_number(groups, where, "groups"),
            size=whole_number(size, where, "size"),
        )
        if not trained and (self.scale or self.shift):
            raise WorkloadError(f"{where}: {kind} normalization trains nothing; leave out scale and shift")
        if groups != 1 and kind != "group":
            raise WorkloadError(f"{where}: groups={groups} are of group normalization, not of {kind}")

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape. Raises WorkloadError where groups do not divide its channels."""
        given = self._only(inputs)
        channels = given[axis_of(self.axis, given, self.where)]
        if channels % self.groups:
            raise WorkloadError(f"{self.where}: groups={self.groups} does not divide its {channels} channels")
        return given

    def affine_count(self, inputs: Sequence[Shape]) -> int:
        """Return a scale and a shift per entry of the axis, as far as they are trained."""
        return (self.scale + self.shift) * self._only(inputs)[self.axis]

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return per value those of its kind, and one each for a scale and a shift.

        Local response: a square, size - 1 additions, multiplication, addition, power and division. The few
        operations per mean or length itself (a division, a root) are left out. Batch normalization's known
        statistics are part of its scale and shift, which a layer before it can take over.
        """
        own = self.size + 4 if self.kind == "local_response" else NORMALIZATIONS[self.kind]
        return (own + self.scale + self.shift) * prod(self._only(inputs))
