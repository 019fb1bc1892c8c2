"""Every action of a run with its price and the price's source: what its energy is made of."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.architecture import Architecture
from simulator.cost.model import EnergyRow
from simulator.page.tables import Cell, Row, Table, exact, share, table
from simulator.results import NetworkResult

SOURCES = "#sources"
_Key = tuple[str, str, str, str, float]


@dataclass(frozen=True)
class Ledger:
    """The actions of a whole run, a row each, and where on the page each stands."""

    table: Table
    anchors: dict[_Key, str]

    def price(self, row: EnergyRow) -> Cell:
        """An action's price, which leads to its row in the ledger."""
        return Cell(f"{row.price:,.6g}", row.price, f"#{self.anchors[_key(row)]}")


def ledger(result: NetworkResult) -> Ledger:
    """Sum every action over all layers."""
    machine = result.architecture
    unit = machine.energy_unit
    sums: dict[_Key, list[float]] = {}
    for layer in result:
        for part in layer.parts:
            for row in part.cost.rows:
                total = sums.setdefault(_key(row), [0, 0.0, 0.0])
                for place, value in enumerate((row.count, row.units, row.energy)):
                    total[place] += part.times * value
    rows: list[Row] = [
        [
            level,
            tensor,
            action,
            exact(count),
            exact(units),
            paid,
            exact(price),
            exact(energy),
            share(energy, result.energy),
            _source(machine, level, action),
        ]
        for (level, tensor, action, paid, price), (count, units, energy) in sums.items()
    ]
    summed = table(
        "Every action of all layers: units times price is energy",
        ("level", "tensor", "action", "count", "units", "of", f"price ({unit})", f"energy ({unit})",
         "share", "source of the price"),
        rows,
        ["total", "", "", "", "", "", "", exact(result.energy), "", ""],
        "Counts are words, of the MAC multiply-accumulates, of leakage cycles. Units are what is paid for: "
        "fewer than the words by what gating skips and coding saves, or in blocks.",
        names=3,
        anchor="action",
    )  # fmt: skip
    return Ledger(summed, {key: f"action-{number}" for number, key in enumerate(sums, 1)})


def _key(row: EnergyRow) -> _Key:
    return row.component, row.tensor, row.action, row.unit, row.price


def _source(machine: Architecture, level: str, action: str) -> Cell:
    """Where a price comes from, as the machine's file says."""
    if action == "leak":
        return Cell("leakage of all instances in a cycle of the clock", link=SOURCES)
    if (level, action) in machine.unpriced:
        return Cell("none is stated, so it is free")
    return Cell(_stated(machine).get(level, "the machine's sources"), link=SOURCES)


def _stated(machine: Architecture) -> dict[str, str]:
    """By component what the machine's file states as ``price_source``."""
    found = {}
    for entry in machine.data["hierarchy"]:
        for part in entry.get("side_by_side", [entry]):
            name = part.get("storage") or part.get("array") or "MAC"
            source = part.get("mac", part).get("price_source")
            if source is not None:
                found[name] = source
    return found
