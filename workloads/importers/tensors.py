"""Layers added by the shapes that tensors have in frameworks, with a batch of one in front.

A tensor keeps the shape it has in its file. The layer behind it leaves the batch out: the first extent where
that is 1 and not the only one. So operators count axes as the framework does, and layers as ours do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import Shape
from workloads.importers.drafts import Draft
from workloads.importers.values import Fixed, Made, Value, axis_in, bare, broadcast
from workloads.layers import (
    CONVOLUTION_OF_AXES,
    POOLING_OF_AXES,
    TRANSPOSED_OF_AXES,
    Activation,
    Attention,
    Concatenation,
    Constant,
    DepthwiseConvolution,
    Elementwise,
    Embedding,
    Expand,
    Linear,
    MatrixMultiplication,
    Normalization,
    Reduction,
    Reshape,
    Slice,
    Transpose,
)

MOST_RUNS = 64
"""The most separate parts that one lookup of known places may take from a tensor."""


_BY_NUMBER = {"add": "shift", "subtract": "shift", "multiply": "scale", "divide": "scale", "power": "power"}


@dataclass
class Tensors:
    """The draft of a network as tensors see it; every method adds what is needed and returns the result."""

    draft: Draft = field(default_factory=Draft)
    constants: dict[str, str] = field(default_factory=dict)
    reshaped: dict[tuple[str, Shape], str] = field(default_factory=dict)
    owners: dict[str, tuple[str, int]] = field(default_factory=dict)

    def layer(self, value: Value) -> str:
        """The layer that makes a tensor as its shape has it; a constant becomes one."""
        if isinstance(value, Made):
            return self._as(value.layer, bare(value.shape))
        if value.name not in self.constants:
            constant = Constant(value.name, bare(value.shape), value.trained)
            made = self.add(constant, rank=len(value.shape), weight=value if value.trained else None)
            self.constants[value.name] = made.layer
        return self.constants[value.name]

    def add(self, layer: Layer, *inputs: Value, rank: int | None = None, weight: Fixed | None = None) -> Made:
        """A layer; ``rank`` is the number of axes of its tensor, ``weight`` the parameter it uses."""
        sources = [self.layer(value) for value in inputs]
        shares = None
        if weight is not None:
            count = layer.weight_count([self.draft.shape(source) for source in sources])
            owner, owned = self.owners.get(weight.name, (None, 0))
            shares = owner if count == owned else None
        name = self.draft.add(layer, sources, shares)
        if weight is not None:
            self.owners.setdefault(weight.name, (name, count))
        given = self.draft.shape(name)
        rank = (len(inputs[0].shape) if inputs else len(given)) if rank is None else rank
        return Made(name, (1,) * (rank - len(given)) + given if rank else ())

    def _as(self, layer: str, shape: Shape) -> str:
        """A layer whose words are those of another in this shape."""
        if self.draft.shape(layer) == shape:
            return layer
        if (layer, shape) not in self.reshaped:
            self.reshaped[layer, shape] = self.draft.add(Reshape(f"{layer}_shaped", shape), [layer])
        return self.reshaped[layer, shape]

    def _whole(self, value: Value) -> str:
        """The layer of a tensor with all of its axes, the batch too."""
        made = value.layer if isinstance(value, Made) else self.layer(value)
        return self._as(made, value.shape or (1,))

    def dropped(self, value: Value) -> int:
        """How many of a tensor's axes its layer leaves out: 1 with a batch of one, else 0."""
        return max(len(value.shape), 1) - len(bare(value.shape))

    def reshape(self, value: Value, shape: Sequence[int]) -> Made:
        """The same words under another shape."""
        if prod(shape) != prod(value.shape):
            raise WorkloadError(f"the {prod(value.shape)} words of {value.shape} do not make {tuple(shape)}")
        return Made(value.layer if isinstance(value, Made) else self.layer(value), tuple(shape))

    def transpose(self, name: str, value: Value, order: Sequence[int]) -> Made:
        """The axes in another order; where only those of extent 1 move, nothing is copied."""
        shape = value.shape
        if sorted(order) != list(range(len(shape))):
            raise WorkloadError(f"the order {tuple(order)} does not name each axis of {shape} once")
        made = tuple(shape[axis] for axis in order)
        moving = [axis for axis in order if shape[axis] > 1]
        if moving == sorted(moving):
            return self.reshape(value, made)
        if self.dropped(value) and order[0] == 0:
            return self.add(Transpose(name, tuple(axis - 1 for axis in order[1:])), value)
        return Made(self.draft.add(Transpose(name, tuple(order)), [self._whole(value)]), made)

    def concatenate(self, name: str, values: Sequence[Value], axis: int) -> Made:
        """Tensors side by side along an axis; empty ones are left out."""
        values = [value for value in values if 0 not in value.shape] or values
        shape = values[0].shape
        axis = axis_in(axis, len(shape))
        if any(len(value.shape) != len(shape) for value in values):
            raise WorkloadError(
                f"tensors of {', '.join(str(v.shape) for v in values)} do not go side by side"
            )
        if len(values) == 1:
            return self.reshape(values[0], shape)
        made = (*shape[:axis], sum(value.shape[axis] for value in values), *shape[axis + 1 :])
        dropped = [self.dropped(value) for value in values]
        if min(dropped) == max(dropped) and axis >= dropped[0]:
            return self.add(Concatenation(name, axis - dropped[0]), *values)
        layer = self.draft.add(Concatenation(name, axis), [self._whole(value) for value in values])
        return Made(layer, made)

    def slice(self, name: str, value: Value, axis: int, start: int, stop: int, step: int = 1) -> Made:
        """A part along an axis, with limits as Python slices have them; all of it is no layer."""
        axis = axis_in(axis, len(value.shape))
        extent = value.shape[axis]
        places = range(*slice(start, stop, step).indices(extent))
        if not places:
            raise WorkloadError(f"nothing is left of axis {axis} of {value.shape} from {start} to {stop}")
        if len(places) == extent:
            return self.reshape(value, value.shape)
        first, last = min(places[0], places[-1]), max(places[0], places[-1])
        layer = Slice(name, axis - self.dropped(value), first, last + 1, abs(step))
        return self.add(layer, value)

    def split(self, name: str, value: Value, axis: int, parts: Sequence[int]) -> list[Made]:
        """Parts of these extents, one after the other along an axis."""
        axis = axis_in(axis, len(value.shape))
        if sum(parts) != value.shape[axis] or min(parts, default=0) < 1:
            raise WorkloadError(f"parts of {tuple(parts)} do not make up axis {axis} of {value.shape}")
        starts = [sum(parts[:number]) for number in range(len(parts))]
        return [self.slice(name, value, axis, at, at + size) for at, size in zip(starts, parts, strict=True)]

    def expand(self, name: str, value: Value, shape: Sequence[int]) -> Made:
        """A tensor repeated to what it and ``shape`` broadcast to."""
        made = broadcast(value.shape, tuple(shape))
        if prod(made) == prod(value.shape):
            return self.reshape(value, made)
        return Made(self.add(Expand(name, bare(made)), value).layer, made)

    def elementwise(self, name: str, kind: str, *values: Value) -> Made:
        """Tensors combined value by value; one combined with a lone number is an activation."""
        rank = max(len(value.shape) for value in values)
        if len(values) == 2:
            left, right = values
            if kind in ("add", "multiply") and isinstance(left, Fixed):
                left, right = right, left
            if isinstance(right, Fixed) and prod(right.shape) == 1 and kind in _BY_NUMBER:
                power = None if right.values is None else float(right.values.reshape(-1)[0])
                known = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"} if kind == "power" else {}
                return self.add(Activation(name, known.get(power or 0, _BY_NUMBER[kind])), left, rank=rank)
        if len(values) == 1:
            return self.reshape(values[0], values[0].shape)
        return self.add(Elementwise(name, kind), *values, rank=rank)

    def activation(self, name: str, kind: str, value: Value) -> Made:
        """A function of each value."""
        return self.add(Activation(name, kind), value)

    def reduce(self, name: str, kind: str, value: Value, axes: Sequence[int], keep: bool) -> Made:
        """The sum, mean, ... over axes."""
        rank = len(value.shape)
        gone = {axis_in(axis, rank) for axis in axes}
        shape = tuple(1 if a in gone else n for a, n in enumerate(value.shape) if keep or a not in gone)
        long = sorted(axis - self.dropped(value) for axis in gone if value.shape[axis] > 1)
        if not long:
            return self.reshape(value, shape)
        layer = self.draft.add(Reduction(name, kind, tuple(long)), [self.layer(value)])
        return Made(layer, shape)

    def linear(self, name: str, value: Value, out: int, bias: bool, weight: Fixed) -> Made:
        """A fully connected layer on the last axis."""
        layer = Linear(name, out, bias, last_axis=len(bare(value.shape)) > 1)
        if value.shape[-1] * out != prod(weight.shape):
            raise WorkloadError(f"weights of {weight.shape} do not fit an input of {value.shape}")
        return self.add(layer, value, weight=weight)

    def embed(self, name: str, table: Fixed, places: Value) -> Made:
        """Rows of a table, one for every index."""
        features = table.shape[1:]
        layer = Embedding(name, table.shape[0], prod(features))
        made = self.add(layer, places, rank=len(places.shape) + 1, weight=table)
        return self.reshape(made, (*places.shape, *features))

    def take(self, name: str, value: Value, axis: int, places: Sequence[int]) -> Made:
        """What stands at known places of an axis, in their order."""
        extent = value.shape[axis]
        runs: list[list[int]] = []
        for place in places:
            if not -extent <= place < extent:
                raise WorkloadError(f"there is no place {place} in axis {axis} of {value.shape}")
            place %= extent
            if runs and runs[-1][1] == place:
                runs[-1][1] += 1
            else:
                runs.append([place, place + 1])
        if not 0 < len(runs) <= MOST_RUNS:
            raise WorkloadError(f"{len(runs)} separate parts of a tensor; 1 to {MOST_RUNS} can be taken")
        parts = [self.slice(name, value, axis, first, last) for first, last in runs]
        return parts[0] if len(parts) == 1 else self.concatenate(name, parts, axis)

    def convolve(
        self, name: str, value: Value, weight: Fixed, groups: int, bias: bool, **window: Any
    ) -> Made:
        """A convolution by weights (outputs, inputs of a group, ...); depthwise with a channel a group."""
        axes = len(weight.shape) - 2
        if axes not in CONVOLUTION_OF_AXES or len(value.shape) != axes + 2:
            raise WorkloadError(f"weights of {weight.shape} do not fit an input of {value.shape}")
        outputs, seen, *kernel = weight.shape
        channels = value.shape[1]
        if seen * groups != channels:
            raise WorkloadError(
                f"weights of {weight.shape} in {groups} groups do not fit {channels} channels"
            )
        layer: Layer
        if axes == 2 and groups == channels > 1:
            layer = DepthwiseConvolution(
                name, tuple(kernel), **window, multiplier=outputs // groups, bias=bias
            )
        else:
            layer = CONVOLUTION_OF_AXES[axes](
                name, outputs, tuple(kernel), **window, groups=groups, bias=bias
            )
        return self.add(layer, value, weight=weight)

    def unconvolve(
        self, name: str, value: Value, weight: Fixed, groups: int, bias: bool, **window: Any
    ) -> Made:
        """A transposed convolution by weights (inputs, outputs of a group, ...)."""
        axes = len(weight.shape) - 2
        if (
            axes not in TRANSPOSED_OF_AXES
            or len(value.shape) != axes + 2
            or weight.shape[0] != value.shape[1]
        ):
            raise WorkloadError(f"weights of {weight.shape} do not fit an input of {value.shape}")
        outputs = weight.shape[1] * groups
        layer = TRANSPOSED_OF_AXES[axes](name, outputs, weight.shape[2:], **window, groups=groups, bias=bias)
        return self.add(layer, value, weight=weight)

    def pool(self, name: str, kind: str, value: Value, kernel: Sequence[int], **window: Any) -> Made:
        """Pooling over windows."""
        layer = POOLING_OF_AXES[len(value.shape) - 2](name, kind, tuple(kernel), **window)
        return self.add(layer, value)

    def attend(self, name: str, values: Sequence[Value], heads: int, kv_heads: int, past: int = 0) -> Made:
        """Attention of (batch, positions, features), or (batch, heads, positions, features) each."""
        queries = values[0]
        if len(queries.shape) != 4:
            return self.add(Attention(name, heads, kv_heads, past), *values)
        batch, heads, positions, features = queries.shape
        if heads % kv_heads:
            raise WorkloadError(f"{heads} heads cannot share {kv_heads} of keys")
        # Heads that share keys are further positions of these.
        folded = self.reshape(queries, (batch, kv_heads, heads // kv_heads * positions, features))
        made = self.add(Attention(name, 1, cached=past), folded, *values[1:])
        return self.reshape(made, (batch, heads, positions, made.shape[-1]))

    def normalize(
        self, name: str, kind: str, value: Value, axis: int, scale: bool = False, shift: bool = False
    ) -> Made:
        """A normalization over all axes from ``axis`` on, which become one."""
        shape = value.shape
        flat = value if axis == len(shape) - 1 else self.reshape(value, (*shape[:axis], prod(shape[axis:])))
        return self.reshape(self.add(Normalization(name, kind, scale, shift), flat), shape)

    def channel(self, value: Value) -> int:
        """The axis of a layer that is a tensor's second one, its channels."""
        return axis_in(1, len(value.shape)) - self.dropped(value)

    def tile(self, name: str, value: Value, times: Sequence[int]) -> Made:
        """A tensor so many times along each axis, side by side."""
        value = self.reshape(value, (1,) * (len(times) - len(value.shape)) + value.shape)
        if len(times) != len(value.shape):
            raise WorkloadError(f"repeats {tuple(times)} do not fit the axes of {value.shape}")
        for axis, count in enumerate(times):
            if count != 1:
                before, after = value.shape[:axis], value.shape[axis:]
                apart = self.reshape(value, (*before, 1, *after))
                repeated = self.expand(name, apart, (*before, count, *after))
                value = self.reshape(repeated, (*before, count * after[0], *after[1:]))
        return value

    def shuffle(self, name: str, value: Value, size: int, inwards: bool, channels_last: bool) -> Made:
        """Channels as places in blocks of a map, or back: apart, in another order, together.

        Within a block's channels, those of the map are the last or the first.
        """
        if len(value.shape) != 4 or size < 1:
            raise WorkloadError(f"needs (batch, channels, height, width), not {value.shape}")
        batch, channels, height, width = value.shape
        if channels % size**2 if inwards else height % size or width % size:
            raise WorkloadError(f"blocks of {size} do not divide {value.shape}")
        made: Shape
        if inwards:
            left = channels // size**2
            apart = (
                (batch, size, size, left, height, width)
                if channels_last
                else (batch, left, size, size, height, width)
            )
            order = (0, 3, 4, 1, 5, 2) if channels_last else (0, 1, 4, 2, 5, 3)
            made = (batch, left, height * size, width * size)
        else:
            apart = (batch, channels, height // size, size, width // size, size)
            order = (0, 3, 5, 1, 2, 4) if channels_last else (0, 1, 3, 5, 2, 4)
            made = (batch, channels * size**2, height // size, width // size)
        return self.reshape(self.transpose(name, self.reshape(value, apart), order), made)

    def matmul(self, name: str, left: Value, right: Value, bias: bool = False) -> Made:
        """The product of two tensors as numpy.matmul has it; by a parameter matrix a linear layer."""
        if not left.shape or not right.shape:
            raise WorkloadError("a matrix product needs matrices, not a number")
        if isinstance(right, Fixed) and len(right.shape) == 2 and left.shape[-1] == right.shape[0]:
            return self.linear(name, left, right.shape[1], bias, right)
        a, b = self._matrices(left, right)
        lead = broadcast(a.shape[:-2], b.shape[:-2])
        made = (*lead, a.shape[-2], b.shape[-1])
        if prod(b.shape[:-2]) == 1:
            # One right matrix for all: the left ones are one matrix, one above the other.
            a = self.reshape(a, (1, prod(a.shape[:-1]), a.shape[-1]))
            b = self.reshape(b, (1, *b.shape[-2:]))
        else:
            items = (1, prod(lead))
            a = self.reshape(self.expand(f"{name}_left", a, (*lead, *a.shape[-2:])), (*items, *a.shape[-2:]))
            b = self.reshape(self.expand(f"{name}_right", b, (*lead, *b.shape[-2:])), (*items, *b.shape[-2:]))
        product = self.add(MatrixMultiplication(name), a, b)
        vectors = len(left.shape) == 1, len(right.shape) == 1
        made = (*lead, *made[-2:][vectors[0] : 2 - vectors[1]])
        return self.reshape(product, made)

    def _matrices(self, left: Value, right: Value) -> tuple[Value, Value]:
        if len(left.shape) == 1:
            left = self.reshape(left, (1, *left.shape))
        if len(right.shape) == 1:
            right = self.reshape(right, (*right.shape, 1))
        return left, right
