"""A layer on a page: its problem, its mapping as a nest, its cycles, and every count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.counting import BoundaryCounts
from simulator.page.prices import Ledger
from simulator.page.tables import Row, Table, exact, table
from simulator.report import big
from simulator.results import LayerResult, NetworkResult, Part


@dataclass(frozen=True)
class PartSection:
    """One problem of a layer."""

    title: str
    problem: str
    nest: str
    chosen: str
    cycles: Table
    actions: Table
    boundaries: tuple[Table, ...]


@dataclass(frozen=True)
class LayerSection:
    """A layer with its figures in a line and its parts."""

    anchor: str
    name: str
    summary: str
    parts: tuple[PartSection, ...]


def layer_sections(result: NetworkResult, prices: Ledger) -> Iterator[LayerSection]:
    """The layers in their order."""
    unit = result.architecture.energy_unit
    for number, layer in enumerate(result, 1):
        parts = tuple(_part(layer, part, prices, unit) for part in layer.parts)
        summary = (
            f"{layer.type}, {big(layer.macs)} MACs, {big(layer.energy)} {unit}, {big(layer.cycles)} cycles, "
            f"utilization {layer.utilization:.1%}, {layer.dataflow}"
        )
        yield LayerSection(f"layer-{number}", layer.name, summary, parts)


def _part(layer: LayerResult, part: Part, prices: Ledger, unit: str) -> PartSection:
    cost = part.cost
    often = "" if part.times == 1 else f" (once, of {part.times} times)"
    title = cost.problem.name if len(layer.parts) > 1 or part.times > 1 else ""
    output = cost.problem.output
    sides = ([row for row in cost.counts.rows if (row.tensor == output) is side] for side in (False, True))
    boundaries = (
        _boundary_table(rows, side, f"{name} of {cost.problem.name}{often}")
        for rows, side, name in zip(sides, (False, True), ("Operand words", "Output words"), strict=True)
    )
    return PartSection(
        title and f"{title}{often}",
        str(cost.problem),
        str(cost.mapping),
        _chosen(part),
        _cycle_table(part, often),
        _action_table(part, prices, unit, often),
        tuple(boundaries),
    )


def _chosen(part: Part) -> str:
    search = part.search
    if search is None:
        return "The mapping was given by hand."
    proof = "proven: no mapping of the mapspace is better"
    if not search.optimal:
        extent = "the whole mapspace" if search.complete else "not the whole mapspace"
        gap = f"; another could be better by {search.gap:.2g} at most" if search.gap < 1 else ""
        proof = f"the best found, {extent}{gap}"
    return f"Mapping by {search.mapper} search, {search.evaluated:,} scored; {proof}."


def _action_table(part: Part, prices: Ledger, unit: str, often: str) -> Table:
    executed = any(row.executed_units is not None for row in part.cost.rows)
    rows: list[Row] = [
        [
            row.component,
            row.tensor,
            row.action,
            exact(row.count),
            exact(row.units),
            row.unit,
            prices.price(row),
            exact(row.energy),
            *([exact(row.executed_units)] if executed else []),
        ]
        for row in part.cost.rows
    ]
    return table(
        f"Actions of {part.cost.problem.name}{often}",
        ("level", "tensor", "action", "count", "units", "of", f"price ({unit})", f"energy ({unit})",
         *(["units executed"] if executed else [])),
        rows,
        ["total", "", "", "", "", "", "", exact(part.cost.energy), *([""] if executed else [])],
        "A price leads to its source.",
        names=3,
    )  # fmt: skip


def _boundary_table(rows: list[BoundaryCounts], output: bool, caption: str) -> Table:
    counted = [row.to_dict(output) for row in rows]
    names = [name.replace("_", " ") for name in counted[0]] if counted else ["tensor", "parent", "child"]
    cells: list[Row] = [
        [value if isinstance(value, str) else exact(value) for value in row.values()] for row in counted
    ]
    return table(f"{caption} at each boundary", names, cells, names=3)


def _cycle_table(part: Part, often: str) -> Table:
    """What the cycles are made of; what is busy meanwhile is not added."""
    cycles = part.cost.cycles
    busy = {name: time for name, time in sorted(cycles.busy.items()) if time}
    meanwhile = {"computation": float(cycles.steps)} | busy
    rows: list[Row] = [[name, exact(time), "meanwhile"] for name, time in meanwhile.items()]
    slowest = max(meanwhile, key=meanwhile.__getitem__)
    rows.append([f"the slowest of these: {slowest}", exact(meanwhile[slowest]), "added"])
    waits = {
        "stalls": cycles.stalls,
        "exposed": cycles.exposed,
        "ramp": cycles.ramp,
        "skew": cycles.skew,
        "first fill": cycles.first_fill,
        "last drain": cycles.last_drain,
    }
    rows += [[name, exact(time), "added"] for name, time in waits.items() if time]
    return table(
        f"Cycles of {part.cost.problem.name}{often}",
        ("what", "cycles", "how it counts"),
        rows,
        ["total", exact(cycles.total), ""],
    )
