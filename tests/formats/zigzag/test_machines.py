"""ZigZag's accelerators as machines: the hierarchy, prices of the ports' widths, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import simulator as sim
from simulator.architecture import Architecture
from simulator.errors import ArchitectureError
from simulator.formats import zigzag

from .files import ALL, ARRAY, DRAM, REGISTERS, SRAM, accelerator, memory, port, register, write


def read(folder: Path, text: str, area_um2: float | None = None) -> tuple[Architecture, str]:
    machine, notes = zigzag.read_architecture(write(folder, text), area_um2=area_um2)
    return machine, "\n".join(notes)


def order(machine: Architecture) -> list[str]:
    parts = [(s.rank, s.name) for s in machine.storages] + [(a.rank, a.name) for a in machine.arrays]
    return [name for _, name in sorted(parts)]


def test_memories_and_array_become_a_hierarchy(tmp_path: Path) -> None:
    machine, notes = read(tmp_path, accelerator(), area_um2=1e6)
    assert order(machine) == ["dram", "sram", "PE", "rf_O", "rf_W"]
    assert [(axis.name, axis.size) for axis in machine.array("PE").axes] == [("D1", 4), ("D2", 8)]
    sram = machine.storage("sram")
    assert (sram.capacity_bits, sram.keeps, sram.double_buffers) == (65536, ("inputs", "outputs"), sram.keeps)
    assert (sram.read_bandwidth_bits, sram.write_bandwidth_bits) == (128, 256)
    dram = machine.storage("dram")
    assert (dram.shared_bandwidth_bits, dram.double_buffers, dram.single_buffers) == (64, (), ())
    assert (machine.mac.price, machine.mac.latches) == (0.5, ("weights", "inputs"))
    assert (sram.area_um2, machine.mac.area_um2) == (0.5e6, 2e6)
    assert (machine.operand_bits, machine.output_bits, machine.partial_sum_bits) == ((8, 8), 8, 16)
    assert "no widths: words of 8 bits" in notes and "sram: bandwidth_min" in notes and "areas" not in notes
    assert "areas: are in a unit of the file's own" in read(tmp_path, accelerator())[1]


def test_costs_are_of_the_whole_width_of_the_port_that_is_used(tmp_path: Path) -> None:
    machine, _ = read(tmp_path, accelerator())
    sram, bits = machine.storage("sram"), 256
    assert sram.block_bits == bits and sram.price_per == "block"
    assert sram.price("read", "inputs") / bits == pytest.approx(20 / 128)
    assert sram.price("send", "outputs") / bits == pytest.approx(20 / 128)
    assert sram.price("fill", "inputs") / bits == pytest.approx(30 / 256)
    assert machine.storage("dram").price("drain", "outputs") / 64 == pytest.approx(750 / 64)


def test_a_register_is_read_a_word_at_a_time(tmp_path: Path) -> None:
    wide = register("rf_W", "I2", "", bits=24)
    machine, _ = read(tmp_path, accelerator(wide, register("rf_O", "O", "", 16), SRAM, DRAM))
    rf = machine.storage("rf_W")
    assert rf.block_bits is not None
    # A word of 8 bits costs an access of 24 when a multiplier reads it, a third when a tile comes in.
    assert rf.price("read", "weights") * 8 / rf.block_bits == pytest.approx(0.1)
    assert rf.price("fill", "weights") * 8 / rf.block_bits == pytest.approx(0.2 / 3)


def test_energy_of_a_product_is_accesses_times_cost(tmp_path: Path) -> None:
    machine, _ = read(tmp_path, accelerator())
    layer = sim.convolution(m=4, c=8, p=16)
    mapping = [
        {"store": "dram", "keeps": ["weights", "inputs", "outputs"]},
        {"store": "sram", "keeps": ["inputs", "outputs"]},
        {"loop": "spatial", "dim": "M", "bound": 4, "axis": "D1", "array": "PE"},
        {"loop": "spatial", "dim": "C", "bound": 8, "axis": "D2", "array": "PE"},
        {"store": "rf_W", "keeps": ["weights"]},
        {"loop": "temporal", "dim": "P", "bound": 16},
        {"store": "rf_O", "keeps": ["outputs"]},
    ]
    rows = sim.evaluate(layer, machine, mapping, engine="closed-form").parts[0].cost.rows
    energy = {(row.component, row.tensor, row.action): row.energy for row in rows}
    words = {"weights": 4 * 8, "inputs": 8 * 16, "outputs": 4 * 16}
    assert energy["dram", "weights", "read"] == words["weights"] * 8 / 64 * 700
    assert energy["dram", "inputs", "read"] == words["inputs"] * 8 / 64 * 700
    assert energy["dram", "outputs", "drain"] == words["outputs"] * 8 / 64 * 750
    # Each input is read once for the four filters; each weight once, as it then waits at its multiplier.
    assert energy["sram", "inputs", "read"] == pytest.approx(words["inputs"] * 8 / 128 * 20)
    assert energy["rf_W", "weights", "read"] == pytest.approx(words["weights"] * 0.1)
    assert energy["rf_O", "outputs", "drain"] == pytest.approx(words["outputs"] * 8 * 0.2)
    assert energy["sram", "outputs", "drain"] == pytest.approx(words["outputs"] * 16 / 256 * 30)
    assert energy["MAC", "", "mac"] == layer.macs * 0.5


CLUSTER = register("cluster_W", "I2", "D2", 64)


def test_memories_stand_inside_the_arrays_that_they_do_not_serve(tmp_path: Path) -> None:
    machine, notes = read(tmp_path, accelerator(REGISTERS, CLUSTER, SRAM, DRAM))
    assert order(machine) == ["dram", "sram", "PE_D1", "cluster_W", "PE_D2", "rf_O", "rf_W"]
    assert "share" not in notes


def test_registers_that_pass_a_word_on_are_shared_by_its_places(tmp_path: Path) -> None:
    own, _ = read(tmp_path, accelerator())
    machine, notes = read(
        tmp_path, accelerator(register("rf_W", "I2", "D1"), register("rf_O", "O", "D2", 16), SRAM, DRAM)
    )
    assert order(machine) == ["dram", "sram", "PE", "rf_O", "rf_W"]
    for name, tensor, shares in (("rf_W", "weights", 4), ("rf_O", "outputs", 8)):
        whole, part = own.storage(name), machine.storage(name)
        action = "read" if tensor == "weights" else "drain"
        assert part.price(action, tensor) * shares == pytest.approx(whole.price(action, tensor))
        assert part.capacity_bits == whole.capacity_bits
    assert (
        "rf_W: serves D1: each of the 4 places" in notes and "rf_O: serves D2: each of the 8 places" in notes
    )


def test_of_memories_that_serve_different_places_one_has_shares(tmp_path: Path) -> None:
    other = register("cluster_I", "I1", "D1", 64)
    machine, notes = read(tmp_path, accelerator(REGISTERS, CLUSTER, other, SRAM, DRAM))
    assert order(machine) == ["dram", "sram", "PE_D2", "cluster_I", "PE_D1", "cluster_W", "rf_O", "rf_W"]
    assert "cluster_W: serves D2: each of the 8 places" in notes


@pytest.mark.parametrize("channels", [8, 16])
def test_a_share_costs_what_the_whole_does_where_all_places_work(tmp_path: Path, channels: int) -> None:
    """A register of sums that eight multipliers add to is written once a step, whatever it is split into."""
    text = accelerator(register("rf_W", "I2", ""), register("rf_O", "O", "D2", 16), SRAM, DRAM)
    machine, _ = read(tmp_path, text)
    mapping = [
        {"store": "dram", "keeps": ["weights", "inputs", "outputs"]},
        {"store": "sram", "keeps": ["inputs", "outputs"]},
        {"loop": "temporal", "dim": "C", "bound": channels // 8},
        {"loop": "spatial", "dim": "M", "bound": 4, "axis": "D1", "array": "PE"},
        {"loop": "spatial", "dim": "C", "bound": 8, "axis": "D2", "array": "PE"},
        {"store": "rf_W", "keeps": ["weights"]},
        {"loop": "temporal", "dim": "P", "bound": 16},
        {"store": "rf_O", "keeps": ["outputs"]},
    ]
    cost = (
        sim.evaluate(sim.convolution(m=4, c=channels, p=16), machine, mapping, engine="closed-form")
        .parts[0]
        .cost
    )
    energy = {row.action: row.energy for row in cost.rows if row.component == "rf_O"}
    visits, sums = channels // 8, 4 * 16
    assert energy["drain"] == pytest.approx(visits * sums * 0.2)
    assert energy["send"] == pytest.approx(visits * sums * 0.1)
    assert energy["fill"] == pytest.approx((visits - 1) * sums * 0.2)


def test_a_highest_memory_serves_what_those_below_it_serve(tmp_path: Path) -> None:
    machine, notes = read(tmp_path, accelerator(REGISTERS, SRAM, DRAM.replace("[D1, D2]", "[D1]")))
    assert order(machine) == ["dram", "sram", "PE", "rf_O", "rf_W"]
    assert "dram: sram below it serves D2; read as if it did so, too" in notes


def test_highest_memories_side_by_side_are_partitions_of_one_level(tmp_path: Path) -> None:
    weights = register("sram_W", "I2", "D1, D2", 64, "r_cost: 7, w_cost: 9")
    machine, notes = read(tmp_path, accelerator(register("rf_O", "O", "", 16), weights, SRAM))
    top = machine.outermost
    assert {part.tensors: part.capacity_bits for part in top.partitions} == {
        ("inputs", "outputs"): 65536,
        ("weights",): 512,
    }
    assert top.block_bits is not None and top.capacity_bits == 65536 + 512
    assert top.price("read", "weights") / top.block_bits == pytest.approx(7 / 64)
    assert top.price("read", "inputs") / top.block_bits == pytest.approx(20 / 128)
    assert top.price("drain", "outputs") / top.block_bits == pytest.approx(30 / 256)
    assert "sram, sram_W: stand as the partitions" in notes


def test_the_earlier_form_is_the_same_machine(tmp_path: Path) -> None:
    older = """\
name: small
multipliers: {multiplier_energy: 0.5, multiplier_area: 2, dimensions: [D1, D2], sizes: [4, 8],
              input_precision: [8, 8]}
memories:
  rf_W: {size: 64, r_bw: 8, w_bw: 8, r_cost: 0.1, w_cost: 0.2, area: 0.5, latency: 1, operands: [I2],
         ports: [{fh: w_port_1, tl: r_port_1}], served_dimensions: []}
  rf_O: {size: 128, r_bw: 16, w_bw: 16, r_cost: 0.1, w_cost: 0.2, area: 0.5, latency: 1, operands: [O],
         ports: [{fh: w_port_1, tl: r_port_1, fl: w_port_1, th: r_port_1}], served_dimensions: []}
  dram: {size: 1000000000, r_bw: 64, w_bw: 64, r_cost: 700, w_cost: 750, area: 0.5, latency: 1, rw_port: 1,
         operands: [I1, I2, O], served_dimensions: [D1, D2],
         ports: [{fh: rw_port_1, tl: rw_port_1}, {fh: rw_port_1, tl: rw_port_1},
                 {fh: rw_port_1, tl: rw_port_1, fl: rw_port_1, th: rw_port_1}]}
"""
    current, _ = read(tmp_path, accelerator(REGISTERS, DRAM))
    assert read(tmp_path, older)[0] == current


def test_what_has_no_counterpart_is_noted(tmp_path: Path) -> None:
    priceless = memory("dram", 10**9, "I1, I2, O", "D1, D2", [port("rw_port_1", "read_write", 64, *ALL)])
    priceless = priceless.replace("latency: 1", "latency: 9, auto_cost_extraction: true, mem_type: dram")
    array = ARRAY.replace("unit_area: 2", "systolic_dimensions: [D1], input_precision: [4, 6]")
    text = accelerator(REGISTERS, SRAM, priceless, array=array) + "dataflows: {D1: ['K, 4'], D2: ['C, 8']}\n"
    # The last of two of one name counts, as in ZigZag.
    text = text.replace("name: small", "name: other\nname: small")
    machine, notes = read(tmp_path, text)
    assert ("dram", "read") in machine.unpriced and machine.name == "small"
    assert machine.operand_bits == (6, 4)
    for said in ("line 1: 'name' is given once more", "dram: no price without CACTI", "dram: latency",
                 "systolic_dimensions: no counterpart", "dataflows: are read as a dataflow"):  # fmt: skip
        assert said in notes
    flow, _ = zigzag.read_dataflow(tmp_path / "file.yaml")
    assert flow.nest[0].axes == {"D1": {"M": "1..4"}, "D2": {"C": "1..8"}}  # type: ignore[union-attr]  # a Spread


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "must be a mapping with name, memories"),
        ("name: x\nmemories: {}\n" + ARRAY, "memories: must have at least 1 entry"),
        (accelerator(array=""), "the field 'operational_array' is missing"),
        (accelerator().replace("size: 65536, ", ""), "memories.sram: the field 'size' is missing"),
        (accelerator().replace("size: 65536", "size: -1"), "memories.sram.size: must be at least 1, got -1"),
        (accelerator().replace("size: 65536", "size: 1" + 30 * "0"), "sram.size: is too large a number"),
        (accelerator().replace("size: 65536", "size: many"), "size: must be a whole number, got 'many'"),
        (accelerator().replace("r_cost: 20", "r_cost: .nan"), "r_cost: must be a finite number, got nan"),
        (accelerator().replace("r_cost: 20", "r_cots: 20"), "unknown field 'r_cots'; did you mean 'r_cost'"),
        (accelerator().replace("[I1, O]", "[I1, Q]"), "sram.operands.1.: unknown value 'Q'"),
        (accelerator().replace("[I1, O]", "[O]"), "memories.sram: ports: I1, tl: the memory holds O"),
        (accelerator().replace("[I1, O]", "[I1, O, O]"), "memories.sram: operands: names O twice"),
        (accelerator(SRAM, DRAM.replace("D2", "D7")), "served_dimensions: no dimension 'D7'; did"),
        (accelerator().replace('"O, fl"', '"O, up"'), "'O, up' is no allocation; write an operand"),
        (accelerator(REGISTERS, SRAM.replace(', "O, th"', ""), DRAM), "none has the allocation 'O, th'"),
        (accelerator(REGISTERS, SRAM.replace('"I1, tl"', '"I1, fh"'), DRAM), "'I1, fh' is no read: fh and"),
        (accelerator().replace("bandwidth_max: 128", "bandwidth_max: 32"), "64 is above bandwidth_max 32"),
        (accelerator().replace("sizes: [4, 8]", "sizes: [4]"), "needs a size for each of its dimensions"),
        (accelerator().replace("sizes: [4, 8]", "sizes: [4, 0]"), "sizes.1.: must be at least 1, got 0"),
        (accelerator().replace("unit_energy: 0.5", "is_imc: true"), "arrays that compute in memory"),
        (accelerator(REGISTERS), "memories: none holds I1"),
        (accelerator(register("rf_I", "I1", ""), register("rf_W", "I2", ""), register("rf_O", "O", "", 16)),
         "rf_I is not outside of everything"),
        (accelerator(DRAM.replace("[D1, D2]", "[D2]")), "the highest memory must serve all"),
        ("name: &a [*a]\nmemories: 1\n", "aliases"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nmemories:\n", "aliases .*are not read"),
        ("memories: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("memories: " + 40 * "[" + 40 * "]", "nested too deeply"),
        ("memories: {\n", "line 2, column 1"),
        (accelerator().replace("[I1, O]", f"[{65 * 'I1, '}O]"), "sram.operands: must have at most 64"),
    ],
)  # fmt: skip
def test_wrong_accelerators_are_refused(text: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match=match):
        zigzag.read_architecture(write(tmp_path, text))


def test_files_that_are_too_large_or_no_text_are_refused(tmp_path: Path) -> None:
    large = write(tmp_path, accelerator())
    with large.open("r+b") as stream:
        stream.truncate(100 * 2**20)
    with pytest.raises(ArchitectureError, match="larger than 1 MiB"):
        sim.load_architecture(large)
    large.write_bytes(b"memories:\n\xff\xfe\x00")
    with pytest.raises(ArchitectureError, match="not a text file"):
        sim.load_architecture(large)
