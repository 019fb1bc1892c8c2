"""The cost of a layer under a mapping: counts, the table of actions, energy, cycles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np

from simulator.architecture import STORAGE_ACTIONS, Architecture
from simulator.cost.actions import Action, energy_actions, followed
from simulator.cost.timing import Cycles, cycles, timing
from simulator.counting import check_engine
from simulator.counting import closed_form as closed_form_engine
from simulator.counting.counts import Counts, boundary_forms, read_counts
from simulator.counting.forms import QueryTable
from simulator.counting.lowering import MAC, lower
from simulator.errors import ArchitectureError, EngineDifferenceError
from simulator.legality import capacity_words, check_mapping, rules
from simulator.mapping import Mapping
from simulator.problem import Problem

if TYPE_CHECKING:
    from simulator.cost.executed import Executed


@dataclass(frozen=True)
class EnergyRow:
    """One action of one component with one tensor: ``count`` words (or MACs, or cycles of leakage).

    Priced are ``units`` of ``unit``: "word", "block", "MAC" or "cycle", fractions of one as such. They are
    fewer than the words by what gating is expected to skip, and by as much as coding is expected to shorten
    them. ``energy`` is units times price, in the architecture's unit. ``bits`` go through a storage level's
    ports. ``executed_units`` are those that real values came to, None where values change nothing or the
    engine moves none.
    """

    component: str
    tensor: str
    action: str
    count: int
    units: float
    unit: str
    price: float
    energy: float
    bits: float = 0.0
    executed_units: float | None = None


@dataclass(frozen=True)
class Cost:
    """What a problem costs under a mapping on a machine."""

    problem: Problem
    mapping: Mapping
    counts: Counts
    rows: tuple[EnergyRow, ...]
    cycles: Cycles
    mac_units: int

    @property
    def energy(self) -> float:
        """Sum over all rows, in the architecture's unit; in their order, as `CostModel` sums."""
        return reduce(add, (row.energy for row in self.rows), 0.0)

    @property
    def edp(self) -> float:
        """Energy times cycles."""
        return self.energy * self.cycles.total

    @property
    def utilization(self) -> float:
        """MACs over steps times MAC units."""
        return float(self.counts.macs) / (float(self.counts.steps) * float(self.mac_units))


def cost(problem: Problem, architecture: Architecture, mapping: Mapping, engine: str = "walk") -> Cost:
    """Check, count and price one mapping of a problem.

    ``engine`` is "walk" (checked against the closed form), "closed-form" or "functional" (which moves
    values and takes its time; its counts are checked too).

    Raises
    ------
    MappingError, SimulatorError
        For an illegal mapping or an unknown engine.
    EngineDifferenceError
        If two engines disagree.
    """
    check_engine(engine)
    mapping = check_mapping(problem, architecture, mapping)
    nest = lower(problem, mapping, rules(problem, architecture, mapping))
    actions, times = energy_actions(nest, architecture), timing(nest, architecture)
    table = QueryTable()
    for forms in boundary_forms(nest):
        table.add(forms.forms.values())
    table.add(action.words for action in actions)
    table.add(times.forms())
    answers = closed_form_engine.count_queries(nest, table.queries)
    counts = read_counts(nest, table, answers, engine)
    timeline, executed = 0.0, None
    if engine == "walk":
        from simulator.counting.walk import walk

        walked, timeline = walk(nest, table.queries, times.cycles_per_word(table), times.streams(table))
        _agree(problem, read_counts(nest, table, walked, engine), counts, np.array_equal(walked, answers))
    elif engine == "functional":
        from simulator.cost.executed import what_values_did
        from simulator.counting.functional import execute_and_verify

        networks = followed(nest, architecture)
        execution = execute_and_verify(nest, capacity_words(problem, architecture, mapping), networks)
        hops = [
            ((wires.array, nest.boundaries[row].tensor, "hop"), taken)
            for (row, wires), taken in zip(networks, execution.hops, strict=True)
        ]
        words = {(a.component, a.tensor, a.action): int(table.words(a.words, answers)) for a in actions}
        _agree(problem, execution.counts, counts, all(words[name] == taken for name, taken in hops))
        counts, executed = execution.counts, what_values_did(nest, architecture, execution)
    rows = [_row(action, int(table.words(action.words, answers)), executed) for action in actions]
    spent = cycles(times, table, answers, counts.steps, timeline)
    for name, price in leaks(architecture):
        rows.append(
            EnergyRow(name, "", "leak", spent.total, spent.total, "cycle", price, price * spent.total)
        )
    return Cost(problem, mapping, counts, tuple(rows), spent, architecture.mac_units)


def _row(action: Action, words: int, executed: Executed | None) -> EnergyRow:
    """An action of so many words, priced; with what values did of it."""
    units = action.units(words)
    return EnergyRow(
        action.component,
        action.tensor,
        action.action,
        words,
        units,
        action.unit,
        action.price,
        units * action.price,
        action.moved_bits(words) if action.action in STORAGE_ACTIONS else 0.0,
        None if executed is None else executed.units(action, words),
    )


def _agree(problem: Problem, one: Counts, other: Counts, everywhere: bool) -> None:
    if one.rows == other.rows and one.steps == other.steps and everywhere:
        return
    elsewhere = "The traffic of one instance, or the hops, differ."
    differing = [(a, b) for a, b in zip(one.rows, other.rows, strict=True) if a != b]
    raise EngineDifferenceError(
        f"{problem.name}: the {one.engine} engine and the closed form differ, which is a defect of the "
        f"simulator; please report the mapping. {differing[:1] or elsewhere}"
    )


def leaks(architecture: Architecture) -> list[tuple[str, float]]:
    """Components that state a leakage, with the energy that all their instances leak in a cycle.

    Raises
    ------
    ArchitectureError
        Where the machine states no clock, or prices in MACs.
    """
    stated: list[tuple[str, float | None, int]] = []
    for storage in architecture.storages:
        above = architecture.arrays_above(storage.name)
        stated.append(
            (storage.name, storage.leakage_mw, math.prod(architecture.array(a).size for a in above))
        )
    for array in architecture.arrays:
        outside = (a.size for a in architecture.arrays if a.rank < array.rank)
        stated.append((array.name, array.leakage_mw, math.prod(outside)))
    stated.append((MAC, architecture.mac.leakage_mw, architecture.mac_units))
    found = []
    for name, leakage_mw, instances in stated:
        if leakage_mw:
            if architecture.energy_unit != "pJ" or architecture.clock_mhz is None:
                raise ArchitectureError(
                    f"{architecture.name}: {name}: leakage_mw needs energy_unit pJ and clock_mhz"
                )
            # mW / MHz = nJ a cycle.
            found.append((name, leakage_mw * instances / architecture.clock_mhz * 1000.0))
    return found
