"""Faster R-CNN: S. Ren et al., Faster R-CNN, NIPS 2015, on VGG-16, Inception v2 and MobileNet v1.

The backbone's map proposes regions; each is cut out of the map, brought to one size and classified by the
rest of the network. Sizes are those of J. Huang et al., Speed/accuracy trade-offs for modern convolutional
object detectors, CVPR 2017, as TensorFlow's object detection API configures them
(faster_rcnn_inception_v2_coco), but that Inception and MobileNet see regions of 14x14, not 7x7: so counts
table 13 of A. Howard et al., MobileNets, arXiv:1704.04861. Which regions are proposed, and which boxes
result, is chosen outside the network. ``classes`` are without the background; the labels of COCO run to 90.
"""

from __future__ import annotations

from collections.abc import Callable

from workloads.layers import (
    Activation,
    AdaptivePooling,
    Convolution,
    Flatten,
    Input,
    Pooling,
    RegionPooling,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo import inception_v2, mobilenet, vgg
from workloads.zoo.image_parts import Size
from workloads.zoo.sequence_parts import project

_METADATA = Metadata(2015, "S. Ren et al., Faster R-CNN, NIPS 2015", "COCO")
_METADATA_TF = Metadata(2017, "J. Huang et al., Speed/accuracy trade-offs, CVPR 2017", "COCO")
# Of the API: four scales by three aspect ratios at every place of the map, channels of the proposing
# convolution, and the size of a region.
_ANCHORS = 12
_PROPOSING = 512
_REGION = 14
# With these many proposals our counts are those of the MobileNet paper, which does not print their number.
_PROPOSALS = 300


def faster_rcnn_vgg16(
    batch: int = 1, input_size: Size = 600, classes: int = 90, proposals: int = _PROPOSALS
) -> Network:
    """Return Faster R-CNN on VGG-16, whose fc6 and fc7 classify 7x7 regions of conv5_3.

    ``input_size`` is one number or (height, width), ``proposals`` the number of regions classified. Raises
    WorkloadError.
    """
    net = NetworkBuilder("faster_rcnn_vgg16", _METADATA)
    net.add(Input.image("input", 3, input_size))
    for stage in vgg.STAGES:
        if stage > 1:
            net.add(Pooling(f"pool{stage - 1}", "max", 2))
        last = vgg.add_convolutions(net, "D", stage)
    _propose(net, last, proposals)
    net.add(RegionPooling("regions", proposals, 7, "max"), [last, "proposals"])
    vectors = net.add(Flatten("region_vectors", 1))
    for number in (6, 7):
        project(net, f"fc{number}", vectors, 4096)
        vectors = net.add(Activation(f"relu{number}"))
    return _classify(net, vectors, classes, batch)


def faster_rcnn_inception_v2(
    batch: int = 1, input_size: Size = 600, classes: int = 90, proposals: int = _PROPOSALS
) -> Network:
    """Return Faster R-CNN on Inception v2, whose last three modules classify regions.

    Arguments as in ``faster_rcnn_vgg16``.
    """
    net = NetworkBuilder("faster_rcnn_inception_v2", _METADATA_TF)
    net.add(Input.image("input", 3, input_size))
    last = inception_v2.add_modules(net, inception_v2.add_stem(net, slim=True), last="4d", slim=True)
    _propose(net, last, proposals)
    regions = net.add(RegionPooling("regions", proposals, _REGION, samples=1), [last, "proposals"])
    inception_v2.add_modules(net, regions, first="4e", slim=True)
    return _classify(net, _mean(net), classes, batch)


def faster_rcnn_mobilenet_v1(
    batch: int = 1, input_size: Size = 600, classes: int = 90, proposals: int = _PROPOSALS
) -> Network:
    """Return Faster R-CNN on MobileNet v1, whose last two blocks classify regions.

    Arguments as in ``faster_rcnn_vgg16``.
    """
    net = NetworkBuilder("faster_rcnn_mobilenet_v1", _METADATA_TF)
    net.add(Input.image("input", 3, input_size))
    last = mobilenet.separable_blocks(net, activation="relu6", blocks=range(12))[-1]
    _propose(net, last, proposals)
    net.add(RegionPooling("regions", proposals, _REGION, samples=1), [last, "proposals"])
    mobilenet.separable_blocks(net, activation="relu6", blocks=range(12, 14))
    return _classify(net, _mean(net), classes, batch)


def _propose(net: NetworkBuilder, features: str, proposals: int) -> None:
    """Add what scores the anchors of the map and moves them; "proposals" are rows of its boxes."""
    net.add(Convolution("rpn", _PROPOSING, 3, padding=1), [features])
    rpn = net.add(Activation("rpn_relu"))
    net.add(Convolution("rpn_scores", 2 * _ANCHORS, 1), [rpn])
    net.add(Convolution("rpn_boxes", 4 * _ANCHORS, 1), [rpn])
    net.add(Transpose("rpn_boxes_last", (1, 2, 0)))
    net.add(Reshape("rpn_rows", (-1, 4)))
    net.add(Slice("proposals", 0, stop=proposals))


def _mean(net: NetworkBuilder) -> str:
    """Add the mean of every channel of every region."""
    net.add(AdaptivePooling("region_mean", "average", 1))
    return net.add(Flatten("region_vectors", 1))


def _classify(net: NetworkBuilder, vectors: str, classes: int, batch: int) -> Network:
    """Add a box for every class of every region, and the regions' classes."""
    project(net, "boxes", vectors, 4 * classes)
    project(net, "classes", vectors, classes + 1)
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS: dict[str, Callable[..., Network]] = {
    "faster_rcnn_vgg16": faster_rcnn_vgg16,
    "faster_rcnn_inception_v2": faster_rcnn_inception_v2,
    "faster_rcnn_mobilenet_v1": faster_rcnn_mobilenet_v1,
}
"""The builders of this file by name."""
