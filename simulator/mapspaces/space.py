"""The mapspace of a problem on a machine: the mappings that its constraints allow, all or some of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from simulator.architecture import Architecture
from simulator.batch.layout import Layout, lower_encoding
from simulator.encoding import Encoding, Vectors
from simulator.errors import MappingError
from simulator.jit import run_interruptibly
from simulator.mapping import Mapping
from simulator.mapspaces import sampling
from simulator.mapspaces.chains import copied, start
from simulator.mapspaces.constraints import Constraints, restrict
from simulator.mapspaces.emptiness import covered, has_mapping, why_empty
from simulator.mapspaces.membership import members
from simulator.mapspaces.orders import count_rows, fill_rows
from simulator.mapspaces.plans import choices, make_plans, make_space
from simulator.mapspaces.restriction import Restriction
from simulator.mapspaces.sizes import count_chains
from simulator.problem import Problem

# Bounds tried before `size` settles for an upper bound: about a second.
_MOST_TRIED = 2**22
_MOST_PLANS = 2**12


@dataclass(frozen=True)
class Size:
    """A number of mappings: exact, or no more than that."""

    mappings: int
    exact: bool

    def __str__(self) -> str:
        number = f"{self.mappings:,}" if self.mappings < 10**9 else f"{self.mappings:.1e}"
        return number if self.exact else f"at most {number}"


@dataclass(frozen=True)
class Mapspace:
    """Every legal mapping of ``problem`` on ``architecture`` within ``constraints``.

    Mappings are vectors of the `Encoding`, which the constraints never change.

    Raises
    ------
    MappingError
        For constraints with unknown names or that contradict each other.
    """

    problem: Problem
    architecture: Architecture
    constraints: Constraints = field(default_factory=Constraints)

    def __post_init__(self) -> None:
        _ = self.restriction

    def __repr__(self) -> str:
        names = f"{self.problem.name!r}, {self.architecture.name!r}, {self.constraints.name!r}"
        return f"<Mapspace {names}>"

    @cached_property
    def encoding(self) -> Encoding:
        """The vectors' columns; those of any other mapspace of this problem and machine."""
        return Encoding(self.problem, self.architecture)

    @cached_property
    def layout(self) -> Layout:
        """The encoding as arrays."""
        return lower_encoding(self.encoding)

    @cached_property
    def restriction(self) -> Restriction:
        """The constraints as arrays."""
        return restrict(self.encoding, self.constraints)

    def within(self, constraints: Constraints) -> Mapspace:
        """The mapspace of the same problem and machine under other constraints: the encoding stays."""
        other = replace(self, constraints=constraints)
        other.__dict__.update(encoding=self.encoding, layout=self.layout)
        return other

    def encode(self, mapping: Mapping) -> Vectors:
        """Return the vector (length,) of a mapping; MappingError where a vector has no place for its nest."""
        return self.encoding.encode(mapping)

    def decode(self, vector: npt.ArrayLike) -> Mapping:
        """Return the mapping of a vector; MappingError for a wrong length, type, version or range."""
        return self.encoding.decode(vector)

    def sample(self, n: int, seed: int) -> Vectors:
        """Return ``n`` random legal vectors (n, length); see `sampling.sample` for their distribution.

        Raises
        ------
        MappingError
            If ``n`` or ``seed`` is no whole number from 0 on, or where no mapping is found.
        """
        _check_whole("n", n, 0)
        _check_whole("seed", seed, 0, most=math.inf)
        try:
            return sampling.sample(self.layout, self.restriction, int(n), int(seed))
        except MappingError as error:
            unlucky = error
        next(self.batches(1))  # Where there is no mapping at all, this says why.
        raise unlucky

    def why_not(self, mapping: Mapping | npt.ArrayLike) -> str | None:
        """Why a vector or a mapping is not in the mapspace: one sentence, or None where it is."""
        try:
            vector = self.encode(mapping) if isinstance(mapping, Mapping) else self.encoding.check(mapping)
        except MappingError as error:
            return str(error)
        return sampling.why_not(self.encoding, self.layout, self.restriction, vector)

    def contains(self, mapping: Mapping | npt.ArrayLike) -> bool:
        """Whether a vector or a mapping is in the mapspace."""
        return self.why_not(mapping) is None

    def repair(self, vectors: npt.ArrayLike) -> Vectors:
        """Return the nearest legal vectors (B, length) by the rule of `sampling.repair`; legal ones stay."""
        given = self.encoding.check_shape(vectors)
        repaired = sampling.repair(self.layout, self.restriction, given)
        changed = np.flatnonzero((repaired != given).any(axis=1))
        inside = changed[self.members(given[changed])]
        repaired[inside] = given[inside]
        return repaired

    def members(self, vectors: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether each of some vectors (B, length) is in the mapspace, as `contains` says."""
        given = self.encoding.check_shape(vectors)
        low, high = self.encoding.ranges
        found: npt.NDArray[np.bool_] = np.all((given >= low) & (given <= high), axis=1)
        rows = given[found].astype(np.int32)
        found[found] = members(self.encoding, self.layout, self.restriction, rows)
        return found

    def neighbours(self, vector: npt.ArrayLike) -> Vectors:
        """Return the legal vectors (k, length) one move away; see `sampling.neighbours` for the moves."""
        return sampling.neighbours(self.layout, self.restriction, self.encoding.check(vector))

    def batches(self, rows: int = 65536) -> Iterator[Vectors]:
        """Yield every canonical vector of the mapspace once, as arrays (at most ``rows``, length).

        Canonical: an order tells only the loops present apart, and so do the orders of axes; nodes that
        differ in the place of bypassed ones alone stand in one order. The sequence is always the same.

        Raises
        ------
        MappingError
            If there is none: which level or axis is too small, and what would do.
        """
        _check_whole("rows", rows, 1)
        return self._batches(int(rows))

    def _batches(self, rows: int) -> Iterator[Vectors]:
        space = make_space(self.encoding, self.layout, self.restriction)
        batch, filled, found = np.empty((rows, self.encoding.length), np.int32), 0, False
        plans = make_plans(self.encoding, space) if covered(self.encoding, self.restriction) else ()
        for plan, template in plans:
            state = start(space, plan, template)
            scratch, order = copied(state), np.zeros(len(self.encoding.slots), np.int64)
            while True:
                filled += run_interruptibly(fill_rows, space, plan, state, scratch, order, batch[filled:])
                if filled < rows:
                    break
                found = True
                yield batch
                batch, filled = np.empty_like(batch), 0
        if filled:
            yield batch[:filled]
        elif not found:
            raise self.empty()

    def size(self) -> Size:
        """Return the number of vectors that `batches` gives, or a bound where they are too many to count.

        The bound counts every dimension's loops exactly, without regard to axes and capacities that
        dimensions share, times the orders of loops and nodes and the choices of what to bypass.
        """
        space = make_space(self.encoding, self.layout, self.restriction)
        total, tried = 0, 0
        plans = make_plans(self.encoding, space) if covered(self.encoding, self.restriction) else ()
        for number, (plan, template) in enumerate(plans):
            state = start(space, plan, template)
            count = int(run_interruptibly(count_rows, space, plan, state, copied(state), _MOST_TRIED - tried))
            tried += int(state.visited[0])
            if count < 0 or tried >= _MOST_TRIED or number == _MOST_PLANS:
                return Size(self._most(), False)
            total += count
        return Size(total, True)

    def has_mapping(self) -> bool:
        """Whether a mapping is found, with everything bypassed that may be."""
        return has_mapping(self.encoding, self.layout, self.restriction)

    def empty(self) -> MappingError:
        """The error of a mapspace without mappings."""
        where = f"{self.constraints.name} has no mapping of {self.problem.name} on {self.architecture.name}"
        return MappingError(f"{where}: {why_empty(self.encoding, self.layout, self.restriction)}")

    def _most(self) -> int:
        encoding, restriction = self.encoding, self.restriction
        ways = math.prod(int(high - low + 1) for low, high in restriction.keep)
        for slot in range(len(encoding.slots)):
            loops = int((restriction.most[slot] > 1).sum())
            ways *= len(choices(restriction, slot)) or math.factorial(loops)
        sizes = [len(region.nodes) for region in encoding.regions]
        sizes += [len(array.axes) for array in encoding.architecture.arrays]
        for index, size in enumerate(sizes, len(encoding.slots)):
            ways *= len(choices(restriction, index)) or math.factorial(size)
        return ways * count_chains(encoding, restriction)


def _check_whole(name: str, value: int, least: int, most: float = 2**63 - 1) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise MappingError(f"{name} must be a whole number from {least} on, not {value!r}")
