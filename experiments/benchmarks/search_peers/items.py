"""Layers as every tool can have them: convolutions of one group, each shape once with how often it occurs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import simulator as sim
from experiments.benchmarks.search_peers.process import PeerError
from simulator.architecture import Architecture
from simulator.formats import scalesim
from simulator.problem import Problem


@dataclass(frozen=True)
class Item:
    """A problem on a machine; ``times`` it occurs in its group, a network or the name of a table."""

    group: str
    name: str
    problem: Problem
    machine: Architecture
    times: int = 1


def layers(network: str, machine: Architecture) -> list[Item]:
    """Return a network's layers that compute, one of each shape.

    Raises
    ------
    PeerError
        For layers that are no convolutions and matrix products, or dilated.
    SimulatorError, WorkloadError
        As `simulator.load_network`.
    """
    shapes: dict[object, list[Problem]] = {}
    for layer in sim.load_network(network).layers:
        if layer.macs:
            problem = sim.load_layer(layer)
            one = one_group(problem, layer.name)
            shapes.setdefault((one.dimensions, one.tensors), []).extend([one] * problem.extents.get("G", 1))
    return [Item(network, same[0].name, same[0], machine, len(same)) for same in shapes.values()]


def one_group(problem: Problem, name: str) -> Problem:
    """Return one group of a convolution, its padding stored like data: no peer knows padding."""
    usual = sim.convolution()
    strides = tuple(rank.coefficients[0][1] for rank in problem.tensor("inputs").ranks[-2:])
    one = sim.convolution(
        name, **{d.lower(): x for d, x in problem.extents.items() if d in "NMCPQRS"}, stride=strides
    )
    ranks = [
        [rank.coefficients for tensor in some.tensors for rank in tensor.ranks] for some in (problem, one)
    ]
    if set(problem.extents) != set(usual.extents) or ranks[0] != ranks[1]:
        raise PeerError(f"{name}: peers are compared on convolutions and products without dilation")
    return one


def matmul(m: int, k: int, n: int) -> Problem:
    """Return the product of an M x K and a K x N matrix."""
    return sim.convolution(f"matmul_{m}x{k}x{n}", m=n, c=k, p=m)


def proven(machine: Architecture) -> list[Item]:
    """Return what an optimum is proven for: matrix products with every bypass free, and convolutions whose
    filters pass the buffer by."""
    bypass = machine.replace({"GLB.keeps": ["inputs", "outputs"]})
    products = [
        Item("every bypass free", p.name, p, machine) for p in (matmul(16, 16, 16), matmul(128, 128, 128))
    ]
    return [
        *products,
        # ResNet-50's first expansion, and one group of AlexNet's conv5 with its padding stored.
        Item("filters bypass the buffer", "1x1, 64 to 256, 56x56",
             sim.convolution("conv1x1", m=256, c=64, p=56, q=56), bypass),
        Item("filters bypass the buffer", "3x3, 192 to 128, 13x13",
             sim.convolution("conv5", m=128, c=192, p=13, q=13, r=3, s=3), bypass),
    ]  # fmt: skip


@dataclass(frozen=True)
class Systolic:
    """An array in SCALE-Sim's terms; each of its memories has ``kilobytes``."""

    rows: int
    columns: int
    dataflow: str
    kilobytes: int = 64

    def machine(self) -> Architecture:
        sizes = (self.kilobytes,) * 3
        return scalesim.systolic(scalesim.Config("array", self.rows, self.columns, *sizes, self.dataflow))


def topology(problem: Problem) -> dict[str, int]:
    """A layer of a topology: sizes of the stored inputs, taps, channels, filters and the stride.

    Raises
    ------
    PeerError
        For a batch, and strides that differ, which a topology has no column for.
    """
    x = problem.extents
    strides = {rank.coefficients[0][1] for rank in problem.tensor("inputs").ranks[-2:]}
    if x["N"] > 1 or len(strides) > 1:
        raise PeerError(f"{problem.name}: a topology has layers of one image and one stride")
    height, width = problem.shape("inputs")[-2:]
    sizes = {"height": height, "width": width, "rows": x["R"], "columns": x["S"]}
    return sizes | {"channels": x["C"], "filters": x["M"], "stride": strides.pop()}


def find(items: Sequence[Item], name: str) -> Item:
    """Return the item of this name."""
    return next(item for item in items if item.name == name)
