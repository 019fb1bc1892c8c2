"""EfficientNet: M. Tan and Q. Le, rethinking model scaling for convolutional networks, ICML 2019, table 1."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from workloads.layers import Input
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, classify, convolve, divisible, multiplier
from workloads.zoo.mobilenet import inverted_residual

_SOURCE = "M. Tan and Q. Le, EfficientNet: rethinking model scaling for convolutional networks, ICML 2019"
_METADATA = Metadata(2019, _SOURCE, "ImageNet", top1_error=22.9, top5_error=6.7)  # table 2
# Expansion, kernel, first stride, output channels and blocks of stages 2 to 8.
_STAGES = (
    (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
)  # fmt: skip


def efficientnet_b0(
    batch: int = 1,
    input_size: Size = 224,
    classes: int = 1000,
    width: float = 1.0,
    depth: float = 1.0,
) -> Network:
    """Return EfficientNet-B0; larger ones by the factors ``width`` on channels and ``depth`` on blocks.

    B1 to B7 have width 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, depth 1.1, 1.2, 1.4, 1.8, 2.2, 2.6, 3.1 and images
    of 240, 260, 300, 380, 456, 528, 600. Raises WorkloadError.
    """
    width = multiplier(width, "efficientnet_b0", "width")
    depth = multiplier(depth, "efficientnet_b0", "depth")
    net = NetworkBuilder("efficientnet_b0", _METADATA)
    net.add(Input.image("input", 3, input_size))
    channels = divisible(32 * width)
    last = convolve(net, "1", channels, 3, stride=2, activation="silu")
    for stage, (expansion, kernel, first_stride, wide, blocks) in enumerate(_STAGES, start=2):
        for block in range(1, ceil(depth * blocks) + 1):
            widths = (channels, expansion * channels, divisible(wide * width))
            stride = first_stride if block == 1 else 1
            # The gate's hidden layer is a quarter of the block's input, not of what it expands to.
            gate = (max(1, channels // 4), "silu", "sigmoid")
            last = inverted_residual(net, f"{stage}_{block}", last, widths, kernel, stride, "silu", gate)
            channels = widths[2]
    convolve(net, "9", divisible(1280 * width), 1, activation="silu")
    classify(net, classes)
    return net.build(batch)


NETWORKS: dict[str, Callable[..., Network]] = {"efficientnet_b0": efficientnet_b0}
