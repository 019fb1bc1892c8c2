"""What the scripts share: tables on stdout, CSV files, refusing wrong input."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import simulator as sim
import workloads
from simulator.files import write_atomically
from simulator.report import plain_table, to_text

Row = Mapping[str, Any]


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table; the first row's keys are its headings."""
    table = plain_table("")
    # Not as the table's own title, which would be wrapped to the table's width.
    table.title = None
    for heading in rows[0]:
        numeric = all(isinstance(row[heading], int | float | None) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    print(title, to_text([table]), sep="\n", flush=True)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, at full precision; the first row's keys are its fields."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def make_folder(path: Path) -> Path:
    """Return the folder, made if need be; SimulatorError if it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise sim.SimulatorError(f"cannot make the folder {path}: {problem.strerror}") from problem
    return path


def run(work: Callable[[], None]) -> int:
    """Do the work and return an exit status: 0, or 2 with a line on stderr for wrong input."""
    try:
        work()
    except (sim.SimulatorError, workloads.WorkloadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
