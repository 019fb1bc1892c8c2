"""Cycles: what ports and networks are busy with, next to the steps of computation.

    busy(port)    = bits through a level's read, write or shared port / its bandwidth
    busy(network) = bits entering it (outputs leave by their own width) / its width
    exposed       = transfers into single-buffered tiles, which cannot hide behind computation
    cycles        = max(steps, every busy) + exposed + skew + first fill + last drain

An instance's traffic is that of position zero, which is never idle while another works (counting
contract, "Time"). The walk replaces the maximum by a timeline that also finds the stalls totals hide.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simulator.architecture import Architecture, Storage
from simulator.cost.actions import crossed, linked, loops_above
from simulator.counting.counts import count_steps
from simulator.counting.forms import Form, QueryTable
from simulator.counting.lowering import (
    COLUMNS,
    CONTRIBUTED,
    DRAINS,
    FILLS,
    FIRST_READS,
    FORWARDABLE,
    FRESH,
    LAST_DRAINS,
    MAC,
    READS,
    REFILLS,
    Boundary,
    Ints,
    Nest,
    Query,
    at_zero,
    fully_reduced,
    total,
)
from simulator.legality import word_bits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Flow:
    """Words of one boundary through one resource: cycles a word of each (query, column) keeps it busy.

    ``first`` and ``last`` are the same for the first tile that fills and the last that drains.
    """

    boundary: Boundary
    resource: str
    words: tuple[tuple[Query, int, float], ...]
    first: tuple[tuple[Query, int, float], ...] = ()
    last: tuple[tuple[Query, int, float], ...] = ()


@dataclass(frozen=True)
class Cycles:
    """Cycles of a layer and what they are made of; ``busy`` per port or network."""

    total: int
    steps: int
    busy: dict[str, float]
    exposed: float
    skew: int
    first_fill: float
    last_drain: float
    stalls: float

    @property
    def limit(self) -> str:
        """What sets the pace: ``computation``, or the busiest port or network."""
        name, busiest = max(self.busy.items(), key=lambda item: item[1], default=("", 0.0))
        return name if busiest > self.steps else "computation"


@dataclass(frozen=True)
class Timing:
    """The flows of a mapping on its machine, and the skew of its arrays in cycles."""

    flows: tuple[Flow, ...]
    exposed: frozenset[Boundary]
    skew: int

    def forms(self) -> Iterable[Form]:
        """Everything the flows ask the engines for."""
        for flow in self.flows:
            for terms in (flow.words, flow.first, flow.last):
                yield Form(tuple((query, name, 1) for query, name, _ in terms))

    def resources(self) -> list[str]:
        return sorted({flow.resource for flow in self.flows})

    def cycles_per_word(self, table: QueryTable) -> Floats:
        """The flows as the walk's (queries, COLUMNS, resources) table."""
        names = self.resources()
        cost = np.zeros((len(table.queries), COLUMNS, len(names)))
        for flow in self.flows:
            for query, name, cycles in flow.words:
                cost[table.position(query), name, names.index(flow.resource)] += cycles
        return cost


def timing(nest: Nest, architecture: Architecture) -> Timing:
    """The flows through every port and network with a bandwidth, and the arrays' skew."""
    flows = [flow for b in nest.boundaries for flow in _flows(nest, architecture, b)]
    exposed = frozenset(
        b
        for b in nest.boundaries
        if b.child != MAC and architecture.storage(b.child).single_buffered(b.tensor)
    )
    return Timing(tuple(flows), exposed, int(skew(nest, architecture)))


def cycles(parts: Timing, table: QueryTable, answers: Ints, steps: int, timeline: float = 0.0) -> Cycles:
    """Cycles of one mapping from the answers (Q, COLUMNS); ``timeline`` is the walk's, 0 without one."""
    steps_, busy, exposed, first_fill, last_drain = _parts(parts, table, answers, np.asarray(steps))
    pace = max([float(steps_), *(float(b) for b in busy.values())])
    stalls = max(0.0, timeline - pace)
    total = int(_whole(pace + stalls + exposed + first_fill + last_drain)) + parts.skew
    shares = {name: float(b) for name, b in busy.items()}
    return Cycles(
        total, steps, shares, float(exposed), parts.skew, float(first_fill), float(last_drain), stalls
    )


def batch_cycles(parts: Timing, table: QueryTable, answers: Ints, steps: Ints, skew: Ints) -> Ints:
    """Cycles (B,) of mappings of one shape from answers (B, Q, COLUMNS), without a timeline."""
    steps_, busy, exposed, first_fill, last_drain = _parts(parts, table, answers, steps)
    pace = steps_
    for time in busy.values():
        pace = np.maximum(pace, time)
    return _whole(pace + exposed + first_fill + last_drain) + skew


def _whole(cycles: Floats | float) -> Ints:
    """Round up; sums of fractions of cycles may end a hair above a whole number."""
    return np.ceil(np.asarray(cycles) * (1 - 1e-12) - 1e-6).astype(np.int64)


def _parts(
    parts: Timing, table: QueryTable, answers: Ints, steps: Ints
) -> tuple[Floats, dict[str, Floats], Floats, Floats, Floats]:
    """Steps, busy time per resource, exposed, first fill and last drain, each of shape (...)."""

    def spent(terms: tuple[tuple[Query, int, float], ...]) -> Floats:
        time = np.zeros(answers.shape[:-2])
        for query, name, cost in terms:
            time = time + cost * answers[..., table.position(query), name]
        return time

    busy: dict[str, Floats] = {}
    slowest: dict[Boundary, Floats] = {}
    filling: dict[str, dict[str, Floats]] = {}
    draining: dict[Boundary, Floats] = {}
    for flow in parts.flows:
        whole, first, last = spent(flow.words), spent(flow.first), spent(flow.last)
        busy[flow.resource] = busy.get(flow.resource, 0.0) + whole
        stage = filling.setdefault(flow.boundary.parent, {})
        stage[flow.resource] = stage.get(flow.resource, 0.0) + first
        draining[flow.boundary] = np.maximum(draining.get(flow.boundary, 0.0), last)
        if flow.boundary in parts.exposed:
            slowest[flow.boundary] = np.maximum(slowest.get(flow.boundary, 0.0), whole - first - last)
    nothing = np.zeros(answers.shape[:-2])
    stages = [np.max(list(stage.values()), axis=0) for stage in filling.values()]
    return (
        steps.astype(np.float64),
        busy,
        sum(slowest.values(), nothing),
        sum(stages, nothing),
        sum(draining.values(), nothing),
    )


def _flows(nest: Nest, architecture: Architecture, boundary: Boundary) -> Iterable[Flow]:
    parent = architecture.storage(boundary.parent)
    at_parent = _Ask(nest, boundary, boundary.parent_above)
    yield from _port_flows(
        nest, architecture, boundary, parent, at_parent.reads(linked(nest, architecture, boundary))
    )
    if boundary.child != MAC:
        child = architecture.storage(boundary.child)
        at_child = _Ask(nest, boundary, boundary.child_above)
        yield from _port_flows(nest, architecture, boundary, child, at_child.fills())
    for array in crossed(architecture, boundary):
        ask = _Ask(nest, boundary, loops_above(nest, architecture, array, inclusive=False))
        bits = word_bits(nest.problem, architecture, boundary.tensor, _network_level(architecture, boundary))
        traffic = ask.passes(linked(nest, architecture, boundary))
        into, out = array.network_bits(boundary.tensor), array.network_up_bits
        if into is not None and (traffic.out or not boundary.output):
            yield _flow(
                boundary, f"{array.name} network {boundary.tensor}", traffic.out, bits / into, traffic
            )
        width = out if out is not None else into
        if boundary.output and width is not None:
            name = f"{array.name} network {boundary.tensor}" + (" up" if out is not None else "")
            yield _flow(boundary, name, traffic.into, bits / width, traffic)


def _network_level(architecture: Architecture, boundary: Boundary) -> str:
    """The level whose width a network carries: partial sums are as wide as below the outermost level."""
    return boundary.child if boundary.child != MAC else architecture.storages[-1].name


@dataclass(frozen=True)
class _Traffic:
    """Columns that leave a level (``out``: reads) and enter it (``into``: writes), first and last tiles."""

    out: tuple[tuple[Query, int, int], ...]
    into: tuple[tuple[Query, int, int], ...]
    first: tuple[tuple[Query, int, int], ...] = ()
    last: tuple[tuple[Query, int, int], ...] = ()


@dataclass(frozen=True)
class _Ask:
    """Queries of a boundary with the spatial loops above ``zero_above`` at position zero."""

    nest: Nest
    boundary: Boundary
    zero_above: int

    def reads(self, links: bool) -> _Traffic:
        """At the parent."""
        query = at_zero(total(self.nest, self.boundary), self.zero_above)
        if not self.boundary.output:
            forwarded = ((query, FORWARDABLE, -1),) if links else ()
            return _Traffic(((query, READS, 1), *forwarded), (), first=((query, FIRST_READS, 1),))
        reduced = at_zero(fully_reduced(self.boundary), self.zero_above)
        # A merge reads the other part's sum; its write is a drain.
        merges = ((query, DRAINS, 1), (reduced, DRAINS, -1)) if query != reduced else ()
        return _Traffic(
            ((reduced, REFILLS, 1), *merges), ((query, DRAINS, 1),), last=((query, LAST_DRAINS, 1),)
        )

    def passes(self, links: bool) -> _Traffic:
        """On the network below the parent: what the parent reads but for merges, which it makes itself."""
        traffic = self.reads(links)
        return replace(traffic, out=tuple(term for term in traffic.out if term[1] != DRAINS))

    def fills(self) -> _Traffic:
        """At the child: operands come in; sums go out, and come back where they were begun before."""
        query = at_zero(total(self.nest, self.boundary), self.zero_above)
        if not self.boundary.output:
            return _Traffic((), ((query, FILLS, 1),), first=((query, FIRST_READS, 1),))
        return _Traffic(((query, CONTRIBUTED, 1),), ((query, REFILLS, 1),), last=((query, LAST_DRAINS, 1),))


def _port_flows(
    nest: Nest, architecture: Architecture, boundary: Boundary, storage: Storage, traffic: _Traffic
) -> Iterable[Flow]:
    bits = word_bits(nest.problem, architecture, boundary.tensor, storage.name)
    ports = (
        ("read", traffic.out, storage.read_bandwidth_bits),
        ("write", traffic.into, storage.write_bandwidth_bits),
        ("shared", traffic.out + traffic.into, storage.shared_bandwidth_bits),
    )
    for port, words, bandwidth in ports:
        if bandwidth is not None and words:
            yield _flow(boundary, f"{storage.name} {port} port", words, bits / bandwidth, traffic)


def _flow(
    boundary: Boundary,
    resource: str,
    words: tuple[tuple[Query, int, int], ...],
    cycles_per_word: float,
    traffic: _Traffic,
) -> Flow:
    """A flow; the first fill and the last drain go with the words that move that way."""
    operand = not boundary.output
    drains = any(name in (DRAINS, CONTRIBUTED, FRESH) for _, name, n in words if n > 0)

    def timed(terms: tuple[tuple[Query, int, int], ...]) -> tuple[tuple[Query, int, float], ...]:
        return tuple((query, name, n * cycles_per_word) for query, name, n in terms)

    # The MACs take words as they compute: only tiles have a first fill and a last drain.
    return Flow(
        boundary,
        resource,
        timed(words),
        timed(traffic.first) if operand and boundary.holds else (),
        timed(traffic.last) if drains and boundary.holds else (),
    )


def skew(nest: Nest, architecture: Architecture, bounds: Ints | None = None) -> Ints:
    """Cycles (...) in which arrays fill along linked axes: (places - 1) per linked axis and pass.

    A pass is a step of the temporal loops above the array's innermost spatial loop, or above the first
    level inside it where the mapping leaves the array idle.
    """
    shape = () if bounds is None else bounds.shape[:-1]
    spent = np.zeros(shape, np.int64)
    for array in architecture.arrays:
        places = sum(axis.size - 1 for axis in array.axes if axis.linked_tensors)
        if places:
            on_array = [i for i, loop in enumerate(nest.mapping.loops) if loop.array == array.name]
            inside = [n for s, n in nest.mapping.stores if architecture.rank_of(s.level) > array.rank]
            end = on_array[-1] if on_array else min(inside, default=len(nest.mapping.loops))
            spent = spent + places * count_steps(nest, bounds, end)
    return spent
