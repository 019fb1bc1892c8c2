"""The points of a study: machines with fields changed, and how each is run; checked before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulator import dataflows
from simulator.architecture import Architecture
from simulator.dataflows.declaration import Dataflow
from simulator.errors import ArchitectureError, MappingError, SimulatorError
from simulator.evaluation import default_dataflow
from simulator.mappers import check_objective
from simulator.study.expressions import Expression, Value
from simulator.study.fields import DERIVED, NETWORK_PREFIX, RUN_FIELDS, changes, plain, resolve, value_of
from simulator.study.points import Ingredient, dataflow_ingredient, machine_ingredient
from simulator.study.sampling import MOST_POINTS, Settings
from simulator.units import WORD_UNITS

MOST_BATCH = 2**31


@dataclass(frozen=True)
class Point:
    """A machine, and how it is run; which ``networks`` run on it, by their numbers.

    ``settings`` are what is varied, as it was given; ``changes`` make the machine of the study's ``base``;
    ``options`` are those of networks' builders.
    """

    settings: dict[str, Any]
    networks: tuple[int, ...]
    base: int
    changes: dict[str, Any]
    architecture: Architecture
    machine: Ingredient
    flow: Dataflow
    flow_text: Ingredient
    objective: str
    batch: int | None
    options: dict[str, Any]


@dataclass
class Design:
    """The points of a study, and how many were left out for which reason."""

    points: list[Point] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    def leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def label(settings: Mapping[str, object]) -> str:
    """Settings in words."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def make_design(
    machines: Sequence[Architecture],
    networks: Sequence[str],
    settings: Iterable[Settings],
    constraints: Sequence[Expression] = (),
    skip_invalid: bool = False,
) -> Design:
    """Return every machine with every settings within the constraints, and the networks to run on it.

    With ``skip_invalid`` settings that make no legal machine are left out, with the reason; else they are an
    error.

    Raises
    ------
    SimulatorError
        For unknown fields, wrong values, a machine that breaks a rule, and where no point is left.
    """
    design, known = Design(), _Known()
    every = list(settings)
    for base, machine in enumerate(machines):
        for given in every:
            draft = _Draft(base, machine, given, known)
            draft.check_names(constraints)
            if len(design.points) >= MOST_POINTS:
                raise SimulatorError(f"there are more than {MOST_POINTS:,} points")
            try:
                inside = draft.networks(networks, constraints, design)
                if inside:
                    design.points.append(draft.point(inside))
            except (ArchitectureError, MappingError) as error:
                if not skip_invalid:
                    raise SimulatorError(
                        f"point {label(given) or machine.name}: {error}; skip such points (skip_invalid, "
                        "--skip-invalid), or leave them out with a constraint"
                    ) from None
                design.leave_out(str(error))
    if not design.points:
        reasons = "; ".join(f"{reason} ({number})" for reason, number in design.left_out.items())
        raise SimulatorError(f"no point is left: {reasons:.1000}")
    return design


@dataclass
class _Known:
    """What many points share, made once."""

    machines: dict[str, tuple[Architecture, Ingredient]] = field(default_factory=dict)
    flows: dict[str, tuple[Dataflow, Ingredient]] = field(default_factory=dict)
    names: set[tuple[int, tuple[str, ...]]] = field(default_factory=set)

    def machine(
        self, base: int, machine: Architecture, made: dict[str, Any]
    ) -> tuple[Architecture, Ingredient]:
        key = repr((base, sorted(made.items())))
        if key not in self.machines:
            changed = machine.replace(made) if made else machine
            self.machines[key] = changed, machine_ingredient(changed)
        return self.machines[key]

    def flow(self, source: dataflows.Source) -> tuple[Dataflow, Ingredient]:
        key = repr(source)
        if key not in self.flows:
            flow = dataflows.load_dataflow(source)
            if any(other.name == flow.name and other != flow for other, _ in self.flows.values()):
                raise SimulatorError(f"two dataflows are called {flow.name!r}; rename one")
            self.flows[key] = flow, dataflow_ingredient(flow)
        return self.flows[key]


@dataclass
class _Draft:
    """A point that is not yet known to be one."""

    base: int
    architecture: Architecture
    settings: Settings
    known: _Known

    def check_names(self, constraints: Iterable[Expression]) -> None:
        """Refuse unknown fields before any machine is made."""
        if (self.base, tuple(self.settings)) in self.known.names:
            return
        for name in self.settings:
            if name in DERIVED:
                raise SimulatorError(f"field {name!r}: is not set, but given or worked out")
            if name not in RUN_FIELDS and not name.startswith(NETWORK_PREFIX):
                resolve(self.architecture, name)
        for constraint in constraints:
            for name in constraint.names:
                try:
                    if name not in (*RUN_FIELDS, *DERIVED) and not name.startswith(NETWORK_PREFIX):
                        resolve(self.architecture, name)
                except SimulatorError as error:
                    raise constraint.wrong(str(error)) from None
        self.known.names.add((self.base, tuple(self.settings)))

    @cached_property
    def changes(self) -> dict[str, Any]:
        return changes(self.architecture, self.settings)

    @property
    def machine(self) -> tuple[Architecture, Ingredient]:
        return self.known.machine(self.base, self.architecture, self.changes)

    def networks(
        self, names: Sequence[str], constraints: Sequence[Expression], design: Design
    ) -> tuple[int, ...]:
        """The numbers of the networks for which a point meets every constraint."""
        common = [constraint for constraint in constraints if "network" not in constraint.names]
        for constraint in common:
            if not self._meets(constraint, ""):
                design.leave_out(f"constraint {constraint.text}")
                return ()
        inside = []
        for number, name in enumerate(names):
            failed = next((x for x in constraints if x not in common and not self._meets(x, name)), None)
            if failed is None:
                inside.append(number)
            else:
                design.leave_out(f"constraint {failed.text}, for {name}")
        return tuple(inside)

    def _meets(self, constraint: Expression, network: str) -> bool:
        def lookup(name: str) -> Value:
            try:
                return network if name == "network" else self._value(name)
            except ArchitectureError:
                raise
            except SimulatorError as error:
                raise constraint.wrong(str(error)) from None

        return constraint.holds(lookup)

    def _value(self, name: str) -> Value:
        """A field of the point as constraints see it."""
        match name:
            case "architecture":
                return self.architecture.name
            case "dataflow":
                return self._flow[0].name
            case "objective":
                return self._objective
            case "mac_units" | "area_um2":
                return value_of(self.machine[0], name)
            case _ if name in RUN_FIELDS or name.startswith(NETWORK_PREFIX):
                if name not in self.settings:
                    raise SimulatorError(f"{name} is not among the settings")
                return plain(self.settings[name], name)
        path = resolve(self.architecture, name)
        if path not in self.changes:
            return value_of(self.architecture, path)
        value = self.changes[path]
        # How wide words are, the machine knows.
        words = isinstance(value, str) and value.rstrip().endswith(WORD_UNITS)
        return value_of(self.machine[0], path) if words else plain(value, path)

    @property
    def _flow(self) -> tuple[Dataflow, Ingredient]:
        source: Any = self.settings.get("dataflow")
        return self.known.flow(default_dataflow(self.machine[0]) if source is None else source)

    @property
    def _objective(self) -> str:
        objective = self.settings.get("objective", "energy")
        if not isinstance(objective, str):
            raise SimulatorError(f"an objective is a name, not {objective!r:.60}")
        check_objective(objective)
        return objective

    @property
    def _batch(self) -> int | None:
        batch = self.settings.get("batch")
        if batch is None or (type(batch) is int and 1 <= batch <= MOST_BATCH):
            return batch
        raise SimulatorError(f"batch must be a whole number from 1 on, not {batch!r:.40}")

    def point(self, networks: tuple[int, ...]) -> Point:
        """The point itself; SimulatorError where it is none."""
        machine, flow = self.machine, self._flow
        shown = {**self.settings, **({"dataflow": flow[0].name} if "dataflow" in self.settings else {})}
        options = {
            name.removeprefix(NETWORK_PREFIX): value
            for name, value in self.settings.items()
            if name.startswith(NETWORK_PREFIX)
        }
        return Point(
            shown, networks, self.base, self.changes, *machine, *flow, self._objective, self._batch, options
        )
