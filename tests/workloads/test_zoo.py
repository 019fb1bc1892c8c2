"""The zoo's list of networks, and the first networks of it layer by layer."""

from __future__ import annotations

import subprocess
import sys
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
    zoo,
)
from workloads.errors import nearest_name


@pytest.mark.parametrize("name", ["alexnet", "resnet50"])
def test_totals_are_for_the_batch(name: str) -> None:
    once, four = build(name), build(name, batch=4)
    for field in ("macs", "conv_macs", "fc_macs", "operations"):
        assert getattr(four, field) == 4 * getattr(once, field), field
    for field in ("weights", "biases", "affine", "params"):
        assert getattr(four, field) == getattr(once, field), field


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


@pytest.mark.parametrize(("name", "strided", "size"), [("resnet50", "a", 28), ("resnet50_v15", "b", 56)])
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
    for name, entry in NETWORKS.items():
        assert entry.name == name
        assert "\n" not in entry.description and entry.description[0] == entry.description[0].upper()
    described = [entry.description for entry in NETWORKS.values()]
    assert len(set(described)) == len(described)


def test_entries_say_what_they_are() -> None:
    entry = NETWORKS["vgg16"]
    assert (entry.family, entry.description) == ("vgg", "VGG-16, column D")
    assert (entry.metadata.year, entry.source) == (2014, "K. Simonyan and A. Zisserman, ICLR 2015, table 1")
    variant = NETWORKS["shufflenet_v1_g8"].description
    assert variant == (
        "ShuffleNet v1 at full width, its 1x1 convolutions in 1, 2, 3, 4 or 8 groups (groups=8)"
    )


def test_families_are_imported_when_a_name_is_looked_up() -> None:
    code = (
        "import sys, workloads; assert not any(m.startswith('workloads.zoo.') for m in sys.modules); "
        "assert 'vgg16' in workloads.NETWORKS; assert 'workloads.zoo.vgg' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("alexnt", {}, "no network is called 'alexnt'; did you mean 'alexnet'?"),
        ("VGG16", {}, "no network is called 'VGG16'; did you mean 'vgg16'?"),
        ("zzz", {}, f"no network is called 'zzz'; known: {', '.join(zoo.names())}"),
        (3, {}, f"no network is called 3; known: {', '.join(zoo.names())}"),
        ("vgg16", {"clases": 3}, "network 'vgg16' has no option 'clases'; did you mean 'classes'?"),
        ("vgg16", {"classes": 0}, "layer 'fc8': out_features must lie between 1 and 2**31, not 0"),
        ("vgg16", {"input_size": 0}, "layer 'input': input_size must lie between 1 and 2**31, not 0"),
        (
            "shufflenet_v1_g8",
            {"size": 3},
            "network 'shufflenet_v1_g8' has no option 'size'; did you mean 'input_size'?",
        ),
        ("vgg16", {"batch": 0}, "network 'vgg16': batch must lie between 1 and 2**31, not 0"),
    ],
)
def test_refused_with_one_clear_message(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        build(name, **options)
    assert str(caught.value) == message


def test_of_very_many_names_the_first_are_told() -> None:
    assert nearest_name("zzz", [f"a{n}" for n in range(502)]).endswith(", a499 and 2 more")
