"""ZFNet: M. Zeiler and R. Fergus, Visualizing and understanding convolutional networks, ECCV 2014."""

from __future__ import annotations

from workloads.layers import Activation, Convolution, Input, Linear, Normalization, Pooling, Softmax
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder

_SOURCE = "M. Zeiler and R. Fergus, Visualizing and understanding convolutional networks, ECCV 2014"


def zfnet(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return ZFNet as in the paper's figure 3, conv3 to conv5 with 384, 384 and 256 filters.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    # Table 2 of the paper: one network as in figure 3, validation set.
    errors = Metadata(2013, _SOURCE, "ImageNet", top1_error=38.4, top5_error=16.5)
    return _zfnet("zfnet", errors, (384, 384, 256), batch, input_size, classes)


def zfnet_wide(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return ZFNet with 512, 1024 and 512 filters in conv3 to conv5; the rest as in ``zfnet``."""
    # Table 2 of the paper: one network with these layers, (b), validation set.
    errors = Metadata(2013, _SOURCE, "ImageNet", top1_error=37.5, top5_error=16.0)
    return _zfnet("zfnet_wide", errors, (512, 1024, 512), batch, input_size, classes)


def _zfnet(
    name: str,
    metadata: Metadata,
    filters: tuple[int, int, int],
    batch: int,
    input_size: int | tuple[int, int],
    classes: int,
) -> Network:
    # Figure 3: 224 -> 110 -> 55 -> 26 -> 13 -> 6, which padding by 1 and pooling that rounds up give.
    net = NetworkBuilder(name, metadata)
    net.add(Input.image("input", 3, input_size))
    convolutions = (
        Convolution("conv1", 96, 7, stride=2, padding=1),
        Convolution("conv2", 256, 5, stride=2),
        *(Convolution(f"conv{at}", channels, 3, padding=1) for at, channels in enumerate(filters, start=3)),
    )
    for number, convolution in enumerate(convolutions, start=1):
        net.add(convolution)
        net.add(Activation(f"relu{number}"))
        if number in (1, 2, 5):
            net.add(Pooling(f"pool{number}", "max", 3, stride=2, ceil_mode=number < 5))
        if number in (1, 2):
            net.add(Normalization(f"norm{number}", "local_response"))
    for number in (6, 7):
        net.add(Linear(f"fc{number}", 4096))
        net.add(Activation(f"relu{number}"))
    net.add(Linear("fc8", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS = {"zfnet": zfnet, "zfnet_wide": zfnet_wide}
