"""Llama 3: Llama team, The Llama 3 herd of models, arXiv:2407.21783, 2024; sizes from its table 3.

A decoder with grouped-query attention, rotary position embeddings, RMS normalization before each part, and a
gated feed-forward part (SwiGLU); nothing has biases.
"""

from __future__ import annotations

from collections.abc import Callable

from workloads.geometry import whole_number
from workloads.layers import (
    Activation,
    Attention,
    Concatenation,
    Constant,
    Elementwise,
    Embedding,
    Input,
    Normalization,
    Reshape,
    Slice,
    Softmax,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.sequence_parts import add_residual, project

_METADATA = Metadata(2024, "Llama team, The Llama 3 herd of models, arXiv:2407.21783")
# Table 3, 8B: layers, model dimension, feed-forward dimension, attention heads, key/value heads; section 3.2:
# 128K tokens, which are 128,256 with the special ones of the released model.
_BLOCKS, _WIDTH, _HIDDEN, _HEADS, _KV_HEADS, _VOCABULARY = 32, 4096, 14336, 32, 8, 128256
_HEAD = _WIDTH // _HEADS


def llama3_8b(batch: int = 1, sequence_length: int = 512, cached: int = 0) -> Network:
    """Return Llama 3 8B reading ``sequence_length`` tokens at once after ``cached`` earlier ones (prefill).

    The next token's probabilities are computed for the last position alone. Raises WorkloadError.
    """
    return _llama("llama3_8b", batch, sequence_length, cached)


def llama3_8b_decode(batch: int = 1, cached: int = 511) -> Network:
    """Return Llama 3 8B taking one token, the keys and values of ``cached`` earlier ones kept (decoding)."""
    return _llama("llama3_8b_decode", batch, 1, cached)


def _llama(name: str, batch: int, length: int, cached: int) -> Network:
    length = whole_number(length, f"network {name!r}", "sequence_length")
    cached = whole_number(cached, f"network {name!r}", "cached", 0)
    net = NetworkBuilder(name, _METADATA)
    net.add(Input("tokens", (length,)))
    last = net.add(Embedding("embedding", _VOCABULARY, _WIDTH))
    net.add(Constant("cosines", (length, 1, _HEAD)))
    net.add(Constant("sines", (length, 1, _HEAD)))
    for number in range(1, _BLOCKS + 1):
        last = _attention(net, f"block{number}_attention", last, length, cached)
        last = _feed_forward(net, f"block{number}_feed", last)
    net.add(Normalization("norm", "rms"), [last])
    net.add(Slice("last", 0, start=length - 1))
    project(net, "output", "last", _VOCABULARY, bias=False)
    net.add(Softmax("prob"))
    return net.build(batch)


def _attention(net: NetworkBuilder, block: str, last: str, length: int, cached: int) -> str:
    normed = net.add(Normalization(f"{block}_norm", "rms"), [last])
    shared = _KV_HEADS * _HEAD
    queries = project(net, f"{block}_query", normed, _WIDTH, bias=False)
    keys = project(net, f"{block}_key", normed, shared, bias=False)
    values = project(net, f"{block}_value", normed, shared, bias=False)
    turned = [_rotate(net, queries, length, _HEADS), _rotate(net, keys, length, _KV_HEADS)]
    net.add(Attention(block, _HEADS, _KV_HEADS, cached), [*turned, values])
    return add_residual(net, block, last, project(net, f"{block}_output", block, _WIDTH, bias=False))


def _rotate(net: NetworkBuilder, source: str, length: int, heads: int) -> str:
    """Add the turn of every pair of values by its position's angle; return its name."""
    plain = net.add(Reshape(f"{source}_heads", (length, heads, _HEAD)), [source])
    # The other value of each pair stands half a head away; the sines hold the signs.
    halves = [
        net.add(Slice(f"{source}_{side}", 2, start, stop), [plain])
        for side, start, stop in (("right", _HEAD // 2, _HEAD), ("left", 0, _HEAD // 2))
    ]
    swapped = net.add(Concatenation(f"{source}_swapped", 2), halves)
    parts = [
        net.add(Elementwise(f"{source}_by_{waves}", "multiply"), [given, waves])
        for given, waves in ((plain, "cosines"), (swapped, "sines"))
    ]
    net.add(Elementwise(f"{source}_turned", "add"), parts)
    return net.add(Reshape(f"{source}_rotated", (length, heads * _HEAD)))


def _feed_forward(net: NetworkBuilder, block: str, last: str) -> str:
    normed = net.add(Normalization(f"{block}_norm", "rms"), [last])
    project(net, f"{block}_gate", normed, _HIDDEN, bias=False)
    gate = net.add(Activation(f"{block}_silu", "silu"))
    up = project(net, f"{block}_up", normed, _HIDDEN, bias=False)
    gated = net.add(Elementwise(f"{block}_gated", "multiply"), [gate, up])
    return add_residual(net, block, last, project(net, f"{block}_down", gated, _WIDTH, bias=False))


NETWORKS: dict[str, Callable[..., Network]] = {
    "llama3_8b": llama3_8b,
    "llama3_8b_decode": llama3_8b_decode,
}
"""The builders of this file by name."""
