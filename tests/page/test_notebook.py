"""What notebooks show: tables with the numbers of the results, names escaped, no script."""

from __future__ import annotations

import simulator as sim
from simulator.lineup import Lineup
from simulator.results import NetworkResult

from .test_page import Reader


def test_a_run_is_a_table_of_its_layers(run: NetworkResult) -> None:
    read = Reader(run._repr_html_())
    assert len(read.of("table")) == 1 and read.of("script") == []
    names = [text.strip() for tag, text in read.texts if tag == "th"]
    assert {layer.name for layer in run} <= set(names)


def test_a_layer_shows_its_nest_and_energy(run: NetworkResult) -> None:
    layer = run["conv1"]
    read = Reader(layer._repr_html_())
    assert [text for tag, text in read.texts if tag == "pre"] == [str(layer.mapping)]
    values = [float(cell["data-v"] or 0) for cell in read.of("td") if "data-v" in cell]
    assert layer.energy in values


def test_runs_side_by_side(run: NetworkResult) -> None:
    read = Reader(sim.compare(run, run)._repr_html_())
    assert len(read.of("table")) == 3
    assert any("the settings are the same" in text for _, text in read.texts)
    lineup = Lineup("dataflow", {"<b>": run}, {"other": "<script>no mapping</script>"})
    read = Reader(lineup._repr_html_())
    assert read.of("b") == read.of("script") == []
    assert any("<script>no mapping</script>" in text for _, text in read.texts)
