"""ResNet: K. He et al., Deep residual learning for image recognition, CVPR 2016; sizes from its table 1.

Names say stage, block and place: conv3_2b is the second convolution of the second block of stage conv3.
"""

from __future__ import annotations

from workloads.layers import (
    Activation,
    Convolution,
    Elementwise,
    GlobalPooling,
    Input,
    Linear,
    Normalization,
    Pooling,
    Softmax,
)
from workloads.network import Network, NetworkBuilder

# Table 1: blocks in stages conv2 to conv5 by depth, and the width of each stage's 3x3 convolutions.
_BLOCKS = {50: (3, 4, 6, 3)}
_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4  # a bottleneck's outputs over its width: 256 over 64 in stage conv2


def resnet50(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return the paper's ResNet-50, whose stages conv3 to conv5 begin with a stride in the first 1x1.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    return _resnet("resnet50", 50, "a", batch, input_size, classes)


def resnet50_v1_5(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return the ResNet-50 of torchvision, with the stride in the 3x3: more MACs, the same weights."""
    return _resnet("resnet50_v1_5", 50, "b", batch, input_size, classes)


def _resnet(
    name: str, depth: int, strided: str, batch: int, input_size: int | tuple[int, int], classes: int
) -> Network:
    net = NetworkBuilder(name)
    net.add(Input.image("input", 3, input_size))
    _convolve(net, "1", 64, 7, stride=2)
    net.add(Activation("relu1"))
    # Padded by one, the 3x3 pooling takes 112 to 56 as in table 1.
    last = net.add(Pooling("pool1", "max", 3, stride=2, padding=1))
    for stage, (blocks, width) in enumerate(zip(_BLOCKS[depth], _WIDTHS, strict=True), start=2):
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            last = _bottleneck(net, f"{stage}_{block}", last, width, stride, strided, projected=block == 1)
    net.add(GlobalPooling("pool5", "average"))
    net.add(Linear("fc", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


def _bottleneck(
    net: NetworkBuilder, block: str, source: str, width: int, stride: int, strided: str, projected: bool
) -> str:
    """Add 1x1, 3x3, 1x1 and the shortcut around them (figure 5, right); return the last layer's name."""
    branch = source
    for letter, channels, kernel in (("a", width, 1), ("b", width, 3), ("c", _EXPANSION * width, 1)):
        steps = stride if letter == strided else 1
        branch = _convolve(net, block + letter, channels, kernel, steps, branch)
        if letter != "c":
            branch = net.add(Activation(f"relu{block}{letter}"))
    shortcut = source
    if projected:
        shortcut = _convolve(net, f"{block}_shortcut", _EXPANSION * width, 1, stride, source)
    net.add(Elementwise(f"add{block}", "add"), [branch, shortcut])
    return net.add(Activation(f"relu{block}"))


def _convolve(
    net: NetworkBuilder, place: str, channels: int, kernel: int, stride: int, source: str | None = None
) -> str:
    """Add a convolution that keeps the map's size but for its stride, and its batch normalization."""
    inputs = None if source is None else [source]
    net.add(Convolution(f"conv{place}", channels, kernel, stride, padding=kernel // 2, bias=False), inputs)
    return net.add(Normalization(f"bn{place}", "batch"))
