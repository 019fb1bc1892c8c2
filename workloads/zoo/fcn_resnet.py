"""Segmentation as torchvision has it: J. Long et al.'s fully convolutional networks, on dilated ResNets.

The last two stages keep the map at an eighth of the image, by dilated instead of strided convolutions (F. Yu
et al., Dilated residual networks, CVPR 2017). The class scores are enlarged by interpolation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workloads.geometry import sizes, true_or_false
from workloads.layers import Convolution, Dropout, Resize, Softmax
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, chosen, convolve
from workloads.zoo.resnet import BOTTLENECKS, add_stages

_METADATA = Metadata(
    2019,
    "torchvision; J. Long et al., Fully convolutional networks, CVPR 2015",
    "COCO, classes of PASCAL VOC",
)


def fcn_resnet(
    depth: int, batch: int = 1, input_size: Size = 520, classes: int = 21, auxiliary: bool = False
) -> Network:
    """Return an FCN on the ResNet v1.5 of 50, 101 or 152 layers, whose last two stages are dilated.

    ``auxiliary`` adds the second classifier on the fourth stage, which only training needs. ``input_size`` is
    one number or (height, width), ``classes`` are with the background. Raises WorkloadError.
    """
    chosen(depth, BOTTLENECKS, "fcn_resnet", "depth")
    name = f"fcn_resnet{depth}"
    extent = sizes(input_size, 2, f"network {name!r}", "input_size")
    net = NetworkBuilder(name, _METADATA)
    *_, fourth, last = add_stages(net, depth, input_size, dilated=2)
    if true_or_false(auxiliary, name, "auxiliary"):
        _score(net, "_aux", fourth, 256, classes)
        net.add(Resize("upscore_aux", "linear", extent))
    _score(net, "", last, 512, classes)
    net.add(Resize("upscore", "linear", extent))
    net.add(Softmax("prob"))
    return net.build(batch)


def _score(net: NetworkBuilder, which: str, source: str, channels: int, classes: int) -> None:
    convolve(net, f"{which}_head", channels, 3, source=source)
    net.add(Dropout(f"drop{which}"))
    net.add(Convolution(f"score{which}", classes, 1))


NETWORKS: dict[str, Callable[..., Network]] = {
    f"fcn_resnet{depth}": partial(fcn_resnet, depth) for depth in (50, 101)
}
"""The builders of this file by name."""
