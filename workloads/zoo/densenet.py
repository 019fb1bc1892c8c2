"""DenseNet: G. Huang et al., Densely connected convolutional networks, CVPR 2017; sizes from its table 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workloads.geometry import whole_number
from workloads.layers import Concatenation, Convolution, Input, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, chosen, classify, convolve, normalize

_SOURCE = "G. Huang et al., Densely connected convolutional networks, CVPR 2017"
# Layers of two convolutions in each dense block, by depth.
_BLOCKS = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
_ERRORS = {121: (25.02, 7.71), 169: (23.80, 6.85), 201: (22.58, 6.34)}  # table 3, one crop
_BOTTLENECK = 4  # a layer's 1x1 makes four times the growth rate


def densenet(
    depth: int, batch: int = 1, input_size: Size = 224, classes: int = 1000, growth: int = 32
) -> Network:
    """Return the DenseNet-BC of 121, 169 or 201 layers for ImageNet.

    Every layer of a dense block sees all earlier ones of it and adds ``growth`` channels; the network starts
    with twice as many, and transitions between blocks halve them. Raises WorkloadError.
    """
    chosen(depth, _BLOCKS, "densenet", "depth")
    whole_number(growth, "densenet", "growth")
    net = NetworkBuilder(f"densenet{depth}", Metadata(2016, _SOURCE, "ImageNet", *_ERRORS[depth]))
    net.add(Input.image("input", 3, input_size))
    channels = 2 * growth
    convolve(net, "1", channels, 7, stride=2)
    last = net.add(Pooling("pool1", "max", 3, stride=2, padding=1))
    for stage, layers in enumerate(_BLOCKS[depth], start=2):
        for layer in range(1, layers + 1):
            last = _dense_layer(net, f"{stage}_{layer}", last, growth)
        channels += layers * growth
        if stage <= len(_BLOCKS[depth]):
            normalize(net, f"{stage}_transition")
            channels //= 2
            net.add(Convolution(f"conv{stage}_transition", channels, 1, bias=False))
            last = net.add(Pooling(f"pool{stage}", "average", 2))
    normalize(net, "6")
    classify(net, classes)
    return net.build(batch)


def _dense_layer(net: NetworkBuilder, place: str, source: str, growth: int) -> str:
    """Add 1x1 and 3x3 convolutions, and their outputs behind those of the layers before."""
    normalize(net, f"{place}a", source)
    net.add(Convolution(f"conv{place}a", _BOTTLENECK * growth, 1, bias=False))
    normalize(net, f"{place}b")
    new = net.add(Convolution(f"conv{place}b", growth, 3, padding=1, bias=False))
    return net.add(Concatenation(f"concat{place}"), [source, new])


NETWORKS: dict[str, Callable[..., Network]] = {
    f"densenet{depth}": partial(densenet, depth) for depth in _BLOCKS
}
