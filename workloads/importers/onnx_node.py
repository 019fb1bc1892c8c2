"""A node of an ONNX graph as its operator reads it: inputs and attributes, checked as they are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workloads.errors import WorkloadError, nearest_name
from workloads.geometry import Shape, whole_number
from workloads.importers.tensors import Tensors
from workloads.importers.values import Fixed, Made, Value

MOST_VALUES = 4096
"""The most values of a constant that are kept; of larger ones only the shape matters."""


@dataclass(frozen=True)
class Node:
    """A node: its ``inputs``, None for those left out, and the names of its ``outputs``, "" for those unused.

    ``opset`` is the version of its operator set; ``bias`` says that a trained bias is added to its output;
    ``batch`` is the one that the file has written in, and that was taken off.
    """

    name: str
    kind: str
    opset: int
    inputs: Sequence[Value | None]
    outputs: Sequence[str]
    attributes: Mapping[str, Any]
    net: Tensors
    bias: bool = False
    batch: int = 1

    def has(self, place: int) -> bool:
        """Whether there is an input at a place."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def wants(self, place: int) -> bool:
        """Whether the output at a place has a name."""
        return place < len(self.outputs) and bool(self.outputs[place])

    def input(self, place: int = 0) -> Value:
        """Return an input. Raises WorkloadError if it is left out, as the others do."""
        value = self.inputs[place] if place < len(self.inputs) else None
        if value is None:
            raise WorkloadError(f"its input {place} is missing; it has {len(self.inputs)}")
        return value

    def map(self, place: int = 0) -> Value:
        """Return an input of a batch, channels and one to three axes."""
        value = self.input(place)
        if not 3 <= len(value.shape) <= 5:
            raise WorkloadError(f"needs (batch, channels, one to three axes), not {value.shape}")
        return value

    def parameter(self, place: int) -> Fixed:
        """Return an input that is a parameter or a constant."""
        value = self.input(place)
        if isinstance(value, Made):
            raise WorkloadError(
                f"its input {place} must be a parameter or a constant, but {value.layer!r} makes it"
            )
        return value

    def constant(self, place: int) -> np.ndarray[Any, Any]:
        """Return the values of an input that must be known."""
        value = self.input(place)
        if isinstance(value, Fixed) and value.values is not None:
            return value.values
        named = value.layer if isinstance(value, Made) else value.name
        raise WorkloadError(f"the values of its input {place}, {named!r}, are not known from the file")

    def numbers(self, place: int, attribute: str, default: Sequence[int] | None = None) -> list[int] | None:
        """Return whole numbers from an input, or as older operators have it from an attribute."""
        if self.has(place):
            values = self.constant(place)
            if values.dtype.kind not in "iu":
                raise WorkloadError(f"its input {place} must be whole numbers, not {values.dtype}")
            return [int(value) for value in values.reshape(-1)]
        found = self.ints(attribute, default)
        return None if found is None else list(found)

    def ints(self, name: str, default: Sequence[int] | None = None) -> Sequence[int] | None:
        """Return a list of whole numbers."""
        found: Sequence[int] | None = self._attribute(name, tuple, default)
        return found

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number."""
        found = self._attribute(name, int, default)
        if found is None:
            raise WorkloadError(f"its attribute {name} is missing")
        number: int = found
        return number

    def factor(self, name: str, default: float) -> float:
        """Return a number."""
        found: float = self._attribute(name, float, default)
        return found

    def word(self, name: str, default: str, known: Mapping[str, str] | None = None) -> str:
        """Return a text, or what it stands for among the ``known``."""
        found: str = self._attribute(name, str, default)
        if known is None:
            return found
        if found not in known:
            raise WorkloadError(f"its {name} {found!r} is unknown{nearest_name(found, known)}")
        return known[found]

    def size(self, name: str) -> int:
        """Return a whole number of 1 or more."""
        return whole_number(self.number(name), "attribute", name)

    def _attribute(self, name: str, kind: type, default: Any) -> Any:
        found = self.attributes.get(name)
        if found is None:
            return default
        if not isinstance(found, kind):
            raise WorkloadError(f"its attribute {name} must be {_CALLED[kind]}, not {found!r}")
        return found

    def axis(self, default: int) -> int:
        """Return its attribute axis, counted from 0 in its first input."""
        rank, axis = len(self.input().shape), self.number("axis", default)
        if not -rank <= axis <= rank:
            raise WorkloadError(f"there is no axis {axis} in {self.input().shape}")
        return axis % rank if axis < rank else axis

    def short(self, axis: int, value: Value) -> int:
        """Return an axis of a tensor as one of its layer's."""
        return axis - self.net.dropped(value)

    def window(self, extent: Shape, kernel: Sequence[int]) -> dict[str, Any]:
        """Return the stride, padding and dilation of a sliding window over a map of ``extent``."""
        count = len(extent)
        stride, dilation = self._each("strides", count), self._each("dilations", count)
        if len(kernel) != count:
            raise WorkloadError(f"its kernel {tuple(kernel)} does not fit the axes of {extent}")
        automatic = self.word("auto_pad", "NOTSET")
        if automatic in ("SAME_UPPER", "SAME_LOWER"):
            padding: list[int] = []
            for size, taps, step, gap in zip(extent, kernel, stride, dilation, strict=True):
                total = max((-(-size // step) - 1) * step + (taps - 1) * gap + 1 - size, 0)
                padding += halves(total, automatic == "SAME_UPPER")
        elif automatic in ("NOTSET", "VALID"):
            padding = self.pads(count) if automatic == "NOTSET" else [0] * 2 * count
        else:
            raise WorkloadError(f"its auto_pad {automatic!r} is unknown")
        sizes = {"stride": stride, "padding": padding, "dilation": dilation}
        return {name: tuple(size) for name, size in sizes.items()}

    def pads(self, count: int) -> list[int]:
        """Return its attribute pads as (before, after) for each axis in turn."""
        pads = self.ints("pads") or [0] * 2 * count
        if len(pads) != 2 * count:
            raise WorkloadError(f"its pads {tuple(pads)} must be {2 * count} numbers")
        return [size for axis in range(count) for size in (pads[axis], pads[axis + count])]

    def _each(self, name: str, count: int) -> Sequence[int]:
        found = self.ints(name) or (1,) * count
        if len(found) != count or min(found) < 1:
            raise WorkloadError(f"its {name} {tuple(found)} must be {count} numbers above 0")
        return found


def halves(total: int, after: bool) -> list[int]:
    """Return padding shared out before and after, the odd one ``after`` or before."""
    small = total // 2
    return [small, total - small] if after else [total - small, small]


_CALLED = {tuple: "a list of numbers", int: "a whole number", float: "a number", str: "a text"}
