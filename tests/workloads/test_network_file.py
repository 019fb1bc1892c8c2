"""Networks as YAML: every network comes back equal, and what is wrong is said where it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workloads as w
from workloads import network_file
from workloads.network_file import from_yaml, read_network, save_network, to_yaml

from .random_layers import MAKERS, drawn

# One of each family; the others are built from the same blocks.
_FIRST = {entry.family: name for name, entry in reversed(list(w.NETWORKS.items()))}.values()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name not in _FIRST)) for name in w.NETWORKS]
)
def test_a_network_of_the_zoo_comes_back_equal(name: str, tmp_path: Path) -> None:
    network = w.build(name, batch=3)
    save_network(network, tmp_path / "network.yaml")
    assert read_network(tmp_path / "network.yaml") == network


def test_a_file_is_as_one_would_write_it() -> None:
    net = w.NetworkBuilder("tiny", w.Metadata(1998, "LeCun et al.", top1_error=0.8))
    net.add(w.Input("image", (3, 8, 8)))
    net.add(w.Convolution("conv1", 4, 3, padding=1, bias=False))
    net.add(w.Normalization("bn1", "batch"))
    net.add(w.Convolution("conv2", 4, (1, 3), padding=(0, 0, 1, 1)), ["image"])
    net.add(w.Elementwise("add", "add"), ["bn1", "conv2"])
    net.reuse("conv1", "again", ["image"])
    text = to_yaml(net.build(batch=2))
    assert text == (
        "network: tiny\n"
        "batch: 2\n"
        "metadata:\n"
        "  year: 1998\n"
        "  source: LeCun et al.\n"
        "  top1_error: 0.8\n"
        "layers:\n"
        "- {name: image, type: Input, shape: [3, 8, 8]}\n"
        "- {name: conv1, type: Convolution, out_channels: 4, kernel: 3, padding: 1, bias: false}\n"
        "- {name: bn1, type: Normalization}\n"
        "- {name: conv2, type: Convolution, inputs: [image], out_channels: 4, kernel: [1, 3], "
        "padding: [0, 0, 1, 1]}\n"
        "- {name: add, type: Elementwise, inputs: [bn1, conv2], kind: add}\n"
        "- {name: again, type: Convolution, inputs: [image], shares: conv1, out_channels: 4, kernel: 3, "
        "padding: 1, bias: false}\n"
    )
    assert from_yaml(text) == net.build(batch=2)


def chain(pair: tuple[w.Layer, list[tuple[int, ...]]], batch: int) -> w.Network:
    """A layer behind inputs of its shapes."""
    layer, shapes = pair
    net = w.NetworkBuilder("chain")
    names = [net.add(w.Input(f"input{i}", shape)) for i, shape in enumerate(shapes)]
    net.add(layer, names)
    return net.build(batch)


@pytest.mark.parametrize("kind", MAKERS)
@settings(max_examples=15, deadline=None)
@given(data=st.data(), batch=st.integers(1, 3))
def test_a_layer_of_any_type_comes_back_equal(kind: str, data: st.DataObject, batch: int) -> None:
    network = chain(data.draw(drawn(kind)), batch)
    assert from_yaml(to_yaml(network)) == network


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
LOOKALIKES = st.sampled_from(
    ["012", "no", "1e3", "~", "null", "true", "1:30", "0x1F", "-", "a: b", "#", ".5", "="]
)


@settings(max_examples=150, deadline=None)
@given(names=st.lists(NAMES | LOOKALIKES, min_size=3, max_size=3, unique=True), text=NAMES | LOOKALIKES)
def test_any_names_come_back(names: list[str], text: str) -> None:
    """Those too that YAML would take for numbers, nothing or marks."""
    first, second, third = names
    nodes = ((w.Softmax(third), (second,)), (w.Input(first, (3,)), ()), (w.Softmax(second), (first,)))
    network = w.Network(text, nodes, metadata=w.Metadata(source=text, dataset=third))
    assert from_yaml(to_yaml(network)) == network


def test_inputs_default_to_the_layer_before_and_may_be_one_name() -> None:
    text = """
network: n
layers:
- {name: a, type: Input, shape: [4]}
- {name: b, type: Input, shape: [4]}
- {name: c, type: Softmax}
- {name: d, type: Softmax, inputs: a}
"""
    network = from_yaml(text)
    assert [layer.inputs for layer in network] == [(), (), ("b",), ("a",)]


LAYER = "network: n\nlayers:\n- {name: x, type: Input, shape: [3, 9, 9]}\n"
REFUSED = {
    "a network must be a mapping of fields, not nothing": "",
    "a network must be a mapping of fields, not a list": "[1]",
    "a network: the field 'layers' is missing": "network: n",
    "a network has no field 'layer'; did you mean 'layers'?": "network: n\nlayer: []",
    "network must be the network's name, not 3": "network: 3\nlayers: []",
    "layers must be a list of layers, each with a name and a type": "network: n\nlayers: {}",
    "layers[0] must be a mapping of fields, not 'x'": "network: n\nlayers: [x]",
    "layers[0] 'x': the field 'type' is missing": "network: n\nlayers: [{name: x}]",
    "layers[0] 'x': unknown type 'Imput'; did you mean 'Input'?": (
        "network: n\nlayers: [{name: x, type: Imput}]"
    ),
    "layers[1] 'y': Convolution has no field 'kernal'; did you mean 'kernel'?": (
        f"{LAYER}- {{name: y, type: Convolution, out_channels: 4, kernal: 3}}"
    ),
    "layers[1] 'y': Convolution: the field 'kernel' is missing": (
        f"{LAYER}- {{name: y, type: Convolution, out_channels: 4}}"
    ),
    "layers[1] 'y': stop is empty; give a value or leave it out": (
        f"{LAYER}- {{name: y, type: Slice, axis: 0, stop: }}"
    ),
    "layers[1] 'y': axis must be a value or a list of values, not a mapping": (
        f"{LAYER}- {{name: y, type: Slice, axis: {{a: 1}}}}"
    ),
    "layers[1] 'y': axis must be a value or a list of values, not a list": (
        f"{LAYER}- {{name: y, type: Slice, axis: [[[[[[1]]]]]]}}"
    ),
    "layers[1] 'y': inputs must be names of layers, not 3": f"{LAYER}- {{name: y, type: Softmax, inputs: 3}}",
    "layers[1] 'y': shares must be the name of a layer, not 3": (
        f"{LAYER}- {{name: y, type: Softmax, shares: 3}}"
    ),
    "layer 'y': kernel must be a whole number, not 3.5": (
        f"{LAYER}- {{name: y, type: Convolution, out_channels: 4, kernel: 3.5}}"
    ),
    "Softmax: name must be text without control characters, not ['y']": (
        f"{LAYER}- {{name: [y], type: Softmax}}"
    ),
    "network 'n': layer 'y' is fed by 'z', which is no layer; known: x, y": (
        f"{LAYER}- {{name: y, type: Softmax, inputs: z}}"
    ),
    "network 'n': batch must lie between 1 and 2**31, not 0": f"batch: 0\n{LAYER}",
    "metadata has no field 'yaer'; did you mean 'year'?": f"metadata: {{yaer: 1998}}\n{LAYER}",
    "metadata: top1_error must be a percentage from 0 to 100, not 101": (
        f"metadata: {{top1_error: 101}}\n{LAYER}"
    ),
    "3 layers are too many; at most 2": f"{LAYER}- {{name: y, type: Softmax}}\n- {{name: z, type: Softmax}}",
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_one_clear_message(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_file, "MOST_LAYERS", 2)
    with pytest.raises(w.WorkloadError) as caught:
        from_yaml(REFUSED[message], "net.yaml")
    assert str(caught.value) == f"net.yaml: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network: n\nlayers: [", r"^net.yaml, line 2, column \d+: .*expected"),
        ("network: &a n\nlayers: *a", r"^net.yaml, line 2, column 9: aliases"),
        ("network: !!python/object:os.system n", r"^net.yaml, line 1, column 10: the tag .* is not read"),
        ("[" * 5_000, "^net.yaml: nested too deeply"),
        ("network: n\nnetwork: n", r"^net.yaml, line 2, column 1: 'network' is given twice"),
    ],
)
def test_hostile_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(w.WorkloadError, match=message):
        from_yaml(text, "net.yaml")


def test_messages_are_short_however_long_the_file(tmp_path: Path) -> None:
    text = f"{LAYER}- {{name: y, type: Softmax, inputs: [{'z' * 100_000}]}}"
    with pytest.raises(w.WorkloadError) as caught:
        from_yaml(text, "net.yaml")
    assert len(str(caught.value)) < 500


def test_a_file_has_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(w.WorkloadError, match=r"^cannot read .*none.yaml: no such file"):
        read_network(tmp_path / "none.yaml")
    monkeypatch.setattr(network_file, "MOST_BYTES", 2**20)
    (tmp_path / "large.yaml").write_bytes(b" " * (2**20 + 1))
    with pytest.raises(w.WorkloadError, match=r"^cannot read .*large.yaml: larger than 1 MiB"):
        read_network(tmp_path / "large.yaml")
    with pytest.raises(w.WorkloadError, match=r"^n: larger than 1 MiB"):
        from_yaml(" " * (2**20 + 1), "n")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(w.WorkloadError, match="not a text file in UTF-8"):
        read_network(tmp_path / "bytes.yaml")
    with pytest.raises(w.WorkloadError, match=r"^cannot write "):
        save_network(w.build("alexnet"), tmp_path / "none" / "a.yaml")
    monkeypatch.setattr(network_file, "MOST_BYTES", 2**10)
    with pytest.raises(w.WorkloadError, match=r"^network 'alexnet': its YAML is larger than"):
        save_network(w.build("alexnet"), tmp_path / "a.yaml")
    assert sorted(os.listdir(tmp_path)) == ["bytes.yaml", "large.yaml"]
