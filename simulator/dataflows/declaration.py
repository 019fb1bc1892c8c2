"""What a dataflow is: a nest written for no machine or layer in particular, with what it leaves open.

    nest:
    - level: memory                 # the outermost level; below it, these loops in this order
      loops: [G, N, M, P]
    - level: buffer                 # the innermost level outside the array; keeps partial sums
      keeps: outputs
      loops: [C]
    - array: {last: {R: all}, first: {S: any}, each: {C: any, M: most}}
    - level: pe                     # the innermost level inside the array; keeps weights
      keeps: weights
      loops: [N, P, Q]

A level keeps its tensor across the loops below it that the tensor lacks: that is what stays. Loops that a
nest does not name have no place in it, and levels it does not name keep nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from simulator.errors import SimulatorError, did_you_mean
from simulator.mapspaces.constraints import FACTORS

MEMORY, BUFFER, PE = "memory", "buffer", "pe"
BYPASSES = ("never", "allowed", "always")
FIRST, LAST, EACH = "first", "last", "each"
_WORDS = ("any", "most", "half", "full", "all")
_RANGE = re.compile(r"([1-9][0-9]{0,9})(?:\.\.([1-9][0-9]{0,9}))?")

Orders = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Factor:
    """What a loop's bound may be.

    ``any``; ``most``: as large as the rest of the mapping lets it; ``all``: everything that is left of the
    dimension, so that no loop of it stands outside, or where that never fits as much as does; ``full``: what
    fits with nothing else there; ``half``: at least half of that; or from ``least`` to ``most`` (a number or
    2..8).
    """

    word: str = "any"
    least: int = 1
    most: int = 0

    def __str__(self) -> str:
        if self.word:
            return self.word
        return str(self.least) if self.least == self.most else f"{self.least}..{self.most}"

    @property
    def plain(self) -> str | int:
        """As a file has it."""
        return self.least if not self.word and self.least == self.most else str(self)


def read_factor(value: str | int) -> Factor:
    """Return a factor from its text or number.

    Raises
    ------
    SimulatorError
        For an unknown word (with the nearest), and for a range that is empty or not of numbers from 1 on.
    """
    if value in _WORDS:
        return Factor(str(value))
    match = _RANGE.fullmatch(str(value))
    if match is None:
        hint = did_you_mean(str(value)[:40], _WORDS) if str(value).isalpha() else ""
        raise SimulatorError(
            f"factor {str(value)[:40]!r} is none of {', '.join(_WORDS)}, no number from 1 on and no range as "
            f"2..8{hint}"
        )
    least, most = int(match[1]), int(match[2] or match[1])
    if least > most:
        raise SimulatorError(f"factor {value} is an empty range; the smaller number comes first")
    return Factor("", least, most)


Factors = Mapping[str, str | int]


@dataclass(frozen=True)
class Keep:
    """A level that keeps tensors, and the loops below it.

    Parameters
    ----------
    level
        ``memory`` (the outermost level, which keeps everything), ``buffer`` and ``pe`` (for each tensor the
        innermost level outside the arrays, and inside them, that can keep it), or a level's name.
    keeps
        The tensors, in the order in which levels side by side stand.
    loops
        Orders of dimensions that the loops below may have, outermost first: "NPQ" or ("N", "P", "Q").
    bypass
        Whether the tensors may pass the level by: ``never``, ``allowed``, or ``always`` (but where the
        machine requires the level).
    factors
        By dimension what the loop's bound may be, see `Factor`.
    """

    level: str
    keeps: tuple[str, ...] = ()
    loops: Orders | tuple[str, ...] = ()
    bypass: str = "never"
    factors: Factors = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.keeps, tuple):
            raise SimulatorError(f"keeps is {self.keeps!r}; it must be a tuple of tensors, as ('weights',)")
        if not isinstance(self.loops, Sequence) or not all(isinstance(o, Sequence) for o in self.loops):
            raise SimulatorError(f"loops are {self.loops!r}; they must be orders of dimensions, as ('NPQ',)")
        _check_factors("factors", self.factors)
        object.__setattr__(self, "loops", tuple(tuple(order) for order in self.loops) or ((),))

    @property
    def orders(self) -> Orders:
        """The orders, by dimension; a part without loops has one of none."""
        return tuple(tuple(order) for order in self.loops)


@dataclass(frozen=True)
class Spread:
    """The dimensions that may lie on the axes of the arrays, and how much of each.

    ``axes`` goes by axis: ``first``, ``last``, ``each``, or a name such as ``x`` or ``PE.x``; an axis takes
    the dimensions of every entry it answers to, and of one dimension's factors that of its own name before
    that of ``first`` or ``last`` before that of ``each``. The last axis stands outermost.
    """

    axes: Mapping[str, Factors]

    def __post_init__(self) -> None:
        if not isinstance(self.axes, Mapping):
            raise SimulatorError(f"the array is {self.axes!r}; it must be a mapping from axes")
        for axis, factors in self.axes.items():
            _check_factors(f"array.{axis}", factors)


@dataclass(frozen=True)
class Dataflow:
    """A dataflow: its nest, outermost first, and the factors its loops may have.

    Without a ``nest`` every legal mapping is allowed; one of an array alone leaves levels and loops open, one
    without an array lays nothing on the axes.
    ``factors`` are ``ragged``, ``balanced`` or ``perfect`` as in `Constraints`.

    Raises
    ------
    SimulatorError
        For a nest that contradicts itself: where, and what would be right.
    """

    name: str
    description: str = ""
    nest: tuple[Keep | Spread, ...] = ()
    factors: str = "balanced"

    def __post_init__(self) -> None:
        if self.factors not in FACTORS:
            raise SimulatorError(
                f"{self.name}: no factors {self.factors!r}{did_you_mean(self.factors, FACTORS)}"
            )
        for index, part in enumerate(self.nest):
            if not isinstance(part, Keep | Spread):
                raise SimulatorError(f"{self.name}: nest[{index}] is {part!r}; it must be a Keep or a Spread")
            try:
                _check_spread(part) if isinstance(part, Spread) else _check_keep(part)
            except SimulatorError as error:
                raise SimulatorError(f"{self.name}: nest[{index}]: {error}") from None
        _check_nest(self)

    @property
    def open(self) -> bool:
        """Whether levels and loops are left open, so that the mapspace is too large to go through."""
        return not any(isinstance(part, Keep) for part in self.nest)

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.description.strip().partition("\n")[0]

    def relaxed(self, dimensions: tuple[str, ...]) -> Iterator[tuple[str, Dataflow]]:
        """Yield every single constraint, as text, with the dataflow without it."""
        for index, part in enumerate(self.nest):
            for text, freer in _relaxed(part, dimensions):
                nest = (*self.nest[:index], freer, *self.nest[index + 1 :])
                yield f"nest[{index}].{text}", replace(self, nest=nest)


def _check_factors(what: str, factors: object) -> None:
    if not isinstance(factors, Mapping):
        raise SimulatorError(
            f"{what} are {factors!r}; they must be a mapping from dimensions, as {{'M': 'most'}}"
        )


def _check_keep(part: Keep) -> None:
    if part.bypass not in BYPASSES:
        raise SimulatorError(f"unknown bypass {part.bypass!r}{did_you_mean(part.bypass, BYPASSES)}")
    _distinct("keeps", part.keeps)
    if part.level == MEMORY and part.keeps:
        raise SimulatorError("keeps: the memory keeps every tensor; leave the field out")
    if part.level != MEMORY and not part.keeps:
        raise SimulatorError(
            f"keeps: level {part.level} needs a tensor to keep; the outermost level is called {MEMORY}"
        )
    first, seen = part.orders[0], set[tuple[str, ...]]()
    for order in part.orders:
        _distinct("loops", order)
        if sorted(order) != sorted(first):
            raise SimulatorError(
                f"loops: ({', '.join(order)}) must order the same dimensions as ({', '.join(first)})"
            )
        if order in seen:
            raise SimulatorError(f"loops: the order ({', '.join(order)}) is given twice")
        seen.add(order)
    for dimension, value in part.factors.items():
        if dimension not in first:
            raise SimulatorError(
                f"factors: {dimension} has no loop there{did_you_mean(dimension, first)}"
                if first
                else f"factors: {dimension} has no loop there; name it in loops"
            )
        read_factor(value)


def _check_spread(part: Spread) -> None:
    if not part.axes:
        raise SimulatorError("array: names no axis; give first, last, each or an axis's name")
    for factors in part.axes.values():
        for value in factors.values():
            read_factor(value)


def _check_nest(dataflow: Dataflow) -> None:
    """Refuse parts that contradict each other."""
    spreads = [i for i, part in enumerate(dataflow.nest) if isinstance(part, Spread)]
    if len(spreads) > 1:
        raise SimulatorError(
            f"{dataflow.name}: nest[{spreads[1]}]: the array stands in the nest once already"
        )
    kept: dict[tuple[str, str], int] = {}
    whole: dict[str, str] = {}
    for index, part in enumerate(dataflow.nest):
        where = f"{dataflow.name}: nest[{index}]"
        if isinstance(part, Spread):
            named = [(d, v) for factors in part.axes.values() for d, v in factors.items()]
        else:
            named = list(part.factors.items())
            if part.level == MEMORY and index:
                raise SimulatorError(f"{where}: the memory is the outermost level; put it first")
            if part.level == PE and (not spreads or index < spreads[0]):
                raise SimulatorError(
                    f"{where}: a level of the PE stands below the array; put the array first"
                )
            if part.level == BUFFER and spreads and index > spreads[0]:
                raise SimulatorError(f"{where}: a buffer stands above the array; put it before the array")
            for tensor in part.keeps:
                if (part.level, tensor) in kept:
                    raise SimulatorError(
                        f"{where}: {part.level} keeps {tensor} in nest[{kept[part.level, tensor]}] already"
                    )
                kept[part.level, tensor] = index
        for dimension, value in named:
            if value == "all" and dimension in whole:
                raise SimulatorError(f"{where}: {dimension} cannot be all here and in {whole[dimension]} too")
            if value == "all":
                whole[dimension] = f"nest[{index}]"


def _distinct(what: str, names: tuple[str, ...]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise SimulatorError(f"{what}: names {name} twice")


def _relaxed(part: Keep | Spread, dimensions: tuple[str, ...]) -> Iterator[tuple[str, Keep | Spread]]:
    if isinstance(part, Spread):
        for axis, factors in part.axes.items():
            for dimension, value in factors.items():
                if value != "any":
                    freer = {**part.axes, axis: {**factors, dimension: "any"}}
                    yield f"array.{axis}.{dimension}: {value}", Spread(freer)
        yield "array", Spread({EACH: dict.fromkeys(dimensions, "any")})
        return
    for dimension, value in part.factors.items():
        if value != "any":
            yield f"factors.{dimension}: {value}", replace(part, factors={**part.factors, dimension: "any"})
    if part.level != MEMORY and part.bypass == "never":
        yield f"bypass: never ({part.level} keeps {', '.join(part.keeps)})", replace(part, bypass="allowed")
    for order in part.orders[:1]:
        missing = tuple(d for d in dimensions if d not in order)
        if missing:
            yield "loops", replace(part, loops=tuple((*order, *missing) for order in part.orders))
