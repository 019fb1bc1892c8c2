"""A study: many networks on many machines, and what came out.

    study = sim.sweep(["alexnet", "vgg16"], "eyeriss_v1", {"array.x": [8, 14, 28]}, store="pe.sqlite")
    print(study)                                   # a table, the best points marked
    study.to_dataframe("networks")                 # or "layers", or "rows": every level, tensor and action

Each run is one network at one point. Results are read from the store when they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from simulator.errors import SimulatorError, did_you_mean
from simulator.study import tables
from simulator.study.description import Description, read_description
from simulator.study.runs import DONE, FAILED, MISSING, Answer, Run
from simulator.study.store import Store

if TYPE_CHECKING:
    import pandas

OBJECTIVES = ("energy", "cycles", "edp")
TABLES = ("networks", "layers", "rows")
# Answers read from the store at a time.
_TOGETHER = 500


class Study:
    """What a sweep was to run, and what the store has of it.

    ``lost`` says by key why an item has no answer, ``interrupted`` is how many are left after Ctrl-C.
    """

    def __init__(
        self,
        description: Description,
        store: Store,
        lost: Mapping[str, str] | None = None,
        interrupted: int = 0,
    ) -> None:
        self.description = description
        self.store = store
        self.interrupted = interrupted
        self._lost = dict(lost or {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; results that were not read yet can no longer be."""
        self.store.close()

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Every network at every point it was to run at, in their order."""
        return tuple(self._runs(self.description.runs))

    def _runs(self, pairs: Sequence[tuple[int, int]]) -> Iterator[Run]:
        description = self.description
        keys = {pair: description.keys(*pair) for pair in pairs}
        answers = self._answers([key for run in keys.values() for key in run])
        machines = {point: description.architecture(point) for point in {point for _, point in pairs}}
        for network, point in pairs:
            of_run = tuple(answers[key] for key in keys[network, point])
            yield Run(network, point, description, machines[point], of_run, self.store.get)

    def _answers(self, keys: list[str]) -> dict[str, Answer]:
        """What summaries need of the answers; the rest, which is much, stays in the store."""
        distinct = list(dict.fromkeys(keys))
        found = {key: Answer(MISSING, error=self._lost.get(key, "not run yet")) for key in distinct}
        for start in range(0, len(distinct), _TOGETHER):
            for key, data in self.store.get_brief(distinct[start : start + _TOGETHER]).items():
                found[key] = Answer(data["status"], tuple(data.get("figures", ())), data.get("error", ""))
        return found

    @property
    def failures(self) -> tuple[Run, ...]:
        """The runs of which a layer has no mapping; ``error`` says why."""
        return tuple(run for run in self.runs if run.status == FAILED)

    @property
    def missing(self) -> tuple[Run, ...]:
        """The runs that are not complete; the same sweep with the same store goes on with them."""
        return tuple(run for run in self.runs if run.status == MISSING)

    def run(self, network: str, point: int = 0) -> Run:
        """The run of a network at the point of a number.

        Raises
        ------
        SimulatorError
            For a network or point that the study does not have.
        """
        found = self._of(network)
        for run in found:
            if run.point_number == point:
                return run
        raise SimulatorError(
            f"{network} has no point {point!r:.40}; its points are {found[0].point_number} to "
            f"{found[-1].point_number}"
        )

    def best(self, network: str, objective: str = "energy", batch: int | None = None) -> Run:
        """The run of a network, at a batch if one is given, with the least energy, cycles or EDP.

        Raises
        ------
        SimulatorError
            For an unknown network or objective, and where no such run is done.
        """
        if objective not in OBJECTIVES:
            raise SimulatorError(f"unknown objective {objective!r}{did_you_mean(str(objective), OBJECTIVES)}")
        self._of(network)
        rows = zip(self._networks, self.runs, strict=True)
        done = [
            (row[objective], number, run)
            for number, (row, run) in enumerate(rows)
            if run.network == network and run.status == DONE and batch in (None, run.batch)
        ]
        if not done:
            raise SimulatorError(
                f"no run of {network} is done{'' if batch is None else f' at batch {batch}'}"
            )
        return min(done)[2]

    def _of(self, network: str) -> list[Run]:
        found = [run for run in self.runs if run.network == network]
        if not found:
            names = {run.network for run in self.runs}
            raise SimulatorError(f"no network {network!r} in the study{did_you_mean(str(network), names)}")
        return found

    def networks(self) -> list[dict[str, Any]]:
        """A row per run: totals, energy by level; of one that is not done, why."""
        return [dict(row) for row in self._networks]

    def row(self, number: int) -> dict[str, Any]:
        """The row of `networks` of the run of a number, as the store has it now."""
        return next(tables.network_rows(self.description, list(self._runs([self.description.runs[number]]))))

    @cached_property
    def _networks(self) -> list[dict[str, Any]]:
        return list(tables.network_rows(self.description, self.runs))

    def layers(self) -> Iterator[dict[str, Any]]:
        """A row per run and layer: totals, words and energy by level; of one that is not done, why."""
        return tables.layer_rows(self.description, self.runs)

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row per run that is done, layer, level, tensor and action: what all other tables sum."""
        return tables.action_rows(self.description, self.runs)

    def table(self, name: str) -> tuple[dict[str, str], Iterator[dict[str, Any]]]:
        """The columns ("text", "whole" or "number" by name) and rows of "networks", "layers" or "rows".

        Raises
        ------
        SimulatorError
            For another name.
        """
        if name not in TABLES:
            raise SimulatorError(f"unknown table {name!r}{did_you_mean(str(name), TABLES)}")
        return tables.columns(self.description, self.runs, name), iter(getattr(self, name)())

    def to_dataframe(self, table: str = "rows") -> pandas.DataFrame:
        """A table as a data frame: "rows" (tidy), "layers" or "networks". Needs the extra ``dataframe``.

        Raises
        ------
        SimulatorError
            Without pandas, and for another table.
        """
        from simulator.study.files import to_dataframe

        return to_dataframe(*self.table(table))

    def save_csv(self, path: str | os.PathLike[str], table: str = "rows") -> None:
        """Write a table as CSV. Raises SimulatorError if the place cannot be written."""
        self._save(path, table, "csv")

    def save_parquet(self, path: str | os.PathLike[str], table: str = "rows") -> None:
        """Write a table as Parquet. Needs the extra ``parquet``. Raises SimulatorError as `save_csv`."""
        self._save(path, table, "parquet")

    def save_json(self, path: str | os.PathLike[str], table: str = "rows") -> None:
        """Write a table as JSON, a list of objects. Raises SimulatorError as `save_csv`."""
        self._save(path, table, "json")

    def _save(self, path: str | os.PathLike[str], table: str, form: str) -> None:
        from simulator.study.files import save_table

        save_table(Path(path), *self.table(table), form)

    def save(self, folder: str | os.PathLike[str], formats: str | Sequence[str] = "csv") -> list[Path]:
        """Write every table into a folder, which is made, in each format: networks.csv, layers.csv, rows.csv.

        Raises
        ------
        SimulatorError
            For an unknown format, one whose extra is not installed, and a place that cannot be written.
        """
        from simulator.study.files import save_table, table_files

        files = table_files(folder, TABLES, formats)
        for (table, form), path in files.items():
            save_table(path, *self.table(table), form)
        return list(files.values())

    def __repr__(self) -> str:
        names = ", ".join(dict.fromkeys(network.plan.network for network in self.description.networks))
        return f"<Study of {names} at {len(self.description.points)} points>"

    def __str__(self) -> str:
        from simulator.report import to_text
        from simulator.study.show import study_parts

        return to_text(study_parts(self))

    def _repr_html_(self) -> str:
        from simulator.study.show import study_html

        return study_html(self)


def open_study(path: str | os.PathLike[str], study: str | None = None) -> Study:
    """Return the study that a store holds: the last one begun, or the one of an id of `Store.studies`.

    Nothing is run; layers without a result are missing.

    Raises
    ------
    SimulatorError
        For a file that is no store or holds no study, and an unknown id.
    """
    if not os.path.isfile(path):
        raise SimulatorError(f"cannot read {os.fspath(path)}: no such file")
    store = Store(path)
    try:
        return Study(_held(store, study), store)
    except BaseException:
        store.close()
        raise


def _held(store: Store, study: str | None) -> Description:
    """The description of the study of an id, or of the last one."""
    held, where = store.studies(), os.fspath(store.path or "")
    if not held:
        raise SimulatorError(f"{where}: holds no study")
    known = {each["id"]: each for each in held}
    if study is not None and study not in known:
        raise SimulatorError(f"{where}: no study {study!r}{did_you_mean(str(study), known)}")
    chosen = held[-1] if study is None else known[study]
    return read_description(chosen["description"], where)
