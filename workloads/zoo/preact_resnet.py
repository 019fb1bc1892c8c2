"""Pre-activation ResNets: K. He et al., Identity mappings in deep residual networks, ECCV 2016.

Normalization and activation stand before each convolution instead of behind it, figure 4 (e).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from workloads.geometry import one_of
from workloads.layers import Convolution, Elementwise, Input, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import (
    Size,
    chosen,
    classify,
    convolve,
    normalize,
    padded_shortcut,
    same,
)
from workloads.zoo.resnet_cifar import SHORTCUTS, WIDTHS, stage_blocks

_SOURCE = "K. He et al., Identity mappings in deep residual networks, ECCV 2016"
_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}
# Errors of tables 4 (CIFAR-10, 1001 layers with batches of 64) and 5 (ImageNet, one crop of 320 x 320).
_CIFAR_ERRORS = {110: 6.37, 164: 5.46, 1001: 4.62}
_ERRORS = {152: (21.1, 5.5), 200: (20.7, 5.3)}

Steps = Sequence[tuple[int, int, int]]
"""(channels, kernel, stride) of a unit's convolutions."""


def preact_resnet(depth: int, batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return the pre-activation ResNet of 50, 101, 152 or 200 layers for ImageNet.

    Strides are in a bottleneck's first 1x1, as in the ResNets of the earlier paper. Raises WorkloadError.
    """
    chosen(depth, _BLOCKS, "preact_resnet", "depth")
    about = Metadata(2016, _SOURCE, "ImageNet", *_ERRORS.get(depth, (None, None)))
    net = NetworkBuilder(f"preact_resnet{depth}", about)
    net.add(Input.image("input", 3, input_size))
    convolve(net, "1", 64, 7, stride=2)
    # The first unit has its activation right after conv1, before the branches part (appendix).
    last = net.add(Pooling("pool1", "max", 3, stride=2, padding=1))
    for number, blocks in enumerate(_BLOCKS[depth]):
        for block in range(1, blocks + 1):
            steps = _bottleneck(64 * 2**number, 2 if block == 1 and number > 0 else 1)
            shortcut = "projection" if block == 1 else None
            activated = number == 0 and block == 1
            last = unit(net, f"{number + 2}_{block}", last, steps, shortcut, activated=activated)
    normalize(net, "6", last)
    classify(net, classes)
    return net.build(batch)


def preact_resnet_cifar(
    depth: int, batch: int = 1, input_size: Size = 32, classes: int = 10, shortcut: str | None = None
) -> Network:
    """Return the pre-activation ResNet of 9n + 2 layers for CIFAR, of bottlenecks: 164 and 1001 in the paper.

    That of 110 layers has blocks of two 3x3. ``shortcut``, where channels grow: "projection" by a 1x1
    convolution, the bottlenecks' default, or "padding" with zeros, that of the 110 layers. Raises
    WorkloadError.
    """
    bottlenecks = depth != 110
    blocks = stage_blocks(depth, 9 if bottlenecks else 6, "preact_resnet_cifar")
    kind = shortcut or ("projection" if bottlenecks else "padding")
    one_of(kind, SHORTCUTS, "preact_resnet_cifar", "shortcut")
    about = Metadata(2016, _SOURCE, "CIFAR-10", _CIFAR_ERRORS.get(depth))
    net = NetworkBuilder(f"preact_resnet{depth}_cifar", about)
    net.add(Input.image("input", 3, input_size))
    last = net.add(Convolution("conv1", WIDTHS[0], 3, padding=1, bias=False))
    channels = WIDTHS[0]
    for stage, width in enumerate(WIDTHS, start=2):
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            steps = _bottleneck(width, stride) if bottlenecks else ((width, 3, stride), (width, 3, 1))
            added = steps[-1][0] - channels
            last = unit(net, f"{stage}_{block}", last, steps, kind if added else None, added)
            channels += added
    normalize(net, "5", last)
    classify(net, classes)
    return net.build(batch)


def unit(
    net: NetworkBuilder,
    place: str,
    source: str,
    steps: Steps,
    shortcut: str | None,
    added: int = 0,
    *,
    activated: bool = False,
) -> str:
    """Add a pre-activation residual unit of these convolutions; return the last layer's name.

    ``shortcut``: "projection" of the activated input, "padding" of the input by ``added`` channels, or None
    where it is the input. ``activated``: the input is activated already.
    """
    first = source if activated else normalize(net, f"{place}a", source)
    branch = first
    for letter, (channels, kernel, stride) in zip("abc", steps, strict=False):
        if letter != "a":
            branch = normalize(net, f"{place}{letter}")
        layer = Convolution(f"conv{place}{letter}", channels, kernel, stride, same(kernel), bias=False)
        branch = net.add(layer, [branch])
    outputs, stride = steps[-1][0], max(stride for *_, stride in steps)
    around = source
    if shortcut == "projection":
        around = net.add(Convolution(f"conv{place}_shortcut", outputs, 1, stride, bias=False), [first])
    elif shortcut == "padding":
        around = padded_shortcut(net, place, source, added, stride)
    return net.add(Elementwise(f"add{place}", "add"), [branch, around])


def _bottleneck(width: int, stride: int) -> Steps:
    return (width, 1, stride), (width, 3, 1), (4 * width, 1, 1)


NETWORKS: dict[str, Callable[..., Network]] = {
    **{f"preact_resnet{depth}": partial(preact_resnet, depth) for depth in _BLOCKS},
    **{f"preact_resnet{depth}_cifar": partial(preact_resnet_cifar, depth) for depth in _CIFAR_ERRORS},
}
