"""SSD: W. Liu et al., SSD: single shot multibox detector, ECCV 2016, for 300x300 images, on three backbones.

On VGG-16 it is the paper's own network (figure 2); on Inception v2 and MobileNet v1 that of J. Huang et al.,
Speed/accuracy trade-offs for modern convolutional object detectors, CVPR 2017, as TensorFlow's object
detection API configures it (ssd_inception_v2_coco, ssd_mobilenet_v1_coco; its box predictors are 1x1 here on
both: so counts table 13 of A. Howard et al., MobileNets, arXiv:1704.04861). Boxes are chosen from the
predictions outside the network. ``classes`` are without the background; the labels of COCO run to 90.
"""

from __future__ import annotations

from collections.abc import Callable

from workloads.layers import (
    Activation,
    Concatenation,
    Convolution,
    Input,
    Normalization,
    Pooling,
    Reshape,
    Softmax,
    Transpose,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo import inception_v2, mobilenet, vgg
from workloads.zoo.image_parts import Size, convolve

_METADATA = Metadata(2016, "Liu et al., SSD: single shot multibox detector, ECCV 2016", "COCO")
_METADATA_TF = Metadata(2017, "Huang et al., Speed/accuracy trade-offs, CVPR 2017", "COCO")

# Figure 2: channels, stride and padding of the 3x3 convolutions after fc7, each behind a 1x1 of half of them,
# and the boxes at every place of conv4_3, fc7 and those.
_EXTRAS = ((512, 2, 1), (256, 2, 1), (256, 1, 0), (256, 1, 0))
_BOXES = (4, 6, 6, 6, 4, 4)
# Channels of the API's extra maps, all of stride 2, and its boxes at every place of all maps.
_EXTRAS_TF = (512, 256, 256, 128)
_BOXES_TF = (3, 6, 6, 6, 6, 6)


def ssd300_vgg16(batch: int = 1, input_size: Size = 300, classes: int = 90) -> Network:
    """Return SSD on VGG-16, whose fc6 and fc7 are convolutions of 1024 channels.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("ssd300_vgg16", _METADATA)
    net.add(Input.image("input", 3, input_size))
    for stage in vgg.STAGES:
        vgg.add_convolutions(net, "D", stage)
        if stage < 5:
            # Rounded up, pool3 takes 75 to 38 as in figure 2.
            net.add(Pooling(f"pool{stage}", "max", 2, ceil_mode=True))
    net.add(Pooling("pool5", "max", 3, stride=1, padding=1))
    net.add(Convolution("fc6", 1024, 3, padding=6, dilation=6))
    net.add(Activation("relu6"))
    net.add(Convolution("fc7", 1024, 1))
    maps = [net.add(Normalization("conv4_norm", "l2"), ["relu4_3"]), net.add(Activation("relu7"), ["fc7"])]
    for number, (channels, stride, padding) in enumerate(_EXTRAS, start=8):
        net.add(Convolution(f"conv{number}_1", channels // 2, 1), [maps[-1]])
        net.add(Activation(f"relu{number}_1"))
        net.add(Convolution(f"conv{number}_2", channels, 3, stride, padding))
        maps.append(net.add(Activation(f"relu{number}_2")))
    _predict(net, maps, _BOXES, classes, kernel=3)
    net.add(Softmax("prob"))
    return net.build(batch)


def ssd300_inception_v2(batch: int = 1, input_size: Size = 300, classes: int = 90) -> Network:
    """Return SSD on Inception v2; arguments as in ``ssd300_vgg16``."""
    net = NetworkBuilder("ssd300_inception_v2", _METADATA_TF)
    net.add(Input.image("input", 3, input_size))
    inception_v2.add_modules(net, inception_v2.add_stem(net, slim=True), slim=True)
    return _finish(net, ["join4b", "join5b"], classes, batch)


def ssd300_mobilenet_v1(batch: int = 1, input_size: Size = 300, classes: int = 90) -> Network:
    """Return SSD on MobileNet v1; arguments as in ``ssd300_vgg16``."""
    net = NetworkBuilder("ssd300_mobilenet_v1", _METADATA_TF)
    net.add(Input.image("input", 3, input_size))
    blocks = mobilenet.separable_blocks(net, activation="relu6")
    return _finish(net, [blocks[11], blocks[13]], classes, batch)


def _finish(net: NetworkBuilder, ends: list[str], classes: int, batch: int) -> Network:
    """Add the extra maps after the backbone's two, the predictions from all of them and their scores."""
    maps = list(ends)
    for number, channels in enumerate(_EXTRAS_TF, start=1):
        convolve(net, f"_extra{number}_1", channels // 2, 1, source=maps[-1], activation="relu6")
        maps.append(convolve(net, f"_extra{number}_2", channels, 3, 2, activation="relu6"))
    _predict(net, maps, _BOXES_TF, classes, kernel=1)
    net.add(Activation("scores", "sigmoid"))
    return net.build(batch)


def _predict(net: NetworkBuilder, maps: list[str], boxes: tuple[int, ...], classes: int, kernel: int) -> str:
    """Add, for every box of every map, four offsets and the scores of its classes: a row each."""
    for kind, values in (("box", 4), ("class", classes + 1)):
        rows = []
        for number, (source, each) in enumerate(zip(maps, boxes, strict=True), start=1):
            layer = Convolution(f"{kind}{number}", each * values, kernel, padding=kernel // 2)
            net.add(layer, [source])
            net.add(Transpose(f"{kind}{number}_last", (1, 2, 0)))
            rows.append(net.add(Reshape(f"{kind}{number}_rows", (-1, values))))
        last = net.add(Concatenation(f"{kind}_rows", 0), rows)
    return last


NETWORKS: dict[str, Callable[..., Network]] = {
    "ssd300_vgg16": ssd300_vgg16,
    "ssd300_inception_v2": ssd300_inception_v2,
    "ssd300_mobilenet_v1": ssd300_mobilenet_v1,
}
"""The builders of this file by name."""
