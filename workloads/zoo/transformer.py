"""The Transformer: A. Vaswani et al., Attention is all you need, NIPS 2017; sizes from its table 3.

Projections of attention have no biases (section 3.2.2), feed-forward parts have (section 3.3). Embeddings of
both languages and the layer before the softmax share one table (section 3.4). Dropout is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workloads.geometry import whole_number
from workloads.layers import Activation, Constant, Elementwise, Embedding, Input, Linear, Softmax
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.sequence_parts import (
    add_and_normalize,
    attend,
    feed_forward,
    keys_and_values,
    self_attention,
)

_METADATA = Metadata(2017, "Vaswani et al., Attention is all you need, NIPS 2017", "WMT 2014 English-German")
# Section 5.1: "about 37000 tokens" of byte-pair encoding, of both languages.
_VOCABULARY = 37000


@dataclass(frozen=True)
class _Size:
    name: str
    width: int
    hidden: int
    heads: int
    stacked: int = 6


_BASE = _Size("transformer_base", 512, 2048, 8)
_BIG = _Size("transformer_big", 1024, 4096, 16)


def transformer_base(
    batch: int = 1, source_length: int = 64, target_length: int = 64, vocabulary: int = _VOCABULARY
) -> Network:
    """Return the base Transformer, encoder and decoder, on all positions of a sentence pair at once.

    ``source_length`` and ``target_length`` are in tokens. Raises WorkloadError.
    """
    return _whole(_BASE, batch, source_length, target_length, vocabulary)


def transformer_big(
    batch: int = 1, source_length: int = 64, target_length: int = 64, vocabulary: int = _VOCABULARY
) -> Network:
    """Return the big Transformer, on all positions at once; arguments as in ``transformer_base``."""
    return _whole(_BIG, batch, source_length, target_length, vocabulary)


def transformer_base_decode(
    batch: int = 1, source_length: int = 64, cached: int = 63, vocabulary: int = _VOCABULARY
) -> Network:
    """Return the base Transformer's decoding of one more word after ``cached`` earlier ones.

    Their keys and values are kept, and those of the ``source_length`` encoded tokens are inputs: neither
    they nor the encoder are computed again, and the weights are those that the step reads. Raises
    WorkloadError.
    """
    return _step(_BASE, batch, source_length, cached, vocabulary)


def transformer_big_decode(
    batch: int = 1, source_length: int = 64, cached: int = 63, vocabulary: int = _VOCABULARY
) -> Network:
    """Return the big Transformer's decoding of one more word; arguments as in ``transformer_base_decode``."""
    return _step(_BIG, batch, source_length, cached, vocabulary)


def _whole(size: _Size, batch: int, source_length: int, target_length: int, vocabulary: int) -> Network:
    net = NetworkBuilder(size.name, _METADATA)
    where = f"network {size.name!r}"
    source_length = whole_number(source_length, where, "source_length")
    target_length = whole_number(target_length, where, "target_length")
    vocabulary = whole_number(vocabulary, where, "vocabulary")
    last = _embed(net, size, "source", source_length, vocabulary)
    for number in range(1, size.stacked + 1):
        block = f"encoder{number}_attention"
        branch = self_attention(net, block, last, size.width, size.heads, bias=False)
        last = _feed_forward(net, size, f"encoder{number}", add_and_normalize(net, block, last, branch))
    encoded = last

    def attended(block: str) -> tuple[str, str]:
        return keys_and_values(net, block, encoded, size.width, bias=False)

    last = _embed(net, size, "target", target_length, vocabulary, shares="source_embedding")
    _decode(net, size, last, attended, 0, vocabulary, shares="source_embedding")
    return net.build(batch)


def _step(size: _Size, batch: int, source_length: int, cached: int, vocabulary: int) -> Network:
    name = f"{size.name}_decode"
    net = NetworkBuilder(name, _METADATA)
    source_length = whole_number(source_length, f"network {name!r}", "source_length")
    cached = whole_number(cached, f"network {name!r}", "cached", 0)
    vocabulary = whole_number(vocabulary, f"network {name!r}", "vocabulary")
    last = _embed(net, size, "target", 1, vocabulary)

    def attended(block: str) -> tuple[str, str]:
        shape = (source_length, size.width)
        return net.add(Input(f"{block}_keys", shape)), net.add(Input(f"{block}_values", shape))

    _decode(net, size, last, attended, cached, vocabulary, shares="target_embedding")
    return net.build(batch)


def _embed(
    net: NetworkBuilder, size: _Size, side: str, length: int, vocabulary: int, shares: str | None = None
) -> str:
    net.add(Input(side, (length,)))
    net.add(Embedding(f"{side}_embedding", vocabulary, size.width), shares=shares)
    # Section 3.4: embeddings are multiplied by the square root of the width.
    scaled = net.add(Activation(f"{side}_scale", "scale"))
    places = net.add(Constant(f"{side}_positions", (length, size.width)))
    return net.add(Elementwise(f"{side}_embedded", "add"), [scaled, places])


def _decode(
    net: NetworkBuilder,
    size: _Size,
    last: str,
    attended: Callable[[str], tuple[str, str]],
    cached: int,
    vocabulary: int,
    shares: str,
) -> None:
    """Add the decoder and its output; ``attended`` makes a block's keys and values of what is encoded."""
    for number in range(1, size.stacked + 1):
        block = f"decoder{number}_attention"
        branch = self_attention(net, block, last, size.width, size.heads, bias=False, cached=cached)
        last = add_and_normalize(net, block, last, branch)
        block = f"decoder{number}_cross"
        branch = attend(net, block, last, attended(block), size.width, size.heads, bias=False)
        last = _feed_forward(net, size, f"decoder{number}", add_and_normalize(net, block, last, branch))
    net.add(Linear("output", vocabulary, bias=False, last_axis=True), [last], shares=shares)
    net.add(Softmax("prob"))


def _feed_forward(net: NetworkBuilder, size: _Size, stack: str, last: str) -> str:
    block = f"{stack}_feed"
    branch = feed_forward(net, block, last, size.hidden, size.width, "relu")
    return add_and_normalize(net, block, last, branch)


NETWORKS: dict[str, Callable[..., Network]] = {
    "transformer_base": transformer_base,
    "transformer_big": transformer_big,
    "transformer_base_decode": transformer_base_decode,
    "transformer_big_decode": transformer_big_decode,
}
"""The builders of this file by name."""
