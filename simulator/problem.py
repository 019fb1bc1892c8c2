"""A problem: dimensions with extents, operand tensors and one output, as affine accesses.

A tensor has *ranks*; a rank's coordinate is a sum of ``coefficient * dimension`` over one or two
dimensions. A convolution's input row, for example, is ``stride * P + dilation * R``. Coordinates are
counted from 0 at the padded edge; ``data`` is the range of them that is data rather than padding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from simulator.errors import ProblemError, did_you_mean
from simulator.problem_fields import check_bits, check_density, check_fields, check_whole

MAX_DIMENSIONS = 10
MAX_OPERANDS = 6
MAX_RANKS = 10
MAX_EXTENT = 2**31
MAX_MACS = 2**62
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class Rank:
    """One coordinate of a tensor: ``sum(coefficient * dimension)``, with the range that is data.

    ``data`` is ``(first, count)``, or None where every coordinate is data.
    """

    coefficients: tuple[tuple[str, int], ...]
    data: tuple[int, int] | None = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.coefficients)

    def __str__(self) -> str:
        return "+".join(name.lower() if c == 1 else f"{c}{name.lower()}" for name, c in self.coefficients)


@dataclass(frozen=True)
class Tensor:
    """An operand or the output; ``bits`` None takes the architecture's width.

    ``density`` is the share of its data that is not zero, in (0, 1]; 1 where nothing is known of it.
    """

    name: str
    ranks: tuple[Rank, ...]
    bits: int | None = None
    density: float = 1.0

    @cached_property
    def dimensions(self) -> frozenset[str]:
        return frozenset(name for rank in self.ranks for name in rank.dimensions)


@dataclass(frozen=True)
class Problem:
    """Dimensions with extents, operands and an output: ``outputs[..] += product of operands[..]``.

    Raises
    ------
    ProblemError
        If a name, extent, coefficient or rank makes no sense, or the counts could pass 2**63.
    """

    name: str
    dimensions: tuple[tuple[str, int], ...]
    tensors: tuple[Tensor, ...]
    output: str

    def __post_init__(self) -> None:
        _check_dimensions(self)
        _check_tensors(self)

    @cached_property
    def extents(self) -> dict[str, int]:
        """Extent of each dimension, by name."""
        return dict(self.dimensions)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates: the product of the extents."""
        return math.prod(self.extents.values())

    @cached_property
    def operands(self) -> tuple[Tensor, ...]:
        return tuple(t for t in self.tensors if t.name != self.output)

    @cached_property
    def tensor_names(self) -> tuple[str, ...]:
        return tuple(t.name for t in self.tensors)

    def tensor(self, name: str) -> Tensor:
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise ProblemError(f"{self.name}: no tensor {name!r}{did_you_mean(name, self.tensor_names)}")

    def rank_length(self, rank: Rank) -> int:
        """Number of coordinates from 0 to the largest one the rank reaches."""
        return 1 + sum(c * (self.extents[d] - 1) for d, c in rank.coefficients)

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Extent of each rank of a tensor, padding included."""
        return tuple(self.rank_length(rank) for rank in self.tensor(tensor).ranks)

    def with_densities(self, densities: Mapping[str, object]) -> Problem:
        """The same problem with the densities of some of its tensors, by name.

        Raises
        ------
        ProblemError
            For a tensor it does not have (with the nearest name) and a density that is no number in (0, 1].
        """
        return self._with("density", densities, check_density)

    def with_bits(self, bits: Mapping[str, object]) -> Problem:
        """The same problem with the widths of some of its tensors' words, by name, from 1 to 4096 bits.

        Raises
        ------
        ProblemError
            For a tensor it does not have (with the nearest name) and another width.
        """
        return self._with("bits", bits, check_bits)

    def _with(self, field: str, values: Mapping[str, object], check: Callable[[Any, str], Any]) -> Problem:
        changed: dict[Tensor, dict[str, Any]] = {
            self.tensor(name): {field: check(value, f"{self.name}: {field} of {name!r}")}
            for name, value in values.items()
        }
        return replace(self, tensors=tuple(replace(t, **changed.get(t, {})) for t in self.tensors))

    def data_share(self, tensor: str) -> float:
        """Share of the multiply-accumulates whose word of a tensor is data rather than padding."""
        ranks = self.tensor(tensor).ranks
        return math.prod((_data_share(r, self.extents) for r in ranks if r.data is not None), start=1.0)

    def __str__(self) -> str:
        def access(tensor: Tensor) -> str:
            return tensor.name + "".join(f"[{rank}]" for rank in tensor.ranks)

        body = " * ".join(access(t) for t in self.operands)
        sizes = ", ".join(f"{d}={n}" for d, n in self.dimensions)
        return f"{access(self.tensor(self.output))} += {body}   ({sizes})"

    def to_dict(self) -> dict[str, Any]:
        """The problem in the form of the counting cases (``dims``, ``tensors``, ``output``).

        ``bits`` stand beside them where tensors have their own, ``densities`` where some are known.
        """
        tensors: dict[str, list[dict[str, Any]]] = {}
        for tensor in self.tensors:
            ranks: list[dict[str, Any]] = []
            for rank in tensor.ranks:
                entry: dict[str, Any] = {"coefficients": dict(rank.coefficients)}
                if rank.data is not None:
                    entry["data"] = {"first": rank.data[0], "count": rank.data[1]}
                ranks.append(entry)
            tensors[tensor.name] = ranks
        data: dict[str, Any] = {"dims": dict(self.dimensions), "tensors": tensors, "output": self.output}
        own = {
            "bits": {t.name: t.bits for t in self.tensors if t.bits is not None},
            "densities": {t.name: t.density for t in self.tensors if t.density != 1},
        }
        return data | {field: values for field, values in own.items() if values}

    @staticmethod
    def from_dict(data: object, name: str = "problem") -> Problem:
        """Build a problem from ``{"dims": .., "tensors": .., "output": ..}``, and ``bits``, ``densities``.

        Raises
        ------
        ProblemError
            Naming the field that is missing, of the wrong type or out of range.
        """
        needed = {"dims", "tensors", "output"}
        where = check_fields(data, name, {*needed, "bits", "densities"}, required=needed)
        dims = check_fields(where["dims"], f"{name}: dims")
        tensors = check_fields(where["tensors"], f"{name}: tensors")
        built = tuple(
            Tensor(
                str(t), tuple(_rank(r, f"{name}: tensor {t!r} rank {i}") for i, r in enumerate(_list(rs, t)))
            )
            for t, rs in tensors.items()
        )
        problem = Problem(name, tuple((str(d), n) for d, n in dims.items()), built, str(where["output"]))
        return with_own_fields(problem, where, name)


def convolution(
    name: str = "convolution",
    *,
    n: int = 1,
    g: int = 1,
    m: int = 1,
    c: int = 1,
    p: int = 1,
    q: int = 1,
    r: int = 1,
    s: int = 1,
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
    row_data: tuple[int, int] | None = None,
    column_data: tuple[int, int] | None = None,
) -> Problem:
    """The seven-loop convolution with groups: weights[G][M][C][R][S], inputs[N][G][C][..][..].

    ``m`` and ``c`` are per group; ``row_data`` and ``column_data`` are the ``(first, count)`` of the
    coordinates that are data, counted from the padded edge.
    """

    def one(dimension: str) -> Rank:
        return Rank(((dimension, 1),))

    (u, v), (dh, dw) = _pair(stride, f"{name}: stride"), _pair(dilation, f"{name}: dilation")
    rows = Rank((("P", u), ("R", dh)), row_data)
    columns = Rank((("Q", v), ("S", dw)), column_data)
    sizes = {"N": n, "G": g, "M": m, "C": c, "P": p, "Q": q, "R": r, "S": s}
    return Problem(
        name,
        tuple(sizes.items()),
        (
            Tensor("weights", tuple(one(d) for d in "GMCRS")),
            Tensor("inputs", (one("N"), one("G"), one("C"), rows, columns)),
            Tensor("outputs", tuple(one(d) for d in "NGMPQ")),
        ),
        "outputs",
    )


def distinct_sums(first: Any, second: Any, coefficients: tuple[int, int]) -> Any:
    """How many different a*i + b*j there are for i < first, j < second: whole numbers, or arrays of them.

    (i + b/g, j - a/g) repeats (i, j), so it is the points less the links of those chains.
    """
    g = math.gcd(*coefficients)
    a, b = coefficients[0] // g, coefficients[1] // g
    return first * second - np.maximum(0, first - b) * np.maximum(0, second - a)


def _data_share(rank: Rank, extents: dict[str, int]) -> float:
    """Share of the indices of a padded rank's dimensions that lead to data."""
    assert rank.data is not None
    (name, step), *others = sorted(rank.coefficients, key=lambda term: -extents[term[0]])
    shifts = np.zeros(1, np.int64)
    for other, coefficient in others:
        shifts = coefficient * np.arange(extents[other])
    # Indices of the longer dimension that stay below an edge, for each of the shorter.
    first, end = (
        np.clip(-((shifts - edge) // step), 0, extents[name]) for edge in (rank.data[0], sum(rank.data))
    )
    return float((end - first).sum()) / (len(shifts) * extents[name])


def _pair(value: object, what: str) -> tuple[int, int]:
    """A number for rows and one for columns, or one for both."""
    if isinstance(value, int):
        value = (value, value)
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ProblemError(f"{what} must be a number or two, not {value!r}")
    return check_whole(value[0], what, 1, MAX_EXTENT), check_whole(value[1], what, 1, MAX_EXTENT)


def with_own_fields(problem: Problem, fields: dict[str, Any], where: str) -> Problem:
    """A problem with what fields say of its tensors besides their ranks."""
    bits, densities = (check_fields(fields.get(f, {}), f"{where}: {f}") for f in ("bits", "densities"))
    return problem.with_bits(bits).with_densities(densities)


def _list(data: object, what: object) -> list[Any]:
    if not isinstance(data, list):
        raise ProblemError(f"tensor {what!r} must be a list of ranks, not {type(data).__name__}")
    return data


def _rank(data: object, what: str) -> Rank:
    entry = check_fields(data, what, {"coefficients", "data"}, required={"coefficients"})
    coefficients = check_fields(entry["coefficients"], f"{what}: coefficients")
    if (span := entry.get("data")) is None:
        return Rank(tuple(coefficients.items()))
    span = check_fields(span, f"{what}: data", {"first", "count"}, required={"first", "count"})
    return Rank(tuple(coefficients.items()), (span["first"], span["count"]))


def _check_dimensions(problem: Problem) -> None:
    where = problem.name
    if not 1 <= len(problem.dimensions) <= MAX_DIMENSIONS:
        raise ProblemError(
            f"{where}: a problem has 1 to {MAX_DIMENSIONS} dimensions, not {len(problem.dimensions)}"
        )
    if len(problem.extents) != len(problem.dimensions):
        raise ProblemError(f"{where}: a dimension is named twice")
    for name, extent in problem.dimensions:
        if not _NAME.match(name):
            raise ProblemError(f"{where}: dimension name {name!r} must be letters, digits and underscores")
        check_whole(extent, f"{where}: extent of dimension {name}", 1, MAX_EXTENT)
    if problem.macs > MAX_MACS:
        raise ProblemError(
            f"{where}: {problem.macs:.3e} multiply-accumulates are too many to count exactly; at most 2**62"
        )


def _check_tensors(problem: Problem) -> None:
    where = problem.name
    names = problem.tensor_names
    if len(set(names)) != len(names):
        raise ProblemError(f"{where}: a tensor is named twice")
    if problem.output not in names:
        raise ProblemError(
            f"{where}: output {problem.output!r} is no tensor{did_you_mean(problem.output, names)}"
        )
    if not 2 <= len(names) <= MAX_OPERANDS + 1:
        raise ProblemError(f"{where}: a problem has 1 to {MAX_OPERANDS} operands, not {len(names) - 1}")
    for tensor in problem.tensors:
        if not _NAME.match(tensor.name):
            raise ProblemError(
                f"{where}: tensor name {tensor.name!r} must be letters, digits and underscores"
            )
        if len(tensor.ranks) > MAX_RANKS:
            raise ProblemError(f"{where}: tensor {tensor.name!r} has more than {MAX_RANKS} ranks")
        if tensor.bits is not None:
            check_bits(tensor.bits, f"{where}: bits of {tensor.name!r}")
        check_density(tensor.density, f"{where}: density of {tensor.name!r}")
        seen: set[str] = set()
        for index, rank in enumerate(tensor.ranks):
            _check_rank(problem, rank, f"{where}: tensor {tensor.name!r} rank {index}", seen)
            if tensor.name == problem.output and rank.data is not None:
                raise ProblemError(f"{where}: tensor {tensor.name!r} rank {index}: the output has no padding")
            if tensor.name == problem.output and len(rank.coefficients) > 1:
                raise ProblemError(
                    f"{where}: tensor {tensor.name!r} rank {index}: a rank of the output has one dimension, "
                    f"or two iterations apart would share a word; not {rank}"
                )


def _check_rank(problem: Problem, rank: Rank, what: str, seen: set[str]) -> None:
    if not 1 <= len(rank.coefficients) <= 2:
        raise ProblemError(f"{what}: a rank sums one or two dimensions, not {len(rank.coefficients)}")
    for dimension, coefficient in rank.coefficients:
        if dimension not in problem.extents:
            raise ProblemError(
                f"{what}: no dimension {dimension!r}{did_you_mean(dimension, problem.extents)}"
            )
        if dimension in seen:
            raise ProblemError(f"{what}: dimension {dimension!r} sits in two ranks of one tensor")
        seen.add(dimension)
        check_whole(coefficient, f"{what}: coefficient of {dimension}", 1, MAX_EXTENT)
    if problem.rank_length(rank) > MAX_EXTENT:
        raise ProblemError(f"{what}: reaches coordinate {problem.rank_length(rank)}; at most 2**31")
    if rank.data is not None:
        check_whole(rank.data[0], f"{what}: first coordinate of data", 0, MAX_EXTENT)
        check_whole(rank.data[1], f"{what}: count of data", 0, MAX_EXTENT)
