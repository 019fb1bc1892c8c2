"""Units of work: what their keys depend on, what workers make of them."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from simulator import evaluation
from simulator.architecture import Architecture
from simulator.cost.model import cost
from simulator.dataflows import DATAFLOWS, load_dataflow
from simulator.planning import plan
from simulator.results_file import part_from_dict
from simulator.study import points
from simulator.study.points import Item, Search, compute, item_key, model_version
from simulator.study.store import pack, unpack

from ..small_networks import SMALL, network

WORK = plan(network()).work
FLOW = load_dataflow("row_stationary")
SEARCH = Search("energy", "closed-form", "optimal", None, None)
CHANGES = {
    "bits.weights": 9,
    "bits.inputs": 9,
    "bits.outputs": 17,
    "bits.partial_sums": 21,
    "DRAM.price.read": 201,
    "DRAM.bandwidth.shared": "7 bits",
    "GLB.capacity": "121 B",
    "GLB.keeps": ["weights", "inputs"],
    "GLB.required": ["inputs"],
    "GLB.partitions": [
        {"tensors": ["weights"], "capacity": "8 B"},
        {"tensors": ["inputs", "outputs"], "capacity": "80 B"},
    ],
    "GLB.block": "64 bits",
    "GLB.bandwidth.read": "8 bits",
    "GLB.bandwidth.write": "8 bits",
    "GLB.stores_padding": True,
    "GLB.buffering": "single",
    "GLB.price.fill": 7,
    "DRAM.compression.inputs": "rlc",
    "PE.x.size": 4,
    "PE.x.multicast": False,
    "PE.x.reduction": False,
    "PE.x.links": ["inputs"],
    "PE.network.inputs": "4 bits",
    "PE.network.outputs_up": "4 bits",
    "PE.ramp": True,
    "PE.price.deliver": 3,
    "mac.price": 2,
    "mac.latches": ["weights"],
    "mac.gating": "inputs",
}


def item(work=WORK[0], machine=SMALL, flow=FLOW, search=SEARCH):
    problem = points.problem_ingredient(work.problem)
    made = points.machine_ingredient(machine)
    nest = points.dataflow_ingredient(flow)
    key = item_key(problem.digest, made.digest, nest.digest, search, model_version())
    texts = {"problem": problem.text, "architecture": made.text, "dataflow": nest.text}
    return Item(key, "tiny conv1", texts | vars(search), work.problem.macs)


@pytest.mark.parametrize("path", CHANGES)
def test_all_that_is_counted_and_priced_is_in_the_key(path):
    plain = SMALL.replace({"GLB.capacity": "120 B", "RF.capacity": "9 B"})
    assert item(machine=plain.replace({path: CHANGES[path]})).key != item(machine=plain).key


def test_names_files_and_areas_are_not():
    named = {"name": "other", "description": "x", "technology": "y", "sources": ["z"]}
    free = {"GLB.area_um2": 5, "native_dataflow": "row_stationary", "clock_mhz": 100, "PE.leakage_mw": 0}
    assert item(machine=SMALL.replace(named | free)).key == item().key
    bits = SMALL.storage("GLB").capacity_bits
    assert item(machine=SMALL.replace({"GLB.capacity": f"{bits} bits"})).key == item().key
    assert item(replace(WORK[0], problem=replace(WORK[0].problem, name="other"))).key == item().key
    assert item(flow=replace(FLOW, description="")).key == item().key


def test_a_clock_matters_where_something_leaks():
    leaking = SMALL.replace({"energy_unit": "pJ", "PE.leakage_mw": 1, "clock_mhz": 100})
    assert item(machine=leaking).key != item(machine=leaking.replace({"clock_mhz": 200})).key


@pytest.mark.parametrize(
    "search",
    [
        replace(SEARCH, objective="edp"),
        replace(SEARCH, engine="walk"),
        replace(SEARCH, mapper="random"),
        replace(SEARCH, evaluations=5),
        replace(SEARCH, time_limit=5.0),
    ],
)
def test_the_search_is_in_the_key(search):
    assert item(search=search).key != item().key


def test_other_problems_dataflows_and_versions_have_other_keys(monkeypatch):
    keys = {item(work).key for work in WORK} | {item(flow=flow).key for flow in DATAFLOWS.values()}
    assert len(keys) == len(WORK) + len(DATAFLOWS) - 1
    denser = replace(WORK[0], problem=WORK[0].problem.with_densities({"inputs": 0.5}))
    assert item(denser).key not in keys
    monkeypatch.setattr(points, "simulator_version", lambda: "9.9")
    model_version.cache_clear()
    try:
        assert item().key not in keys
    finally:
        model_version.cache_clear()


def test_the_bits_of_a_tensor_are_in_the_key_and_in_the_result():
    plain = WORK[0].problem
    wide = replace(WORK[0], problem=plain.with_bits({"inputs": 12}))
    assert item(wide).key != item().key
    assert item(replace(wide, problem=wide.problem.with_bits({"inputs": 13}))).key != item(wide).key
    narrow, own = compute(item()), compute(item(wide))
    assert own["figures"][0]["levels"]["DRAM"][2] > narrow["figures"][0]["levels"]["DRAM"][2]
    (part,) = (part_from_dict(part, SMALL) for part in own["parts"])
    assert part.cost.problem == replace(wide.problem, name=part.cost.problem.name)


@pytest.mark.parametrize("objective", ["energy", "cycles", "edp"])
def test_an_answer_is_the_front_of_the_search_counted(objective):
    search = replace(SEARCH, objective=objective)
    answer = compute(item(WORK[1], search=search))
    assert unpack(pack(answer)) == json.loads(json.dumps(answer)) == answer
    solved = evaluation.solve(WORK[1], SMALL, FLOW, objective)
    assert answer["status"] == "done" and len(answer["parts"]) == len(answer["figures"]) == len(solved.front)
    for data, figures, choice in zip(answer["parts"], answer["figures"], solved.front, strict=True):
        part = part_from_dict(data, SMALL)
        spent = cost(WORK[1].problem, SMALL, choice.mapping, "closed-form")
        assert replace(part.cost, problem=WORK[1].problem) == spent
        assert part.search == solved.search
        assert (figures["energy"], figures["cycles"]) == (spent.energy, spent.cycles.total)
        assert (figures["macs"], figures["steps"]) == (spent.counts.macs, spent.counts.steps)
        assert sum(level[0] for level in figures["levels"].values()) == pytest.approx(spent.energy)
        assert sum(level[2] for level in figures["levels"].values()) == sum(row.bits for row in spent.rows)


def test_a_problem_without_a_mapping_is_an_answer_that_says_why():
    answer = compute(item(WORK[3], SMALL.replace({"RF.capacity": "1 words"})))
    assert answer["status"] == "failed"
    assert "no mapping of this layer on the machine: RF holds" in answer["error"]


def test_items_are_small_and_travel():
    assert len(pickle.dumps(item())) < 5000
    assert pickle.loads(pickle.dumps(item())) == item()


def test_machines_and_dataflows_survive_as_text():
    text = item().data
    assert points._read_dataflow(text["dataflow"]) == replace(FLOW, description="")
    assert Architecture.from_dict(json.loads(text["architecture"])).storages == SMALL.storages


def test_the_version_covers_every_source_that_results_need():
    """All that a worker imports, but for what only makes problems or shows results."""
    code = (
        "import sys, simulator.study.points; "
        "print(*(m.__file__ for n, m in sys.modules.items() if n.startswith('simulator') and m.__file__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package = Path(points.__file__).parents[1]
    loaded = {Path(file).relative_to(package).as_posix() for file in done.stdout.split()}
    covered = {path.relative_to(package).as_posix() for path in points._sources(package)}
    beside = {"study/points.py", "study/__init__.py", "fusing.py", "loading.py", "planning.py"}
    assert {name for name in loaded - covered if not name.startswith("lowering/")} <= beside
    assert {"legality.py", "cost/timing.py", "mappers/finding.py", "mapspaces/space.py"} <= covered
