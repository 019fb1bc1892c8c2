"""What all figures share: sizes, colours, legends, and how they are written to files."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN_INCHES, PAGE_INCHES = 3.5, 7.0
POINTS = 7.0  # the smallest type that printers of papers accept
LETTER = 0.56 * POINTS  # a letter's width, on the safe side
EDGE = 0.4
DPI = 300
_MOST_PIXELS = 65_000  # matplotlib draws fewer than 2^16

Look = tuple[str, str]

# The colours of M. Okabe and K. Ito, "Color Universal Design", 2002; hatches for print in grey.
BLACK: Look = ("#000000", "")
LOOKS: tuple[Look, ...] = (
    ("#0072B2", ""),
    ("#E69F00", "////"),
    ("#009E73", "...."),
    ("#56B4E9", ""),
    ("#D55E00", "\\\\\\\\"),
    ("#F0E442", ""),
    ("#CC79A7", "xxxx"),
)
# Parts that look the same in every figure.
FIXED_LOOKS: dict[str, Look] = {
    "weights": LOOKS[4],
    "inputs": LOOKS[3],
    "outputs": LOOKS[5],
    "leakage": LOOKS[6],
    "MAC": BLACK,
}
# Hatches of the parts that come when every colour is taken.
_LATER_HATCHES = ("++++", "oooo", "----")

# Metadata that would differ from one run to the next, by format.
_FORMATS = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def looks_of(panels: Sequence[Sequence[str]]) -> dict[str, Look]:
    """A colour and a hatch for each name, the same in all panels; no two alike in one.

    Tensors, leakage and MACs look as they do everywhere; other names take what these leave where they share
    a panel.
    """
    mixed = [panel for panel in panels if any(name not in FIXED_LOOKS for name in panel)]
    taken = {FIXED_LOOKS[name] for panel in mixed for name in panel if name in FIXED_LOOKS}
    free = [look for look in LOOKS if look not in taken]
    free += [(colour, hatch) for hatch in _LATER_HATCHES for colour, _ in LOOKS]
    others = dict.fromkeys(name for panel in panels for name in panel if name not in FIXED_LOOKS)
    return FIXED_LOOKS | {name: free[number % len(free)] for number, name in enumerate(others)}


def save_figure(figure: Figure, path: str | os.PathLike[str], dpi: int = DPI) -> None:
    """Write a figure as PNG, PDF or SVG, by the suffix; the same figure gives the same bytes.

    ``dpi`` are the pixels an inch of a PNG; fewer where it would have more than 65,000 on a side.

    Raises
    ------
    SimulatorError
        For another suffix, or if the place cannot be written.
    """
    import matplotlib

    target = Path(path)
    kind = target.suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        known = ", ".join(f".{name}" for name in _FORMATS)
        raise SimulatorError(f"cannot draw {target.name!r}: the name must end in one of {known}")
    image = io.BytesIO()
    dpi = min(dpi, int(_MOST_PIXELS / max(figure.get_size_inches())))
    # Only these settings have no argument of their own; they are restored at once.
    settings = {"svg.hashsalt": "dataflow-simulator", "pdf.fonttype": 42, "hatch.linewidth": EDGE}
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        figure.savefig(image, format=kind, dpi=dpi, metadata=_FORMATS[kind])
    write_atomically(target, image.getvalue())


def legend_above(figure: Figure, ax: Axes) -> None:
    """A legend over the panel, so that it never hides a bar; it reads along its rows."""
    handles, names = ax.get_legend_handles_labels()
    room = panel_room(figure.get_figwidth())
    columns = next(n for n in range(len(names), 0, -1) if n == 1 or _legend_width(names, n) <= room)
    # matplotlib fills a legend column by column.
    order = [i for column in range(columns) for i in range(column, len(names), columns)]
    ax.legend(
        [handles[i] for i in order], [names[i] for i in order], ncols=columns,
        loc="lower left", bbox_to_anchor=(0, 1), fontsize=POINTS, frameon=False,
        borderaxespad=0.2, borderpad=0.2, columnspacing=0.9, handlelength=1.3, handletextpad=0.4,
    )  # fmt: skip


def _legend_width(names: Sequence[str], columns: int) -> float:
    """Points that a legend takes across in so many columns."""
    widest = (max(len(name) for name in names[column::columns]) for column in range(columns))
    return sum(letters * LETTER + 2.6 * POINTS for letters in widest)


def panel_room(width: float) -> float:
    """Points that a panel has across in a figure of so many inches, beside its vertical axis."""
    return (width - 0.6) * 72


def plain(ax: Axes) -> None:
    """Small type, no box, light lines behind the data."""
    ax.tick_params(labelsize=POINTS)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.85", linewidth=0.5)
    ax.set_axisbelow(True)


def add_title(figure: Figure, title: str) -> None:
    """The figure's title, over as many lines as it needs; none where it is empty."""
    if title:
        figure.suptitle(title, fontsize=POINTS + 1, wrap=True)
