"""The whole comparison: the paper's headlines, tables and figures, from the script's quick run."""

import csv

import pytest

from experiments import eyeriss_isca16
from experiments.isca16 import grid, published, tables
from experiments.isca16.setting import LAYERS, SETTINGS

FIGURES = (
    "fig10_row_stationary", "fig11_CONV_dram_256", "fig12_CONV_energy_256", "fig13_CONV_edp_256",
    "fig14a_FC_dram_256", "fig14b_FC_energy_256", "fig14c_FC_edp_256", "settings_CONV", "settings_FC",
)  # fmt: skip


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("isca16")
    assert eyeriss_isca16.main(["--quick", "--out", str(folder / "new")]) == 0
    return folder / "new"


def read(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def figures(quick):
    """By kind of layers, setting and dataflow the figures per MAC, at batch 16 on 256 PEs."""
    return {(r["layers"], r["setting"], r["dataflow"]): r for r in read(quick / "totals.csv")}


def energies(figures, kind, setting):
    return {label: float(figures[kind, setting, label]["energy"]) for label in SETTINGS}


def test_files_and_figures_are_written(quick):
    assert len(read(quick / "layers.csv")) == 4 * len(LAYERS) * len(SETTINGS)
    assert len(read(quick / "storage.csv")) == 6
    for name in FIGURES:
        assert (quick / f"{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize("kind", ["CONV", "FC"])
def test_the_order_of_the_dataflows_is_the_published_one(figures, kind):
    ours, theirs = (energies(figures, kind, s) for s in (grid.PAPER, tables.PUBLISHED))
    assert sorted(ours, key=ours.get) == sorted(theirs, key=theirs.get)
    assert ours == pytest.approx(theirs, rel=0.1) and ours["RS"] == pytest.approx(theirs["RS"], rel=0.01)


def test_row_stationary_gains_what_the_abstract_says(figures):
    """1.4 to 2.5 times in the convolutions over batches, at least 1.3 in fully connected layers."""
    conv, fc = (energies(figures, kind, grid.PAPER) for kind in ("CONV", "FC"))
    least, most = published.CONV_GAIN
    gains = [energy / conv["RS"] for label, energy in conv.items() if label != "RS"]
    assert round(min(gains), 1) >= least and round(max(gains), 1) <= most
    assert min(e for label, e in fc.items() if label != "RS") / fc["RS"] >= published.FC_GAIN


def test_the_largest_gain_is_over_output_stationary_c_at_batch_1():
    convs = [layer for layer in LAYERS if not layer.fully_connected]
    energy = {
        label: sum(grid.optimum(grid.Point(256, 1, layer, label)).energy for layer in convs)
        for label in SETTINGS
    }
    gains = {label: e / energy["RS"] for label, e in energy.items()}
    assert max(gains, key=gains.get) == "OSC" and round(gains["OSC"], 1) == published.CONV_GAIN[1]


def test_convolutions_take_about_80_percent_of_row_stationary_s_energy(quick):
    layers = [
        {"layer": r["layer"], "energy": float(r["energy"])}
        for r in read(quick / "layers.csv")
        if (r["setting"], r["dataflow"]) == (grid.PAPER, "RS")
    ]
    assert tables.conv_share(layers) == pytest.approx(published.CONV_SHARE, abs=0.01)


def test_register_files_dominate_convolutions_and_dram_fully_connected_layers(figures):
    """Text of figure 10, and of figure 12: no local reuse has the fewest DRAM accesses."""
    levels = ("dram", "buffer", "array", "register_file")
    for kind, dominant in (("CONV", "register_file"), ("FC", "dram")):
        row = figures[kind, grid.PAPER, "RS"]
        assert max(levels, key=lambda level, row=row: float(row[level])) == dominant
    accesses = {
        label: sum(float(figures["CONV", grid.PAPER, label][n]) for n in ("dram_reads", "dram_writes"))
        for label in SETTINGS
    }
    assert min(accesses, key=accesses.get) == "NLR"


def test_levels_and_tensors_add_up(figures):
    for row in figures.values():
        by_level = sum(float(row[part]) for part in grid.LEVELS.values())
        by_tensor = sum(float(row[part]) for part in grid.TENSORS) + float(row["mac"])
        assert by_level == pytest.approx(float(row["energy"]), rel=1e-5)
        assert by_tensor == pytest.approx(float(row["energy"]), rel=1e-5)
        assert float(row["edp"]) == pytest.approx(float(row["energy"]) * float(row["delay"]), rel=1e-3)


def test_a_total_lacks_figures_where_a_layer_does_not_fit():
    fits, other = (grid.Score(grid.Point(256, 64, LAYERS[i], "WS"), grid.PAPER) for i in (0, 1))
    rows = tables.totals([grid.replace(fits, why="too large"), other])
    paper = next(row for row in rows if row["setting"] == grid.PAPER)
    assert paper["energy"] is None and paper["does not fit"] == "too large"
    assert tables.notes(rows) == ["CONV, batch 64, 256 PEs, WS, paper's setting: too large"]
    assert tables.compared(rows, "CONV", 256)[0]["paper's setting / RS"] is None


def test_a_figure_far_off_is_noted():
    row = {"layers": "CONV", "PEs": 256, "batch": 16, "dataflow": "RS", "does not fit": ""}
    rows = [row | {"setting": tables.PUBLISHED, "energy": 6.0}, row | {"setting": grid.KEPT, "energy": 5.9}]
    (note,) = tables.notes(rows)
    assert "RS, tiles kept" in note and "-1.7 % of the published energy" in note
    assert not tables.notes([rows[0], rows[1] | {"energy": 5.95}])


@pytest.mark.parametrize(
    ("options", "words"), [(["--jobs", "0"], "jobs must be a positive whole number, not 0")]
)
def test_wrong_options_are_one_line(options, words, tmp_path, capsys):
    assert eyeriss_isca16.main(["--quick", *options, "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err
