"""ResNeXt: S. Xie et al., Aggregated residual transformations for deep neural networks, CVPR 2017."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workloads.geometry import whole_number
from workloads.metadata import Metadata
from workloads.network import Network
from workloads.zoo.image_parts import Size, chosen
from workloads.zoo.resnet import BOTTLENECKS, imagenet_resnet

_SOURCE = "S. Xie et al., Aggregated residual transformations for deep neural networks, CVPR 2017"
# Errors of tables 3 and 4, one crop; those of 32x8d are of torchvision's first weights.
_ERRORS: dict[str, tuple[float, float | None]] = {
    "resnext50": (22.2, None), "resnext101": (21.2, 5.6),
    "resnext101_64x4d": (20.4, 5.3), "resnext101_32x8d": (20.688, 5.474),
}  # fmt: skip


def resnext(
    depth: int,
    batch: int = 1,
    input_size: Size = 224,
    classes: int = 1000,
    groups: int = 32,
    group_width: int = 4,
) -> Network:
    """Return the ResNeXt of 50, 101 or 152 layers: ResNet's blocks with 3x3 convolutions in groups.

    There are ``groups`` (the cardinality) of ``group_width`` channels in the first stage. Raises
    WorkloadError.
    """
    chosen(depth, BOTTLENECKS, "resnext", "depth")
    whole_number(groups, "resnext", "groups")
    whole_number(group_width, "resnext", "group_width")
    usual = (groups, group_width) == (32, 4)
    name = f"resnext{depth}" if usual else f"resnext{depth}_{groups}x{group_width}d"
    about = Metadata(2016, _SOURCE, "ImageNet", *_ERRORS.get(name, (None, None)))
    return imagenet_resnet(
        name, about, depth, batch, input_size, classes, width=groups * group_width, groups=groups
    )


NETWORKS: dict[str, Callable[..., Network]] = {
    "resnext50": partial(resnext, 50),
    "resnext101": partial(resnext, 101),
    "resnext101_64x4d": partial(resnext, 101, groups=64),
    "resnext101_32x8d": partial(resnext, 101, group_width=8),
}
