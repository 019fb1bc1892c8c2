"""What the scripts share: options, sweeps with a store, tables, figures with their numbers, wrong input."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simulator as sim
import workloads
from simulator.dataflows import DATAFLOWS
from simulator.files import write_atomically
from simulator.plots import save_figure
from simulator.plots.style import DPI
from simulator.report import plain_table, to_text
from simulator.terminal import sweep_progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from simulator.study.study import Study

Row = Mapping[str, Any]
NETWORKS = ("alexnet", "vgg16", "resnet50", "mobilenet_v1")
# All that say what stays where; "flexible" is every mapping, and takes its time.
ORDERLY = tuple(name for name in DATAFLOWS if name != "flexible")


def parser(name: str, text: str | None, out: str) -> argparse.ArgumentParser:
    """The options of a script that all have, described by its docstring."""
    made = argparse.ArgumentParser(
        prog=name, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--out", type=Path, default=Path("runs") / out, help="the folder of tables and figures")
    made.add_argument("--formats", nargs="+", default=["png", "pdf"], choices=("png", "pdf", "svg"))
    made.add_argument("--dpi", type=int, default=DPI, help="pixels an inch of a PNG")
    return made


def sweep_parser(
    name: str, text: str | None, arch: str | Sequence[str] = "eyeriss_v1"
) -> argparse.ArgumentParser:
    """The options of a script that runs networks on a machine, or on several, and keeps what it found."""
    made = parser(name, text, name)
    made.add_argument("--networks", nargs="+", default=list(NETWORKS), help="names or files")
    if isinstance(arch, str):
        made.add_argument("--arch", default=arch, help="a machine's name or file")
    else:
        made.add_argument("--arch", nargs="+", default=list(arch), help="names or files of machines")
    made.add_argument("--objective", default="energy", choices=("energy", "cycles", "edp"))
    made.add_argument("--engine", default="closed-form", choices=("closed-form", "walk"))
    made.add_argument("--time-limit", type=float, help="seconds for a layer's mapping")
    made.add_argument(
        "--store", type=Path, help="keeps results; by default NAME.sqlite in the folder of --out"
    )
    made.add_argument("--workers", type=int, help="processes, 0 for none; by default one for each core")
    return made


def swept(options: argparse.Namespace, settings: Any = None, **choices: Any) -> Study:
    """Run a sweep with the options of `sweep_parser`; what the store has is not run again. To be closed.

    Raises
    ------
    SimulatorError, WorkloadError
        As `simulator.sweep`, and where Ctrl-C ended it.
    """
    folder = make_folder(options.out)
    store = options.store or folder / f"{folder.name}.sqlite"
    with sweep_progress("sweeping") as report:
        study = sim.sweep(
            options.networks, options.arch, settings, objective=options.objective, engine=options.engine,
            time_limit=options.time_limit, store=store, workers=options.workers,
            progress=lambda standing: report(standing, ""), **choices,
        )  # fmt: skip
    if study.interrupted:
        raise sim.SimulatorError(f"stopped with {study.interrupted} items left; the same command goes on")
    for run in study.failures:
        print(f"no mapping: {run.network} at {run.label}: {run.error}", file=sys.stderr)
    return study


def save_drawn(drawn: Figure | Axes, rows: Sequence[Row], name: str, options: argparse.Namespace) -> None:
    """Write a figure in every format asked for, and its numbers as CSV beside it; say where."""
    place = options.out / name
    for form in options.formats:
        save_figure(drawn, f"{place}.{form}", options.dpi)
    write_csv(Path(f"{place}.csv"), rows)
    print(f"wrote {place}: {', '.join([*options.formats, 'csv'])}", flush=True)


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
    """Write rows as CSV, at full precision; its fields are the keys of all rows."""
    text = io.StringIO()
    fields = dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(text, fieldnames=list(fields), lineterminator="\n")
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
    """Do the work and return an exit status: 0, 2 with a line on stderr for wrong input, 130 for Ctrl-C."""
    try:
        work()
    except (sim.SimulatorError, workloads.WorkloadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what the store has", file=sys.stderr)
        return 130
    return 0


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
