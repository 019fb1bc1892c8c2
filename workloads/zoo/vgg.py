"""VGG: K. Simonyan and A. Zisserman, Very deep convolutional networks, ICLR 2015; columns of table 1."""

from __future__ import annotations

from workloads.layers import Activation, Convolution, Input, Linear, Pooling, Softmax
from workloads.network import Network, NetworkBuilder

# Table 1: every column's stages have these channels, and a column is the kernels of each stage.
_CHANNELS = (64, 128, 256, 512, 512)
_COLUMNS = {
    "D": ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3)),
}


def vgg16(batch: int = 1, input_size: int | tuple[int, int] = 224, classes: int = 1000) -> Network:
    """Return VGG-16, column D; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    return _vgg("vgg16", "D", batch, input_size, classes)


def _vgg(name: str, column: str, batch: int, input_size: int | tuple[int, int], classes: int) -> Network:
    net = NetworkBuilder(name)
    net.add(Input.image("input", 3, input_size))
    for stage, (channels, kernels) in enumerate(zip(_CHANNELS, _COLUMNS[column], strict=True), start=1):
        for number, kernel in enumerate(kernels, start=1):
            net.add(Convolution(f"conv{stage}_{number}", channels, kernel, padding=kernel // 2))
            net.add(Activation(f"relu{stage}_{number}"))
        net.add(Pooling(f"pool{stage}", "max", 2))
    for number in (6, 7):
        net.add(Linear(f"fc{number}", 4096))
        net.add(Activation(f"relu{number}"))
    net.add(Linear("fc8", classes))
    net.add(Softmax("prob"))
    return net.build(batch)
