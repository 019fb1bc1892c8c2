"""Inception v3: C. Szegedy et al., Rethinking the Inception architecture for computer vision, CVPR 2016.

Modules are named as in TensorFlow and torchvision, 5b to 7c.
"""

from __future__ import annotations

from workloads.geometry import true_or_false
from workloads.layers import GlobalPooling, Input, Linear, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, convolve
from workloads.zoo.inception_parts import Step, branches, chain, down, finish, join, pooled, shrunk

# Table 3: one model, one crop.
_SOURCE = "C. Szegedy et al., Rethinking the Inception architecture, CVPR 2016"
_METADATA = Metadata(2015, _SOURCE, "ImageNet", top1_error=21.2, top5_error=5.6)


def inception_v3(
    batch: int = 1, input_size: Size = 299, classes: int = 1000, auxiliary: bool = False
) -> Network:
    """Return Inception v3; ``auxiliary`` adds the second classifier on 6e, which only training needs.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("inception_v3", _METADATA)
    net.add(Input.image("input", 3, input_size))
    last = add_stem(net)
    for at, channels in (("5b", 32), ("5c", 64), ("5d", 64)):
        last = small_module(net, at, last, 64, channels)
    last = _reduction_a(net, last)
    for at, channels in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        last = _module_b(net, at, last, channels)
    if true_or_false(auxiliary, "inception_v3", "auxiliary"):
        _auxiliary(net, last, classes)
    last = _reduction_b(net, last)
    for at in ("7b", "7c"):
        last = _module_c(net, at, last)
    finish(net, classes)
    return net.build(batch)


def add_stem(net: NetworkBuilder) -> str:
    """Add the convolutions and poolings before the first module: 299 to 35, 192 channels."""
    convolve(net, "1a", 32, 3, 2, padding=0)
    convolve(net, "2a", 32, 3, padding=0)
    convolve(net, "2b", 64, 3)
    net.add(Pooling("pool1", "max", 3, 2))
    convolve(net, "3b", 80, 1)
    convolve(net, "4a", 192, 3, padding=0)
    return net.add(Pooling("pool2", "max", 3, 2))


def small_module(net: NetworkBuilder, at: str, source: str, ones: int, channels: int) -> str:
    """Add a module of figure 5, with a 5x5, as TensorFlow has it; ``channels`` follow the pooling."""
    ends = branches(
        net,
        at,
        source,
        (Step(ones, 1),),
        (Step(48, 1), Step(64, 5)),
        (Step(64, 1), Step(96, 3), Step(96, 3)),
    )
    return join(net, at, [*ends, pooled(net, at, source, channels)])


def _reduction_a(net: NetworkBuilder, source: str) -> str:
    ends = branches(net, "6a", source, (down(384),), (Step(64, 1), Step(96, 3), down(96)))
    return join(net, "6a", [*ends, shrunk(net, "6a", source)])


def _module_b(net: NetworkBuilder, at: str, source: str, channels: int) -> str:
    """Add a module of figure 6: 7x7 as 1x7 and 7x1."""
    wide, high = Step(channels, (1, 7)), Step(channels, (7, 1))
    ends = branches(
        net,
        at,
        source,
        (Step(192, 1),),
        (Step(channels, 1), wide, Step(192, (7, 1))),
        (Step(channels, 1), high, wide, high, Step(192, (1, 7))),
    )
    return join(net, at, [*ends, pooled(net, at, source, 192)])


def _auxiliary(net: NetworkBuilder, source: str, classes: int) -> None:
    net.add(Pooling("aux_pool", "average", 5, 3), [source])
    chain(net, "_aux", "aux_pool", Step(128, 1), Step(768, 5, 1, 0))
    net.add(GlobalPooling("aux_average", "average"))
    net.add(Linear("aux_fc", classes))


def _reduction_b(net: NetworkBuilder, source: str) -> str:
    ends = branches(
        net,
        "7a",
        source,
        (Step(192, 1), down(320)),
        (Step(192, 1), Step(192, (1, 7)), Step(192, (7, 1)), down(192)),
    )
    return join(net, "7a", [*ends, shrunk(net, "7a", source)])


def _module_c(net: NetworkBuilder, at: str, source: str) -> str:
    """Add a module of figure 7, whose 3x3 end as a 1x3 and a 3x1 beside each other."""
    ends = [chain(net, f"{at}_1", source, Step(320, 1))]
    for branch, steps in (("2", (Step(384, 1),)), ("3", (Step(448, 1), Step(384, 3)))):
        middle = chain(net, f"{at}_{branch}", source, *steps)
        ends += split(net, f"{at}_{branch}", middle, 384)
    return join(net, at, [*ends, pooled(net, at, source, 192)])


def split(net: NetworkBuilder, place: str, source: str, channels: int) -> list[str]:
    """Add a 1x3 and a 3x1 beside each other."""
    return [
        convolve(net, f"{place}_wide", channels, (1, 3), source=source),
        convolve(net, f"{place}_high", channels, (3, 1), source=source),
    ]


NETWORKS = {"inception_v3": inception_v3}
