"""What Inception modules are made of: chains of normalized convolutions beside each other, and poolings.

A place, ``"6b_3"``, is a module's branch; its convolutions are conv6b_3a, conv6b_3b and so on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from workloads.layers import Concatenation, Dropout, GlobalPooling, Linear, Pooling, Softmax
from workloads.network import NetworkBuilder
from workloads.zoo.image_parts import Size, convolve


class Step(NamedTuple):
    """A convolution of a chain; its padding keeps the map's size but for the stride, unless given."""

    channels: int
    kernel: Size
    stride: int = 1
    padding: int | None = None


def down(channels: int) -> Step:
    """Return the 3x3 with stride 2 and without padding that ends a branch where maps become smaller."""
    return Step(channels, 3, 2, 0)


def chain(net: NetworkBuilder, place: str, source: str, *steps: Step) -> str:
    """Add one convolution after the other; return the last layer's name."""
    for letter, step in zip("abcdefgh", steps, strict=False):
        source = convolve(
            net, f"{place}{letter}", step.channels, step.kernel, step.stride, source, padding=step.padding
        )
    return source


def branches(net: NetworkBuilder, module: str, source: str, *chains: Sequence[Step]) -> list[str]:
    """Add chains beside each other, numbered from 1; return the names of their last layers."""
    return [chain(net, f"{module}_{at}", source, *steps) for at, steps in enumerate(chains, start=1)]


def pooled(net: NetworkBuilder, module: str, source: str, channels: int, kind: str = "average") -> str:
    """Add the branch of a 3x3 pooling that keeps the size, and a 1x1 convolution."""
    pool = net.add(Pooling(f"pool{module}", kind, 3, 1, 1), [source])
    return convolve(net, f"{module}_pool", channels, 1, source=pool)


def shrunk(net: NetworkBuilder, module: str, source: str, padding: int = 0) -> str:
    """Add the branch of a 3x3 pooling with stride 2."""
    return net.add(Pooling(f"pool{module}", "max", 3, 2, padding), [source])


def join(net: NetworkBuilder, module: str, ends: Sequence[str]) -> str:
    """Put the branches' channels together; -3 is their axis in a map and in many."""
    return net.add(Concatenation(f"join{module}", axis=-3), ends)


def finish(net: NetworkBuilder, classes: int) -> str:
    """Add global average pooling, dropout, a linear layer and softmax."""
    net.add(GlobalPooling("pool", "average"))
    net.add(Dropout("dropout"))
    net.add(Linear("fc", classes))
    return net.add(Softmax("prob"))
