"""What every layer type shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from workloads.errors import WorkloadError
from workloads.geometry import Shape


@dataclass(frozen=True)
class Layer:
    """What every layer type shares: a name, and counts that are zero unless the type says otherwise.

    ``inputs_taken`` is the least and the most number of inputs, None for no bound.
    """

    name: str

    inputs_taken: ClassVar[tuple[int, int | None]] = (1, 1)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise WorkloadError(f"{type(self).__name__}: name must be a non-empty string, not {self.name!r}")

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

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return the weights, without biases and normalization parameters."""
        return 0

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return the biases."""
        return 0

    def affine_count(self, inputs: Sequence[Shape]) -> int:
        """Return the trained scales and shifts of a normalization."""
        return 0

    def _set(self, **fields: object) -> None:
        """Fill a frozen layer's fields from an ``__init__`` that writes abbreviated sizes out in full."""
        for field, value in fields.items():
            object.__setattr__(self, field, value)
        Layer.__post_init__(self)

    def _only(self, inputs: Sequence[Shape]) -> Shape:
        least, most = self.inputs_taken
        if len(inputs) < least or (most is not None and len(inputs) > most):
            wanted = "no" if most == 0 else str(least) if least == most else f"{least} or more"
            plural = "" if wanted in ("no", "1") else "s"
            raise WorkloadError(
                f"{self.where}: {type(self).__name__} takes {wanted} input{plural}, not {len(inputs)}"
            )
        return inputs[0] if inputs else ()

    def _map(self, inputs: Sequence[Shape]) -> tuple[int, int, int]:
        given = self._only(inputs)
        if len(given) != 3:
            raise WorkloadError(
                f"{self.where}: {type(self).__name__} needs a (channels, height, width) input, not {given}"
            )
        return given[0], given[1], given[2]
