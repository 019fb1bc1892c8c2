"""Names, files and objects become networks and layers."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

import simulator as sim
import workloads as w
from simulator.errors import ProblemError, SimulatorError
from workloads.network_file import save_network

PROTOTXT = """
name: "tiny"
input: "data"
input_shape { dim: 1 dim: 2 dim: 8 dim: 8 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
"""


@pytest.fixture
def prototxt(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.prototxt"
    file.write_text(PROTOTXT)
    return file


def test_a_builder_s_options_are_given_by_name() -> None:
    network = sim.load_network("alexnet", batch=2, input_size=(131, 195), classes=10)
    assert network.batch == 2 and network["input"].output_shape == (3, 131, 195)
    assert sim.load_network("mobilenet_v2", width=0.5).macs < sim.load_network("mobilenet_v2").macs / 2
    with pytest.raises(w.WorkloadError, match="no option 'clases'; did you mean 'classes'"):
        sim.load_network("alexnet", clases=10)


def test_a_file_is_read_by_its_ending(tmp_path: Path, prototxt: Path) -> None:
    network = sim.load_network(prototxt)
    assert network.macs == 4 * 2 * 9 * 36
    assert sim.load_network(str(prototxt), batch=3).batch == 3
    saved = tmp_path / "tiny.yaml"
    save_network(network, saved)
    assert sim.load_network(saved) == sim.load_network(str(saved)) == network
    assert sim.load_network(saved, batch=5).batch == 5
    with pytest.raises(w.WorkloadError, match="no such file"):
        sim.load_network(tmp_path / "none.prototxt")
    with pytest.raises(w.WorkloadError, match="takes no 'width'"):
        sim.load_network(prototxt, width=0.5)


def test_a_layer_of_a_file(prototxt: Path) -> None:
    problem = sim.load_layer(f"{prototxt}:conv", batch=2)
    assert problem.extents == {"N": 2, "G": 1, "M": 4, "C": 2, "P": 6, "Q": 6, "R": 3, "S": 3}
    assert sim.load_layer(f"{prototxt}:relu").name == "relu"
    with pytest.raises(w.WorkloadError, match="no layer 'conf'; did you mean 'conv'"):
        sim.load_layer(f"{prototxt}:conf")


def test_a_module_of_pytorch_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch need not be here: a module is known by where its class comes from."""
    module = type("Module", (), {"__module__": "torch.nn.modules.module"})
    own = type("Own", (module,), {})
    exporter, given = ModuleType("workloads.importers.torch_export"), []
    exporter.read_torch = lambda *a, **o: given.append((a, o))
    monkeypatch.setitem(sys.modules, exporter.__name__, exporter)
    sim.load_network(source := own(), batch=2, input_shape=(3, 8, 8))
    assert given == [((source,), {"batch": 2, "input_shape": (3, 8, 8)})]


@pytest.mark.parametrize("source", [None, 3, ["alexnet"]])
def test_what_is_no_network_is_said(source: object) -> None:
    with pytest.raises(w.WorkloadError, match="a network is a name, a file's path, a PyTorch module or a"):
        sim.load_network(source)


def test_a_network_that_is_made_takes_no_options() -> None:
    with pytest.raises(w.WorkloadError, match="'lenet5' is made; it takes no classes"):
        sim.load_network(sim.load_network("lenet5"), classes=3)


def test_parts_of_a_layer_have_names() -> None:
    network = sim.load_network("transformer_base")
    layer = next(layer for layer in network if layer.type == "Attention")
    with pytest.raises(
        ProblemError, match=rf"is 2 problems; name one: {layer.name}.scores, {layer.name}.values"
    ):
        sim.load_layer(layer)
    scores, values = (sim.load_layer(f"transformer_base:{layer.name}.{p}") for p in ("scores", "values"))
    assert scores.macs + values.macs == layer.macs
    assert scores.name == f"{layer.name}.scores"
    with pytest.raises(
        SimulatorError, match=rf"no part '{layer.name}.score'; did you mean '{layer.name}.scores'"
    ):
        sim.load_layer(f"transformer_base:{layer.name}.score")


def test_parts_called_alike_are_numbered() -> None:
    with pytest.raises(ProblemError, match=r"name one: (\w+)\.1, \1\.2, \1\.3"):
        sim.load_layer("lenet5:c3")
    parts = [sim.load_layer(f"lenet5:c3.{number}") for number in (1, 2, 3)]
    # LeCun et al. 1998, table I: 6 maps see 3, 9 see 4, one sees 6.
    assert [part.extents["C"] for part in parts] == [3, 4, 6]


@pytest.mark.parametrize("given", [{"batch": 2}, {"classes": 2}])
def test_a_problem_states_its_own(given: dict[str, int]) -> None:
    with pytest.raises(ProblemError, match=r"goes with a layer named as alexnet:conv2"):
        sim.load_layer(sim.convolution(m=2), **given)


def test_the_longest_name_before_a_part_is_the_layer(tmp_path: Path) -> None:
    net = w.NetworkBuilder("dotted")
    image = net.add(w.Input("input", (3, 8, 8)))
    for name, seen in (("conv", (0, 1, 2)), ("conv.x", (0, 1))):
        net.add(w.Convolution(name, 2, 3, table=((0,), seen)), [image])
    save_network(net.build(), tmp_path / "dotted.yaml")
    parts = [sim.load_layer(f"{tmp_path}/dotted.yaml:{name}") for name in ("conv.2", "conv.x.2")]
    assert [(part.name, part.extents["C"]) for part in parts] == [("conv.2", 3), ("conv.x.2", 2)]
