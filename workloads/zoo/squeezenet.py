"""SqueezeNet: F. Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, 2016.

Layer names as in the authors' Caffe models.
"""

from __future__ import annotations

from workloads.layers import (
    Activation,
    Concatenation,
    Convolution,
    Dropout,
    GlobalPooling,
    Input,
    Pooling,
    Softmax,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size

_SOURCE = "F. Iandola et al., SqueezeNet, arXiv:1602.07360, 2016"
# Table 2: 57.5 % and 80.3 % of the images right.
_METADATA = Metadata(2016, f"{_SOURCE}, table 1", "ImageNet", 42.5, 19.7)
# The weights that come with torchvision: 58.178 % and 80.624 % right.
_METADATA_11 = Metadata(2016, f"{_SOURCE}; v1.1 of its authors", "ImageNet", 41.822, 19.376)
# Table 1: squeezing 1x1 filters, and of expanding 1x1 and 3x3 filters as many each.
_FIRES = tuple((squeezed, 4 * squeezed) for squeezed in (16, 16, 32, 32, 48, 48, 64, 64))


def squeezenet(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return SqueezeNet 1.0; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    first = Convolution("conv1", 96, 7, stride=2)
    return _squeezenet("squeezenet", _METADATA, first, (4, 8), batch, input_size, classes)


def squeezenet_v1_1(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return SqueezeNet 1.1: a smaller first layer and earlier pooling; arguments as in ``squeezenet``."""
    first = Convolution("conv1", 64, 3, stride=2)
    return _squeezenet("squeezenet_v1_1", _METADATA_11, first, (3, 5), batch, input_size, classes)


def _squeezenet(
    name: str,
    metadata: Metadata,
    first: Convolution,
    pooled: tuple[int, int],
    batch: int,
    input_size: Size,
    classes: int,
) -> Network:
    """Add the first layer, eight fire modules and poolings after those whose numbers are in ``pooled``."""
    net = NetworkBuilder(name, metadata)
    net.add(Input.image("input", 3, input_size))
    net.add(first)
    net.add(Activation("relu_conv1"))
    last = net.add(Pooling("pool1", "max", 3, 2, ceil_mode=True))
    for number, (squeezed, expanded) in enumerate(_FIRES, start=2):
        last = _fire(net, f"fire{number}", squeezed, expanded, last)
        if number in pooled:
            last = net.add(Pooling(f"pool{number}", "max", 3, 2, ceil_mode=True))
    net.add(Dropout("drop9"))
    net.add(Convolution("conv10", classes, 1))
    net.add(Activation("relu_conv10"))
    net.add(GlobalPooling("pool10", "average"))
    net.add(Softmax("prob"))
    return net.build(batch)


def _fire(net: NetworkBuilder, at: str, squeezed: int, expanded: int, source: str) -> str:
    net.add(Convolution(f"{at}/squeeze1x1", squeezed, 1), [source])
    squeeze = net.add(Activation(f"{at}/relu_squeeze1x1"))
    branches = []
    for kernel in (1, 3):
        net.add(
            Convolution(f"{at}/expand{kernel}x{kernel}", expanded, kernel, padding=kernel // 2), [squeeze]
        )
        branches.append(net.add(Activation(f"{at}/relu_expand{kernel}x{kernel}")))
    return net.add(Concatenation(f"{at}/concat"), branches)


NETWORKS = {"squeezenet": squeezenet, "squeezenet_v1_1": squeezenet_v1_1}
