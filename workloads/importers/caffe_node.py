"""A layer of a Caffe file as its converter reads it: fields, inputs, sizes of a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import Shape, Sizes
from workloads.importers.drafts import Draft
from workloads.importers.prototext import Message

WINDOW = ("pad", "pad_h", "pad_w", "kernel_size", "kernel_h", "kernel_w", "stride", "stride_h", "stride_w",
          "dilation", "engine")  # fmt: skip
"""Fields of a window that slides."""


@dataclass(frozen=True)
class Node:
    """A layer of the file: its fields, and the layers of the draft that feed it."""

    draft: Draft
    name: str
    type: str
    fields: Message
    inputs: tuple[str, ...]
    tops: int
    shares: str | None = None

    @property
    def shape(self) -> Shape:
        """The first input's, without the batch. Raises WorkloadError if nothing feeds it."""
        if not self.inputs:
            raise self.error("has no bottom: nothing feeds it")
        return self.draft.shape(self.inputs[0])

    def error(self, said: str) -> WorkloadError:
        """Return the error of this layer."""
        return WorkloadError(f"layer {self.name!r}: {self.type} {said}")

    def add(self, layer: Layer, inputs: Sequence[str] | None = None, shares: str | None = None) -> str:
        """Add a layer to the draft, fed as this one unless told otherwise; return its name."""
        return self.draft.add(layer, self.inputs if inputs is None else inputs, shares)

    def parameters(self, field: str, *known: str) -> Message:
        """Return the message of the layer's parameters, which may have the ``known`` fields."""
        found = self.fields.message(field)
        found.check(known, field)
        return found

    def axis(self, parameters: Message, usual: int = 1, field: str = "axis") -> int:
        """Return the axis a field names, as ours count: without the batch, from 0. Raises WorkloadError."""
        given = parameters.number(field, usual, -8)
        rank = len(self.shape) + 1
        if not -rank <= given < rank or given in (0, -rank):
            raise self.error(
                f"has {field} {given}; a bottom of {rank} axes has 1 to {rank - 1} besides the batch"
            )
        return given % rank - 1

    @property
    def axes(self) -> int:
        """Axes of the maps it takes. Raises WorkloadError if they are not one to three."""
        axes = len(self.shape) - 1
        if not 1 <= axes <= 3:
            raise self.error(f"takes a bottom of one to three axes after its channels, not {self.shape}")
        return axes

    def window(self, fields: Message) -> tuple[Sizes, Sizes, Sizes, Sizes]:
        """Return the kernel, stride, padding and dilation, a size per axis. Raises WorkloadError."""
        kernel = self._per_axis(fields, "kernel_size", None, 1)
        stride = self._per_axis(fields, "stride", 1, 1)
        return kernel, stride, self._per_axis(fields, "pad", 0, 0), self._per_axis(fields, "dilation", 1, 1)

    def _per_axis(self, fields: Message, field: str, usual: int | None, least: int) -> Sizes:
        """A size for each axis: ``kernel_size``, once or an axis each, or ``kernel_h`` and ``kernel_w``."""
        axes, stem = self.axes, field.removesuffix("_size")
        given, apart = fields.numbers(field, least), [f"{stem}_{letter}" for letter in "hw"]
        if any(name in fields for name in apart):
            if given or axes != 2:
                raise self.error(f"has {field} besides {apart[0]}, or not two axes; give one of them")
            given = [size for name in apart for size in fields.numbers(name, least)[:1] or [usual or 0]]
        elif not given and usual is not None:
            given = [usual]
        if len(given) not in (1, axes) or (usual is None and 0 in given):
            raise self.error(f"needs a {field}, once or for each of its {axes} axes, not {given}")
        return tuple(given) if len(given) == axes else tuple(given * axes)
