"""The graph of a network, from the top down, with multiply-accumulates as colour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator.fusing import fused
from simulator.plots.layered import Layout, place
from simulator.plots.style import COLUMN_INCHES, EDGE, LETTER, POINTS, named, named_words
from simulator.report import big

if TYPE_CHECKING:
    import networkx as nx
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, LogNorm
    from matplotlib.figure import Figure

    from workloads import Network, NetworkLayer

_MARGIN, _HEAD, _BAR = 0.1, 0.7, 0.1  # inches: around the graph, above it, and the colour bar's height
_LINE = 1.2 * POINTS / 72


def network_graph(network: Network) -> Figure:
    """Draw a network's graph as tall and wide as it needs: a box per layer, its MACs as colour.

    Activations and normalizations that the layer before applies are in that layer's box. Boxes are placed by
    Graphviz where its `dot` is installed, else in rows by topological generation.
    """
    from matplotlib.figure import Figure

    graph = _drawn(network)
    texts = {name: _text(network[name]) for name in graph}
    boxes = {name: (_width(text), text.count("\n") * _LINE + 1.6 * _LINE) for name, text in texts.items()}
    layout = place(graph, boxes)
    width = max(layout.width, COLUMN_INCHES - 2 * _MARGIN) + 2 * _MARGIN
    height = layout.height + 2 * _MARGIN + _HEAD
    figure = Figure(figsize=(width, height))
    ax = figure.add_axes((0.0, 0.0, 1.0, 1 - _HEAD / height))
    spare = (width - layout.width) / 2
    ax.set_xlim(-spare, layout.width + spare)
    ax.set_ylim(-_MARGIN, layout.height + _MARGIN)
    ax.axis("off")
    norm = _norm([network[name].macs for name in graph])
    _draw(ax, layout, boxes, texts, {name: network[name].macs for name in graph}, norm)
    title = f"{network.name}, batch {network.batch}: {big(network.macs)} MACs, {big(network.weights)} weights"
    figure.text(_MARGIN / width, 1 - 0.08 / height, named_words(title), fontsize=POINTS + 1, va="top")
    if norm is not None:
        _colour_bar(figure, norm, width, height)
    return figure


def _drawn(network: Network) -> nx.DiGraph:
    """The graph without the layers that are in another's box."""
    import networkx as nx

    into = fused(network)
    graph = nx.DiGraph()
    graph.add_nodes_from(layer.name for layer in network if layer.name not in into)
    for before, after in network.graph.edges:
        if after not in into:
            graph.add_edge(into.get(before, before), after)
    return graph


def _text(layer: NetworkLayer) -> str:
    return f"{named(layer.name)}\n{layer.type} {'x'.join(map(str, layer.output_shape))}"


def _width(text: str) -> float:
    return (max(map(len, text.split("\n"))) * LETTER + POINTS) / 72


def _colours() -> Colormap:
    """From light, few, to dark, many; even to the eye, colour-blind or not, and in grey."""
    import matplotlib

    return matplotlib.colormaps["cividis_r"]


def _norm(macs: list[int]) -> LogNorm | None:
    """A logarithmic scale from a power of ten to another; None where nothing has MACs."""
    from matplotlib.colors import LogNorm

    some = [number for number in macs if number]
    if not some:
        return None
    low, high = math.floor(math.log10(min(some))), math.ceil(math.log10(max(some)))
    return LogNorm(10.0**low, 10.0 ** max(high, low + 1))


def _draw(
    ax: Axes,
    layout: Layout,
    boxes: Mapping[str, tuple[float, float]],
    texts: Mapping[str, str],
    macs: Mapping[str, int],
    norm: LogNorm | None,
) -> None:
    from matplotlib.collections import PatchCollection, PathCollection
    from matplotlib.patches import FancyBboxPatch
    from matplotlib.path import Path

    paths = [Path(curve, [Path.MOVETO] + [Path.CURVE4] * (len(curve) - 1)) for curve in layout.curves]
    ax.add_collection(PathCollection(paths, facecolors="none", edgecolors="0.35", linewidths=0.7))
    patches, faces = [], []
    colours = _colours()
    for name, (x, y) in layout.places.items():
        (width, height), count = boxes[name], macs[name]
        patches.append(
            FancyBboxPatch(
                (x - width / 2, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.04"
            )
        )
        face = colours(norm(count)) if norm is not None and count else (1.0, 1.0, 1.0, 1.0)
        faces.append(face)
        # The eye's weights of red, green and blue.
        dark = 0.299 * face[0] + 0.587 * face[1] + 0.114 * face[2] < 0.5
        ax.text(
            x, y, texts[name], ha="center", va="center", fontsize=POINTS, linespacing=1.15,
            color="white" if dark else "black",
        )  # fmt: skip
    ax.add_collection(
        PatchCollection(patches, facecolors=faces, edgecolors="black", linewidths=EDGE, zorder=2)
    )


def _colour_bar(figure: Figure, norm: LogNorm, width: float, height: float) -> None:
    from matplotlib.cm import ScalarMappable

    across = min(width, COLUMN_INCHES) - 4 * _MARGIN
    ax = figure.add_axes((2 * _MARGIN / width, 1 - 0.35 / height, across / width, _BAR / height))
    bar = figure.colorbar(ScalarMappable(norm, _colours()), cax=ax, orientation="horizontal")
    bar.set_label("multiply-accumulates (MACs) of a layer; white: none", fontsize=POINTS, labelpad=1)
    bar.ax.tick_params(labelsize=POINTS, pad=1)
