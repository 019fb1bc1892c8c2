"""Inception v4: C. Szegedy et al., Inception-v4, Inception-ResNet and residual connections, AAAI 2017.

Figures are those of the paper, arXiv:1602.07261. Modules are named a1 to a4, b1 to b7 and c1 to c3.
"""

from __future__ import annotations

from workloads.layers import Input, Pooling
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, convolve
from workloads.zoo.inception_parts import Step, branches, chain, down, finish, join, pooled, shrunk
from workloads.zoo.inception_v3 import split

# Table 2: one model, one crop.
_METADATA = Metadata(
    2016, "C. Szegedy et al., Inception-v4, AAAI 2017", "ImageNet", top1_error=20.0, top5_error=5.0
)


def inception_v4(batch: int = 1, input_size: Size = 299, classes: int = 1000) -> Network:
    """Return Inception v4 (figure 9); ``input_size`` is one number or (height, width).

    Raises WorkloadError.
    """
    net = NetworkBuilder("inception_v4", _METADATA)
    net.add(Input.image("input", 3, input_size))
    last = _stem(net)
    for number in range(1, 5):
        last = _module_a(net, f"a{number}", last)
    ends = branches(net, "a_down", last, (down(384),), (Step(192, 1), Step(224, 3), down(256)))
    last = join(net, "a_down", [*ends, shrunk(net, "a_down", last)])
    for number in range(1, 8):
        last = _module_b(net, f"b{number}", last)
    ends = branches(
        net,
        "b_down",
        last,
        (Step(192, 1), down(192)),
        (Step(256, 1), Step(256, (1, 7)), Step(320, (7, 1)), down(320)),
    )
    last = join(net, "b_down", [*ends, shrunk(net, "b_down", last)])
    for number in range(1, 4):
        last = _module_c(net, f"c{number}", last)
    finish(net, classes)
    return net.build(batch)


def _stem(net: NetworkBuilder) -> str:
    """Add figure 3: 299 to 35, 384 channels."""
    convolve(net, "1", 32, 3, 2, padding=0)
    convolve(net, "2", 32, 3, padding=0)
    last = convolve(net, "3", 64, 3)
    ends = [net.add(Pooling("pool4", "max", 3, 2), [last]), chain(net, "4", last, down(96))]
    last = join(net, "4", ends)
    valid = Step(96, 3, 1, 0)
    ends = branches(
        net, "5", last, (Step(64, 1), valid), (Step(64, 1), Step(64, (7, 1)), Step(64, (1, 7)), valid)
    )
    last = join(net, "5", ends)
    return join(net, "6", [chain(net, "6", last, down(192)), shrunk(net, "6", last)])


def _module_a(net: NetworkBuilder, at: str, source: str) -> str:
    """Add figure 4."""
    ends = branches(
        net,
        at,
        source,
        (Step(96, 1),),
        (Step(64, 1), Step(96, 3)),
        (Step(64, 1), Step(96, 3), Step(96, 3)),
    )
    return join(net, at, [*ends, pooled(net, at, source, 96)])


def _module_b(net: NetworkBuilder, at: str, source: str) -> str:
    """Add figure 5."""
    ends = branches(
        net,
        at,
        source,
        (Step(384, 1),),
        (Step(192, 1), Step(224, (1, 7)), Step(256, (7, 1))),
        (Step(192, 1), Step(192, (1, 7)), Step(224, (7, 1)), Step(224, (1, 7)), Step(256, (7, 1))),
    )
    return join(net, at, [*ends, pooled(net, at, source, 128)])


def _module_c(net: NetworkBuilder, at: str, source: str) -> str:
    """Add figure 6."""
    ends = [chain(net, f"{at}_1", source, Step(256, 1))]
    third = (Step(384, 1), Step(448, (1, 3)), Step(512, (3, 1)))
    for branch, steps in (("2", third[:1]), ("3", third)):
        middle = chain(net, f"{at}_{branch}", source, *steps)
        ends += split(net, f"{at}_{branch}", middle, 256)
    return join(net, at, [*ends, pooled(net, at, source, 256)])


NETWORKS = {"inception_v4": inception_v4}
