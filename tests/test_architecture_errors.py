"""Machines that cannot be: one clear error each, with its file, its field and what would be right."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.architecture import Architecture
from simulator.errors import ArchitectureError

from .small_machine import SMALL, changed


def error_of(data: object) -> str:
    with pytest.raises(ArchitectureError) as caught:
        Architecture.from_dict(data, "file.yaml")
    return str(caught.value)


G, A, S, M = "hierarchy[1].storage GLB", "hierarchy[2].array PE", "hierarchy[3].side_by_side", "hierarchy[4]"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("nmae", "x", "unknown field 'nmae'; did you mean 'name'?"),
        ("x" * 10**5, 1, f"unknown field '{'x' * 80}'"),
        ("energy_unit", "x" * 10**5, "energy_unit: unknown value 'xxx"),
        ("hierarchy.2.axes", {"x" * 10**5: 5}, f"{A}: axes.{'x' * 80}: must be a mapping, got 5"),
        ("name", "a b", "name: 'a b' is not a name"),
        ("name", "é", "name: 'é' is not a name"),
        ("name", "x" * 65, "is not a name"),
        ("name", 3, "name: must be text, got 3"),
        ("name", None, "name: is empty; give a value or leave the field out"),
        ("energy_unit", "pj", "energy_unit: unknown value 'pj'; did you mean 'pJ'?"),
        ("energy_unit", 1, "energy_unit: unknown value 1; known: pJ, MAC"),
        ("clock_mhz", 0, "clock_mhz: must be above 0"),
        ("clock_mhz", "200", "clock_mhz: must be a number, got '200'"),
        ("clock_mhz", True, "clock_mhz: must be a number, got true"),
        ("clock_mhz", float("nan"), "clock_mhz: must be a finite number, got nan"),
        ("clock_mhz", float("inf"), "clock_mhz: must be a finite number, got inf"),
        (
            "clock_mhz",
            np.float64(1),
            "clock_mhz: must be plain text, a number, a list or a mapping, got float64",
        ),
        ("clock_mhz", 10**400, "clock_mhz: is too large a number"),
        ("sources", "paper", "sources: must be a list, got 'paper'"),
        ("sources", [1], "sources[0]: must be text, got 1"),
        ("bits", 16, "bits: must be a mapping, got 16"),
        ("bits", {"weights": 8, "inputs": 8}, "bits: the field 'outputs' is missing"),
        ("bits.weights", True, "bits.weights: must be a whole number, got true"),
        ("bits.weights", 8.0, "bits.weights: must be a whole number, got 8.0"),
        ("bits.weights", 0, "bits.weights: must be at least 1, got 0"),
        ("bits.weights", 65, "bits.weights: must be at most 64, got 65"),
        ("bits.wieghts", 8, "bits: unknown field 'wieghts'; did you mean 'weights'?"),
        ("hierarchy", [], "hierarchy: must have at least 1 entry"),
        ("hierarchy", {}, "hierarchy: must be a list, got a mapping"),
        (
            "hierarchy.0",
            {"array": "A", "axes": {"x": {"size": 1}}},
            "hierarchy[0]: the outermost entry must be",
        ),
        ("hierarchy.0", {"store": "A"}, "hierarchy[0]: must have exactly one of the fields storage, array,"),
        ("hierarchy.0", {"storage": "A", "mac": {}}, "must have exactly one of the fields"),
        ("hierarchy.0", "DRAM", "hierarchy[0]: must have exactly one of the fields"),
        (
            "hierarchy.0.keeps",
            ["inputs"],
            "hierarchy[0].storage DRAM: keeps: the outermost level must keep every",
        ),
        ("hierarchy.0.keeps", ["weights", "outputs"], "every tensor; add inputs"),
        ("hierarchy.1", {"mac": {}}, "hierarchy[1]: only the last entry can be the mac"),
        ("hierarchy.4", {"storage": "last"}, f"{M}: the last entry must be the mac"),
        ("hierarchy.4.mac", {"prize": 1}, f"{M}.mac: unknown field 'prize'; did you mean 'price'?"),
        ("hierarchy.4.mac.price", -1, f"{M}.mac.price: must be at least 0, got -1"),
        ("hierarchy.4.mac.latches", ["outputs"], f"{M}.mac.latches[0]: unknown value 'outputs'"),
        ("hierarchy.4.size", 1, f"{M}: unknown field 'size'; known: mac"),
        ("hierarchy.1.capcity", "1 B", f"{G}: unknown field 'capcity'; did you mean 'capacity'?"),
        ("hierarchy.1.capacity", 108, f"{G}: capacity: 108 has no unit; write text such as '108 KiB'"),
        ("hierarchy.1.capacity", "0 KiB", f"{G}: capacity: '0 KiB' is zero"),
        ("hierarchy.1.capacity", "108 KB", f"{G}: capacity: '108 KB' has the unknown unit 'KB'"),
        (
            "hierarchy.1.capacity",
            "2 KiB",
            f"{G}: partitions: together 3080 B, more than the capacity of 2 KiB",
        ),
        ("hierarchy.1.capacity", "9 words", f"{G}: capacity: '9 words' needs words of one width"),
        ("hierarchy.1.capacity", "0.01 bits", f"{G}: capacity: '0.01 bits' is not a whole number of bits"),
        ("hierarchy.1.storage", "DRAM", "hierarchy[1].storage DRAM: the name 'DRAM' is given twice"),
        ("hierarchy.1.storage", "PE", "hierarchy[2].array PE: the name 'PE' is given twice"),
        ("hierarchy.1.storage", "MAC", "hierarchy[1].storage MAC: the name 'MAC' is reserved"),
        ("hierarchy.1.storage", "bits", "the name 'bits' is reserved"),
        ("hierarchy.1.storage", "a.b", "hierarchy[1].storage a.b: storage: 'a.b' is not a name"),
        ("hierarchy.1.keeps", [], f"{G}: keeps: must have at least 1 entry"),
        (
            "hierarchy.1.keeps",
            ["wieghts"],
            f"{G}: keeps[0]: unknown value 'wieghts'; did you mean 'weights'?",
        ),
        ("hierarchy.1.keeps", ["inputs", "inputs"], f"{G}: keeps: names 'inputs' twice"),
        (
            "hierarchy.1.keeps",
            ["inputs", "outputs"],
            f"{G}: partitions[1].tensors: the level does not keep weights",
        ),
        (
            "hierarchy.1.partitions.1.tensors",
            ["inputs"],
            "partitions[1].tensors: inputs has a partition already",
        ),
        ("hierarchy.1.partitions.0.tensors", ["inputs"], f"{G}: partitions: no partition holds outputs"),
        (
            "hierarchy.1.partitions.0.capacity",
            "9 words",
            f"{G}: partitions[0].capacity: '9 words' needs words",
        ),
        ("hierarchy.1.partitions.0.size", 1, f"{G}: partitions[0]: unknown field 'size'"),
        ("hierarchy.1.price_per", "block", f"{G}: price_per: a price per block needs the field 'block'"),
        ("hierarchy.1.price_per", "blok", f"{G}: price_per: unknown value 'blok'; did you mean 'block'?"),
        ("hierarchy.1.block", "16 bits", f"{G}: block: 2 B cannot hold a word of each tensor kept"),
        ("hierarchy.1.bandwidth", {"shared": "1 B", "read": "1 B"}, f"{G}: bandwidth: give either shared or"),
        ("hierarchy.1.bandwidth", {"read": "4 words"}, f"{G}: bandwidth.read: '4 words' counts words"),
        ("hierarchy.1.bandwidth", {"read": 64}, f"{G}: bandwidth.read: 64 has no unit"),
        ("hierarchy.1.stores_padding", 1, f"{G}: stores_padding: must be true or false, got 1"),
        (
            "hierarchy.1.buffering",
            "triple",
            f"{G}: buffering: must be 'single', 'double', 'fifo' or a mapping",
        ),
        ("hierarchy.1.buffering", {"inputs": "tripel"}, f"{G}: buffering.inputs: unknown value 'tripel'"),
        (
            "hierarchy.1.buffering",
            {"input": "single"},
            f"{G}: buffering: unknown field 'input'; did you mean 'inputs'",
        ),
        ("hierarchy.1.buffering", 2, f"{G}: buffering: must be a mapping, got 2"),
        ("hierarchy.1.price", 5, f"{G}: price: must be a mapping, got 5"),
        (
            "hierarchy.2.topology",
            "ring",
            f"{A}: topology: must be 'unicast', 'bus', 'tree', 'mesh' or a mapping",
        ),
        (
            "hierarchy.2.topology",
            {"inputs": "mehs"},
            f"{A}: topology.inputs: unknown value 'mehs'; did you mean 'mesh'?",
        ),
        ("hierarchy.2.topology", ["bus"], f"{A}: topology: must be a mapping, got a list"),
        ("hierarchy.2.fan_out", 1, f"{A}: fan_out: must be at least 2, got 1"),
        ("hierarchy.2.fan_out", 1e30, f"{A}: fan_out: must be a whole number"),
        ("hierarchy.2.fan_out", 4, f"{A}: fan_out: only trees have one; state topology: tree"),
        ("hierarchy.1.price.raed", 5, f"{G}: price: unknown field 'raed'; did you mean 'read'?"),
        ("hierarchy.1.price.read", -5, f"{G}: price.read: must be at least 0, got -5"),
        ("hierarchy.1.price.read", 1e30, f"{G}: price.read: must be at most 1000000000000"),
        ("hierarchy.1.price.read", True, f"{G}: price.read: must be a number, got true"),
        ("hierarchy.1.price.read", "6", f"{G}: price.read: must be a mapping, got '6'"),
        ("hierarchy.1.price.read", {"inputs": "6"}, f"{G}: price.read.inputs: must be a number, got '6'"),
        (
            "hierarchy.1.price.read",
            {"weights": 1},
            f"{G}: price.read: no price for inputs; add it or a default",
        ),
        ("hierarchy.1.price.fill", {"weights": 1, "inputs": 2}, f"{G}: price.fill: no price for outputs"),
        ("hierarchy.1.leakage_mw", -1, f"{G}: leakage_mw: must be at least 0, got -1"),
        ("hierarchy.2.axes", {}, f"{A}: axes: must have at least 1 entry"),
        ("hierarchy.2.axes", {"a.b": {"size": 1}}, f"{A}: axes: 'a.b' is not a name"),
        ("hierarchy.2.axes", {"price": {"size": 1}}, f"{A}: axes: 'price' is reserved"),
        ("hierarchy.2.axes", {True: {"size": 1}}, f"{A}: axes: field names must be text, got True"),
        ("hierarchy.2.axes.x", 14, f"{A}: axes.x: must be a mapping, got 14"),
        ("hierarchy.2.axes.x", {}, f"{A}: axes.x: the field 'size' is missing"),
        ("hierarchy.2.axes.x.size", 0, f"{A}: axes.x.size: must be at least 1, got 0"),
        ("hierarchy.2.axes.x.size", -1, f"{A}: axes.x.size: must be at least 1, got -1"),
        ("hierarchy.2.axes.x.size", True, f"{A}: axes.x.size: must be a whole number, got true"),
        ("hierarchy.2.axes.x.size", "012", f"{A}: axes.x.size: must be a whole number, got '012'"),
        ("hierarchy.2.axes.x.size", 2**31 + 1, f"{A}: axes.x.size: must be at most 2147483648"),
        ("hierarchy.2.axes.x.size", 10**30, f"{A}: axes.x.size: is too large a number"),
        (
            "hierarchy.2.axes.x.multicast",
            "yes",
            f"{A}: axes.x.multicast: must be true, false or a list of weights",
        ),
        ("hierarchy.2.axes.x.multicast", ["outputs"], f"{A}: axes.x.multicast[0]: unknown value 'outputs'"),
        ("hierarchy.2.axes.x.reduction", "no", f"{A}: axes.x.reduction: must be true or false, got 'no'"),
        ("hierarchy.2.axes.x.links", ["inputs", "inputs"], f"{A}: axes.x.links: names 'inputs' twice"),
        (
            "hierarchy.2.network",
            {"input": "1 B"},
            f"{A}: network: unknown field 'input'; did you mean 'inputs'?",
        ),
        (
            "hierarchy.2.price",
            {"deliver": {"inputs": 1}},
            f"{A}: price.deliver: no price for weights, outputs",
        ),
        ("hierarchy.3.side_by_side", [], "hierarchy[3].side_by_side: must have at least 1 entry"),
        ("hierarchy.3.side_by_side.1.capacity", "5", f"{S}[1].storage sum_reg: capacity: '5' is not a size"),
        (
            "hierarchy.3.side_by_side.0.required",
            ["inputs"],
            f"{S}[0].storage weight_reg: required: the level does",
        ),
        (
            "hierarchy.3.side_by_side.0.buffering",
            {"inputs": "single"},
            "weight_reg: buffering: the level does not",
        ),
        (
            "hierarchy.3.side_by_side.0.price",
            {"read": {"inputs": 1}},
            "weight_reg: price.read: the level does not",
        ),
        ("hierarchy.3.side_by_side.0.storage", "GLB", f"{S}[0].storage GLB: the name 'GLB' is given twice"),
    ],
)
def test_one_clear_error(path: str, value: object, message: str) -> None:
    text = error_of(changed(path, value))
    assert text.startswith("file.yaml: ")
    assert message in text
    assert "\n" not in text and len(text) < 300


def test_the_error_begins_with_file_and_field() -> None:
    wrong = error_of(changed("hierarchy.1.capacity", "0 B"))
    assert wrong.startswith("file.yaml: hierarchy[1].storage GLB: capacity: '0 B' is zero")


def test_missing_fields_and_other_top_levels() -> None:
    data = copy.deepcopy(SMALL)
    del data["name"], data["energy_unit"]
    assert error_of(data) == "file.yaml: the field 'name' is missing (and 1 more to put right)"
    others: list[object] = [None, [], "text", 3]
    for other in others:
        assert "must be a mapping with name" in error_of(other)
    without = changed("hierarchy.1", {k: v for k, v in SMALL["hierarchy"][1].items() if k != "capacity"})
    assert "partitions: a level with partitions needs the field 'capacity'" in error_of(without)


def test_data_without_end_and_crowds_of_macs_are_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert "nested too deeply" in error_of(changed("sources", loop))
    axes = {name: {"size": 2**31} for name in "abc"}
    assert "MAC units, more than 2**40" in error_of(changed("hierarchy.2.axes", axes))


def test_unknown_names_offer_the_nearest() -> None:
    machine = Architecture.from_dict(SMALL)
    with pytest.raises(
        ArchitectureError, match="no storage level of small is called 'GBL'; did you mean 'GLB'"
    ):
        machine.storage("GBL")
    with pytest.raises(ArchitectureError, match="no array of small is called 'P'; did you mean 'PE'"):
        machine.array("P")
    with pytest.raises(ArchitectureError, match="no axis of the array PE is called 'z'; known: x, y"):
        machine.array("PE").axis("z")
    with pytest.raises(ArchitectureError, match="unknown action 'raed'; did you mean 'read'"):
        machine.storage("GLB").price("raed", "inputs")
    with pytest.raises(ArchitectureError, match="unknown tensor 'input'; did you mean 'inputs'"):
        machine.word_bits("input", "GLB")


def places(node: object, path: tuple[str, ...] = ()) -> list[str]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [".".join(path), *(place for key, value in inner for place in places(value, (*path, str(key))))]


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=2)
    | st.sampled_from(["1 KiB", "weights", "outputs", "single", "GLB", 2**70, -1]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["storage", "array", "mac", "default", "x", "size"]), inner, max_size=3
        )
        | st.dictionaries(st.integers() | st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.sampled_from(places(SMALL)[1:]), junk)
def test_anything_anywhere_is_a_machine_or_one_error(path: str, value: object) -> None:
    try:
        machine = Architecture.from_dict(changed(path, value), "file.yaml")
    except ArchitectureError as problem:
        assert str(problem).startswith("file.yaml: ")
        assert len(str(problem)) < 400
    else:
        assert Architecture.from_dict(machine.to_dict()) == machine
        assert machine.describe()
