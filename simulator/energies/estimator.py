"""Figures from the models of the package hwcomponents (CACTI, Aladdin and others), where it is installed."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.energies.kinds import KindTable
from simulator.energies.parts import Memory, PartFigures, accesses
from simulator.energies.table_file import EnergyTableError

_DRAM = "LPDDR4"


@dataclass(frozen=True)
class EstimatorTable:
    """Memories are its SRAM, the outermost its LPDDR4, a MAC its integer multiplier and adder.

    The network's figures are those of ``rest``, the same file's own.
    """

    name: str
    description: str
    node_nm: float
    rest: KindTable
    unit: str = "pJ"

    def memory(self, part: Memory) -> PartFigures:
        if part.outermost:
            energies = [
                _energy(_DRAM, {"width": 64}, action) / 64 * part.width_bits for action in ("read", "write")
            ]
            return PartFigures(accesses(*energies), None, None, f"{self.name}: {_DRAM}")
        if part.capacity_bits is None:
            raise EnergyTableError(
                f"{self.name}: {part.name} states no capacity, which its energy depends on"
            )
        attributes = {
            "tech_node": self.node_nm * 1e-9,
            "width": part.width_bits,
            "depth": part.capacity_bits / part.width_bits,
            "size": part.capacity_bits,
            # Its banks are powers of two.
            "n_banks": 2 ** round(math.log2(part.banks)),
        }
        energies = [_energy("SRAM", attributes, action) for action in ("read", "write")]
        return PartFigures(accesses(*energies), *_silicon("SRAM", attributes), f"{self.name}: SRAM")

    def network(self, array: str, word_bits: int, mac: float) -> PartFigures:
        return self.rest.network(array, word_bits, mac)

    def mac(self, operand_bits: int, sum_bits: int) -> PartFigures:
        node = {"tech_node": self.node_nm * 1e-9}
        units = [
            ("IntMultiplier", node | {"width": operand_bits}, "multiply"),
            ("IntAdder", node | {"width": sum_bits}, "add"),
        ]
        energy = sum(_energy(name, attributes, action) for name, attributes, action in units)
        leakage, area = (sum(both) for both in zip(*(_silicon(n, a) for n, a, _ in units), strict=True))
        return PartFigures({"mac": energy}, leakage, area, f"{self.name}: IntMultiplier + IntAdder")


def _energy(component: str, attributes: dict[str, Any], action: str) -> float:
    """Energy of an action in pJ."""
    joules = _ask("get_action_cost", component, attributes, action, {}).energy
    return float(joules) * 1e12


def _silicon(component: str, attributes: dict[str, Any]) -> tuple[float, float]:
    """Leakage in mW and area in um2."""
    watts, square_metres = (_ask(what, component, attributes) for what in ("get_leak_power", "get_area"))
    return float(watts) * 1e3, float(square_metres) * 1e12


def _ask(what: str, component: str, *about: Any) -> Any:
    try:
        hwcomponents = importlib.import_module("hwcomponents")
    except ImportError:
        raise EnergyTableError(
            "the estimator needs the package hwcomponents (Python 3.12 or newer): "
            "pip install 'dataflow-simulator[hwcomponents]'"
        ) from None
    ask: Callable[..., Any] = getattr(hwcomponents, what)
    try:
        return ask(component, *about)
    except Exception as error:  # its models raise whatever they meet
        # The first line repeats the question, the last that speaks of a failure answers it.
        lines = [
            line.strip("| ") for line in str(error).splitlines() if "Exception" in line or "Error" in line
        ]
        reason = lines[-1] if lines else str(error).strip() or type(error).__name__
        raise EnergyTableError(f"hwcomponents: {component} {about[0]}: {reason[:300]}") from None
