"""ResNets for CIFAR: K. He et al., Deep residual learning for image recognition, CVPR 2016, section 4.2."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workloads.errors import WorkloadError
from workloads.geometry import one_of, whole_number
from workloads.layers import Input
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, classify, convolve, padded_shortcut
from workloads.zoo.resnet import SOURCE, basic, join, projection

WIDTHS = (16, 32, 64)
# A stage of 200 blocks, in 1202 layers, is the longest published.
_MOST_BLOCKS = 1000
SHORTCUTS = ("padding", "projection")
# Error of the best network on CIFAR-10, table 6.
_ERRORS = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}


def resnet_cifar(
    depth: int, batch: int = 1, input_size: Size = 32, classes: int = 10, shortcut: str = "padding"
) -> Network:
    """Return the paper's ResNet for CIFAR of 6n + 2 layers: three stages of n blocks of two 3x3.

    ``shortcut``: where channels grow, "padding" adds channels of zeros (option A, the paper's), "projection"
    is a 1x1 convolution (option B, in many implementations). Raises WorkloadError.
    """
    blocks = stage_blocks(depth, 6, "resnet_cifar")
    one_of(shortcut, SHORTCUTS, "resnet_cifar", "shortcut")
    net = NetworkBuilder(f"resnet{depth}_cifar", Metadata(2015, SOURCE, "CIFAR-10", _ERRORS.get(depth)))
    net.add(Input.image("input", 3, input_size))
    last = convolve(net, "1", WIDTHS[0], 3)
    channels = WIDTHS[0]
    for stage, width in enumerate(WIDTHS, start=2):
        for block in range(1, blocks + 1):
            place = f"{stage}_{block}"
            stride = 2 if width > channels else 1
            branch = basic(net, place, last, width, stride)
            if shortcut == "projection" and width > channels:
                around = projection(net, place, last, width, stride)
            else:
                around = padded_shortcut(net, place, last, width - channels, stride)
            last = join(net, place, branch, around)
            channels = width
    classify(net, classes)
    return net.build(batch)


def stage_blocks(depth: int, layers: int, where: str, rest: int = 2) -> int:
    """Return n for a depth of ``layers`` * n + ``rest``. Raises WorkloadError where there is none."""
    depth = whole_number(depth, where, "depth")
    blocks, left = divmod(depth - rest, layers)
    if left or not 1 <= blocks <= _MOST_BLOCKS:
        raise WorkloadError(
            f"{where}: depth must be {layers}n + {rest} with n from 1 to {_MOST_BLOCKS}, not {depth}"
        )
    return blocks


NETWORKS: dict[str, Callable[..., Network]] = {
    f"resnet{depth}_cifar": partial(resnet_cifar, depth) for depth in _ERRORS
}
