"""What an engine reports: one row per boundary, and the totals of a nest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from simulator.counting.lowering import (
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FORWARDABLE,
    READS,
    Boundary,
    Ints,
    Nest,
    Query,
    fully_reduced,
    total,
)

Engine = Callable[[Nest, list[Query]], Ints]


@dataclass(frozen=True)
class BoundaryCounts:
    """Words counted at one boundary. Operands use the first three counts, the output the others."""

    tensor: str
    parent: str
    child: str
    parent_reads: int = 0
    child_fills: int = 0
    forwardable: int = 0
    drains: int = 0
    merges: int = 0
    contributed: int = 0
    refills: int = 0

    @property
    def fresh(self) -> int:
        """Words of the parent that started at zero."""
        return self.drains - self.merges - self.refills

    def to_dict(self, output: bool) -> dict[str, Any]:
        """The row in the form of the counting cases."""
        operand = ("parent_reads", "child_fills", "forwardable")
        result = ("drains", "merges", "contributed", "refills")
        keys = ("tensor", "parent", "child", *(result if output else operand))
        return {key: value for key, value in asdict(self).items() if key in keys}


@dataclass(frozen=True)
class Counts:
    """Counts of a nest: a row per boundary, MACs, steps that exist and active PEs at the first step."""

    engine: str
    rows: tuple[BoundaryCounts, ...]
    macs: int
    steps: int
    active_pes: int
    zero_operand_macs: int | None = None

    def row(self, tensor: str, parent: str) -> BoundaryCounts:
        return next(r for r in self.rows if r.tensor == tensor and r.parent == parent)


def assemble(nest: Nest, measure: Engine, engine: str) -> Counts:
    """Ask an engine for the totals of every boundary and complete the output's merges and refills."""
    asked: list[Query] = []
    for boundary in nest.boundaries:
        asked.append(total(nest, boundary))
        if boundary.output:
            asked.append(fully_reduced(nest, boundary))
    answers = iter(measure(nest, asked))
    rows: list[BoundaryCounts] = []
    fresh = math.prod(nest.problem.shape(nest.problem.output))
    for boundary in nest.boundaries:
        row = next(answers)
        names = (boundary.tensor, boundary.parent, boundary.child)
        if not boundary.output:
            reads, fills, forwardable = (int(row[c]) for c in (READS, FILLS, FORWARDABLE))
            rows.append(
                BoundaryCounts(*names, parent_reads=reads, child_fills=fills, forwardable=forwardable)
            )
            continue
        drains, contributed = int(row[DRAINS]), int(row[CONTRIBUTED])
        merges = drains - int(next(answers)[DRAINS])
        refills = drains - merges - fresh
        rows.append(
            BoundaryCounts(*names, drains=drains, merges=merges, contributed=contributed, refills=refills)
        )
        fresh = contributed - refills
    return Counts(engine, tuple(rows), nest.problem.macs, count_steps(nest), count_active_pes(nest))


def count_steps(nest: Nest) -> int:
    """Temporal steps that exist: a product over dimensions."""
    return math.prod(_below(nest, d, n, spatial=False) for d, n in nest.problem.dimensions)


def count_active_pes(nest: Nest) -> int:
    """Spatial positions below the extents when every temporal index is 0."""
    return math.prod(_below(nest, d, n, spatial=True) for d, n in nest.problem.dimensions)


def _below(nest: Nest, dimension: str, extent: int, spatial: bool) -> int:
    """Index combinations of the temporal or the spatial loops of a dimension that stay below its extent."""
    loops: list[tuple[int, int]] = []
    stride = 1
    for loop in reversed(nest.mapping.loops):
        if loop.dimension == dimension:
            if loop.spatial == spatial:
                loops.append((loop.bound, stride))
            stride *= loop.bound
    count, room = 0, extent - 1
    rest = math.prod(bound for bound, _ in loops)
    for bound, step in reversed(loops):
        rest //= bound
        index = min(bound - 1, room // step)
        count += index * rest
        room -= index * step
    return count + 1


def boundary_names(boundary: Boundary) -> str:
    """A boundary as people write it: ``inputs: GLB -> ifmap_spad``."""
    return f"{boundary.tensor}: {boundary.parent} -> {boundary.child}"
