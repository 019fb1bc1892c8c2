"""Eyeriss v2, the DianNao family, Simba and ISCA'16's machines against what was published of them."""

from __future__ import annotations

import math

import pytest

import simulator as sim
from experiments.isca16.machines import DATAFLOWS, REGISTER_FILE_BYTES, buffer_bytes
from simulator.architecture import STORAGE_ACTIONS, Architecture
from simulator.architecture_build import TENSORS_OF_ACTION
from simulator.problem import Problem, convolution

from .test_matrix_units import every_kind_of_layer

CHIPS = ("eyeriss_v2", "shidiannao", "diannao", "dadiannao", "simba", "simba_chiplet")
ISCA16 = {label: f"isca16_{label.lower()}_256" for label in REGISTER_FILE_BYTES if label != "RS"}


def chip(name: str) -> Architecture:
    return sim.load_architecture(name)


def seconds(problem: Problem, machine: Architecture) -> float:
    """What the mapping of least energy that the machine's own dataflow has takes."""
    assert machine.clock_mhz is not None
    found = sim.search(problem, machine, machine.native_dataflow)
    return found.cycles / (machine.clock_mhz * 1e6)


@pytest.mark.parametrize("name", CHIPS)
def test_its_dataflow_maps_every_kind_of_layer(name: str) -> None:
    # The walk checks the closed form.
    run = sim.simulate(every_kind_of_layer(), chip(name))
    assert run.dataflow == chip(name).native_dataflow
    assert len(run.layers) == 7


@pytest.mark.parametrize("name", CHIPS)
def test_the_least_energy_of_its_dataflow_leaves_no_part_of_the_array_idle(name: str) -> None:
    machine = chip(name)
    # Multiples of what each axis takes, so that nothing is left over.
    large = convolution("large", m=768, c=384, p=48, q=48)
    found = sim.evaluate(
        large, machine, sim.search(large, machine, machine.native_dataflow).mapping, "closed-form"
    )
    assert found.cost.cycles.steps * machine.mac_units == large.macs


def test_diannao_reaches_its_peak() -> None:
    """ASPLOS'14 abstract: 496 operations each 1.02 ns, "that is, 452 GOP/s" (they make 486). 496 are 256
    multiplications and 16 trees of 15 additions."""
    machine = chip("diannao")
    neurons, synapses = (machine.array(name).size for name in ("neurons", "synapses"))
    operations = neurons * synapses + neurons * (synapses - 1)
    assert operations == 496
    filling = convolution("filling", m=256, c=256, p=28, q=28, r=3, s=3)
    rate = filling.macs * operations / machine.mac_units / seconds(filling, machine)
    # 486 of 452 is 1.075 times as much; the first fill and the last drain take less than a thousandth.
    assert rate / 452e9 == pytest.approx(486 / 452, rel=2e-3)


def test_dadiannao_reaches_its_peak_and_has_its_memory() -> None:
    """Quoted of MICRO'14: 5.58 TOP/s of 288 multipliers and adders a tile, 256 for MACs; 36 MB."""
    machine = chip("dadiannao")
    filling = convolution("filling", m=256, c=256, p=28, q=28, r=3, s=3)
    rate = 2 * filling.macs / seconds(filling, machine)
    # 28 rows in ten tiles of three leave a fifteenth idle, the first fill and the last drain a little more.
    assert 0.9 < rate / (5.58e12 * 256 / 288) < 1
    places = {"SB": 16 * 16, "edram_in": 1, "edram_out": 1}
    held = [places.get(level.name, 0) * (level.capacity_bits or 0) for level in machine.storages]
    assert sum(held) == 36 * 2**20 * 8


def test_lenet5_lies_in_shidiannao_s_buffers() -> None:
    """ISCA'15 table 1 as quoted: LeNet-5 has 118.30 kB of weights, its largest layer 9.19 kB."""
    machine, network = chip("shidiannao"), sim.load_network("lenet5")
    run = sim.simulate(network, machine, engine="closed-form")
    rows = [(row, part.times) for layer in run for part in layer.parts for row in part.cost.rows]
    read = sum(row.count * n for row, n in rows if (row.component, row.tensor) == ("DRAM", "weights"))
    assert round(read * 2 / 1024, 2) == 118.30
    largest = max(math.prod(layer.output_shape) for layer in network)
    assert round(largest * 2 / 1024, 2) == 9.19
    for tensor, words in (("weights", read), ("inputs", largest), ("outputs", largest)):
        (level,) = (s for s in machine.storages[1:4] if s.keeps == (tensor,))
        assert level.capacity_bits is not None and words * 16 <= level.capacity_bits


def test_shidiannao_s_neighbours_spare_the_buffer_reads() -> None:
    """LeNet-5's first layer: each block of 8 x 8 outputs reads its window once, not 25 times 64 words."""
    machine = chip("shidiannao")
    block = convolution("block", p=8, q=8, r=5, s=5)
    found = sim.evaluate(block, machine, sim.search(block, machine, "shidiannao").mapping, "walk")
    (read,) = (r.count for r in found.cost.rows if (r.component, r.action) == ("NBin", "read"))
    assert read == (8 + 4) ** 2 < 25 * 64


def test_eyeriss_v2_on_mobilenet() -> None:
    """JETCAS'19: peak, MACs and (quoted) 1282.1 inferences a second of MobileNet, width 0.5, 128 x 128."""
    machine = chip("eyeriss_v2")
    assert machine.clock_mhz is not None
    assert 2 * machine.mac_units * machine.clock_mhz * 1e6 == 153.6e9
    network = sim.load_network("mobilenet_v1", width=0.5, input_size=128)
    run = sim.simulate(network, machine, engine="closed-form")
    assert round(run.macs / 1e6, 1) == 49.2
    # The chip skips zeros, ours does not; ours never waits for DRAM, and its mappings are free in what fits.
    assert machine.clock_mhz * 1e6 / run.cycles == pytest.approx(1282.1, rel=0.08)


@pytest.mark.long
def test_simba_s_package_is_bound_by_its_peak_and_faster_than_measured() -> None:
    """JSSC'20 and MICRO'19 abstracts: 127.8 TOPS; ResNet-50 in 0.50 ms, in part for communication."""
    machine = chip("simba")
    assert machine.clock_mhz is not None
    run = sim.simulate(sim.load_network("resnet50"), machine, engine="closed-form")
    latency = run.cycles / (machine.clock_mhz * 1e6)
    assert 2 * run.macs / 127.8e12 < latency < 0.50e-3


@pytest.mark.parametrize(("name", "tera_operations"), [("simba", 127.8), ("simba_chiplet", 4.01)])
def test_simba_s_clock_is_that_of_the_published_peak(name: str, tera_operations: float) -> None:
    machine = chip(name)
    assert machine.clock_mhz is not None
    assert 2 * machine.mac_units * machine.clock_mhz / 1e6 == pytest.approx(tera_operations, rel=1e-3)


@pytest.mark.parametrize("label", ISCA16)
def test_isca16_s_machines_have_equal_area_and_differ_in_storage_alone(label: str) -> None:
    ours, base = chip(ISCA16[label]), chip("eyeriss_isca16_256")
    assert ours.native_dataflow == DATAFLOWS[label]
    assert ours.storage("GLB").capacity_bits == buffer_bytes(label, 256) * 8
    registers = [level.capacity_bits for level in ours.storages if level.name == "RF"]
    assert registers == [bits for bits in (REGISTER_FILE_BYTES[label] * 8,) if bits]
    for level in ours.storages:
        for action, tensors in TENSORS_OF_ACTION.items():
            for tensor in tensors if action in STORAGE_ACTIONS else ():
                if tensor in level.keeps:
                    same = base.storage(level.name).price(action, tensor)
                    assert level.price(action, tensor) == same, (level.name, action)
    assert ours.array("PE").prices == base.array("PE").prices and ours.mac == base.mac
    assert [axis.size for axis in ours.array("PE").axes] == [axis.size for axis in base.array("PE").axes]
