"""Units on axes: how many thousands a unit stands for, and where it is written."""

from __future__ import annotations

import math
import re

_JOULES = ("pJ", "nJ", "\N{MICRO SIGN}J", "mJ", "J")
_LABEL = re.compile(r"(?P<what>[^()]*?) *(\((?P<unit>[^()]*)\))?")


def scaled(label: str, highest: float) -> tuple[float, str]:
    """Return a factor and the label with its unit changed, so that values have few digits.

    The highest has one to three before the point; small ones stay as they are, but for joules.

        >>> scaled("energy (pJ)", 2.5e6)
        (1e-06, 'energy (µJ)')
        >>> scaled("energy (MAC)", 2.5e9)
        (1e-09, 'energy ($10^{9}$ MACs)')
        >>> scaled("cycles", 700)
        (1.0, 'cycles')
    """
    found = _LABEL.fullmatch(label)
    what, unit = (found["what"], found["unit"] or "") if found else (label, "")
    thousands = max(0, int(math.log10(highest) // 3)) if highest > 0 else 0
    if unit.split(" ")[0] in _JOULES:
        first, rest = _JOULES.index(unit.split(" ")[0]), unit.split(" ")[1:]
        thousands = min(thousands, len(_JOULES) - 1 - first)
        return 1000.0**-thousands, f"{what} ({' '.join([_JOULES[first + thousands], *rest])})"
    unit = "MACs" if unit == "MAC" else unit
    if thousands and highest >= 1e4:
        power = f"$10^{{{3 * thousands}}}$"
        return 1000.0**-thousands, f"{what} ({f'{power} {unit}'.strip()})"
    return 1.0, f"{what} ({unit})" if unit else what
