"""Networks as graphs of layers with their shapes and counts, and a zoo of known ones."""

from workloads import layers
from workloads.base import Layer, MovesNothing
from workloads.errors import WorkloadError
from workloads.geometry import Shape
from workloads.layers import *  # noqa: F403  # every layer type, as the room itself lists them
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder, NetworkLayer, SummaryRow, UniqueLayer, bind
from workloads.zoo import NETWORKS, ZooEntry, build

__all__ = [
    "NETWORKS",
    "Layer",
    "Metadata",
    "MovesNothing",
    "Network",
    "NetworkBuilder",
    "NetworkLayer",
    "Shape",
    "SummaryRow",
    "UniqueLayer",
    "WorkloadError",
    "ZooEntry",
    "bind",
    "build",
]
__all__ += layers.__all__
