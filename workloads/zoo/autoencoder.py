"""Convolutional autoencoders: an encoder of strided convolutions, a decoder of transposed ones.

Sizes are those of F. Chollet, Variational autoencoder (keras.io/examples/generative/vae, 2020), after
D. Kingma and M. Welling, Auto-encoding variational Bayes, ICLR 2014; without its sampling it is the
convolutional autoencoder of J. Masci et al., Stacked convolutional auto-encoders, ICANN 2011, in kind.
"""

from __future__ import annotations

from collections.abc import Callable

from workloads.errors import WorkloadError
from workloads.geometry import Sizes, by, sizes
from workloads.layers import (
    Activation,
    Convolution,
    Elementwise,
    Input,
    Linear,
    Reshape,
    TransposedConvolution,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size

_FILTERS = (32, 64)
_HIDDEN = 16
_SHRUNK = 2 ** len(_FILTERS)
# Keras pads a 3x3 of stride 2 after the map alone, and cuts its transposed form there.
_AFTER = (0, 1, 0, 1)


def conv_autoencoder(batch: int = 1, input_size: Size = 28, channels: int = 1, latent: int = 2) -> Network:
    """Return a convolutional autoencoder, which draws an image anew from ``latent`` values.

    ``input_size`` is one number or (height, width), multiples of 4. Raises WorkloadError.
    """
    net = NetworkBuilder(
        "conv_autoencoder",
        Metadata(2011, "Masci et al., Stacked convolutional auto-encoders, ICANN 2011", "MNIST"),
    )
    reduced = _encode(net, input_size, channels)
    net.add(Linear("latent", latent))
    _decode(net, reduced, channels)
    return net.build(batch)


def variational_autoencoder(
    batch: int = 1, input_size: Size = 28, channels: int = 1, latent: int = 2
) -> Network:
    """Return a variational autoencoder, whose code ``noise`` draws from the encoder's mean and variance.

    Arguments as in ``conv_autoencoder``.
    """
    net = NetworkBuilder(
        "variational_autoencoder",
        Metadata(2014, "Kingma and Welling, Auto-encoding variational Bayes, ICLR 2014", "MNIST"),
    )
    reduced = _encode(net, input_size, channels)
    encoded = "encoder_relu3"
    mean = net.add(Linear("mean", latent), [encoded])
    net.add(Linear("log_variance", latent), [encoded])
    net.add(Activation("halved", "scale"))
    deviation = net.add(Activation("deviation", "exp"))
    noise = net.add(Input("noise", (latent,)))
    drawn = net.add(Elementwise("drawn", "multiply"), [deviation, noise])
    net.add(Elementwise("latent", "add"), [mean, drawn])
    _decode(net, reduced, channels)
    return net.build(batch)


def _encode(net: NetworkBuilder, input_size: Size, channels: int) -> Sizes:
    """Add the encoder; return the extent to which it brings the image."""
    where = f"network {net.name!r}"
    extent = sizes(input_size, 2, where, "input_size")
    if any(size % _SHRUNK for size in extent):
        raise WorkloadError(f"{where}: input_size must be multiples of {_SHRUNK}, not {by(extent)}")
    net.add(Input.image("input", channels, extent))
    for number, filters in enumerate(_FILTERS, start=1):
        net.add(Convolution(f"encoder_conv{number}", filters, 3, stride=2, padding=_AFTER))
        net.add(Activation(f"encoder_relu{number}"))
    net.add(Linear("encoder_fc", _HIDDEN))
    net.add(Activation("encoder_relu3"))
    return tuple(size // _SHRUNK for size in extent)


def _decode(net: NetworkBuilder, reduced: Sizes, channels: int) -> None:
    deepest = _FILTERS[-1]
    net.add(Linear("decoder_fc", deepest * reduced[0] * reduced[1]))
    net.add(Activation("decoder_relu0"))
    net.add(Reshape("decoder_map", (deepest, *reduced)))
    for number, filters in enumerate(reversed(_FILTERS), start=1):
        net.add(TransposedConvolution(f"decoder_up{number}", filters, 3, stride=2, padding=_AFTER))
        net.add(Activation(f"decoder_relu{number}"))
    net.add(TransposedConvolution("decoder_out", channels, 3, padding=1))
    net.add(Activation("image", "sigmoid"))


NETWORKS: dict[str, Callable[..., Network]] = {
    "conv_autoencoder": conv_autoencoder,
    "variational_autoencoder": variational_autoencoder,
}
"""The builders of this file by name."""
