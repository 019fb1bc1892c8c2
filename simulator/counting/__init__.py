"""Three engines, one contract: ``walk``, ``closed-form`` and ``functional`` count the same words."""

from __future__ import annotations

from simulator.counting.counts import BoundaryCounts, Counts, boundary_forms, read_counts
from simulator.counting.forms import QueryTable
from simulator.counting.lowering import Nest, Rules, lower
from simulator.errors import SimulatorError, did_you_mean

__all__ = ["ENGINES", "BoundaryCounts", "Counts", "Nest", "Rules", "check_engine", "count", "lower"]

ENGINES = ("walk", "closed-form", "functional")


def check_engine(name: str) -> str:
    """Return the name of an engine; SimulatorError with the nearest name if there is none."""
    if name not in ENGINES:
        raise SimulatorError(f"unknown engine {name!r}{did_you_mean(name, ENGINES)}")
    return name


def count(nest: Nest, engine: str = "walk") -> Counts:
    """Count a lowered, legal nest with one engine.

    Raises
    ------
    SimulatorError
        For an unknown engine; from the functional engine, for a mapping that overflows a buffer.
    """
    check_engine(engine)
    if engine == "functional":
        from simulator.counting.functional import execute_and_verify

        return execute_and_verify(nest).counts
    from simulator.counting import closed_form, walk

    table = QueryTable()
    for forms in boundary_forms(nest):
        table.add(forms.forms.values())
    measure = walk.count_queries if engine == "walk" else closed_form.count_queries
    return read_counts(nest, table, measure(nest, table.queries), engine)
