"""What to ask, price and time at every boundary a mapping can have, as arrays: `cost` for kernels.

A boundary depends on its tensor, its two levels and whether neighbours pass words sideways; not on the
loops. So each is priced once by the code that prices a single mapping, on a nest that has no more than
one loop per axis, and its forms and flows are written down with a role per axis instead of per loop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from itertools import accumulate, chain, combinations
from typing import NamedTuple

import numpy as np

from simulator.architecture import Architecture, Array
from simulator.cost.actions import Action, boundary_actions, mac_action
from simulator.cost.model import leaks
from simulator.cost.timing import Floats, Flow, Terms, boundary_flows, ramps
from simulator.counting.counts import BoundaryForms, boundary_forms
from simulator.counting.forms import Form, QueryTable
from simulator.counting.lowering import (
    COLUMNS,
    CONTRIBUTED,
    FORWARDABLE,
    INSIDE,
    MAC,
    SPLIT,
    UNION,
    Ints,
    Nest,
    Query,
    lower,
    lower_queries,
)
from simulator.counting.wires import Wires
from simulator.errors import ArchitectureError
from simulator.legality import rules
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem

# The code begins with these (HEADER of them): addresses of tables, then numbers. BOUNDARY: a row for each
# tensor and parent, a column for each child, the last the MAC: the address of a boundary's record, -1 where
# there is none. LINKED: the same: what to add to the address for the first array whose links the boundary
# uses, and again for each further one; 0 where it uses none. LINKS: tensor by axis, whether the axis passes
# its words sideways. The array of each axis, the ranks of arrays and levels, each array's skew in cycles a
# pass. BY_TENSOR: addresses of all records, those of a tensor together, outer parents first; a tensor's begin
# at its number in FIRST_RECORD. Numbers: levels, tensors, axes, resources, leaks; MACs, MAC units, outputs
# (words that start at zero).
(
    BOUNDARY, LINKED, LINKS, AXIS_ARRAY, ARRAY_RANK, LEVEL_RANK, SKEW, BY_TENSOR, FIRST_RECORD,
    LEVELS, TENSORS, AXES, RESOURCES, LEAKS, MACS, MAC_UNITS, OUTPUTS, HEADER,
) = range(18)  # fmt: skip
# A boundary's record. ANSWERS: where its answers begin, COLUMNS for each query; FRESH_ABOVE: the one after
# them, words that start at zero above. QUERY, COUNT_FORMS, ACTION, WORD_FORMS and FLOW are addresses: of its
# queries, of the addresses of its counts' forms, of its priced actions, of the words of all its actions, of
# its flows; ACTION_PRICE and FLOW_PRICE are places in the prices; NUMBER: its place in BY_TENSOR.
(
    IS_OUTPUT, HOLDS, CLIPS, PARENT, EXPOSED, RAMPS, COUNT_ROW, ANSWERS, FRESH_ABOVE, QUERY, QUERY_COUNT,
    COUNT_FORMS, ACTION, ACTION_COUNT, ACTION_PRICE, WORD_FORMS, WORD_COUNT, FLOW, FLOW_COUNT, FLOW_PRICE,
    NUMBER, RECORD,
) = range(22)  # fmt: skip
# A query's record, before a role for each axis: the axis whose index weighs the words or -1; whether
# `forwardable` is wanted; whether the first and last tiles are; whether each step of each place moves a word;
# whether all places share what comes (none counts by itself, none alone); the address of its network or -1.
WEIGHT, FORWARD, TIMED, EVERY_MAC, SHARED, WIRES, ROLES = range(7)
# A network: whether neighbours pass words on; its number of axes; what each axis of the machine is to it;
# then its axes.
NETWORK_LINKED, NETWORK_AXES, NETWORK_LIES = range(3)
# A form: how many terms; for each an index into the answers and a coefficient.
# A priced action: its form, how many of the words are finished; price, words and finished words in a unit.
# Words of an action: its number among `Priced.names`, its form.
# A flow: its resource; numbers of terms of all words, the first tile, the last, merges; their indices; and
# cycles a word for each.
# Counts of a boundary, one form each.
COUNTS = tuple(f.name for f in fields(BoundaryForms) if f.name != "boundary")
CONTRIBUTED_FORM, REFILLS_FORM = COUNTS.index("contributed"), COUNTS.index("refills")


class Program(NamedTuple):
    """``code``, int64, and ``prices``, float64, flat arrays: first of all MACs together, then of leaks."""

    code: Ints
    prices: Floats


@dataclass
class _Tables:
    """The program as it is written: records that refer to addresses after ``start``."""

    problem: Problem
    architecture: Architecture
    start: int
    code: list[int] = field(default_factory=list)
    prices: list[float] = field(default_factory=list)
    answers: int = 0
    names: dict[tuple[str, str, str], int] = field(default_factory=dict)
    resources: dict[str, int] = field(default_factory=dict)
    rows: dict[tuple[str, str], int] = field(default_factory=dict)

    def write(self, numbers: Iterable[int]) -> int:
        """Append numbers to the code; return the address of the first."""
        address = self.start + len(self.code)
        self.code += numbers
        return address


@dataclass(frozen=True)
class Priced:
    """A program with the names of its actions (component, tensor, action) and rows of counts (tensor,
    parent), its resources, how many answers it needs, and how many records of boundaries it has."""

    program: Program
    names: tuple[tuple[str, str, str], ...]
    rows: tuple[tuple[str, str], ...]
    resources: tuple[str, ...]
    answers: int
    records: int


def write_program(problem: Problem, architecture: Architecture) -> Priced:
    """Return the program of a problem on a machine.

    Raises
    ------
    ArchitectureError
        For a leakage without a clock.
    """
    levels = [s.name for s in architecture.storages]
    arrays = {array.name: i for i, array in enumerate(architecture.arrays)}
    axes = [(arrays[array.name], axis) for array in architecture.arrays for axis in array.axes]
    leaking = [price for _, price in leaks(architecture)]
    shape = len(problem.tensors), len(levels), len(levels) + 1
    fixed = [
        [int(axis.links(t)) for t in problem.tensor_names for _, axis in axes],
        [array for array, _ in axes],
        [array.rank for array in architecture.arrays],
        [*(s.rank for s in architecture.storages), 2**31],
        [sum(x.size - 1 for x in array.axes if x.linked_tensors) for array in architecture.arrays],
    ]
    size = math.prod(shape)
    starts = [HEADER, HEADER + size, *accumulate(map(len, fixed[:-1]), initial=HEADER + 2 * size)]
    tables = _Tables(problem, architecture, HEADER + 2 * size + sum(map(len, fixed)))
    macs = mac_action(problem, architecture)
    tables.prices = [macs.units(problem.macs) * macs.price, *leaking]
    first, linked = np.full(shape, -1, np.int64), np.zeros(shape, np.int64)
    ways = 1 + len(architecture.arrays)
    for t, tensor in enumerate(problem.tensor_names):
        keeping = [i for i, s in enumerate(architecture.storages) if tensor in s.keeps]
        for level in keeping:
            tables.rows[tensor, levels[level]] = len(tables.rows)
        for parent, child in [*combinations(keeping, 2), *((p, len(levels)) for p in keeping)]:
            if child == len(levels) or architecture.storages[parent].rank < architecture.storages[child].rank:
                ends = levels[parent], [*levels, MAC][child]
                first[t, parent, child], linked[t, parent, child] = _add_boundaries(tables, tensor, *ends)
    outputs = math.prod(problem.extents[d] for d in problem.tensor(problem.output).dimensions)
    by_tensor = [_addresses(first[t], linked[t], ways) for t in range(len(problem.tensors))]
    for number, address in enumerate(chain.from_iterable(by_tensor)):
        tables.code[address - tables.start + NUMBER] = number
    starts.append(tables.write(chain.from_iterable(by_tensor)))
    starts.append(tables.write(accumulate(map(len, by_tensor), initial=0)))
    numbers = [len(levels), len(problem.tensors), len(axes), len(tables.resources), len(leaking)]
    header = [*starts, *numbers, problem.macs, architecture.mac_units, outputs]
    code = [*header, *first.ravel(), *linked.ravel(), *chain.from_iterable(fixed), *tables.code]
    program = Program(np.array(code, np.int64), np.array(tables.prices, np.float64))
    records = sum(map(len, by_tensor))
    return Priced(
        program, tuple(tables.names), tuple(tables.rows), tuple(tables.resources), tables.answers, records
    )


def _addresses(first: Ints, linked: Ints, ways: int) -> list[int]:
    """Addresses of a tensor's records (parents, children), outer parents first (as levels stand)."""
    return [
        int(address + way * step)
        for address, step in zip(first.ravel(), linked.ravel(), strict=True)
        for way in range(ways if step else 1)
        if address >= 0
    ]


def _add_boundaries(tables: _Tables, tensor: str, parent: str, child: str) -> tuple[int, int]:
    """Write a boundary down; return its address, and what to add to it for each array whose links it may use.

    -1 where no price exists: mappings with such a boundary are not legal.
    """
    links = any(axis.links(tensor) for array in tables.architecture.arrays for axis in array.axes)
    try:
        ways = [_record(tables, tensor, parent, child, None)]
        if links:
            ways += [_record(tables, tensor, parent, child, array) for array in tables.architecture.arrays]
    except ArchitectureError:
        return -1, 0
    return tables.write(chain.from_iterable(ways)), RECORD if links else 0


def representative(
    problem: Problem, architecture: Architecture, tensor: str, parent: str, child: str, linking: Array | None
) -> Nest:
    """A nest with this boundary and a loop on every axis, but for those that would link further inside."""
    parts: list[tuple[int, Store | Loop]] = []
    for level in (parent, child):
        if level not in (MAC, architecture.outermost.name):
            parts.append((architecture.rank_of(level), Store(level, (tensor,))))
    dimension = problem.dimensions[0][0]
    above, below = architecture.rank_of(parent), math.inf if child == MAC else architecture.rank_of(child)
    for array in architecture.arrays:
        crossed = above < array.rank < below
        quiet = crossed and (linking is None or array.rank > linking.rank)
        for axis in array.axes:
            if not (quiet and axis.links(tensor)):
                parts.append((array.rank, Loop(dimension, 1, axis.name, array.name)))
    parts.sort(key=lambda part: part[0])
    mapping = Mapping(
        (Store(architecture.outermost.name, problem.tensor_names), *(node for _, node in parts))
    )
    return lower(problem, mapping, rules(problem, architecture, mapping))


def _record(tables: _Tables, tensor: str, parent: str, child: str, linking: Array | None) -> list[int]:
    """Write down a boundary's queries, counts, actions and flows; return its record."""
    problem, architecture = tables.problem, tables.architecture
    nest = representative(problem, architecture, tensor, parent, child, linking)
    forms = next(
        f for f in boundary_forms(nest) if (f.boundary.tensor, f.boundary.parent) == (tensor, parent)
    )
    boundary = forms.boundary
    actions = list(boundary_actions(nest, architecture, forms))
    flows = list(boundary_flows(nest, architecture, boundary))
    asked = QueryTable()
    asked.add(forms.forms.values())
    asked.add(action.words for action in actions)
    asked.add(Form(tuple((q, n, 1) for q, n, _ in terms)) for flow in flows for terms in _terms(flow))
    queries = [query for query in asked.queries if query.boundary == boundary]
    index = {query: i * COLUMNS for i, query in enumerate(queries)}
    fresh = COLUMNS * len(queries)
    record = [0] * RECORD
    record[IS_OUTPUT], record[HOLDS], record[CLIPS] = boundary.output, boundary.holds, boundary.clips
    record[PARENT] = [s.name for s in architecture.storages].index(parent)
    record[EXPOSED] = child != MAC and architecture.storage(child).single_buffered(tensor)
    record[RAMPS] = ramps(architecture, boundary)
    record[COUNT_ROW] = tables.rows[tensor, parent]
    record[ANSWERS], record[FRESH_ABOVE] = tables.answers, tables.answers + fresh
    outputs = math.prod(problem.extents[d] for d in problem.tensor(problem.output).dimensions)

    def form(words: Form) -> list[int]:
        """Number of terms, indices and coefficients; like terms become one."""
        terms: dict[int, int] = {}
        constant = words.constant
        for query, name, coefficient in words.terms:
            if query.boundary == boundary:
                at = tables.answers + index[query] + name
                terms[at] = terms.get(at, 0) + coefficient
            elif name == CONTRIBUTED:
                # Of the boundary above only what it leaves to start at zero is meant.
                terms[tables.answers + fresh], constant = coefficient, 0
        if constant:
            terms[tables.answers + fresh] = constant // outputs
        kept = {at: coefficient for at, coefficient in terms.items() if coefficient}
        return [len(kept), *chain.from_iterable(kept.items())]

    record[QUERY_COUNT] = len(queries)
    record[QUERY] = tables.write(_queries(tables, nest, queries, actions, flows))
    addresses = [tables.write(form(words)) for words in forms.forms.values()]
    record[COUNT_FORMS] = tables.write(addresses)
    priced = [action for action in actions if action.price]
    record[ACTION_COUNT], record[ACTION_PRICE] = len(priced), len(tables.prices)
    record[ACTION] = tables.write(n for a in priced for n in (*form(a.words), a.finished.constant))
    for a in priced:
        tables.prices += [a.price, a.words_per_unit, a.finished_per_unit]
    record[WORD_COUNT] = len(actions)
    names = [(a.component, a.tensor, a.action) for a in actions]
    numbers = [tables.names.setdefault(name, len(tables.names)) for name in names]
    record[WORD_FORMS] = tables.write(
        n for number, a in zip(numbers, actions, strict=True) for n in (number, *form(a.words))
    )
    record[FLOW_COUNT], record[FLOW_PRICE] = len(flows), len(tables.prices)
    written: list[int] = []
    for flow in flows:
        terms = _terms(flow)
        written += [tables.resources.setdefault(flow.resource, len(tables.resources)), *map(len, terms)]
        written += [tables.answers + index[query] + name for part in terms for query, name, _ in part]
        tables.prices += [cost for part in terms for _, _, cost in part]
    record[FLOW] = tables.write(written)
    tables.answers += fresh + 1
    return record


def _terms(flow: Flow) -> tuple[Terms, Terms, Terms, Terms]:
    return flow.words, flow.first, flow.last, flow.merges


def _queries(
    tables: _Tables, nest: Nest, queries: list[Query], actions: list[Action], flows: list[Flow]
) -> list[int]:
    """Records of queries, with a role per axis."""
    axes = [(array.name, axis.name) for array in tables.architecture.arrays for axis in array.axes]
    loops = [(str(loop.array), str(loop.axis)) for loop in nest.mapping.loops]
    timed = {query for flow in flows for terms in _terms(flow)[:3] for query, *_ in terms}
    asked = [term[:2] for action in actions for term in action.words.terms]
    asked += [term[:2] for flow in flows for terms in _terms(flow) for term in terms]
    forward = {query for query, name in asked if name == FORWARDABLE}
    written: list[int] = []
    for query, roles in zip(queries, lower_queries(nest, queries).roles, strict=True):
        by_axis = [int(roles[loops.index(axis)]) if axis in loops else INSIDE for axis in axes]
        boundary = query.boundary
        weight = axes.index(loops[query.weight]) if query.weight >= 0 else -1
        wires = -1 if query.wires is None else tables.write(_network(query.wires, axes))
        apart = boundary.child == MAC and not boundary.holds and not boundary.clips
        every = apart and weight < 0 and wires < 0 and set(by_axis) <= {SPLIT, INSIDE}
        shared = set(by_axis) <= {UNION, INSIDE}
        written += [weight, query in forward, query in timed, every, shared, wires, *by_axis]
    return written


def _network(wires: Wires, axes: list[tuple[str, str]]) -> list[int]:
    """The record of a network."""
    lies = [wires.lies(array, axis) for array, axis in axes]
    return [int(wires.linked), len(wires.axes), *lies, *chain.from_iterable(wires.rows())]
