"""Sweeps: from names and values to a study, every piece of work once; checked as a whole before it begins."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from simulator.counting import check_engine
from simulator.densities import Source as DensitySource
from simulator.errors import SimulatorError, did_you_mean
from simulator.loading import load_architecture, load_network
from simulator.mappers import OPTIMAL, check_mapper
from simulator.mappers.driver import TIME_LIMIT, check_limit
from simulator.planning import plan
from simulator.study.description import Description, StudiedNetwork, StudiedPoint
from simulator.study.design import Point, make_design
from simulator.study.executors import check_crew
from simulator.study.expressions import Expression
from simulator.study.points import Ingredient, Item, model_version, problem_ingredient
from simulator.study.running import Progress, run_items
from simulator.study.sampling import Sample, Settings, combinations
from simulator.study.store import Store
from simulator.study.study import Study


@dataclass(frozen=True)
class Prepared:
    """A sweep that is checked: what it is, and its distinct pieces of work."""

    description: Description
    items: tuple[Item, ...]

    def run(
        self,
        store: Store,
        executor: Executor | None = None,
        workers: int | None = None,
        scheduler: str | None = None,
        progress: Progress | None = None,
    ) -> Study:
        """Do what the store has no answer to; see `simulator.study.running.run_items`."""
        store.put_study(self.description.to_dict())
        outcome = run_items(self.items, store, executor, workers, scheduler, progress)
        return Study(self.description, store, outcome.lost, outcome.interrupted)


def sweep(
    networks: object,
    architectures: object,
    settings: Settings | Sequence[Settings] | None = None,
    *,
    store: Store | str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    **choices: Any,
) -> Study:
    """Run every network at every point; the parameters are those of `simulator.sweep`."""
    check_crew(executor, workers, scheduler)
    prepared = prepare(networks, architectures, settings, **choices)
    held = store if isinstance(store, Store) else Store(store)
    return prepared.run(held, executor, workers, scheduler, progress)


def prepare(
    networks: object,
    architectures: object,
    settings: Settings | Sequence[Settings] | None = None,
    *,
    sample: Sample | str | None = None,
    constraints: str | Iterable[str] = (),
    batch: object = None,
    dataflow: object = None,
    objective: object = None,
    engine: str = "closed-form",
    mapper: str | None = None,
    evaluations: int | None = None,
    time_limit: float | None = None,
    densities: Mapping[str, DensitySource] | None = None,
    fuse: bool = True,
    skip_invalid: bool = False,
) -> Prepared:
    """Check a sweep as a whole, and say what is to be done; the parameters are those of `simulator.sweep`.

    Raises
    ------
    SimulatorError, WorkloadError
        For anything wrong in it.
    """
    check_engine(engine)
    check_limit("evaluations", evaluations, Integral)
    check_limit(TIME_LIMIT, time_limit, Real)
    mapper = check_mapper(OPTIMAL if mapper is None else mapper)
    machines = [load_architecture(source) for source in _listed(architectures, "architectures")]
    _distinct("architectures", [machine.name for machine in machines])
    if densities is not None and not isinstance(densities, Mapping):
        raise SimulatorError(
            f"densities are given by network, as {{'alexnet': 'densities.yaml'}}, not {densities!r:.60}"
        )
    plans = _Plans(_listed(networks, "networks"), dict(densities or {}), fuse)
    conditions = [Expression(text) for text in several(constraints)]
    crossed = {"batch": batch, "dataflow": dataflow, "objective": objective}
    drawn = None if sample is None else Sample.read(sample)
    points = _crossed(combinations({} if settings is None else settings, drawn), crossed)
    design = make_design(machines, plans.names, points, conditions, skip_invalid)
    runs = tuple(
        (plans.number(network, point.batch, point.options), number)
        for network in range(len(plans.names))
        for number, point in enumerate(design.points)
        if network in point.networks
    )
    description = Description(
        model_version(), engine, mapper, None if evaluations is None else int(evaluations),
        None if time_limit is None else float(time_limit),
        tuple(machine.to_dict() for machine in machines), tuple(plans.studied),
        tuple(_studied(point) for point in design.points), runs, design.left_out,
    )  # fmt: skip
    description.built.update((number, point.architecture) for number, point in enumerate(design.points))
    return Prepared(description, tuple(_items(description, design.points, plans.texts)))


def _studied(point: Point) -> StudiedPoint:
    return StudiedPoint(
        point.settings, point.base, point.changes, point.machine.digest, point.flow_text.digest,
        point.flow.name, point.objective,
    )  # fmt: skip


def several(given: object) -> list[Any]:
    """One thing, or several."""
    if isinstance(given, Sequence | set | frozenset | Iterator) and not isinstance(given, str):
        return list(given)
    return [given]


def _listed(given: object, what: str) -> list[Any]:
    """The same; SimulatorError for none."""
    things = several(given)
    if not things:
        raise SimulatorError(f"{what}: none is given")
    return things


def _distinct(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SimulatorError(f"{what}: two are called {name!r}")


def _crossed(points: Iterable[Settings], fields: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Every point with every value of further fields."""
    given = {name: value for name, value in fields.items() if value is not None}
    more = list(combinations(given, None))
    for point, extra in itertools.product(points, more):
        if twice := next((name for name in extra if name in point), None):
            raise SimulatorError(f"{twice} is given by itself and among the settings")
        yield {**point, **extra}


class _Plans:
    """The networks of a study, each planned once for a batch and options."""

    def __init__(self, sources: list[Any], densities: dict[str, DensitySource], fuse: bool) -> None:
        self._sources, self._densities, self._fuse = sources, densities, fuse
        self._loaded = [load_network(source) for source in sources]
        self.names = [network.name for network in self._loaded]
        _distinct("networks", self.names)
        for name in densities:
            if name not in self.names:
                raise SimulatorError(f"densities: no network {name!r}{did_you_mean(name, self.names)}")
        self.studied: list[StudiedNetwork] = []
        self.texts: dict[str, Ingredient] = {}
        self._numbers: dict[str, int] = {}

    def number(self, network: int, batch: int | None, options: dict[str, Any]) -> int:
        """The number among ``studied`` of a network at a batch, built with options."""
        key = repr((network, batch, sorted(options.items())))
        if key not in self._numbers:
            asis = batch is None and not options
            source = self._sources[network]
            loaded = self._loaded[network] if asis else load_network(source, batch, **options)
            planned = plan(loaded, None, self._densities.get(self.names[network]), self._fuse)
            problems = [problem_ingredient(work.problem) for work in planned.work]
            self.texts |= {problem.digest: problem for problem in problems}
            self._numbers[key] = len(self.studied)
            digests = tuple(problem.digest for problem in problems)
            self.studied.append(StudiedNetwork(planned, digests, options))
        return self._numbers[key]


def _items(
    description: Description, points: Sequence[Point], problems: Mapping[str, Ingredient]
) -> Iterator[Item]:
    """Each distinct piece of work once."""
    seen: set[str] = set()
    for network, number in description.runs:
        studied, point = description.networks[network], points[number]
        search, label = description.search(number), description.label(number)
        for work, digest, key in zip(
            studied.plan.work, studied.digests, description.keys(network, number), strict=True
        ):
            if key not in seen:
                seen.add(key)
                name = f"{studied.plan.network} {work.problem.name}, {label}"
                texts = {"problem": problems[digest].text, "architecture": point.machine.text}
                data = texts | {"dataflow": point.flow_text.text} | vars(search)
                yield Item(key, name, data, work.problem.macs)
