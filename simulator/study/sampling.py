"""The values that fields take: a grid of them, or a sample of their ranges.

    8                  one value
    8, 14, 28          these values
    8:64:8             from 8 to 64 in steps of 8                16KiB:1MiB:x2   each twice the one before
    8:64               whole numbers from 8 to 64, sampled       0.5:2.0         any number between
    16KiB:1MiB:log     sampled evenly on a logarithmic scale     8:64:8:log      and snapped to steps of 8

A sample is a Latin hypercube or a Sobol sequence of SciPy's over all fields of more than one value.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from simulator.errors import SimulatorError, did_you_mean
from simulator.units import AMOUNT_PATTERN, BITS_PER_UNIT, WORD_UNITS, format_bits, known_units

Settings = Mapping[str, object]

MOST_POINTS = 100_000
METHODS = ("latin-hypercube", "sobol")
_END = rf"(-?{AMOUNT_PATTERN})\s*({'|'.join(known_units())})?"
_RANGE = re.compile(rf"\s*{_END}\s*:\s*{_END}\s*((?::[^:]*)*)\s*")
_NUMBER = re.compile(rf"\s*{_END}\s*")


@dataclass(frozen=True)
class Sample:
    """A sample of so many points. The same seed draws the same ones."""

    method: str
    points: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise SimulatorError(
                f"unknown sample {self.method!r:.60}{did_you_mean(str(self.method), METHODS)}"
            )
        _check_whole("points of a sample", self.points, 1, MOST_POINTS)
        _check_whole("seed of a sample", self.seed, 0, 2**63 - 1)

    @classmethod
    def read(cls, source: object) -> Sample:
        """Return the sample that text is, as ``"sobol:64"`` or with a seed ``"sobol:64:1"``; or the object.

        Raises
        ------
        SimulatorError
            For anything else, an unknown method, and numbers out of range.
        """
        if isinstance(source, Sample):
            return source
        if isinstance(source, str):
            method, *numbers = source.split(":")
            if 1 <= len(numbers) <= 2 and all(re.fullmatch("[0-9]{1,18}", text) for text in numbers):
                return cls(method, *(int(text) for text in numbers))
        raise SimulatorError(
            "a sample is a method and its points, as 'sobol:64', or 'latin-hypercube:200:7' with a seed, "
            f"not {source!r:.60}"
        )


@dataclass(frozen=True)
class Range:
    """Numbers between two ends, both included, in ``unit`` (bits for any size, "words", or "" for none).

    ``step`` lies between neighbours, or with ``factor`` they are in that ratio; without either they are
    multiples of ``grain`` from the lower end on: whole numbers, or whole units of a size as its lower end is
    written (None: a continuum).
    """

    text: str
    low: Fraction
    high: Fraction
    unit: str
    grain: Fraction | None = None
    step: Fraction | None = None
    factor: Fraction | None = None
    log: bool = False

    def values(self, field: str) -> list[object]:
        """Every value of a range with steps; SimulatorError for one without, or one of too many."""
        if self.step is None and self.factor is None:
            raise SimulatorError(
                f"field {field!r}: the range {self.text!r} has no step; add one, {self.text}:STEP or "
                f"{self.text}:xFACTOR, or sample it"
            )
        if self._count > MOST_POINTS:
            raise SimulatorError(
                f"field {field!r}: the range {self.text!r} has more than {MOST_POINTS:,} values"
            )
        return [self._shown(self._nth(index)) for index in range(self._count)]

    def at(self, share: float) -> object:
        """The value at a share, in [0, 1), of the range."""
        if self.factor is not None or (self.step is not None and not self.log):
            return self._shown(self._nth(min(int(share * self._count), self._count - 1)))
        low, high = float(self.low), float(self.high)
        if not self.log:
            if self.grain is None:
                return self._shown(Fraction(low + share * (high - low)))
            count = int((self.high - self.low) / self.grain) + 1
            return self._shown(self.low + min(int(share * count), count - 1) * self.grain)
        value = Fraction(low * (high / low) ** share)
        if (grain := self.step or self.grain) is not None:
            value = min(self.low + round((value - self.low) / grain) * grain, self._last(grain))
        return self._shown(value)

    def _last(self, grain: Fraction) -> Fraction:
        return self.low + (self.high - self.low) // grain * grain

    @property
    def _count(self) -> int:
        if self.step is not None:
            return int((self.high - self.low) / self.step) + 1
        assert self.factor is not None
        count, value = 1, self.low
        while (value := value * self.factor) <= self.high and count <= MOST_POINTS:
            count += 1
        return count

    def _nth(self, index: int) -> Fraction:
        if self.step is not None:
            return self.low + index * self.step
        assert self.factor is not None
        return self.low * self.factor**index

    def _shown(self, value: Fraction) -> object:
        """A value as the machine's file has it."""
        if self.unit == "bits":
            return format_bits(round(value))
        if self.unit:
            return f"{round(value)} {self.unit}"
        return int(value) if value.denominator == 1 and "." not in self.text else float(value)


def read_range(text: str, field: str) -> Range | None:
    """Return the range that text is, None where it is none.

    Raises
    ------
    SimulatorError
        For a range that is empty, of two kinds of units, or with a step that makes no sense.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        return None

    def wrong(reason: str) -> SimulatorError:
        return SimulatorError(f"field {field!r}: the range {text[:60]!r} {reason}")

    # Each end of a range has a number, its decimals and a unit.
    (low, low_unit), (high, high_unit) = (match[1], match[3]), (match[4], match[6])
    unit = low_unit or high_unit or ""
    start, kind = _amount(low, low_unit or unit)
    end, other = _amount(high, high_unit or unit)
    if kind != other:
        raise wrong("has ends of two kinds of units")
    if end <= start:
        raise wrong("is empty; the smaller number comes first")
    step = factor = None
    log = False
    for word in (part.strip() for part in match[7].split(":")[1:]):
        if word == "log" and not log:
            log = True
            continue
        if step is not None or factor is not None:
            raise wrong("has more than one step")
        number = _NUMBER.fullmatch(word.removeprefix("x"))
        if number is None or (word.startswith("x") and number[3]):
            raise wrong(f"has the step {word[:40]!r}; write a number, a size, or x2 for a factor; or log")
        if word.startswith("x"):
            factor = Fraction(number[1])
        else:
            step, step_kind = _amount(number[1], number[3] or unit)
            if step_kind != kind:
                raise wrong("has a step of another kind of unit")
    if (step is not None and step <= 0) or (factor is not None and factor <= 1):
        raise wrong("needs a step above 0" if step is not None else "needs a factor above 1")
    if (log or factor is not None) and start <= 0:
        raise wrong("begins at 0 or below, which no factor leads away from")
    whole = kind != "" or "." not in text
    grain = _amount("1", low_unit or unit)[0] if whole else None
    return Range(text.strip(), start, end, kind, grain, step, factor, log)


def _amount(number: str, unit: str) -> tuple[Fraction, str]:
    if unit in BITS_PER_UNIT:
        return Fraction(number) * BITS_PER_UNIT[unit], "bits"
    return Fraction(number), "words" if unit in WORD_UNITS else ""


def read_values(field: str, given: object) -> list[object] | Range:
    """Return the values of a field: a list, or a range to be sampled.

    Raises
    ------
    SimulatorError
        For no values, a value given twice, and ranges among other values.
    """
    if isinstance(given, str):
        return read_range(given, field) or [given]
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        return [_plain(given)]
    values = [_plain(value) for value in given]
    ranges = [read_range(value, field) for value in values if isinstance(value, str)]
    if len(values) == 1 and ranges and ranges[0] is not None:
        return ranges[0]
    if any(ranges):
        raise SimulatorError(f"field {field!r}: a range stands alone, not among other values")
    if not values:
        raise SimulatorError(f"field {field!r}: has no values")
    for value in values:
        if values.count(value) > 1 and not isinstance(value, bool):
            raise SimulatorError(f"field {field!r}: the value {value!r:.60} is given twice")
    return values


def _plain(value: object) -> object:
    # NumPy's numbers become Python's.
    return value.item() if hasattr(value, "item") else value


def combinations(
    settings: Settings | Sequence[Settings], sample: Sample | None
) -> Iterator[dict[str, object]]:
    """Yield the settings of every point: those listed, a grid's, or a sample's, each once.

    Raises
    ------
    SimulatorError
        For settings that are neither, values as `read_values`, and more than 100,000 points.
    """
    if not isinstance(settings, Mapping):
        yield from _listed(settings, sample)
        return
    values = {_named(field): read_values(field, given) for field, given in settings.items()}
    if sample is not None:
        yield from _sampled(values, sample)
        return
    lists = {
        field: given.values(field) if isinstance(given, Range) else given for field, given in values.items()
    }
    number = math.prod(len(given) for given in lists.values())
    if number > MOST_POINTS:
        raise SimulatorError(f"the grid has {number:,} points, more than {MOST_POINTS:,}; sample it")
    for point in itertools.product(*lists.values()):
        yield dict(zip(lists, point, strict=True))


def _listed(settings: Any, sample: Sample | None) -> Iterator[dict[str, object]]:
    if sample is not None:
        raise SimulatorError("a sample is drawn from fields with their ranges, not from a list of points")
    if isinstance(settings, str | bytes) or not isinstance(settings, Sequence):
        raise SimulatorError(
            f"settings are fields with their values, or a list of points, not {settings!r:.80}"
        )
    if not settings:
        raise SimulatorError("settings: the list of points is empty")
    seen: set[str] = set()
    for number, point in enumerate(settings):
        if not isinstance(point, Mapping):
            raise SimulatorError(
                f"settings[{number}]: a point is fields with a value each, not {point!r:.80}"
            )
        plain = {_named(field): _plain(value) for field, value in point.items()}
        if repr(sorted(plain.items())) in seen:
            raise SimulatorError(f"settings[{number}]: the point is in the list already")
        seen.add(repr(sorted(plain.items())))
        yield plain


def _named(field: object) -> str:
    if not isinstance(field, str) or not field:
        raise SimulatorError(f"a field is a name, as 'array.x', not {field!r:.60}")
    return field


def _sampled(values: dict[str, list[Any] | Range], sample: Sample) -> Iterator[dict[str, object]]:
    varied = [field for field, given in values.items() if isinstance(given, Range) or len(given) > 1]
    if not varied:
        raise SimulatorError("a sample needs a field of more than one value")
    try:
        from scipy.stats import qmc
    except ImportError:
        raise SimulatorError("samples need SciPy: pip install 'dataflow-simulator[sampling]'") from None
    engine = qmc.Sobol if sample.method == "sobol" else qmc.LatinHypercube
    with warnings.catch_warnings():
        # That a sequence is best at powers of two is no reason to take another number than the one asked for.
        warnings.simplefilter("ignore", UserWarning)
        shares = engine(len(varied), rng=sample.seed).random(sample.points)
    seen: set[str] = set()
    for row in shares.tolist():
        point = {field: given[0] if isinstance(given, list) else None for field, given in values.items()}
        for field, share in zip(varied, row, strict=True):
            given = values[field]
            point[field] = given.at(share) if isinstance(given, Range) else given[int(share * len(given))]
        if repr(point) not in seen:
            seen.add(repr(point))
            yield point


def _check_whole(what: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SimulatorError(f"{what}: must be a whole number from {least} to {most:,}, not {value!r:.40}")
