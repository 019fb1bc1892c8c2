"""PyramidNet: D. Han, J. Kim and J. Kim, Deep pyramidal residual networks, CVPR 2017.

Every block has a few channels more than the one before, and there is no activation before its first
convolution nor after the sum. Widths and errors as in the authors' code (github.com/jhkim89/PyramidNet,
additive networks): a width is rounded, the sum it comes from is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import floor

from workloads.geometry import true_or_false, whole_number
from workloads.layers import Convolution, Elementwise, Input, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, chosen, classify, convolve, normalize, pad_channels
from workloads.zoo.resnet_cifar import stage_blocks

_SOURCE = "D. Han, J. Kim and J. Kim, Deep pyramidal residual networks, CVPR 2017"
_BLOCKS = {101: (3, 4, 23, 3), 200: (3, 24, 36, 3)}
_EXPANSION = 4  # a bottleneck's outputs over its width
# Top-1 error on CIFAR-10 by (depth, alpha) and top-1 and top-5 on ImageNet, one crop: the authors' tables.
_CIFAR_ERRORS = {
    (110, 48): 4.62, (110, 84): 4.27, (110, 270): 3.73,
    (164, 270): 3.48, (200, 240): 3.44, (236, 220): 3.40, (272, 200): 3.31,
}  # fmt: skip
_ERRORS = {(200, 300): (20.47, 5.29)}


def pyramidnet_cifar(
    depth: int,
    alpha: int,
    bottleneck: bool,
    batch: int = 1,
    input_size: Size = 32,
    classes: int = 10,
) -> Network:
    """Return the additive PyramidNet for CIFAR of 6n + 2 layers, or of 9n + 2 with bottlenecks.

    ``alpha`` is by how many channels all blocks together widen it from 16. Raises WorkloadError.
    """
    whole_number(alpha, "pyramidnet", "alpha")
    true_or_false(bottleneck, "pyramidnet", "bottleneck")
    blocks = stage_blocks(depth, 9 if bottleneck else 6, "pyramidnet")
    name = f"pyramidnet{depth}_a{alpha}{'_bottleneck' if bottleneck else ''}"
    net = NetworkBuilder(name, Metadata(2016, _SOURCE, "CIFAR-10", _CIFAR_ERRORS.get((depth, alpha))))
    net.add(Input.image("input", 3, input_size))
    last = convolve(net, "1", 16, 3, activation=None)
    return _pyramid(net, last, 16, alpha, (blocks,) * 3, bottleneck, classes, batch)


def pyramidnet(
    depth: int, alpha: int, batch: int = 1, input_size: Size = 224, classes: int = 1000
) -> Network:
    """Return the additive PyramidNet for ImageNet of 101 or 200 layers, with bottlenecks.

    ``alpha`` is by how many channels all blocks together widen it from 64. Raises WorkloadError.
    """
    chosen(depth, _BLOCKS, "pyramidnet", "depth")
    whole_number(alpha, "pyramidnet", "alpha")
    about = Metadata(2016, _SOURCE, "ImageNet", *_ERRORS.get((depth, alpha), (None, None)))
    net = NetworkBuilder(f"pyramidnet{depth}_a{alpha}", about)
    net.add(Input.image("input", 3, input_size))
    convolve(net, "1", 64, 7, stride=2)
    last = net.add(Pooling("pool1", "max", 3, stride=2, padding=1))
    return _pyramid(net, last, 64, alpha, _BLOCKS[depth], True, classes, batch)


def _pyramid(
    net: NetworkBuilder,
    last: str,
    start: int,
    alpha: int,
    blocks: Sequence[int],
    bottleneck: bool,
    classes: int,
    batch: int,
) -> Network:
    """Add stages of so many ``blocks`` behind the layer ``last``, and the classifier; return the network."""
    channels, done = start, 0
    for stage, count in enumerate(blocks, start=2):
        for block in range(1, count + 1):
            done += 1
            width = floor(start + alpha * done / sum(blocks) + 0.5)
            stride = 2 if block == 1 and stage > 2 else 1
            outputs = _EXPANSION * width if bottleneck else width
            branch = _branch(net, f"{stage}_{block}", last, width, stride, bottleneck)
            around = _shortcut(net, f"{stage}_{block}", last, outputs - channels, stride)
            last = net.add(Elementwise(f"add{stage}_{block}", "add"), [branch, around])
            channels = outputs
    normalize(net, f"{len(blocks) + 2}")
    classify(net, classes)
    return net.build(batch)


def _branch(net: NetworkBuilder, place: str, source: str, width: int, stride: int, bottleneck: bool) -> str:
    """Add a block's convolutions, figure 6 (d): normalized before the first and after the last."""
    wide = ((width, 3, stride), (width, 3, 1))
    deep = ((width, 1, 1), (width, 3, stride), (_EXPANSION * width, 1, 1))
    normalize(net, f"{place}a", source, activation=None)
    for letter, (channels, kernel, step) in zip("abc", deep if bottleneck else wide, strict=False):
        if letter != "a":
            normalize(net, f"{place}{letter}")
        net.add(Convolution(f"conv{place}{letter}", channels, kernel, step, kernel // 2, bias=False))
    return normalize(net, f"{place}_out", activation=None)


def _shortcut(net: NetworkBuilder, place: str, source: str, added: int, stride: int) -> str:
    """Add averages of 2x2 where the map halves, and channels of zeros."""
    if stride > 1:
        source = net.add(Pooling(f"pool{place}", "average", 2, ceil_mode=True), [source])
    return pad_channels(net, place, source, added)


NETWORKS: dict[str, Callable[..., Network]] = {
    **{f"pyramidnet110_a{alpha}": partial(pyramidnet_cifar, 110, alpha, False) for alpha in (48, 84, 270)},
    **{
        f"pyramidnet{depth}_a{alpha}_bottleneck": partial(pyramidnet_cifar, depth, alpha, True)
        for depth, alpha in ((164, 270), (200, 240), (236, 220), (272, 200))
    },
    "pyramidnet101_a360": partial(pyramidnet, 101, 360),
    "pyramidnet200_a300": partial(pyramidnet, 200, 300),
}
