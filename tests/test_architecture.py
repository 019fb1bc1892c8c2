"""Machines: what a file may say, what is refused and how, and the figures of those that come along."""

from __future__ import annotations

import json
import pickle
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.architecture import (
    ARRAY_ACTIONS,
    STORAGE_ACTIONS,
    TENSORS,
    Architecture,
    architecture_schema,
    load_architecture,
    load_architecture_file,
    registered_architectures,
)
from simulator.errors import ArchitectureError

from .small_machine import SMALL, changed


def test_levels_arrays_and_ranks() -> None:
    machine = Architecture.from_dict(SMALL)
    assert [storage.name for storage in machine.storages] == ["DRAM", "GLB", "weight_reg", "sum_reg"]
    assert [machine.rank_of(storage.name) for storage in machine.storages] == [0, 1, 3, 3]
    assert machine.outermost.name == "DRAM"
    assert machine.outermost.keeps == machine.outermost.required == TENSORS
    assert machine.storage("GLB").required == ()
    assert machine.arrays_above("GLB") == ()
    assert machine.arrays_above("sum_reg") == ("PE",)
    assert machine.mac_units == machine.array("PE").size == 8
    assert machine.array("PE").axis("y").size == 2
    assert machine.mac.latches == ()
    assert machine.path is None


def test_sizes_are_in_bits_and_words_as_wide_as_the_level_has_them() -> None:
    machine = Architecture.from_dict(SMALL)
    buffer = machine.storage("GLB")
    assert machine.outermost.capacity_bits is None
    assert buffer.capacity_bits == 4 * 1024 * 8
    assert [part.tensors for part in buffer.partitions] == [("inputs", "outputs"), ("weights",)]
    assert [part.capacity_bits for part in buffer.partitions] == [3 * 1024 * 8, 64]
    assert machine.storage("weight_reg").capacity_bits == 16
    assert machine.storage("sum_reg").capacity_bits == 40


def test_outputs_are_narrow_only_at_the_outermost_level() -> None:
    machine = Architecture.from_dict(SMALL)
    assert machine.word_bits("outputs", "DRAM") == 8
    assert machine.word_bits("outputs", "GLB") == machine.partial_sum_bits == 20
    assert machine.word_bits("inputs", "GLB") == 8
    same = Architecture.from_dict(changed("bits", {"weights": 4, "inputs": 6, "outputs": 12}))
    assert same.partial_sum_bits == same.word_bits("outputs", "GLB") == 12


def test_prices_per_action_and_tensor() -> None:
    buffer = Architecture.from_dict(SMALL).storage("GLB")
    assert [buffer.price("read", tensor) for tensor in TENSORS] == [2, 2, 2]
    assert [buffer.price("fill", tensor) for tensor in TENSORS] == [1, 1, 3]
    assert buffer.price("drain", "outputs") == 0


def test_actions_without_a_price_are_listed_where_they_can_occur() -> None:
    assert Architecture.from_dict(SMALL).unpriced == (
        ("DRAM", "read"),
        ("DRAM", "drain"),
        ("DRAM", "refill"),
        ("GLB", "drain"),
        ("GLB", "send"),
        ("GLB", "refill"),
        ("weight_reg", "read"),
        ("weight_reg", "fill"),
        ("sum_reg", "fill"),
        ("sum_reg", "drain"),
        ("sum_reg", "send"),
        ("sum_reg", "refill"),
        ("PE", "deliver"),
        ("PE", "hop"),
        ("PE", "add"),
    )
    data = changed("hierarchy.2.axes.x", {"size": 4, "reduction": False, "links": ["inputs"]})
    data["hierarchy"][4] = {"mac": {}}
    extra = set(Architecture.from_dict(data).unpriced) - set(Architecture.from_dict(SMALL).unpriced)
    assert extra == {("DRAM", "merge"), ("GLB", "merge"), ("PE", "link"), ("MAC", "mac")}


def test_axes_say_what_their_wires_can_do() -> None:
    data = changed(
        "hierarchy.2.axes.x", {"size": 4, "multicast": False, "reduction": False, "links": ["inputs"]}
    )
    array = Architecture.from_dict(data).array("PE")
    x, y = array.axes
    assert [x.multicasts(t) for t in TENSORS] == [False, False, False]
    assert [y.multicasts(t) for t in TENSORS] == [True, False, False]
    assert [x.links(t) for t in TENSORS] == [False, True, False]
    assert (x.reduces, y.reduces) == (False, True)
    plain = Architecture.from_dict(SMALL).array("PE").axis("x")
    assert plain.multicasts("inputs") and plain.multicasts("weights") and plain.reduces


@pytest.mark.parametrize(
    ("buffering", "expected"),
    [
        (None, [True, True, True]),
        ("single", [False, False, False]),
        ("double", [True, True, True]),
        ({"inputs": "single"}, [True, False, True]),
        ({"inputs": "fifo", "weights": "single"}, [False, False, True]),
    ],
)
def test_buffering_is_double_unless_said(buffering: object, expected: list[bool]) -> None:
    data = SMALL if buffering is None else changed("hierarchy.1.buffering", buffering)
    buffer = Architecture.from_dict(data).storage("GLB")
    assert [buffer.double_buffered(tensor) for tensor in TENSORS] == expected


def test_a_network_feeds_every_place_by_itself_unless_a_topology_is_stated() -> None:
    assert [Architecture.from_dict(SMALL).array("PE").topology(t) for t in TENSORS] == ["unicast"] * 3
    assert "topology" not in Architecture.from_dict(SMALL).describe()
    mesh = Architecture.from_dict(changed("hierarchy.2.topology", "mesh"))
    assert [mesh.array("PE").topology(t) for t in TENSORS] == ["mesh"] * 3
    assert "    topology: mesh\n" in mesh.describe()
    data = changed("hierarchy.2.topology", {"inputs": "bus", "outputs": "tree"})
    data["hierarchy"][2]["fan_out"] = 4
    mixed = Architecture.from_dict(data)
    assert [mixed.array("PE").topology(t) for t in TENSORS] == ["unicast", "bus", "tree"]
    assert "    topology: weights unicast, inputs bus, outputs tree of 4\n" in mixed.describe()


def test_a_fifo_holds_one_tile_and_does_not_wait() -> None:
    buffer = Architecture.from_dict(changed("hierarchy.1.buffering", {"inputs": "fifo", "outputs": "single"}))
    glb = buffer.storage("GLB")
    assert not glb.double_buffered("inputs") and not glb.single_buffered("inputs")
    assert not glb.double_buffered("outputs") and glb.single_buffered("outputs")


def test_bandwidths_blocks_and_physical_figures() -> None:
    data = changed("hierarchy.1.bandwidth", {"read": "64 bits", "write": "4 B"})
    data["hierarchy"][1] |= {"block": "64 bits", "price_per": "block", "leakage_mw": 0.5, "area_um2": 100}
    data["hierarchy"][2]["network"] = {"weights": "19.2 bits", "outputs_up": "8 bits"}
    machine = Architecture.from_dict(data)
    buffer, array = machine.storage("GLB"), machine.array("PE")
    assert (buffer.read_bandwidth_bits, buffer.write_bandwidth_bits) == (64, 32)
    assert buffer.shared_bandwidth_bits is None
    assert (buffer.block_bits, buffer.price_per) == (64, "block")
    assert (buffer.leakage_mw, buffer.area_um2, machine.outermost.leakage_mw) == (0.5, 100, None)
    assert [array.network_bits(tensor) for tensor in TENSORS] == [19.2, None, None]
    assert array.network_up_bits == 8


def test_round_trip_and_pickle() -> None:
    machine = Architecture.from_dict(SMALL)
    assert (
        Architecture.from_dict(yaml.safe_load(yaml.safe_dump(machine.to_dict(), sort_keys=False))) == machine
    )
    assert pickle.loads(pickle.dumps(machine)) == machine
    assert len({machine, Architecture.from_dict(SMALL)}) == 1
    machine.to_dict()["hierarchy"].clear()
    assert machine.to_dict() == SMALL


sizes = st.integers(1, 2**20).map(lambda bits: f"{8 * bits} bits")
operands = st.lists(st.sampled_from(["weights", "inputs"]), unique=True)
tensors = st.lists(st.sampled_from(TENSORS), unique=True, min_size=1)
prices = st.floats(0, 1e6) | st.fixed_dictionaries({"default": st.floats(0, 10)})
levels = st.fixed_dictionaries(
    {"keeps": tensors},
    optional={
        "capacity": sizes,
        "bandwidth": st.fixed_dictionaries({"shared": sizes}),
        "price": st.dictionaries(st.sampled_from(STORAGE_ACTIONS), prices),
        "stores_padding": st.booleans(),
        "buffering": st.sampled_from(["single", "double", "fifo"]),
    },
)
axis_forms = st.fixed_dictionaries(
    {"size": st.integers(1, 6)},
    optional={"multicast": st.booleans() | operands, "reduction": st.booleans(), "links": operands},
)
array_forms = st.fixed_dictionaries(
    {"axes": st.dictionaries(st.sampled_from("xyz"), axis_forms, min_size=1)},
    optional={"price": st.dictionaries(st.sampled_from(ARRAY_ACTIONS), prices)},
)


@settings(max_examples=50, deadline=None)
@given(st.lists(levels | array_forms, max_size=5), st.integers(1, 64))
def test_random_machines_read_back_equal(parts: list[dict[str, Any]], width: int) -> None:
    entries = [
        {("array" if "axes" in part else "storage"): f"part{index}", **part}
        for index, part in enumerate(parts)
    ]
    data = {
        "name": "random",
        "energy_unit": "MAC",
        "bits": dict.fromkeys(TENSORS, width),
        "hierarchy": [{"storage": "DRAM"}, *entries, {"mac": {}}],
    }
    machine = Architecture.from_dict(data)
    again = Architecture.from_dict(yaml.safe_load(yaml.safe_dump(machine.to_dict(), sort_keys=False)))
    assert again == machine
    assert again.unpriced == machine.unpriced
    assert again.describe() == machine.describe()
    assert machine.mac_units == np.prod([array.size for array in machine.arrays], initial=1)


def test_a_price_that_is_replaced_loses_its_source() -> None:
    machine = load_architecture("eyeriss_v1")
    changed = machine.replace({"GLB.price.read": 7}).data["hierarchy"]
    assert "price_source" in machine.data["hierarchy"][1]
    assert "price_source" not in changed[1] and "price_source" in changed[0]


def test_replace_by_path() -> None:
    machine = Architecture.from_dict(SMALL)
    changes = {"array.x": 8, "PE.y.size": np.int64(3), "GLB.capacity": "64 KiB", "clock_mhz": 100.0}
    other = machine.replace(
        {
            **changes,
            "GLB.partitions.0.capacity": "60 KiB",
            "bits.weights": 4,
            "GLB.price.read": 7,
            "PE.axes.x.reduction": False,
            "mac.price": 2,
            "GLB.bandwidth.shared": "8 B",
        }
    )
    assert other.mac_units == 24
    assert other.storage("GLB").capacity_bits == 64 * 8192
    assert other.storage("GLB").partitions[0].capacity_bits == 60 * 8192
    assert other.clock_mhz == 100
    assert other.word_bits("weights", "GLB") == 4
    assert other.storage("GLB").price("read", "inputs") == 7
    assert other.storage("GLB").shared_bandwidth_bits == 64
    assert not other.array("PE").axis("x").reduces
    assert other.mac.price == 2
    assert machine == Architecture.from_dict(SMALL)
    assert machine.replace({}) == machine


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "GBL.capacity",
            "1 KiB",
            "cannot change 'GBL.capacity': the machine has no 'GBL'; did you mean 'GLB'?",
        ),
        ("hierarchy", [], "the machine has no 'hierarchy'"),
        ("", 1, "the machine has no ''"),
        ("GLB", 1, "it names a whole component; add a field; known: area_um2, bandwidth, banks"),
        ("GLB.capcity", "1 KiB", "GLB has no field 'capcity'; did you mean 'capacity'?"),
        ("array.z", 1, "array has no field 'z'; known: area_um2, array, axes"),
        ("array.x.szie", 1, "PE: axes.x: unknown field 'szie'; did you mean 'size'?"),
        (
            "array.x",
            "8",
            "array.x changed: hierarchy[2].array PE: axes.x.size: must be a whole number, got '8'",
        ),
        ("array.x", None, "axes.x.size: is empty"),
        ("GLB.capacity", "1 KiB", "partitions: together 3080 B, more than the capacity of 1 KiB"),
        ("GLB.price.read.inputs", 1, "'inputs' is not in price.read, which has no such parts"),
        ("GLB.partitions.7.capacity", "1 B", "'7' is not in partitions, which has no such parts"),
    ],
)
def test_replacements_that_are_refused(path: str, value: object, message: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        Architecture.from_dict(SMALL).replace({path: value})
    assert message in str(caught.value)


def test_files_by_name_and_by_path(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(SMALL))
    machine = load_architecture(str(file))
    assert machine == load_architecture(file) == load_architecture_file(file) == Architecture.from_dict(SMALL)
    assert machine.path == str(file)
    with pytest.raises(
        ArchitectureError, match="unknown architecture 'eyeris_v1'; did you mean 'eyeriss_v1'"
    ):
        load_architecture("eyeris_v1")
    with pytest.raises(ArchitectureError, match=r"cannot read nowhere\.yaml: no such file"):
        load_architecture("nowhere.yaml")
    with pytest.raises(ArchitectureError, match=r"cannot read .*: is not a file"):
        load_architecture(f"{tmp_path}/")
    file.write_text("name: [")
    with pytest.raises(ArchitectureError, match=r"small\.yaml, line 1, column 8: "):
        load_architecture(file)
    file.write_text("- a list")
    with pytest.raises(ArchitectureError, match=r"small\.yaml: must be a mapping"):
        load_architecture(file)


def test_the_schema_file_is_fresh() -> None:
    committed = resources.files("arch_configs").joinpath("architecture.schema.json").read_text()
    assert json.loads(committed) == architecture_schema(), (
        "write json.dumps(architecture_schema(), indent=2) to arch_configs/architecture.schema.json"
    )


@pytest.mark.parametrize("name", sorted(registered_architectures()))
def test_machines_that_come_along(name: str) -> None:
    machine = load_architecture(name)
    assert machine.name == name
    assert machine.path is not None and Path(machine.path).name == f"{name}.yaml"
    assert machine.description and machine.technology and machine.sources
    assert machine.unpriced == ()
    assert Architecture.from_dict(machine.to_dict()) == machine
    text = machine.describe()
    names = [storage.name for storage in machine.storages] + [array.name for array in machine.arrays]
    assert all(f"\n{name}: " in text for name in names)


def test_the_eyeriss_chip() -> None:
    machine = load_architecture("eyeriss_v1")
    assert machine.mac_units == 168
    assert [(axis.name, axis.size) for axis in machine.array("PE").axes] == [("x", 14), ("y", 12)]
    assert [machine.array("PE").network_bits(tensor) for tensor in TENSORS] == [64, 16, 64]
    assert machine.array("PE").network_up_bits == 64
    assert machine.clock_mhz == 200
    assert machine.outermost.shared_bandwidth_bits == pytest.approx(64 * 60 / 200)
    spads = {"ifmap_spad": 12, "filter_spad": 224, "psum_spad": 24}
    assert {name: machine.storage(name).capacity_bits for name in spads} == {
        name: 16 * words for name, words in spads.items()
    }
    assert len({machine.rank_of(name) for name in spads}) == 1
    buffer = machine.storage("GLB")
    assert buffer.capacity_bits == 108 * 8192
    assert [(part.tensors, part.capacity_bits) for part in buffer.partitions] == [
        (("inputs", "outputs"), 100 * 8192),
        (("weights",), 8 * 8192),
    ]
    assert buffer.stores_padding and not machine.outermost.stores_padding
    assert {buffer.price(action, "outputs") for action in ("fill", "drain", "send", "refill")} == {6}
    assert buffer.price("merge", "outputs") == buffer.price("read", "inputs") == 6
    assert not any(buffer.double_buffered(tensor) for tensor in TENSORS)


def test_conv1_of_the_chips_paper_fits_its_buffer_once_only() -> None:
    buffer = load_architecture("eyeriss_v1").storage("GLB")
    # JSSC'17 table III, CONV1: 15.5 kB of ifmap, 72.2 kB of partial sums; p * t = 32 filters of 11 x 11.
    shared = (1 * 227 * (4 * 6 + 11) + 96 * 55 * 7) * 16
    filters = 16 * 2 * 11 * 11 * 16
    assert shared <= buffer.partitions[0].capacity_bits < 2 * shared
    assert filters <= buffer.partitions[1].capacity_bits < 2 * filters


def test_the_machine_of_the_dataflow_comparison() -> None:
    machine = load_architecture("eyeriss_isca16_256")
    assert machine.mac_units == 256
    assert machine.storage("GLB").capacity_bits == 131_072 * 8
    assert machine.storage("RF").capacity_bits == 512 * 8
    assert machine.arrays_above("RF") == ("PE",)
    operand = [
        machine.outermost.price("read", "inputs"),
        machine.storage("GLB").price("read", "inputs"),
        machine.array("PE").price("deliver", "inputs"),
        machine.storage("RF").price("read", "inputs"),
        machine.mac.price,
    ]
    assert operand == [200, 6, 2, 1, 1]  # ISCA'16 table IV
    refills = [storage.price("refill", "outputs") for storage in machine.storages]
    assert refills == [200, 12, 2]  # equation 4: one DRAM access, two of each other level
    drains = [storage.price("drain", "outputs") for storage in machine.storages]
    assert drains == [200, 0, 0]
    assert machine.array("PE").price("add", "outputs") == 2
    assert machine.array("PE").price("deliver", "outputs") == 0
    assert all(storage.stores_padding for storage in machine.storages)
