"""PolyNet: X. Zhang et al., PolyNet: a pursuit of structural diversity in very deep networks, CVPR 2017.

Inception-ResNet blocks combined to polynomials: a 2-way module is I + F + G, a poly-3 module I + F + F^2 +
F^3, whose applications of F share all weights but those of their last 1x1 convolution. Widths as in the
authors' released model (github.com/open-mmlab/polynet).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from workloads.layers import Elementwise, Input
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, activate, convolve, normalize
from workloads.zoo.inception_parts import Step, branches, down, finish, join, shrunk

_ABOUT = Metadata(
    2016,
    "X. Zhang et al., PolyNet: a pursuit of structural diversity in very deep networks, CVPR 2017",
    "ImageNet",
    18.71,  # one crop, as the top-5 error
    4.25,
)
_POWERS = 3
Chains = Sequence[Sequence[Step]]


class _Stage(NamedTuple):
    """A block's chains and its channels, how many modules there are, the chains that halve the map then."""

    chains: Chains
    channels: int
    modules: int
    reduction: Chains


_STAGES = {
    "a": _Stage(
        ((Step(32, 1), Step(48, 3), Step(64, 3)), (Step(32, 1), Step(32, 3)), (Step(32, 1),)),
        384,
        10,
        ((Step(256, 1), Step(256, 3), down(384)), (down(384),)),
    ),
    "b": _Stage(
        ((Step(128, 1), Step(160, (1, 7)), Step(192, (7, 1))), (Step(192, 1),)),
        1152,
        20,
        ((Step(256, 1), Step(256, 3), down(256)), (Step(256, 1), down(256)), (Step(256, 1), down(384))),
    ),
    "c": _Stage(
        ((Step(192, 1), Step(224, (1, 3)), Step(256, (3, 1))), (Step(192, 1),)),
        2048,
        10,
        (),
    ),
}


def polynet(batch: int = 1, input_size: Size = 331, classes: int = 1000) -> Network:
    """Return the very deep PolyNet: 10 2-way modules, then 20 and 10 alternately poly-3 and 2-way.

    The constant scales of the residuals are left out: the normalizations before them take them over. Raises
    WorkloadError.
    """
    net = NetworkBuilder("polynet", _ABOUT)
    net.add(Input.image("input", 3, input_size))
    last = _stem(net)
    for letter, stage in _STAGES.items():
        for number in range(1, stage.modules + 1):
            place = f"_{letter}{number}"
            poly = letter != "a" and number % 2
            paths = (_powers if poly else _ways)(net, place, last, stage)
            net.add(Elementwise(f"add{place}", "add"), [last, *paths])
            last = activate(net, place)
        if stage.reduction:
            last = _halve(net, f"_{letter}_reduction", last, *stage.reduction)
    finish(net, classes)
    return net.build(batch)


def _stem(net: NetworkBuilder) -> str:
    """Add the stem, that of Inception v4."""
    convolve(net, "1", 32, 3, stride=2, padding=0)
    convolve(net, "2", 32, 3, padding=0)
    last = _halve(net, "4", convolve(net, "3", 64, 3), (down(96),))
    short = (Step(64, 1), Step(96, 3, padding=0))
    long = (Step(64, 1), Step(64, (7, 1)), Step(64, (1, 7)), Step(96, 3, padding=0))
    last = join(net, "5", branches(net, "5", last, short, long))
    return _halve(net, "6", last, (down(192),))


def _halve(net: NetworkBuilder, place: str, source: str, *chains: Sequence[Step]) -> str:
    """Add chains with a stride and a maximum pooling beside them, and put them together."""
    return join(net, place, [*branches(net, place, source, *chains), shrunk(net, place, source)])


def _ways(net: NetworkBuilder, place: str, source: str, stage: _Stage) -> list[str]:
    """Add two blocks beside each other; return their last layers."""
    return [
        _close(net, f"{place}_{way}", branches(net, f"{place}_{way}", source, *stage.chains), stage.channels)
        for way in (1, 2)
    ]


def _powers(net: NetworkBuilder, place: str, source: str, stage: _Stage) -> list[str]:
    """Add F, F^2 and F^3, each one block applied to the power before it; return their last layers."""
    first = f"{place}_1"
    paths = [_close(net, first, branches(net, first, source, *stage.chains), stage.channels)]
    for power in range(2, _POWERS + 1):
        again = f"{place}_{power}"
        last = activate(net, f"{place}_{power - 1}")
        paths.append(_close(net, again, _repeat(net, first, again, last, stage.chains), stage.channels))
    return paths


def _repeat(net: NetworkBuilder, first: str, place: str, source: str, chains: Chains) -> list[str]:
    """Add the chains at ``first`` once more, with the same weights and other normalizations."""
    ends = []
    for number, steps in enumerate(chains, start=1):
        last = source
        for letter, _ in zip("abcdefgh", steps, strict=False):
            net.reuse(f"conv{first}_{number}{letter}", f"conv{place}_{number}{letter}", [last])
            last = normalize(net, f"{place}_{number}{letter}")
        ends.append(last)
    return ends


def _close(net: NetworkBuilder, place: str, ends: Sequence[str], channels: int) -> str:
    """Put a block's chains together, and widen them to the channels of its input."""
    join(net, place, ends)
    return convolve(net, f"{place}_up", channels, 1, activation=None)


NETWORKS: dict[str, Callable[..., Network]] = {"polynet": polynet}
