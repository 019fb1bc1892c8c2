"""What was measured, kept in a file after every run, so that a benchmark that was stopped goes on."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson

from simulator.errors import SimulatorError
from simulator.files import write_atomically


@dataclass(frozen=True)
class Record:
    """One run of one tool on one item; None is what does not apply or was not found.

    ``energy`` is by the tool's own account, ``by_ours`` that of its mapping by ours, ``by_theirs`` that of
    our mapping by other tools', in MACs. ``rate`` and ``together`` are mappings a CPU second, one by one and
    many at once. ``note`` says why something is missing.
    """

    part: str
    group: str
    item: str
    times: int
    tool: str
    setting: str
    version: str
    limit: float
    run: int
    cpu_seconds: float | None = None
    startup_seconds: float | None = None
    peak_bytes: int | None = None
    energy: float | None = None
    by_ours: float | None = None
    by_theirs: dict[str, float] = field(default_factory=dict)
    tried: int | None = None
    proven: bool | None = None
    cycles: int | None = None
    rate: float | None = None
    together: float | None = None
    note: str = ""

    @property
    def what(self) -> tuple[str, ...]:
        """Part, group, item, tool and setting: what is repeated."""
        return self.part, self.group, self.item, self.tool, self.setting


class Records:
    """Records in a JSON file, written anew after each.

    Raises
    ------
    SimulatorError
        If the file is there and not one of records.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._records: dict[tuple[object, ...], Record] = {}
        if path.exists():
            for record in _read(path):
                self._records[_key(record)] = record

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def of(self, wanted: Iterable[Record]) -> list[Record]:
        """Return what was measured of the wanted runs."""
        keys = map(_key, wanted)
        return [self._records[key] for key in keys if key in self._records]

    def done(self, record: Record) -> bool:
        """Whether this run was measured, or an earlier one ended without an answer."""
        first = self._records.get((*_key(record)[:-1], 0))
        return _key(record) in self._records or (first is not None and first.cpu_seconds is None)

    def add(self, record: Record) -> None:
        self._records[_key(record)] = record
        data = [asdict(one) for one in self]
        write_atomically(self.path, orjson.dumps(data, option=orjson.OPT_INDENT_2))


@dataclass(frozen=True)
class Summary:
    """The runs of one tool on one item: the first's findings, CPU seconds and peak bytes of all."""

    first: Record
    seconds: tuple[float, ...]
    peak_bytes: int

    @property
    def fastest(self) -> float:
        return min(self.seconds, default=0.0)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else 0.0


def summaries(records: Iterable[Record]) -> list[Summary]:
    """Return the runs by what was repeated, in the order of the first runs."""
    runs: dict[tuple[object, ...], list[Record]] = {}
    for record in records:
        runs.setdefault(_key(record)[:-1], []).append(record)
    return [
        Summary(
            first=min(found, key=lambda record: record.run),
            seconds=tuple(record.cpu_seconds for record in found if record.cpu_seconds is not None),
            peak_bytes=max(record.peak_bytes or 0 for record in found),
        )
        for found in runs.values()
    ]


def _key(record: Record) -> tuple[object, ...]:
    return (*record.what, record.version, record.limit, record.run)


def _read(path: Path) -> list[Record]:
    wanted = {one.name for one in fields(Record)}
    try:
        data: Any = orjson.loads(path.read_bytes())
        if not isinstance(data, list) or not all(
            isinstance(one, dict) and set(one) == wanted for one in data
        ):
            raise ValueError("no list of records")
    except (OSError, ValueError) as error:
        raise SimulatorError(f"{path}: holds no measurements ({error}); choose another --out") from None
    return [Record(**one) for one in data]
