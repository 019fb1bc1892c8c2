"""The page of a study: every run in one table, the best ones of each network in full sight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simulator.architecture import Architecture
from simulator.page.figures import Picture, picture
from simulator.page.rendering import render_page
from simulator.page.run import describe, layer_table
from simulator.page.tables import Cell, Row, Table, exact, share, short, table
from simulator.results_file import simulator_version
from simulator.study.runs import DONE, FAILED, MISSING, Run
from simulator.study.study import Study

# Of more, a page would be slow to open; all of them are in the study's tables.
MOST_RUNS = 2000
_MOST_FIGURES = 8
_SECTIONS = (
    ("overview", "Overview"),
    ("best", "Best runs"),
    ("runs", "All runs"),
    ("layers", "Layers of the best runs"),
    ("machines", "Machines and sources"),
)
_COLUMNS = ("batch", "dataflow", "objective")
_OBJECTIVES = {"energy": "least energy", "cycles": "fewest cycles", "edp": "least EDP"}

Rows = list[dict[str, Any]]


def study_page(study: Study) -> str:
    """Return the page of a study as HTML."""
    rows = study.networks()
    groups = _groups(rows)
    description = study.description
    names = ", ".join(dict.fromkeys(network.plan.network for network in description.networks))
    return render_page(
        "study.html",
        f"Study of {names} at {_several(len(description.points), 'point')}",
        sections_of_page=_SECTIONS,
        facts=_facts(study, rows),
        figures=_figures(groups),
        best=_best_table(study, groups),
        runs=_run_table(study, rows),
        failed=_failed_table(study),
        layers=_layer_tables(study, groups),
        machines=_machines(study),
        version=simulator_version(),
    )


def _several(number: int, what: str) -> str:
    return f"{number:,} {what}{'s'[: number != 1]}"


def _groups(rows: Rows) -> dict[tuple[str, int, str], Rows]:
    """The runs that are done and can be compared: of one network and batch, energies of one unit."""
    found: dict[tuple[str, int, str], Rows] = {}
    for row in rows:
        if row["status"] == DONE:
            found.setdefault((row["network"], row["batch"], row["energy_unit"]), []).append(row)
    return found


def _facts(study: Study, rows: Rows) -> list[tuple[str, str]]:
    description = study.description
    counts = {status: sum(row["status"] == status for row in rows) for status in (DONE, FAILED, MISSING)}
    limits = {"scored at most": description.evaluations, "seconds a layer": description.time_limit}
    found = [
        ("networks", f"{len(description.networks):,}"),
        ("points", f"{len(description.points):,}"),
        *((f"runs {status}", f"{count:,}") for status, count in counts.items() if count or status == DONE),
        ("varied", ", ".join(description.varied) or "nothing"),
        ("counted by", description.engine),
        ("mapper", description.mapper),
    ]
    found += [(name, f"{limit:g}") for name, limit in limits.items() if limit is not None]
    if description.left_out:
        found.append(("points left out", f"{sum(description.left_out.values()):,}"))
    return found


def _figures(groups: dict[tuple[str, int, str], Rows]) -> Iterator[Picture]:
    from simulator.plots import pareto

    several = {group: rows for group, rows in groups.items() if len(rows) > 1}
    for (network, batch, unit), rows in list(several.items())[:_MOST_FIGURES]:
        x = f"energy ({unit})"
        points = [{"point": str(row["point"]), x: row["energy"], "cycles": row["cycles"]} for row in rows]
        yield picture(
            pareto(points, x, "cycles", "point"),
            f"Energy against cycles of the {len(rows)} runs of {network}; the table of all runs has them.",
            f"{network}, batch {batch}: energy and cycles of every point, by its number",
        )


def _best_table(study: Study, groups: dict[tuple[str, int, str], Rows]) -> Table:
    rows: list[Row] = []
    for (network, batch, unit), done in groups.items():
        for objective, words in _OBJECTIVES.items():
            best = min(done, key=lambda row: row[objective])
            rows.append([
                network, exact(batch), words, _point(best["point"]), study.description.label(best["point"]),
                short(best["energy"]), unit, short(best["cycles"]), short(best["edp"]),
                share(best["utilization"]),
            ])  # fmt: skip
    return table(
        "The best run of each network",
        ("network", "batch", "of all runs", "point", "which is", "energy", "unit", "cycles", "EDP",
         "utilization"),
        rows,
    )  # fmt: skip


def _point(number: int) -> Cell:
    return Cell(str(number), number)


def _run_table(study: Study, rows: Rows) -> Table:
    # Some of what is varied has a column anyway.
    settings = tuple(name for name in study.description.varied if name not in _COLUMNS)
    levels = [name for name in rows[0] if name.endswith("_energy")] if rows else []
    cells = [_run_cells(row, settings, levels) for row in rows[:MOST_RUNS]]
    gap = " The gap is what a better mapping of a layer could gain at most, 0 where all are proven best."
    left_out = f" The first {MOST_RUNS:,} of {len(rows):,} runs; the study's tables have all."
    return table(
        "Every network at every point",
        ("network", "batch", "machine", "point", *settings, "dataflow", "objective", "energy", "unit",
         "cycles", "EDP", "utilization", "gap", "MAC units", "outermost traffic (bytes)",
         *(f"energy of {level.removesuffix('_energy')}" for level in levels)),
        cells,
        note="Runs that are not done have no numbers." + gap + (left_out if len(rows) > MOST_RUNS else ""),
    )  # fmt: skip


def _run_cells(row: dict[str, Any], settings: tuple[str, ...], levels: list[str]) -> Row:
    varied = (row.get(name) for name in settings)
    return [
        row["network"], exact(row["batch"]), row["architecture"], _point(row["point"]),
        *(_setting(value) for value in varied), row["dataflow"], row["objective"],
        short(row["energy"]), row["energy_unit"], short(row["cycles"]), short(row["edp"]),
        Cell("") if row["utilization"] is None else share(row["utilization"]),
        Cell("") if row["gap"] is None else share(row["gap"]), exact(row["mac_units"]),
        short(row["outermost_bytes"]), *(short(row[level]) for level in levels),
    ]  # fmt: skip


def _setting(value: object) -> Cell:
    """A value of a varied field; numbers sort as such."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(f"{value:,.10g}", value)
    return Cell("" if value is None else str(value))


def _failed_table(study: Study) -> Table | None:
    runs = [run for run in study.runs if run.status != DONE]
    if not runs:
        return None
    rows: list[Row] = [
        [run.network, exact(run.batch), _point(run.point_number), run.label, run.status, run.error]
        for run in runs[:MOST_RUNS]
    ]
    return table("Runs that are not done", ("network", "batch", "point", "which is", "status", "why"), rows)


def _layer_tables(study: Study, groups: dict[tuple[str, int, str], Rows]) -> Iterator[tuple[str, Table]]:
    """The layers of each network's run of least energy, below its title."""
    by_place = {(run.network, run.batch, run.point_number): run for run in study.runs}
    for (network, batch, _), rows in groups.items():
        best = min(rows, key=lambda row: row["energy"])
        run: Run = by_place[network, batch, best["point"]]
        title = f"{network}, batch {batch}, at point {run.point_number}: {run.label}"
        yield title, layer_table(run.result(), linked=False)


def _machines(study: Study) -> list[tuple[str, tuple[str, ...]]]:
    """Each machine before its fields are varied, as text, and its sources."""
    first = {run.point.base: run.point_number for run in reversed(study.runs)}
    machines = (Architecture.from_dict(study.description.machines[base]) for base in sorted(first))
    return [(describe(machine), machine.sources) for machine in machines]
