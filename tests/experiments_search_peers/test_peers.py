"""What peers are asked, without a peer: problems and machines in their forms, and a stand-in's process."""

import itertools
import math
import os
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import simulator as sim
from experiments.benchmarks.search_peers import accelforge_peer, nn_dataflow_peer, process, zigzag_peer

EXTENT = st.integers(1, 6)
CONVOLUTIONS = st.builds(
    sim.convolution,
    **dict.fromkeys("nmcpqrs", EXTENT),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)


@pytest.fixture(scope="module")
def machine():
    return process.machine_task(sim.load_architecture("scratchpads_168"))


def test_the_machine_as_plain_data(machine):
    levels = {level["name"]: level for level in machine["levels"]}
    assert machine["axes"] == {"x": 14, "y": 12} and machine["mac_price"] == 1 and machine["word_bits"] == 16
    assert {name: level["price"] for name, level in levels.items()} == {
        "DRAM": 200, "GLB": 6, "ifmap_spad": 1, "filter_spad": 1, "psum_spad": 1,
    }  # fmt: skip
    assert [name for name, level in levels.items() if level["in_pe"]] == [
        "ifmap_spad",
        "filter_spad",
        "psum_spad",
    ]
    assert levels["GLB"]["bits"] == 108 * 1024 * 8 and levels["GLB"]["required"] == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"GLB.price.read": 7}, "one price for every action of GLB"),
        ({"PE.price.deliver": 2}, "no prices in the network"),
        ({"mac.latches": ["inputs"]}, "no latches"),
        ({"bits.weights": 8}, "one width"),
        ({"PE.x.reduction": False}, "axes that multicast and reduce"),
    ],
)
def test_machines_that_peers_cannot_express_are_refused(changes, reason):
    changed = sim.load_architecture("scratchpads_168").replace(changes)
    with pytest.raises(process.PeerError, match=reason):
        process.machine_task(changed)


@given(CONVOLUTIONS)
def test_every_form_is_the_same_convolution(conv):
    task = {"problem": process.problem_task(conv), "machine": {"word_bits": 16}}
    # nn-dataflow: a layer has the inputs and the multiply-accumulates of ours.
    shape = nn_dataflow_peer.layer_shape(task["problem"])
    plain = (shape[name] for name in ("batch", "filters", "channels"))
    assert math.prod((*plain, *shape["pixels"], *shape["taps"])) == conv.macs
    rows = zip(shape["pixels"], shape["strides"], shape["taps"], strict=True)
    inputs = [stride * (pixels - 1) + taps for pixels, stride, taps in rows]
    assert math.prod((shape["batch"], shape["channels"], *inputs)) == math.prod(conv.shape("inputs"))
    # ZigZag: extents, and those of the inputs' sums.
    layer = zigzag_peer._layer(task)
    assert math.prod(layer["loop_sizes"]) == conv.macs
    assert layer["pr_loop_sizes"] == list(conv.shape("inputs")[-2:])
    # AccelForge: each rank's largest coordinate, by evaluating its expressions.
    einsum = accelforge_peer.einsum(task["problem"])
    last = {bound.split()[2]: int(bound.split()[4]) - 1 for bound in einsum["iteration_space_shape"]}
    for access in einsum["tensor_accesses"]:
        sizes = [1 + eval(expression, {}, last) for expression in access["projection"].values()]
        assert math.prod(sizes) == math.prod(conv.shape(access["name"]))


def test_zigzags_equation():
    task = {
        "problem": process.problem_task(sim.convolution(m=4, c=3, p=5, q=5, r=2, s=2, stride=2)),
        "machine": {"word_bits": 16},
    }
    layer = zigzag_peer._layer(task)
    assert layer["equation"] == "O[n][g][m][p][q]+=W[g][m][c][r][s]*I[n][g][c][ix3][ix4]"
    assert layer["dimension_relations"] == ["ix3=2*p+1*r", "ix4=2*q+1*s"]


def test_every_choice_of_bypasses_is_searched(machine):
    choices = zigzag_peer._choices(machine["levels"])
    assert len(set(choices)) == len(choices) == 2**3
    buffers = {frozenset(choice[1]) for choice in choices}
    tensors = ("weights", "inputs", "outputs")
    assert buffers == {frozenset(some) for n in range(4) for some in itertools.combinations(tensors, n)}
    kept = zigzag_peer._accelerator(machine, choices[0])
    assert list(kept["memories"]) == ["psum_spad", "filter_spad", "ifmap_spad", "DRAM"]


def test_accelforges_memories(machine):
    dram, buffer, ifmap, *_ = (accelforge_peer.memory(level, 16, True) for level in machine["levels"])
    assert dram["tensors"]["keep"] == "weights | inputs | outputs" and dram["size"] == "inf"
    assert buffer["tensors"] == {
        "keep": "Nothing", "may_keep": "weights | inputs | outputs", "force_memory_hierarchy_order": True,
    }  # fmt: skip
    assert ifmap["tensors"]["keep"] == "inputs" and not ifmap["tensors"]["force_memory_hierarchy_order"]
    assert [action["energy"] for action in buffer["actions"]] == [6, 6]


@pytest.mark.parametrize("problem", [sim.convolution(g=2, m=2, r=3), sim.convolution(p=3, r=3, dilation=2)])
def test_what_nn_dataflow_does_not_know_is_refused(problem):
    with pytest.raises(process.PeerError, match="convolutions of one group"):
        nn_dataflow_peer.layer_shape(process.problem_task(problem))


# A peer that answers, fails or never ends; put in place by the interpreter's start-up.
STAND_IN = """
import sys, time, types
fake = types.ModuleType("experiments.benchmarks.search_peers.fake_peer")
fake.start = lambda task: None
def solve(task):
    print("chatter on standard output")
    kept = bytearray(200_000_000)
    if task["way"] == "fail":
        raise ValueError("no mapping in sight")
    while time.process_time() < 0.3 or task["way"] == "hang":
        pass
    return {"energy": 1.0 * len(task["problem"]["dims"]) * len(task["machine"]["levels"])}
fake.solve = solve
sys.modules[fake.__name__] = fake
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(STAND_IN)
    info = tmp_path / "fake_peer-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-peer\nVersion: 1.2\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}:$PYTHONPATH" exec {sys.executable} "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(process.PYTHON_VARIABLE, os.fspath(python))


def ask(problem, way, limit_seconds=None):
    machine = sim.load_architecture("scratchpads_168")
    return process.run("fake", "fake-peer", problem, machine, limit_seconds, way=way)


def test_a_peers_process_is_measured(stand_in, matmul):
    assert process.installed("fake-peer") == "1.2"
    result = ask(matmul(2, 3, 4), "answer")
    assert result.energy == 3 * 5
    assert result.cpu_seconds > 0 and result.startup_seconds > 0 and result.peak_bytes > 200_000_000


def test_memory_is_that_of_the_peer_and_not_of_what_started_it(stand_in, matmul):
    kept = bytearray(b"1" * 400_000_000)
    assert ask(matmul(2, 3, 4), "answer").peak_bytes < len(kept)


def test_the_first_python_that_has_a_peer_is_asked(stand_in, monkeypatch, matmul):
    named = os.pathsep.join([sys.executable, os.environ[process.PYTHON_VARIABLE]])
    monkeypatch.setenv(process.PYTHON_VARIABLE, named)
    assert process.installed("fake-peer") == "1.2" and ask(matmul(2, 3, 4), "answer").energy == 15


def test_a_peer_that_fails_or_hangs_is_told(stand_in, matmul):
    with pytest.raises(process.PeerError, match=r"fake-peer failed on matmul_2x3x4: .*no mapping in sight"):
        ask(matmul(2, 3, 4), "fail")
    with pytest.raises(process.PeerError, match=r"did not end within 0\.1 CPU seconds on matmul"):
        ask(matmul(2, 3, 4), "hang", 0.1)


def test_a_peer_that_is_not_there(monkeypatch, matmul):
    monkeypatch.delenv(process.PYTHON_VARIABLE, raising=False)
    assert process.installed("no-such-peer") is None
    with pytest.raises(process.PeerError, match=r"pip install 'dataflow-simulator\[peers\]'"):
        process.run("fake", "no-such-peer", matmul(2, 2, 2), sim.load_architecture("scratchpads_168"), None)
    monkeypatch.setenv(process.PYTHON_VARIABLE, "/nowhere/python")
    with pytest.raises(process.PeerError, match="PEERS_PYTHON: '/nowhere/python' does not run"):
        process.installed("no-such-peer")
