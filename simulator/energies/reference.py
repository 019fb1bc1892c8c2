"""An energy reference table of Accelergy's as a table of prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.energies.accelergy import Component
from simulator.energies.parts import Memory, PartFigures
from simulator.energies.table_file import EnergyTableError
from simulator.errors import did_you_mean

# What of a component's actions is each of ours; the first that it has. A sum written from below is an update.
_MEMORY = {
    "read": ("read",), "merge": ("read",), "send": ("read",), "refill": ("read",),
    "fill": ("fill", "write", "update"), "drain": ("update", "write", "fill"),
}  # fmt: skip
_NETWORK = {
    "deliver": ("transfer_random", "transfer"), "link": ("transfer_random", "transfer"),
    "add": ("transfer_random", "transfer"),
}  # fmt: skip
_MAC = {"mac": ("compute", "mac_random", "mac", "multiply", "read")}
_MAC_NAMES = ("mac", "MAC", "compute")


@dataclass(frozen=True)
class ReferenceTable:
    """Prices by the names of components, in pJ; ``names`` says which component a part is."""

    name: str
    where: str
    components: dict[str, Component]
    areas: dict[str, float]
    names: Mapping[str, str]
    description: str = "an energy reference table of Accelergy's"
    unit: str = "pJ"

    def memory(self, part: Memory) -> PartFigures:
        return self._part(part.name, self._component(part.name), _MEMORY)

    def network(self, array: str, word_bits: int, mac: float) -> PartFigures:
        if array not in self.names and array not in self.components:
            return PartFigures(source=f"{self.where}: no component {array}: its network is counted as zero")
        component = self._component(array)
        return self._part(array, component, _NETWORK)

    def mac(self, operand_bits: int, sum_bits: int) -> PartFigures:
        known = [name for name in _MAC_NAMES if name in self.components]
        part = "mac" if "mac" in self.names or not known else known[0]
        return self._part(part, self._component(part), _MAC)

    def _component(self, part: str) -> Component:
        alike = [name for name in self.components if name.casefold() == part.casefold()]
        name = self.names.get(part, alike[0] if len(alike) == 1 else part)
        if name not in self.components:
            raise EnergyTableError(
                f"{self.where}: no component {name!r} for {part}{did_you_mean(name, self.components)}; an "
                f"energy table with the fields ert and names says which is which, as names: {{{part}: ..}}"
            )
        return self.components[name]

    def _part(self, part: str, component: Component, wanted: Mapping[str, tuple[str, ...]]) -> PartFigures:
        energies = {}
        for action, names in wanted.items():
            had = [name for name in names if name in component.actions]
            if not had:
                raise EnergyTableError(
                    f"{self.where}: component {component.name!r} ({part}) has no action {names[0]!r} for "
                    f"{action}; it has {', '.join(component.actions) or 'none'}"
                )
            energies[action] = component.actions[had[0]]
        leak = component.actions.get("leak")
        # pJ in a cycle of so many seconds are 1e-9 mW times its rate.
        leakage = None if leak is None or not component.cycle_s else leak * 1e-9 / component.cycle_s
        source = f"{self.where}: {component.name}"
        if leak and leakage is None:
            source += "; leak left out, as it states no global_cycle_seconds"
        return PartFigures(energies, leakage, self.areas.get(component.name), source)
