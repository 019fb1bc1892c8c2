"""The peers themselves, where `PEERS_PYTHON` or this Python has them: mappings there and back."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import simulator as sim

pytestmark = pytest.mark.long
ROOT = Path(__file__).parent.parent.parent
MACHINE = sim.load_architecture("scratchpads_168")
PRODUCT = sim.convolution("product", m=8, c=6, p=4)
LAYER = sim.convolution("layer", m=8, c=6, p=6, q=6, r=3, s=3)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)


def peer(name: str) -> ModuleType:
    found = importlib.import_module(f"experiments.benchmarks.search_peers.{name}_peer")
    if found.available() is None:
        pytest.skip(f"{found.DISTRIBUTION} is not installed: pip install 'dataflow-simulator[peers]'")
    return found


def price(found: ModuleType, problem: Any, mapping: Any, machine: Any = MACHINE) -> float:
    process = importlib.import_module("experiments.benchmarks.search_peers.process")
    done = process.run(found.NAME, found.DISTRIBUTION, problem, machine, 60, "price", mapping=mapping)
    return float(done.energy)


@pytest.mark.parametrize("problem", [PRODUCT, LAYER], ids=str)
def test_zigzags_mapping_to_ours_and_back_costs_it_the_same(problem: Any) -> None:
    found = peer("zigzag")
    best = found.search(problem, MACHINE, 300, bypasses=False, mixed=False)
    assert any(
        price(found, problem, mapping) == pytest.approx(best.energy) for mapping in best.answer["mappings"]
    )


def test_accelforges_optimum_to_ours_and_back_costs_it_the_same() -> None:
    found = peer("accelforge")
    # Without bypasses and in one order, or it takes minutes for any problem.
    machine = MACHINE.replace({"GLB.required": ["weights", "inputs", "outputs"]})
    product = sim.convolution("product", m=4, c=2, p=2)
    best = found.search(product, machine, 1200, any_order=False)
    assert price(found, product, best.answer["mappings"][0], machine) == pytest.approx(best.energy)
    ours = sim.search(product, machine)
    assert best.energy <= price(found, product, ours.mapping.to_list(), machine)


@pytest.mark.parametrize("name", ["zigzag", "accelforge"])
def test_a_nest_of_ours_costs_a_peer_about_the_same(name: str) -> None:
    ours = sim.search(PRODUCT, MACHINE)
    assert price(peer(name), PRODUCT, ours.mapping.to_list()) == pytest.approx(ours.energy, rel=0.2)


@pytest.mark.parametrize("solver", [False, True])
def test_nn_dataflows_schedules_are_nests_of_the_same_macs(solver: bool) -> None:
    answer = peer("nn_dataflow").search(LAYER, MACHINE, 60, solver=solver).answer
    # Its one register file has the sizes of the three scratchpads together.
    pooled = {f"{name}.capacity": "260 words" for name in ("ifmap_spad", "filter_spad", "psum_spad")}
    for mapping in answer["mappings"]:
        run = sim.evaluate(LAYER, MACHINE.replace(pooled), mapping, engine="walk")
        assert run.cost.counts.macs == LAYER.macs and run.energy > LAYER.macs


@pytest.mark.parametrize("dataflow", ["ws", "is", "os"])
def test_scale_sim_counts_one_cycle_less(dataflow: str) -> None:
    found = peer("scalesim")
    items = importlib.import_module("experiments.benchmarks.search_peers.items")
    ours = importlib.import_module("experiments.benchmarks.search_peers.ours_peer")
    array = items.Systolic(4, 8, dataflow)
    layer = sim.convolution("layer", m=10, c=5, p=4, q=4, r=3, s=3, stride=2)
    task = {"problem": layer.to_dict(), "machine": array.machine().to_dict(), "name": "layer"}
    sizes = {"rows": 4, "columns": 8, "dataflow": dataflow, "kilobytes": 64}
    counted = found.cycles("layer", sizes, items.topology(layer), 120).answer["cycles"]
    assert ours.cycles(task)["cycles"] == counted + 1
