"""What an engine reports: one row per boundary, and the totals of a nest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from simulator.counting.forms import Form, QueryTable, column
from simulator.counting.lowering import (
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FORWARDABLE,
    READS,
    Boundary,
    Ints,
    Nest,
    fully_reduced,
    total,
)


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

    def to_dict(self, output: bool) -> dict[str, Any]:
        """The row in the form of the counting cases."""
        operand = ("parent_reads", "child_fills", "forwardable")
        result = ("drains", "merges", "contributed", "refills")
        keys = ("tensor", "parent", "child", *(result if output else operand))
        return {key: value for key, value in asdict(self).items() if key in keys}


_NONE = Form()


@dataclass(frozen=True)
class BoundaryForms:
    """The counts of a boundary as forms over query answers."""

    boundary: Boundary
    parent_reads: Form = _NONE
    child_fills: Form = _NONE
    forwardable: Form = _NONE
    drains: Form = _NONE
    merges: Form = _NONE
    contributed: Form = _NONE
    refills: Form = _NONE

    @property
    def forms(self) -> dict[str, Form]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "boundary"}


@dataclass(frozen=True)
class Counts:
    """Counts of a nest: a row per boundary, MACs, steps that exist and active PEs at the first step.

    ``zero_operand_macs`` are MACs with an operand of zero, None where the engine moves no values.
    """

    engine: str
    rows: tuple[BoundaryCounts, ...]
    macs: int
    steps: int
    active_pes: int
    zero_operand_macs: int | None = None

    def row(self, tensor: str, parent: str) -> BoundaryCounts:
        """The boundary of ``tensor`` below the level ``parent``."""
        return next(r for r in self.rows if r.tensor == tensor and r.parent == parent)


def boundary_forms(nest: Nest) -> tuple[BoundaryForms, ...]:
    """Every boundary's counts as forms, in the order of ``nest.boundaries``.

    ``merges`` are drains beyond those of full reduction; ``refills = drains - merges - fresh``, where
    fresh words start at zero: every output at the outermost level, ``contributed - refills`` of the
    boundary above elsewhere.
    """
    rows: list[BoundaryForms] = []
    own = nest.problem.tensor(nest.problem.output).dimensions
    fresh = Form(constant=math.prod(nest.problem.extents[d] for d in own))
    for boundary in nest.boundaries:
        query = total(nest, boundary)
        if not boundary.output:
            reads, fills, forwardable = (column(query, c) for c in (READS, FILLS, FORWARDABLE))
            rows.append(BoundaryForms(boundary, reads, fills, forwardable))
            continue
        drains, contributed = column(query, DRAINS), column(query, CONTRIBUTED)
        reduced = column(fully_reduced(boundary), DRAINS)
        refills = reduced - fresh
        rows.append(
            BoundaryForms(
                boundary, drains=drains, merges=drains - reduced, contributed=contributed, refills=refills
            )
        )
        fresh = contributed - refills
    return tuple(rows)


def read_counts(nest: Nest, table: QueryTable, answers: Ints, engine: str) -> Counts:
    """Counts of one nest from the answers (Q, COLUMNS) to a table of queries."""
    rows = []
    for forms in boundary_forms(nest):
        words = [int(table.words(form, answers)) for form in forms.forms.values()]
        names = (forms.boundary.tensor, forms.boundary.parent, forms.boundary.child)
        rows.append(BoundaryCounts(*names, *words))
    return Counts(engine, tuple(rows), nest.problem.macs, count_steps(nest), count_active_pes(nest))


def count_steps(nest: Nest, above: int | None = None) -> int:
    """Temporal steps that exist, a product over dimensions; with ``above``, only loops before that run."""
    running = len(nest.spatial) if above is None else above
    return _below(nest, [not spatial and i < running for i, spatial in enumerate(nest.spatial)])


def count_active_pes(nest: Nest) -> int:
    """Spatial positions below the extents when every temporal index is 0."""
    return _below(nest, nest.spatial)


def _below(nest: Nest, counted: Sequence[bool]) -> int:
    """Index combinations of the counted loops, the others at 0, that stay below every extent."""
    product = 1
    for d, extent in enumerate(nest.structure.extents.tolist()):
        loops = [loop for loop, dim in enumerate(nest.structure.loop_dim) if dim == d]
        stride = math.prod(int(nest.bounds[loop]) for loop in loops)
        # The number of the last combination in the mixed radix of the counted loops.
        last, room = 0, extent - 1
        for loop in loops:
            bound = int(nest.bounds[loop])
            stride //= bound
            if counted[loop]:
                index = min(bound - 1, room // stride)
                last = last * bound + index
                room -= index * stride
        product *= last + 1
    return product
