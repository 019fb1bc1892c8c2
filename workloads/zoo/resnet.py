"""ResNet: K. He et al., Deep residual learning for image recognition, CVPR 2016; sizes from its table 1.

Names say stage, block and place: conv3_2b is the second convolution of the second block of stage conv3.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from workloads.layers import Elementwise, Input, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, activate, chosen, classify, convolve

SOURCE = "K. He et al., Deep residual learning for image recognition, CVPR 2016"
# Table 1: blocks in stages conv2 to conv5 by depth; from 50 layers on they are bottlenecks.
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
BOTTLENECKS = (50, 101, 152)
# Top-1 and top-5 error of the paper's tables 2 (18, with padded shortcuts) and 3 (ten crops), and of the
# first weights torchvision published (one crop).
_ERRORS: dict[int, tuple[float, float | None]] = {
    18: (27.88, None), 34: (24.52, 7.46), 50: (22.85, 6.71), 101: (21.75, 6.05), 152: (21.43, 5.71)
}  # fmt: skip
_ERRORS_V15 = {50: (23.870, 7.138), 101: (22.626, 6.454), 152: (21.688, 5.954)}


def resnet(depth: int, batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return the paper's ResNet of 18, 34, 50, 101 or 152 layers, with projections where channels grow.

    A bottleneck that halves the map does so in its first 1x1. ``input_size`` is one number or (height,
    width). Raises WorkloadError.
    """
    chosen(depth, BLOCKS, "resnet", "depth")
    about = Metadata(2015, SOURCE, "ImageNet", *_ERRORS[depth])
    return imagenet_resnet(f"resnet{depth}", about, depth, batch, input_size, classes, strided="a")


def resnet_v15(depth: int, batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return the ResNet v1.5 of torchvision, of 50, 101 or 152 layers, with strides in the 3x3 convolutions.

    More MACs than the paper's, and the same weights. Raises WorkloadError.
    """
    chosen(depth, BOTTLENECKS, "resnet_v15", "depth")
    about = Metadata(2016, f"{SOURCE}; strides of fb.resnet.torch", "ImageNet", *_ERRORS_V15[depth])
    return imagenet_resnet(f"resnet{depth}_v15", about, depth, batch, input_size, classes)


def imagenet_resnet(
    name: str,
    about: Metadata,
    depth: int,
    batch: int,
    input_size: Size,
    classes: int,
    *,
    width: int = 64,
    groups: int = 1,
    strided: str = "b",
) -> Network:
    """Return a network of ``BLOCKS[depth]``, whose first stage is ``width`` wide inside its blocks.

    ``groups`` are of the bottlenecks' 3x3, ``strided`` the letter of their convolution with a stride.
    """
    net = NetworkBuilder(name, about)
    add_stages(net, depth, input_size, width=width, groups=groups, strided=strided)
    classify(net, classes)
    return net.build(batch)


def add_stages(
    net: NetworkBuilder,
    depth: int,
    input_size: Size,
    *,
    width: int = 64,
    groups: int = 1,
    strided: str = "b",
    dilated: int = 0,
) -> list[str]:
    """Add everything before the classifier and return the last layer of each stage, conv2 to conv5.

    Arguments as in ``imagenet_resnet``. The last ``dilated`` stages keep the map's size: what their stride
    leaves out, their 3x3 convolutions leave out between their taps.
    """
    net.add(Input.image("input", 3, input_size))
    convolve(net, "1", 64, 7, stride=2)
    # Padded by one, the 3x3 pooling takes 112 to 56 as in table 1.
    last = net.add(Pooling("pool1", "max", 3, stride=2, padding=1))
    bottlenecks = depth in BOTTLENECKS
    ends, apart = [], 1
    for number, blocks in enumerate(BLOCKS[depth]):
        outputs = (256 if bottlenecks else 64) * 2**number
        halves = number > 0 and number < len(BLOCKS[depth]) - dilated
        for block in range(1, blocks + 1):
            place = f"{number + 2}_{block}"
            stride = 2 if block == 1 and halves else 1
            if bottlenecks:
                inner = width * 2**number
                branch = bottleneck(net, place, last, inner, outputs, stride, groups, strided, apart)
            else:
                branch = basic(net, place, last, outputs, stride)
            grows = block == 1 and (bottlenecks or number > 0)
            shortcut = projection(net, place, last, outputs, stride) if grows else last
            last = join(net, place, branch, shortcut)
            if block == 1 and number > 0 and not halves:
                apart *= 2
        ends.append(last)
    return ends


def basic(net: NetworkBuilder, place: str, source: str, width: int, stride: int) -> str:
    """Add two 3x3 convolutions (figure 5, left)."""
    convolve(net, f"{place}a", width, 3, stride, source)
    return convolve(net, f"{place}b", width, 3, activation=None)


def bottleneck(
    net: NetworkBuilder,
    place: str,
    source: str,
    width: int,
    outputs: int,
    stride: int,
    groups: int = 1,
    strided: str = "b",
    dilation: int = 1,
) -> str:
    """Add 1x1, 3x3 and 1x1 convolutions (figure 5, right); the one of letter ``strided`` has the stride."""
    convolve(net, f"{place}a", width, 1, stride if strided == "a" else 1, source)
    convolve(net, f"{place}b", width, 3, stride if strided == "b" else 1, groups=groups, dilation=dilation)
    return convolve(net, f"{place}c", outputs, 1, activation=None)


def projection(net: NetworkBuilder, place: str, source: str, outputs: int, stride: int) -> str:
    """Add a 1x1 convolution as shortcut (option B)."""
    return convolve(net, f"{place}_shortcut", outputs, 1, stride, source, activation=None)


def join(net: NetworkBuilder, place: str, branch: str, shortcut: str) -> str:
    """Add the sum of both, and its activation."""
    net.add(Elementwise(f"add{place}", "add"), [branch, shortcut])
    return activate(net, place)


NETWORKS: dict[str, Callable[..., Network]] = {
    **{f"resnet{depth}": partial(resnet, depth) for depth in BLOCKS},
    **{f"resnet{depth}_v15": partial(resnet_v15, depth) for depth in BOTTLENECKS},
}
