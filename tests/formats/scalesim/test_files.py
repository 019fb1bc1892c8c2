"""Configurations, topologies and reports of SCALE-Sim, on the command line and from Python."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulator as sim
from simulator.errors import ArchitectureError, SimulatorError
from simulator.formats import scalesim
from simulator.formats.scalesim import reports

from ...commands import call, fail, succeed

CFG = """[general]
run_name = small run

[architecture_presets]
ArrayHeight:    4
ArrayWidth:     3
IfmapSramSzkB:  2
FilterSramSzkB: 3
OfmapSramSzkB:  4
IfmapOffset:    0
Dataflow : ws
Bandwidth : 10
ReadRequestBuffer: 32

[run_presets]
InterfaceBandwidth: CALC
"""
# The second line has no comma at its end, the third a column of its own.
TOPOLOGY = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, NumFilter,Strides,
one, 8, 8, 3, 3, 5, 7, 1
two, 6, 6, 1, 1, 9, 4, 2, 12,
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.cfg").write_text(CFG, encoding="utf-8")
    Path("net.csv").write_text(TOPOLOGY, encoding="utf-8")
    return tmp_path


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


@pytest.mark.filterwarnings("ignore:small.cfg. no prices")
def test_a_configuration_is_a_machine_with_its_dataflow(files: Path) -> None:
    with pytest.warns(UserWarning, match=r"\[architecture_presets\] readrequestbuffer: no counterpart"):
        machine = sim.load_architecture("small.cfg")
    assert (machine.name, machine.native_dataflow) == ("small_run", "weight_stationary")
    assert [(axis.name, axis.size) for axis in machine.array("PE").axes] == [("x", 3), ("y", 4)]
    sizes = [machine.storage(f"{name}_SRAM").capacity_bits for name in ("IFMAP", "FILTER", "OFMAP")]
    assert sizes == [2 * 8192, 3 * 8192, 4 * 8192]
    done = call("convert", "small.cfg", "small.yaml", "--from", "scalesim")
    assert done.exit_code == 0 and "12 MAC units" in done.stdout and "readrequestbuffer" in done.stderr
    assert sim.load_architecture("small.yaml") == machine


def test_a_layer_becomes_a_product_with_its_mapping(files: Path) -> None:
    ours = ("--from", "scalesim", "--layer", "net.csv:one")
    succeed("convert", "net.csv", "net.yaml", "--from", "scalesim")
    assert len(sim.load_network("net.yaml")) == len(sim.load_network("net.csv"))
    call("convert", "small.cfg", "small.yaml", "--from", "scalesim")
    call("convert", "small.cfg", "product.yaml", "--kind", "problem", *ours)
    call("convert", "small.cfg", "map.yaml", "--kind", "mapping", *ours)
    result = sim.evaluate("product.yaml", "small.yaml", "map.yaml", engine="closed-form")
    # ceil(45/4) ceil(7/3) passes of 36 outputs.
    assert result.cost.cycles.total == 12 * 3 * (36 + 8 + 3 - 2)


@pytest.mark.filterwarnings("ignore:small.cfg")
def test_reports_have_scale_sims_columns(files: Path) -> None:
    succeed("convert", "net.csv", "c.csv", "--to", "scalesim", "--arch", "small.cfg")
    head, one, two = rows(Path("c.csv").read_text())
    assert head[:4] == ["LayerID", "Total Cycles (incl. prefetch)", "Total Cycles", "Stall Cycles"]
    assert one[:4] == ["0", "1620", "1620", "0"] and two[2] == str(3 * 2 * (16 + 9))
    assert float(one[4]) == pytest.approx(100 * 36 * 45 * 7 / (1620 * 12))
    paths = reports.write_reports("net.csv", "small.cfg", files)
    assert [path.name for path in paths] == [file for file, _ in reports.REPORTS.values()]
    assert paths[0].read_text() == Path("c.csv").read_text()
    access = dict(zip(*rows(paths[2].read_text())[:2], strict=True))
    assert (access["SRAM IFMAP Reads"], access["SRAM Filter Reads"]) == (str(36 * 45 * 3), str(45 * 7))
    assert access["SRAM OFMAP Writes"] == str(36 * 7 * 12) and access["SRAM IFMAP Start Cycle"] == ""
    # Windows of the first layer overlap, so that DRAM reads fewer words than the product has.
    second = dict(zip(rows(paths[2].read_text())[0], rows(paths[2].read_text())[2], strict=True))
    assert (access["DRAM IFMAP Reads"], second["DRAM IFMAP Reads"]) == ("", str(16 * 9))
    assert access["DRAM Filter Reads"] == str(45 * 7)
    bandwidth = dict(zip(*rows(paths[1].read_text())[:2], strict=True))
    assert float(bandwidth["Avg IFMAP SRAM BW"]) == 36 * 45 * 3 / 1620


@pytest.mark.filterwarnings("ignore:small.cfg")
def test_a_narrow_interface_stalls(files: Path) -> None:
    wide = rows(reports.report("net.csv", "small.cfg"))
    narrow = CFG.replace("CALC", "USER").replace("Bandwidth : 10", "Bandwidth : 1,1,1")
    Path("small.cfg").write_text(narrow)
    found = rows(reports.report("net.csv", "small.cfg"))
    for free, one in zip(wide[1:], found[1:], strict=True):
        total, after, stalls = (int(cell) for cell in one[1:4])
        assert total > after and after == int(free[2]) + stalls and one[6] == free[6]
    assert int(found[1][3]) > 0


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("ArrayHeight:    4", "ArrayHight: 4", r"'ArrayHeight' is missing; did you mean 'arrayhight'"),
        (
            "ArrayHeight:    4",
            "ArrayHeight: 0",
            "ArrayHeight must be a whole number from 1 to 32768, not '0'",
        ),
        ("ArrayHeight:    4", "ArrayHeight: 1" + "0" * 30, "ArrayHeight must be a whole number"),
        ("FilterSramSzkB: 3", "FilterSramSzkB: nan", "FilterSramSzkB must be .* not 'nan'"),
        ("FilterSramSzkB: 3", "FilterSramSzkB:", "not 'empty'"),
        (": ws", ": rs", "Dataflow must be one of ws, os, is, not 'rs'"),
        ("CALC", "MANY", "InterfaceBandwidth must be CALC or USER"),
        (
            "Bandwidth : 10\n",
            "Bandwidth : x\n[run_presets]\nInterfaceBandwidth: USER\n[y]\n",
            "already exists",
        ),
        ("[architecture_presets]", "[architecture_preset]", r"\[architecture_presets\] is missing; did you"),
        ("[general]", "general", "no section headers"),
        ("ArrayHeight:    4", "ArrayHeight: 4\nArrayHeight: 5", "already exists"),
    ],
)
def test_what_is_wrong_in_a_configuration_is_said(files: Path, old: str, new: str, match: str) -> None:
    Path("small.cfg").write_text(CFG.replace(old, new))
    with pytest.raises(ArchitectureError, match=match) as caught:
        sim.load_architecture("small.cfg")
    assert str(caught.value).startswith("small.cfg: ")


def test_what_cannot_be_read_or_converted_is_said(files: Path) -> None:
    Path("rubbish.cfg").write_bytes(bytes(range(256)))
    assert "not a text file" in fail("convert", "rubbish.cfg", "a.yaml", "--from", "scalesim")
    Path("large.cfg").write_bytes(b"#" * (2**20 + 1))
    assert "larger than 1 MiB" in fail("convert", "large.cfg", "a.yaml", "--from", "scalesim")
    assert "no such file" in fail("convert", "none.cfg", "a.yaml", "--from", "scalesim")
    there = ("convert", "net.csv", "a.csv", "--to", "scalesim")
    assert "give --arch" in fail(*there)
    assert "did you mean 'compute'" in fail(*there, "--arch", "eyeriss_v1", "--kind", "computer")
    assert "no systolic array" in fail(*there, "--arch", "eyeriss_v1")
    assert "must end in .csv" in fail("convert", "net.csv", "a.yaml", "--to", "scalesim", "--arch", "a.cfg")
    here = ("convert", "small.cfg", "a.yaml", "--from", "scalesim", "--kind")
    assert "give --layer" in fail(*here, "mapping")
    assert "topology .csv" not in fail(*here, "networks") and "topology" in fail(*here, "network")[0:200]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_machine_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.cfg"
    path.write_text(CFG[:90] + text, encoding="utf-8", errors="replace")
    try:
        scalesim.systolic(scalesim.read_config(path))
    except SimulatorError as error:
        assert str(error).startswith(str(path)) or "any.cfg" in str(error)
