"""Cycles: what ports and networks are busy with, next to the steps of computation.

    busy(port)    = bits through a level's read, write or shared port / its bandwidth, but for what is exposed
    busy(network) = bits entering it (outputs leave by their own width) / its width
    exposed       = transfers into single-buffered tiles, which cannot hide behind computation
    ramp          = first fills and last drains of the streams into an array, each time they start anew
    cycles        = max(steps, every busy) + exposed + ramp + skew + first fill + last drain

What is exposed is in no busy time: computation stands still meanwhile, so it cannot set the pace as well.
What of a busy time is ramp or first fill counts twice, as in the counting contract ("Time"). An instance's
traffic is that of position zero, which is never idle while another works. The walk replaces the maximum by
a timeline that also finds the stalls totals hide.

Ramp, an estimate for arrays that state it (`ramp: true`; the contract has none): where a tile that comes into
such an array is single-buffered, computation stops before each of its changes and starts anew after it. A
*pass* is what lies between: a step of the temporal loops above the innermost such tile, down to the innermost
loop that changes it. The other tiles that come into the array and stand inside the pass are *streams*. They
fill before a pass and drain after it, unless no loop above the pass changes them:

    ramp = sum over parents of the slowest resource's (starts - 1) x first fill of operand streams
         + sum over output streams of (starts - 1) x last drain
    starts = steps of the temporal loops above the pass, down to the innermost loop that changes the stream

Every fill is taken for as large as the first of all, and every drain for as large as the last, which is too
little where the last tile is a ragged one, and too much where a pass finds part of its first tile in place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add

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
from simulator.errors import SimulatorError
from simulator.legality import moved_bits, word_widths

Floats = npt.NDArray[np.float64]
# Cycles, or bits, that a word of a query's column takes.
Terms = tuple[tuple[Query, int, float], ...]


@dataclass(frozen=True)
class Flow:
    """Words of one boundary through one resource: cycles a word of each (query, column) keeps it busy.

    ``first`` and ``last`` are the same for the first tile that fills and the last that drains; ``merges``
    keep the resource busy, but no tile waits for them.
    """

    boundary: Boundary
    resource: str
    words: Terms
    first: Terms = ()
    last: Terms = ()
    merges: Terms = ()


@dataclass(frozen=True)
class Cycles:
    """Cycles of a layer and what they are made of; ``busy`` per port or network while others compute.

    ``waits``: exposed, ramp, first fill and last drain together, by the level waited for, outermost first.
    """

    total: int
    steps: int
    busy: dict[str, float]
    exposed: float
    ramp: float
    skew: int
    first_fill: float
    last_drain: float
    stalls: float
    waits: dict[str, float]

    @property
    def limit(self) -> str:
        """What takes longest: ``computation``, the busiest port or network, or ``waiting for`` a level."""
        waits = {f"waiting for {level}": time for level, time in self.waits.items()}
        times = {"computation": float(self.steps)} | self.busy | waits
        return max(times, key=times.__getitem__)

    @property
    def processing(self) -> float:
        """Cycles less those in which all waits for the outermost level.

        Where that level's port sets the pace, its busy time is among them.
        """
        return self.total - next(iter(self.waits.values()))


@dataclass(frozen=True)
class Timing:
    """The flows of a mapping on its machine, and the skew of its arrays in cycles.

    ``restarts`` of each stream: how often it starts anew; ``pass_end``: the loops above a pass.
    """

    flows: tuple[Flow, ...]
    exposed: frozenset[Boundary]
    fifo: frozenset[Boundary]
    restarts: dict[Boundary, int]
    pass_end: int
    skew: int
    outermost: str

    def forms(self) -> Iterable[Form]:
        """Everything the flows ask the engines for."""
        for flow in self.flows:
            for terms in (flow.words, flow.first, flow.last, flow.merges):
                yield Form(tuple((query, name, 1) for query, name, _ in terms))

    def resources(self) -> list[str]:
        return sorted({flow.resource for flow in self.flows})

    def cycles_per_word(self, table: QueryTable) -> Floats:
        """What hides behind computation, as the walk's (queries, COLUMNS, resources) table."""
        names = self.resources()
        cost = np.zeros((len(table.queries), COLUMNS, len(names)))
        for flow in self.flows:
            if flow.boundary not in self.exposed:
                for query, name, cycles in flow.words:
                    cost[table.position(query), name, names.index(flow.resource)] += cycles
        return cost

    def streams(self, table: QueryTable) -> Ints:
        """What of each query's boundary the walk needs to know, (queries, 2)."""
        fifo = [query.boundary in self.fifo for query in table.queries]
        pass_ends = [self.pass_end * (query.boundary in self.restarts) for query in table.queries]
        return np.array([fifo, pass_ends], np.int64).T.copy()


def timing(nest: Nest, architecture: Architecture) -> Timing:
    """The flows through every port and network with a bandwidth, and the arrays' skew."""
    flows = [flow for b in nest.boundaries for flow in boundary_flows(nest, architecture, b)]
    held = [(b, architecture.storage(b.child)) for b in nest.boundaries if b.child != MAC]
    exposed = frozenset(b for b, child in held if child.single_buffered(b.tensor))
    fifo = frozenset(b for b, child in held if not child.double_buffered(b.tensor)) - exposed
    restarts, pass_end = _restarts(nest, architecture, exposed)
    outermost = architecture.outermost.name
    skew = _skew(nest, architecture)
    return Timing(tuple(flows), exposed, fifo, restarts, pass_end, skew, outermost)


def cycles(parts: Timing, table: QueryTable, answers: Ints, steps: int, timeline: float = 0.0) -> Cycles:
    """Cycles of one mapping from the answers (Q, COLUMNS); ``timeline`` is the walk's, 0 without one."""

    def spent(terms: Terms) -> float:
        return _sum(cost * float(answers[table.position(query), name]) for query, name, cost in terms)

    busy: dict[str, float] = {}
    waiting, filling, refilling, draining, redraining = _Waits(), _Waits(), _Waits(), _Waits(), _Waits()
    for flow in parts.flows:
        whole, first, last = spent(flow.words), spent(flow.first), spent(flow.last)
        again, parent = parts.restarts.get(flow.boundary, 0), flow.boundary.parent
        hidden = 0.0 if flow.boundary in parts.exposed else whole
        _add(busy, flow.resource, hidden + spent(flow.merges))
        filling.add(parent, parent, flow.resource, first)
        refilling.add(parent, parent, flow.resource, again * first)
        draining.add(parent, flow.boundary, flow.resource, last)
        redraining.add(parent, flow.boundary, flow.resource, again * last)
        if flow.boundary in parts.exposed:
            waiting.add(parent, flow.boundary, flow.resource, whole - first - last)
    pace = max([float(steps), *busy.values()])
    stalls = max(0.0, timeline - pace)
    exposed, first_fill, last_drain = waiting.total(), filling.total(), draining.total()
    ramp = refilling.total() + redraining.total()
    total = _whole(pace + stalls + exposed + ramp + first_fill + last_drain, parts.skew)
    waits_for = {parts.outermost: 0.0}
    for part in (waiting, filling, refilling, draining, redraining):
        for level, time in part.slowest():
            _add(waits_for, level, time)
    return Cycles(total, steps, busy, exposed, ramp, parts.skew, first_fill, last_drain, stalls, waits_for)


@dataclass(frozen=True)
class _Waits:
    """Times by what waits together, its parent level and resource; of a group, the slowest counts."""

    times: dict[tuple[str, object], dict[str, float]] = field(default_factory=dict)

    def add(self, parent: str, group: object, resource: str, time: float) -> None:
        _add(self.times.setdefault((parent, group), {}), resource, time)

    def slowest(self) -> list[tuple[str, float]]:
        """The parent and the time of each group, in the order in which they were met."""
        return [(parent, max(times.values())) for (parent, _), times in self.times.items()]

    def total(self) -> float:
        return _sum(time for _, time in self.slowest())


def _add(times: dict[str, float], name: str, time: float) -> None:
    times[name] = times.get(name, 0.0) + time


def _sum(times: Iterable[float]) -> float:
    """The sum from left to right, as kernels add; the built-in one rounds otherwise from Python 3.12 on."""
    return reduce(add, times, 0.0)


def _whole(cycles: float, skew: int) -> int:
    """Round up and add the skew; sums of fractions of cycles may end a hair above a whole number."""
    if cycles + skew >= 2.0**62:
        raise SimulatorError("the cycles could pass 2**62: a bandwidth is too small, or an array too large")
    return math.ceil(cycles * (1 - 1e-12) - 1e-6) + skew


def boundary_flows(nest: Nest, architecture: Architecture, boundary: Boundary) -> Iterable[Flow]:
    """The flows of one boundary."""
    links = linked(nest, architecture, boundary)
    parent = architecture.storage(boundary.parent)
    widths = moved_bits(nest.problem, architecture, boundary.tensor, boundary.parent)
    traffic = _Ask(nest, boundary, boundary.parent_above).at_parent(links, *widths)
    yield from _port_flows(boundary, parent, traffic)
    if boundary.child != MAC:
        child = architecture.storage(boundary.child)
        widths = moved_bits(nest.problem, architecture, boundary.tensor, boundary.child)
        yield from _port_flows(
            boundary, child, _Ask(nest, boundary, boundary.child_above).at_child(widths[0])
        )
    for array in crossed(architecture, boundary):
        ask = _Ask(nest, boundary, loops_above(nest, architecture, array, inclusive=False))
        width, _ = word_widths(nest.problem, architecture, boundary.tensor, boundary.parent)
        # The parent makes merges itself: they do not cross the network.
        traffic = replace(ask.at_parent(links, width, width), merges=())
        into, out = array.network_bits(boundary.tensor), array.network_up_bits
        name = f"{array.name} network {boundary.tensor}"
        if into is not None and traffic.out:
            yield _flow(boundary, name, traffic, traffic.out, into)
        up = out if out is not None else into
        if up is not None and traffic.into:
            yield _flow(boundary, name + (" up" if out is not None else ""), traffic, traffic.into, up)


@dataclass(frozen=True)
class _Traffic:
    """Bits of the columns that leave a level (``out``: reads) and enter it (``into``: writes), of the first
    and the last tile, and of merges' reads."""

    out: Terms
    into: Terms
    first: Terms = ()
    last: Terms = ()
    merges: Terms = ()


@dataclass(frozen=True)
class _Ask:
    """Queries of a boundary with the spatial loops above ``zero_above`` at position zero."""

    nest: Nest
    boundary: Boundary
    zero_above: int

    def at_parent(self, links: bool, bits: float, final_bits: float) -> _Traffic:
        """Operands go out. Sums come in, for the last time in their final width, and go out again."""
        query = at_zero(total(self.nest, self.boundary), self.zero_above)
        if not self.boundary.output:
            forwarded = ((query, FORWARDABLE, -bits),) if links else ()
            return _Traffic(((query, READS, bits), *forwarded), (), first=((query, FIRST_READS, bits),))
        reduced = at_zero(fully_reduced(self.boundary), self.zero_above)
        # Each output is taken for the first time once and drained for the last time once.
        narrower = ((reduced, FRESH, final_bits - bits),) if final_bits != bits else ()
        # A merge reads the other part's sum; its write is a drain.
        merges = ((query, DRAINS, bits), (reduced, DRAINS, -bits)) if query != reduced else ()
        return _Traffic(
            ((reduced, REFILLS, bits),),
            ((query, DRAINS, bits), *narrower),
            last=((query, LAST_DRAINS, final_bits),),
            merges=merges,
        )

    def at_child(self, bits: float) -> _Traffic:
        """Operands come in. Sums go out, and come back where they were begun before."""
        query = at_zero(total(self.nest, self.boundary), self.zero_above)
        if not self.boundary.output:
            return _Traffic((), ((query, FILLS, bits),), first=((query, FIRST_READS, bits),))
        return _Traffic(
            ((query, CONTRIBUTED, bits),), ((query, REFILLS, bits),), last=((query, LAST_DRAINS, bits),)
        )


def _port_flows(boundary: Boundary, storage: Storage, traffic: _Traffic) -> Iterable[Flow]:
    """Flows through a level's ports; merges' reads go with the reads."""
    write = replace(traffic, merges=())
    ports = (
        ("read", traffic, traffic.out, storage.read_bandwidth_bits),
        ("write", write, traffic.into, storage.write_bandwidth_bits),
        ("shared", traffic, traffic.out + traffic.into, storage.shared_bandwidth_bits),
    )
    for port, through, words, bandwidth in ports:
        if bandwidth is not None and words:
            yield _flow(boundary, f"{storage.name} {port} port", through, words, bandwidth)


def _flow(boundary: Boundary, resource: str, traffic: _Traffic, words: Terms, bandwidth: float) -> Flow:
    """A flow; the first fill and the last drain go with the words that move that way."""
    drains = any(name in (DRAINS, CONTRIBUTED) for _, name, _ in words)

    def timed(moved: Terms) -> Terms:
        return tuple((query, name, bits / bandwidth) for query, name, bits in moved)

    # The MACs take words as they compute: only tiles have a first fill and a last drain.
    return Flow(
        boundary,
        resource,
        timed(words),
        timed(traffic.first) if not boundary.output and boundary.holds else (),
        timed(traffic.last) if drains and boundary.holds else (),
        timed(traffic.merges),
    )


def ramps(architecture: Architecture, boundary: Boundary) -> bool:
    """Whether a boundary's tiles come into an array that states a ramp."""
    return boundary.holds and any(array.ramps for array in crossed(architecture, boundary))


def _restarts(
    nest: Nest, architecture: Architecture, exposed: frozenset[Boundary]
) -> tuple[dict[Boundary, int], int]:
    """How often each stream into an array starts anew, and the loops above a pass; nothing without passes."""
    into = [b for b in nest.boundaries if ramps(architecture, b)]
    end = max((_advancing(nest, b) for b in into if b in exposed), default=0)
    streams = [b for b in into if b not in exposed and b.child_above >= end]
    return {b: int(count_steps(nest, above=min(end, _advancing(nest, b)))) - 1 for b in streams if end}, end


def _advancing(nest: Nest, boundary: Boundary) -> int:
    """Loops above a child, down to the innermost temporal one that changes its tile."""
    own, loops = nest.problem.tensor(boundary.tensor).dimensions, nest.mapping.loops[: boundary.child_above]
    changing = (not x.spatial and x.bound > 1 and x.dimension in own for x in loops)
    return max((i + 1 for i, changes in enumerate(changing) if changes), default=0)


def _skew(nest: Nest, architecture: Architecture) -> int:
    """Cycles in which arrays fill along linked axes: (places - 1) per linked axis and pass.

    A pass is a step of the temporal loops above the array's innermost spatial loop, or above the first
    level inside it where the mapping leaves the array idle.
    """
    spent = 0
    for array in architecture.arrays:
        places = sum(axis.size - 1 for axis in array.axes if axis.linked_tensors)
        if places:
            on_array = [i for i, loop in enumerate(nest.mapping.loops) if loop.array == array.name]
            inside = [n for s, n in nest.mapping.stores if architecture.rank_of(s.level) > array.rank]
            end = on_array[-1] if on_array else min(inside, default=len(nest.mapping.loops))
            spent += places * int(count_steps(nest, above=end))
    return spent
