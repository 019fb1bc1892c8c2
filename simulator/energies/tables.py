"""Names and files of energy tables become tables here."""

from __future__ import annotations

import csv
import os
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from simulator.energies.accelergy import read_art, read_ert
from simulator.energies.kinds import KINDS, kind_table
from simulator.energies.parts import Table
from simulator.energies.reference import ReferenceTable
from simulator.energies.table_file import FORM, MAX_POINTS, EnergyTableError, EnergyTableForm
from simulator.errors import did_you_mean
from simulator.files import MAX_BYTES, read_yaml
from workloads.files import read_text

Source: TypeAlias = str | os.PathLike[str]
# An ERT alone has the area table of this name beside it, as Accelergy writes them.
_AREA_FILE = "ART"


def registered_tables() -> dict[str, Path]:
    """Return the tables that come with the package: their names and files."""
    folder = Path(str(resources.files("arch_configs"))) / "energy"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_table(source: Source) -> Table:
    """Return a table by its name, or from a file: YAML of this package's, or an ERT of Accelergy's.

    Raises
    ------
    EnergyTableError
        For an unknown name, with the nearest one; for a file that is missing or wrong.
    """
    if not isinstance(source, str | os.PathLike):
        raise EnergyTableError(f"an energy table is a name or a file's path, not {source!r:.60}")
    text = os.fspath(source)
    if not isinstance(source, str) or text.endswith((".yaml", ".yml")) or "/" in text or os.sep in text:
        return _read(Path(text))
    known = registered_tables()
    if text not in known:
        raise EnergyTableError(f"unknown energy table {text[:80]!r}{did_you_mean(text[:80], known)}")
    return _read_registered(known[text])


@lru_cache(maxsize=16)
def _read_registered(path: Path) -> Table:
    return _read(path)


def _read(path: Path) -> Table:
    data = read_yaml(path, EnergyTableError)
    if isinstance(data, dict) and any(str(key).startswith("ERT") for key in data):
        areas = path.with_name(path.name.replace("ERT", _AREA_FILE))
        found = read_art(areas) if areas != path and areas.exists() else {}
        return ReferenceTable(path.stem, str(path), read_ert(path), found, {})
    form = FORM.read(data, str(path))
    if form.ert is not None:
        return _reference(form, path)
    if form.art is not None or form.names:
        raise EnergyTableError(f"{path}: art and names go with ert, the file of energies")
    if form.estimator is not None:
        from simulator.energies.estimator import EstimatorTable

        if form.node_nm is None:
            raise EnergyTableError(f"{path}: an estimator needs the field node_nm")
        return EstimatorTable(form.name, form.description, form.node_nm, kind_table(form, str(path)))
    return kind_table(_with_points(form, path), str(path))


def _reference(form: EnergyTableForm, path: Path) -> ReferenceTable:
    given = [name for name in (*KINDS, "network", "estimator") if getattr(form, name) is not None]
    if given or form.unit != "pJ":
        raise EnergyTableError(
            f"{path}: an ert is all of a table, in pJ; drop {', '.join(given) or 'the unit'}"
        )
    energies = read_ert(path.with_name(str(form.ert)))
    areas = {} if form.art is None else read_art(path.with_name(form.art))
    return ReferenceTable(form.name, str(path), energies, areas, form.names)


def _with_points(form: EnergyTableForm, path: Path) -> EnergyTableForm:
    """A form whose points are all in it, not in CSV files beside it."""
    changed = {}
    for kind in KINDS:
        figures = getattr(form, kind)
        if figures is not None and isinstance(figures.points, str):
            if figures.columns is not None:
                raise EnergyTableError(f"{path}: {kind}: a CSV file of points names its columns itself")
            columns, points = _read_points(path, kind, figures.points)
            changed[kind] = figures.model_dump(exclude_none=True) | {"columns": columns, "points": points}
    if not changed:
        return form
    return FORM.read(form.model_dump(exclude_none=True) | changed, str(path))


def _read_points(path: Path, kind: str, name: str) -> tuple[list[str], list[list[float]]]:
    if Path(name).name != name:
        raise EnergyTableError(f"{path}: {kind}: points: {name[:80]!r} must be a file in the table's folder")
    where = path.with_name(name)
    lines = read_text(where, EnergyTableError, MAX_BYTES).splitlines()
    rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    if not 2 <= len(rows) <= MAX_POINTS + 1:
        raise EnergyTableError(f"{where}: must be a row of names and 1 to {MAX_POINTS} rows of numbers")
    points: list[list[float]] = []
    for number, row in enumerate(rows[1:], 1):
        try:
            points.append([float(cell) for cell in row])
        except ValueError:
            raise EnergyTableError(
                f"{where}: row {number}: must be numbers, got {','.join(row)[:60]!r}"
            ) from None
    return [column.strip() for column in rows[0]], points
