"""Table files: what is wrong is said with file and field, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.energies.kinds import KindTable
from simulator.energies.parts import Memory
from simulator.energies.table_file import EnergyTableError
from simulator.energies.tables import load_table, registered_tables

TABLE = """
name: mine
unit: pJ
node_nm: 45
dram: {read: 100, width: 64 bits, source: here}
sram: {points: mine.csv, source: here}
multiply: {read: 1, source: here}
"""
POINTS = "capacity_bytes,width_bits,read\n1024,64,1\n4096,64,2\n"


def written(folder: Path, table: str = TABLE, points: str = POINTS) -> Path:
    (folder / "mine.csv").write_text(points)
    (folder / "mine.yaml").write_text(table)
    return folder / "mine.yaml"


@pytest.mark.parametrize("name", registered_tables())
def test_tables_that_come_along_load_and_describe_themselves(name: str) -> None:
    assert load_table(name).name == name and load_table(name).description


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    table = load_table(written(tmp_path))
    assert isinstance(table, KindTable)
    memory = Memory("GLB", 8 * 2048, 32, 1, False)
    # Capacity to the half; half the bits.
    assert table.memory(memory).energies["read"] == pytest.approx(2**0.5 / 2)
    assert table.memory(memory).energies["fill"] == table.memory(memory).energies["read"]
    assert table.memory(memory).leakage_mw is None
    assert (
        "beyond its points in capacity_bytes: 64 of 1024 to 4096"
        in table.memory(Memory("RF", 512, 32, 1, False)).source
    )


def test_banks_that_no_point_varies_are_memories_of_their_share(tmp_path: Path) -> None:
    points = "capacity_bytes,read,leakage_mw,area_um2\n1024,1,1,10\n4096,2,2,40\n"
    table = load_table(written(tmp_path, points=points))
    four, one = (table.memory(Memory("GLB", 8 * size, 64, n, False)) for size, n in ((4096, 4), (1024, 1)))
    assert four.energies["read"] == pytest.approx(one.energies["read"])
    assert (four.leakage_mw, four.area_um2) == (pytest.approx(4), pytest.approx(40))


@pytest.mark.parametrize("name", ["cacti_65nm", "cacti_45nm", "cacti_45nm_hp"])
def test_a_register_smaller_than_any_point_costs_no_more_than_the_smallest(name: str) -> None:
    one, two, least = (load_table(name).memory(Memory("RF", 8 * size, 16, 1, False)) for size in (1, 2, 64))
    assert one.energies == two.energies == least.energies
    assert one.area_um2 == pytest.approx(least.area_um2 / 64)
    assert two.leakage_mw == pytest.approx(least.leakage_mw / 32)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[]", "must be a mapping with name, unit and figures"),
        (TABLE.replace("sram", "sramm"), "unknown field 'sramm'; did you mean 'sram'?"),
        (TABLE.replace("read: 100", "read: -1"), "dram.read: must be at least 0, got -1"),
        (TABLE.replace("read: 100", "read: .nan"), "dram.read: must be a finite number, got nan"),
        (TABLE.replace("read: 100, ", ""), "dram: give either read"),
        (TABLE.replace("mine.csv", "../mine.csv"), "'../mine.csv' must be a file in the table's folder"),
        (TABLE.replace("64 bits", "4 words"), "dram.width: '4 words' needs words of one width"),
        (TABLE.replace("mine.csv", "other.csv"), "other.csv: no such file"),
        (TABLE.replace("unit: pJ", "unit: J"), "unit: unknown value 'J'"),
        (TABLE.replace("multiply: {read: 1, source: here}", "a: &a [1]\nb: *a"), "aliases .* are not read"),
        (TABLE + "names: {GLB: glb}\n", "art and names go with ert"),
        (TABLE + "estimator: hwcomponents\nnode_nm: 3\n", "'node_nm' is given twice"),
        (TABLE + "ert: ert.yaml\n", "an ert is all of a table, in pJ; drop dram, sram, multiply"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, table: str, message: str) -> None:
    with pytest.raises(EnergyTableError, match=message) as caught:
        load_table(written(tmp_path, table))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("", "must be a row of names and 1 to 10000 rows"),
        ("capacity_bytes,read\n", "must be a row of names and 1 to 10000 rows"),
        ("capacity_bytes,read\n1024,x\n", "row 1: must be numbers, got '1024,x'"),
        ("capacity_bytes,read\n1024\n", r"points\[0\] has 1 numbers for 2 columns"),
        ("capacity,read\n1024,1\n", r"sram.columns\[0\]: unknown value 'capacity'; did you mean"),
        ("capacity_bytes,read\n1024,0\n", "sram.points: must be above 0, got 0.0"),
        ("capacity_bytes,read\n1024,1e300\n", "must be at most 1e"),
        ("capacity_bytes,width_bits\n1024,8\n", "columns must be distinct, with one at least of read"),
        ("\x00\x01\x02,\n\x00\n", r"mine.csv: row 1: must be numbers, got '\\x00'"),
    ],
)
def test_wrong_points_are_refused(tmp_path: Path, points: str, message: str) -> None:
    with pytest.raises(EnergyTableError, match=message):
        load_table(written(tmp_path, points=points))


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnergyTableError, match=r"larger than 1 MiB"):
        load_table(written(tmp_path, points=POINTS + "1,1,1\n" * 200_000))


@pytest.mark.parametrize("part", [Memory("DRAM", None, 16, 1, True), Memory("GLB", None, 16, 1, False)])
def test_a_kind_that_the_table_lacks_is_named(tmp_path: Path, part: Memory) -> None:
    table = load_table(written(tmp_path, "{name: few, unit: pJ, multiply: {read: 1, source: here}}"))
    with pytest.raises(EnergyTableError, match=f"few has no (dram|sram), which {part.name} is"):
        table.memory(part)
