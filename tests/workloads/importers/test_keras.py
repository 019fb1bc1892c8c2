"""Keras' networks: files that Keras made against what it says of them, every layer, and what is refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import workloads as w
from workloads.importers import keras
from workloads.importers.keras import from_config, read_keras

DATA = Path(__file__).parents[2] / "data" / "keras"
TOTALS = json.loads((DATA / "totals.json").read_text())
FILES = sorted(
    path for path in DATA.iterdir() if path.suffix == ".keras" or path.stem in ("functional", "sequential")
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_keras_has_as_many_parameters_as_keras_says(path: Path) -> None:
    assert read_keras(path).params == TOTALS[path.stem]["params"]


@pytest.mark.parametrize("name", [name for name, known in TOTALS.items() if "outputs" in known])
def test_layers_have_the_shapes_that_keras_gives_them(name: str) -> None:
    """Ours have the channels first; the layers of attention, of models and of croppings have other names."""
    net = read_keras(DATA / f"{name}.keras")
    seen = 0
    for layer, shape in TOTALS[name]["outputs"].items():
        extents = shape[0] if isinstance(shape[0], list) else shape
        final = next((n for n in (f"{layer}_output", f"{layer}_sum", layer) if n in net), None)
        if final is not None:
            seen += 1
            assert sorted(n for n in net[final].output_shape if n > 1) == sorted(
                n for n in extents if n > 1
            ), layer
    assert seen >= len(TOTALS[name]["outputs"]) - 3


def test_networks_of_keras_are_those_of_the_zoo() -> None:
    """But for the biases that Keras' convolutions have before a normalization."""
    theirs, ours = read_keras(DATA / "resnet50.keras"), w.build("resnet50")
    assert (theirs.macs, theirs.weights, theirs.affine) == (ours.macs, ours.weights, ours.affine)
    assert theirs.biases == ours.biases + sum(at.output_shape[0] for at in ours if at.type == "Convolution")


def test_a_model_called_twice_shares_its_weights() -> None:
    net = read_keras(DATA / "shared.keras")
    calls = [at for at in net if at.name.startswith("tower/inner/conv2d")]
    assert len(calls) == 4 and [at.shares for at in calls] == [None] + [calls[0].name] * 3


def layer(kind: str, name: str = "x", **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": name, **config}}


def sequential(shape: tuple[int | None, ...], *layers: dict[str, Any]) -> str:
    head = {"class_name": "InputLayer", "config": {"name": "input", "batch_shape": [None, *shape]}}
    return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": [head, *layers]}})


def read(shape: tuple[int | None, ...], *layers: dict[str, Any], **options: Any) -> w.Network:
    return from_config(sequential(shape, *layers), **options)


CONV = {"filters": 4, "kernel_size": [3, 3]}
SAME = [
    ((9, 12, 2), layer("Conv2D", **CONV), w.Convolution("x", 4, 3)),
    ((9, 12, 2), layer("Conv2D", **CONV, padding="same"), w.Convolution("x", 4, 3, padding=1)),
    ((9, 12, 2), layer("Conv2D", **CONV, strides=[2, 2], padding="same"),
     w.Convolution("x", 4, 3, stride=2, padding=(1, 1, 0, 1))),
    ((9, 12, 2), layer("Conv2D", filters=4, kernel_size=1, strides=3, padding="same"),
     w.Convolution("x", 4, 1, stride=3)),
    ((9, 12, 4), layer("Conv2D", **CONV, groups=4, use_bias=False), w.DepthwiseConvolution("x", 3,
        bias=False)),
    ((4, 9, 12), layer("Conv2D", **CONV, data_format="channels_first"), w.Convolution("x", 4, 3)),
    ((9, 2), layer("Conv1D", filters=4, kernel_size=[3], padding="causal", dilation_rate=[2]),
     w.Convolution1d("x", 4, 3, padding=(4, 0), dilation=2)),
    ((9, 2), layer("DepthwiseConv1D", kernel_size=3, depth_multiplier=3), w.Convolution1d("x", 6, 3,
        groups=2)),
    ((9, 12, 2), layer("Conv2DTranspose", **CONV, strides=2, padding="same"),
     w.TransposedConvolution("x", 4, 3, stride=2, padding=(0, 1, 0, 1))),
    ((9, 12, 2), layer("Conv2DTranspose", filters=4, kernel_size=2, strides=3),
     w.TransposedConvolution("x", 4, 2, stride=3, output_padding=1)),
    ((9, 12, 2), layer("Conv2DTranspose", **CONV, strides=2, padding="same", output_padding=1),
     w.TransposedConvolution("x", 4, 3, stride=2, padding=1, output_padding=1)),
    ((9, 12, 2), layer("MaxPooling2D", pool_size=[3, 3], padding="same"),
     w.Pooling("x", "max", 3)),
    ((10, 12, 2), layer("AveragePooling2D", pool_size=2, strides=3, padding="same"),
     w.Pooling("x", "average", 2, stride=3, padding=(0, 1, 0, 0))),
    ((9, 12, 2), layer("ZeroPadding2D", padding=[[1, 2], [0, 3]]), w.Padding("x", ((0, 0), (1, 2), (0, 3)))),
    ((9, 2), layer("ZeroPadding1D", padding=[1, 2]), w.Padding("x", ((0, 0), (1, 2)))),
    ((9, 12, 2), layer("UpSampling2D", size=[2, 3], interpolation="bilinear"), w.Resize("x", "linear",
        scale=(2, 3))),
    ((9, 12, 2), layer("Resizing", height=4, width=5), w.Resize("x", "linear", size=(4, 5))),
    ((9, 12, 2), layer("BatchNormalization", axis=[3], scale=False), w.Normalization("x", "batch",
        scale=False, axis=0)),
    ((9, 12, 4), layer("GroupNormalization", groups=2), w.Normalization("x", "group", groups=2)),
    ((9, 12, 4), layer("GroupNormalization", groups=-1), w.Normalization("x", "instance")),
    ((9, 12), layer("LayerNormalization", axis=-1, center=False), w.Normalization("x", "layer", shift=False,
        axis=1)),
    ((9, 12), layer("LayerNormalization", rms_scaling=True), w.Normalization("x", "rms", axis=1)),
    ((9, 12), layer("Dense", units=5), w.Linear("x", 5, last_axis=True)),
    ((9,), layer("Dense", units=5, use_bias=False), w.Linear("x", 5, bias=False)),
    ((9, 12, 2), layer("Dense", units=5), w.Convolution("x", 5, 1)),
    ((9,), layer("Embedding", input_dim=50, output_dim=5), w.Embedding("x", 50, 5)),
    ((9, 12), layer("LSTM", units=5), w.Recurrent("x", "lstm", 5, last_only=True)),
    ((9, 12), layer("GRU", units=5, reset_after=True, return_sequences=True), w.Recurrent("x", "gru", 5,
        biases=2)),
    ((9, 12), layer("SimpleRNN", units=5, use_bias=False), w.Recurrent("x", "rnn", 5, last_only=True,
        biases=0)),
    ((9, 12), layer("Bidirectional", layer=layer("LSTM", units=5)), w.Recurrent("x", "lstm", 5, True, True)),
    ((9, 12), layer("TimeDistributed", layer=layer("Dense", units=5)), w.Linear("x", 5, last_axis=True)),
    ((9, 12), layer("Permute", dims=[2, 1]), w.Transpose("x", (1, 0))),
    ((9, 12, 2), layer("Reshape", target_shape=[-1, 2]), w.Reshape("x", (2, -1))),
    ((18,), layer("Reshape", target_shape=[3, 3, 2]), w.Reshape("x", (2, 3, 3))),
    ((9,), layer("RepeatVector", n=4), w.Expand("x", (4, 9))),
    ((9, 12, 2), layer("ReLU", max_value=6.0), w.Activation("x", "relu6")),
    ((9, 12, 2), layer("ReLU", negative_slope=0.1), w.Activation("x", "leaky_relu")),
    ((9, 12, 2), layer("PReLU", shared_axes=[1, 2]), w.Activation("x", "prelu")),
    ((9,), layer("Activation", activation="swish"), w.Activation("x", "silu")),
    ((9,), layer("Activation", activation="softmax"), w.Softmax("x")),
    ((9,), layer("Activation", activation={"class_name": "function", "config": "gelu"}), w.Activation("x",
        "gelu")),
    ((9,), layer("Activation", activation="linear"), w.Identity("x")),
    ((9,), layer("Dropout", rate=0.5), w.Dropout("x")),
    ((9,), layer("UnitNormalization", axis=-1), w.Normalization("x", "l2", scale=False)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "given", "wanted"), SAME)
def test_a_layer_of_keras_is_one_of_ours(
    shape: tuple[int, ...], given: dict[str, Any], wanted: w.Layer
) -> None:
    assert read(shape, given)["x"].layer == wanted


@pytest.mark.parametrize("size", range(5, 13))
@pytest.mark.parametrize("stride", (1, 2, 3, 5))
@pytest.mark.parametrize("dilation", (1, 2))
def test_same_makes_as_many_places_as_strides_begin(size: int, stride: int, dilation: int) -> None:
    """TensorFlow's rule: the input over the stride, rounded up."""
    options = {"strides": stride, "dilation_rate": dilation, "padding": "same"}
    assert read((size, size, 1), layer("Conv2D", **CONV, **options))["x"].output_shape == (
        4,
        *[-(-size // stride)] * 2,
    )


def test_a_separable_convolution_is_two() -> None:
    net = read((9, 12, 2), layer("SeparableConv2D", **CONV, depth_multiplier=3, activation="relu"))
    assert [at.name for at in net] == ["input", "x_depthwise", "x", "x_relu"]
    assert net.params == 9 * 2 * 3 + 6 * 4 + 4


def test_attention_has_its_projections() -> None:
    query = {"class_name": "InputLayer", "name": "q", "config": {"name": "q", "batch_shape": [None, 9, 12]}}
    layers = [query, {**layer("MultiHeadAttention", num_heads=2, key_dim=5, value_dim=3, output_shape=7),
        "name": "x",
              "inbound_nodes": [[["q", 0, 0, {"value": ["q", 0, 0]}]]]}]  # fmt: skip
    config = {"name": "f", "layers": layers, "input_layers": [["q", 0, 0]], "output_layers": [["x", 0, 0]]}
    net = from_config(json.dumps({"class_name": "Model", "config": config}))
    assert net["x_output"].output_shape == (9, 7)
    assert net.weights == 12 * (10 + 10 + 6) + 6 * 7
    assert net["x"].layer == w.Attention("x", 2)


def test_maps_need_no_transposing_unless_they_become_sequences() -> None:
    conv = layer("Conv2D", "c", **CONV)
    net = read((9, 12, 2), conv, layer("Flatten", "f"), layer("Dense", "d", units=32), layer("Reshape", "r",
        target_shape=[4, 4, 2]),
               layer("Conv2D", "e", **CONV), layer("Reshape", "s", target_shape=[4, 4]), layer("LSTM", "l",
               units=3))  # fmt: skip
    assert [at.name for at in net if at.type == "Transpose"] == ["s_turned"]


def test_open_extents_are_given() -> None:
    net = read((None, None, 2), layer("Conv2D", **CONV), dimensions={"input.1": 9, "input.2": 12}, batch=3)
    assert net["x"].output_shape == (4, 7, 10) and net.batch == 3


REFUSED: dict[str, tuple[tuple[int | None, ...], dict[str, Any]]] = {
    "layer 'x': Lambda is Python code, which is not run": ((9,), layer("Lambda", function="x")),
    "layer 'x': my>Thing is Python code, which is not run": (
        (9,), {**layer("Thing"), "module": "my.package", "registered_name": "my>Thing"},
    ),
    "layer 'x': Dense is Python code": ((9,), {**layer("Dense", units=3), "module": "my.package"}),
    "layer 'x': Conv2d cannot be taken; did you mean 'Conv2D'?": ((9, 9, 2), layer("Conv2d", **CONV)),
    "layer 'x': ConvLSTM2D cannot be taken": ((9, 9, 2), layer("ConvLSTM2D")),
    "layer 'x': Conv2D has no 'filters' in its configuration": ((9, 9, 2), layer("Conv2D", kernel_size=3)),
    "layer 'x': filters must be a whole number, not 'many'": ((9, 9, 2), layer("Conv2D", filters="many",
        kernel_size=3)),
    "layer 'x': padding='some' is unknown; did you mean 'same'?": ((9, 9, 2), layer("Conv2D", **CONV,
        padding="some")),
    "layer 'x': Conv2D takes an input of 3 axes besides the batch, not (9,)": ((9,), layer("Conv2D", **CONV)),
    "layer 'x': kernel 3x3 is larger than the padded input 2x2": ((2, 2, 2), layer("Conv2D", **CONV)),
    "layer 'x': Conv2D has the unknown activation 'rulu'; did you mean 'relu'?": (
        (9, 9, 2), layer("Conv2D", **CONV, activation="rulu"),
    ),
    "layer 'x': LayerNormalization over the axes [1, 2] cannot": ((9, 9), layer("LayerNormalization", axis=[1,
        2])),
    "layer 'x': PReLU cannot be taken with slopes for every place": ((9, 9, 2), layer("PReLU")),
    "layer 'x': Bidirectional of 'Dense' cannot be taken": ((9, 9), layer("Bidirectional",
        layer=layer("Dense"))),
    "layer 'x': TimeDistributed of 'Conv2D' cannot be taken": (
        (5, 9, 9, 2), layer("TimeDistributed", layer=layer("Conv2D")),
    ),
    "input 'input' has the open shape [None, None, 4]; give the dimensions input.1": ((None, 4),
        layer("Flatten")),
    "input 'input': shape must lie between 1 and 2**31, not -9": ((-9,), layer("Dropout")),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_the_layer(message: str) -> None:
    shape, given = REFUSED[message]
    with pytest.raises(w.WorkloadError) as caught:
        read(shape, given)
    assert str(caught.value).startswith(message)


def node(name: str, *feeds: str) -> dict[str, Any]:
    return {**layer("Add", name), "name": name, "inbound_nodes": [[[feed, 0, 0, {}] for feed in feeds]]}


def functional(*layers: dict[str, Any], out: str = "x") -> str:
    head = {
        "class_name": "InputLayer",
        "name": "i",
        "config": {"name": "i", "batch_input_shape": [None, 4]},
        "inbound_nodes": [],
    }
    config = {"layers": [head, *layers], "input_layers": [["i", 0, 0]], "output_layers": [[out, 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": config})


TEXTS = {
    "line 1, column 1: no JSON": "",
    "line 1, column 2: no JSON": "{",
    "the model must be an object with class_name and config": "[]",
    "its model is a 'MyModel': Python code": '{"class_name": "MyModel", "config": {}}',
    "the model has no layers": '{"class_name": "Functional", "config": {}}',
    "nested too deeply": "[" * 100_000,
    "no JSON: Exceeds the limit": "1" * 10_000,
    "the model: its layers feed each other in a circle, ": functional(
        node("x", "i", "y"), node("y", "i", "x")
    ),
    "the model: layer 'x' is fed by 'j', which is no layer": functional(node("x", "i", "j")),
    "the model: two layers are named 'x'": functional(node("x", "i", "i"), node("x", "i", "i")),
    "layer 'output' takes output 0 of 'z', which has 0": functional(node("x", "i", "i"), out="z"),
}


@pytest.mark.parametrize("message", TEXTS)
def test_texts_that_are_no_model_are_refused(message: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        from_config(TEXTS[message])
    assert str(caught.value).startswith(message)


def test_dimensions_that_are_not_open_are_refused() -> None:
    for shape, name, said in (
        ((9,), "input.1", "no dimension 'input.1' is open; none is"),
        ((None,), "inptu.1", "give the dimensions input.1"),
    ):
        with pytest.raises(w.WorkloadError, match=said):
            read(shape, layer("Dropout"), dimensions={name: 3})


def archive(path: Path, **entries: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in entries.items():
            made.writestr(f"{name}.json", text)
    return path


def test_archives_are_bounded_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = sequential((9,), layer("Dense", units=3))
    assert read_keras(archive(tmp_path / "good.keras", config=text, metadata="{}")).weights == 27
    for name, entries, said in (
        ("empty", {"metadata": "{}"}, "an archive with no config.json"),
        ("bomb", {"config": text + " " * 1_000_000}, "200 times its packed form"),
    ):
        with pytest.raises(w.WorkloadError, match=said):
            read_keras(archive(tmp_path / f"{name}.keras", **entries))
    monkeypatch.setattr(keras, "MOST_BYTES", 100)
    with pytest.raises(w.WorkloadError, match=r"^.*good.keras: its config.json is larger than"):
        read_keras(tmp_path / "good.keras")


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings_are_refused(packing: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.keras", "w", packing) as made:
        made.writestr("config.json", sequential((9,), layer("Dense", units=3)))
    with pytest.raises(w.WorkloadError, match="packed by other means than Keras packs"):
        read_keras(tmp_path / "net.keras")


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    good = archive(tmp_path / "good.keras", config=sequential((9,), layer("Dense", units=3))).read_bytes()
    place = good.index(b"config.json") + len(b"config.json") + 20
    (tmp_path / "bad.keras").write_bytes(good[:place] + bytes([good[place] ^ 255]) + good[place + 1 :])
    with pytest.raises(w.WorkloadError, match=r"^.*bad.keras: not an archive that can be read"):
        read_keras(tmp_path / "bad.keras")
    with pytest.raises(w.WorkloadError, match=r"^cannot read .*none.keras: no such file"):
        read_keras(tmp_path / "none.keras")


def twice(depth: int) -> str:
    """A model that calls the one in it twice, which does so too: a short text for 2**depth calls."""
    model: dict[str, Any] = {**layer("Dropout", "m"), "name": "m"}
    head = {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 4]}}
    for level in range(depth):
        first = min(level, 1)
        calls = [[["i", 0, 0, {}]], [["m", first, 0, {}]]]
        layers = [head, {**model, "name": "m", "inbound_nodes": calls}]
        ends = {"input_layers": [["i", 0, 0]], "output_layers": [["m", first + 1, 0]]}
        model = {"class_name": "Functional", "config": {"name": "m", "layers": layers, **ends}}
    return json.dumps(model)


def test_models_in_models_have_so_many_calls_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(from_config(twice(3))) == 1 + 2**3
    monkeypatch.setattr(keras, "MOST_CALLS", 1000)
    with pytest.raises(w.WorkloadError, match="more than 1000 calls of layers"):
        from_config(twice(30))
