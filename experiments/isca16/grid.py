"""The grid of the comparison: every layer, batch, number of PEs and dataflow, in four columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import simulator as sim
from experiments.isca16 import published
from experiments.isca16.machines import BYTES_PER_WORD, DATAFLOWS, buffer_bytes, square_machine
from experiments.isca16.setting import LAYERS, SETTINGS, Bounds, Layer
from simulator.architecture import TENSORS, Architecture
from simulator.batch.model import CostModel
from simulator.cost.model import Cost, cost
from simulator.encoding import Vectors
from simulator.errors import MappingError, SimulatorError
from simulator.mappers import Found, find_best
from simulator.mapspaces import Mapspace

# At the published mapping; our optimum as the paper counts; the same where what stays in the buffer is not
# fetched again; any mapping of the dataflow on a square array with every action priced.
AT_PUBLISHED, PAPER, KEPT, FREE = "published mapping", "paper's setting", "tiles kept", "free"
COLUMNS = (AT_PUBLISHED, PAPER, KEPT, FREE)
LEVELS = {"DRAM": "dram", "GLB": "buffer", "PE": "array", "RF": "register_file", "MAC": "mac"}
CONV_BATCHES, FC_BATCHES = (1, 16, 64), (1, 16, 64, 256, 1024)
# The most mappings of a free mapspace that are scored; a larger one is climbed as well, with half as many.
# On machines with links a fifth: what neighbours pass on takes long to count.
THOROUGH, QUICK = 100_000, 500
_LINKED = 5
_ROOMY = "1 GiB"


@dataclass(frozen=True)
class Point:
    """A layer at a batch under a dataflow on so many PEs; of free mappings so many are scored at most."""

    pes: int
    batch: int
    layer: Layer
    label: str
    evaluations: int = THOROUGH

    @property
    def macs(self) -> int:
        return self.layer.convolution(self.batch).macs

    @property
    def kind(self) -> str:
        return "FC" if self.layer.fully_connected else "CONV"


@dataclass(frozen=True)
class Score:
    """What a point costs in a column. Energies are in MACs; ``why`` says what does not fit, if anything.

    ``on_array`` are the loops on the array, ``complete`` says whether every mapping of the column was scored.
    """

    point: Point
    column: str
    why: str = ""
    macs: int = 0
    energy: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    dram_reads: int = 0
    dram_writes: int = 0
    active_pes: int = 0
    steps: int = 0
    on_array: str = ""
    complete: bool = True

    def row(self) -> dict[str, Any]:
        """The score as a row of a table; empty where it does not fit."""
        point = self.point
        head = {
            "setting": self.column, "PEs": point.pes, "batch": point.batch, "layer": point.layer.name,
            "dataflow": point.label,
        }  # fmt: skip
        names = ("macs", "energy", "dram_reads", "dram_writes", "active_pes", "steps", "on_array", "complete")
        own = {name: None if self.why else getattr(self, name) for name in names}
        parts = {name: None if self.why else self.parts[name] for name in PARTS}
        return head | own | parts | {"does not fit": self.why}


PARTS = (*LEVELS.values(), *TENSORS)


def points(
    pes: Iterable[int], conv_batches: Sequence[int], fc_batches: Sequence[int], evaluations: int
) -> list[Point]:
    """Every point of a grid."""
    return [
        Point(size, batch, layer, label, evaluations)
        for size in pes
        for layer in LAYERS
        for batch in (fc_batches if layer.fully_connected else conv_batches)
        for label in SETTINGS
    ]


def score(point: Point) -> list[Score]:
    """The point in every column that has it: the first is known for 256 PEs only."""
    refetching = SETTINGS[point.label].refetching(point.layer, point.batch)
    paper = optimum(point)
    kept = replace(paper, column=KEPT) if refetching == ({},) else _optimum(point, KEPT, ({},))
    return [one for one in (at_published(point), paper, kept, _free(point)) if one is not None]


def scores(grid: Sequence[Point], jobs: int) -> Iterator[list[Score]]:
    """Score the points of a grid in order, in so many processes.

    Raises
    ------
    SimulatorError
        For fewer processes than one.
    """
    if jobs < 1:
        raise SimulatorError(f"jobs must be a positive whole number, not {jobs}")
    if jobs == 1:
        yield from map(score, grid)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(score, grid)


def at_published(point: Point) -> Score | None:
    """The point at the published mapping, None where none is known; whether it fits is not checked.

    The paper's m is rounded (see `Setting.published`), after which a tile may not fit by a few words.
    """
    optimum = published.layers().get((point.label, point.batch, point.layer.name))
    if point.pes != published.PES or optimum is None:
        return None
    setting = SETTINGS[point.label]
    machine = setting.machine(point.layer, point.pes)
    machine = machine.replace({f"{s.name}.capacity": _ROOMY for s in machine.storages if s.capacity_bits})
    bounds = setting.published(optimum.parameters, point.layer.filters)
    space = setting.mapspace(point.layer, point.batch, machine, bounds, "ragged")
    return _score(point, AT_PUBLISHED, machine, space, next(space.batches(1))[0])


def optimum(point: Point) -> Score:
    """The point in the paper's setting: the least energy as the paper counts."""
    return _optimum(point, PAPER, SETTINGS[point.label].refetching(point.layer, point.batch))


def _optimum(point: Point, column: str, alternatives: Sequence[Bounds]) -> Score:
    """The best of the optima within alternative bounds."""
    found = [_within(point, column, bounds) for bounds in alternatives]
    return min(found, key=lambda one: (one.why != "", one.energy, -one.active_pes))


def _within(point: Point, column: str, bounds: Bounds) -> Score:
    """The least energy in the paper's setting; of mappings equal in it the one with most PEs active."""
    setting = SETTINGS[point.label]
    machine = setting.machine(point.layer, point.pes)
    try:
        if point.label == "WS":
            check_weight_stationary(point, 1, 1)
        space = setting.mapspace(point.layer, point.batch, machine, bounds, "balanced")
        vector = _widest(space, _search(space).vector)
        if point.label == "WS":
            loops = space.decode(vector).loops
            on_array = {loop.dimension: loop.bound for loop in loops if loop.axis == "x"}
            check_weight_stationary(point, on_array.get("C", 1), on_array.get("M", 1))
    except MappingError as error:
        return Score(point, column, str(error))
    return _score(point, column, machine, space, vector)


def _search(space: Mapspace, mapper: str = "exhaustive", evaluations: int | None = None) -> Found:
    """The least energy; a search that was interrupted interrupts the run."""
    found = find_best(space, mapper=mapper, evaluations=evaluations)
    if found.interrupted:
        raise KeyboardInterrupt
    return found


def _widest(space: Mapspace, vector: Vectors) -> Vectors:
    """The mapping with the same temporal loops and more on the array, where that costs no energy.

    Balanced bounds are the smallest for their number of tiles; the paper's throughput counts the PEs that are
    active, ragged last tiles or not.
    """
    encoding, extents = space.encoding, space.problem.extents
    axes = [slot.name for slot in encoding.slots if slot.axis is not None]
    columns = encoding.columns[: encoding.first_order]
    bounds = {
        name: (int(bound), extents[name[-1]] if name[:-2] in axes else int(bound))
        for name, bound in zip(columns[1:], vector[1:], strict=False)
    }
    wider = replace(
        space.constraints, bounds={**space.constraints.bounds, **bounds}, saturated=(), factors="ragged"
    )
    vectors = np.concatenate(list(space.within(wider).batches()))
    on_axes = [i for i, name in enumerate(columns) if name[:-2] in axes]
    active = vectors[:, on_axes].astype(np.int64).prod(axis=1)
    energy = CostModel(space.problem, space.architecture).evaluate(vectors)["energy"]
    best: Vectors = vectors[np.lexsort((-active, energy))[0]]
    return best


def check_weight_stationary(point: Point, r: int, t: int) -> None:
    """Refuse r channels and t filters on the array if sums and delay lines do not fit the buffer.

    The paper's delay lines, r t (w - S) (R - 1) words, are no tile of any tensor: no mapspace knows of them.

    Raises
    ------
    MappingError
        With the words that are missing.
    """
    layer, words = point.layer, buffer_bytes(point.label, point.pes) // BYTES_PER_WORD
    width = layer.stride * (layer.output - 1) + layer.filter
    lines = r * t * (width - layer.filter) * (layer.filter - 1)
    sums = point.batch * t * layer.output**2
    missing = sums + lines - words
    if missing > 0:
        raise MappingError(
            f"{layer.name}: the buffer holds {words:,} words; the sums of {t} filters ({sums:,}) and their "
            f"delay lines ({lines:,}) take {missing:,} more ({100 * missing / words:.0f} %)"
        )


def _free(point: Point) -> Score:
    """The least energy of the dataflow's own mapspace on a square array, every action priced."""
    problem, machine = point.layer.convolution(point.batch), square_machine(point.label, point.pes)
    try:
        space = sim.mapspace(problem, machine, DATAFLOWS[point.label])
        linked = any(axis.linked_tensors for axis in machine.array("PE").axes)
        evaluations = point.evaluations // _LINKED if linked else point.evaluations
        found = _search(space, "exhaustive", evaluations)
        if not found.complete:
            climbed = _search(space, "hill-climbing", evaluations // 2)
            found = min(found, climbed, key=lambda one: one.cost)
    except MappingError as error:
        return Score(point, FREE, str(error))
    return replace(_score(point, FREE, machine, space, found.vector), complete=found.complete)


def _score(point: Point, column: str, machine: Architecture, space: Mapspace, vector: Vectors) -> Score:
    mapping = space.decode(vector)
    spent = cost(space.problem, machine, mapping, "closed-form")
    parts = {LEVELS[level]: _energy(spent, level, None) for level in LEVELS}
    parts |= {tensor: _energy(spent, None, tensor) for tensor in TENSORS}
    on_array = [f"{loop.dimension}{loop.bound}" for loop in mapping.loops if loop.spatial]
    return Score(
        point, column, "", spent.counts.macs, spent.energy, parts,
        _words(spent, "read", "refill"), _words(spent, "drain"),
        spent.counts.active_pes, spent.counts.steps, " ".join(on_array),
    )  # fmt: skip


def _energy(spent: Cost, level: str | None, tensor: str | None) -> float:
    return math.fsum(
        row.energy for row in spent.rows if level in (None, row.component) and tensor in (None, row.tensor)
    )


def _words(spent: Cost, *actions: str) -> int:
    return sum(row.count for row in spent.rows if row.component == "DRAM" and row.action in actions)
