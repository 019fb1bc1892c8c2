"""Where data enters, and layers that move, copy or rename it: shapes, parts, padding, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from workloads.base import Layer, MovesNothing
from workloads.errors import WorkloadError
from workloads.geometry import (
    LARGEST,
    MOST_AXES,
    Shape,
    Sizes,
    axes_in,
    axis_number,
    axis_of,
    broadcast,
    one_of,
    shape,
    sizes,
    true_or_false,
    whole_number,
)

RESIZINGS = ("nearest", "linear", "cubic")
PADDINGS = ("constant", "reflect", "replicate", "circular")


@dataclass(frozen=True)
class Input(MovesNothing):
    """Where data enters; ``shape`` is (channels, height, width), (features,) or (..., rows, columns)."""

    shape: Shape

    inputs_taken = (0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(shape=shape(self.shape, self.where))

    @classmethod
    def image(cls, name: str, channels: int, size: int | Sizes) -> Input:
        """Return an input of ``channels`` by (height, width) or one number for both. Raises WorkloadError."""
        return cls(name, (channels, *sizes(size, 2, f"layer {name!r}", "input_size")))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return ``shape``. Raises WorkloadError if it is fed by another layer."""
        self._only(inputs)
        return self.shape


@dataclass(frozen=True)
class Constant(MovesNothing):
    """Values that are part of the network: a class token, position embeddings. ``trained`` ones are weights.

    The layer that takes them reads them.
    """

    shape: Shape
    trained: bool = False

    inputs_taken = (0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        true_or_false(self.trained, self.where, "trained")
        self._set(shape=shape(self.shape, self.where))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return ``shape``. Raises WorkloadError if it is fed by another layer."""
        self._only(inputs)
        return self.shape

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return the values if they are trained."""
        return prod(self.shape) if self.trained else 0

    def words_trained(self, inputs: Sequence[Shape]) -> int:
        """Return 0: the layer that takes them reads them."""
        return 0


@dataclass(frozen=True)
class Identity(MovesNothing):
    """A layer that does nothing."""


@dataclass(frozen=True)
class Dropout(MovesNothing):
    """A layer of training alone: in use it does nothing."""


@dataclass(frozen=True)
class Flatten(MovesNothing):
    """A map written out as a vector; axes before ``start`` stay."""

    start: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(start=axis_number(self.start, self.where, "start"))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (features,), after the axes that stay."""
        given = self._only(inputs)
        first = axis_of(self.start, given, self.where)
        return *given[:first], prod(given[first:])


@dataclass(frozen=True)
class Reshape(MovesNothing):
    """The same words under another shape, one extent of which may be -1 for what is left."""

    shape: Shape

    def __post_init__(self) -> None:
        super().__post_init__()
        given = tuple(self.shape) if isinstance(self.shape, Sequence) else self.shape
        if isinstance(given, tuple) and sum(type(n) is int and n == -1 for n in given) == 1:
            checked = shape(tuple(1 if n == -1 else n for n in given), self.where)
            self._set(shape=tuple(-1 if n == -1 else c for n, c in zip(given, checked, strict=True)))
        else:
            self._set(shape=shape(given, self.where))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return ``shape``. Raises WorkloadError where it has another number of words than the input."""
        given = self._only(inputs)
        left, over = divmod(prod(given), abs(prod(self.shape)))
        if over or (left != 1 and -1 not in self.shape):
            raise WorkloadError(f"{self.where}: the {prod(given)} words of {given} do not make {self.shape}")
        return tuple(left if n == -1 else n for n in self.shape)


@dataclass(frozen=True)
class Transpose(Layer):
    """Axes in another order: ``order`` names for every output axis that of the input, from 0."""

    order: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = tuple(self.order) if isinstance(self.order, Sequence) else ()
        if sorted(map(repr, given)) != sorted(map(repr, range(len(given)))) or not given:
            raise WorkloadError(f"{self.where}: order must name every axis once, not {self.order!r}")
        self._set(order=given)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the axes in their new order."""
        given = self._only(inputs)
        if len(given) != len(self.order):
            raise WorkloadError(f"{self.where}: order {self.order} does not fit the axes of {given}")
        return tuple(given[axis] for axis in self.order)


@dataclass(frozen=True)
class Concatenation(Layer):
    """Inputs side by side along ``axis``, by default the channels; every word is copied."""

    axis: int = 0

    inputs_taken = (1, None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(axis=axis_number(self.axis, self.where))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the inputs' shape with the extents along ``axis`` added up. Raises WorkloadError."""
        first = self._only(inputs)
        axis = axis_of(self.axis, first, self.where)
        for other in inputs[1:]:
            if len(other) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(first, other, strict=True)) if i != axis
            ):
                raise WorkloadError(
                    f"{self.where}: inputs must agree but in axis {self.axis}, not {first} and {other}"
                )
        return *first[:axis], sum(given[axis] for given in inputs), *first[axis + 1 :]


@dataclass(frozen=True)
class Slice(Layer):
    """A part of the input: along ``axis`` from ``start`` up to before ``stop``, every ``step``-th.

    A split is several of them. Without ``stop`` it goes on to the end.
    """

    axis: int
    start: int = 0
    stop: int | None = None
    step: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(
            axis=axis_number(self.axis, self.where),
            start=whole_number(self.start, self.where, "start", 0),
            stop=None if self.stop is None else whole_number(self.stop, self.where, "stop"),
            step=whole_number(self.step, self.where, "step"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the input's shape, cut along ``axis``. Raises WorkloadError where the part is not in it."""
        given = self._only(inputs)
        axis = axis_of(self.axis, given, self.where)
        stop = given[axis] if self.stop is None else self.stop
        if not self.start < stop <= given[axis]:
            raise WorkloadError(
                f"{self.where}: from {self.start} to {stop} is no part of axis {self.axis} of {given}"
            )
        return *given[:axis], len(range(self.start, stop, self.step)), *given[axis + 1 :]

    def words_in(self, inputs: Sequence[Shape]) -> int:
        """Return the part."""
        return self.words_out(inputs)


@dataclass(frozen=True)
class Expand(Layer):
    """The input repeated to ``shape``, along axes where its extent is 1, as NumPy broadcasts."""

    shape: Shape

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(shape=shape(self.shape, self.where))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return ``shape``. Raises WorkloadError where the input does not broadcast to it."""
        found = broadcast([self._only(inputs), self.shape], self.where, "Expand")
        if found != self.shape:
            raise WorkloadError(f"{self.where}: {inputs[0]} does not broadcast to {self.shape}")
        return found


@dataclass(frozen=True)
class Padding(Layer):
    """Values put around the input: ``sides`` are (before, after) for every axis of it, channels too.

    kind: "constant", "reflect", "replicate" or "circular". Convolutions and poolings pad on their own.

    >>> Padding("pad", ((0, 0), (1, 1), (2, 2))).output_shape([(3, 8, 8)])
    (3, 10, 12)
    """

    sides: tuple[tuple[int, int], ...]
    kind: str = "constant"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, PADDINGS, self.where, "kind")
        given = self.sides if isinstance(self.sides, Sequence) else ()
        if not 1 <= len(given) <= MOST_AXES or not all(
            isinstance(p, Sequence) and len(p) == 2 for p in given
        ):
            raise WorkloadError(
                f"{self.where}: sides must be (before, after) for every axis, as ((0, 0), (1, 1), (1, 1)), "
                f"not {self.sides!r}"
            )
        self._set(sides=tuple(tuple(whole_number(n, self.where, "sides", 0) for n in p) for p in given))

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the shape with both sides added."""
        given = self._only(inputs)
        if len(given) != len(self.sides):
            raise WorkloadError(f"{self.where}: sides {self.sides} do not fit the axes of {given}")
        return tuple(size + sum(pair) for size, pair in zip(given, self.sides, strict=True))


@dataclass(frozen=True, init=False)
class Resize(Layer):
    """A map brought to ``size``, or to ``scale`` times its own, rounded down.

    kind: "nearest", "linear" (bilinear on two axes) or "cubic". Either is one number or one per axis of the
    map: (height, width), or one or three for as many axes. Raises WorkloadError.

    >>> Resize("up", "linear", scale=2).output_shape([(64, 7, 9)])
    (64, 14, 18)
    """

    kind: str
    size: Sizes | None
    scale: tuple[float, ...] | None

    def __init__(
        self,
        name: str,
        kind: str,
        size: int | Sizes | None = None,
        scale: float | tuple[float, ...] | None = None,
    ) -> None:
        where = f"layer {name!r}"
        if (size is None) == (scale is None):
            raise WorkloadError(f"{where}: Resize needs either a size or a scale")
        self._set(
            name=name,
            kind=one_of(kind, RESIZINGS, where, "kind"),
            size=None if size is None else sizes(size, axes_in(size), where, "size"),
            scale=None if scale is None else _scale(scale, where),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (channels, *size). Raises WorkloadError where nothing would be left."""
        given = self.size if self.scale is None else self.scale
        assert given is not None
        leading, channels, extent = self._maps(inputs, len(given))
        if self.size is not None:
            return *leading, channels, *self.size
        scaled = tuple(int(n * factor) for n, factor in zip(extent, given, strict=True))
        return *leading, channels, *(whole_number(n, self.where, "a scaled extent") for n in scaled)

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return per output 3 for each interpolation of two values, 7 for one of four; none for nearest."""
        output = self.output_shape(inputs)
        axes = len(self.size or self.scale or ())
        # Of the values around an output pairs, or fours, become one, axis after axis.
        each = {"nearest": 0, "linear": 3 * ((1 << axes) - 1), "cubic": 7 * ((1 << 2 * axes) - 1) // 3}
        return prod(output) * each[self.kind]


def _scale(scale: object, where: str) -> tuple[float, ...]:
    given = tuple(scale) if isinstance(scale, Sequence) and not isinstance(scale, str) else (scale, scale)
    if not 1 <= len(given) <= 3:
        raise WorkloadError(f"{where}: scale must be one number or one per axis, not {scale!r}")
    for factor in given:
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= LARGEST:
            raise WorkloadError(f"{where}: scale must be a number above 0 and up to 2**31, not {factor!r}")
    return tuple(float(factor) for factor in given)
