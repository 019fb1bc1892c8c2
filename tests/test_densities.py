"""Densities: where they come from, what they are checked for, and that a run keeps them."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from oracles import problems
from typer.testing import CliRunner

import simulator as sim
import workloads as w
from simulator.cli import app
from simulator.densities import load_densities
from simulator.errors import ProblemError, SimulatorError
from simulator.problem import Problem, Tensor, convolution

ALEXNET = Path(__file__).parents[1] / "experiments" / "alexnet_densities.yaml"


def densities_of(problem):
    return {tensor.name: tensor.density for tensor in problem.tensors}


def test_a_layer_has_the_densities_given():
    dense = {"weights": 1, "inputs": 1, "outputs": 1}
    assert densities_of(sim.load_layer("lenet5_caffe:conv2")) == dense
    given_by_hand = sim.load_layer("lenet5_caffe:conv2", densities={"inputs": 0.25, "outputs": 1})
    assert densities_of(given_by_hand) == dense | {"inputs": 0.25}
    assert given_by_hand.with_densities({"inputs": 1}) == sim.load_layer("lenet5_caffe:conv2")
    assert densities_of(sim.load_layer("alexnet:conv3", densities=ALEXNET)) == dense | {
        "inputs": 0.275,
        "outputs": 0.207,
    }


def test_a_run_prices_its_layers_at_their_densities():
    run = sim.simulate(
        "lenet5_caffe", "eyeriss_v1", engine="closed-form", densities={"conv2": {"inputs": 0.25}}
    )
    dense = sim.simulate("lenet5_caffe", "eyeriss_v1", engine="closed-form")
    for layer in run:
        assert densities_of(layer.cost.problem)["inputs"] == (0.25 if layer.name == "conv2" else 1)
        assert (layer.energy < dense[layer.name].energy) == (layer.name == "conv2")
    assert run.traffic_bytes("DRAM") < dense.traffic_bytes("DRAM")
    assert "DRAM traffic: " in str(dense) and "densities" not in str(dense)
    assert "with densities given for conv2" in str(run)
    saved = {layer["layer"]: layer for layer in json.loads(json.dumps(run.to_dict()))["layers"]}
    (part,) = saved["conv2"]["parts"]
    assert part["problem"]["densities"] == {"inputs": 0.25}
    again = Problem.from_dict(part["problem"])
    assert densities_of(again) == densities_of(run["conv2"].cost.problem)
    rows = [row for row in run.summary() if row["layer"] == "conv2"]
    assert rows[0]["DRAM_bytes"] == run["conv2"].traffic_bytes("DRAM")


def test_layers_of_one_shape_and_other_densities_are_other_work():
    net = w.NetworkBuilder("twice")
    net.add(w.Input("data", (2, 6, 6)))
    for name in ("conv1", "conv2", "conv3"):
        net.add(w.Convolution(name, 2, 3, padding=1))
    run = sim.simulate(net.build(), "eyeriss_v1", engine="closed-form", densities={"conv2": {"inputs": 0.5}})
    assert run["conv2"].energy < run["conv1"].energy == run["conv3"].energy


@pytest.mark.parametrize(
    ("densities", "words"),
    [
        ({"inputs": 0}, r"conv2: density of 'inputs' must be in \(0, 1\], not 0$"),
        ({"inputs": -0.5}, r"must be in \(0, 1\], not -0.5"),
        ({"inputs": 1.001}, r"must be in \(0, 1\], not 1.001"),
        ({"inputs": float("nan")}, r"must be in \(0, 1\], not nan"),
        ({"inputs": float("inf")}, r"must be in \(0, 1\], not a number past 10\^18"),
        ({"inputs": -(10**400)}, r"must be in \(0, 1\], not a number past 10\^18"),
        # Python prints no integer of 5000 digits.
        ({"inputs": 10**5000}, r"must be in \(0, 1\], not a number past 10\^18"),
        ({"inputs": np.float32(1.5)}, r"must be in \(0, 1\], not 1.5"),
        ({"inputs": np.True_}, r"must be a number in \(0, 1\], not (np.True_|True)"),
        ({"inputs": 0.5j}, r"must be a number in \(0, 1\], not 0.5j"),
        ({"inputs": True}, r"must be a number in \(0, 1\], not True"),
        ({"inputs": "half"}, r"must be a number in \(0, 1\], not 'half'"),
        ({"inputs": None}, r"must be a number in \(0, 1\], not None"),
        ({"input": 0.5}, "conv2: no tensor 'input'; did you mean 'inputs'"),
        ([0.5], "densities must be a mapping of names to values, not list"),
    ],
)
def test_wrong_densities_are_refused(densities, words):
    with pytest.raises(ProblemError, match=words):
        sim.load_layer("lenet5_caffe:conv2", densities=densities)
    if not isinstance(densities, list):
        with pytest.raises(ProblemError, match=words):
            sim.simulate("lenet5_caffe", "eyeriss_v1", densities={"conv2": densities})


@pytest.mark.parametrize("number", [np.float32(0.25), np.float64(0.25), Fraction(1, 4)])
def test_any_real_number_is_a_density(number):
    problem = sim.load_layer("lenet5_caffe:conv2", densities={"inputs": number, "weights": np.int64(1)})
    assert problem == sim.load_layer("lenet5_caffe:conv2", densities={"inputs": 0.25})
    assert all(type(density) is float for density in densities_of(problem).values())
    with pytest.raises(ProblemError, match=r"t: density of 'a' must be a number in \(0, 1\], not 'x'"):
        Problem("t", (("M", 1),), (Tensor("a", (), density="x"), Tensor("o", ())), "o")


@pytest.mark.parametrize(
    ("densities", "words"),
    [
        ({"conf2": {}}, "no layer 'conf2' with densities in lenet5_caffe; did you mean 'conv2'"),
        ({"relu1": {"inputs": 0.5}}, "no layer 'relu1' with densities"),
        ({"conv2": 0.5}, "densities: conv2 must be a mapping of names to values, not float"),
        ([], "densities must be a mapping of names to values, not list"),
    ],
)
def test_densities_of_no_layer_are_refused(densities, words):
    with pytest.raises(SimulatorError, match=words):
        sim.simulate("lenet5_caffe", "eyeriss_v1", densities=densities)


def test_a_file_of_a_problem_states_densities(tmp_path):
    file = tmp_path / "layer.yaml"
    file.write_text("convolution: {m: 4}\ndensities: {outputs: 0.5}\n")
    assert sim.load_layer(file) == convolution("layer", m=4).with_densities({"outputs": 0.5})
    whole = convolution("layer", m=4).with_densities({"weights": 0.125}).to_dict()
    file.write_text(json.dumps(whole))
    assert densities_of(sim.load_layer(file))["weights"] == 0.125
    for text in (
        '{"convolution": {"m": 4}, "densities": {"output": 0.5}}',
        json.dumps(whole | {"densities": 1}),
    ):
        file.write_text(text)
        with pytest.raises(ProblemError, match=r"layer\.yaml"):
            sim.load_layer(file)


@given(problems())
@settings(max_examples=100, deadline=None)
def test_the_share_of_data_is_that_of_all_steps(problem):
    """Every index of every dimension, one by one."""
    for tensor in problem.tensors:
        share = 1.0
        for rank in tensor.ranks:
            if rank.data is None:
                continue
            reached = [0]
            for dimension, coefficient in rank.coefficients:
                reached = [x + coefficient * i for x in reached for i in range(problem.extents[dimension])]
            share *= sum(rank.data[0] <= x < sum(rank.data) for x in reached) / len(reached)
        assert problem.data_share(tensor.name) == pytest.approx(share, rel=1e-12)


# Files and the command line.


def call(*arguments):
    return CliRunner().invoke(app, arguments)


@pytest.mark.parametrize(
    "command",
    [
        ("run", "lenet5_caffe", "--arch", "eyeriss_v1", "--engine", "closed-form"),
        ("evaluate", "lenet5_caffe:conv2", "eyeriss_v1", "--parameters", "m=20,n=1,e=6,p=10,q=1,r=1,t=2"),
        ("search", "lenet5_caffe:conv2", "--arch", "eyeriss_v1", "--evaluations", "50"),
    ],
)
def test_the_command_line_reads_a_file(tmp_path, command):
    file = tmp_path / "densities.yaml"
    file.write_text("conv2: {inputs: 0.25, outputs: 0.5}\n")
    dense, given_by_file = (call(*command, "--json", *more) for more in ((), ("--densities", str(file))))
    assert dense.exit_code == given_by_file.exit_code == 0, given_by_file.output
    energies = [json.loads(result.stdout) for result in (dense, given_by_file)]
    spent = [data["totals"]["energy"] if "totals" in data else data["energy"] for data in energies]
    assert spent[1] < spent[0]


def test_a_layer_shows_what_is_paid_for_and_what_values_came_to(tmp_path):
    file = tmp_path / "densities.yaml"
    file.write_text("conv2: {inputs: 0.25}\n")
    parameters = "--parameters", "m=20,n=1,e=6,p=10,q=1,r=1,t=2", "--densities", str(file)
    shown = {
        engine: call("evaluate", "lenet5_caffe:conv2", "eyeriss_v1", *parameters, "--engine", engine).stdout
        for engine in ("closed-form", "functional")
    }
    problem = sim.load_layer("lenet5_caffe:conv2", densities=file)
    nest = sim.dataflow_mapping(problem, "eyeriss_v1", m=20, n=1, e=6, p=10, q=1, r=1, t=2)
    bits = sum(
        row["bits"] for row in sim.evaluate(problem, "eyeriss_v1", nest).rows() if row["level"] == "DRAM"
    )
    macs = problem.macs
    for text in shown.values():
        assert f"as {macs // 4:,} MACs" in text and f"as {macs // 4:,} words" in text
        assert f"DRAM traffic: {bits / 8e6:.4g} MB" in text
    assert "executed" not in shown["closed-form"]
    assert f"as {macs // 4:,} MACs (executed: " in shown["functional"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("conv2: {inputs: 1.5}", "densities.yaml: conv2: density of 'inputs' must be in (0, 1], not 1.5"),
        ("conv2: {inputs: .nan}", "densities.yaml: conv2: density of 'inputs' must be in (0, 1], not nan"),
        (
            f"conv2: {{inputs: 1{'0' * 308}}}",
            "densities.yaml: conv2: density of 'inputs' must be in (0, 1], not a number past 10^18",
        ),
        ("conv2: {imputs: 0.5}", "densities.yaml: conv2: no tensor 'imputs'; did you mean 'inputs'"),
        ("conv2: 0.5", "densities.yaml: conv2 must be a mapping of names to values, not float"),
        ("- conv2", "densities.yaml must be a mapping of names to values, not list"),
        ("", "densities.yaml must be a mapping of names to values, not NoneType"),
        ("conv2: {inputs: 0.5", "densities.yaml, line 1"),
    ],
)
def test_a_wrong_file_ends_in_one_line(tmp_path, text, words):
    file = tmp_path / "densities.yaml"
    file.write_text(text)
    given_by_file = "--densities", str(file)
    for command in (
        ("run", "lenet5_caffe", "--arch", "eyeriss_v1", *given_by_file),
        ("evaluate", "lenet5_caffe:conv2", "eyeriss_v1", "--parameters", "m=1", *given_by_file),
        ("search", "lenet5_caffe:conv2", "--arch", "eyeriss_v1", *given_by_file),
    ):
        result = call(*command)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr and result.stderr.count("\n") == 1
        assert result.stderr.count("densities.yaml") == 1


def test_a_file_must_know_the_layer_and_the_network_the_files(tmp_path):
    for command in (
        ("evaluate", "lenet5_caffe:ip1", "eyeriss_v1", "--parameters", "m=1", "--densities", str(ALEXNET)),
        ("search", "lenet5_caffe:ip1", "--arch", "eyeriss_v1", "--densities", str(ALEXNET)),
    ):
        result = call(*command)
        assert result.exit_code == 2
        assert "alexnet_densities.yaml: no densities for layer 'ip1'" in result.stderr
    result = call("run", "lenet5_caffe", "--arch", "eyeriss_v1", "--densities", str(ALEXNET))
    assert result.exit_code == 2
    assert f"{ALEXNET}: no layer 'conv3' with densities in lenet5_caffe" in result.stderr
    with pytest.raises(ProblemError, match=r"alexnet_densities\.yaml: no densities for layer 'ip1'"):
        sim.load_layer("lenet5_caffe:ip1", densities=ALEXNET)
    result = call("run", "alexnet", "--arch", "eyeriss_v1", "--densities", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2 and "none.yaml: no such file" in result.stderr


def test_the_densities_of_alexnet_are_the_published_ones():
    """JSSC'17 table V, zeros in ifmaps; section IV-B, what run-length coding saves of conv1 and conv5."""
    densities = load_densities(ALEXNET)
    zeros = {"conv1": 0.01, "conv2": 38.7, "conv3": 72.5, "conv4": 79.3, "conv5": 77.6}
    assert {layer: given["inputs"] for layer, given in densities.items()} == pytest.approx(
        {layer: 1 - percent / 100 for layer, percent in zeros.items()}
    )
    for layer, following in (("conv2", "conv3"), ("conv3", "conv4"), ("conv4", "conv5")):
        assert densities[layer]["outputs"] == densities[following]["inputs"]
    for layer, saved in (("conv1", 0.3), ("conv5", 0.75)):
        assert 64 / 3 * densities[layer]["outputs"] / 16 == pytest.approx(1 - saved)
