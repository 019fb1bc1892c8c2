"""Segmentation: J. Long et al., Fully convolutional networks for semantic segmentation, CVPR 2015, on VGG-16.

The class scores of a coarse map are brought to the image's size by transposed convolutions; FCN-16s and
FCN-8s add scores of finer maps on the way.
"""

from __future__ import annotations

from collections.abc import Callable

from workloads.geometry import Sizes, sizes
from workloads.layers import (
    Activation,
    Convolution,
    Elementwise,
    Input,
    Pooling,
    Slice,
    Softmax,
    TransposedConvolution,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo import vgg
from workloads.zoo.image_parts import Size

_METADATA = Metadata(2015, "Long et al., Fully convolutional networks, CVPR 2015", "PASCAL VOC 2011")
# The authors pad the image by 100 so that the 7x7 of fc6 fits small ones too, and cut what is too much
# where maps meet (fcn.berkeleyvision.org): the places before the image, by the stride of the last scores,
# and before the scores of pool4 and pool3.
_RIM = 100
_CUT = {32: 19, 16: 27, 8: 31}
_CUT_POOL4, _CUT_POOL3 = 5, 9


def fcn32s(batch: int = 1, input_size: Size = 500, classes: int = 21) -> Network:
    """Return FCN-32s: scores at a thirty-second of the size, enlarged at once.

    ``input_size`` is one number or (height, width), ``classes`` are with the background. Raises
    WorkloadError.
    """
    return _fcn("fcn32s", 32, batch, input_size, classes)


def fcn16s(batch: int = 1, input_size: Size = 500, classes: int = 21) -> Network:
    """Return FCN-16s: scores of pool4 are added at a sixteenth; arguments as in ``fcn32s``."""
    return _fcn("fcn16s", 16, batch, input_size, classes)


def fcn8s(batch: int = 1, input_size: Size = 500, classes: int = 21) -> Network:
    """Return FCN-8s: scores of pool4 and pool3 are added on the way; arguments as in ``fcn32s``."""
    return _fcn("fcn8s", 8, batch, input_size, classes)


def segmentation_vgg16(batch: int = 1, input_size: Size = 224, classes: int = 20) -> Network:
    """Return VGG-16's convolutions, 224 x 224 to 7 x 7, and as many transposed ones back to the image's size.

    Each doubles the map, with the channels of VGG's stages in reverse and the classes last; the encoder and
    decoder of H. Noh et al., Learning deconvolution network for semantic segmentation, ICCV 2015, without the
    convolutions between. ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    source = "Noh et al., Learning deconvolution network for semantic segmentation, ICCV 2015"
    net = NetworkBuilder("segmentation_vgg16", Metadata(2015, source, "PASCAL VOC 2012"))
    net.add(Input.image("input", 3, input_size))
    for stage in vgg.STAGES:
        vgg.add_convolutions(net, "D", stage)
        net.add(Pooling(f"pool{stage}", "max", 2))
    for number, channels in enumerate((512, 256, 128, 64), start=1):
        net.add(TransposedConvolution(f"up{number}", channels, 4, stride=2, padding=1))
        net.add(Activation(f"up_relu{number}"))
    net.add(TransposedConvolution("up5", classes, 4, stride=2, padding=1))
    net.add(Softmax("prob"))
    return net.build(batch)


def _fcn(name: str, stride: int, batch: int, input_size: Size, classes: int) -> Network:
    extent = sizes(input_size, 2, f"network {name!r}", "input_size")
    net = NetworkBuilder(name, _METADATA)
    net.add(Input.image("input", 3, extent))
    for stage in vgg.STAGES:
        vgg.add_convolutions(net, "D", stage, first_padding=_RIM if stage == 1 else None)
        net.add(Pooling(f"pool{stage}", "max", 2, ceil_mode=True))
    for number, kernel in ((6, 7), (7, 1)):
        net.add(Convolution(f"fc{number}", 4096, kernel))
        net.add(Activation(f"relu{number}"))
    last = net.add(Convolution("score", classes, 1))
    if stride <= 16:
        last = _fuse(net, last, "pool4", _CUT_POOL4, classes)
    if stride <= 8:
        last = _fuse(net, last, "pool3", _CUT_POOL3, classes)
    net.add(TransposedConvolution(f"upscore{stride}", classes, 2 * stride, stride, bias=False), [last])
    _crop(net, f"upscore{stride}", _CUT[stride], extent)
    net.add(Softmax("prob"))
    return net.build(batch)


def _fuse(net: NetworkBuilder, coarse: str, fine: str, cut: int, classes: int) -> str:
    """Add the scores of map ``fine`` to twice enlarged ``coarse`` ones; return the sum's name."""
    enlarged = net.add(TransposedConvolution(f"upscore_{fine}", classes, 4, stride=2, bias=False), [coarse])
    extent = net.build()[enlarged].output_shape[1:]
    net.add(Convolution(f"score_{fine}", classes, 1), [fine])
    cropped = _crop(net, f"score_{fine}", cut, extent)
    return net.add(Elementwise(f"fuse_{fine}", "add"), [enlarged, cropped])


def _crop(net: NetworkBuilder, source: str, cut: int, extent: Sizes) -> str:
    rows = net.add(Slice(f"{source}_rows", 1, cut, cut + extent[0]), [source])
    return net.add(Slice(f"{source}_cropped", 2, cut, cut + extent[1]), [rows])


NETWORKS: dict[str, Callable[..., Network]] = {
    "fcn32s": fcn32s,
    "fcn16s": fcn16s,
    "fcn8s": fcn8s,
    "segmentation_vgg16": segmentation_vgg16,
}
"""The builders of this file by name."""
