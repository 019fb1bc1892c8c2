"""The scripts of `experiments/`: each runs with small options, and the chip's figures come out."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

import simulator as sim
from workloads import Network

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts are run, not installed: `python -m experiments.NAME` from the root."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def script(name: str) -> ModuleType:
    return importlib.import_module(f"experiments.{name}")


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_chips_measurements_come_out() -> None:
    jssc17 = script("eyeriss_jssc17")
    *layers, total, conv3_as_printed = jssc17.compare()
    assert [row.layer for row in layers] == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    for row in layers:
        assert row.active_pes == row.chip_active_pes
        # To the last digit that table V prints.
        assert round(row.buffer_mb, 1) == row.chip_buffer_mb
        assert row.dram_mb == pytest.approx(row.chip_dram_mb, rel=0.15)
    assert [row.chip_buffer_mb for row in layers] == [18.5, 77.6, 50.2, 37.4, 24.9]
    assert conv3_as_printed.qrt == "4,1,4" and round(conv3_as_printed.buffer_mb, 1) == 69.2
    assert round(total.buffer_mb, 1) == 208.5 and total.active_pes == 148
    assert total.dram_mb == pytest.approx(total.chip_dram_mb, rel=0.1)
    # Within 10 % of the measured latencies each, 2 % together.
    for row, close in (*((layer, 0.1) for layer in layers), (total, 0.02)):
        assert row.spent.processing_ms == pytest.approx(row.chip_processing_ms, rel=close)
        assert row.spent.total_ms == pytest.approx(row.chip_total_ms, rel=close)
    # JSSC'17 section VI-A: 34.7 frames a second.
    assert round(4 / total.spent.total_ms * 1e3, 1) == 34.7


def test_filters_and_ramps_of_conv1_by_hand() -> None:
    """JSSC'17 table III: 4 images, 8 strips, 3 channels, 3 times 32 filters; 5 ns a cycle.

    Filters: 32 of 11 x 11 words over 64 bits. Ramp: windows of 11 words of 35 input rows over 16 bits, 7 x 32
    sums over 64 bits; the first and the last of all are no ramp. The last strip has 6 rows.
    """
    conv1 = script("eyeriss_jssc17").compare("closed-form")[0].spent
    passes, filters = 4 * 8 * 3 * 3, 32 * 11 * 11 / 4
    window, last = 35 * 11, 6 * 32 / 4
    assert conv1.ramp_ms == pytest.approx((passes - 1) * (window + last) * 5e-6)
    # Waits for the buffer: every pass's filters, and the last sums of all.
    assert conv1.filters_ms == pytest.approx((passes * filters + last) * 5e-6)
    assert conv1.computation_ms == pytest.approx(passes * 55 * 11 * 16 * 5e-6)


def test_what_is_assumed_is_dropped_one_by_one() -> None:
    jssc17 = script("eyeriss_jssc17")
    compared = jssc17.compare("closed-form")
    filters, ramp, inputs, conv2, outputs, whole, *densities = jssc17.assumptions("closed-form", compared)
    assert filters["processing_ms"] < ramp["processing_ms"] < 0
    assert ramp["total_ms"] == pytest.approx(-compared[5].spent.ramp_ms)
    assert inputs["total_ms"] < conv2["total_ms"] < 0 and outputs["total_ms"] < 0
    assert inputs["processing_ms"] == pytest.approx(0, abs=1e-4)
    # Only the walk knows of single tiles.
    assert whole["total_ms"] == pytest.approx(0)
    assert all(row["dram_mb"] == 0 for row in (filters, ramp, inputs, conv2, outputs, whole))
    assert len(densities) == 6


@pytest.mark.parametrize(
    ("layer", "words", "inferred"),
    [
        ("conv1", 96 * 55 * 55, 0.525),
        ("conv2", 256 * 27 * 27, 0.275),
        ("conv5", 256 * 13 * 13, 0.1875),
    ],
)
def test_what_an_inferred_density_is_worth_by_hand(layer: str, words: int, inferred: float) -> None:
    """Four images' outputs leave once, in 64/3 bits a pair; the link takes 64 bits at 60 MHz."""
    jssc17 = script("eyeriss_jssc17")
    rows = {row["assumed"]: row for row in jssc17.assumptions("closed-form", jssc17.compare("closed-form"))}
    for change in (-0.1, 0.1):
        row = rows[f"{layer}'s outputs are as dense as inferred: with {change:+}"]
        bits = [64 / 3 * d / (1 - (1 - d) ** 32) for d in (inferred + change, inferred)]
        added = 4 * words * (bits[0] - bits[1])
        assert row["dram_mb"] == pytest.approx(added / 8e6)
        assert row["total_ms"] == pytest.approx(added / 64 / 60e3, abs=2e-3)
        assert row["processing_ms"] == pytest.approx(0, abs=2e-3)


def test_vgg16_runs_on_the_chip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vgg16 = script("eyeriss_vgg16")
    assert [layer.name for layer in vgg16.convolutions() if layer.type == "Convolution"] == [
        f"conv{block}_{i}" for block, n in enumerate((2, 2, 3, 3, 3), 1) for i in range(1, n + 1)
    ]
    whole = vgg16.convolutions()
    monkeypatch.setattr(vgg16, "convolutions", lambda: Network("first", whole.nodes[:6], 1))
    assert vgg16.main(["--engine", "closed-form", "--out", str(tmp_path)]) == 0
    assert "pace" in (shown := capsys.readouterr().out) and "waiting for DRAM" in shown
    rows = rows_of(tmp_path / "eyeriss_vgg16.csv")
    assert [(row["objective"], row["layer"]) for row in rows] == [
        (objective, layer) for objective in ("energy", "cycles") for layer in ("conv1_1", "conv1_2", "total")
    ]  # fmt: skip
    # conv1_1 has three channels: little is computed for what the link moves.
    assert [rows[i]["pace"] for i in (0, 2, 3, 5)] == ["computation", "", "waiting for DRAM", ""]
    assert float(rows[0]["energy"]) <= float(rows[3]["energy"])
    assert float(rows[0]["total_ms"]) >= float(rows[3]["total_ms"]) > float(rows[3]["processing_ms"])
    assert (tmp_path / "eyeriss_vgg16.png").stat().st_size > 10_000


def test_jssc17_writes_a_table_and_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("eyeriss_jssc17").main(["--engine", "closed-form", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "154 | 154" in shown and "-0.00" not in shown
    dropped = rows_of(tmp_path / "eyeriss_jssc17_assumptions.csv")
    assert list(dropped[0]) == ["assumed", "dram_mb", "processing_ms", "total_ms"]
    assert len(rows_of(tmp_path / "eyeriss_jssc17.csv")) == 7
    assert (tmp_path / "eyeriss_jssc17.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("name", "options", "shown"),
    [
        ("walk", ["--networks", "lenet5_caffe"], "walk (CPU s)"),
        ("batch", ["--layers", "lenet5_caffe:conv2", "--mappings", "300"], "slowest layer"),
        ("mapspaces", ["--networks", "lenet5_caffe"], "ms"),
        ("functional", ["--layers", "lenet5_caffe:conv2"], "total"),
        ("memory", ["--network", "lenet5_caffe"], "peak (MB)"),
        ("startup", ["--runs", "1"], "simulator --help"),
    ],
)
def test_benchmarks_run(
    name: str, options: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script(f"benchmarks.{name}").main(options) == 0
    assert shown in capsys.readouterr().out


def test_the_zoo_runs_with_its_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--networks", "lenet5_caffe", "lenet5", "--engine", "closed-form", "--out", str(tmp_path)]
    assert script("zoo").main(options) == 0
    shown = capsys.readouterr().out
    caffe, original = rows_of(tmp_path / "zoo.csv")
    assert (caffe["network"], caffe["layers"], caffe["on the array"]) == ("lenet5_caffe", "9", "6")
    # C3 is three problems: channels that see 3, 4 and 6 maps.
    assert (original["on the array"], original["distinct"]) == ("7", "9")
    seconds = float(caffe["seconds"]) + float(original["seconds"])
    assert seconds > 0 and f"{seconds:.0f} s in all" in shown


def test_the_zoo_names_networks_without_a_mapping(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chip = sim.load_architecture("eyeriss_v1").replace({"GLB.partitions.0.capacity": "64 bits"})
    (tmp_path / "tiny.yaml").write_text(json.dumps(chip.to_dict()))
    options = ["--networks", "lenet5_caffe", "--arch", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path)]
    assert script("zoo").main(options) == 2
    assert "error: no mapping for layers of lenet5_caffe" in capsys.readouterr().err
    (row,) = rows_of(tmp_path / "zoo.csv")
    assert row["cycles"] == "" and "conv1" in row["no mapping"]


def test_accuracy_against_energy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    networks = ["mobilenet_v1_025_128", "squeezenet_v1_1", "alexnet"]
    options = ["--evaluations", "20", "--top", "5", "--out", str(tmp_path), "--networks", *networks]
    assert script("accuracy_energy").main(options) == 0
    rows = rows_of(tmp_path / "accuracy_energy_top5_eyeriss_v1.csv")
    assert [row["network"] for row in rows] == networks
    for row in rows:
        known = sim.load_network(row["network"]).metadata
        assert float(row["top-5 (%)"]) == pytest.approx(100 - known.top5_error)
        assert int(row["year"]) == known.year
    small, squeezed, alexnet = (float(row["energy (MAC)"]) for row in rows)
    assert small < squeezed < alexnet
    # SqueezeNet v1.1 errs more than AlexNet, 19.4 to 18.2 %, so that all three are on the front.
    assert [row["front"] for row in rows] == ["yes", "yes", "yes"]
    assert (tmp_path / "accuracy_energy_top5_eyeriss_v1.png").stat().st_size > 10_000


def test_a_network_without_a_published_error_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert script("accuracy_energy").main(["--networks", "lenet5"]) == 2
    assert "error: lenet5: no top-1 error on ImageNet is published" in capsys.readouterr().err
    names = {network.name for network in script("accuracy_energy")._networks(None, 5)}
    assert {"googlenet", "vgg16"} <= names and not {"resnet18", "lenet5"} & names


@pytest.mark.parametrize("name", ["zoo", "accuracy_energy", "benchmarks.walk"])
def test_an_unknown_network_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert script(name).main(["--networks", "alexnt"]) == 2
    error = capsys.readouterr().err
    assert "alexnet" in error and error.count("\n") == 1
