"""The errors a user can cause, and the nearest name to offer instead of an unknown one."""

from __future__ import annotations

from collections.abc import Iterable


class SimulatorError(ValueError):
    """Something the user gave is wrong; the message says what, where and what would be right."""


class ArchitectureError(SimulatorError):
    """An architecture file or object that cannot be a machine."""


class ProblemError(SimulatorError):
    """A problem whose dimensions, tensors or extents make no sense or are too large to count."""


class MappingError(SimulatorError):
    """A mapping that is malformed or illegal for its problem and architecture."""


class EngineDifferenceError(SimulatorError):
    """Two engines counted the same mapping differently: a defect of the simulator, never of the input."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or the list of known names."""
    # Imported where a name is wrong: it brings the whole of networkx along.
    from workloads.errors import nearest_name

    return nearest_name(name, sorted(known))
