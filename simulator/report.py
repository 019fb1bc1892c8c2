"""Tables people read on a terminal or in a log."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from simulator.results import NetworkResult

_WIDTH = 160


def big(number: float) -> str:
    """A count with a decimal prefix, three or four digits: 421.7 M."""
    for limit, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= limit:
            return f"{number / limit:.4g} {prefix}"
    return f"{number:.4g}"


def result_table(result: NetworkResult) -> Table:
    """A row per layer with totals: MACs, steps, utilization, PEs, accesses per level, energy, cycles."""
    unit = result.architecture.energy_unit
    levels = [storage.name for storage in result.architecture.storages]
    title = f"{result.network}, batch {result.batch}, on {result.architecture.name}: {result.dataflow}"
    table = Table(title=title, title_justify="left", show_footer=True, pad_edge=False)
    totals = [
        big(result.macs),
        big(result.steps),
        f"{result.utilization:.1%}",
        "",
        *(big(sum(layer.accesses(level) for layer in result.layers)) for level in levels),
        big(result.energy),
        big(result.cycles),
    ]
    headings = ["MACs", "steps", "utilization", "active PEs", *(f"{level} words" for level in levels)]
    table.add_column("layer", footer="total", no_wrap=True)
    for heading, total in zip([*headings, f"energy ({unit})", "cycles"], totals, strict=True):
        table.add_column(heading, footer=total, justify="right")
    for layer in result.layers:
        table.add_row(
            layer.name,
            big(layer.macs),
            big(layer.steps),
            f"{layer.utilization:.1%}",
            str(layer.active_pes),
            *(big(layer.accesses(level)) for level in levels),
            big(layer.energy),
            big(layer.cycles),
        )
    return table


def notes(result: NetworkResult) -> list[str]:
    """What a reader of the table should know: what counted, time, what was left out."""
    lines = [f"counted by: {result.counted_by}", f"objective: {result.objective}"]
    if result.objective == "edp":
        lines[-1] += (
            ", the product of the network's total energy and total cycles over the layers' convex fronts"
        )
    if result.seconds is not None:
        rate = result.macs / result.seconds / 1e9
        lines.append(
            f"time at {result.architecture.clock_mhz:g} MHz: {result.seconds * 1e3:.4g} ms, {rate:.4g} GMAC/s"
        )
    if result.skipped:
        kinds: dict[str, list[str]] = {}
        for name, kind in result.skipped:
            kinds.setdefault(kind, []).append(name)
        shown = "; ".join(f"{kind}: {_few(names)}" for kind, names in kinds.items())
        lines.append(f"no multiply-accumulates, not counted: {shown}")
    if result.architecture.unpriced:
        missing = ", ".join(f"{part} {action}" for part, action in result.architecture.unpriced)
        lines.append(f"without a price, so free: {missing}")
    return lines


def render(result: NetworkResult) -> str:
    """The table and its notes as plain text."""
    return to_text([result_table(result), *(Text(line) for line in notes(result))])


def to_text(parts: Iterable[RenderableType]) -> str:
    """Anything rich can draw, as plain text without trailing blanks."""
    text = io.StringIO()
    console = Console(file=text, width=_WIDTH, no_color=True, force_terminal=False)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:6])} and {len(names) - 6} more"
