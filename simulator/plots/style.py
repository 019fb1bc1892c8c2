"""What all figures share: sizes, colours, legends, and how they are written to files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError, did_you_mean
from simulator.files import check_writable, write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Style:
    """Sizes for one use: widths of a figure and the height of a panel in inches, type in points."""

    name: str
    column: float
    page: float
    panel: float
    points: float

    @property
    def letter(self) -> float:
        """A letter's width in points, on the safe side."""
        return 0.56 * self.points

    @property
    def scale(self) -> float:
        """How much thicker lines and larger marks are than in a paper."""
        return self.points / PAPER.points

    @property
    def edge(self) -> float:
        """The width of a bar's edge in points."""
        return 0.4 * self.scale


# Seven points are the smallest type that printers of papers accept.
PAPER = Style("paper", 3.5, 7.0, 1.7, 7.0)
# Half of a slide of 13.3 x 7.5 inches, and all of it but the margins.
SLIDE = Style("slide", 6.0, 12.0, 2.6, 14.0)
STYLES = {one.name: one for one in (PAPER, SLIDE)}
_CURRENT: ContextVar[Style] = ContextVar("style", default=PAPER)

# Of pictures that are as large as what is in them, whatever the style.
COLUMN_INCHES, PAGE_INCHES, POINTS = PAPER.column, PAPER.page, PAPER.points
LETTER, EDGE = PAPER.letter, PAPER.edge
DPI = 300
_MOST_PIXELS = 65_000  # matplotlib draws fewer than 2^16
_LONGEST = 40  # letters of a name that have room beside an axis

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
    "": ("0.65", ""),  # bars of one part, which needs no name
}
# Hatches of the parts that come when every colour is taken.
_LATER_HATCHES = ("++++", "oooo", "----")

# Metadata that would differ from one run to the next, by format.
_FORMATS = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}


def current() -> Style:
    """Return the style that figures are drawn in."""
    return _CURRENT.get()


@contextmanager
def styled(name: str) -> Iterator[Style]:
    """Draw what is drawn within for another use: ``"paper"`` (the default) or ``"slide"``.

        with plots.styled("slide"):
            plots.roofline(result)

    Raises
    ------
    SimulatorError
        For another name.
    """
    check_known(name, tuple(STYLES), "style")
    before = _CURRENT.set(STYLES[name])
    try:
        yield STYLES[name]
    finally:
        _CURRENT.reset(before)


def check_known(name: str, names: Sequence[str], what: str) -> None:
    """SimulatorError with the nearest name for one that is not among the known."""
    if name not in names:
        raise SimulatorError(
            f"{what} must be one of {', '.join(names)}, not {name!r}{did_you_mean(name, names)}"
        )


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


def save_figure(figure: Figure | Axes, path: str | os.PathLike[str], dpi: int = DPI) -> None:
    """Write a figure, or the one that axes are on, as PNG, PDF or SVG, by the suffix.

    The same figure gives the same bytes. ``dpi`` are the pixels an inch of a PNG; fewer where it would have
    more than 65,000 on a side.

    Raises
    ------
    SimulatorError
        For another suffix, no pixels, or if the place cannot be written.
    """
    import matplotlib

    kind = _format(path)
    if not dpi >= 1:
        raise SimulatorError(f"pixels an inch must be 1 or more, not {dpi}")
    image = io.BytesIO()
    whole = figure_of(figure)
    dpi = min(dpi, int(_MOST_PIXELS / max(whole.get_size_inches())))
    # Only these settings have no argument of their own; they are restored at once.
    settings = {"svg.hashsalt": "dataflow-simulator", "pdf.fonttype": 42, "hatch.linewidth": EDGE}
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]  # its stub wants literal keys
        whole.savefig(image, format=kind, dpi=dpi, metadata=_FORMATS[kind])
    write_atomically(path, image.getvalue())


def check_picture(path: str | os.PathLike[str]) -> None:
    """Make sure that a figure could be written, before the work that it shows; SimulatorError if not."""
    _format(path)
    check_writable(path)


def _format(path: str | os.PathLike[str]) -> str:
    """The format that a file's name asks for."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        known = ", ".join(f".{name}" for name in _FORMATS)
        raise SimulatorError(f"cannot draw {Path(path).name!r}: the name must end in one of {known}")
    return kind


def figure_of(drawn: Figure | Axes) -> Figure:
    """Return the whole figure that axes are on, or the figure itself."""
    figure = drawn.figure
    while not hasattr(figure, "savefig"):  # a subfigure
        figure = figure.figure
    return figure  # type: ignore[return-value]  # only a whole figure can be saved


def axes_or_new(ax: Axes | None, height: float | None = None, width: float | None = None) -> Axes:
    """Return the axes to draw on, without a box: those given, else of a figure of their own (inches).

    Its width is that of a column, its height that of a panel and its labels, where none is given.
    """
    from matplotlib.figure import Figure

    now = current()
    if ax is None:
        size = (width or now.column, height or now.panel + 0.1 * now.points)
        ax = Figure(figsize=size, layout="constrained").subplots()
    plain(ax)
    return ax


def legend_above(ax: Axes, title: str = "") -> None:
    """A legend over the panel, so that it never hides a bar; it reads along its rows."""
    handles, names = ax.get_legend_handles_labels()
    if not names:
        return
    columns = next(n for n in range(len(names), 0, -1) if n == 1 or _legend_width(names, n) <= room(ax))
    # matplotlib fills a legend column by column.
    order = [i for column in range(columns) for i in range(column, len(names), columns)]
    ax.legend(
        [handles[i] for i in order], [names[i] for i in order], ncols=columns,
        loc="lower left", bbox_to_anchor=(0, 1), fontsize=current().points, frameon=False,
        borderaxespad=0.2, borderpad=0.2, columnspacing=0.9, handlelength=1.3, handletextpad=0.4,
        title=title or None, title_fontsize=current().points, alignment="left",
    )  # fmt: skip


def _legend_width(names: Sequence[str], columns: int) -> float:
    """Points that a legend takes across in so many columns."""
    now = current()
    widest = (max(map(text_width, names[column::columns])) for column in range(columns))
    return sum(width + 2.6 * now.points for width in widest)


def named(name: str) -> str:
    """Return a name as matplotlib is to be given it: no mathematics in it, the middle of a long one left out.

    Of names alike the end tells most: that of a layer within its block, of a point its last setting.
    """
    if len(name) > _LONGEST:
        half = _LONGEST // 2
        name = f"{name[: half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
    return name.replace("$", r"\$")


def named_words(title: str) -> str:
    """Return a title as matplotlib is to be given it, each word as `named`: lines end between words alone."""
    return " ".join(named(word) for word in title.split(" "))


def text_width(text: str) -> float:
    """Points that a line of text takes across, given as matplotlib is given it."""
    from matplotlib.cbook import is_math_text
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=current().points)
    is_math = bool(is_math_text(text))
    shown = text if is_math else text.replace(r"\$", "$")
    width, _, _ = text_to_path.get_text_width_height_descent(shown, font, is_math)
    return float(width)


def room(ax: Axes) -> float:
    """Points that a panel has across, beside its vertical axis."""
    inches = float(ax.figure.bbox.width / ax.figure.dpi)
    place = ax.get_subplotspec()
    if place is not None:
        inches *= len(place.colspan) / place.get_gridspec().ncols
    return panel_room(inches)


def panel_room(width: float) -> float:
    """Points that a panel of so many inches has across, beside its vertical axis."""
    return (width - 0.6 * current().scale) * 72


def plain(ax: Axes) -> None:
    """Small type, no box, light lines behind the data."""
    ax.tick_params(which="both", labelsize=current().points)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="0.85", linewidth=0.5 * current().scale)
    ax.set_axisbelow(True)


def name_axes(ax: Axes, x: str = "", y: str = "") -> None:
    """Say beside the axes what they are, with the unit."""
    ax.set_xlabel(x, fontsize=current().points)
    ax.set_ylabel(y, fontsize=current().points)


def add_title(figure: Figure, title: str) -> None:
    """The figure's title, over as many lines as it needs; none where it is empty."""
    if title:
        figure.suptitle(named_words(title), fontsize=current().points + 1, wrap=True)
