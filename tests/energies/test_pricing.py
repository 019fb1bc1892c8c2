"""Machines priced by tables: every part at its width and size, and again when the machine changes."""

from __future__ import annotations

from typing import Any

import pytest

import simulator as sim
from simulator.architecture import STORAGE_ACTIONS, Architecture
from simulator.cost.model import leaks
from simulator.energies import pricing
from simulator.energies.parts import Memory
from simulator.energies.table_file import EnergyTableError
from simulator.energies.tables import load_table, registered_tables
from simulator.errors import ArchitectureError
from simulator.study.fields import area_um2
from simulator.study.sweeping import prepare

GRID: dict[str, Any] = {
    "name": "grid",
    "clock_mhz": 500,
    "energy_unit": "pJ",
    "energy_table": "cacti_45nm_hp",
    "bits": {"weights": 8, "inputs": 8, "outputs": 8, "partial_sums": 24},
    "hierarchy": [
        {"storage": "DRAM"},
        {"storage": "GLB", "capacity": "64 KiB", "banks": 4, "block": "64 bits"},
        {"array": "PE", "axes": {"x": {"size": 8}, "y": {"size": 8}}},
        {"storage": "RF", "capacity": "256 B"},
        {"mac": {}},
    ],
}


def grid(**changes: Any) -> Architecture:
    return Architecture.from_dict(GRID | changes)


def test_the_ratios_are_what_the_chip_is_priced_with() -> None:
    """eyeriss_v1 states ISCA'16's table IV by hand; the table gives the same to the last digit."""
    chip = sim.load_architecture("eyeriss_v1")
    again = sim.load_architecture("eyeriss_v1", energy="isca16")
    assert [part.prices for part in again.storages] == [part.prices for part in chip.storages]
    assert (again.mac.price, again.energy_unit) == (chip.mac.price, "MAC")
    for action in ("deliver", "hop", "add"):
        assert again.arrays[0].price(action, "weights") == chip.arrays[0].price(action, "weights")


@pytest.mark.parametrize("name", [n for n in registered_tables() if not n.startswith("hwcomponents")])
def test_every_table_prices_every_part_and_says_whence(name: str) -> None:
    machine = sim.load_architecture("eyeriss_v1", name)
    assert not machine.unpriced
    for part in pricing.parts_of(machine.data):
        assert part["priced_by"] == name and part["price_source"].startswith(name)
    assert machine.mac.price > 0
    assert Architecture.from_dict(machine.to_dict()) == machine


def test_a_file_may_leave_its_prices_to_a_table() -> None:
    machine = grid()
    assert not machine.unpriced and machine.outermost.price("read", "weights") == 512 / 64 * 8
    # Bits cost the same in a word of 24 as of 8 where accesses are of blocks.
    buffer = machine.storage("GLB")
    assert buffer.price("read", "outputs") == pytest.approx(3 * buffer.price("read", "inputs"))
    own = grid(hierarchy=[{"storage": "DRAM", "price": {"read": 7}}, *GRID["hierarchy"][1:]])
    assert own.outermost.price("read", "inputs") == 7 and own.outermost.price("drain", "outputs") == 0
    assert own.storage("GLB").prices == buffer.prices


def test_a_price_per_block_is_that_of_a_whole_access() -> None:
    by_block = [entry | {"price_per": "block"} if "block" in entry else entry for entry in GRID["hierarchy"]]
    for table in ("cacti_45nm", "isca16"):
        unit = "MAC" if table == "isca16" else "pJ"
        words, blocks = (
            grid(energy_table=table, energy_unit=unit, hierarchy=hierarchy).storage("GLB")
            for hierarchy in (GRID["hierarchy"], by_block)
        )
        assert blocks.price("read", "inputs") == pytest.approx(8 * words.price("read", "inputs"))


def test_partitions_are_memories_of_their_own() -> None:
    chip = sim.load_architecture("eyeriss_v1", "horowitz_45nm").replace({"GLB.banks": 1})
    buffer = chip.storage("GLB")
    # Capacity to the 0.476: 100 KiB of inputs and outputs beside 8 KiB of weights.
    ratio = buffer.price("read", "inputs") / buffer.price("read", "weights")
    assert ratio == pytest.approx((100 / 8) ** 0.4726, rel=0.01)
    assert buffer.price("fill", "outputs") == buffer.price("read", "inputs")
    banked = sim.load_architecture("eyeriss_v1", "cacti_65nm").storage("GLB")
    alone = Memory("GLB", 8 * 8 * 1024, 64, 2, False)  # weights have two of the 27 banks
    assert banked.price("read", "weights") == pytest.approx(
        load_table("cacti_65nm").memory(alone).energies["read"] / 4
    )


def test_reads_and_writes_are_told_apart() -> None:
    buffer = grid().storage("GLB")
    reads, writes = buffer.price("read", "inputs"), buffer.price("fill", "inputs")
    # Below, a level is written by what drains into it; merging, sending and giving back read it.
    kinds = {"read": reads, "merge": reads, "send": reads, "refill": reads, "fill": writes, "drain": writes}
    assert {action: buffer.price(action, "inputs") for action in STORAGE_ACTIONS} == kinds
    assert buffer.price("read", "inputs") != buffer.price("fill", "inputs")


def test_a_changed_machine_is_priced_anew() -> None:
    machine = grid()
    larger = machine.replace({"GLB.capacity": "256 KiB"})
    for quantity in ("leakage_mw", "area_um2"):
        assert getattr(larger.storage("GLB"), quantity) > 2 * getattr(machine.storage("GLB"), quantity)
    assert larger.storage("GLB").price("read", "weights") > machine.storage("GLB").price("read", "weights")
    assert larger.storage("RF") == machine.storage("RF")
    assert machine.replace({"GLB.banks": 16}).storage("GLB").prices != machine.storage("GLB").prices
    assert larger.replace({"GLB.capacity": "64 KiB"}) == machine


def test_a_price_by_hand_stays() -> None:
    machine = grid().replace({"GLB.price.read": 3, "GLB.capacity": "256 KiB"})
    larger = machine.replace({"GLB.capacity": "512 KiB", "mac.leakage_mw": 0.5, "array.x": 4})
    assert larger.storage("GLB").prices == machine.storage("GLB").prices
    assert larger.storage("GLB").price("read", "weights") == 3 and larger.mac.leakage_mw == 0.5
    assert "priced_by" not in larger.to_dict()["hierarchy"][1]
    swapped = larger.replace({"energy_table": "horowitz_45nm", "mac.price": 2})
    assert swapped.mac.price == 2 and swapped.storage("GLB").price("read", "weights") != 3
    assert swapped.priced("cacti_45nm_hp") == grid().replace({"GLB.capacity": "512 KiB", "array.x": 4})


def test_idle_places_leak() -> None:
    """All instances leak through every cycle: four times the PEs, four times their leakage."""
    machine = grid()
    wider = machine.replace({"PE.x.size": 16, "PE.y.size": 16})
    small, large = dict(leaks(machine)), dict(leaks(wider))
    assert large["RF"] == pytest.approx(4 * small["RF"]) and large["GLB"] == small["GLB"] > 0
    assert "leakage" not in str(machine.data["hierarchy"][0])
    for part in (machine, wider):
        with pytest.raises(sim.SimulatorError, match="states no area of PE"):
            area_um2(part)
    areas = [area_um2(part.replace({"PE.area_um2": 0})) for part in (machine, wider)]
    assert areas[1] - areas[0] == pytest.approx(
        192 * ((machine.storage("RF").area_um2 or 0) + (machine.mac.area_um2 or 0))
    )


def test_leakage_needs_a_clock() -> None:
    without = Architecture.from_dict({k: v for k, v in GRID.items() if k != "clock_mhz"})
    assert leaks(without) == [] and without.storage("GLB").area_um2
    assert "leakage left out, as the machine states no clock" in without.data["hierarchy"][1]["price_source"]


def test_a_sweep_varies_the_table_and_prices_each_point() -> None:
    settings = {"energy_table": ["horowitz_45nm", "cacti_45nm"], "glb.capacity": ["108KiB", "216KiB"]}
    study = prepare("lenet5", "eyeriss_v1", settings).description
    reads = {}
    for number, point in enumerate(study.points):
        at = tuple(point.settings.values())
        reads[at] = study.architecture(number).storage("GLB").price("read", "inputs")
    assert len(set(reads.values())) == 4
    chip = sim.load_architecture("eyeriss_v1")
    for (table, capacity), read in reads.items():
        assert read == pytest.approx(
            (chip.replace(_DOUBLE) if capacity == "216KiB" else chip)
            .priced(table)
            .storage("GLB")
            .price("read", "inputs")
        )


_DOUBLE = {
    "GLB.capacity": "216 KiB", "GLB.partitions.0.capacity": "200 KiB", "GLB.partitions.1.capacity": "16 KiB",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy_table": "cacti_45n"}, "unknown energy table 'cacti_45n'; did you mean 'cacti_45nm'?"),
        ({"energy_table": "none.yaml"}, "cannot read none.yaml: no such file"),
        ({"energy_table": "isca16"}, "grid: energy_unit: pJ, but the table isca16 is in MAC"),
        ({"energy_table": 3}, "architecture: energy_table: must be text, got 3"),
    ],
)
def test_wrong_tables_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((EnergyTableError, ArchitectureError)) as caught:
        grid(**changes)
    assert str(caught.value) == message


def test_a_level_without_capacity_has_no_energy_by_capacity() -> None:
    hierarchy = [{"storage": "DRAM"}, {"storage": "GLB"}, {"mac": {}}]
    with pytest.raises(
        EnergyTableError, match=r"cacti_45nm_hp: GLB as sram: .* capacity_bytes, which is not"
    ):
        grid(hierarchy=hierarchy)
