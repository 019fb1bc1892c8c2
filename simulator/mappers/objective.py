"""What a search makes least: energy, cycles, their product, a function of both, or the front of both."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.cost.timing import Floats
from simulator.counting.lowering import Ints
from simulator.errors import SimulatorError, did_you_mean

Function = Callable[[float, int], float]
_FUNCTIONS: dict[str, Function] = {
    "energy": lambda energy, cycles: energy,
    "cycles": lambda energy, cycles: float(cycles),
    "edp": lambda energy, cycles: energy * cycles,
}
FRONT = "energy-cycles front"


@dataclass(frozen=True)
class Objective:
    """``function`` of energy and cycles, not falling in either; None where their whole front is wanted."""

    name: str
    function: Function | None

    def value(self, energy: float, cycles: int) -> float:
        """The objective of a mapping, or of bounds of both.

        Raises
        ------
        SimulatorError
            Where a function of one's own returns no number, or falls where energy or cycles grow.
        """
        if self.function is None:
            return energy
        if self.name in _FUNCTIONS:
            return self.function(energy, cycles)
        value = self._call(energy, cycles)
        if self._call(energy * 2, cycles) < value or self._call(energy, cycles * 2) < value:
            raise SimulatorError(
                f"objective {self.name} falls as energy or cycles grow (near {energy:g}, {cycles}); no bound "
                f"holds for such a function"
            )
        return value

    def values(self, energy: Floats, cycles: Ints) -> Floats | Ints:
        """The objective of mappings (k,); infinite energy stays infinite."""
        if self.function is None:
            return energy
        if self.name in _FUNCTIONS:
            # Integers stay integers, so that no two numbers of cycles look the same.
            return cycles if self.name == "cycles" else energy * cycles if self.name == "edp" else energy
        legal = np.isfinite(energy)
        found = np.full(len(energy), np.inf)
        found[legal] = [
            self._call(float(e), int(c)) for e, c in zip(energy[legal], cycles[legal], strict=True)
        ]
        return found

    def seconds(self, energy: Floats, cycles: Ints) -> Floats | Ints:
        """What tells mappings (k,) apart that are equal in the objective."""
        return cycles if self.name in ("energy", FRONT) else energy

    def cost(self, energy: float, cycles: int) -> tuple[float, float]:
        """The objective, and what tells mappings equal in it apart."""
        return self.value(energy, cycles), cycles if self.name in ("energy", FRONT) else energy

    def _call(self, energy: float, cycles: int) -> float:
        assert self.function is not None
        try:
            value = float(self.function(energy, cycles))
        except (TypeError, ValueError, ArithmeticError) as error:
            raise SimulatorError(f"objective {self.name} of {energy:g}, {cycles}: {error}") from None
        if math.isnan(value):
            raise SimulatorError(f"objective {self.name} of {energy:g}, {cycles} is not a number")
        return value


Source = str | Function | Sequence[str] | Objective


def read_objective(source: Source) -> Objective:
    """Return the objective of a name, a function of (energy, cycles), or both names for their front.

    Raises
    ------
    SimulatorError
        For an unknown name, with the nearest one, or anything else.
    """
    if isinstance(source, Objective):
        return source
    if isinstance(source, str):
        if source not in _FUNCTIONS:
            raise SimulatorError(f"unknown objective {source!r}{did_you_mean(source, _FUNCTIONS)}")
        return Objective(source, _FUNCTIONS[source])
    if callable(source):
        return Objective(getattr(source, "__name__", "function"), source)
    if isinstance(source, Sequence) and sorted(map(str, source)) == ["cycles", "energy"]:
        return Objective(FRONT, None)
    raise SimulatorError(
        f"objective must be one of {', '.join(_FUNCTIONS)}, a function of energy and cycles, or "
        f"('energy', 'cycles') for their front, not {source!r}"
    )


def check_objective(name: str) -> str:
    """Return the name of an objective; SimulatorError with the nearest name if there is none."""
    return read_objective(str(name)).name
