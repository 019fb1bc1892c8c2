"""Timeloop's architectures: levels, fan-outs and sizes of both versions, and their constraints."""

from __future__ import annotations

from pathlib import Path

import pytest

import simulator as sim
from simulator.errors import ArchitectureError, SimulatorError
from simulator.formats import timeloop
from simulator.problem import convolution

from .designs import MACHINES, NODES, TREES


def design(folder: Path, text: str) -> timeloop.Design:
    path = folder / "chip.yaml"
    path.write_text(text, encoding="utf-8")
    return timeloop.read(path)


def test_nodes_of_version_4(tmp_path: Path) -> None:
    read = design(tmp_path, NODES).machine
    arch = read.architecture
    assert (arch.name, arch.technology, arch.clock_mhz, arch.mac_units) == ("chip", "45nm", 200, 168)
    assert [s.name for s in arch.storages] == ["DRAM", "glb", "ifmap", "filter", "psum"]
    glb, ifmap, psum = arch.storage("glb"), arch.storage("ifmap"), arch.storage("psum")
    # 2048 rows of 8 words; an expression of a variable, as the anchor's fields are merged.
    assert glb.capacity_bits == 2048 * 64 and arch.storage("filter").capacity_bits == 24 * 64
    assert glb.keeps == glb.required == ("inputs", "outputs") and glb.read_bandwidth_bits == 16 * 8
    assert ifmap.keeps == ("inputs",) and ifmap.rank == psum.rank > arch.array("PE").rank
    # Words stay as many, with the outermost level's width; twice a tile only where Timeloop says so.
    assert (
        psum.capacity_bits == 16 * 8 and psum.double_buffered("outputs") and not glb.double_buffered("inputs")
    )
    assert [(a.name, [x.name for x in a.axes], a.size) for a in arch.arrays] == [
        ("column", ["x"], 14),
        ("PE", ["y"], 12),
    ]
    assert any("psum: words of 16 bits" in note for note in read.notes)
    assert any("no prices" in note for note in read.notes)


def test_trees_of_version_3(tmp_path: Path) -> None:
    read = design(tmp_path, TREES).machine
    arch = read.architecture
    (pe,) = arch.arrays
    assert (pe.name, [(x.name, x.size) for x in pe.axes]) == ("PE", [("x", 4), ("y", 3)])
    assert arch.storage("spad").keeps == ("weights",) and arch.storage("spad").capacity_bits == 24 * 16
    # A row of 64 bits holds two clusters of 16-bit words.
    assert arch.storage("glb").capacity_bits == 512 * 2 * 16 and arch.mac_units == 12
    assert arch.technology == "45nm" and arch.rank_of("glb") < pe.rank < arch.rank_of("spad")


def test_a_fan_out_of_the_component_itself(tmp_path: Path) -> None:
    text = NODES.replace("name: mac, class: intmac", "name: mac, class: intmac, spatial: {meshX: 3}")
    arch = design(tmp_path, text).machine.architecture
    assert [a.name for a in arch.arrays][-1] == "inter_mac_spatial" and arch.mac_units == 168 * 3


def test_constraints_as_a_dataflow(tmp_path: Path) -> None:
    flow, notes = design(tmp_path, NODES).dataflow()
    (spread,) = flow.nest
    assert spread.axes["column.x"] == {"Q": "any", "M": "any", "G": "any"}
    assert spread.axes["PE.y"] == {"R": "1..3", "S": "any", "C": "any", "M": "any", "G": "any"}
    assert notes == ("chip: filter: temporal constraints: a dataflow that leaves loops open has none",)
    old, _ = design(tmp_path, TREES).dataflow()
    assert old.nest[0].axes == {"PE.x": {"C": "any"}, "PE.y": {"M": "any", "G": "any"}}


def test_constraints_of_a_mapspace_hold_in_its_mappings(tmp_path: Path) -> None:
    read = design(tmp_path, NODES)
    layer = convolution("layer", m=4, c=4, p=3, q=5, r=3, s=2)
    constraints, notes = read.constraints(layer)
    space = sim.Mapspace(layer, read.machine.architecture, constraints)
    assert not notes
    for vector in space.sample(30, seed=1):
        mapping = space.decode(vector)
        for loop in mapping.loops:
            assert loop.array != "column" or loop.dimension in "QMG"
            assert loop.array != "PE" or loop.dimension in "RSCMG"
        above = {store.level: count for store, count in mapping.stores}
        between = mapping.loops[above["filter"] : above["psum"]]
        # Only C and R below the filters, C inside of R.
        assert [loop.dimension for loop in between] in ([], ["C"], ["R"], ["R", "C"], ["G"])
        levels = [store.level for store, _ in mapping.stores]
        assert levels == sorted(levels, key=["DRAM", "glb", "ifmap", "filter", "psum"].index)


def test_what_a_mapspace_allows_beyond_timeloop_is_noted(tmp_path: Path) -> None:
    _, notes = design(tmp_path, TREES).constraints(convolution("layer", m=4, c=4, p=3))
    assert notes == ("chip: glb: may hold its tensors at different places, in Timeloop at one",)


WRONG: dict[str, tuple[str, str]] = {
    "must have 'nodes' (version 4) or 'subtree'": ("nodes:", "knots:"),
    "must have a tag": ("!Container {name: system}", "{name: system}"),
    "the tag !Contaner is unknown": ("!Container {name: system}", "!Contaner {name: system}"),
    "class 'wire None' is neither": ("class: smartbuffer_SRAM", "class: wire\n    subclass: None"),
    "no component computes": ("class: intmac", "class: regfile, attributes: {entries: 2}"),
    "the outermost part is column, no storage": (
        "- !Component {name: DRAM, class: DRAM, attributes: {width: 64, datawidth: 8}}",
        "",
    ),
    "glb: has no size": ("depth: 1024 * glb_kib // 8", "n_banks: 2"),
    "glb: depth: '1024 * glb_size' is no number": ("1024 * glb_kib // 8", "1024 * glb_size"),
    "spatial.meshX: must be from 1": ("meshX: 14", "meshX: 0"),
    "spatial.meshX: must be a whole number": ("meshX: 14", "meshX: 1.5"),
    "a fan-out inside !Parallel": ("name: psum", "name: psum\n      spatial: {meshX: 2}"),
    "which tensor the data-space 'Ifmap2' is": ("keep: [Inputs]}}", "keep: [Ifmap2]}}"),
    "inputs must be kept and bypassed": ("bypass: [Weights]", "bypass: [Inputs]"),
    "'N==1' is no factor": ("factors: [N=1, P=1", "factors: [N==1, P=1"),
    "the name 'glb' is given twice": ("name: ifmap", "name: glb"),
    "multiple_buffering: must be from 1": ("multiple_buffering: 2", "multiple_buffering: 0.5"),
    "the name 'mac' is reserved": ("name: ifmap", "name: mac"),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_architecture_is_one_clear_error(why: str, tmp_path: Path) -> None:
    old, new = WRONG[why]
    assert old in NODES
    text = NODES.replace(old, new, 1)
    if why.startswith("the outermost"):
        glb, column = (
            text.index("  - !Component\n    name: glb"),
            text.index("  - !Container\n    name: column"),
        )
        text = text[:glb] + text[column:].replace("<<: *sram, depth: 24", "depth: 24, width: 8")
    with pytest.raises(ArchitectureError) as error:
        design(tmp_path, text).machine  # noqa: B018
    assert why in str(error.value) and "chip.yaml" in str(error.value)


OLD_WRONG = {
    "2 branches; a hierarchy has one": ("- name: chip", "- {name: other}\n    - name: chip"),
    "meshX 5 x meshY 2 are not its 12": ("word-bits: 16, meshX: 4", "word-bits: 16, meshX: 5"),
    "no level is called 'spads'; did you mean 'spad'?": ("target: spad", "target: spads"),
    "no fan-out is called 'DRAM'": ("target: glb", "target: DRAM"),
    "each must feed as many": ("PE[0..11]", "PE[0..11]\n        attributes: {a: 1}\n        name2: x"),
}


@pytest.mark.parametrize("why", OLD_WRONG)
def test_a_wrong_tree_is_one_clear_error(why: str, tmp_path: Path) -> None:
    old, new = OLD_WRONG[why]
    text = TREES.replace(old, new, 1)
    if why.startswith("each must"):
        text = TREES.replace("{datawidth: 16, meshX: 4}", "{datawidth: 16, meshX: 6}")
    with pytest.raises(SimulatorError) as error:
        design(tmp_path, text).machine  # noqa: B018
    assert why in str(error.value)


def test_what_has_no_counterpart_is_noted(tmp_path: Path) -> None:
    text = NODES.replace("read_bandwidth: 16", "n_banks: 4").replace(
        "  - !Container {name: system}",
        "  - !Container {name: system, networks: [{name: bus}]}\n"
        "  - !Component {name: bus, class: XY_NoC}\n"
        "  - !Component {name: spare, class: SRAM, enabled: false}",
    )
    read = design(tmp_path, text + "mapper: {algorithm: random}\n")
    notes = " | ".join((*read.notes, *read.machine.notes))
    for part in (
        "mapper: no counterpart",
        "glb: n_banks",
        "networks",
        "bus: a network",
        "spare: not enabled",
    ):
        assert part in notes


@pytest.mark.parametrize("text", [NODES, TREES], ids=["version 4", "version 3"])
def test_a_machine_comes_back_as_it_was(text: str, tmp_path: Path) -> None:
    arch = design(tmp_path, text).machine.architecture
    back = design(tmp_path, timeloop.write_architecture(arch)[0]).machine.architecture
    assert (back.storages, back.arrays, back.mac_units) == (arch.storages, arch.arrays, arch.mac_units)
    assert (back.clock_mhz, back.technology) == (arch.clock_mhz, arch.technology)


def test_a_machine_of_ours_in_timeloops_form(tmp_path: Path) -> None:
    arch = sim.load_architecture("eyeriss_v1")
    written, notes = timeloop.write_architecture(arch)
    back = design(tmp_path, written).machine.architecture
    assert [(s.name, s.rank, s.keeps, s.required, s.capacity_bits) for s in back.storages[1:]] == [
        (s.name, s.rank, s.keeps, s.required, s.capacity_bits) for s in arch.storages[1:]
    ]
    assert [(a.name, a.size) for a in back.arrays] == [("PE", 168)] and back.clock_mhz == arch.clock_mhz
    for part in (
        "GLB: partitions",
        "DRAM: compression",
        "PE: widths of its network",
        "prices",
        "GLB: buffering",
    ):
        assert any(part in note for note in notes)


def test_fan_outs_of_components_and_without_multicast_come_back(tmp_path: Path) -> None:
    for arch in (
        MACHINES[1],
        MACHINES[0].replace({"PE.x.multicast": ["inputs"], "PE.y.multicast": ["inputs"]}),
    ):
        written, _ = timeloop.write_architecture(arch)
        back = design(tmp_path, written).machine.architecture
        assert [(a.name, a.rank, a.axes) for a in back.arrays] == [
            (a.name, a.rank, a.axes) for a in arch.arrays
        ]
        assert back.mac_units == arch.mac_units
