"""Figures for papers and slides: every function draws on axes and returns them, or a figure of several.

    from simulator import plots

    ax = plots.energy_bars(result, by="level")           # a figure of its own, as wide as a paper's column
    plots.save_figure(ax, "energy.pdf")                  # or .png, .svg
    rows = plots.energy_table(result, by="level")        # the numbers of the bars

    figure = matplotlib.figure.Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    plots.roofline(result, ax=left)                      # on axes of yours
    plots.activity(result["conv2"], ax=right)

    with plots.styled("slide"):                           # larger type, wider figures
        plots.pareto(rows, "energy (pJ)", "cycles", "point")

What draws a table takes rows, dictionaries whose keys are the columns, with the unit in parentheses:
`bars_of`, `lines_of`, `pareto`. What draws results has a function that gives its rows: `energy_bars` and
`energy_table`. No global state of matplotlib is touched. Colours are told apart by hatches, edges, dashes and
markers as well, so that they read in grey and colour-blind.
"""

from simulator.plots.bars import bars_of, grouped_bars, stacked_bars
from simulator.plots.dataflows import dataflow_bars, dataflow_comparison, dataflow_table
from simulator.plots.energy import energy_bars, energy_breakdown, energy_table
from simulator.plots.graph import network_graph
from simulator.plots.lines import lines_of, sweep_lines
from simulator.plots.machines import machine_comparison, machine_table
from simulator.plots.mapping import array_map, mapping_on_array, places_table
from simulator.plots.occupancy import memory_occupancy, occupancy_bars, occupancy_table
from simulator.plots.points import front_table, named_points, pareto, search_table, unbeaten
from simulator.plots.roof import roofline, roofline_table
from simulator.plots.runs import study_table, totals_table
from simulator.plots.style import COLUMN_INCHES, PAGE_INCHES, save_figure, styled
from simulator.plots.timeline import activity, activity_table

__all__ = [
    "COLUMN_INCHES",
    "PAGE_INCHES",
    "activity",
    "activity_table",
    "array_map",
    "bars_of",
    "dataflow_bars",
    "dataflow_comparison",
    "dataflow_table",
    "energy_bars",
    "energy_breakdown",
    "energy_table",
    "front_table",
    "grouped_bars",
    "lines_of",
    "machine_comparison",
    "machine_table",
    "mapping_on_array",
    "memory_occupancy",
    "named_points",
    "network_graph",
    "occupancy_bars",
    "occupancy_table",
    "pareto",
    "places_table",
    "roofline",
    "roofline_table",
    "save_figure",
    "search_table",
    "stacked_bars",
    "study_table",
    "styled",
    "sweep_lines",
    "totals_table",
    "unbeaten",
]
