"""The sweeping scripts on a tiny network and machine: their tables, figures and resuming."""

from __future__ import annotations

import csv
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

import simulator as sim
from workloads import network_file

from ..small_networks import SMALL, network

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    return importlib.import_module(f"experiments.{name}")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Options for a tiny network on a small machine, in this process."""
    monkeypatch.syspath_prepend(ROOT)
    machine, net = tmp_path / "small.yaml", tmp_path / "tiny.yaml"
    machine.write_text(json.dumps(SMALL.to_dict()))
    network_file.save_network(network(), net)
    options = [
        "--networks",
        str(net),
        "--arch",
        str(machine),
        "--workers",
        "0",
        "--out",
        str(tmp_path / "out"),
    ]
    return [*options, "--formats", "png", "--dpi", "50"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def drawn(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.stat().st_size > 3_000 and path.suffix != ".csv"}


FLOWS = ["--dataflows", "weight_stationary", "output_stationary_a"]


def test_pe_sweep_goes_over_arrays_shapes_and_dataflows(tiny: list[str], tmp_path: Path) -> None:
    options = [*tiny, *FLOWS, "--pes", "168", "64", "--batch", "1"]
    assert script("pe_sweep").main([*options, "--shapes", "square", "wide"]) == 0
    rows = rows_of(tmp_path / "out" / "pe_sweep.csv")
    arrays = {(row["shape"], row["array.y"], row["array.x"]) for row in rows}
    assert arrays == {("square", "8", "8"), ("wide", "4", "16"), ("square", "12", "14"), ("wide", "6", "28")}
    assert len(rows) == 8 and {row["dataflow"] for row in rows} == set(FLOWS[1:])
    one = next(row for row in rows if row["array.x"] == "28" and row["dataflow"] == "weight_stationary")
    machine = SMALL.replace({"array.x": 28, "array.y": 6})
    alone = sim.simulate(network(), machine, "weight_stationary", engine="closed-form")
    assert float(one["energy (MAC)"]) == alone.energy and int(one["cycles"]) == alone.cycles
    shapes = rows_of(tmp_path / "out" / "pe_sweep_shapes.csv")
    edps = {row["shape"]: float(row["EDP (MAC x cycles)"]) for row in rows[:8] if row["PEs"] == "64"}
    first = next(row for row in shapes if row["PEs"] == "64" and row["dataflow"] == "output_stationary_a")
    assert float(first["EDP, wide (times square)"]) == pytest.approx(edps["wide"] / edps["square"])
    assert drawn(tmp_path / "out") == {
        "pe_sweep.png", "pe_sweep_shapes.png", "pe_sweep_front_tiny.png", "out.sqlite",
    }  # fmt: skip


def test_a_second_run_comes_from_the_store(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        *tiny,
        "--store",
        str(tmp_path / "kept.sqlite"),
        "--dataflows",
        "weight_stationary",
        "--batches",
    ]
    assert script("batch_sweep").main([*options, "1", "2", "--formats", "png", "pdf"]) == 0
    before = (tmp_path / "out" / "batch_sweep.csv").read_text()
    capsys.readouterr()
    assert script("batch_sweep").main([*options, "2", "1", "1"]) == 0
    assert "from the store" in capsys.readouterr().err
    assert (tmp_path / "out" / "batch_sweep.csv").read_text() == before
    one, two = rows_of(tmp_path / "out" / "batch_sweep.csv")
    assert float(two["energy of an image (MAC)"]) == pytest.approx(float(two["energy (MAC)"]) / 2)
    assert float(two["energy of an image (MAC)"]) <= float(one["energy of an image (MAC)"])
    assert {"batch_sweep.png", "batch_sweep.pdf"} <= drawn(tmp_path / "out")


def test_a_larger_buffer_never_costs_more(tiny: list[str], tmp_path: Path) -> None:
    sizes = [
        "--sizes",
        "240B",
        "60B",
        "120B",
        "--dataflows",
        "weight_stationary",
        "--batch",
        "2",
    ]
    assert script("buffer_sweep").main([*tiny, *sizes]) == 0
    rows = rows_of(tmp_path / "out" / "buffer_sweep.csv")
    assert [float(row["GLB (KiB)"]) for row in rows] == [60 / 1024, 120 / 1024, 240 / 1024]
    energies = [float(row["energy (MAC)"]) for row in rows]
    assert energies == sorted(energies, reverse=True) and energies[0] > energies[-1]
    assert script("buffer_sweep").main([*tiny, "--level", "GLC"]) == 2


def test_dataflows_are_compared_and_one_without_mapping_is_said(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = SMALL.replace({"RF.keeps": ["inputs", "outputs"]})
    (tmp_path / "small.yaml").write_text(json.dumps(outside.to_dict()))
    compare = script("dataflow_comparison").main
    flows = ["--dataflows", "weight_stationary", "no_local_reuse", "output_stationary_a"]
    assert compare([*tiny, *flows, "--batch", "1"]) == 0
    said = "no mapping: tiny at dataflow=weight_stationary: layer 'conv1': weight_stationary keeps weights in"
    assert said in capsys.readouterr().err
    rows = rows_of(tmp_path / "out" / "dataflow_comparison.csv")
    alone = sim.simulate(network(), outside, "no_local_reuse", engine="closed-form")
    energies = [float(row["energy per MAC (MAC)"]) for row in rows if row["quantity"] == "energy by level"
                and row["dataflow"] == "no_local_reuse"]  # fmt: skip
    assert sum(energies) == pytest.approx(alone.energy / alone.macs)
    assert compare([*tiny, *flows[:2]]) == 2
    assert "error: no dataflow maps all layers of any network" in capsys.readouterr().err


def test_energy_is_broken_down(tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = [*tiny, "--dataflow", "weight_stationary", "--batch", "2", "--formats", "svg"]
    assert script("energy_breakdown").main(options) == 0
    assert "GLB" in capsys.readouterr().out
    rows = rows_of(tmp_path / "out" / "tiny_small_batch2.csv")
    alone = sim.simulate(network(2), SMALL, "weight_stationary", engine="closed-form")
    assert sum(float(row["energy"]) for row in rows) == pytest.approx(alone.energy)
    assert {"tiny_small_batch2.svg", "tiny_small_batch2_actions.svg"} <= drawn(tmp_path / "out")


def test_gaps_fall_to_the_proven_optimum(tiny: list[str], tmp_path: Path) -> None:
    layer = [f"{tmp_path / 'tiny.yaml'}:fc"]
    options = ["--layers", *layer, "--seconds", "1e5", "--evaluations", "300", "--seeds", "2"]
    options += ["--mappers", "random", "exhaustive"]
    machine = ["--arch", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "out")]
    assert script("mapping_gap").main([*options, *machine]) == 0
    for mapper in ("random", "exhaustive"):
        rows = [row for row in rows_of(tmp_path / "out" / "mapping_gap.csv") if row["mapper"] == mapper]
        gaps = [float(row["above the optimum (%)"]) for row in rows if row["above the optimum (%)"]]
        assert gaps and gaps == sorted(gaps, reverse=True) and gaps[-1] >= 0
    assert script("mapping_gap").main([*options, *machine, "--seeds", "0"]) == 2


def test_medians_are_taken_when_half_of_the_runs_stand_somewhere(tiny: list[str]) -> None:
    runs = [[(0.005, 2.0), (0.02, 1.0)], [(0.011, 4.0)], [(5.0, 1.0)]]
    gaps = script("mapping_gap")._gaps("a", "b", runs, 1.0, 0.02)
    assert [row["above the optimum (%)"] for row in gaps] == [None, 300.0, 300.0, 300.0, 300.0]
    assert gaps[-1]["seconds"] == pytest.approx(0.02)


def test_every_figure_of_a_run_is_drawn(tiny: list[str], tmp_path: Path) -> None:
    where = [tiny[1], *tiny[2:4], "--out", str(tmp_path / "out"), "--formats", "png", "--layers", "conv1"]
    assert script("run_pictures").main(["--network", *where, "--dpi", "100"]) == 0
    figures = ["energy_by_level", "energy_by_tensor", "energy_by_action", "roofline_DRAM", "roofline_GLB"]
    figures += ["memory_occupancy", "activity_conv1", "array_conv1", "front_conv1"]
    assert drawn(tmp_path / "out") == {f"{name}.png" for name in figures}
    assert all(rows_of(tmp_path / "out" / f"{name}.csv") for name in figures)
    assert script("run_pictures").main(["--network", *where, "--layers", "conv9"]) == 2
    assert script("run_pictures").main(["--network", *where, "--dpi", "0"]) == 2


@pytest.mark.parametrize(
    "name", ["pe_sweep", "buffer_sweep", "batch_sweep", "dataflow_comparison", "energy_breakdown"]
)
def test_an_unknown_network_is_one_line(
    tiny: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script(name).main(["--networks", "alexnt", *tiny[2:]]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ") and "alexnet" in last


@pytest.mark.parametrize(
    "name",
    ["pe_sweep", "buffer_sweep", "batch_sweep", "dataflow_comparison", "energy_breakdown", "mapping_gap",
     "run_pictures"],
)  # fmt: skip
def test_help_says_what_a_script_does_and_how_long_it_takes(
    tiny: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        script(name).main(["--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0 and f"python experiments/{name}.py" in said
    assert "minute" in said or "seconds" in said
