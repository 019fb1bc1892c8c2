"""What networks over sequences share: projections, attention around them, feed-forward parts, residuals.

Every function adds layers to a network being built and returns the name of the last one. Sequences are
(positions, features).
"""

from __future__ import annotations

from workloads.layers import Activation, Attention, Elementwise, Linear, Normalization
from workloads.network import NetworkBuilder


def project(net: NetworkBuilder, name: str, source: str, features: int, bias: bool = True) -> str:
    """Add a linear layer over each position alone."""
    return net.add(Linear(name, features, bias, last_axis=True), [source])


def keys_and_values(
    net: NetworkBuilder, block: str, source: str, width: int, bias: bool = True
) -> tuple[str, str]:
    """Add the projections of what is attended to; return the names of keys and values."""
    return (
        project(net, f"{block}_key", source, width, bias),
        project(net, f"{block}_value", source, width, bias),
    )


def attend(
    net: NetworkBuilder,
    block: str,
    source: str,
    attended: tuple[str, str],
    width: int,
    heads: int,
    bias: bool = True,
    cached: int = 0,
) -> str:
    """Add the queries of ``source``, their attention to keys and values, and the projection of its output."""
    queries = project(net, f"{block}_query", source, width, bias)
    net.add(Attention(block, heads, cached=cached), [queries, *attended])
    return project(net, f"{block}_output", block, width, bias)


def self_attention(
    net: NetworkBuilder,
    block: str,
    source: str,
    width: int,
    heads: int,
    bias: bool = True,
    cached: int = 0,
) -> str:
    """Add the attention of every position of ``source`` to all of them, and to ``cached`` earlier ones."""
    attended = keys_and_values(net, block, source, width, bias)
    return attend(net, block, source, attended, width, heads, bias, cached)


def feed_forward(net: NetworkBuilder, block: str, source: str, hidden: int, width: int, kind: str) -> str:
    """Add two linear layers over each position, with an activation of ``kind`` between them."""
    project(net, f"{block}_1", source, hidden)
    net.add(Activation(f"{block}_{kind}", kind))
    return project(net, f"{block}_2", f"{block}_{kind}", width)


def add_residual(net: NetworkBuilder, block: str, source: str, branch: str) -> str:
    """Add the sum of a block's input and its output."""
    return net.add(Elementwise(f"{block}_add", "add"), [source, branch])


def add_and_normalize(net: NetworkBuilder, block: str, source: str, branch: str) -> str:
    """Add the residual sum and the layer normalization after it."""
    return net.add(Normalization(f"{block}_norm", "layer"), [add_residual(net, block, source, branch)])
