"""What notebooks show of results: tables without a script, in the notebook's own colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from simulator.page.rendering import render
from simulator.page.run import layer_table
from simulator.page.tables import Cell, Row, Table, short, table
from simulator.report import big, notes
from simulator.report_runs import (
    MACHINE_HEADINGS,
    difference_cells,
    lineup_headings,
    lineup_notes,
    lineup_rows,
    lineup_title,
    machine_rows,
    measure_name,
    setting_lines,
    signed,
)

if TYPE_CHECKING:
    from simulator.comparison import Comparison, Difference
    from simulator.lineup import Lineup
    from simulator.results import LayerResult, NetworkResult


def tables_html(tables: Iterable[Table], lines: Sequence[str] = (), nests: Sequence[str] = ()) -> str:
    """Tables, then lines and loop nests below, as HTML that stands alone in a notebook's cell."""
    return render("notebook.html", tables=tables, lines=lines, nests=nests)


def result_html(result: NetworkResult) -> str:
    """A network's run: the table of its layers, and what to know of it."""
    layers = layer_table(result, linked=False)
    return tables_html([Table(result.title, layers.headings, layers.rows, layers.totals)], notes(result))


def layer_html(layer: LayerResult) -> str:
    """A layer's run: its figures by level and tensor, and its nests."""
    sums: dict[tuple[str, str], list[float]] = {}
    for row in layer.rows():
        total = sums.setdefault((row["level"], row["tensor"]), [0, 0.0])
        total[0] += row["count"]
        total[1] += row["energy"]
    rows: list[Row] = [
        [level, tensor, short(count), short(energy)] for (level, tensor), (count, energy) in sums.items()
    ]
    caption = (
        f"{layer.name}: {big(layer.macs)} MACs, {big(layer.cycles)} cycles, "
        f"utilization {layer.utilization:.1%}"
    )
    totals: Row = ["total", "", "", short(layer.energy)]
    return tables_html(
        [table(caption, ("level", "tensor", "count", "energy"), rows, totals)],
        nests=[str(part.cost.mapping) for part in layer.parts],
    )


def comparison_html(comparison: Comparison) -> str:
    """Two runs: totals, and the energy and cycles of each layer."""
    totals: list[Row] = [[measure_name(row), *_cells(row)] for row in comparison.differences if not row.layer]
    layers: list[Row] = []
    for name in comparison.layers:
        found = [comparison.find(measure, name) for measure in ("energy", "cycles")]
        layers.append([name, *(cell for row in found for cell in _cells(row))])
    tables = [
        table("a: " + comparison.a.title + "; b: " + comparison.b.title,
              ("measure", "a", "b", "b - a", "b / a"), totals),
        table("layers", ("layer", "energy a", "energy b", "b - a", "b / a", "cycles a", "cycles b", "b - a",
                         "b / a"), layers),
    ]  # fmt: skip
    if comparison.find("energy").unit is not None:
        energy: list[Row] = []
        for name in comparison.layers:
            rows = (comparison.get("energy", name, level) for level in comparison.levels)
            energy.append([name, *(_signed(row) for row in rows)])
        tables.append(table("energy, b - a, by level", ("layer", *comparison.levels), energy))
    return tables_html(tables, setting_lines(comparison))


def _cells(row: Difference) -> list[Cell]:
    values = (row.a, row.b, row.difference, row.ratio)
    return [Cell(text, value) for text, value in zip(difference_cells(row), values, strict=True)]


def _signed(row: Difference | None) -> Cell:
    return Cell("") if row is None else Cell(signed(row.difference), row.difference)


def lineup_html(lineup: Lineup) -> str:
    """Many runs: a row each, the least of each column marked; what machines they are."""
    rows: list[Row] = [[name, *cells] for name, cells in lineup_rows(lineup)]
    tables = [table(lineup_title(lineup), lineup_headings(lineup), rows)]
    if lineup.kind == "architecture":
        machines: list[Row] = [[name, *cells] for name, cells in machine_rows(lineup)]
        tables.append(table("machines", MACHINE_HEADINGS, machines))
    return tables_html(tables, lineup_notes(lineup))
