"""Figures inside a page: as SVG, or as PNG where that is smaller."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 200
# On the page, of an inch: type of seven points is as large as that of tables.
_PIXELS = 110


@dataclass(frozen=True)
class Picture:
    """A figure as a data URI, its width in pixels, what it shows for who cannot see it, and its caption."""

    uri: str
    width: int
    description: str
    caption: str


def picture(figure: Figure | Axes, description: str, caption: str) -> Picture:
    """A figure of `simulator.plots` for a page."""
    from simulator.plots import save_figure
    from simulator.plots.style import figure_of

    with tempfile.TemporaryDirectory() as folder:
        images = {"image/svg+xml": Path(folder, "figure.svg"), "image/png": Path(folder, "figure.png")}
        for file in images.values():
            save_figure(figure, file, _DPI)
        kind, file = min(images.items(), key=lambda image: image[1].stat().st_size)
        data = base64.b64encode(file.read_bytes()).decode()
    width = round(_PIXELS * figure_of(figure).get_figwidth())
    return Picture(f"data:{kind};base64,{data}", width, description, caption)
