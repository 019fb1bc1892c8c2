"""An operation of a PyTorch graph as its taker reads it: arguments by name, tensors by their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workloads.errors import WorkloadError
from workloads.geometry import Shape
from workloads.importers.tensors import Tensors
from workloads.importers.values import Fixed, Made, Value, axis_in


@dataclass(frozen=True)
class Call:
    """An operation: its name in ATen, its arguments with defaults filled in, and the shapes it makes."""

    name: str
    kind: str
    arguments: Mapping[str, Any]
    shapes: Sequence[Shape]
    net: Tensors

    @property
    def shape(self) -> Shape:
        """The shape of its first result."""
        return self.shapes[0]

    def get(self, *names: str) -> Any:
        """Return the first argument that it has of these names, None if there is none."""
        return next((self.arguments[name] for name in names if name in self.arguments), None)

    def tensor(self, *names: str) -> Value:
        """Return an argument that is a tensor, its input unless named. Raises WorkloadError."""
        found = self.get(*(names or ("self", "input")))
        if not isinstance(found, Fixed | Made):
            raise WorkloadError(f"its {'/'.join(names) or 'input'} must be a tensor, not {found!r}")
        return found

    def tensors(self, name: str) -> list[Value]:
        """Return an argument that is a list of tensors."""
        return [value for value in self.get(name) if isinstance(value, Fixed | Made)]

    def parameter(self, *names: str) -> Fixed:
        """Return an argument that is a parameter."""
        value = self.tensor(*names)
        if isinstance(value, Made):
            raise WorkloadError(f"its {names[0]} must be a parameter, but {value.layer!r} makes it")
        return value

    def has(self, name: str) -> bool:
        """Whether an argument is given."""
        return self.arguments.get(name) is not None

    def axis(self, name: str = "dim", rank: int | None = None) -> int:
        """Return an axis, counted from 0."""
        return axis_in(int(self.arguments[name]), len(self.tensor().shape) if rank is None else rank)

    def axes(self, name: str = "dim") -> list[int]:
        """Return axes, counted from 0; all where it names none."""
        rank, found = len(self.tensor().shape), self.arguments.get(name)
        given = [found] if isinstance(found, int) else found or range(rank)
        return [axis_in(axis, rank) for axis in given]

    def each(self, name: str, axes: int, default: int = 1) -> tuple[int, ...]:
        """Return a size per axis."""
        found = self.arguments.get(name)
        given = tuple(found) if isinstance(found, Sequence) else (default if found is None else found,)
        given = given or (default,)
        return given if len(given) == axes else given * axes
