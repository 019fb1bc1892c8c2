"""ViT: A. Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021; sizes from its table 1."""

from __future__ import annotations

from collections.abc import Callable

from workloads.errors import WorkloadError
from workloads.geometry import by, sizes
from workloads.layers import (
    Concatenation,
    Constant,
    Convolution,
    Elementwise,
    Input,
    Linear,
    Normalization,
    Reshape,
    Slice,
    Softmax,
    Transpose,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size
from workloads.zoo.sequence_parts import add_residual, feed_forward, self_attention

_SOURCE = "Dosovitskiy et al., An image is worth 16x16 words, ICLR 2021"
_PATCH = 16


def vit_b_16(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return ViT-B/16: 12 blocks of width 768.

    ``input_size`` is one number or (height, width), multiples of 16. Raises WorkloadError.
    """
    # Errors: torchvision, ViT_B_16_Weights.IMAGENET1K_V1 (the paper's are of 384x384 images).
    return _vit("vit_b_16", 12, 768, 12, (18.928, 4.682), batch, input_size, classes)


def vit_l_16(batch: int = 1, input_size: Size = 224, classes: int = 1000) -> Network:
    """Return ViT-L/16: 24 blocks of width 1024; arguments as in ``vit_b_16``."""
    # Errors: torchvision, ViT_L_16_Weights.IMAGENET1K_V1.
    return _vit("vit_l_16", 24, 1024, 16, (20.338, 5.362), batch, input_size, classes)


def _vit(
    name: str,
    blocks: int,
    width: int,
    heads: int,
    errors: tuple[float, float],
    batch: int,
    input_size: Size,
    classes: int,
) -> Network:
    height, across = sizes(input_size, 2, f"network {name!r}", "input_size")
    if height % _PATCH or across % _PATCH:
        raise WorkloadError(
            f"network {name!r}: input_size must be multiples of the {_PATCH}x{_PATCH} patches, "
            f"not {by((height, across))}"
        )
    patches = (height // _PATCH) * (across // _PATCH)
    net = NetworkBuilder(name, Metadata(2021, _SOURCE, "ImageNet", *errors))
    net.add(Input.image("input", 3, (height, across)))
    net.add(Convolution("patches", width, _PATCH, stride=_PATCH))
    net.add(Reshape("rows", (width, patches)))
    sequence = net.add(Transpose("sequence", (1, 0)))
    token = net.add(Constant("class_token", (1, width), trained=True))
    tokens = net.add(Concatenation("tokens", 0), [token, sequence])
    positions = net.add(Constant("positions", (patches + 1, width), trained=True))
    last = net.add(Elementwise("embedded", "add"), [tokens, positions])
    for number in range(1, blocks + 1):
        block = f"block{number}_attention"
        normed = net.add(Normalization(f"{block}_norm", "layer"), [last])
        last = add_residual(net, block, last, self_attention(net, block, normed, width, heads))
        block = f"block{number}_feed"
        normed = net.add(Normalization(f"{block}_norm", "layer"), [last])
        # Table 1: the hidden layer of the feed-forward part is four times as wide.
        last = add_residual(net, block, last, feed_forward(net, block, normed, 4 * width, width, "gelu"))
    net.add(Normalization("norm", "layer"), [last])
    net.add(Slice("class", 0, stop=1))
    net.add(Linear("head", classes, last_axis=True))
    net.add(Reshape("scores", (-1,)))
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS: dict[str, Callable[..., Network]] = {"vit_b_16": vit_b_16, "vit_l_16": vit_l_16}
"""The builders of this file by name."""
