"""YOLO: J. Redmon et al., You only look once, CVPR 2016; layers of its figure 3."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from workloads.geometry import whole_number
from workloads.layers import Activation, Convolution, Input, Linear, Pooling, Reshape
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size

_METADATA = Metadata(2016, "Redmon et al., You only look once, CVPR 2016", "PASCAL VOC 2007")

# Figure 3: per stage (filters, kernel, stride) of its convolutions; a maximum pooling follows the first four.
_STAGES = (
    ((64, 7, 2),),
    ((192, 3, 1),),
    ((128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1)),
    (*((256, 1, 1), (512, 3, 1)) * 4, (512, 1, 1), (1024, 3, 1)),
    (*((512, 1, 1), (1024, 3, 1)) * 2, (1024, 3, 1), (1024, 3, 2)),
    ((1024, 3, 1), (1024, 3, 1)),
)
_POOLED = 4


def yolo_v1(batch: int = 1, input_size: Size = 448, classes: int = 20, boxes: int = 2) -> Network:
    """Return YOLO v1, which predicts boxes and a class for every cell of a grid of 7 x 7.

    ``input_size`` is one number or (height, width); a cell is 64 x 64 of it and has ``boxes`` boxes. The
    output is (height, width, 5 x boxes + classes) of the grid. Raises WorkloadError.
    """
    predicted = 5 * whole_number(boxes, "network 'yolo_v1'", "boxes")
    predicted += whole_number(classes, "network 'yolo_v1'", "classes")
    net = NetworkBuilder("yolo_v1", _METADATA)
    net.add(Input.image("input", 3, input_size))
    for stage, convolutions in enumerate(_STAGES, start=1):
        for number, (filters, kernel, stride) in enumerate(convolutions, start=1):
            place = f"{stage}_{number}"
            net.add(Convolution(f"conv{place}", filters, kernel, stride, padding=kernel // 2))
            net.add(Activation(f"leaky{place}", "leaky_relu"))
        if stage <= _POOLED:
            net.add(Pooling(f"pool{stage}", "max", 2))
    grid = net.build()[f"leaky{len(_STAGES)}_2"].output_shape[1:]
    net.add(Linear("fc1", 4096))
    net.add(Activation("leaky_fc1", "leaky_relu"))
    net.add(Linear("fc2", prod(grid) * predicted))
    net.add(Reshape("grid", (*grid, predicted)))
    return net.build(batch)


NETWORKS: dict[str, Callable[..., Network]] = {"yolo_v1": yolo_v1}
"""The builders of this file by name."""
