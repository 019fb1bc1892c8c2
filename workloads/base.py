"""What every layer type shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from workloads.errors import WorkloadError
from workloads.geometry import AXES, Shape, Sizes, plain_text


@dataclass(frozen=True)
class Layer:
    """What every layer type shares: a name, and counts that are zero unless the type says otherwise.

    ``inputs_taken`` is the least and the most number of inputs, None for no bound.
    """

    name: str

    inputs_taken: ClassVar[tuple[int, int | None]] = (1, 1)

    def __post_init__(self) -> None:
        plain_text(self.name, type(self).__name__, "name")

    @property
    def where(self) -> str:
        """How error messages name this layer: ``layer 'conv1'``."""
        return f"layer {self.name!r}"

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return the output shape; by default that of the one input. Raises WorkloadError."""
        return self._only(inputs)

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return the multiply-accumulates for one image."""
        return 0

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return the operations for one image that are no MACs; by default one addition per biased output."""
        return prod(self.output_shape(inputs)) if self.bias_count(inputs) else 0

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return the weights, without biases and normalization parameters."""
        return 0

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return the biases."""
        return 0

    def affine_count(self, inputs: Sequence[Shape]) -> int:
        """Return the trained scales and shifts of a normalization, and slopes of an activation."""
        return 0

    def words_in(self, inputs: Sequence[Shape]) -> int:
        """Return the activations read for one image, each once; by default all of the inputs."""
        return sum(map(prod, inputs))

    def words_out(self, inputs: Sequence[Shape]) -> int:
        """Return the activations written for one image; by default all of the output."""
        return prod(self.output_shape(inputs))

    def words_trained(self, inputs: Sequence[Shape]) -> int:
        """Return the parameters read, once for a batch; by default all of them."""
        return self.weight_count(inputs) + self.bias_count(inputs) + self.affine_count(inputs)

    def _set(self, **fields: object) -> None:
        """Fill a frozen layer's fields with sizes checked and written out in full."""
        for field, value in fields.items():
            object.__setattr__(self, field, value)
        Layer.__post_init__(self)

    def _only(self, inputs: Sequence[Shape]) -> Shape:
        least, most = self.inputs_taken
        if len(inputs) < least or (most is not None and len(inputs) > most):
            wanted = "no" if most == 0 else str(least) if least == most else f"{least} to {most}"
            wanted = f"{least} or more" if most is None else wanted
            plural = "" if wanted in ("no", "1") else "s"
            raise WorkloadError(
                f"{self.where}: {type(self).__name__} takes {wanted} input{plural}, not {len(inputs)}"
            )
        return inputs[0] if inputs else ()

    def _maps(self, inputs: Sequence[Shape], axes: int) -> tuple[Shape, int, Sizes]:
        """The first input as (leading extents, channels, extent of each axis); several maps may lead."""
        given = self._only(inputs)
        if len(given) < axes + 1:
            raise WorkloadError(
                f"{self.where}: {type(self).__name__} needs a (channels, {AXES[axes]}) input, not {given}"
            )
        return given[: -axes - 1], given[-axes - 1], given[-axes:]

    def _sequence(self, inputs: Sequence[Shape]) -> tuple[int, int]:
        given = self._only(inputs)
        if len(given) != 2:
            raise WorkloadError(
                f"{self.where}: {type(self).__name__} needs a (positions, features) input, not {given}"
            )
        return given[0], given[1]


class MovesNothing(Layer):
    """A layer that gives its input's words on as they are, under another shape or name."""

    def words_in(self, inputs: Sequence[Shape]) -> int:
        """Return 0."""
        return 0

    def words_out(self, inputs: Sequence[Shape]) -> int:
        """Return 0."""
        return 0
