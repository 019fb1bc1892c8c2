"""Tables of runs side by side, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from simulator.report import big, plain_table

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.comparison import Comparison, Difference
    from simulator.lineup import Lineup

_MOST_SETTINGS = 12


def comparison_parts(comparison: Comparison) -> Iterator[RenderableType]:
    """Two runs: what was set differently, then their totals, layers and levels."""
    yield Text(f"a: {comparison.a.title}\nb: {comparison.b.title}")
    yield from (Text(line) for line in setting_lines(comparison))
    totals = _table("the network", "measure", "a", "b", "b - a", "b / a")
    for row in comparison.differences:
        if not row.layer:
            totals.add_row(measure_name(row), *difference_cells(row))
    yield totals
    layers = _table(
        "layers", "layer", "energy a", "energy b", "b / a", "cycles a", "cycles b", "b / a", "EDP b / a"
    )
    for name in comparison.layers:
        energy, cycles, edp = (comparison.find(measure, name) for measure in ("energy", "cycles", "EDP"))
        cells = [text for row in (energy, cycles) for text in _without_difference(row)]
        layers.add_row(Text(name), *cells, ratio(edp))
    yield layers
    unit = comparison.find("energy").unit
    if unit is None:
        yield Text("the machines' energy units differ, so energies are not compared")
        return
    levels = _table(f"energy, b - a ({unit})", "layer", *comparison.levels, "all")
    for name in comparison.layers:
        rows = (comparison.get("energy", name, level) for level in (*comparison.levels, ""))
        levels.add_row(Text(name), *("" if row is None else signed(row.difference) for row in rows))
    yield levels


def lineup_parts(lineup: Lineup) -> Iterator[RenderableType]:
    """Many runs: a row each, the best of each measure marked; what machines they are; notes."""
    table = _table(lineup_title(lineup), *lineup_headings(lineup))
    for name, cells in lineup_rows(lineup):
        table.add_row(Text(name), *cells)
    yield table
    if lineup.kind == "architecture":
        machines = _table("machines", *MACHINE_HEADINGS)
        for name, cells in machine_rows(lineup):
            machines.add_row(Text(name), *cells)
        yield machines
    yield from (Text(line) for line in lineup_notes(lineup))


def lineup_title(lineup: Lineup) -> str:
    """What all the runs have in common."""
    run = next(iter(lineup.results.values()))
    place = f" on {run.architecture.name}" if lineup.kind == "dataflow" else ""
    priced = "" if lineup.energy is None else f", priced by {lineup.energy}"
    return f"{run.network}, batch {run.batch}{place}, least {run.objective}{priced}"


def lineup_headings(lineup: Lineup) -> list[str]:
    """The columns; machines may each have their own clock."""
    own = ["time (ms)"] if lineup.kind == "architecture" else []
    numbers = ["energy", "energy a MAC", "cycles", *own, "EDP", "utilization", "outermost traffic (MB)"]
    return [lineup.kind, *numbers]


def lineup_rows(lineup: Lineup) -> Iterator[tuple[str, list[str]]]:
    """Names with what stands in the other columns; of those without a run nothing."""
    least = {measure: set(lineup.best(measure).values()) for measure in ("energy", "cycles", "edp")}
    for name, run in lineup.results.items():
        unit = run.architecture.energy_unit
        star = {measure: " *" if name in names else "" for measure, names in least.items()}
        time = "" if run.seconds is None else f"{run.seconds * 1e3:.4g}"
        yield (
            name,
            [
                f"{big(run.energy)} {unit}{star['energy']}",
                f"{run.energy / run.macs:.4g}" if run.macs else "",
                big(run.cycles) + star["cycles"],
                *([time] if lineup.kind == "architecture" else []),
                big(run.edp) + star["edp"],
                f"{run.utilization:.1%}",
                f"{run.traffic_bytes(run.architecture.outermost.name) / 1e6:.4g}",
            ],
        )
    for name in lineup.failures:
        yield name, ["none", *[""] * (len(lineup_headings(lineup)) - 2)]


MACHINE_HEADINGS = ("architecture", "dataflow", "MAC units", "words (bits)", "clock (MHz)")


def machine_rows(lineup: Lineup) -> Iterator[tuple[str, list[str]]]:
    """The machines that run, and what tells them apart."""
    for name, run in lineup.results.items():
        machine = run.architecture
        clock = "" if machine.clock_mhz is None else f"{machine.clock_mhz:g}"
        yield name, [run.dataflow, f"{machine.mac_units:,}", _words(machine), clock]


def lineup_notes(lineup: Lineup) -> list[str]:
    """What to know of the runs: how they compare, what counted them, why others have none."""
    machines = [run.architecture for run in lineup.results.values()]
    units = dict.fromkeys(machine.energy_unit for machine in machines)
    lines = [f"* the least of its column{', for each unit of energy' if len(units) > 1 else ''}"]
    if not lineup.priced_alike:
        lines.append(
            "energies do not compare: each machine has its own prices; --energy TABLE prices all alike"
        )
    if len({_words(machine) for machine in machines}) > 1:
        lines.append("words differ: weights/inputs/outputs/partial sums in bits; so energy and traffic do")
    lines += [
        f"counted by: {way}" for way in dict.fromkeys(run.counted_by for run in lineup.results.values())
    ]
    return [*lines, *(f"{name}: {reason}" for name, reason in lineup.failures.items())]


def _words(machine: Architecture) -> str:
    """Widths of weights, inputs, outputs and partial sums, or the one that all have."""
    widths = (*machine.operand_bits, machine.output_bits, machine.partial_sum_bits)
    return str(widths[0]) if len(set(widths)) == 1 else "/".join(map(str, widths))


def setting_lines(comparison: Comparison) -> list[str]:
    """What was set differently, a line each, the machine's name before its fields."""
    lines = [f"{name}: {_value(a)} > {_value(b)}" for name, (a, b) in comparison.settings.items()]
    if len(lines) > _MOST_SETTINGS:
        lines[_MOST_SETTINGS - 1 :] = [f"and {len(lines) - _MOST_SETTINGS + 1} other settings"]
    return lines or ["the settings are the same"]


def _value(value: object) -> str:
    return "none" if value is None else str(value)


def measure_name(row: Difference) -> str:
    """A measure with its level and unit: ``energy of GLB (pJ)``."""
    unit = "" if row.unit in (row.measure, None) else f" ({row.unit})"
    return f"{row.measure}{f' of {row.level}' if row.level else ''}{unit}"


def difference_cells(row: Difference) -> list[str]:
    """Both numbers, their difference and ratio as text."""
    return [_number(row, row.a), _number(row, row.b), _signed(row), ratio(row)]


def _signed(row: Difference) -> str:
    if row.measure == "utilization" and row.difference is not None:
        return f"{row.difference:+.2%}"
    return signed(row.difference)


def _without_difference(row: Difference) -> list[str]:
    return [_number(row, row.a), _number(row, row.b), ratio(row)]


def _number(row: Difference, value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:.2%}" if row.measure == "utilization" else big(value)


def signed(value: float | None) -> str:
    """A difference with its sign; nothing where there is none."""
    return "" if value is None else f"{'+' if value > 0 else ''}{big(value)}"


def ratio(row: Difference) -> str:
    return "" if row.ratio is None else f"{row.ratio:.4g}"


def _table(title: str, *headings: str) -> Table:
    """A table of a name and numbers."""
    table = plain_table(title)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left", no_wrap=True)
    return table
