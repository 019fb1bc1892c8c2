"""A table that has figures for kinds of parts and scales them to each part."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.energies.figures import Figures, build
from simulator.energies.nodes import factor
from simulator.energies.parts import Memory, PartFigures, accesses
from simulator.energies.table_file import EnergyTableError, EnergyTableForm, NetworkForm
from simulator.units import parse_bits

# Registers, where a table does not say up to what: "0.5 to 1.0 kB" of Sze, Chen, Yang, Emer, "Efficient
# Processing of Deep Neural Networks: A Tutorial and Survey", 2017 (arXiv 1703.09039), section V.
_REGISTERS_UP_TO_BITS = 8 * 1024
KINDS = ("dram", "sram", "registers", "multiply", "accumulate")


@dataclass(frozen=True)
class KindTable:
    """Figures by kind: dram, sram, registers, multiply, accumulate; and an array's network."""

    name: str
    description: str
    unit: str
    node_nm: float | None
    figures: dict[str, Figures]
    wires: NetworkForm | None

    def memory(self, part: Memory) -> PartFigures:
        kind = self._kind(part)
        figures = self._of(kind, part.name)
        scaled: dict[str, float] = {"width_bits": part.width_bits, "banks": part.banks} | self._node()
        if part.capacity_bits is not None:
            scaled["capacity_bytes"] = part.capacity_bits / 8
        try:
            read, write = (figures.value(name, scaled) for name in ("read", "write"))
            leakage, area = (figures.value(name, scaled) for name in ("leakage_mw", "area_um2"))
        except EnergyTableError as error:
            raise EnergyTableError(f"{self.name}: {part.name} as {kind}: {error}") from None
        if read is None or write is None:
            raise EnergyTableError(f"{self.name}: {kind} has no energy of a read")
        source = f"{self.name}, {kind}: {figures.provenance(scaled)}"
        return PartFigures(accesses(read, write), leakage, area, source, figures.of_words)

    def network(self, array: str, word_bits: int, mac: float) -> PartFigures:
        if self.wires is None:
            return PartFigures(source=f"{self.name} has no figure of a network: counted as zero")
        times = mac if self.wires.of == "mac" else 1.0
        if self.wires.width is not None:
            times *= word_bits / parse_bits(self.wires.width)
        if self.wires.node_nm is not None and self.node_nm is not None:
            times *= factor("read", self.wires.node_nm, self.node_nm)
        energies = {
            action: getattr(self.wires, action) * times for action in ("deliver", "hop", "link", "add")
        }
        return PartFigures(energies, source=f"{self.name}, network: {self.wires.source}")

    def mac(self, operand_bits: int, sum_bits: int) -> PartFigures:
        parts = [(self._of("multiply", "the MAC"), operand_bits)]
        if "accumulate" in self.figures:
            parts.append((self.figures["accumulate"], sum_bits))
        scaled = [
            (figures, {"width_bits": float(bits), "banks": 1.0} | self._node()) for figures, bits in parts
        ]
        energy, leakage, area = (
            [figures.value(quantity, part) for figures, part in scaled]
            for quantity in ("read", "leakage_mw", "area_um2")
        )
        sources = dict.fromkeys(figures.provenance(part) for figures, part in scaled)
        total = _sum(energy)
        if total is None:
            raise EnergyTableError(
                f"{self.name}: multiply and accumulate need the field read, the energy of one"
            )
        return PartFigures(
            {"mac": total}, _sum(leakage), _sum(area), f"{self.name}, MAC: {' + '.join(sources)}"
        )

    def _kind(self, part: Memory) -> str:
        if part.outermost:
            return "dram"
        if part.capacity_bits is not None and "registers" in self.figures:
            up_to = self.figures["registers"].up_to_bits or _REGISTERS_UP_TO_BITS
            if part.capacity_bits <= up_to:
                return "registers"
        return "sram"

    def _of(self, kind: str, part: str) -> Figures:
        if kind not in self.figures:
            raise EnergyTableError(
                f"{self.name} has no {kind}, which {part} is; it has {', '.join(self.figures)}"
            )
        return self.figures[kind]

    def _node(self) -> dict[str, float]:
        return {} if self.node_nm is None else {"node_nm": self.node_nm}


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def kind_table(form: EnergyTableForm, where: str) -> KindTable:
    """Return the table of a form. Raises `EnergyTableError` for figures that cannot be fitted."""
    figures = {
        kind: build(getattr(form, kind), form.node_nm, f"{where}: {kind}")
        for kind in KINDS
        if getattr(form, kind) is not None
    }
    return KindTable(form.name, form.description, form.unit, form.node_nm, figures, form.network)
