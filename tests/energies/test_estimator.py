"""What the package hwcomponents is asked, and how its answers are taken; a stand-in gives them."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from simulator.energies.parts import Memory
from simulator.energies.table_file import EnergyTableError
from simulator.energies.tables import load_table

BUFFER = Memory("GLB", 8 * 2**16, 64, 27, False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The questions, answered in joules, watts and square metres."""
    questions: list[tuple[Any, ...]] = []

    def cost(name: str, attributes: dict[str, Any], action: str, arguments: dict[str, Any]) -> Any:
        questions.append((name, attributes, action))
        if name == "SRAM" and attributes["width"] < 8:
            raise RuntimeError("Can not find\n| why: Exception: CACTI failed\nTo see a list")
        return SimpleNamespace(
            energy={"read": 2e-12, "write": 3e-12, "multiply": 4e-12, "add": 5e-13}[action]
        )

    package = SimpleNamespace(get_action_cost=cost, get_leak_power=lambda *_: 1e-3, get_area=lambda *_: 7e-12)
    monkeypatch.setitem(sys.modules, "hwcomponents", package)
    return questions


def test_answers_are_in_our_units(asked: list[tuple[Any, ...]]) -> None:
    table = load_table("hwcomponents_45nm")
    figures = table.memory(BUFFER)
    assert (figures.energies["read"], figures.energies["drain"]) == (pytest.approx(2), pytest.approx(3))
    assert (figures.leakage_mw, figures.area_um2) == (pytest.approx(1), pytest.approx(7))
    name, attributes, _ = asked[0]
    assert name == "SRAM" and attributes["tech_node"] == pytest.approx(45e-9)
    assert (attributes["size"], attributes["depth"], attributes["n_banks"]) == (2**19, 2**13, 32)
    # 64 bits at a time; a word of 16 is a fourth.
    assert table.memory(Memory("DRAM", None, 16, 1, True)).energies["read"] == pytest.approx(0.5)
    mac = table.mac(8, 24)
    assert mac.energies["mac"] == pytest.approx(4.5) and mac.area_um2 == pytest.approx(14)
    assert [question[1].get("width") for question in asked[-2:]] == [8, 24]
    assert table.network("PE", 8, 4.5).energies["deliver"] == 9


def test_its_failures_are_one_error(asked: list[tuple[Any, ...]]) -> None:
    table = load_table("hwcomponents_45nm")
    with pytest.raises(EnergyTableError, match=r"^hwcomponents: SRAM .*: why: Exception: CACTI failed$"):
        table.memory(Memory("GLB", 1024, 4, 1, False))
    with pytest.raises(EnergyTableError, match="GLB states no capacity"):
        table.memory(Memory("GLB", None, 64, 1, False))


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hwcomponents", None)
    with pytest.raises(EnergyTableError, match=r"pip install 'dataflow-simulator\[hwcomponents\]'"):
        load_table("hwcomponents_45nm").memory(BUFFER)
