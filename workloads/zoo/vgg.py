"""VGG: K. Simonyan and A. Zisserman, Very deep convolutional networks, ICLR 2015; columns of table 1."""

from __future__ import annotations

from workloads.layers import Activation, Convolution, Input, Linear, Pooling, Softmax
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder

_SOURCE = "K. Simonyan and A. Zisserman, ICLR 2015, table 1"
# Table 1: every column's stages have these channels, and a column is the kernels of each stage.
STAGES = (1, 2, 3, 4, 5)
_CHANNELS = (64, 128, 256, 512, 512)
_COLUMNS = {
    "A": ((3,), (3,), (3, 3), (3, 3), (3, 3)),
    "B": ((3, 3), (3, 3), (3, 3), (3, 3), (3, 3)),
    "C": ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1)),
    "D": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
    "E": ((3, 3), (3, 3), (3, 3, 3, 3), (3, 3, 3, 3), (3, 3, 3, 3)),
}
# Table 3: top-1 and top-5 errors at a single scale, the least of those printed of a column.
_ERRORS = {"A": (29.6, 10.4), "B": (28.7, 9.9), "C": (27.3, 8.8), "D": (25.6, 8.1), "E": (25.5, 8.0)}


def vgg11(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return VGG-11, column A; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    return _vgg("vgg11", "A", batch, input_size, classes)


def vgg13(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return VGG-13, column B; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    return _vgg("vgg13", "B", batch, input_size, classes)


def vgg16_1x1(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return VGG-16 with 1x1 convolutions at the end of stages 3 to 5, column C; the rest as ``vgg16``."""
    return _vgg("vgg16_1x1", "C", batch, input_size, classes)


def vgg16(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return VGG-16, column D; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    return _vgg("vgg16", "D", batch, input_size, classes)


def vgg19(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return VGG-19, column E; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    return _vgg("vgg19", "E", batch, input_size, classes)


def add_convolutions(net: NetworkBuilder, column: str, stage: int, first_padding: int | None = None) -> str:
    """Add the convolutions of a stage of a column of table 1, without its pooling; return the last's name.

    Detectors and segmentation begin with them. ``first_padding`` is that of the first, by default half its
    kernel.
    """
    last = ""
    for number, kernel in enumerate(_COLUMNS[column][stage - 1], start=1):
        padding = kernel // 2 if first_padding is None or number > 1 else first_padding
        net.add(Convolution(f"conv{stage}_{number}", _CHANNELS[stage - 1], kernel, padding=padding))
        last = net.add(Activation(f"relu{stage}_{number}"))
    return last


def _vgg(name: str, column: str, batch: int, input_size: int | tuple[int, int], classes: int) -> Network:
    top1, top5 = _ERRORS[column]
    net = NetworkBuilder(name, Metadata(2014, _SOURCE, "ImageNet", top1, top5))
    net.add(Input.image("input", 3, input_size))
    for stage in STAGES:
        add_convolutions(net, column, stage)
        net.add(Pooling(f"pool{stage}", "max", 2))
    for number in (6, 7):
        net.add(Linear(f"fc{number}", 4096))
        net.add(Activation(f"relu{number}"))
    net.add(Linear("fc8", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS = {"vgg11": vgg11, "vgg13": vgg13, "vgg16_1x1": vgg16_1x1, "vgg16": vgg16, "vgg19": vgg19}
