"""DQN: V. Mnih et al., Human-level control through deep reinforcement learning, Nature 518, 2015."""

from __future__ import annotations

from collections.abc import Callable

from workloads.layers import Activation, Convolution, Input, Linear
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size

_METADATA = Metadata(2015, "Mnih et al., Human-level control, Nature 518, 2015", "Atari 2600 games")


def dqn(batch: int = 1, input_size: Size = 84, actions: int = 8, frames: int = 4) -> Network:
    """Return DQN, which gives the value of every action from the last ``frames`` frames of a game.

    Sizes from the paper's methods, "Model architecture"; games have from 4 to 18 actions. ``input_size`` is
    one number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("dqn", _METADATA)
    net.add(Input.image("frames", frames, input_size))
    for number, (filters, kernel, stride) in enumerate(((32, 8, 4), (64, 4, 2), (64, 3, 1)), start=1):
        net.add(Convolution(f"conv{number}", filters, kernel, stride))
        net.add(Activation(f"relu{number}"))
    net.add(Linear("fc4", 512))
    net.add(Activation("relu4"))
    net.add(Linear("values", actions))
    return net.build(batch)


NETWORKS: dict[str, Callable[..., Network]] = {"dqn": dqn}
"""The builders of this file by name."""
