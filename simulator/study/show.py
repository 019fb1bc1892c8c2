"""A study as people read it: a table per network with the best points marked, and what to know of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from simulator.report import big, plain_table
from simulator.study.runs import DONE

if TYPE_CHECKING:
    from simulator.study.study import Study

# Points of a network that a table lists; of more, those that no other one beats.
MOST_ROWS = 24
_MOST_REASONS = 8
MEASURES = ("energy", "cycles", "edp")
COUNTED_BY = {
    "closed-form": "the closed form: exactly what a walk counts, but for stalls within a pass",
    "walk": "a walk of every chosen nest, checked against the closed form",
    "functional": "executing every chosen nest with values, checked against the closed form",
}
_COLUMNS = {"architecture": "architecture", "dataflow": "dataflow", "objective": "mapped for"}


def study_parts(study: Study) -> Iterator[RenderableType]:
    """A table per network, then how it was counted, and what was left out, failed or is missing."""
    for title, headings, rows in network_tables(study):
        table = plain_table(title)
        for heading in headings:
            numbers = heading not in study.description.varied and heading not in _COLUMNS.values()
            table.add_column(heading, justify="right" if numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        yield table
    yield from (Text(line) for line in notes(study))


def network_tables(study: Study) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """For each network and batch a title, headings and rows of text; ``*`` marks the least of a column."""
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in study.networks():
        groups.setdefault((row["network"], row["batch"]), []).append(row)
    for (network, batch), every in groups.items():
        done = [row for row in every if row["status"] == DONE]
        shown = _unbeaten(done) if len(every) > MOST_ROWS else every
        fields = [name for name in _COLUMNS if len({row[name] for row in every}) > 1]
        fields += [name for name in study.description.varied if name not in (*_COLUMNS, "batch")]
        unit = ", ".join(dict.fromkeys(row["energy_unit"] for row in every))
        title = f"{network}, batch {batch}: "
        if len(shown) < len(every):
            title += f"{len(shown)} of {len(every)} points, those that none beats in energy, cycles or EDP"
        else:
            title += "1 point" if len(every) == 1 else f"{len(every)} points"
        headings = [_COLUMNS.get(name, name) for name in fields]
        headings += [f"energy ({unit})", "cycles", "EDP", "util."]
        least = {_class(row, name): math.inf for row in done for name in MEASURES}
        for row in done:
            for name in MEASURES:
                least[_class(row, name)] = min(least[_class(row, name)], row[name])
        yield title, headings, [[*_texts(row, fields), *_figures(row, least)] for row in shown]


def _texts(row: dict[str, Any], fields: list[str]) -> list[str]:
    return ["" if row[name] is None else str(row[name]) for name in fields]


def _class(row: dict[str, Any], measure: str) -> tuple[str, str]:
    """What a row's figure may be compared with: energies of one unit."""
    return measure, "" if measure == "cycles" else row["energy_unit"]


def _figures(row: dict[str, Any], least: dict[tuple[str, str], float]) -> list[str]:
    if row["status"] != DONE:
        return [row["status"], "", "", ""]
    shown = {"energy": big(row["energy"]), "cycles": big(row["cycles"]), "edp": f"{row['edp']:.4g}"}
    marked = [f"{'*' if row[x] == least[_class(row, x)] else ''}{text}" for x, text in shown.items()]
    return [*marked, f"{row['utilization']:.1%}"]


def _scaled(study: Study) -> list[str]:
    """Levels whose partitions were changed along with their capacity."""
    found: dict[str, None] = {}
    for point in study.description.points:
        if not any("partitions" in field.lower() for field in point.settings):
            levels = (path.partition(".partitions.")[0] for path in point.changes if ".partitions." in path)
            found |= dict.fromkeys(levels)
    return list(found)


def _unbeaten(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that no other beats in both energy and cycles, in their order; the least EDP is among them.

    Energies in different units are not compared.
    """
    kept: set[int] = set()
    for unit in {row["energy_unit"] for row in rows}:
        fewest = None
        alike = [row for row in rows if row["energy_unit"] == unit]
        for row in sorted(alike, key=lambda row: (row["energy"], row["cycles"])):
            if fewest is None or row["cycles"] < fewest:
                kept.add(row["point"])
                fewest = row["cycles"]
    return [row for row in rows if row["point"] in kept]


def notes(study: Study) -> Iterator[str]:
    """What a reader should know, a line each."""
    description = study.description
    yield "* the least of its column"
    yield f"counted by: {COUNTED_BY[description.engine]}"
    done = [row for row in study.networks() if row["status"] == DONE]
    if open_ := [row["gap"] for row in done if row["gap"]]:
        left = f" (gap of a layer up to {max(open_):.2g})" if max(open_) < 1 else ""
        yield f"mappings not proven best in {len(open_):,} of {len(done):,} runs{left}: see the column gap"
    for level in _scaled(study):
        yield f"the partitions of {level} keep their shares of its capacity"
    for reason, number in list(description.left_out.items())[:_MOST_REASONS]:
        yield f"left out, {number} {'point' if number == 1 else 'points'}: {reason}"
    if len(description.left_out) > _MOST_REASONS:
        yield f"left out for {len(description.left_out) - _MOST_REASONS} more reasons"
    reasons: dict[str, list[str]] = {}
    for run in (*study.failures, *study.missing):
        reasons.setdefault(f"{run.status}: {run.network}, {run.error}", []).append(run.label)
    for reason, points in list(reasons.items())[:_MOST_REASONS]:
        more = f" and {len(points) - 3} more" if len(points) > 3 else ""
        yield f"{reason} (at {'; '.join(points[:3])}{more})"
    if len(reasons) > _MOST_REASONS:
        yield f"failed or missing for {len(reasons) - _MOST_REASONS} more reasons: see the column error"
    if study.interrupted:
        yield f"interrupted: {study.interrupted:,} items are left; the same sweep with the same store goes on"


def study_html(study: Study) -> str:
    """The same as HTML for notebooks; text is escaped."""
    parts = []
    for title, headings, rows in network_tables(study):
        head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        head = f"<caption>{escape(title)}</caption><thead><tr>{head}</tr></thead>"
        parts.append(f"<table>{head}<tbody>{body}</tbody></table>")
    return "".join([*parts, *(f"<p>{escape(line)}</p>" for line in notes(study))])
