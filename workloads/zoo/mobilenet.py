"""MobileNets: depthwise separable convolutions (v1), inverted residuals (v2), with gates (v3).

A. Howard et al., MobileNets, arXiv:1704.04861, table 1; M. Sandler et al., MobileNetV2, CVPR 2018, table 2;
A. Howard et al., Searching for MobileNetV3, ICCV 2019, tables 1 and 2. Names count blocks: conv3_dw is the
depthwise convolution of the third.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workloads.layers import Elementwise, GlobalPooling, Input, Linear, Softmax
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import (
    Size,
    activate,
    classify,
    convolve,
    depthwise,
    divisible,
    multiplier,
    squeeze_excite,
)

_V1 = "A. Howard et al., MobileNets: efficient convolutional neural networks, arXiv:1704.04861"
_V2 = "M. Sandler et al., MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018"
_V3 = "A. Howard et al., Searching for MobileNetV3, ICCV 2019"

# (channels, stride) of the thirteen blocks of v1.
_SEPARABLE = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    *[(512, 1)] * 5, (1024, 2), (1024, 1),
)  # fmt: skip
# Top-1 and top-5 error by width and input size, one crop: the table beside TensorFlow's mobilenet_v1.py.
_ERRORS_V1 = {
    (1.0, 224): (29.1, 10.1), (1.0, 192): (30.0, 10.8),
    (1.0, 160): (32.0, 12.3), (1.0, 128): (34.8, 14.2),
    (0.75, 224): (31.6, 11.8), (0.75, 192): (32.8, 12.7),
    (0.75, 160): (34.7, 14.0), (0.75, 128): (37.9, 16.1),
    (0.5, 224): (36.7, 15.1), (0.5, 192): (38.3, 16.4),
    (0.5, 160): (40.9, 18.1), (0.5, 128): (43.7, 20.6),
    (0.25, 224): (50.2, 25.8), (0.25, 192): (52.3, 27.7),
    (0.25, 160): (54.5, 29.7), (0.25, 128): (58.5, 33.7),
}  # fmt: skip

# Of v2: expansion, output channels, blocks and first stride of each row.
_INVERTED = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
)  # fmt: skip
# Of v3: kernel, expanded and output channels, whether it has a gate, activation and stride of each block.
_R, _H = "relu", "hard_swish"
_LARGE = (
    (3, 16, 16, False, _R, 1), (3, 64, 24, False, _R, 2), (3, 72, 24, False, _R, 1),
    (5, 72, 40, True, _R, 2), (5, 120, 40, True, _R, 1), (5, 120, 40, True, _R, 1),
    (3, 240, 80, False, _H, 2), (3, 200, 80, False, _H, 1), (3, 184, 80, False, _H, 1),
    (3, 184, 80, False, _H, 1), (3, 480, 112, True, _H, 1), (3, 672, 112, True, _H, 1),
    (5, 672, 160, True, _H, 2), (5, 960, 160, True, _H, 1), (5, 960, 160, True, _H, 1),
)  # fmt: skip
_SMALL = (
    (3, 16, 16, True, _R, 2), (3, 72, 24, False, _R, 2), (3, 88, 24, False, _R, 1),
    (5, 96, 40, True, _H, 2), (5, 240, 40, True, _H, 1), (5, 240, 40, True, _H, 1),
    (5, 120, 48, True, _H, 1), (5, 144, 48, True, _H, 1), (5, 288, 96, True, _H, 2),
    (5, 576, 96, True, _H, 1), (5, 576, 96, True, _H, 1),
)  # fmt: skip


def mobilenet_v1(
    batch: int = 1,
    input_size: Size = 224,
    classes: int = 1000,
    width: float = 1.0,
    name: str = "mobilenet_v1",
) -> Network:
    """Return MobileNet v1; ``width`` multiplies all channels, rounded down to no less than 8.

    The resolution multiplier is ``input_size`` over 224. Raises WorkloadError.
    """
    width = multiplier(width, "mobilenet_v1", "width")
    errors = _ERRORS_V1.get((width, input_size), (None, None)) if isinstance(input_size, int) else ()
    net = NetworkBuilder(name, Metadata(2017, _V1, "ImageNet", *errors))
    net.add(Input.image("input", 3, input_size))
    separable_blocks(net, width)
    classify(net, classes)
    return net.build(batch)


def separable_blocks(
    net: NetworkBuilder, width: float = 1.0, activation: str = "relu", blocks: range = range(14)
) -> list[str]:
    """Add the first convolution of v1, as block 0, and its blocks 1 to 13; return the last layer of each.

    Detectors take the maps of blocks 11 and 13. ``blocks`` are the ones to add.
    """
    ends = []
    for block in blocks:
        if block == 0:
            ends.append(convolve(net, "0", _narrowed(32, width), 3, stride=2, activation=activation))
            continue
        channels, stride = _SEPARABLE[block - 1]
        depthwise(net, f"{block}_dw", 3, stride, activation)
        ends.append(convolve(net, f"{block}_pw", _narrowed(channels, width), 1, activation=activation))
    return ends


def mobilenet_v2(batch: int = 1, input_size: Size = 224, classes: int = 1000, width: float = 1.0) -> Network:
    """Return MobileNet v2; ``width`` multiplies all channels but the last 1280, which it only widens.

    Raises WorkloadError.
    """
    width = multiplier(width, "mobilenet_v2", "width")
    net = NetworkBuilder("mobilenet_v2", Metadata(2018, _V2, "ImageNet", 28.0))  # table 4
    net.add(Input.image("input", 3, input_size))
    channels = divisible(32 * width)
    last = convolve(net, "0", channels, 3, stride=2, activation="relu6")
    block = 0
    for expansion, wide, blocks, first_stride in _INVERTED:
        outputs = divisible(wide * width)
        for stride in (first_stride, *[1] * (blocks - 1)):
            block += 1
            expanded = channels * expansion
            last = inverted_residual(net, f"{block}", last, (channels, expanded, outputs), 3, stride, "relu6")
            channels = outputs
    convolve(net, "_last", divisible(1280 * max(1.0, width)), 1, activation="relu6")
    classify(net, classes)
    return net.build(batch)


def mobilenet_v3_large(
    batch: int = 1, input_size: Size = 224, classes: int = 1000, width: float = 1.0
) -> Network:
    """Return MobileNet v3 large; ``width`` multiplies all channels. Raises WorkloadError."""
    about = Metadata(2019, _V3, "ImageNet", 24.8)  # table 3
    return _v3("mobilenet_v3_large", about, _LARGE, 1280, batch, input_size, classes, width)


def mobilenet_v3_small(
    batch: int = 1, input_size: Size = 224, classes: int = 1000, width: float = 1.0
) -> Network:
    """Return MobileNet v3 small; ``width`` multiplies all channels. Raises WorkloadError."""
    about = Metadata(2019, _V3, "ImageNet", 32.6)  # table 3
    return _v3("mobilenet_v3_small", about, _SMALL, 1024, batch, input_size, classes, width)


def _v3(
    name: str,
    about: Metadata,
    rows: tuple[tuple[int, int, int, bool, str, int], ...],
    hidden: int,
    batch: int,
    input_size: Size,
    classes: int,
    width: float,
) -> Network:
    width = multiplier(width, name, "width")
    net = NetworkBuilder(name, about)
    net.add(Input.image("input", 3, input_size))
    channels = divisible(16 * width)
    last = convolve(net, "0", channels, 3, stride=2, activation=_H)
    for block, (kernel, expanded, outputs, gated, activation, stride) in enumerate(rows, start=1):
        widths = (channels, divisible(expanded * width), divisible(outputs * width))
        gate = (divisible(widths[1] / 4), "relu", "hard_sigmoid") if gated else None
        last = inverted_residual(net, f"{block}", last, widths, kernel, stride, activation, gate)
        channels = widths[2]
    convolve(net, "_last", 6 * channels, 1, activation=_H)
    net.add(GlobalPooling("pool", "average"))
    net.add(Linear("fc1", divisible(hidden * width)))
    activate(net, "_fc1", _H)
    net.add(Linear("fc2", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


def inverted_residual(
    net: NetworkBuilder,
    place: str,
    source: str,
    channels: tuple[int, int, int],
    kernel: int,
    stride: int,
    activation: str,
    gate: tuple[int, str, str] | None = None,
) -> str:
    """Add a 1x1, a depthwise and a linear 1x1 convolution, and a shortcut where the shape stays.

    ``channels``: those of the input, of the depthwise convolution (no 1x1 before it if they are the same) and
    of the output. ``gate``: hidden channels, activation and last function of a squeeze-and-excitation.
    """
    inputs, expanded, outputs = channels
    if expanded != inputs:
        convolve(net, f"{place}_expand", expanded, 1, source=source, activation=activation)
    last = depthwise(net, f"{place}_dw", kernel, stride, activation)
    if gate is not None:
        squeeze_excite(net, place, last, expanded, *gate)
    last = convolve(net, f"{place}_project", outputs, 1, activation=None)
    if stride > 1 or inputs != outputs:
        return last
    return net.add(Elementwise(f"add{place}", "add"), [last, source])


def _narrowed(channels: int, width: float) -> int:
    return max(8, int(channels * width))


def _variants_v1() -> dict[str, Callable[..., Network]]:
    """The trained sizes: mobilenet_v1_075_192 is of width 0.75 for images of 192 x 192."""
    found: dict[str, Callable[..., Network]] = {"mobilenet_v1": mobilenet_v1}
    for width, size in _ERRORS_V1:
        if (width, size) != (1.0, 224):
            name = f"mobilenet_v1_{round(100 * width):03d}_{size}"
            found[name] = partial(mobilenet_v1, input_size=size, width=width, name=name)
    return found


NETWORKS: dict[str, Callable[..., Network]] = {
    **_variants_v1(),
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v3_large": mobilenet_v3_large,
    "mobilenet_v3_small": mobilenet_v3_small,
}
