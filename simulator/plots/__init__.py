"""Figures for papers: energy per layer, bars, lines over a sweep, a mapping on its array, a network.

Every function returns a matplotlib `Figure` that belongs to the caller; no global state of matplotlib is
touched. Figures are as wide as a paper's column (3.5 in) or page (7 in), and read in grey: colours are
told apart by hatches and edges as well.
"""

from simulator.plots.bars import grouped_bars, stacked_bars
from simulator.plots.energy import energy_breakdown
from simulator.plots.graph import network_graph
from simulator.plots.lines import sweep_lines
from simulator.plots.mapping import mapping_on_array
from simulator.plots.points import named_points, unbeaten
from simulator.plots.style import COLUMN_INCHES, PAGE_INCHES, save_figure

__all__ = [
    "COLUMN_INCHES",
    "PAGE_INCHES",
    "energy_breakdown",
    "grouped_bars",
    "mapping_on_array",
    "named_points",
    "network_graph",
    "save_figure",
    "stacked_bars",
    "sweep_lines",
    "unbeaten",
]
