"""Accelergy's reference tables as prices."""

from __future__ import annotations

from pathlib import Path

import pytest

import simulator as sim
from simulator.energies.accelergy import read_art, read_ert
from simulator.errors import SimulatorError

ERT = """
ERT:
  version: {version}
  tables:
  - name: system.DRAM
    actions:
    - {{name: read, arguments: {{}}, energy: 512}}
    - {{name: write, arguments: {{}}, energy: 500}}
    - {{name: update, arguments: {{}}, energy: 490}}
    - {{name: leak, arguments: {{global_cycle_seconds: 1e-9}}, energy: 0}}
  - name: system.chip.shared_glb[1..1]
    actions:
    - {{name: fill, arguments: {{address_delta: 0, data_delta: 0}}, energy: 3}}
    - {{name: fill, arguments: {{address_delta: 1, data_delta: 1}}, energy: 7}}
    - {{name: read, arguments: {{address_delta: 1, data_delta: 1}}, energy: 8}}
    - {{name: read, arguments: {{address_delta: 0, data_delta: 1}}, energy: 6}}
    - {{name: leak, arguments: {{global_cycle_seconds: 5e-9}}, energy: 0.5}}
  - name: system.chip.PE[0..15].spad
    actions:
    - {{name: read, energy: 1}}
    - {{name: write, energy: 2}}
  - name: system.chip.PE[0..15].mac
    actions:
    - {{name: mac_random, arguments: null, energy: 1.5}}
    - {{name: idle, arguments: null, energy: 0}}
"""
ART = "ART: {version: 0.4, tables: [{name: system.chip.shared_glb, area: 900}, {name: c.mac, area: 30}]}"
MINE = "{name: mine, unit: pJ, ert: ert.yaml, art: art.yaml, names: {GLB: shared_glb, RF: spad}}"
MACHINE = """
name: grid
clock_mhz: 200
energy_unit: pJ
energy_table: {energy}
bits: {{weights: 8, inputs: 8, outputs: 8, partial_sums: 16}}
hierarchy:
  - storage: DRAM
  - {{storage: GLB, capacity: 4 KiB, block: 32 bits}}
  - {{array: PE, axes: {{x: {{size: 4}}, y: {{size: 4}}}}}}
  - {{storage: RF, capacity: 64 B}}
  - mac: {{}}
"""


def written(folder: Path, ert: str = ERT.format(version="0.4"), mine: str = MINE) -> Path:
    for name, text in {"ert": ert, "art": ART, "mine": mine}.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "grid.yaml").write_text(MACHINE.format(energy=folder / "mine.yaml"))
    return folder / "grid.yaml"


@pytest.mark.parametrize("version", ["0.3", "0.4", "'0.4'"])
def test_a_table_with_names_prices_a_machine(tmp_path: Path, version: str) -> None:
    machine = sim.load_architecture(written(tmp_path, ERT.format(version=version)))
    dram, buffer, registers = machine.storages
    assert (dram.price("read", "inputs"), dram.price("drain", "outputs")) == (512, 490)
    # A random access, of a block of 32 bits: a word of 8 is a fourth of it.
    assert (buffer.price("read", "inputs"), buffer.price("fill", "inputs")) == (2, 7 / 4)
    assert buffer.price("drain", "outputs") == 7 / 2
    # Without a block each word is an access.
    assert (registers.price("refill", "outputs"), registers.price("fill", "weights")) == (1, 2)
    assert (machine.mac.price, machine.mac.area_um2, buffer.area_um2) == (1.5, 30, 900)
    # 0.5 pJ in 5 ns.
    assert buffer.leakage_mw == pytest.approx(0.1) and registers.leakage_mw is None
    assert machine.unpriced == (("PE", "deliver"), ("PE", "hop"), ("PE", "add"))
    assert "no component PE" in machine.data["hierarchy"][2]["price_source"]


def test_an_ert_alone_goes_by_equal_names(tmp_path: Path) -> None:
    text = ERT.format(version="0.3").replace("shared_glb", "glb").replace("spad", "RF")
    grid = written(tmp_path, text, MINE.replace("shared_glb", "glb").replace("spad", "RF"))
    (tmp_path / "ERT.yaml").write_text(text)
    for area in ("ART.yaml", "art.yaml"):
        (tmp_path / area).write_text(ART.replace("shared_glb", "glb"))
    assert sim.load_architecture(grid).priced(tmp_path / "ERT.yaml") == sim.load_architecture(grid)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ERT:", "ART:", "no ERT of Accelergy: wants the field 'ERT', has ART"),
        ("version: 0.4", "version: 0.2", "ERT of version 0.2; known: 0.3, 0.4"),
        ("energy: 512", "energy: lots", r"tables\[0\] DRAM: action 'read': energy must be a number"),
        ("energy: 512", "energy: -1", r"action 'read': energy must be a number of at least 0, got -1"),
        ("energy: 512", "energy: .inf", "must be a number of at least 0, got inf"),
        ("system.chip.shared_glb", "system.chip.glb", "no component 'shared_glb' for GLB"),
        (
            "name: mac_random",
            "name: jump",
            r"component 'mac' \(mac\) has no action 'compute' for mac; it has jump",
        ),
        ("PE[0..15].spad", "PE[0..15].mac", "a second component is called 'mac'"),
        ("  - name: system.DRAM", "  - title: system.DRAM", "a component must have a name"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = ERT.format(version="0.4")
    assert old in text
    with pytest.raises(SimulatorError, match=message):
        sim.load_architecture(written(tmp_path, text.replace(old, new, 1)))


def test_what_is_read_of_a_file(tmp_path: Path) -> None:
    written(tmp_path)
    found = read_ert(tmp_path / "ert.yaml")
    assert list(found) == ["DRAM", "shared_glb", "spad", "mac"]
    assert found["shared_glb"].actions == {"fill": 7, "read": 8, "leak": 0.5}
    assert read_art(tmp_path / "art.yaml") == {"shared_glb": 900, "mac": 30}
