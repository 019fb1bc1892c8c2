"""The paper's setting: our counts at the published optima, and our own optima in it."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.isca16 import grid, published
from experiments.isca16.setting import LAYERS, SETTINGS, Layer
from simulator.errors import MappingError
from simulator.mappers import find_best

BY_NAME = {layer.name: layer for layer in LAYERS}
SMALL = Layer("small", 9, 3, 7, 6, 10, 1, 1)
PRICES = {"dram": 200, "buffer": 6, "array": 2, "register_file": 1, "mac": 1}  # ISCA'16 table IV


def point(label, layer, batch, pes=256):
    return grid.Point(pes, batch, BY_NAME[layer], label)


def published_rows():
    path = Path(published.__file__).parent / "published_layers.csv"
    with open(path, newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["parameters"]]


def accesses(row):
    """Energy by level of a published row."""
    words = {name: float(row[name]) for name in ("buffer", "array", "register_file")}
    words |= {"dram": float(row["dram_reads"]) + float(row["dram_writes"]), "mac": float(row["macs"])}
    return {level: PRICES[level] * count for level, count in words.items()}


# How far a layer's energy at the published mapping lies from the published one: the least and the most.
# RS: whole strips and tiles, sums that begin at zero. OSA: ragged last tiles of pixels have whole halos.
# OSC: m is rounded to tiles of p filters. NLR: CONV1's weights stay in the buffer, as all its channels fit.
# Batch 1: where an image is one tile, inputs stay in the buffer for the next filters.
RANGES = {
    "RS": (-0.001, 0.008),
    "WS": (-1e-9, 1e-9),
    "OSA": (-1e-9, 0.022),
    "OSB": (-1e-9, 0.0002),
    "OSC": (-1e-9, 0.006),
    "NLR": (-0.017, 1e-9),
}


@pytest.mark.parametrize("row", published_rows(), ids=lambda r: f"{r['dataflow']}-{r['layer']}-{r['batch']}")
def test_counts_at_the_published_optimum(row):
    one = grid.at_published(point(row["dataflow"], row["layer"], int(row["batch"])))
    least, most = RANGES[row["dataflow"]]
    if row["batch"] == "1" and row["dataflow"].startswith("OS"):
        least = -0.071
    energies = accesses(row)
    assert least <= one.energy / sum(energies.values()) - 1 <= most
    assert one.active_pes == int(row["active_pes"])
    assert one.macs == int(row["macs"]) and one.dram_writes == float(row["dram_writes"])
    if row["dataflow"] == "WS":
        assert one.parts == pytest.approx(energies | {t: float(row[t]) for t in grid.TENSORS})
    if row["dataflow"].startswith("OS"):
        # Two deliveries a MAC, two accesses for each accumulation.
        assert (one.parts["array"], one.parts["register_file"]) == (
            energies["array"],
            energies["register_file"],
        )


@pytest.mark.parametrize("layer", ["CONV1", "CONV2", "CONV3", "CONV4", "CONV5"])
def test_row_stationary_s_components_at_the_published_optimum(layer):
    """Within 0.3 % in total and 1.1 % in each level, on each convolution at batch 16."""
    (row,) = (
        r for r in published_rows() if (r["dataflow"], r["layer"], r["batch"]) == ("RS", layer, "16")
    )  # fmt: skip
    one, energies = grid.at_published(point("RS", layer, 16)), accesses(row)
    assert one.energy == pytest.approx(sum(energies.values()), rel=0.0031)
    assert {level: one.parts[level] for level in energies} == pytest.approx(energies, rel=0.011)


def test_an_input_word_leaves_the_buffer_once_for_each_filter():
    """OSA passes inputs between neighbours: C h w reads for each tile of pixels and filter, by hand.

    CONV5 at batch 1 in one tile of 13 x 13 pixels: 2 x 192 x 15 x 15 words for each of 128 filters. Weights:
    one read for each of 2 x 128 x 192 x 3 x 3, heard by all PEs.
    """
    one = grid.at_published(point("OSA", "CONV5", 1))
    assert one.parts["buffer"] == 6 * (2 * 192 * 15 * 15 * 128 + 2 * 128 * 192 * 9)


def test_weight_stationary_at_batch_64_does_not_fit():
    """CONV1's sums, 64 x 55 x 55 = 193,600, and 216 x 10 words of delay lines; the buffer has 342287 // 2."""
    assert published.layers()["WS", 64, "CONV1"] is None
    one = grid.optimum(point("WS", "CONV1", 64))
    missing = 193_600 + 2_160 - 171_143
    assert f"{missing:,} more (14 %)" in one.why and "buffer holds 171,143 words" in one.why
    assert one.row()["energy"] is None
    assert not grid.optimum(point("WS", "CONV1", 64, 512)).why


def test_delay_lines_count_beside_the_sums():
    layer = point("WS", "CONV1", 16)
    grid.check_weight_stationary(layer, 1, 3)
    with pytest.raises(MappingError, match=r"sums of 3 filters \(145,200\) and their delay lines \(32,400\)"):
        grid.check_weight_stationary(layer, 5, 3)


@pytest.mark.parametrize("label", SETTINGS)
@pytest.mark.parametrize("batch", [1, 6])
def test_the_optimum_is_that_of_every_bound(label, batch):
    """Balanced bounds and saturated loops lose nothing: a small layer, on 40 PEs and a small buffer."""
    setting = SETTINGS[label]
    machine = setting.machine(SMALL, 256).replace({"PE.x.size": 40 if label != "WS" else 13})
    machine = machine.replace({"GLB.capacity": "1400 words"})
    quick = find_best(setting.mapspace(SMALL, batch, machine, {}, "balanced"))
    every = find_best(replace(setting, saturated=()).mapspace(SMALL, batch, machine, {}, "ragged"))
    assert every.evaluated > quick.evaluated
    assert quick.energy == every.energy


@pytest.mark.parametrize("label", SETTINGS)
def test_published_energies_come_out(label):
    """At our own optimum: row stationary within 1 %, the others within 10 %."""
    for kind, batches in (("CONV", (1, 16)), ("FC", (1, 16))):
        layers = [layer for layer in LAYERS if layer.name.startswith(kind)]
        for batch in batches:
            found = [grid.optimum(grid.Point(256, batch, layer, label)) for layer in layers]
            energy = sum(one.energy for one in found) / sum(one.macs for one in found)
            figure = published.totals()[kind, batch, label]["energy"]
            assert energy == pytest.approx(figure, rel=0.01 if label == "RS" else 0.1)


def test_an_interrupted_search_ends_the_run(monkeypatch):
    monkeypatch.setattr(
        grid, "find_best", lambda *given, **limits: replace(find_best(*given, **limits), interrupted=True)
    )
    with pytest.raises(KeyboardInterrupt):
        grid.optimum(point("WS", "CONV5", 1))


def test_of_equal_mappings_the_one_with_most_pes_active():
    """96 filters in two tiles are 48 and 48 or, as published, 85 and 11, each with three channels."""
    assert grid.optimum(point("NLR", "CONV1", 16)).active_pes == 85 * 3
