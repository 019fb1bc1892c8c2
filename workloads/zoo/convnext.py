"""ConvNeXt: Z. Liu et al., A ConvNet for the 2020s, CVPR 2022; the tiny one of its table 9."""

from __future__ import annotations

from collections.abc import Callable

from workloads.layers import (
    Activation,
    Constant,
    Convolution,
    DepthwiseConvolution,
    Elementwise,
    GlobalPooling,
    Input,
    Linear,
    Normalization,
    Softmax,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size

# Error of table 1, one crop.
_ABOUT = Metadata(2022, "Z. Liu et al., A ConvNet for the 2020s, CVPR 2022", "ImageNet", 17.9)
_STAGES = ((96, 3), (192, 3), (384, 9), (768, 3))  # channels and blocks
_EXPANSION = 4


def convnext_t(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return ConvNeXt-T: depthwise 7x7 convolutions, each followed by two 1x1. Raises WorkloadError."""
    net = NetworkBuilder("convnext_t", _ABOUT)
    last = net.add(Input.image("input", 3, input_size))
    for stage, (channels, blocks) in enumerate(_STAGES, start=1):
        if stage == 1:
            net.add(Convolution("stem", channels, 4, stride=4))
            last = _layer_norm(net, "stem_norm")
        else:
            _layer_norm(net, f"down{stage}_norm")
            last = net.add(Convolution(f"down{stage}", channels, 2, stride=2))
        for block in range(1, blocks + 1):
            last = _block(net, f"{stage}_{block}", last, channels)
    net.add(GlobalPooling("pool", "average"))
    _layer_norm(net, "norm")
    net.add(Linear("fc", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


def _block(net: NetworkBuilder, place: str, source: str, channels: int) -> str:
    """Add a block (figure 4), its trained scale per channel too."""
    net.add(DepthwiseConvolution(f"conv{place}_dw", 7, padding=3), [source])
    _layer_norm(net, f"norm{place}")
    net.add(Convolution(f"conv{place}_expand", _EXPANSION * channels, 1))
    net.add(Activation(f"gelu{place}", "gelu"))
    branch = net.add(Convolution(f"conv{place}_project", channels, 1))
    scale = net.add(Constant(f"scale{place}", (channels, 1, 1), trained=True))
    scaled = net.add(Elementwise(f"scaled{place}", "multiply"), [branch, scale])
    return net.add(Elementwise(f"add{place}", "add"), [scaled, source])


def _layer_norm(net: NetworkBuilder, name: str) -> str:
    """Add a layer normalization over the channels of the last map."""
    return net.add(Normalization(name, "layer", axis=0))


NETWORKS: dict[str, Callable[..., Network]] = {"convnext_t": convnext_t}
