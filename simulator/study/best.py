"""The best runs so far of a sweep that is under way."""

from __future__ import annotations

from simulator.report import big
from simulator.study.description import Description
from simulator.study.running import Standing
from simulator.study.store import Store
from simulator.study.study import Study


class Best:
    """Follows a sweep's progress; says in words which point is the best so far of the network just done."""

    def __init__(self, description: Description, store: Store) -> None:
        self._study = Study(description, store)
        self._left: dict[int, int] = {}
        self._runs_of: dict[str, list[int]] = {}
        self._before: list[int] = []
        self._least: dict[tuple[str, str], float] = {}
        self._text = ""

    def _begin(self) -> None:
        """What is missing of each run."""
        keys = [set(self._study.description.keys(*pair)) for pair in self._study.description.runs]
        known = self._study.store.known(set().union(*keys))
        for number, of_run in enumerate(keys):
            self._left[number] = len(of_run - known)
            for key in of_run - known:
                self._runs_of.setdefault(key, []).append(number)
        self._before = [number for number, left in self._left.items() if not left]

    def after(self, standing: Standing) -> str:
        """The best so far; to be asked at the start, and after each answer."""
        if standing.key is None:
            self._begin()
        complete = []
        for number in self._runs_of.pop(standing.key or "", ()):
            self._left[number] -= 1
            complete += [] if self._left[number] else [number]
        if complete:
            for number in (*self._before, *complete):
                self._look_at(number)
            self._before = []
        return self._text

    def _look_at(self, number: int) -> None:
        row = self._study.row(number)
        measure = row["objective"]
        place = row["network"], f"{measure} {row['energy_unit']}"
        if row[measure] is not None and row[measure] < self._least.get(place, float("inf")):
            self._least[place] = row[measure]
            point = self._study.description.label(row["point"])
            self._text = f"best of {row['network']}: {measure} {big(row[measure])} at {point}"
