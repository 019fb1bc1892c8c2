"""A sweep's unit of work: one problem on one machine, known by a digest of everything that determines it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import orjson

from simulator import evaluation
from simulator.architecture import STORAGE_ACTIONS, Architecture
from simulator.cost.model import cost, leaks
from simulator.dataflows.declaration import Dataflow
from simulator.dataflows.file import from_data, to_data
from simulator.errors import SimulatorError
from simulator.planning import Work
from simulator.problem import Problem
from simulator.results import Part
from simulator.results_file import part_to_dict, simulator_version

# What shows results, or makes problems of networks and machines of files, does not determine the result.
_BESIDE = ("backends", "energies", "formats", "lowering", "page", "plots", "study")
_BESIDE_FILES = ("cli", "comparison", "fusing", "lineup", "loading", "planning", "report", "terminal")
# Names of which a result tells nothing, so that layers and machines that are alike share it.
_PROBLEM, _MACHINE = "this layer", "the machine"
_NAMES_OF_MACHINE = ("description", "technology", "native_dataflow", "sources")


@dataclass(frozen=True)
class Search:
    """How mappings are chosen and counted: the parameters of `simulator.evaluation.simulate`."""

    objective: str
    engine: str
    mapper: str
    evaluations: int | None
    time_limit: float | None


@dataclass(frozen=True)
class Item:
    """One unit of work, small and picklable.

    ``key`` is a digest of everything that determines the answer, ``label`` is for people. ``data`` is plain:
    the problem, architecture and dataflow as JSON text, and the fields of `Search`. ``size`` are the
    problem's multiply-accumulates.
    """

    key: str
    label: str
    data: dict[str, Any]
    size: int = 0


@dataclass(frozen=True)
class Ingredient:
    """A problem, a machine or a dataflow: JSON text of it, and a digest of what counts of it."""

    text: str
    digest: str


def problem_ingredient(problem: Problem) -> Ingredient:
    return _ingredient(problem.to_dict())


def machine_ingredient(architecture: Architecture) -> Ingredient:
    """A machine, told apart by what is counted and priced: not by names, areas, or how its file puts it.

    Raises
    ------
    ArchitectureError
        For a leakage that cannot be priced.
    """
    data = {field: value for field, value in architecture.data.items() if field not in _NAMES_OF_MACHINE}
    bits = (*architecture.operand_bits, architecture.output_bits, architecture.partial_sum_bits)
    components: list[Any] = [*architecture.storages, *architecture.arrays, architecture.mac]
    parts = [dict(vars(part)) for part in components]
    for part in parts:
        # What leaks in a cycle says all that the clock does.
        del part["area_um2"], part["leakage_mw"], part["unpriced"]
    counted = [bits, parts, leaks(architecture)]
    return _ingredient(data | {"name": "machine"}, counted)


def dataflow_ingredient(flow: Dataflow) -> Ingredient:
    return _ingredient(to_data(replace(flow, description="")))


def _ingredient(data: object, counted: object = None) -> Ingredient:
    text = orjson.dumps(data)
    determining = text if counted is None else orjson.dumps(counted)
    return Ingredient(text.decode(), hashlib.sha256(determining).hexdigest())


def item_key(problem: str, machine: str, flow: str, search: Search, version: str) -> str:
    """The key of an item, of the digests of its parts."""
    parts = (version, problem, machine, flow, *(str(value) for value in vars(search).values()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def model_version() -> str:
    """The installed version, and a digest of the sources that determine results."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(_sources(package)):
        digest.update(path.relative_to(package).as_posix().encode() + b"\n" + path.read_bytes())
    digest.update(Path(__file__).read_bytes())
    return f"{simulator_version()}+{digest.hexdigest()[:16]}"


def _sources(package: Path) -> Iterator[Path]:
    for path in package.rglob("*.py"):
        room, *inside = path.relative_to(package).parts
        beside = room in _BESIDE if inside else room.startswith(_BESIDE_FILES)
        if not beside:
            yield path


def compute(item: Item) -> dict[str, Any]:
    """Search the mappings of an item's problem, count and price the best.

    Returns plain JSON: of ``status`` "done" with ``parts``, as `part_to_dict` has them (several where the
    objective is the EDP, which takes the front of each layer), and the ``figures`` of each; or of ``status``
    "failed" with the ``error``: a problem that has no mapping is a result too.
    """
    data = item.data
    try:
        work = Work(_read_problem(data["problem"]), 1)
        machine = _read_machine(data["architecture"])
        flow = _read_dataflow(data["dataflow"])
        solved = evaluation.solve(
            work, machine, flow, data["objective"], data["mapper"], data["evaluations"], data["time_limit"]
        )
        parts = [
            Part(cost(work.problem, machine, choice.mapping, data["engine"]), search=solved.search)
            for choice in solved.front
        ]
    except SimulatorError as error:
        return {"status": "failed", "error": str(error)}
    return {
        "status": "done",
        "figures": [figures(part) for part in parts],
        "parts": [part_to_dict(part) for part in parts],
    }


def figures(part: Part) -> dict[str, Any]:
    """What summaries need of a part, run once: totals, and by level [energy, words accessed, bits moved]."""
    levels: dict[str, list[float]] = {}
    for row in part.cost.rows:
        level = levels.setdefault(row.component, [0.0, 0, 0.0])
        level[0] += row.energy
        level[1] += row.count if row.action in STORAGE_ACTIONS else 0
        level[2] += row.bits
    counts = part.cost.counts
    return {
        "energy": part.cost.energy,
        "cycles": part.cost.cycles.total,
        "macs": counts.macs,
        "steps": counts.steps,
        "active_pes": counts.active_pes,
        "gap": 0.0 if part.search is None else part.search.gap,
        "levels": levels,
    }


@lru_cache(maxsize=64)
def _read_problem(text: str) -> Problem:
    return Problem.from_dict(orjson.loads(text), _PROBLEM)


@lru_cache(maxsize=64)
def _read_machine(text: str) -> Architecture:
    return replace(Architecture.from_dict(orjson.loads(text), _MACHINE), name=_MACHINE)


@lru_cache(maxsize=8)
def _read_dataflow(text: str) -> Dataflow:
    return from_data(orjson.loads(text), "dataflow")
