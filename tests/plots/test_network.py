"""Graphs of networks: where boxes and lines are, what colours and texts say."""

from __future__ import annotations

import stat
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

import workloads as w
from simulator.fusing import fused
from simulator.plots import network_graph, save_figure
from simulator.plots.layered import GAP, dot, place, rows
from workloads import Network


@pytest.fixture(autouse=True)
def _without_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def texts_of(figure: Figure) -> dict[str, str]:
    """What each box says below its name."""
    return dict(text.get_text().split("\n") for text in figure.axes[0].texts)


def colours_of(figure: Figure) -> dict[str, str]:
    (boxes,) = [drawn for drawn in figure.axes[0].collections if isinstance(drawn, PatchCollection)]
    return dict(zip(texts_of(figure), map(to_hex, boxes.get_facecolor()), strict=True))


def lightness(colour: str) -> float:
    return sum(int(colour[i : i + 2], 16) for i in (1, 3, 5))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[nx.DiGraph, dict[str, tuple[float, float]]]:
    """Acyclic graphs of a few nodes with boxes of different widths."""
    names = [f"n{i}" for i in range(draw(st.integers(1, 9)))]
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    for number, name in enumerate(names[1:], 1):
        for source in draw(st.lists(st.sampled_from(names[:number]), max_size=3, unique=True)):
            graph.add_edge(source, name)
    return graph, {name: (draw(st.sampled_from((0.5, 1.0, 2.25))), 0.3) for name in names}


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_stand_apart_below_what_feeds_them(
    drawn: tuple[nx.DiGraph, dict[str, tuple[float, float]]],
) -> None:
    graph, boxes = drawn
    layout = rows(graph, boxes)
    assert set(layout.places) == set(graph)
    near = 1e-9
    for a, (x, y) in layout.places.items():
        assert -near <= x - boxes[a][0] / 2 and x + boxes[a][0] / 2 <= layout.width + near
        assert -near <= y - boxes[a][1] / 2 and y + boxes[a][1] / 2 <= layout.height + near
        for b, (other, level) in layout.places.items():
            if a < b and abs(level - y) < near:
                assert abs(other - x) >= (boxes[a][0] + boxes[b][0]) / 2 + GAP - near
    for (a, b), curve in zip(graph.edges, layout.curves, strict=True):
        assert layout.places[a][1] - layout.places[b][1] > 0.3
        assert curve[0] == pytest.approx((layout.places[a][0], layout.places[a][1] - 0.15))
        assert curve[-1] == pytest.approx((layout.places[b][0], layout.places[b][1] + 0.15))
        assert len(curve) % 3 == 1
        for at in curve[3:-1]:
            for name, (x, y) in layout.places.items():
                wide, tall = boxes[name]
                assert not (abs(at[0] - x) < wide / 2 and abs(at[1] - y) < tall / 2 - near)


def test_a_deep_network_stays_in_the_middle() -> None:
    """A shortcut pushes its block aside; a hundred must not add up."""
    graph = nx.DiGraph([(f"n{i}", f"n{i + 1}") for i in range(300)])
    graph.add_edges_from((f"n{i}", f"n{i + 3}") for i in range(0, 298, 3))
    assert rows(graph, dict.fromkeys(graph, (1.0, 0.3))).width < 2.0


def test_what_nothing_feeds_stands_right_above_its_use() -> None:
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d"), ("constant", "d")])
    places = rows(graph, dict.fromkeys(graph, (1.0, 0.3))).places
    assert places["constant"][1] == places["c"][1]


def _graphviz(folder: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    program = folder / "dot"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_graphviz_places_the_boxes_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, boxes = nx.DiGraph([("a b", "c")]), {"a b": (1.0, 0.3), "c": (2.0, 0.3)}
    edge = "edge 0 1 4 1 0.5 1 0.4 1 0.3 1 0.2 x"
    said = f"graph 1 2 0.8\nnode 0 1 0.6 1 0.3 x\nnode 1 1 0.2 2 0.3 x\n{edge}\nstop"
    _graphviz(tmp_path, monkeypatch, f"cat > {tmp_path}/given\ncat <<EOF\n{said}\nEOF")
    layout = place(graph, boxes)
    assert (layout.width, layout.height) == (2.0, 0.8)
    assert layout.places == {"a b": (1.0, 0.6), "c": (1.0, 0.2)}
    assert layout.curves == [[(1.0, 0.5), (1.0, 0.4), (1.0, 0.3), (1.0, 0.2)]]
    given = (tmp_path / "given").read_text()
    assert "1 [width=2.0000, height=0.3000];" in given and "0 -> 1" in given


def test_our_own_places_where_graphviz_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, boxes = nx.DiGraph([("a", "b")]), {"a": (1.0, 0.3), "b": (2.0, 0.3)}
    _graphviz(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(Exception, match="exit status 1"):
        dot(graph, boxes)
    assert place(graph, boxes) == rows(graph, boxes)


def test_every_layer_that_is_not_fused_has_a_box() -> None:
    network = w.build("resnet18")
    said = texts_of(network_graph(network))
    assert set(said) == {layer.name for layer in network} - set(fused(network))
    assert said["conv3_1a"] == "Convolution 128x28x28"


def test_more_macs_are_darker_and_none_is_white() -> None:
    network = w.build("lenet5_caffe")
    figure = network_graph(network)
    colours = colours_of(figure)
    macs = {name: network[name].macs for name in colours}
    some = sorted((name for name in colours if macs[name]), key=macs.__getitem__)
    shades = [lightness(colours[name]) for name in some]
    assert shades == sorted(shades, reverse=True) and len(set(shades)) == 4
    assert all(colours[name] == "#ffffff" for name in colours if not macs[name])
    low, high = figure.axes[1].get_xlim()
    assert low <= min(macs[name] for name in some) and max(macs.values()) <= high
    assert "MACs" in figure.axes[1].get_xlabel()


def test_a_network_without_macs_has_no_scale() -> None:
    net = w.NetworkBuilder("pooled")
    net.add(w.Input.image("input", 3, 8))
    net.add(w.Pooling("pool", "max", 2))
    assert len(network_graph(net.build()).axes) == 1


def test_texts_fit_their_boxes() -> None:
    figure = network_graph(w.build("lenet5_caffe"))
    figure.draw_without_rendering()
    (ax, _) = figure.axes
    (boxes,) = [drawn for drawn in ax.collections if isinstance(drawn, PatchCollection)]
    for text, path in zip(ax.texts, boxes.get_paths(), strict=True):
        box, wide = path.get_extents(), text.get_window_extent().transformed(ax.transData.inverted())
        assert box.x0 <= wide.x0 and wide.x1 <= box.x1 and box.y0 <= wide.y0 and wide.y1 <= box.y1


def test_a_very_tall_figure_has_fewer_pixels_an_inch(tmp_path: Path) -> None:
    save_figure(Figure(figsize=(0.2, 400)), tmp_path / "tall.png")
    with Image.open(tmp_path / "tall.png") as image:
        assert 60_000 < image.height < 2**16


@pytest.mark.parametrize("name", ["googlenet", "transformer_base", "fcn8s"])
def test_large_networks_are_drawn(name: str) -> None:
    network: Network = w.build(name)
    wide, tall = network_graph(network).get_size_inches()
    assert wide < 20 and tall > 5
