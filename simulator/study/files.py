"""Tables as data frames and files, some rows at a time: a table of a large study has millions."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from simulator.errors import SimulatorError, did_you_mean
from simulator.files import check_writable, open_atomically
from simulator.results import data_frame

if TYPE_CHECKING:
    import pandas

Rows = Iterable[dict[str, Any]]
# Names with "text", "whole" or "number".
Columns = Mapping[str, str]
FORMATS = ("csv", "parquet", "json")
_TOGETHER = 20_000


def check_formats(formats: Sequence[str]) -> None:
    """Refuse unknown formats, and those whose extra is not installed; SimulatorError says which."""
    for form in formats:
        if form not in FORMATS:
            raise SimulatorError(f"unknown format {form!r}{did_you_mean(str(form), FORMATS)}")
    if "parquet" in formats:
        _pyarrow()


def table_files(
    folder: str | os.PathLike[str], tables: Sequence[str], formats: str | Sequence[str]
) -> dict[tuple[str, str], Path]:
    """The file of each table and format in a folder, which is made: each can be written.

    Raises
    ------
    SimulatorError
        As `check_formats`, and for a folder or file that cannot be written.
    """
    wanted = [formats] if isinstance(formats, str) else formats
    check_formats(wanted)
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SimulatorError(f"cannot make the folder {place}: {reason}") from None
    files = {(table, form): place / f"{table}.{form}" for table in tables for form in wanted}
    for file in files.values():
        check_writable(file)
    return files


def to_dataframe(columns: Columns, rows: Rows) -> pandas.DataFrame:
    """Rows as a data frame. Raises SimulatorError without pandas."""
    frames = [data_frame(chunk).reindex(columns=list(columns)) for chunk in _chunks(rows)]
    import pandas

    return pandas.concat(frames, ignore_index=True)


def save_table(path: Path, columns: Columns, rows: Rows, form: str) -> None:
    """Write rows as a file of a format.

    Raises
    ------
    SimulatorError
        For an unknown format, one whose extra is not installed, and a place that cannot be written.
    """
    check_formats([form])
    write = {"csv": _write_csv, "parquet": _write_parquet, "json": _write_json}[form]
    with open_atomically(path) as stream:
        write(stream, columns, rows)


def _chunks(rows: Rows) -> Iterator[list[dict[str, Any]]]:
    """Rows some at a time; at least one list, which may be empty."""
    left = iter(rows)
    yield list(islice(left, _TOGETHER))
    while chunk := list(islice(left, _TOGETHER)):
        yield chunk


def _write_csv(stream: IO[bytes], columns: Columns, rows: Rows) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    text.detach()


def _write_json(stream: IO[bytes], columns: Columns, rows: Rows) -> None:
    """A list of objects, a line each."""
    joint = b"[\n"
    for row in rows:
        stream.write(joint + orjson.dumps(row))
        joint = b",\n"
    stream.write(b"\n]\n" if joint == b",\n" else b"[]\n")


def _write_parquet(stream: IO[bytes], columns: Columns, rows: Rows) -> None:
    arrow, parquet = _pyarrow()
    types = {"text": arrow.string(), "whole": arrow.int64(), "number": arrow.float64()}
    schema = arrow.schema([(name, types[kind]) for name, kind in columns.items()])
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for chunk in _chunks(rows):
            data = [
                arrow.array([_cell(row[name], kind) for row in chunk], types[kind])
                for name, kind in columns.items()
            ]
            writer.write_table(arrow.Table.from_arrays(data, schema=schema))


def _cell(value: object, kind: str) -> object:
    """A value as a column of one type has it: settings may be of several."""
    return str(value) if kind == "text" and value is not None else value


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise SimulatorError("Parquet needs pyarrow: pip install 'dataflow-simulator[parquet]'") from None
    return pyarrow, parquet
