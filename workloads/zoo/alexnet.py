"""AlexNet: Krizhevsky et al., ImageNet classification with deep convolutional neural networks, NIPS 2012."""

from __future__ import annotations

from workloads.layers import (
    Activation,
    AdaptivePooling,
    Convolution,
    Dropout,
    Input,
    Linear,
    Normalization,
    Pooling,
    Softmax,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder

# Table 2 of the paper, one CNN on the validation set.
_METADATA = Metadata(2012, "A. Krizhevsky et al., NIPS 2012", "ImageNet", top1_error=40.7, top5_error=18.2)
# The weights that come with torchvision: 56.522 % and 79.066 % of the images right.
_TORCHVISION = Metadata(
    2014,
    "A. Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014; torchvision",
    "ImageNet",
    top1_error=43.478,
    top5_error=20.934,
)


def alexnet(batch: int = 1, input_size: int | tuple[int, int] = 227, classes: int = 1000) -> Network:
    """Return AlexNet with conv2, conv4 and conv5 in two groups, as trained on two GPUs.

    ``input_size`` is one number or (height, width); the paper says 224, but its 55 x 55 outputs of conv1 need
    227. Raises WorkloadError.
    """
    return _alexnet("alexnet", 2, batch, input_size, classes)


def alexnet_ungrouped(
    batch: int = 1, input_size: int | tuple[int, int] = 227, classes: int = 1000
) -> Network:
    """Return AlexNet with every filter over all channels; the rest as in ``alexnet``."""
    return _alexnet("alexnet_ungrouped", 1, batch, input_size, classes)


def alexnet_torchvision(
    batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000
) -> Network:
    """Return the AlexNet of torchvision: 64, 192, 384, 256, 256 filters, no groups, no normalization.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("alexnet_torchvision", _TORCHVISION)
    net.add(Input.image("input", 3, input_size))
    convolutions = (
        Convolution("conv1", 64, 11, stride=4, padding=2),
        Convolution("conv2", 192, 5, padding=2),
        Convolution("conv3", 384, 3, padding=1),
        Convolution("conv4", 256, 3, padding=1),
        Convolution("conv5", 256, 3, padding=1),
    )
    for number, convolution in enumerate(convolutions, start=1):
        net.add(convolution)
        net.add(Activation(f"relu{number}"))
        if number in (1, 2, 5):
            net.add(Pooling(f"pool{number}", "max", 3, stride=2))
    net.add(AdaptivePooling("avgpool", "average", 6))
    for number in (6, 7):
        net.add(Dropout(f"drop{number}"))
        net.add(Linear(f"fc{number}", 4096))
        net.add(Activation(f"relu{number}"))
    net.add(Linear("fc8", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


def _alexnet(name: str, groups: int, batch: int, input_size: int | tuple[int, int], classes: int) -> Network:
    # Filters, strides and groups: the paper's section 3.5 and figure 2, the order of layers too.
    convolutions = (
        Convolution("conv1", 96, 11, stride=4),
        Convolution("conv2", 256, 5, padding=2, groups=groups),
        Convolution("conv3", 384, 3, padding=1),
        Convolution("conv4", 384, 3, padding=1, groups=groups),
        Convolution("conv5", 256, 3, padding=1, groups=groups),
    )
    net = NetworkBuilder(name, _METADATA)
    net.add(Input.image("input", 3, input_size))
    for number, convolution in enumerate(convolutions, start=1):
        net.add(convolution)
        net.add(Activation(f"relu{number}"))
        if number in (1, 2):
            net.add(Normalization(f"norm{number}", "local_response"))
        if number in (1, 2, 5):
            net.add(Pooling(f"pool{number}", "max", 3, stride=2))
    for number in (6, 7):
        net.add(Linear(f"fc{number}", 4096))
        net.add(Activation(f"relu{number}"))
    net.add(Linear("fc8", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS = {
    "alexnet": alexnet,
    "alexnet_ungrouped": alexnet_ungrouped,
    "alexnet_torchvision": alexnet_torchvision,
}
