"""What a study is, as plain data: enough to name its results in a store, and to show them, later on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from simulator.architecture import Architecture
from simulator.errors import SimulatorError
from simulator.planning import Plan
from simulator.study.points import Search, item_key

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT_VERSION = 1


@dataclass(frozen=True)
class StudiedNetwork:
    """A network at a batch, built with ``options``, and the digest of each of its plan's work."""

    plan: Plan
    digests: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class StudiedPoint:
    """A machine, ``machines[base]`` with ``changes``, and how it is run; ``settings`` as they were given.

    ``machine`` and ``flow`` are digests.
    """

    settings: dict[str, Any]
    base: int
    changes: dict[str, Any]
    machine: str
    flow: str
    dataflow: str
    objective: str


@dataclass(frozen=True)
class Description:
    """A study: its machines as they are before changes, networks, points, and which network runs on which.

    ``runs`` are pairs of numbers, of a network and of a point; ``left_out`` says for which reasons how many
    points were left out. ``version`` is that of the model that its results were counted with.
    """

    version: str
    engine: str
    mapper: str
    evaluations: int | None
    time_limit: float | None
    machines: tuple[dict[str, Any], ...]
    networks: tuple[StudiedNetwork, ...]
    points: tuple[StudiedPoint, ...]
    runs: tuple[tuple[int, int], ...]
    left_out: dict[str, int]
    format: int = FORMAT_VERSION

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """The fields that are not the same at all points."""
        values: dict[str, set[str]] = {}
        for point in self.points:
            for name, value in point.settings.items():
                values.setdefault(name, set()).add(repr(value))
        everywhere = (name for name in values if all(name in point.settings for point in self.points))
        same = {name for name in everywhere if len(values[name]) == 1}
        return tuple(name for name in values if name not in same)

    def label(self, point: int) -> str:
        """What tells a point from others, in words."""
        at = self.points[point]
        machine = [str(self.machines[at.base]["name"])] if len(self.machines) > 1 else []
        fields = [f"{name}={at.settings[name]}" for name in self.varied if name in at.settings]
        return ", ".join([*machine, *fields]) or str(self.machines[at.base]["name"])

    def search(self, point: int) -> Search:
        return Search(
            self.points[point].objective, self.engine, self.mapper, self.evaluations, self.time_limit
        )

    def keys(self, network: int, point: int) -> tuple[str, ...]:
        """The keys of a run's items, in the order of the plan's work."""
        return self._keys[network, point]

    @cached_property
    def _keys(self) -> dict[tuple[int, int], tuple[str, ...]]:
        found = {}
        for network, point in self.runs:
            at, search = self.points[point], self.search(point)
            found[network, point] = tuple(
                item_key(digest, at.machine, at.flow, search, self.version)
                for digest in self.networks[network].digests
            )
        return found

    def architecture(self, point: int) -> Architecture:
        """The machine of a point."""
        if point not in self.built:
            at = self.points[point]
            base = Architecture.from_dict(self.machines[at.base], "architecture of the study")
            self.built[point] = base.replace(at.changes) if at.changes else base
        return self.built[point]

    @cached_property
    def built(self) -> dict[int, Architecture]:
        """The machines of points that are made so far."""
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `read_description` reads back equal."""
        data: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return data


def read_description(data: dict[str, Any], where: str) -> Description:
    """Return the study that plain data describe; `where` names them in errors.

    Raises
    ------
    SimulatorError
        For a study of a later format, or one that is damaged.
    """
    from pydantic import ValidationError

    found = data.get("format")
    if not isinstance(found, int) or found > FORMAT_VERSION:
        raise SimulatorError(f"{where}: a study of format {found!r:.20}; this version reads {FORMAT_VERSION}")
    try:
        return _adapter().validate_python(data)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise SimulatorError(f"{where}: a damaged study: {place}") from None


@cache
def _adapter() -> TypeAdapter[Description]:
    from pydantic import TypeAdapter

    return TypeAdapter(Description)
