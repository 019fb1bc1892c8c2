"""Classification networks up to Inception: shapes at well-known places, arguments, and how others count."""

from __future__ import annotations

from math import prod

import pytest

from workloads import (
    Concatenation,
    Convolution,
    DepthwiseConvolution,
    Input,
    NetworkBuilder,
    Pooling,
    WorkloadError,
    build,
)
from workloads.zoo import inception_v2, vgg

CLASSIC = (
    *("lenet5", "lenet5_dense", "lenet5_caffe", "alexnet", "alexnet_ungrouped", "alexnet_torchvision"),
    *("overfeat_fast", "zfnet", "zfnet_wide", "vgg11", "vgg13", "vgg16_1x1", "vgg16", "vgg19"),
    *("googlenet", "googlenet_torchvision", "inception_v2", "inception_v3", "inception_v4"),
    *("inception_resnet_v2", "xception", "squeezenet", "squeezenet_v1_1"),
    *("shufflenet_v1", "shufflenet_v1_g1", "shufflenet_v1_g8"),
)


# Maps as the papers' tables and figures draw them.
SHAPES = {
    "lenet5": {"c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5), "f6": (84,)},
    "alexnet_torchvision": {"conv1": (64, 55, 55), "conv2": (192, 27, 27), "avgpool": (256, 6, 6)},
    "overfeat_fast": {
        "conv1": (96, 56, 56),
        "conv2": (256, 24, 24),
        "conv3": (512, 12, 12),
        "pool5": (1024, 6, 6),
    },
    "zfnet": {"conv1": (96, 110, 110), "pool1": (96, 55, 55), "conv2": (256, 26, 26), "pool5": (256, 6, 6)},
    "zfnet_wide": {"conv4": (1024, 13, 13), "pool5": (512, 6, 6)},
    "vgg19": {"conv3_4": (256, 56, 56), "conv5_4": (512, 14, 14), "pool5": (512, 7, 7)},
    "googlenet": {
        "conv1/7x7_s2": (64, 112, 112),
        "inception_3a/output": (256, 28, 28),
        "inception_4e/output": (832, 14, 14),
        "inception_5b/output": (1024, 7, 7),
    },
    "inception_v2": {"pool2": (192, 28, 28), "join3c": (576, 14, 14), "join4e": (1056, 7, 7)},
    "inception_v3": {"pool2": (192, 35, 35), "join5d": (288, 35, 35), "join6e": (768, 17, 17)},
    "inception_v4": {"join6": (384, 35, 35), "joina_down": (1024, 17, 17)},
    "inception_resnet_v2": {"join6a": (1088, 17, 17), "join7a": (2080, 8, 8), "bn7b": (1536, 8, 8)},
    "xception": {"relu1b": (64, 147, 147), "add3": (256, 37, 37), "add12": (728, 19, 19)},
    "squeezenet": {"conv1": (96, 109, 109), "fire2/concat": (128, 54, 54), "fire9/concat": (512, 13, 13)},
    "shufflenet_v1": {"pool1": (24, 56, 56), "join2_1": (240, 28, 28), "add4_4": (960, 7, 7)},
}


@pytest.mark.parametrize("name", SHAPES)
def test_well_known_places(name: str) -> None:
    network = build(name)
    shapes = {layer: network[layer].output_shape for layer in SHAPES[name]}
    assert shapes == SHAPES[name]


def test_lenet_c3_sees_the_maps_of_table_1() -> None:
    layer = build("lenet5")["c3"].layer
    assert isinstance(layer, Convolution) and layer.table is not None
    # LeCun et al., table I, column by column: 0 to 2, ..., 5 0 1; 0 to 3, ...; 0 1 3 4, ...; all.
    assert layer.table[:6] == ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5))
    assert layer.table[6:12] == (
        (0, 1, 2, 3),
        (1, 2, 3, 4),
        (2, 3, 4, 5),
        (0, 3, 4, 5),
        (0, 1, 4, 5),
        (0, 1, 2, 5),
    )
    assert layer.table[12:] == ((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5))
    assert sum(map(len, layer.table)) == 60


def test_lenet_connections() -> None:
    # Section II.B: 122,304 connections in C1, 5,880 in S2, 151,600 in C3, 2,000 in S4, 48,120 in C5, 10,164
    # in F6; 340,908 with the 840 of the output.
    network = build("lenet5")
    connections = {
        name: network[name].macs + (prod(network[name].output_shape) if network[name].biases else 0)
        for name in ("c1", "c3", "c5", "f6", "output")
    }
    assert connections == {"c1": 122_304, "c3": 151_600, "c5": 48_120, "f6": 10_164, "output": 840}
    subsampled = [prod(network[name].output_shape) * 5 for name in ("s2", "s4")]  # four inputs and a bias
    assert subsampled == [5_880, 2_000]
    assert sum(connections.values()) + sum(subsampled) == 340_908


def test_googlenet_with_poolings_that_round_down_has_the_surveys_macs() -> None:
    # 1.43 G in V. Sze et al., Proc. IEEE, 2017, table II.
    network = build("googlenet")
    rebuilt = NetworkBuilder("rounded_down")
    for at in network:
        layer = at.layer
        if isinstance(layer, Pooling) and layer.stride == (2, 2):
            layer = Pooling(layer.name, layer.kind, layer.kernel, layer.stride, layer.padding)
        rebuilt.add(layer, at.inputs)
    assert round(rebuilt.build().macs / 1e9, 2) == 1.43


def test_inception_v3_with_its_auxiliary_classifier() -> None:
    network = build("inception_v3", auxiliary=True)
    assert network["aux_fc"].output_shape == (1000,)
    assert network.params - build("inception_v3").params == 3_326_696  # 27,161,264 in torchvision
    assert network["aux_pool"].inputs == ("join6e",)


def test_branches_begin_at_the_same_place() -> None:
    network = build("googlenet")
    firsts = ("1x1", "3x3_reduce", "5x5_reduce", "pool")
    assert {network[f"inception_4a/{first}"].inputs for first in firsts} == {("pool3/3x3_s2",)}
    joined = [at for at in network if isinstance(at.layer, Concatenation)]
    assert len(joined) == 9 and all(len(at.inputs) == 4 for at in joined)


def test_xception_adds_twelve_times() -> None:
    network = build("xception")
    assert sum(at.type == "Elementwise" for at in network) == 12
    # 36 convolutions beside the shortcuts, a depthwise and a 1x1 being one (section 4).
    separable = sum(isinstance(at.layer, DepthwiseConvolution) for at in network)
    assert separable == 34 and "depthwise1a" not in network


def test_shufflenet_shuffles_in_every_unit_with_groups() -> None:
    def shuffles(name: str) -> int:
        return sum(at.type == "Transpose" for at in build(name))

    assert [shuffles(name) for name in ("shufflenet_v1", "shufflenet_v1_g1")] == [16, 0]
    layer = build("shufflenet_v1")["conv2_1a"].layer
    assert isinstance(layer, Convolution) and layer.groups == 1
    assert build("shufflenet_v1", groups=4, input_size=(225, 190))["add4_4"].output_shape == (1088, 8, 6)


def test_parts_that_other_networks_begin_with() -> None:
    net = NetworkBuilder("parts")
    net.add(Input.image("input", 3, 300))
    last = inception_v2.add_modules(net, inception_v2.add_stem(net, slim=True), last="4d", slim=True)
    network = net.build()
    # TensorFlow's slim: Mixed_4e has 576 channels, 19 x 19 from 300 x 300.
    assert network[last].output_shape == (576, 19, 19)
    assert network["depthwise1"].weights + network["conv1"].weights == 3 * 8 * 49 + 24 * 64
    net = NetworkBuilder("parts")
    net.add(Input.image("input", 3, 224))
    assert vgg.add_convolutions(net, "D", 1, first_padding=100) == "relu1_2"
    assert net.build()["conv1_2"].output_shape == (64, 422, 422)


@pytest.mark.parametrize("name", CLASSIC)
def test_batch_size_and_classes(name: str) -> None:
    # The largest of their images, and no square.
    larger = (331, 363)
    network = build(name, batch=3, input_size=larger, classes=7)
    assert network.layers[0].output_shape[1:] == larger
    assert network.layers[-1].output_shape[0] == 7
    assert network.batch == 3


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("shufflenet_v1", {"groups": 5}, "shufflenet_v1: groups must be one of 1, 2, 3, 4, 8, not 5"),
        ("shufflenet_v1", {"input_size": "big"}, "shufflenet_v1: input_size"),
        ("inception_v3", {"auxiliary": 1}, "inception_v3: auxiliary"),
        ("inception_v3", {"auxilary": True}, "has no option 'auxilary'; did you mean 'auxiliary'?"),
        ("inception_v4", {"input_size": 30}, "network 'inception_v4': layer"),
        ("googlenet", {"classes": 0}, "layer 'loss3/classifier': out_features"),
        ("vgg19", {"batch": -1}, "network 'vgg19': batch"),
        ("squeezenet", {"classes": 2.5}, "layer 'conv10': out_channels"),
        ("xception", {"input_size": (299, 0)}, "layer 'input': input_size"),
    ],
)
def test_refused_with_one_clear_message(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        build(name, **options)
    assert message in str(caught.value)
