"""The page of a run: what it came to, layer by layer and action by action."""

from __future__ import annotations

import math
from collections.abc import Iterator

from simulator.architecture import Architecture
from simulator.page.figures import Picture, picture
from simulator.page.layers import layer_sections
from simulator.page.prices import ledger
from simulator.page.rendering import render_page
from simulator.page.tables import Cell, Row, Table, exact, share, short, table
from simulator.report import big, notes
from simulator.results import LayerResult, NetworkResult
from simulator.results_file import simulator_version

_SECTIONS = (
    ("overview", "Overview"),
    ("layers", "Layers"),
    ("actions", "Counts and prices"),
    ("mappings", "Mappings"),
    ("machine", "Machine and sources"),
)
_TENSORS = ("weights", "inputs", "outputs")


def run_page(result: NetworkResult) -> str:
    """Return the page of a run as HTML."""
    prices = ledger(result)
    return render_page(
        "run.html",
        result.title,
        sections_of_page=_SECTIONS,
        facts=_facts(result),
        notes=notes(result),
        figures=_figures(result),
        layers=layer_table(result),
        levels=_level_table(result),
        energy=_energy_table(result),
        ledger=prices.table,
        sections=layer_sections(result, prices),
        skipped=_skipped_table(result),
        machine=describe(result.architecture),
        sources=result.architecture.sources,
        version=simulator_version(),
    )


def describe(machine: Architecture) -> str:
    """A machine as text, without its sources, which a page lists."""
    lines = machine.describe().splitlines()
    return "\n".join(line for line in lines if not line.startswith("source: "))


def _facts(result: NetworkResult) -> list[tuple[str, str]]:
    """What the run came to, with units."""
    unit = result.architecture.energy_unit
    outermost = result.architecture.outermost.name
    found = [
        ("energy", f"{big(result.energy)} {unit}"),
        ("cycles", big(result.cycles)),
        ("EDP", f"{result.edp:.4g} {unit} × cycles"),
        ("MACs", big(result.macs)),
        ("utilization", f"{result.utilization:.1%}"),
        (f"{outermost} traffic", f"{result.traffic_bytes(outermost) / 1e6:.4g} MB"),
    ]
    if result.seconds is not None:
        found.insert(2, ("time", f"{result.seconds * 1e3:.4g} ms"))
    if result.macs:
        found.insert(1, ("energy a MAC", f"{result.energy / result.macs:.4g} {unit}"))
    return found


def _figures(result: NetworkResult) -> Iterator[Picture]:
    from simulator.plots import energy_breakdown, roofline
    from simulator.plots.roof import bandwidth

    if not result.layers:
        return
    numbers = "The tables below have the numbers."
    yield picture(
        energy_breakdown(result),
        f"Two rows of stacked bars, a bar for each of {len(result.layers)} layers: its energy by level, and "
        f"by tensor. {numbers}",
        "Energy of each layer, by level and by tensor",
    )
    outermost = result.architecture.outermost.name
    if math.isfinite(bandwidth(result.architecture, outermost)):
        yield picture(
            roofline(result),
            f"MACs per cycle of each layer against its MACs per byte of {outermost}, below the line of the "
            f"most that the machine can do. {numbers}",
            f"Layers under the roof that MAC units and {outermost} set",
        )


def layer_table(result: NetworkResult, linked: bool = True) -> Table:
    """A row per layer with totals; a layer's name leads to its section, where there is one."""
    unit = result.architecture.energy_unit
    storages = [storage.name for storage in result.architecture.storages]
    rows: list[Row] = [
        [
            Cell(layer.name, link=f"#layer-{number}" if linked else None),
            layer.type,
            short(layer.macs),
            short(layer.energy),
            share(layer.energy, result.energy),
            short(layer.cycles),
            share(layer.cycles, result.cycles),
            ", ".join(dict.fromkeys(part.cost.cycles.limit for part in layer.parts)),
            share(layer.utilization),
            exact(layer.active_pes),
            _chosen(layer),
            *(short(layer.accesses(storage)) for storage in storages),
        ]
        for number, layer in enumerate(result, 1)
    ]
    totals: Row = ["total", "", short(result.macs), short(result.energy), "", short(result.cycles), "", ""]
    words = (short(sum(layer.accesses(storage) for layer in result)) for storage in storages)
    return table(
        "Layers",
        ("layer", "type", "MACs", f"energy ({unit})", "share of energy", "cycles", "share of cycles",
         "limited by", "utilization", "active PEs", "mapping", *(f"{storage} words" for storage in storages)),
        rows,
        [*totals, share(result.utilization), "", "", *words],
        "A layer's name leads to its mapping and its counts.",
        names=2,
    )  # fmt: skip


def _chosen(layer: LayerResult) -> str:
    """How a layer's mappings came about."""
    found = []
    for part in layer.parts:
        if part.search is None:
            found.append("by hand")
        elif part.search.optimal:
            found.append("proven best")
        else:
            found.append("best found" + (f", gap {part.search.gap:.2g}" if part.search.gap < 1 else ""))
    return ", ".join(dict.fromkeys(found))


def _level_table(result: NetworkResult) -> Table:
    """Energy of each layer by level."""
    unit = result.architecture.energy_unit
    rows: list[Row] = [
        [
            Cell(layer.name, link=f"#layer-{number}"),
            *(short(layer.level_energy(level)) for level in result.levels),
            short(layer.energy),
        ]
        for number, layer in enumerate(result, 1)
    ]
    sums = (sum(layer.level_energy(level) for layer in result) for level in result.levels)
    totals: Row = ["total", *(short(level) for level in sums), short(result.energy)]
    return table(f"Energy of each layer by level ({unit})", ("layer", *result.levels, "all"), rows, totals)


def _energy_table(result: NetworkResult) -> Table:
    """Energy of the network by level and tensor."""
    unit = result.architecture.energy_unit
    sums = {level: dict.fromkeys((*_TENSORS, ""), 0.0) for level in result.levels}
    for row in result.rows():
        sums[row["level"]][row["tensor"]] += row["energy"]
    rows: list[Row] = [
        [
            level,
            *(short(energy) for energy in tensors.values()),
            short(sum(tensors.values())),
            share(sum(tensors.values()), result.energy),
        ]
        for level, tensors in sums.items()
    ]
    by_tensor = (sum(tensors[name] for tensors in sums.values()) for name in (*_TENSORS, ""))
    return table(
        f"Energy of the network by level and tensor ({unit})",
        ("level", *_TENSORS, "MACs and leakage", "all", "share"),
        rows,
        ["total", *(short(energy) for energy in by_tensor), short(result.energy), ""],
    )


def _skipped_table(result: NetworkResult) -> Table | None:
    if not result.skipped:
        return None
    rows: list[Row] = [
        [x.name, x.type, x.reason, exact(x.operations), exact(x.words_in), exact(x.words_out)]
        for x in result.skipped
    ]
    return table(
        "Layers that the array does not run",
        ("layer", "type", "why", "operations", "words in", "words out"),
        rows,
        note="None of this is part of energy and cycles.",
        names=3,
    )
