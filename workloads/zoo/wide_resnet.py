"""Wide ResNets: S. Zagoruyko and N. Komodakis, Wide residual networks, BMVC 2016."""

from __future__ import annotations

from collections.abc import Callable

from workloads.geometry import whole_number
from workloads.layers import Convolution, Input
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, classify, normalize
from workloads.zoo.preact_resnet import unit
from workloads.zoo.resnet import imagenet_resnet
from workloads.zoo.resnet_cifar import WIDTHS, stage_blocks

_SOURCE = "S. Zagoruyko and N. Komodakis, Wide residual networks, BMVC 2016"


def wrn_28_10(
    batch: int = 1, input_size: Size = 32, classes: int = 10, depth: int = 28, width: int = 10
) -> Network:
    """Return WRN-28-10: pre-activation blocks of two 3x3, ten times as wide as a ResNet for CIFAR.

    ``depth`` is 6n + 4 and ``width`` the factor on its channels, 28 and 10. Raises WorkloadError.
    """
    # Layers are the first convolution, two in each block and three projections: 6n + 4.
    blocks = stage_blocks(depth, 6, "wrn_28_10", 4)
    whole_number(width, "wrn_28_10", "width")
    # CIFAR-10 with moderate augmentation, table 5 of the paper.
    error = 4.00 if (depth, width) == (28, 10) else None
    net = NetworkBuilder(f"wrn_{depth}_{width}", Metadata(2016, _SOURCE, "CIFAR-10", error))
    net.add(Input.image("input", 3, input_size))
    last = net.add(Convolution("conv1", WIDTHS[0], 3, padding=1, bias=False))
    for stage, narrow in enumerate(WIDTHS, start=2):
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            steps = ((width * narrow, 3, stride), (width * narrow, 3, 1))
            last = unit(net, f"{stage}_{block}", last, steps, "projection" if block == 1 else None)
    normalize(net, "5", last)
    classify(net, classes)
    return net.build(batch)


def wide_resnet50_2(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return WRN-50-2-bottleneck: ResNet-50 with inner 3x3 convolutions of twice the width.

    Strides are in the 3x3, as in torchvision. Raises WorkloadError.
    """
    # Errors of table 8, one crop.
    about = Metadata(2016, _SOURCE, "ImageNet", 21.9, 6.03)
    return imagenet_resnet("wide_resnet50_2", about, 50, batch, input_size, classes, width=128)


NETWORKS: dict[str, Callable[..., Network]] = {"wrn_28_10": wrn_28_10, "wide_resnet50_2": wide_resnet50_2}
