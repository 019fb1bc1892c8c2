"""Tables people read on a terminal or in a log."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from simulator.mapspaces import Mapspace, Size
    from simulator.results import LayerResult, NetworkResult, Search, Skipped

_WIDTH = 160


def big(number: float) -> str:
    """A count with a decimal prefix, three or four digits: 421.7 M."""
    for limit, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit:
            return f"{number / limit:.4g} {prefix}"
    return f"{number:.4g}"


def result_table(result: NetworkResult, width: int = _WIDTH) -> Table:
    """A row per layer with totals: MACs, energy, cycles, utilization, PEs, words per level, steps.

    Columns that do not fit the width are left out, the least telling first; the caption names them.
    """
    layers = result.layers
    columns = [
        _Column("MACs", [big(layer.macs) for layer in layers], big(result.macs)),
        _Column(
            f"energy ({result.architecture.energy_unit})",
            [big(layer.energy) for layer in layers],
            big(result.energy),
        ),
        _Column("cycles", [big(layer.cycles) for layer in layers], big(result.cycles)),
        _Column("util.", [f"{layer.utilization:.1%}" for layer in layers], f"{result.utilization:.1%}"),
        _Column("PEs", [str(layer.active_pes) for layer in layers], ""),
    ]
    for storage in result.architecture.storages:
        words = [layer.accesses(storage.name) for layer in layers]
        columns.append(_Column(f"{storage.name} words", [big(n) for n in words], big(sum(words))))
    columns.append(_Column("steps", [big(layer.steps) for layer in layers], big(result.steps)))
    names = _Column("layer", [layer.name for layer in layers], "total")
    kept = len(columns)
    while kept > 1 and names.width + sum(column.width + 2 for column in columns[:kept]) + 2 > width:
        kept -= 1
    table = plain_table(result.title)
    table.show_footer = True
    if left_out := [column.heading for column in columns[kept:]]:
        table.caption = f"too narrow for: {', '.join(left_out)}"
        table.caption_justify = "left"
    table.add_column("layer", footer="total", no_wrap=True)
    for column in columns[:kept]:
        table.add_column(column.heading, footer=column.total, justify="right", no_wrap=True)
    for row in zip(names.cells, *(column.cells for column in columns[:kept]), strict=True):
        table.add_row(*row)
    return table


def plain_table(title: str) -> Table:
    """An empty table with little between its columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.pad_edge = False
    return table


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: list[str]
    total: str

    @property
    def width(self) -> int:
        return max(len(text) for text in (self.heading, self.total, *self.cells))


def notes(result: NetworkResult) -> list[str]:
    """What a reader of the table should know: what counted, time, what was left out."""
    lines = [f"counted by: {result.counted_by}", f"objective: {result.objective}"]
    if result.objective == "edp":
        lines[-1] += (
            ", the product of the network's total energy and total cycles over the layers' convex fronts"
        )
    lines += _searches(result)
    if result.seconds:
        rate = result.macs / result.seconds / 1e9
        lines.append(
            f"time at {result.architecture.clock_mhz:g} MHz: {result.seconds * 1e3:.4g} ms, {rate:.4g} GMAC/s"
        )
    lines.append(_traffic(result))
    lines += _skipped(result)
    used = {s.level for x in result.layers for p in x.parts for s, _ in p.cost.mapping.stores}
    if unused := [s.name for s in result.architecture.storages if result.layers and s.name not in used]:
        lines.append(f"levels that no mapping of {result.dataflow} uses: {', '.join(unused)}")
    if result.architecture.unpriced:
        missing = ", ".join(f"{part} {action}" for part, action in result.architecture.unpriced)
        lines.append(f"without a price, so free: {missing}")
    return lines


def _skipped(result: NetworkResult) -> list[str]:
    """The layers that are not run on the array: what they are fused into, or what they do beside it."""
    fused: dict[str, list[str]] = {}
    beside: dict[str, list[Skipped]] = {}
    for layer in result.skipped:
        if layer.reason.startswith("fused"):
            fused.setdefault(layer.type, []).append(layer.name)
        else:
            beside.setdefault(f"{layer.reason}: {layer.type}", []).append(layer)
    lines = []
    if fused:
        shown = "; ".join(f"{kind}: {_few(names)}" for kind, names in fused.items())
        lines.append(f"fused into the layer before: {shown}")
    for kind, layers in beside.items():
        operations = sum(layer.operations for layer in layers)
        words = sum(layer.words_in + layer.words_out for layer in layers)
        does = (
            f" ({big(operations)} operations, {big(words)} words in and out)" if operations or words else ""
        )
        lines.append(f"{kind}: {_few([layer.name for layer in layers])}{does}")
    return lines


def _traffic(result: NetworkResult) -> str:
    """Bytes of the outermost level, and the layers whose densities they are expected from."""
    level = result.architecture.outermost.name
    moved = f"{level} traffic: {result.traffic_bytes(level) / 1e6:.4g} MB"
    parts = {layer.name: layer.parts[0].cost.problem.tensors for layer in result.layers}
    given = [name for name, tensors in parts.items() if any(tensor.density < 1 for tensor in tensors)]
    return f"{moved}, with densities given for {_few(given)}" if given else moved


def _searches(result: NetworkResult) -> list[str]:
    """The layers of each mapper: those whose mappings are proven to be the best, and the others."""
    found: dict[str, list[str]] = {}
    gaps: dict[str, float] = {}
    for layer in result.layers:
        for part in layer.parts:
            search = part.search
            how = "given by hand" if search is None else f"by {search.mapper} search{_extent(search)}"
            if layer.name not in found.setdefault(how, []):
                found[how].append(layer.name)
            if search is not None and search.gap < 1:
                gaps[how] = max(gaps.get(how, 0.0), search.gap)
    return [
        f"mappings {how}{f' (gap up to {gaps[how]:.2g})' if gaps.get(how) else ''}: {_few(names)}"
        for how, names in found.items()
    ]


def _extent(search: Search) -> str:
    if search.optimal:
        return ", proven best"
    return "" if search.complete else ", not the whole mapspace"


def mapspace_data(space: Mapspace, size: Size) -> dict[str, Any]:
    """A mapspace as plain data: its size, slots with the bounds and orders of their loops, nodes, columns.

    A node's value is True where it always keeps its tensor, False where never, else None. Columns have a
    name, the least and the most value. The number of orders is that of the loops listed.
    """
    encoding, allowed = space.encoding, space.restriction
    slots = []
    for number, slot in enumerate(encoding.slots):
        pairs = zip(encoding.dimensions, allowed.least[number], allowed.most[number], strict=True)
        loops = {d: [int(low), int(high)] for d, low, high in pairs if high > 1}
        listed = int(allowed.choices_start[number + 1] - allowed.choices_start[number])
        slots.append({"name": slot.name, "loops": loops, "orders": listed or math.factorial(len(loops))})
    return {
        "mapspace": space.constraints.name,
        "problem": space.problem.to_dict(),
        "architecture": space.architecture.name,
        "size": {"mappings": size.mappings, "exact": size.exact},
        "version": int(encoding.ranges[0][0]),
        "slots": slots,
        "nodes": {
            str(node): bool(low) if low == high else None
            for node, (low, high) in zip(encoding.nodes, allowed.keep, strict=True)
        },
        "columns": [
            [name, int(low), int(high)]
            for name, low, high in zip(encoding.columns, *encoding.ranges, strict=True)
        ],
    }


def render_layer(layer: LayerResult) -> str:
    """A layer's figures in one line each, and its nests."""
    lines = [
        f"{layer.name}: {big(layer.macs)} MACs in {big(layer.steps)} steps, {layer.active_pes} active PEs, "
        f"utilization {layer.utilization:.1%}, energy {big(layer.energy)}, {big(layer.cycles)} cycles"
    ]
    return "\n".join([*lines, *(str(part.cost.mapping) for part in layer.parts)])


def render(result: NetworkResult) -> str:
    """The table and its notes as plain text."""
    return to_text([result_table(result), *(Text(line) for line in notes(result))])


def to_text(parts: Iterable[RenderableType]) -> str:
    """Anything rich can draw, as plain text without trailing blanks."""
    text = io.StringIO()
    console = Console(file=text, width=_WIDTH, no_color=True, force_terminal=False, force_jupyter=False)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:6])} and {len(names) - 6} more"
