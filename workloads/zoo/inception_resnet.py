"""Inception-ResNet v2: C. Szegedy et al., Inception-v4, Inception-ResNet and residual connections, AAAI 2017.

Sizes are those of its authors' code (TensorFlow's slim library), which everybody's weights are of:
it begins like Inception v3 and has 10, 20 and 10 residual blocks, where the paper's figures have 5, 10 and 5.
"""

from __future__ import annotations

from workloads.layers import Activation, Convolution, Elementwise, Input
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, activate, convolve
from workloads.zoo.inception_parts import Step, branches, down, finish, join, shrunk
from workloads.zoo.inception_v3 import add_stem, small_module

# Table 2: one model, one crop.
_METADATA = Metadata(
    2016, "C. Szegedy et al., Inception-v4, AAAI 2017", "ImageNet", top1_error=19.9, top5_error=4.9
)
# The branches of a residual block, at 35 x 35, 17 x 17 and 8 x 8.
_BLOCK35 = ((Step(32, 1),), (Step(32, 1), Step(32, 3)), (Step(32, 1), Step(48, 3), Step(64, 3)))
_BLOCK17 = ((Step(192, 1),), (Step(128, 1), Step(160, (1, 7)), Step(192, (7, 1))))
_BLOCK8 = ((Step(192, 1),), (Step(192, 1), Step(224, (1, 3)), Step(256, (3, 1))))


def inception_resnet_v2(batch: int = 1, input_size: Size = 299, classes: int = 1000) -> Network:
    """Return Inception-ResNet v2; ``input_size`` is one number or (height, width). Raises WorkloadError."""
    net = NetworkBuilder("inception_resnet_v2", _METADATA)
    net.add(Input.image("input", 3, input_size))
    last = small_module(net, "5b", add_stem(net), 96, 64)
    last = _blocks(net, "block35", 10, last, _BLOCK35, 320)
    ends = branches(net, "6a", last, (down(384),), (Step(256, 1), Step(256, 3), down(384)))
    last = join(net, "6a", [*ends, shrunk(net, "6a", last)])
    last = _blocks(net, "block17", 20, last, _BLOCK17, 1088)
    ends = branches(
        net,
        "7a",
        last,
        (Step(256, 1), down(384)),
        (Step(256, 1), down(288)),
        (Step(256, 1), Step(288, 3), down(320)),
    )
    last = join(net, "7a", [*ends, shrunk(net, "7a", last)])
    _blocks(net, "block8", 10, last, _BLOCK8, 2080, last_activation=False)
    convolve(net, "7b", 1536, 1)
    finish(net, classes)
    return net.build(batch)


def _blocks(
    net: NetworkBuilder,
    name: str,
    times: int,
    source: str,
    chains: tuple[tuple[Step, ...], ...],
    channels: int,
    last_activation: bool = True,
) -> str:
    """Add blocks: branches, a 1x1 with biases to as many channels as came, scaled down and added to them."""
    for number in range(1, times + 1):
        at = f"{name}_{number}"
        join(net, at, branches(net, at, source, *chains))
        net.add(Convolution(f"conv{at}_up", channels, 1))
        scaled = net.add(Activation(f"scale{at}", "scale"))
        source = net.add(Elementwise(f"add{at}", "add"), [source, scaled])
        if number < times or last_activation:
            source = activate(net, at)
    return source


NETWORKS = {"inception_resnet_v2": inception_resnet_v2}
