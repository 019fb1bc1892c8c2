"""The machines of the ISCA'16 comparison: equal area, and row stationary's as `arch_configs` has it."""

import pytest

from experiments.isca16.machines import (
    DATAFLOWS,
    REGISTER_FILE_BYTES,
    buffer_bytes,
    paper_machine,
    square_machine,
)
from simulator.architecture import load_architecture
from simulator.cost.model import cost
from simulator.mapping import Mapping
from simulator.problem import convolution

# Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section VI-B: the equal-area allocation in bytes, derived with the
# paper's area curve (figure 7a). Buffers up to 2.6 times row stationary's, as the text says.
BUFFERS = {
    256: {"RS": 131070, "WS": 342287, "OSA": 249773, "OSB": 311128, "OSC": 342287, "NLR": 346458},
    512: {"RS": 262140, "WS": 684574, "OSA": 499546, "OSB": 622256, "OSC": 684574, "NLR": 692916},
    1024: {"RS": 524280, "WS": 1369148, "OSA": 999091, "OSB": 1244511, "OSC": 1369148, "NLR": 1385833},
}


@pytest.mark.parametrize("pes", BUFFERS)
def test_equal_area_gives_the_published_buffers_to_the_byte(pes):
    assert {label: buffer_bytes(label, pes) for label in REGISTER_FILE_BYTES} == BUFFERS[pes]


def test_area_is_read_off_the_curve_by_linear_interpolation():
    """98 bytes, 34/64 of the way from 64 (59.15 um2 a byte) to 128 (39.94), have 4796.6 um2."""
    per_byte = 59.15 + 34 / 64 * (39.94 - 59.15)
    buffer = 256 * (512 * (20.87 + 12.7) - 98 * per_byte) / 12.7
    assert buffer_bytes("OSA", 256) == pytest.approx(buffer, rel=22e-6)


def test_row_stationary_s_machine_is_the_one_of_the_architecture_file():
    """In all but the array's shape and the buffer, 2 bytes smaller: the curve's rounding."""
    ours, filed = paper_machine("RS", 256), load_architecture("eyeriss_isca16_256")
    assert (ours.operand_bits, ours.output_bits, ours.partial_sum_bits) == (
        filed.operand_bits, filed.output_bits, filed.partial_sum_bits,
    )  # fmt: skip
    assert (ours.mac, ours.mac_units, ours.unpriced) == (filed.mac, filed.mac_units, filed.unpriced)
    for one, other in zip(ours.storages, filed.storages, strict=True):
        same = ("name", "keeps", "stores_padding", "single_buffers", "prices", "price_per")
        assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
    assert ours.storage("RF").capacity_bits == filed.storage("RF").capacity_bits
    assert filed.storage("GLB").capacity_bits - ours.storage("GLB").capacity_bits == 2 * 8
    assert ours.array("PE").prices == filed.array("PE").prices
    nest = Mapping.from_list([
        {"store": "DRAM", "keeps": ["weights", "inputs", "outputs"]},
        {"store": "GLB", "keeps": ["inputs", "outputs"]},
        {"loop": "temporal", "dim": "C", "bound": 4},
        {"loop": "spatial", "axis": "x", "dim": "P", "bound": 3},
        {"loop": "spatial", "axis": "x", "dim": "R", "bound": 3},
        {"store": "RF", "keeps": ["weights"]},
        {"loop": "temporal", "dim": "Q", "bound": 5},
        {"store": "RF", "keeps": ["inputs", "outputs"]},
        {"loop": "temporal", "dim": "S", "bound": 3},
        {"loop": "temporal", "dim": "M", "bound": 2},
    ])  # fmt: skip
    problem = convolution(m=2, c=4, p=3, q=5, r=3, s=3)
    assert cost(problem, ours, nest).rows == cost(problem, filed, nest).rows


@pytest.mark.parametrize("label", DATAFLOWS)
def test_the_free_machine_is_square_and_prices_every_action(label):
    machine = square_machine(label, 512)
    assert {axis.name: axis.size for axis in machine.array("PE").axes} == {"x": 32, "y": 16}
    assert machine.unpriced == ()
    assert machine.storage("GLB").capacity_bits == 8 * buffer_bytes(label, 512)
    for storage in machine.storages[1:]:
        assert {storage.price("fill", tensor) for tensor in storage.keeps} == {
            {"GLB": 6, "RF": 1}[storage.name]
        }
    assert ("RF" in [s.name for s in machine.storages]) == (label != "NLR")


def test_weight_stationary_s_columns_do_not_reduce():
    machine = paper_machine("WS", 256, columns=11)
    assert [(a.name, a.size, a.reduces) for a in machine.array("PE").axes] == [
        ("x", 23, True),
        ("s", 11, False),
    ]
