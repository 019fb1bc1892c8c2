"""Fields of Timeloop's files: checked reading, and notes of what has no counterpart here."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from simulator.errors import SimulatorError, did_you_mean
from simulator.formats.timeloop.templates import evaluate

MAX_NUMBER = 2**60
MAX_NAME = 100
_FACTOR = re.compile(r"([A-Za-z_]\w*?)\s*(<=|>=|=|)\s*(\d{1,12})(?:\s*,\s*(\d{1,12})(?!\s*=))?(?![\w.])")

Notes = list[str]


def mapping_of(data: object, where: str) -> dict[str, Any]:
    """Return data that is a mapping, an empty one for nothing; SimulatorError if it is none."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SimulatorError(f"{where}: must be a mapping of fields, not {_shown(data)}")
    return data


def list_of(data: object, where: str) -> list[Any]:
    """Return data that is a list, an empty one for nothing; SimulatorError if it is none."""
    if data is None:
        return []
    if not isinstance(data, list):
        raise SimulatorError(f"{where}: must be a list, not {_shown(data)}")
    return data


def text_of(data: object, where: str) -> str:
    """Return data that is a name; SimulatorError if it is none."""
    if not isinstance(data, str) or not data:
        raise SimulatorError(f"{where}: must be a name, not {_shown(data)}")
    if len(data) > MAX_NAME:
        raise SimulatorError(f"{where}: a name of {len(data)} characters; at most {MAX_NAME}")
    return data


def names_of(data: object, where: str) -> list[str]:
    """Return a list of names, or names in one text."""
    if isinstance(data, str):
        return [text_of(name, where) for name in data.replace(",", " ").split()]
    return [text_of(item, f"{where}[{index}]") for index, item in enumerate(list_of(data, where))]


def number_of(data: object, where: str, names: dict[str, Any] | None = None, least: float = 0) -> int | float:
    """Return a number, or the value of arithmetic with ``names``; whole where it is.

    Raises
    ------
    SimulatorError
        For anything else, and for what is below ``least`` or above 2**60.
    """
    found = evaluate(data, names or {}, where) if isinstance(data, str) else data
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise SimulatorError(f"{where}: must be a number, not {_shown(data)}")
    if not least <= found <= MAX_NUMBER:
        raise SimulatorError(f"{where}: must be from {least} to 2**60, not {_shown(data)}")
    return int(found) if found == int(found) else found


def whole_of(data: object, where: str, names: dict[str, Any] | None = None, least: int = 1) -> int:
    """Return a whole number as `number_of` does; SimulatorError for a part of one."""
    found = number_of(data, where, names, least)
    if not isinstance(found, int):
        raise SimulatorError(f"{where}: must be a whole number, not {_shown(data)}")
    return found


def factors_of(data: object, where: str) -> list[tuple[str, str, int, int | None]]:
    """Return factors such as ``C=3``, ``C<=3`` or ``P=14,13``: dimension, relation, bound, and remainder.

    The text of version 3 and the list of version 4 are both read. The remainder is None where not given.

    Raises
    ------
    SimulatorError
        For anything else, and a dimension given twice.
    """
    items = [data] if isinstance(data, str | int) else list_of(data, where)
    found: list[tuple[str, str, int, int | None]] = []
    for item in items:
        text = str(item).partition("#")[0]
        for name, relation, bound, rest in _FACTOR.findall(text):
            if name in (other[0] for other in found):
                raise SimulatorError(f"{where}: {name} is given twice")
            found.append((name, relation or "=", int(bound), int(rest) if rest else None))
        left = _FACTOR.sub("", text).replace(",", " ").strip()
        if left:
            raise SimulatorError(
                f"{where}: {left[:60]!r} is no factor; write 'C=3', or 'P=14,13' with a rest"
            )
    return found


def permutation_of(data: object, where: str, dimensions: Iterable[str] | None = None) -> list[str]:
    """Return a permutation, innermost first: a list, names with commas or blanks, or letters in one word.

    Raises
    ------
    SimulatorError
        For anything else, a dimension twice, or one that is not among ``dimensions``.
    """
    known = None if dimensions is None else list(dimensions)
    found = names_of(data, where)
    if isinstance(data, str) and len(found) == 1 and found[0] not in (known or ()):
        found = list(found[0])
    for name in found:
        if found.count(name) > 1:
            raise SimulatorError(f"{where}: {name} is given twice")
        if known is not None and name not in known:
            raise SimulatorError(f"{where}: no dimension {name[:60]!r}{did_you_mean(name[:60], known)}")
    return found


def note_fields(fields: Iterable[object], read: Collection[str], where: str, notes: Notes) -> None:
    """Note the fields that are not read, together."""
    unread = [str(name)[:80] for name in fields if name not in read]
    if unread:
        notes.append(f"{where}: {', '.join(unread)}: no counterpart here")


def _shown(data: object) -> str:
    return "a mapping" if isinstance(data, dict) else "a list" if isinstance(data, list) else f"{data!r:.60}"
