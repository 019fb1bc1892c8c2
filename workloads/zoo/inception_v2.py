"""Inception v2, or BN-Inception: S. Ioffe and C. Szegedy, Batch normalization, ICML 2015; figure 5."""

from __future__ import annotations

from typing import NamedTuple

from workloads.layers import DepthwiseConvolution, Input, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, classify, convolve
from workloads.zoo.inception_parts import Step, branches, join, pooled, shrunk

# The paper's figure 4: BN-Inception, one crop, 25.2 % and 7.82 %.
_SOURCE = "S. Ioffe and C. Szegedy, Batch normalization, ICML 2015"
_METADATA = Metadata(2015, _SOURCE, "ImageNet", top1_error=25.2, top5_error=7.82)


class _Module(NamedTuple):
    """Filters of a module: 1x1; 3x3 and its reduction; two 3x3 and their reduction; 1x1 after the pooling.

    Without 1x1 filters it has stride 2 and nothing after the pooling.
    """

    ones: int
    reduce: int
    threes: int
    reduce_double: int
    doubles: int
    pooled: int
    pooling: str = "average"


# Figure 5 of the appendix.
_MODULES = {
    "3a": _Module(64, 64, 64, 64, 96, 32),
    "3b": _Module(64, 64, 96, 64, 96, 64),
    "3c": _Module(0, 128, 160, 64, 96, 0),
    "4a": _Module(224, 64, 96, 96, 128, 128),
    "4b": _Module(192, 96, 128, 96, 128, 128),
    "4c": _Module(160, 128, 160, 128, 160, 128),
    "4d": _Module(96, 128, 192, 160, 192, 128),
    "4e": _Module(0, 128, 192, 192, 256, 0),
    "5a": _Module(352, 192, 320, 160, 224, 128),
    "5b": _Module(352, 192, 320, 192, 224, 128, "max"),
}


def inception_v2(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return Inception v2, GoogLeNet with batch normalization and two 3x3 for each 5x5.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("inception_v2", _METADATA)
    net.add(Input.image("input", 3, input_size))
    add_modules(net, add_stem(net))
    classify(net, classes)
    return net.build(batch)


def add_stem(net: NetworkBuilder, slim: bool = False) -> str:
    """Add the layers before the first module: an eighth of the size, 192 channels; return the last's name.

    ``slim`` is the form of TensorFlow's slim library, which detectors build on: its first convolution is
    separable.
    """
    if slim:
        # Eight filters for each colour, then a 1x1; nothing between.
        net.add(DepthwiseConvolution("depthwise1", 7, 2, 3, multiplier=8, bias=False))
        convolve(net, "1", 64, 1)
    else:
        convolve(net, "1", 64, 7, 2)
    net.add(Pooling("pool1", "max", 3, 2, 1))
    convolve(net, "2a", 64, 1)
    convolve(net, "2b", 192, 3)
    return net.add(Pooling("pool2", "max", 3, 2, 1))


def add_modules(
    net: NetworkBuilder, source: str, first: str = "3a", last: str = "5b", slim: bool = False
) -> str:
    """Add the modules from ``first`` to ``last``, each ending with a layer join<module>; return its name.

    In the ``slim`` form 4c and 4d (4d and 4e there, where 3c is 4a) have 96 filters after the pooling.
    """
    places = list(_MODULES)
    for at in places[places.index(first) : places.index(last) + 1]:
        narrow = slim and at in ("4c", "4d")
        source = _module(net, at, _MODULES[at]._replace(pooled=96) if narrow else _MODULES[at], source)
    return source


def _module(net: NetworkBuilder, at: str, module: _Module, source: str) -> str:
    stride = 1 if module.ones else 2
    threes = (Step(module.reduce, 1), Step(module.threes, 3, stride))
    doubles = (Step(module.reduce_double, 1), Step(module.doubles, 3), Step(module.doubles, 3, stride))
    if not module.ones:
        return join(net, at, [*branches(net, at, source, threes, doubles), shrunk(net, at, source, 1)])
    ends = branches(net, at, source, (Step(module.ones, 1),), threes, doubles)
    return join(net, at, [*ends, pooled(net, at, source, module.pooled, module.pooling)])


NETWORKS = {"inception_v2": inception_v2}
