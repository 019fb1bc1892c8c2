"""Figures of a kind of part, for a part of a capacity, width, banks and node."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from simulator.energies.fit import QUANTITIES, VARIABLES, PowerLaw, fit
from simulator.energies.nodes import factor
from simulator.energies.table_file import EnergyTableError, FiguresForm
from simulator.units import parse_bits


@dataclass(frozen=True)
class Figures:
    """Power laws of read and write energies, leakage and area.

    ``fixed`` are the width and node where no point varies them, ``ranges`` the least and greatest values of
    variables that vary. Without a width in either, a figure is of a word, however wide.
    """

    laws: dict[str, PowerLaw]
    fixed: dict[str, float]
    ranges: dict[str, tuple[float, float]]
    up_to_bits: int | None
    source: str

    def value(self, quantity: str, part: dict[str, float]) -> float | None:
        """Return a quantity for a part with a value of each variable, None where the table has none of it.

        What no point varies scales so: with the width by the bit; with banks, as each is a memory of its
        share of the capacity; with the node by `nodes.factor`. Where the law is curved, a memory smaller
        than any point takes the energy of the smallest, and its share of area and leakage. ``part`` may leave
        out a node.

        Raises
        ------
        EnergyTableError
            For a part that states no capacity where the figure depends on it, and a node out of reach.
        """
        law = self.laws.get("read" if quantity == "write" and "write" not in self.laws else quantity)
        if law is None:
            return None
        own, times = dict(part), 1.0
        if "banks" not in law.variables and "capacity_bytes" in law.variables:
            own["capacity_bytes"] /= part["banks"]
            times *= part["banks"] if quantity in ("leakage_mw", "area_um2") else 1.0
        if "width_bits" in self.fixed and quantity in ("read", "write"):
            times *= part["width_bits"] / self.fixed["width_bits"]
        if "node_nm" in self.fixed and "node_nm" in part:
            times *= factor(quantity, self.fixed["node_nm"], part["node_nm"])
        if missing := [name for name in law.variables if name not in own]:
            raise EnergyTableError(f"the figure depends on {missing[0]}, which is not stated")
        least, _ = self.ranges.get("capacity_bytes", (0.0, 0.0))
        if law.curved and own.get("capacity_bytes", least) < least:
            # A curve through larger memories may rise again where they get smaller.
            times *= own["capacity_bytes"] / least if quantity in ("leakage_mw", "area_um2") else 1.0
            own["capacity_bytes"] = least
        return law(own) * times

    @property
    def of_words(self) -> bool:
        """Whether energies are those of a word, however wide."""
        return "width_bits" not in self.fixed and "width_bits" not in self.ranges

    def provenance(self, part: dict[str, float]) -> str:
        """Return the source of a part's figures: with the fit's error, and what lies beyond its points."""
        notes = []
        fitted = {name: law for name, law in self.laws.items() if law.variables}
        if fitted:
            errors = ", ".join(
                f"{name} {law.rms_error:.0%} ({law.max_error:.0%})" for name, law in fitted.items()
            )
            points = next(iter(fitted.values())).points
            notes.append(f"fit of {points} points, off by (rms, at most): {errors}")
        for name, (least, most) in self.ranges.items():
            value = part.get(name, least)
            if name == "capacity_bytes" and "banks" not in self.ranges:
                value /= part["banks"]
            if not least <= value <= most:
                notes.append(f"beyond its points in {name}: {value:g} of {least:g} to {most:g}")
        if "node_nm" in self.fixed and part.get("node_nm", self.fixed["node_nm"]) != self.fixed["node_nm"]:
            notes.append(f"scaled from {self.fixed['node_nm']:g} to {part['node_nm']:g} nm")
        return "; ".join([self.source, *notes])


def build(form: FiguresForm, node_nm: float | None, where: str) -> Figures:
    """Return the figures of a form, fitted to its points: to those of the node alone, if it has any.

    Raises
    ------
    EnergyTableError
        For points that do not have a number for each column, and columns that say nothing.
    """
    columns = _columns(form, where)
    if node_nm in columns.get("node_nm", ()):
        kept = [at == node_nm for at in columns["node_nm"]]
        columns = {name: list(itertools.compress(values, kept)) for name, values in columns.items()}
    given = [name for name in QUANTITIES if name in columns]
    laws = {name: fit(columns, name) for name in given}
    varying = {name: columns[name] for name in VARIABLES if len(set(columns.get(name, ()))) > 1}
    constant = [name for name in ("width_bits", "node_nm") if name in columns and name not in varying]
    fixed: dict[str, float] = {name: columns[name][0] for name in constant}
    ranges = {name: (min(values), max(values)) for name, values in varying.items()}
    up_to = None if form.up_to is None else parse_bits(form.up_to)
    return Figures(laws, fixed, ranges, up_to, form.source)


def _columns(form: FiguresForm, where: str) -> dict[str, list[float]]:
    """A form's figures as columns of equal length."""
    single = {name: value for name in QUANTITIES if (value := getattr(form, name)) is not None}
    if (form.points is None) == (not single):
        raise EnergyTableError(f"{where}: give either read (and write, leakage_mw, area_um2) or points")
    if (form.points is None) != (form.columns is None):
        raise EnergyTableError(f"{where}: columns and points go together")
    if form.points is None:
        columns = {name: [value] for name, value in single.items()}
    else:
        assert isinstance(form.points, list) and form.columns is not None
        for index, row in enumerate(form.points):
            if len(row) != len(form.columns):
                raise EnergyTableError(
                    f"{where}: points[{index}] has {len(row)} numbers for {len(form.columns)} columns"
                )
        if len(set(form.columns)) < len(form.columns) or not set(form.columns) & set(QUANTITIES):
            raise EnergyTableError(
                f"{where}: columns must be distinct, with one at least of {', '.join(QUANTITIES)}"
            )
        columns = {
            name: list(values)
            for name, values in zip(form.columns, zip(*form.points, strict=True), strict=True)
        }
    length = len(next(iter(columns.values())))
    if form.width is not None:
        columns.setdefault("width_bits", [float(parse_bits(form.width))] * length)
    if form.node_nm is not None:
        columns.setdefault("node_nm", [form.node_nm] * length)
    return columns
