"""ShuffleNet v1: X. Zhang et al., ShuffleNet: an extremely efficient CNN for mobile devices, CVPR 2018."""

from __future__ import annotations

from functools import partial

from workloads.geometry import sizes
from workloads.layers import Concatenation, Elementwise, Input, Pooling, Reshape, Transpose
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, activate, chosen, classify, convolve, depthwise

_SOURCE = "X. Zhang et al., ShuffleNet, CVPR 2018"
# Table 1: output channels of stage 2 by the groups, doubled in each stage after; units in stages 2 to 4.
_CHANNELS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
_UNITS = (4, 8, 4)
_FIRST = 24
# Table 2, at full width.
_TOP1_ERRORS = {1: 33.6, 2: 32.7, 3: 32.6, 4: 32.8, 8: 32.4}


def shufflenet_v1(
    batch: int = 1, input_size: Size = 224, classes: int = 1000, groups: int = 3, name: str = "shufflenet_v1"
) -> Network:
    """Return ShuffleNet v1 at full width, its 1x1 convolutions in 1, 2, 3, 4 or 8 groups.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    groups = chosen(groups, _CHANNELS, name, "groups")
    height, _ = sizes(input_size, 2, name, "input_size")
    net = NetworkBuilder(name, Metadata(2017, _SOURCE, "ImageNet", _TOP1_ERRORS[groups]))
    net.add(Input.image("input", 3, input_size))
    convolve(net, "1", _FIRST, 3, 2)
    last = net.add(Pooling("pool1", "max", 3, 2, 1))
    seen = _FIRST
    for stage, units in enumerate(_UNITS, start=2):
        channels = _CHANNELS[groups] * 2 ** (stage - 2)
        for unit in range(1, units + 1):
            # Halvings round up; conv1, pool1 and the first unit of every stage are one each.
            rows = -(-height // 2 ** (stage if unit == 1 else stage + 1))
            last = _unit(net, f"{stage}_{unit}", last, seen, channels, groups, rows)
            seen = channels
    classify(net, classes)
    return net.build(batch)


def _unit(net: NetworkBuilder, at: str, source: str, seen: int, channels: int, groups: int, rows: int) -> str:
    """Add a unit of figure 2, (c) where it changes the channels, else (b); ``rows`` is its inputs' height."""
    down = seen != channels
    # The few channels of the first layer are not worth groups (section 3.3).
    convolve(net, f"{at}a", channels // 4, 1, source=source, groups=1 if seen == _FIRST else groups)
    if groups > 1:
        _shuffle(net, at, channels // 4, groups, rows)
    depthwise(net, f"{at}b", 3, 2 if down else 1, activation=None)
    branch = convolve(net, f"{at}c", channels - seen if down else channels, 1, groups=groups, activation=None)
    if down:
        shortcut = net.add(Pooling(f"shortcut{at}", "average", 3, 2, 1), [source])
        net.add(Concatenation(f"join{at}"), [shortcut, branch])
    else:
        net.add(Elementwise(f"add{at}", "add"), [source, branch])
    return activate(net, at)


def _shuffle(net: NetworkBuilder, at: str, channels: int, groups: int, rows: int) -> None:
    """Let the channels of every group take turns, so that each of the next groups sees all of them."""
    net.add(Reshape(f"groups{at}", (groups, channels // groups, -1)))
    net.add(Transpose(f"shuffle{at}", (1, 0, 2)))
    net.add(Reshape(f"channels{at}", (channels, rows, -1)))


def _variant(groups: int) -> partial[Network]:
    return partial(shufflenet_v1, groups=groups, name=f"shufflenet_v1_g{groups}")


NETWORKS = {"shufflenet_v1": shufflenet_v1, "shufflenet_v1_g1": _variant(1), "shufflenet_v1_g8": _variant(8)}
