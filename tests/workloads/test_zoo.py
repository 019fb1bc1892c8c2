"""The zoo against published and exactly counted figures."""

from __future__ import annotations

from math import prod

import pytest

from workloads import (
    NETWORKS,
    Activation,
    Convolution,
    Linear,
    Normalization,
    Pooling,
    WorkloadError,
    build,
)

# Counted from the papers' shapes: convolutions and linear layers, a bias each unless batch-normalized, and
# two parameters per normalized channel. They meet the printed figures: 2.3 M MACs and 431 k weights for
# LeNet, 724 M and 61 M for AlexNet (Sze et al., Proc. IEEE 2017, table II); 138,357,544 and 25,557,032
# parameters for VGG-16 and ResNet-50 (torchvision's model tables); 3.8e9 multiply-adds for ResNet-50 (He et
# al., table 1).
FIELDS = ("macs", "conv_macs", "fc_macs", "weights", "biases", "affine", "params")
TOTALS = {
    "lenet5_caffe": (2293000, 1888000, 405000, 430500, 580, 0, 431080),
    "alexnet": (724406816, 665784864, 58621952, 60954656, 10568, 0, 60965224),
    "alexnet_ungrouped": (1135256096, 1076634144, 58621952, 62367776, 10568, 0, 62378344),
    "vgg16": (15470264320, 15346630656, 123633664, 138344128, 13416, 0, 138357544),
    "resnet50": (3857973248, 3855925248, 2048000, 25502912, 1000, 53120, 25557032),
    "resnet50_v1_5": (4089184256, 4087136256, 2048000, 25502912, 1000, 53120, 25557032),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 4])
def test_totals(name: str, batch: int) -> None:
    network = build(name, batch=batch)
    for field, total in zip(FIELDS, TOTALS[name], strict=True):
        assert getattr(network, field) == total * (batch if "macs" in field else 1), field


# As printed in surveys and lecture slides on AlexNet: weights, MACs, outputs, to the last digit shown.
PRINTED_ALEXNET = {
    "alexnet": {
        "conv1": (34e3, 105e6, 290e3),
        "conv2": (307e3, 224e6, 187e3),
        "conv3": (885e3, 150e6, 65e3),
    },
    # The slide's 65 k outputs for conv5 do not go with its 256 filters: 43 k.
    "alexnet_ungrouped": {
        "conv1": (35e3, 105e6, 290e3),
        "conv2": (614e3, 448e6, 187e3),
        "conv3": (884e3, 150e6, 65e3),
        "conv4": (1.3e6, 224e6, 65e3),
        "conv5": (884e3, 150e6, 43e3),
    },
}


@pytest.mark.parametrize("name", PRINTED_ALEXNET)
def test_alexnet_layers_agree_with_print(name: str) -> None:
    network = build(name)
    for layer, (weights, macs, outputs) in PRINTED_ALEXNET[name].items():
        # Some figures were rounded, some cut off: less than one unit of the last digit apart.
        assert abs(network[layer].weights - weights) < (1e5 if weights == 1.3e6 else 1e3), layer
        assert abs(network[layer].macs - macs) < 1e6, layer
        assert abs(prod(network[layer].output_shape) - outputs) < 1e3, layer


def test_alexnet_maps_are_the_papers() -> None:
    # Krizhevsky et al., figure 2: 55, 27, 13, 13, 13; pooled to 6 before fc6.
    network = build("alexnet")
    assert [network[f"conv{n}"].output_shape[1] for n in range(1, 6)] == [55, 27, 13, 13, 13]
    assert [network[f"pool{n}"].output_shape for n in (1, 2, 5)] == [(96, 27, 27), (256, 13, 13), (256, 6, 6)]
    assert network["fc6"].input_shapes == ((256, 6, 6),)
    groups = [layer.layer.groups for layer in network if isinstance(layer.layer, Convolution)]
    assert groups == [1, 2, 1, 2, 2]


def test_alexnet_neurons() -> None:
    # Krizhevsky et al., figure 2: 253,440, 186,624, 64,896, 64,896, 43,264, 4096, 4096, 1000 neurons; the
    # first does not go with its 55 x 55 x 96 = 290,400 outputs.
    counted = [prod(layer.output_shape) for layer in build("alexnet") if layer.weights]
    assert counted == [290_400, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]


def naive_vgg16() -> list[tuple[int, int, int]]:
    """Return (weights, MACs, outputs) of each convolution, pooling and linear layer from a plain list."""
    rows, channels, size = [], 3, 224
    for filters in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if filters == 0:  # a pooling
            size //= 2
            rows.append((0, 0, channels * size * size))
        else:
            weights = filters * channels * 9
            rows.append((weights, weights * size * size, filters * size * size))
            channels = filters
    for inputs, outputs in ((7 * 7 * 512, 4096), (4096, 4096), (4096, 1000)):
        rows.append((inputs * outputs, inputs * outputs, outputs))
    return rows


def test_vgg16_layer_by_layer() -> None:
    network = build("vgg16")
    kept = [layer for layer in network if isinstance(layer.layer, (Convolution, Pooling, Linear))]
    assert [(at.weights, at.macs, prod(at.output_shape)) for at in kept] == naive_vgg16()
    # 15,087,080 values: outputs of these layers, without the image, activations in place.
    assert sum(prod(at.output_shape) for at in kept) == 15_087_080


def test_vgg16_names() -> None:
    names = [layer.name for layer in build("vgg16") if layer.weights]
    assert names[:5] == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    assert names[-4:] == ["conv5_3", "fc6", "fc7", "fc8"]


def test_lenet_maps() -> None:
    network = build("lenet5_caffe")
    shapes = [network[name].output_shape for name in ("conv1", "pool1", "conv2", "pool2", "ip1", "ip2")]
    assert shapes == [(20, 24, 24), (20, 12, 12), (50, 8, 8), (50, 4, 4), (500,), (10,)]


def test_resnet_stages() -> None:
    # He et al., table 1: outputs of 112, 56, 28, 14, 7 and blocks of 3, 4, 6, 3.
    network = build("resnet50")
    assert network["conv1"].output_shape == (64, 112, 112)
    for stage, (blocks, channels, size) in enumerate(
        ((3, 256, 56), (4, 512, 28), (6, 1024, 14), (3, 2048, 7)), start=2
    ):
        assert network[f"add{stage}_{blocks}"].output_shape == (channels, size, size)
        assert f"conv{stage}_{blocks + 1}a" not in network
    assert network["fc"].input_shapes == ((2048, 1, 1),)
    # Fifty: those with weights but for the four shortcuts.
    assert len([at for at in network if at.weights and "shortcut" not in at.name]) == 50


@pytest.mark.parametrize(("name", "strided", "size"), [("resnet50", "a", 28), ("resnet50_v1_5", "b", 56)])
def test_resnet_strides_in_the_right_place(name: str, strided: str, size: int) -> None:
    network = build(name)
    strides = {
        at.name: at.layer.stride
        for at in network
        if isinstance(at.layer, Convolution) and at.layer.stride != (1, 1)
    }
    places = [f"conv{s}_1{end}" for s in (3, 4, 5) for end in (strided, "_shortcut")]
    assert set(strides) == {"conv1", *places}
    assert network["conv3_1a"].output_shape == (128, size, size)
    assert network["conv3_1_shortcut"].inputs == ("relu2_3",)
    assert network["add3_2"].inputs == ("bn3_2c", "relu3_1")


def test_networks_have_their_layers_without_macs() -> None:
    def count(name: str, layer_type: type) -> int:
        return sum(isinstance(at.layer, layer_type) for at in build(name))

    # A ReLU after every layer with weights but the last; in ResNet-50 after a block's a, b and sum.
    assert [count(name, Activation) for name in ("lenet5_caffe", "alexnet", "vgg16")] == [1, 7, 15]
    assert count("resnet50", Activation) == 49
    assert [count(name, Normalization) for name in ("alexnet", "vgg16", "resnet50")] == [2, 0, 53]
    assert build("alexnet")["pool1"].inputs == ("norm1",)


@pytest.mark.parametrize("name", NETWORKS)
def test_input_size_and_classes(name: str) -> None:
    network = build(name, input_size=(230, 260), classes=7)
    image, last = network.layers[0], network.layers[-1]
    assert image.output_shape[1:] == (230, 260)
    assert last.output_shape == (7,)
    assert network.name == name


def test_alexnet_on_224_infers_its_shapes() -> None:
    network = build("alexnet", input_size=224)
    assert network["conv1"].output_shape == (96, 54, 54)
    assert network["fc6"].input_shapes == ((256, 5, 5),)


def test_too_small_an_input_is_refused_where_it_fails() -> None:
    with pytest.raises(WorkloadError) as caught:
        build("alexnet", input_size=32)
    assert str(caught.value) == (
        "network 'alexnet': layer 'pool2': kernel 3x3 is larger than the padded input 2x2; "
        "it is fed by 'norm2' of shape (256, 2, 2)"
    )


def test_the_list_describes_every_network() -> None:
    assert set(NETWORKS) == set(TOTALS)
    for name, entry in NETWORKS.items():
        assert entry().name == name == entry.builder.__name__
        assert "\n" not in entry.description
        assert entry.description and entry.source


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("alexnt", {}, "no network is called 'alexnt'; did you mean 'alexnet'?"),
        ("zzz", {}, f"no network is called 'zzz'; known: {', '.join(TOTALS)}"),
        (3, {}, f"no network is called 3; known: {', '.join(TOTALS)}"),
        ("vgg16", {"clases": 3}, "network 'vgg16' has no option 'clases'; did you mean 'classes'?"),
        ("vgg16", {"classes": 0}, "layer 'fc8': out_features must lie between 1 and 2**31, not 0"),
        ("vgg16", {"input_size": 0}, "layer 'input': input_size must lie between 1 and 2**31, not 0"),
        ("vgg16", {"batch": 0}, "network 'vgg16': batch must lie between 1 and 2**31, not 0"),
    ],
)
def test_refused_with_one_clear_message(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        build(name, **options)
    assert str(caught.value) == message
