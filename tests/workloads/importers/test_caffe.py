"""Caffe's networks: the documents' own examples, phases, data, every type of layer, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import workloads as w
from workloads.importers.caffe import from_prototxt, read_caffe

DATA = Path(__file__).parents[2] / "data" / "caffe"
MNIST = {"channels": 1, "height": 28, "width": 28}


@pytest.mark.parametrize(
    ("file", "name"), [("lenet", "lenet5_caffe"), ("lenet_former", "lenet5_caffe"), ("alexnet", "alexnet")]
)
def test_an_example_of_caffe_is_that_of_the_zoo(file: str, name: str) -> None:
    """Both forms of the text, groups, layers in place, fields as text and by axis."""
    read, ours = read_caffe(DATA / f"{file}.prototxt", batch=2), w.build(name, batch=2)
    for total in ("macs", "conv_macs", "fc_macs", "weights", "biases", "affine", "operations"):
        assert getattr(read, total) == getattr(ours, total), total
    computing = [[at for at in net if at.type not in ("Input", "Dropout")] for net in (read, ours)]
    for theirs, our in zip(*computing, strict=True):
        assert (theirs.name, theirs.input_shapes, theirs.macs) == (our.name, our.input_shapes, our.macs)


def test_the_phase_says_which_layers_there_are() -> None:
    used = read_caffe(DATA / "lenet_train_test.prototxt", dimensions=MNIST)
    assert used.macs == 2_293_000 and "drop1" not in used
    trained = read_caffe(DATA / "lenet_train_test.prototxt", dimensions=MNIST, phase="TRAIN")
    assert trained["ip2"].inputs == ("drop1",) and trained.macs == used.macs
    # Losses and accuracies are of training, in whichever phase.
    assert {"loss", "accuracy"}.isdisjoint(layer.name for layer in (*used, *trained))


HEAD = 'input: "data" input_shape { dim: 1 dim: 8 dim: 15 dim: 17 }\n'


def one(text: str, head: str = HEAD) -> w.Network:
    return from_prototxt(head + text)


def layer(kind: str, parameters: str = "", bottom: str = 'bottom: "data"', top: str = 'top: "x"') -> str:
    return f'layer {{ name: "x" type: "{kind}" {bottom} {top} {parameters} }}'


RULES = {
    "include { phase: TEST }": True,
    "include { phase: TRAIN }": False,
    "exclude { phase: TEST }": False,
    "include { phase: TRAIN } include { phase: TEST }": True,
    "include { min_level: 1 }": True,
    "include { min_level: 3 }": False,
    "include { max_level: 1 }": False,
    'include { stage: "deploy" }': True,
    'include { not_stage: "deploy" }': False,
    'exclude { stage: "deploy" stage: "other" }': True,
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_look_at_phase_level_and_stages(rule: str) -> None:
    net = one(layer("ReLU", rule), HEAD + 'state { level: 2 stage: "deploy" }')
    assert ("x" in net) is RULES[rule]


SAME = [
    ("Convolution", "convolution_param { num_output: 4 kernel_size: 3 }", w.Convolution("x", 4, 3)),
    (
        "Convolution",
        "convolution_param { num_output: 4 kernel_h: 3 kernel_w: 5 pad_w: 2 stride_h: 2 bias_term: false }",
        w.Convolution("x", 4, (3, 5), stride=(2, 1), padding=(0, 2), bias=False),
    ),
    (
        "Convolution",
        "convolution_param { num_output: 4 kernel_size: [3, 5] pad: 1 pad: 2 dilation: 2 group: 2 }",
        w.Convolution("x", 4, (3, 5), padding=(1, 2), dilation=2, groups=2),
    ),
    (
        "Convolution",
        "convolution_param { num_output: 16 kernel_size: 3 group: 8 }",
        w.DepthwiseConvolution("x", 3, multiplier=2),
    ),
    (
        "Deconvolution",
        "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 }",
        w.TransposedConvolution("x", 4, 4, stride=2, padding=1),
    ),
    (
        "Deconvolution",
        "convolution_param { num_output: 4 kernel_size: 3 dilation: 2 group: 2 bias_term: false }",
        w.TransposedConvolution("x", 4, 3, dilation=2, groups=2, bias=False),
    ),
    ("Pooling", "pooling_param { kernel_size: 3 stride: 2 }", w.Pooling("x", "max", 3, 2, ceil_mode=True)),
    ("Pooling", "pooling_param { kernel_size: 3 }", w.Pooling("x", "max", 3, 1, ceil_mode=True)),
    (
        "Pooling",
        "pooling_param { pool: AVE kernel_size: 2 stride: 2 pad: 1 round_mode: FLOOR }",
        w.Pooling("x", "average", 2, 2, padding=1),
    ),
    ("Pooling", "pooling_param { pool: AVE global_pooling: true }", w.GlobalPooling("x", "average")),
    ("InnerProduct", "inner_product_param { num_output: 9 bias_term: false }", w.Linear("x", 9, bias=False)),
    (
        "InnerProduct",
        "inner_product_param { num_output: 9 axis: -1 }",
        w.Linear("x", 9, last_axis=True),
    ),
    ("LRN", "lrn_param { local_size: 3 }", w.Normalization("x", "local_response", size=3)),
    (
        "LRN",
        "lrn_param { norm_region: WITHIN_CHANNEL local_size: 3 }",
        w.Normalization("x", "local_response", size=9),
    ),
    ("ReLU", "relu_param { negative_slope: 0.1 }", w.Activation("x", "leaky_relu")),
    ("PReLU", "prelu_param { channel_shared: true }", w.Activation("x", "prelu", shared=True)),
    ("TanH", "", w.Activation("x", "tanh")),
    ("AbsVal", "", w.Activation("x", "abs")),
    ("BNLL", "", w.Activation("x", "softplus")),
    ("ELU", "elu_param { alpha: 1 }", w.Activation("x", "elu")),
    ("Power", "power_param { scale: 1 }", w.Identity("x")),
    ("Exp", "", w.Activation("x", "exp")),
    ("Softmax", "softmax_param { axis: 1 }", w.Softmax("x")),
    ("BatchNorm", "", w.Normalization("x", "batch", scale=False, shift=False)),
    ("Scale", "scale_param { bias_term: true }", w.Normalization("x", "batch")),
    ("Bias", "", w.Normalization("x", "batch", scale=False)),
    ("MVN", "", w.Normalization("x", "instance", scale=False, shift=False)),
    ("Normalize", "norm_param { across_spatial: false channel_shared: false }", w.Normalization("x", "l2")),
    ("Dropout", "", w.Dropout("x")),
    ("Flatten", "", w.Flatten("x")),
    ("Flatten", "flatten_param { axis: 2 }", w.Flatten("x", 1)),
    ("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 17 } }", w.Reshape("x", (-1, 17))),
    ("Reshape", "reshape_param { shape { dim: 0 dim: 0 dim: -1 } }", w.Reshape("x", (8, -1))),
    ("Reshape", "reshape_param { shape { dim: -1 dim: 2040 } }", w.Reshape("x", (2040,))),
    ("Reshape", "reshape_param { shape { dim: 4 dim: 2 } axis: 1 num_axes: 1 }", w.Reshape("x", (4, 2, 15,
        17))),
    ("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }", w.Transpose("x", (1, 2, 0))),
    ("Reduction", "reduction_param { operation: MEAN axis: 2 }", w.Reduction("x", "mean", (1, 2))),
    ("ArgMax", "argmax_param { axis: 1 }", w.Reduction("x", "max", (0,), keep=True)),
    ("Split", "", w.Identity("x")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "parameters", "wanted"), SAME)
def test_a_layer_of_caffe_is_one_of_ours(kind: str, parameters: str, wanted: w.Layer) -> None:
    assert one(layer(kind, parameters))["x"].layer == wanted


def test_layers_of_other_than_two_axes() -> None:
    head = 'input: "data" input_shape { dim: 1 dim: 4 dim: 9 dim: 9 dim: 9 }'
    net = one(layer("Convolution", "convolution_param { num_output: 2 kernel_size: 3 }"), head)
    assert net["x"].output_shape == (2, 7, 7, 7)
    deep = one(layer("InnerProduct", "inner_product_param { num_output: 5 axis: 2 }"), head)
    assert deep["x"].output_shape == (4, 5) and deep.weights == 729 * 5
    row = one(layer("InnerProduct", "inner_product_param { num_output: 5 }"), head)
    assert row["x"].output_shape == (5,)


def test_several_bottoms() -> None:
    both = 'bottom: "data" bottom: "data"'
    assert one(layer("Concat", bottom=both))["x"].output_shape == (16, 15, 17)
    assert one(layer("Concat", "concat_param { axis: -1 }", both))["x"].output_shape == (8, 15, 34)
    assert one(layer("Eltwise", "eltwise_param { operation: MAX }", both))["x"].layer.kind == "maximum"
    assert one(layer("Eltwise", "eltwise_param { coeff: 1 coeff: -1 }", both))["x"].layer.kind == "subtract"
    scaled = one(layer("Eltwise", "eltwise_param { coeff: 0.5 coeff: 1 }", both))
    assert scaled["x"].inputs == ("x_coeff0", "data")


def test_a_map_is_scaled_by_a_value_a_channel() -> None:
    pooled = (
        'layer { name: "p" type: "Pooling" bottom: "data" top: "p" pooling_param { global_pooling: true } }'
    )
    factors = 'layer { name: "f" type: "Flatten" bottom: "p" top: "f" }'
    net = one(pooled + factors + layer("Scale", "scale_param { axis: 0 }", 'bottom: "data" bottom: "f"'))
    assert net["x"].output_shape == (8, 15, 17) and net["x"].type == "Elementwise"


def test_a_slice_has_a_layer_for_each_top() -> None:
    tops = 'top: "a" top: "b" top: "c"'
    net = one(layer("Slice", "slice_param { slice_point: 1 slice_point: 3 }", top=tops))
    assert [at.output_shape[0] for at in net][1:] == [1, 2, 5]
    even = one(layer("Slice", "slice_param { axis: 1 }", top='top: "a" top: "b"'))
    assert [at.output_shape[0] for at in even][1:] == [4, 4]


def test_a_crop_takes_the_extents_of_the_other() -> None:
    small = layer("Pooling", "pooling_param { kernel_size: 3 stride: 2 }", top='top: "s"').replace(
        '"x"', '"s"', 1
    )
    net = one(small + layer("Crop", "crop_param { axis: 2 offset: 3 }", 'bottom: "data" bottom: "s"'))
    assert net["x"].output_shape == net["s"].output_shape[:1] + net["s"].output_shape[1:] == (8, 7, 8)


def test_parameters_of_one_name_are_counted_once() -> None:
    named = (
        'param { name: "w" } param { name: "b" } convolution_param { num_output: 8 kernel_size: 3 pad: 1 }'
    )
    second = layer("Convolution", named, 'bottom: "x"', 'top: "y"').replace('"x" type', '"y" type')
    net = one(layer("Convolution", named) + second)
    assert net["y"].shares == "x" and net.params == 8 * 8 * 9 + 8 and net.macs == 2 * net["x"].macs


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (
            'type: "Data" transform_param { crop_size: 227 mean_value: 1 mean_value: 2 mean_value: 3 }',
            (3, 227, 227),
        ),
        ('type: "Data" transform_param { crop_size: 28 force_gray: true }', (1, 28, 28)),
        ('type: "ImageData" image_data_param { new_height: 20 new_width: 30 }', (3, 20, 30)),
        ('type: "MemoryData" memory_data_param { batch_size: 9 channels: 2 height: 3 width: 4 }', (2, 3, 4)),
        ('type: "DummyData" dummy_data_param { shape { dim: 5 dim: 6 dim: 7 } }', (6, 7)),
        ('type: "DummyData" dummy_data_param { num: 5 channels: 6 height: 7 width: 8 }', (6, 7, 8)),
        ('type: "Input" input_param { shape { dim: 5 dim: 6 } }', (6,)),
    ],
)
def test_data_layers_say_their_shape(data: str, wanted: tuple[int, ...]) -> None:
    top = 'top: "data" top: "label"' if "Input" not in data and "Dummy" not in data else 'top: "data"'
    net = from_prototxt(f'layer {{ name: "d" {data} {top} }}' + layer("ReLU"))
    assert net["x"].output_shape == wanted


def test_given_dimensions_replace_those_of_the_file() -> None:
    net = from_prototxt(HEAD + layer("ReLU"), dimensions={"height": 30})
    assert net["x"].output_shape == (8, 30, 17)


CONV = "convolution_param { num_output: 4 kernel_size: 3 }"
REFUSED = {
    "line 2: layer 'x': its type 'Convolutoin' cannot be taken; did you mean 'Convolution'?": layer(
        "Convolutoin"
    ),
    "line 2: layer 'x': its type 'Python' cannot be taken; known: AbsVal": layer("Python"),
    "line 2: layer 'x' has no type": 'layer { name: "x" }',
    "line 2: a layer has no field 'botom'; did you mean 'bottom'?": layer("ReLU", bottom='botom: "data"'),
    "line 2: layer 'x': convolution_param has no field 'kernel'": layer(
        "Convolution", "convolution_param { num_output: 4 kernel: 3 }"
    ),
    "line 2: layer 'x': Convolution needs a num_output": layer("Convolution"),
    "line 2: layer 'x': Convolution needs a kernel_size": layer(
        "Convolution", "convolution_param { num_output: 4 }"
    ),
    "line 2: layer 'x': num_output must be a whole number from 1 to 2**31, not 0": layer(
        "Convolution", "convolution_param { num_output: 0 kernel_size: 3 }"
    ),
    "line 2: layer 'x': groups=4 does not divide its 6 output": layer(
        "Convolution", CONV.replace("4", "6 group: 4")
    ),
    "line 2: layer 'x': kernel 99x99 is larger": layer("Convolution", CONV.replace("3", "99")),
    "line 2: layer 'x': no layer before it has the top 'dat'; did you mean 'data'?": layer(
        "ReLU", bottom='bottom: "dat"'
    ),
    "line 2: layer 'x': Flatten has no bottom": layer("Flatten", bottom=""),
    "line 2: layer 'x': pool: unknown 'STOCHASTIC'": layer("Pooling", "pooling_param { pool: STOCHASTIC }"),
    "line 2: layer 'x': Pooling has a last window beyond its map of 15": layer(
        "Pooling", "pooling_param { kernel_size: 1 stride: 4 }"
    ),
    "line 2: layer 'x': Concat has axis 0; a bottom of 4 axes has 1 to 3": layer(
        "Concat", "concat_param { axis: 0 }"
    ),
    "line 2: layer 'x': Slice cannot cut 8 into 1 tops at [9]": layer(
        "Slice", "slice_param { slice_point: 9 }"
    ),
    "line 2: layer 'x': Reshape to [8, -1] is taken only where the batch": layer(
        "Reshape", "reshape_param { shape { dim: 8 dim: -1 } }"
    ),
    "line 2: a layer has rules to include or to exclude": layer(
        "ReLU", "include { phase: TEST } exclude { level: 1 }"
    ),
    "line 2: a rule has no field 'fase'; did you mean 'phase'?": layer("ReLU", "include { fase: TEST }"),
    "line 2: layers, besides layer": "layers { } layer { }",
    "line 2: layers of layer is Caffe's oldest form": "layers { layer { } }",
    "line 1: 1 input must have an input_shape or four input_dim each, not 2": "input_shape { dim: 1 }",
    "line 2: layer 'data': the file does not say its channels, height, width": layer(
        "Data", top='top: "data"'
    ),
    "line 2: layer 'x': its bottom 'label' is of training": (
        'layer { name: "d" type: "ImageData" top: "i" top: "label" image_data_param { crop_size: 3 } }'
        + layer("ReLU", bottom='bottom: "label"')
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_the_line_and_the_layer(message: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        one(REFUSED[message])
    assert str(caught.value).startswith(message)


def test_options_are_checked() -> None:
    for options, said in (
        ({"phase": "TEXT"}, "phase='TEXT' is unknown; did you mean 'TEST'"),
        ({"dimensions": {"hight": 3}}, "has no dimension 'hight'; did you mean 'height'"),
        ({"dimensions": {"height": 0}}, "height must lie between 1"),
        ({"batch": 0}, "batch must lie between 1"),
    ):
        with pytest.raises(w.WorkloadError, match=said):
            read_caffe(DATA / "lenet.prototxt", **options)  # type: ignore[arg-type]
    with pytest.raises(w.WorkloadError, match=r"^no input has channels, height, width: leave out height"):
        from_prototxt('input: "a" input_shape { dim: 1 dim: 4 }' + layer("ReLU", bottom='bottom: "a"'),
                      dimensions={"height": 3})  # fmt: skip
