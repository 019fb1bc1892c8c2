"""Results: totals that are sums of the rows, and what files hold."""

import csv
import json
import sys

import pytest
from oracles import machine, mapping

import simulator as sim
import workloads as w
from simulator.cost.model import cost
from simulator.errors import SimulatorError
from simulator.evaluation import simulate
from simulator.mapping import Mapping
from simulator.problem import Problem, convolution
from simulator.results import LayerResult, Part

SMALL = machine(
    {"storage": "DRAM", "price": {"read": 200, "drain": 200, "refill": 200, "merge": 200}},
    {
        "storage": "GLB",
        "capacity": "200 words",
        "price": {"read": 6, "fill": 6, "drain": 6, "send": 6, "refill": 6},
    },
    {"array": "PE", "axes": {"x": {"size": 3}, "y": {"size": 2}}, "price": {"deliver": 0.1, "add": 0.7}},
    {"storage": "RF", "capacity": "9 words", "buffering": "single", "price": {"read": 1, "refill": 2}},
    {"mac": {"price": 0.3}},
    energy_unit="pJ",
    clock_mhz=250,
)


@pytest.fixture(scope="module")
def result():
    net = w.NetworkBuilder("tiny")
    net.add(w.Input("data", (2, 6, 6)))
    for layer in (w.Convolution("conv1", 4, 3), w.Activation("relu", "relu"), w.Linear("fc", 5)):
        net.add(layer)
    return simulate(net.build(), SMALL)


def test_totals_are_sums_of_the_layers(result):
    layers = list(result)
    assert result.macs == sum(x.macs for x in layers) == 4 * 4 * 4 * 2 * 9 + 5 * 64
    assert result.cycles == sum(x.cycles for x in layers)
    assert result.steps == sum(x.steps for x in layers)
    assert result.energy == pytest.approx(sum(x.energy for x in layers))
    assert result.edp == result.energy * result.cycles
    assert result.utilization == result.macs / (result.steps * 6)
    assert result.seconds == result.cycles / 250e6


def test_everything_sums_the_rows(result):
    rows = list(result.rows())
    assert sum(r["energy"] for r in rows) == pytest.approx(result.energy, rel=1e-12)
    assert sum(
        result[x].level_energy(level) for x in ("conv1", "fc") for level in result.levels
    ) == pytest.approx(result.energy, rel=1e-12)
    assert result.levels == ["DRAM", "GLB", "PE", "RF", "MAC"]
    dram = [r["count"] for r in rows if r["level"] == "DRAM" and r["layer"] == "fc"]
    assert result["fc"].accesses("DRAM") == sum(dram) > 0
    by_tensor = [result["fc"].level_energy("GLB", t) for t in ("weights", "inputs", "outputs")]
    assert sum(by_tensor) == pytest.approx(result["fc"].level_energy("GLB"))


def test_a_layer_of_several_parts_is_their_sum():
    one = cost(convolution(m=4), SMALL, mapping("DRAM:", "M 4"))
    other = cost(convolution(c=3), SMALL, mapping("DRAM:", "C 3"))
    layer = LayerResult("attention", "Attention", (Part(one, 3), Part(other, 2)), "by hand")
    assert layer.macs == 3 * 4 + 2 * 3
    assert layer.cycles == 3 * one.cycles.total + 2 * other.cycles.total
    assert layer.energy == pytest.approx(3 * one.energy + 2 * other.energy)
    assert sum(r["count"] for r in layer.rows() if r["level"] == "MAC") == layer.macs
    assert layer.active_pes == 1
    with pytest.raises(SimulatorError, match=r"layer 'attention' has 2 parts; look at .parts"):
        _ = layer.cost


def test_an_unknown_layer_comes_with_the_nearest(result):
    with pytest.raises(SimulatorError, match="no result for layer 'conv'; did you mean 'conv1'"):
        result["conv"]


def test_the_table_has_every_layer_and_the_totals(result):
    text = str(result)
    assert "tiny, batch 1, on small: row_stationary" in text
    (total,) = [line for line in text.splitlines() if line.lstrip(" │|").startswith("total")]
    assert "1.472 k" in total
    assert f"{result.utilization:.1%}" in total
    assert "counted by: walked every chosen nest and checked it against the closed form" in text
    assert "time at 250 MHz" in text
    for layer in result:
        assert any(line.lstrip(" │|").startswith(layer.name) for line in text.splitlines())


def test_a_notebook_prints_the_same_text(result, monkeypatch):
    """Where rich sees a notebook, it would display a table beside the text that is asked for."""
    before = str(result)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert str(result) == before


def test_what_a_prompt_shows_is_a_line(result):
    assert repr(result) == f"<NetworkResult of {result.title}>"
    assert repr(result.layers[0]) == f"<LayerResult of {result.layers[0].name}: {result.dataflow}>"


def test_a_saved_run_holds_what_determines_it(result, tmp_path):
    file = tmp_path / "run.json"
    result.save(file)
    data = json.loads(file.read_text())
    assert data == json.loads(json.dumps(result.to_dict()))
    assert set(data) == {
        "format", "simulator", "network", "batch", "architecture", "dataflow", "objective", "engine",
        "counted_by", "energy_unit", "totals", "layers", "skipped",
    }  # fmt: skip
    assert data["totals"]["energy"] == result.energy
    assert data["skipped"] == [
        {
            "layer": "relu",
            "type": "Activation",
            "operations": 64,
            "words_in": 0,
            "words_out": 0,
            "fused_into": "conv1",
            "reason": "fused into conv1",
        }
    ]


def test_a_saved_layer_can_be_counted_again(result, tmp_path):
    """Problem, mapping and machine read back; the counts, the cycles and the energy are the same."""
    file = tmp_path / "run.json"
    result.save(file)
    data = json.loads(file.read_text())
    machine_again = type(SMALL).from_dict(data["architecture"])
    for layer in data["layers"]:
        (part,) = layer["parts"]
        again = cost(Problem.from_dict(part["problem"]), machine_again, Mapping.from_list(part["mapping"]))
        assert again.energy == pytest.approx(layer["energy"], rel=1e-12)
        assert again.cycles.total == layer["cycles"] == part["cycles"]["total"]
        assert [r.to_dict(r.tensor == "outputs") for r in again.counts.rows] == part["counts"]


def test_a_csv_has_a_row_per_layer(result, tmp_path):
    file = tmp_path / "run.csv"
    result.save_csv(file)
    with open(file, newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["layer"] for row in rows] == ["conv1", "fc"]
    assert list(rows[0]) == [
        "layer", "type", "macs", "operations", "steps", "utilization", "active_pes", "cycles", "energy_pJ",
        "DRAM_accesses", "GLB_accesses", "RF_accesses", "DRAM_bytes",
        "DRAM_energy", "GLB_energy", "PE_energy", "RF_energy", "MAC_energy",
    ]  # fmt: skip
    for row, layer in zip(rows, result, strict=True):
        levels = sum(float(row[f"{level}_energy"]) for level in result.levels)
        assert levels == pytest.approx(float(row["energy_pJ"])) == pytest.approx(layer.energy)
        assert int(row["cycles"]) == layer.cycles


def test_a_data_frame_is_the_tidy_table(result):
    pytest.importorskip("pandas")
    frame = result.to_dataframe()
    assert list(frame) == [
        "layer", "level", "tensor", "action", "count", "units", "unit", "price", "energy", "bits",
        "executed_units",
    ]  # fmt: skip
    assert frame["energy"].sum() == pytest.approx(result.energy)
    assert frame[frame["level"] == "MAC"]["count"].sum() == result.macs
    assert len(frame) == len(list(result.rows()))


def test_without_pandas_the_extra_is_named(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        SimulatorError, match=r"data frames need pandas: pip install 'dataflow-simulator\[dataframe\]'"
    ):
        result.to_dataframe()


@pytest.mark.parametrize("save", ["save", "save_csv"])
def test_a_place_that_cannot_be_written_is_named(result, tmp_path, save):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "none" / "run", tmp_path / "file" / "run", tmp_path):
        with pytest.raises(SimulatorError, match="cannot write "):
            getattr(result, save)(place)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_failed_save_leaves_the_old_file(result, tmp_path, monkeypatch):
    file = tmp_path / "run.json"
    file.write_text("old")
    monkeypatch.setattr(
        "os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(SimulatorError, match="No space left on device"):
        result.save(file)
    assert file.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_level_that_nothing_uses_is_named():
    data = sim.load_architecture("eyeriss_v1").to_dict()
    data["hierarchy"].insert(1, {"storage": "L2", "capacity": "1 MiB"})
    result = sim.simulate("lenet5_caffe", sim.Architecture.from_dict(data), engine="closed-form")
    assert "levels that no mapping of row_stationary uses: L2" in str(result)
