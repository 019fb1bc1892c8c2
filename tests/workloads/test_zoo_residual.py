"""Residual, dense and mobile networks of the zoo against papers, frameworks and their own structure."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from typing import Any

import networkx as nx
import pytest

from workloads import WorkloadError, zoo
from workloads.layers import (
    Convolution,
    Elementwise,
    Linear,
)
from workloads.network import Network

FAMILIES = (
    "resnet", "resnet_cifar", "preact_resnet", "wide_resnet", "resnext", "densenet", "pyramidnet", "polynet",
    "fractalnet", "mobilenet", "efficientnet", "convnext",
)  # fmt: skip
NAMES = [name for name, entry in zoo.NETWORKS.items() if entry.family in FAMILIES]


@pytest.mark.parametrize("name", NAMES)
def test_input_size_classes_and_batch(name: str) -> None:
    network = zoo.load(name, batch=3, input_size=(130, 170), classes=7)
    assert network.name == name
    assert network.batch == 3
    assert network.layers[0].output_shape == (3, 130, 170)
    assert network.layers[-1].output_shape == (7,)
    assert None not in (network.metadata.year, network.metadata.source, network.metadata.dataset)


@pytest.mark.parametrize(("size", "printed"), [(224, 317), (192, 233), (160, 162), (128, 104)])
def test_slim_leaves_the_first_convolution_out_at_width_075(size: int, printed: int) -> None:
    network = zoo.load("mobilenet_v1", width=0.75, input_size=size)
    assert round((network.macs - network["conv0"].macs) / 1e6) == printed


# --- Depths: layers with weights on the longest path --------------------------------------------------------


def depth(network: Network) -> int:
    """Return the most layers with weights, but for shortcuts, that a path from image to output meets."""
    counted = {at.name: int(at.macs > 0 and "shortcut" not in at.name) for at in network}
    deepest: dict[str, int] = {}
    for name in network.graph:
        before = max((deepest[source] for source in network.graph.predecessors(name)), default=0)
        deepest[name] = before + counted[name]
    return max(deepest.values())


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet18", 18), ("resnet34", 34), ("resnet50", 50), ("resnet101", 101), ("resnet152_v15", 152),
        ("resnet20_cifar", 20), ("resnet44_cifar", 44), ("resnet1202_cifar", 1202), ("preact_resnet200", 200),
        ("preact_resnet110_cifar", 110), ("preact_resnet1001_cifar", 1001), ("resnext101", 101),
        ("densenet121", 121), ("densenet169", 169), ("densenet201", 201), ("pyramidnet110_a48", 110),
        ("pyramidnet164_a270_bottleneck", 164), ("pyramidnet101_a360", 101),
    ],
)  # fmt: skip
def test_depth_is_the_names(name: str, layers: int) -> None:
    assert depth(zoo.load(name)) == layers


def test_depths_counted_otherwise() -> None:
    # 28 are the convolutions, three projections among them; 20 those of the deepest columns, without the
    # classifier.
    wide = zoo.load("wrn_28_10")
    assert sum(isinstance(at.layer, Convolution) for at in wide) == 28
    assert depth(zoo.load("fractalnet20_cifar")) == 20 + 1
    assert depth(zoo.load("fractalnet20_cifar", columns=4)) == 40 + 1


# --- Shapes at well-known places ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "places"),
    [
        # He et al., CVPR 2016, table 1.
        ("resnet34", {"conv1": (64, 112), "add2_3": (64, 56), "add3_4": (128, 28), "add5_3": (512, 7)}),
        ("resnet152", {"add2_3": (256, 56), "add3_8": (512, 28), "add4_36": (1024, 14), "add5_3": (2048, 7)}),
        ("resnet56_cifar", {"add2_9": (16, 32), "add3_9": (32, 16), "add4_9": (64, 8)}),
        ("preact_resnet1001_cifar", {"add2_111": (64, 32), "add3_111": (128, 16), "add4_111": (256, 8)}),
        ("wrn_28_10", {"add2_4": (160, 32), "add3_4": (320, 16), "add4_4": (640, 8)}),
        # Xie et al., table 1: 128 to 1024 channels inside, 256 to 2048 outside.
        ("resnext50", {"conv2_1b": (128, 56), "add2_3": (256, 56), "conv5_3b": (1024, 7)}),
        # Huang et al., table 1, k = 32.
        ("densenet121", {"concat2_6": (256, 56), "pool2": (128, 28), "concat3_12": (512, 28)}),
        ("densenet121", {"bn6": (1024, 7)}),
        ("densenet169", {"bn6": (1664, 7)}),
        ("densenet201", {"bn6": (1920, 7)}),
        # The authors' table: 64, 100, 286 and 1144 output channels.
        ("pyramidnet110_a48", {"add2_18": (32, 32), "add4_18": (64, 8)}),
        ("pyramidnet110_a84", {"add4_18": (100, 8)}),
        ("pyramidnet110_a270", {"add4_18": (286, 8)}),
        ("pyramidnet164_a270_bottleneck", {"add4_18": (1144, 8)}),
        ("pyramidnet200_a300", {"add5_3": (1456, 7)}),
        ("polynet", {"join6": (384, 39), "add_a10": (384, 39), "add_b20": (1152, 19), "add_c10": (2048, 9)}),
        ("fractalnet20_cifar", {"join1": (64, 16), "join2": (128, 8), "join5": (512, 1)}),
        # Howard et al., table 1; Sandler et al., table 2; Howard et al. (v3), tables 1 and 2.
        ("mobilenet_v1", {"conv0": (32, 112), "conv6_dw": (256, 14), "conv11_pw": (512, 14)}),
        ("mobilenet_v1_025_128", {"conv0": (8, 64), "conv13_pw": (256, 4)}),
        ("mobilenet_v2", {"conv1_project": (16, 112), "conv4_dw": (144, 28), "conv_last": (1280, 7)}),
        ("mobilenet_v3_large", {"add6": (40, 28), "conv12_dw": (672, 14), "conv_last": (960, 7)}),
        ("mobilenet_v3_small", {"scale1": (16, 56), "add6": (40, 14), "conv_last": (576, 7)}),
        # Tan and Le, table 1.
        ("efficientnet_b0", {"conv2_1_project": (16, 112), "add5_3": (80, 14), "conv9": (1280, 7)}),
        ("convnext_t", {"stem": (96, 56), "conv3_9_expand": (1536, 14), "add4_3": (768, 7)}),
    ],
)  # fmt: skip
def test_shapes(name: str, places: dict[str, tuple[int, int]]) -> None:
    network = zoo.load(name)
    for layer, (channels, size) in places.items():
        assert network[layer].output_shape == (channels, size, size), layer


@pytest.mark.parametrize(("name", "letter"), [("resnet50", "a"), ("resnet50_v15", "b"), ("resnext50", "b")])
def test_strides_in_the_right_place(name: str, letter: str) -> None:
    network = zoo.load(name)
    strided = {at.name for at in network if isinstance(at.layer, Convolution) and at.layer.stride != (1, 1)}
    assert strided == {"conv1", *(f"conv{s}_1{end}" for s in (3, 4, 5) for end in (letter, "_shortcut"))}


def test_shortcuts_go_around_their_blocks() -> None:
    plain, before = zoo.load("resnet50"), zoo.load("preact_resnet50")
    assert plain["add3_1"].inputs == ("bn3_1c", "bn3_1_shortcut")
    assert plain["add3_2"].inputs == ("bn3_2c", "relu3_1")
    assert plain["conv3_1_shortcut"].inputs == ("relu2_3",)
    # Pre-activated: the projection takes what the block's first convolution takes, an identity the bare sum.
    assert before["add3_2"].inputs == ("conv3_2c", "add3_1")
    assert before["conv3_1_shortcut"].inputs == before["conv3_1a"].inputs == ("relu3_1a",)
    assert before["conv2_1a"].inputs == ("pool1",)


def test_padded_shortcuts_have_no_weights() -> None:
    network = zoo.load("resnet20_cifar")
    assert network["add3_1"].inputs == ("bn3_1b", "pad3_1")
    assert network["pad3_1"].input_shapes == ((16, 16, 16),)
    assert network["pad3_1"].output_shape == (32, 16, 16)
    assert network["add3_2"].inputs == ("bn3_2b", "relu3_1")
    assert not [at for at in network if "shortcut" in at.name]


def test_densenet_layers_see_all_before_them() -> None:
    network = zoo.load("densenet121")
    for layer in range(1, 25):
        assert network[f"conv4_{layer}a"].input_shapes[0][0] == 256 + 32 * (layer - 1)
    assert nx.has_path(network.graph, "conv4_1b", "conv4_24a")


def test_polynet_powers_share_their_weights() -> None:
    network = zoo.load("polynet")
    for power in (2, 3):
        assert network[f"conv_b1_{power}_1a"].shares == "conv_b1_1_1a"
        assert network[f"conv_b1_{power}_up"].shares is None
    assert network["add_b1"].inputs == ("join_a_reduction", *(f"bn_b1_{power}_up" for power in (1, 2, 3)))
    assert network["add_b2"].inputs == ("relu_b1", "bn_b2_1_up", "bn_b2_2_up")
    unshared = sum(at.weights for at in network)
    # Ten and five modules apply the chains of their block two times more.
    chains = [
        sum(network[f"conv_{stage}1_1_{place}"].weights for place in ("1a", "1b", "1c", "2a"))
        for stage in "bc"
    ]
    assert unshared - network.weights == 2 * (10 * chains[0] + 5 * chains[1])


def test_mobilenets_gate_and_add_where_the_papers_do() -> None:
    large = zoo.load("mobilenet_v3_large")
    gated = {int(at.name[5:]) for at in large if at.name.startswith("scale")}
    assert gated == {4, 5, 6, 11, 12, 13, 14, 15}
    assert large["scale4"].inputs == ("relu4_dw", "gate4")
    added = {at.name for at in zoo.load("mobilenet_v2") if isinstance(at.layer, Elementwise)}
    assert added == {f"add{block}" for block in (3, 5, 6, 8, 9, 10, 12, 13, 15, 16)}


# --- Arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "deep", "size", "params"),
    [
        (1.1, 1.2, 260, 9109994), (1.2, 1.4, 300, 12233232), (1.4, 1.8, 380, 19341616),
        (1.6, 2.2, 456, 30389784), (1.8, 2.6, 528, 43040704),
    ],
)  # fmt: skip
def test_larger_efficientnets(width: float, deep: float, size: int, params: int) -> None:
    # torchvision, EfficientNet_B2_Weights to EfficientNet_B6_Weights, num_params.
    assert zoo.load("efficientnet_b0", width=width, depth=deep, input_size=size).params == params


def test_metadata_is_that_of_the_variant() -> None:
    assert zoo.load("resnet50").metadata.top1_error == 22.85
    assert zoo.load("mobilenet_v1_050_160").metadata.top5_error == 18.1
    assert zoo.load("resnet50", batch=2, classes=1000).metadata.top1_error == 22.85


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet50", {"classes": 10}),
        ("resnet50", {"input_size": 64}),
        ("mobilenet_v1", {"width": 0.6}),
        ("efficientnet_b0", {"depth": 1.1}),
    ],
)
def test_errors_are_those_of_the_network_without_options(name: str, options: dict[str, float]) -> None:
    plain, other = zoo.load(name).metadata, zoo.load(name, **options).metadata
    assert plain.top1_error is not None and plain.top5_error is not None
    assert other == replace(plain, top1_error=None, top5_error=None)


def test_growth_of_densenet() -> None:
    assert zoo.load("densenet121", growth=12)["bn6"].output_shape[0] == 384
    assert zoo.load("resnext50", groups=64, group_width=8).name == "resnext50_64x8d"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "resnet20_cifar",
            {"shortcut": "projektion"},
            "resnet_cifar: shortcut='projektion' is unknown; did you mean",
        ),
        ("preact_resnet110_cifar", {"shortcut": 1}, "preact_resnet_cifar: shortcut=1 is unknown"),
        ("wrn_28_10", {"depth": 27}, "wrn_28_10: depth must be 6n + 4 with n from 1 to 1000, not 27"),
        ("wrn_28_10", {"depth": 10**9 * 6 + 4}, "wrn_28_10: depth must lie between 1 and 2**31"),
        ("wrn_28_10", {"width": 2.5}, "wrn_28_10: width must be a whole number, not 2.5"),
        ("resnext50", {"groups": 0}, "resnext: groups must lie between 1"),
        ("densenet121", {"growth": "12"}, "densenet: growth must be a whole number, not '12'"),
        ("fractalnet20_cifar", {"columns": 99}, "fractalnet: columns must be at most 10, not 99"),
        ("mobilenet_v1", {"width": 0}, "mobilenet_v1: width must be a number above 0 and at most 100, not 0"),
        (
            "mobilenet_v1_075_192",
            {"width": math.nan},
            "mobilenet_v1: width must be a number above 0 and at most 100, not nan",
        ),
        (
            "mobilenet_v2",
            {"width": True},
            "mobilenet_v2: width must be a number above 0 and at most 100, not True",
        ),
        (
            "mobilenet_v3_small",
            {"width": "wide"},
            "mobilenet_v3_small: width must be a number above 0 and at most 100, not 'wide'",
        ),
        (
            "efficientnet_b0",
            {"depth": math.inf},
            "efficientnet_b0: depth must be a number above 0 and at most 100, not inf",
        ),
        ("convnext_t", {"input_size": 16}, "layer 'down4': kernel 2x2 is larger"),
        ("polynet", {"input_size": 40}, "kernel 3x3 is larger than the padded input"),
        ("resnet50", {"classes": 0}, "layer 'fc': out_features must lie between 1"),
    ],
)
def test_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        zoo.load(name, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("family", "builder", "arguments", "message"),
    [
        ("resnet", "resnet", (51,), "resnet: depth must be one of 18, 34, 50, 101, 152, not 51"),
        ("resnet", "resnet_v15", (18,), "resnet_v15: depth must be one of 50, 101, 152, not 18"),
        (
            "resnet_cifar",
            "resnet_cifar",
            (21,),
            "resnet_cifar: depth must be 6n + 2 with n from 1 to 1000, not 21",
        ),
        ("resnext", "resnext", ("50",), "resnext: depth must be one of 50, 101, 152, not '50'"),
        ("pyramidnet", "pyramidnet_cifar", (110, 0, False), "pyramidnet: alpha must lie between 1"),
        (
            "pyramidnet",
            "pyramidnet_cifar",
            (110, 48, 1),
            "pyramidnet: bottleneck must be True or False, not 1",
        ),
        ("pyramidnet", "pyramidnet", (50, 300), "pyramidnet: depth must be one of 101, 200, not 50"),
    ],
)
def test_builders_refuse(family: str, builder: str, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        getattr(importlib.import_module(f"workloads.zoo.{family}"), builder)(*arguments)
    assert message in str(caught.value)


def test_linear_layers_are_the_classifiers() -> None:
    for name in ("resnet18", "mobilenet_v2", "convnext_t"):
        assert [at.name for at in zoo.load(name) if isinstance(at.layer, Linear)] == ["fc"]
