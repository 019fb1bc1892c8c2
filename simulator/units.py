"""Sizes with units: ``"108 KiB"``, ``"64 bits"``, ``"224 words"``; in the simulator all are bits."""

from __future__ import annotations

import re
from fractions import Fraction

from simulator.errors import SimulatorError

BITS_PER_UNIT = {
    "bit": 1,
    "bits": 1,
    "B": 8,
    "bytes": 8,
    "kB": 8 * 10**3,
    "MB": 8 * 10**6,
    "GB": 8 * 10**9,
    "KiB": 8 * 2**10,
    "MiB": 8 * 2**20,
    "GiB": 8 * 2**30,
}
WORD_UNITS = ("word", "words")
MAX_BITS = 2**60
# Slower is no machine, and its cycles would pass 2**63.
MIN_RATE_BITS = 1e-6

# Short enough that no amount of digits can cost time; what is larger is refused anyway.
AMOUNT_PATTERN = r"[0-9]{1,20}(\.[0-9]{1,20})?"
_AMOUNT = re.compile(rf"({AMOUNT_PATTERN})\s*([A-Za-z]+)", re.ASCII)


def parse_amount(text: object) -> tuple[Fraction, str]:
    """Split a size such as ``"1.5 KiB"`` into its exact amount and its unit.

    Raises
    ------
    SimulatorError
        If it is not text, has no unit or an unknown one, or is zero, negative or above 2**60 bits.
    """
    if not isinstance(text, str):
        # A whole number may be too long to print; only a short one is worth repeating.
        shown = text if isinstance(text, int | float) and abs(text) < 1e15 else "a size"
        raise SimulatorError(f"{shown} has no unit; write text such as '108 KiB', '64 bits' or '224 words'")
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise SimulatorError(
            f"{text[:60]!r} is not a size; write a positive number and a unit, such as '108 KiB' or '64 bits'"
        )
    amount, unit = Fraction(match[1]), match[3]
    if unit not in BITS_PER_UNIT and unit not in WORD_UNITS:
        raise SimulatorError(f"{text!r} has the unknown unit {unit!r}; known: {', '.join(known_units())}")
    if amount == 0:
        raise SimulatorError(f"{text!r} is zero; a size must be above zero")
    if amount * BITS_PER_UNIT.get(unit, 1) > MAX_BITS:
        raise SimulatorError(f"{text!r} is more than 2**60 bits")
    return amount, unit


def known_units() -> tuple[str, ...]:
    """Return every unit a size may carry."""
    return (*BITS_PER_UNIT, *WORD_UNITS)


def parse_rate(text: object) -> float:
    """Return bits per cycle from text such as ``"19.2 bits"`` or ``"8 B"``.

    Raises
    ------
    SimulatorError
        As `parse_amount`, for words, which have no one width on a wire, and for less than `MIN_RATE_BITS`.
    """
    amount, unit = parse_amount(text)
    if unit in WORD_UNITS:
        raise SimulatorError(f"{text!r} counts words; write a width in bits or bytes per cycle")
    bits = float(amount * BITS_PER_UNIT[unit])
    if bits < MIN_RATE_BITS:
        raise SimulatorError(f"{text!r} is less than {MIN_RATE_BITS:g} bits per cycle")
    return bits


def parse_bits(text: object, word_bits: int | None = None) -> int:
    """Return the bits in text such as ``"108 KiB"`` or, given the width of a word, ``"224 words"``.

    Parameters
    ----------
    text
        The size as written.
    word_bits
        Width of a word in bits; None where words have no single width.

    Raises
    ------
    SimulatorError
        As `parse_amount`; for words without a width; for a part of a bit or of a word.
    """
    amount, unit = parse_amount(text)
    if unit in WORD_UNITS:
        if word_bits is None:
            raise SimulatorError(f"{text!r} needs words of one width; write bits or bytes instead")
        if amount.denominator != 1:
            raise SimulatorError(f"{text!r} is not a whole number of words")
        bits = amount * word_bits
    else:
        bits = amount * BITS_PER_UNIT[unit]
    if bits.denominator != 1:
        raise SimulatorError(f"{text!r} is not a whole number of bits")
    if bits > MAX_BITS:
        raise SimulatorError(f"{text!r} is more than 2**60 bits")
    return int(bits)


def format_bits(bits: int) -> str:
    """Return a size in bits as text in the largest binary unit that keeps it exact: ``"108 KiB"``."""
    for unit in ("GiB", "MiB", "KiB", "B"):
        if bits >= BITS_PER_UNIT[unit] and bits % BITS_PER_UNIT[unit] == 0:
            return f"{bits // BITS_PER_UNIT[unit]} {unit}"
    return f"{bits} bits"
