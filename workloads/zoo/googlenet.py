"""GoogLeNet: C. Szegedy et al., Going deeper with convolutions, CVPR 2015; sizes from its table 1.

Layer names as in Caffe's model, without the heads that are there only for training.
"""

from __future__ import annotations

from typing import NamedTuple

from workloads.layers import (
    Activation,
    Concatenation,
    Convolution,
    Dropout,
    GlobalPooling,
    Input,
    Linear,
    Normalization,
    Pooling,
    Softmax,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, convolve
from workloads.zoo.inception_parts import finish

_SOURCE = "C. Szegedy et al., Going deeper with convolutions, CVPR 2015"
# Table 3: one model, one crop; no top-1 error is printed.
_METADATA = Metadata(2014, _SOURCE, "ImageNet", top5_error=10.07)
# The weights that come with torchvision: 69.778 % and 89.53 % of the images right.
_TORCHVISION = Metadata(2014, f"{_SOURCE}; torchvision", "ImageNet", 30.222, 10.47)


class _Module(NamedTuple):
    """Filters of a module: 1x1; 3x3 and its reduction; 5x5 and its reduction; 1x1 after the pooling."""

    ones: int
    reduce3: int
    threes: int
    reduce5: int
    fives: int
    pooled: int


# Table 1, a stage's modules in order; a pooling stands between the stages.
_STAGES = {
    3: {"a": _Module(64, 96, 128, 16, 32, 32), "b": _Module(128, 128, 192, 32, 96, 64)},
    4: {
        "a": _Module(192, 96, 208, 16, 48, 64),
        "b": _Module(160, 112, 224, 24, 64, 64),
        "c": _Module(128, 128, 256, 24, 64, 64),
        "d": _Module(112, 144, 288, 32, 64, 64),
        "e": _Module(256, 160, 320, 32, 128, 128),
    },
    5: {"a": _Module(256, 160, 320, 32, 128, 128), "b": _Module(384, 192, 384, 48, 128, 128)},
}


def googlenet(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return GoogLeNet, Inception v1; ``input_size`` is one number or (height, width).

    Raises WorkloadError.
    """
    net = NetworkBuilder("googlenet", _METADATA)
    net.add(Input.image("input", 3, input_size))
    _convolve(net, "conv1/7x7_s2", 64, 7, stride=2)
    net.add(Pooling("pool1/3x3_s2", "max", 3, 2, ceil_mode=True))
    net.add(Normalization("pool1/norm1", "local_response"))
    _convolve(net, "conv2/3x3_reduce", 64, 1)
    last = _convolve(net, "conv2/3x3", 192, 3)
    net.add(Normalization("conv2/norm2", "local_response"))
    for stage, modules in _STAGES.items():
        last = net.add(Pooling(f"pool{stage - 1}/3x3_s2", "max", 3, 2, ceil_mode=True))
        for letter, module in modules.items():
            last = _inception(net, f"inception_{stage}{letter}", module, last)
    net.add(GlobalPooling("pool5/7x7_s1", "average"))
    net.add(Dropout("pool5/drop_7x7_s1"))
    net.add(Linear("loss3/classifier", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


def googlenet_torchvision(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return the GoogLeNet of torchvision: batch normalization, and 3x3 where the paper has 5x5.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("googlenet_torchvision", _TORCHVISION)
    net.add(Input.image("input", 3, input_size))
    convolve(net, "1", 64, 7, 2)
    net.add(Pooling("pool1", "max", 3, 2, ceil_mode=True))
    convolve(net, "2", 64, 1)
    convolve(net, "3", 192, 3)
    for stage, modules in _STAGES.items():
        # The last pooling is 2x2, unlike those before.
        last = net.add(Pooling(f"pool{stage}", "max", 2 if stage == 5 else 3, 2, ceil_mode=True))
        for letter, module in modules.items():
            last = _normalized_inception(net, f"{stage}{letter}", module, last)
    finish(net, classes)
    return net.build(batch)


def _inception(net: NetworkBuilder, at: str, module: _Module, source: str) -> str:
    """Add the four branches of figure 2(b) and join them; return the last layer's name."""
    ones = _convolve(net, f"{at}/1x1", module.ones, 1, source=source)
    _convolve(net, f"{at}/3x3_reduce", module.reduce3, 1, source=source)
    threes = _convolve(net, f"{at}/3x3", module.threes, 3)
    _convolve(net, f"{at}/5x5_reduce", module.reduce5, 1, source=source)
    fives = _convolve(net, f"{at}/5x5", module.fives, 5)
    net.add(Pooling(f"{at}/pool", "max", 3, 1, 1), [source])
    pooled = _convolve(net, f"{at}/pool_proj", module.pooled, 1)
    return net.add(Concatenation(f"{at}/output"), [ones, threes, fives, pooled])


def _normalized_inception(net: NetworkBuilder, at: str, module: _Module, source: str) -> str:
    ones = convolve(net, f"{at}_1", module.ones, 1, source=source)
    convolve(net, f"{at}_2a", module.reduce3, 1, source=source)
    threes = convolve(net, f"{at}_2b", module.threes, 3)
    convolve(net, f"{at}_3a", module.reduce5, 1, source=source)
    fives = convolve(net, f"{at}_3b", module.fives, 3)
    net.add(Pooling(f"pool{at}", "max", 3, 1, 1, ceil_mode=True), [source])
    pooled = convolve(net, f"{at}_4", module.pooled, 1)
    return net.add(Concatenation(f"join{at}"), [ones, threes, fives, pooled])


def _convolve(
    net: NetworkBuilder, name: str, channels: int, kernel: int, stride: int = 1, source: str | None = None
) -> str:
    """Add a convolution that keeps the map's size but for its stride, and its activation."""
    inputs = None if source is None else [source]
    net.add(Convolution(name, channels, kernel, stride, padding=kernel // 2), inputs)
    place, _, what = name.rpartition("/")
    return net.add(Activation(f"{place}/relu_{what}"))


NETWORKS = {"googlenet": googlenet, "googlenet_torchvision": googlenet_torchvision}
