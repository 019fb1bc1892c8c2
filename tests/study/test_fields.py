"""Fields: as people write them, and as machines have them."""

import pytest
from oracles import machine

from simulator.architecture import Architecture, load_architecture
from simulator.errors import ArchitectureError, SimulatorError
from simulator.study.fields import area_um2, changes, resolve, value_of

from ..small_machine import SMALL as PARTS

CHIP = load_architecture("eyeriss_v1")
SMALL = Architecture.from_dict(PARTS)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("array.x", "PE.x.size"),
        ("PE.x", "PE.x.size"),
        ("pe.X.size", "PE.x.size"),
        ("PE.axes.x.size", "PE.x.size"),
        ("array.axes.x", "PE.x.size"),
        ("Array.Y.multicast", "PE.y.multicast"),
        ("glb.capacity", "GLB.capacity"),
        ("GLB.Price.Read", "GLB.price.read"),
        ("array.network.inputs", "PE.network.inputs"),
        ("mac.price", "mac.price"),
        ("bits.weights", "bits.weights"),
        ("Clock_MHz", "clock_mhz"),
        ("glb.partitions.0.capacity", "GLB.partitions.0.capacity"),
    ],
)
def test_a_field_has_one_path_however_it_is_written(field, path):
    assert resolve(CHIP, field) == path
    assert resolve(CHIP, path) == path


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("arrray.x", "eyeriss_v1 has no field 'arrray'; did you mean 'array'"),
        ("GLBB.capacity", "no field 'GLBB'; did you mean 'GLB'"),
        ("glb.capcity", "GLB has no field 'capcity'; did you mean 'capacity'"),
        ("array.z", "PE has no field 'z'; known: .*x, y"),
        ("array", "PE has to be followed by a field"),
        ("", "has no field|has to be followed"),
        ("name", "no field 'name'"),
        ("glb.storage", "GLB has no field 'storage'"),
        ("glb.price_source", "GLB has no field 'price_source'"),
        ("mac.price_source", "mac has no field 'price_source'"),
        ("batc", "did you mean 'batch'"),
    ],
)
def test_an_unknown_field_comes_with_the_nearest(field, words):
    with pytest.raises(ArchitectureError, match=words):
        resolve(CHIP, field)


def test_of_several_arrays_none_is_the_array():
    two = machine(
        {"storage": "DRAM"},
        {"array": "outer", "axes": {"x": {"size": 2}}},
        {"array": "inner", "axes": {"x": {"size": 3}}},
        {"mac": {}},
    )
    assert resolve(two, "inner.x") == "inner.x.size"
    with pytest.raises(ArchitectureError, match="no field 'array'"):
        resolve(two, "array.x")


def test_a_field_given_twice_under_two_names_is_refused():
    with pytest.raises(SimulatorError, match=r"fields 'array.x' and 'PE.x.size' are the same, PE.x.size"):
        changes(CHIP, {"array.x": 2, "PE.x.size": 3})


def test_partitions_keep_their_shares_of_a_capacity():
    """Of the chip's 108 KiB, 8 KiB are for filters alone."""
    larger = CHIP.replace(changes(CHIP, {"glb.capacity": "216KiB"}))
    before, after = CHIP.storage("GLB"), larger.storage("GLB")
    assert [p.capacity_bits for p in after.partitions] == [2 * p.capacity_bits for p in before.partitions]
    odd = CHIP.replace(changes(CHIP, {"glb.capacity": "1001 bits"})).storage("GLB")
    assert sum(p.capacity_bits for p in odd.partitions) in (1000, 1001)


def test_partitions_that_are_set_are_left_alone():
    made = changes(CHIP, {"glb.capacity": "216KiB", "glb.partitions.1.capacity": "16KiB"})
    assert made == {"GLB.capacity": "216KiB", "GLB.partitions.1.capacity": "16KiB"}
    assert changes(CHIP, {"ifmap_spad.capacity": "24 words"}) == {"ifmap_spad.capacity": "24 words"}
    assert changes(CHIP, {"batch": 4, "dataflow": "x", "network.width": 1}) == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("array.x", 4),
        ("glb.capacity", 8 * 4096),
        ("weight_reg.capacity", 2 * 8),
        ("bits.partial_sums", 20),
        ("glb.price.read", 2),
        ("glb.price.fill.outputs", 3),
        ("mac.price", 1),
        ("energy_unit", "pJ"),
        ("mac_units", 8),
    ],
)
def test_constraints_see_numbers_and_bits(field, value):
    assert value_of(SMALL, field) == value


def test_rates_are_bits_too():
    assert value_of(CHIP, "DRAM.bandwidth.shared") == pytest.approx(19.2)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("dram.capacity", "small states no DRAM.capacity"),
        ("clock_mhz", "small states no clock_mhz"),
        ("glb.price.drain", "small states no GLB.price.drain"),
        ("glb.price", "constraints compare numbers and text"),
        ("glb.partitions.0", "states no|constraints compare"),
        ("area_um2", "small states no area of mac, GLB, weight_reg, sum_reg, PE; set it"),
    ],
)
def test_what_has_no_value_is_said(field, words):
    with pytest.raises(SimulatorError, match=words):
        value_of(SMALL, field)


def test_area_is_that_of_all_instances():
    paths = ("mac", "GLB", "weight_reg", "sum_reg", "PE")
    stated = SMALL.replace({f"{path}.area_um2": 10**place for place, path in enumerate(paths)})
    assert area_um2(stated) == 8 * 1 + 10 + 8 * 100 + 8 * 1000 + 10_000
