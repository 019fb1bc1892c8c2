"""Tables of a page: cells that show a number as text and sort by the number itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.report import big


@dataclass(frozen=True)
class Cell:
    """What a cell shows, the number it sorts by (None: its text), and where on the page it leads."""

    text: str
    value: float | None = None
    link: str | None = None


@dataclass(frozen=True)
class Table:
    """A table; cells of the first columns, as many as ``names``, are names, all others numbers or remarks.

    ``note`` stands below it. ``totals`` are the last row, which is never sorted. With an ``anchor``
    its rows are ANCHOR-1, ANCHOR-2, ..; without, the page numbers the table.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[Cell, ...] = ()
    note: str = ""
    names: int = 1
    anchor: str = ""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns hold numbers."""
        columns = range(len(self.headings))
        return tuple(any(row[i].value is not None for row in self.rows) for i in columns)


Row = list[Cell | str]


def table(
    caption: str,
    headings: Sequence[str],
    rows: Sequence[Row],
    totals: Row | None = None,
    note: str = "",
    names: int = 1,
    anchor: str = "",
) -> Table:
    """A table of cells, or of text."""
    cells = tuple(_cells(row) for row in rows)
    return Table(caption, tuple(headings), cells, _cells(totals or []), note, names, anchor)


def _cells(row: Row) -> tuple[Cell, ...]:
    return tuple(Cell(cell) if isinstance(cell, str) else cell for cell in row)


def exact(number: float | None) -> Cell:
    """A number to the last digit where it is whole, else to six; an empty cell where there is none."""
    if number is None:
        return Cell("")
    whole = float(number).is_integer() and abs(number) < 1e15
    return Cell(f"{number:,.0f}" if whole else f"{number:,.6g}", number)


def short(number: float | None, link: str | None = None) -> Cell:
    """A number of three or four digits with its prefix: 421.7 M."""
    return Cell("", None) if number is None else Cell(big(number), number, link)


def share(part: float, whole: float = 1.0) -> Cell:
    """A share of a whole in percent; an empty cell where the whole is zero."""
    return Cell(f"{part / whole:.1%}", part / whole) if whole else Cell("")
