"""What image networks share: normalized convolutions, shortcuts, a gate on channels, the classifier.

A place, ``"3_2b"``, names the layers: conv3_2b, bn3_2b, relu3_2b. The functions return the name of the last
layer they add; ``source`` names the one that feeds the first, by default the last one added.
"""

from __future__ import annotations

from collections.abc import Collection
from math import floor

from workloads.errors import WorkloadError
from workloads.layers import (
    Activation,
    Convolution,
    DepthwiseConvolution,
    Elementwise,
    GlobalPooling,
    Linear,
    Normalization,
    Padding,
    Slice,
    Softmax,
)
from workloads.network import NetworkBuilder

Size = int | tuple[int, int]


def convolve(
    net: NetworkBuilder,
    place: str,
    channels: int,
    kernel: Size,
    stride: int = 1,
    source: str | None = None,
    *,
    groups: int = 1,
    padding: int | None = None,
    dilation: int = 1,
    activation: str | None = "relu",
) -> str:
    """Add a convolution without biases, its batch normalization and an activation.

    Unless ``padding`` is given, the map keeps its size but for the stride.
    """
    rim = same(kernel, dilation) if padding is None else padding
    layer = Convolution(f"conv{place}", channels, kernel, stride, rim, dilation, groups, bias=False)
    net.add(layer, _from(source))
    return normalize(net, place, activation=activation)


def depthwise(
    net: NetworkBuilder, place: str, kernel: int, stride: int = 1, activation: str | None = "relu"
) -> str:
    """Add a depthwise convolution of the last layer, its batch normalization and an activation."""
    net.add(DepthwiseConvolution(f"conv{place}", kernel, stride, same(kernel), bias=False))
    return normalize(net, place, activation=activation)


def normalize(
    net: NetworkBuilder, place: str, source: str | None = None, activation: str | None = "relu"
) -> str:
    """Add a batch normalization and an activation."""
    last = net.add(Normalization(f"bn{place}", "batch", axis=-3), _from(source))
    return last if activation is None else activate(net, place, activation)


def activate(net: NetworkBuilder, place: str, activation: str = "relu", source: str | None = None) -> str:
    """Add an activation, named relu<place> or act<place>."""
    name = "relu" if activation.startswith("relu") else "act"
    return net.add(Activation(f"{name}{place}", activation), _from(source))


def squeeze_excite(
    net: NetworkBuilder, place: str, source: str, channels: int, squeezed: int, activation: str, gate: str
) -> str:
    """Scale the channels of ``source`` by a gate that two 1x1 convolutions make of their means.

    J. Hu et al., Squeeze-and-excitation networks, CVPR 2018.
    """
    net.add(GlobalPooling(f"squeeze{place}", "average"), [source])
    net.add(Convolution(f"reduce{place}", squeezed, 1))
    net.add(Activation(f"reduced{place}", activation))
    net.add(Convolution(f"expand{place}", channels, 1))
    opened = net.add(Activation(f"gate{place}", gate))
    return net.add(Elementwise(f"scale{place}", "multiply"), [source, opened])


def padded_shortcut(net: NetworkBuilder, block: str, source: str, added: int, stride: int) -> str:
    """Add a shortcut without weights: every ``stride``-th value, and ``added`` channels of zeros."""
    last = source
    if stride > 1:
        for axis in (1, 2):
            last = net.add(Slice(f"step{block}_{axis}", axis, step=stride), [last])
    return pad_channels(net, block, last, added)


def pad_channels(net: NetworkBuilder, block: str, source: str, added: int) -> str:
    """Add ``added`` channels of zeros, if any."""
    if added == 0:
        return source
    return net.add(Padding(f"pad{block}", ((0, added), (0, 0), (0, 0))), [source])


def classify(net: NetworkBuilder, classes: int) -> str:
    """Add global average pooling, a linear layer and softmax."""
    net.add(GlobalPooling("pool", "average"))
    net.add(Linear("fc", classes))
    return net.add(Softmax("prob"))


def same(kernel: Size, dilation: int = 1) -> Size:
    """Return the padding that keeps a map's size at stride 1, for odd kernels."""
    if isinstance(kernel, int):
        return kernel // 2 * dilation
    return kernel[0] // 2 * dilation, kernel[1] // 2 * dilation


def divisible(channels: float) -> int:
    """Return the multiple of 8 nearest to ``channels``, at least 8 and at least nine tenths of it.

    So MobileNets v2 and v3 and EfficientNets round a multiplied width.
    """
    nearest = max(8, floor(channels / 8 + 0.5) * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest


def multiplier(value: object, where: str, field: str) -> float:
    """Return ``value``, a factor on widths or depths. Raises WorkloadError unless 0 < value <= 100."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise WorkloadError(f"{where}: {field} must be a number above 0 and at most 100, not {value!r}")
    return float(value)


def chosen(value: object, known: Collection[int], where: str, field: str) -> int:
    """Return ``value`` if it is one of ``known``. Raises WorkloadError naming those there are."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in known:
        raise WorkloadError(f"{where}: {field} must be one of {', '.join(map(str, known))}, not {value!r}")
    return value


def _from(source: str | None) -> list[str] | None:
    return None if source is None else [source]
