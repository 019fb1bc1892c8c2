"""Xception: F. Chollet, Deep learning with depthwise separable convolutions, CVPR 2017; figure 5."""

from __future__ import annotations

from workloads.layers import DepthwiseConvolution, Elementwise, Input, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, activate, classify, convolve

# Table 1: 79.0 % and 94.5 % of the images right.
_METADATA = Metadata(2017, "F. Chollet, Xception, CVPR 2017", "ImageNet", top1_error=21.0, top5_error=5.5)


def xception(batch: int = 1, input_size: Size = 299, classes: int = 1000) -> Network:
    """Return Xception; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    net = NetworkBuilder("xception", _METADATA)
    net.add(Input.image("input", 3, input_size))
    # The two first convolutions are not padded: 299 to 149 to 147.
    convolve(net, "1a", 32, 3, 2, padding=0)
    last = convolve(net, "1b", 64, 3, padding=0)
    # The entry flow's first module is the only one that does not begin with an activation.
    for number, channels in ((2, 128), (3, 256), (4, 728)):
        last = _module(net, str(number), last, (channels, channels), active=number > 2)
    for number in range(5, 13):
        branch = last
        for letter in "abc":
            activate(net, f"{number}{letter}", source=branch)
            branch = _separable(net, f"{number}{letter}", 728)
        last = net.add(Elementwise(f"add{number}", "add"), [branch, last])
    _module(net, "13", last, (728, 1024))
    for letter, channels in (("a", 1536), ("b", 2048)):
        _separable(net, f"14{letter}", channels)
        activate(net, f"14{letter}")
    classify(net, classes)
    return net.build(batch)


def _module(net: NetworkBuilder, at: str, source: str, channels: tuple[int, int], active: bool = True) -> str:
    """Add two separable convolutions and a pooling, and a 1x1 with stride 2 around them."""
    branch = activate(net, f"{at}a", source=source) if active else source
    branch = _separable(net, f"{at}a", channels[0], branch)
    activate(net, f"{at}b")
    _separable(net, f"{at}b", channels[1])
    branch = net.add(Pooling(f"pool{at}", "max", 3, 2, 1))
    shortcut = convolve(net, f"{at}_shortcut", channels[1], 1, 2, source, activation=None)
    return net.add(Elementwise(f"add{at}", "add"), [branch, shortcut])


def _separable(net: NetworkBuilder, at: str, channels: int, source: str | None = None) -> str:
    """Add a 3x3 of every channel alone and a 1x1 of all of them, with nothing between."""
    inputs = None if source is None else [source]
    depthwise = net.add(DepthwiseConvolution(f"depthwise{at}", 3, padding=1, bias=False), inputs)
    return convolve(net, at, channels, 1, source=depthwise, activation=None)


NETWORKS = {"xception": xception}
