"""Networks as graphs of layers with their shapes and counts, and a zoo of known ones."""

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import Shape
from workloads.layers import (
    Activation,
    Convolution,
    DepthwiseConvolution,
    Elementwise,
    Flatten,
    GlobalPooling,
    Input,
    Linear,
    MatrixMultiplication,
    Normalization,
    Pooling,
    Softmax,
)
from workloads.network import Network, NetworkBuilder, NetworkLayer, SummaryRow, bind
from workloads.zoo import NETWORKS, ZooEntry, build

__all__ = [
    "NETWORKS",
    "Activation",
    "Convolution",
    "DepthwiseConvolution",
    "Elementwise",
    "Flatten",
    "GlobalPooling",
    "Input",
    "Layer",
    "Linear",
    "MatrixMultiplication",
    "Network",
    "NetworkBuilder",
    "NetworkLayer",
    "Normalization",
    "Pooling",
    "Shape",
    "Softmax",
    "SummaryRow",
    "WorkloadError",
    "ZooEntry",
    "bind",
    "build",
]
