"""The dataflows in the paper's setting: what each keeps where, as constraints over a mapspace.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, sections IV and V. PEs stand in a row of J places and storage holds
what the paper's mapping constraints say, in words (w = U (f - 1) + S, h = U (e - 1) + R):

    RS   n m E e + n q r H w <= buffer, p q R + q R + p <= register file, R e r t <= J
    WS   N t E F + r t (w - S) (R - 1) <= buffer, R S r t <= J
    OSA  m C R S + n C h w <= buffer, n e f <= J
    OSB  m C R S + n C R w <= buffer, n p f <= J
    OSC  (m + n) C R S <= buffer, n p <= J
    NLR  n q h w + m q R S + n m e f <= buffer, p q <= J

OSB slides a window along a row only and fetches the R rows of an output row anew, OSC slides none: the
inputs of their problems are unrolled in the rows, and in rows and columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

from experiments.isca16.machines import paper_machine
from simulator.architecture import Architecture
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import Problem, Rank, Tensor, convolution

Bounds = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Layer:
    """A layer of AlexNet as the paper's table II has it: C and M are those of one of G groups."""

    name: str
    padded: int  # H = W, padding included
    filter: int  # R = S
    output: int  # E = F
    channels: int
    filters: int
    stride: int
    groups: int

    @property
    def fully_connected(self) -> bool:
        return self.output == 1

    def convolution(self, batch: int) -> Problem:
        """The layer as a convolution of a batch of images."""
        return convolution(
            self.name, n=batch, g=self.groups, m=self.filters, c=self.channels,
            p=self.output, q=self.output, r=self.filter, s=self.filter, stride=self.stride,
        )  # fmt: skip


# ISCA'16 table II (H, R, E, C, M, U); M is printed for both groups of CONV2, 4 and 5.
LAYERS = (
    Layer("CONV1", 227, 11, 55, 3, 96, 4, 1),
    Layer("CONV2", 31, 5, 27, 48, 128, 1, 2),
    Layer("CONV3", 15, 3, 13, 256, 384, 1, 1),
    Layer("CONV4", 15, 3, 13, 192, 192, 1, 2),
    Layer("CONV5", 15, 3, 13, 192, 128, 1, 2),
    Layer("FC1", 6, 6, 1, 256, 4096, 1, 1),
    Layer("FC2", 1, 1, 1, 4096, 4096, 1, 1),
    Layer("FC3", 1, 1, 1, 4096, 1000, 1, 1),
)


@dataclass(frozen=True)
class Setting:
    """A dataflow in the paper's setting.

    Parameters
    ----------
    nest
        Slots of the mapspace, outermost first, with their loops: below DRAM, below what a level keeps, or on
        an axis of the array.
    parameters
        The published parameters, in the paper's order, and the slot and dimension whose bound each sets:
        "slot.dimension". ``m``, the filters of the buffer, is a number of tiles of the filters below.
    saturated
        Loops of which more never costs energy, so that only the most that fits is tried.
    whole
        Loops that cover what is left of their dimension.
    unrolled
        Filter dimensions along which no window slides.
    """

    label: str
    nest: tuple[tuple[str, str], ...]
    parameters: Dictionary[str, str]
    saturated: tuple[str, ...]
    whole: tuple[str, ...]
    unrolled: str = ""

    def problem(self, layer: Layer, batch: int) -> Problem:
        """The layer's problem, its inputs unrolled where no window slides."""
        plain = layer.convolution(batch)
        ranks = (Rank(((d, 1),)) for d in ("N", "G", "C"))
        rows, columns = plain.tensor("inputs").ranks[3:]
        split = [Rank((("P", 1),)), Rank((("R", 1),))] if "R" in self.unrolled else [rows]
        split += [Rank((("Q", 1),)), Rank((("S", 1),))] if "S" in self.unrolled else [columns]
        weights, _, outputs = plain.tensors
        inputs = Tensor("inputs", (*ranks, *split))
        return Problem(plain.name, plain.dimensions, (weights, inputs, outputs), "outputs")

    def machine(self, layer: Layer, pes: int) -> Architecture:
        """The dataflow's machine; weight stationary's has an axis as long as the layer's filter is wide."""
        return paper_machine(self.label, pes, layer.filter if self.label == "WS" else 1)

    def mapspace(
        self, layer: Layer, batch: int, machine: Architecture, bounds: Bounds, factors: str
    ) -> Mapspace:
        """Every mapping of the dataflow with these bounds, beside its own.

        Raises
        ------
        MappingError
            Where a bound is out of range.
        """
        whole = Mapspace(self.problem(layer, batch), machine)
        nodes = [str(node) for node in whole.encoding.nodes]
        axes = [f"PE.{axis.name}" for axis in machine.array("PE").axes]
        closed: dict[str, tuple[tuple[str, ...], ...]] = dict.fromkeys(("PE", *nodes), ())
        slots = {slot: (tuple(loops),) for slot, loops in self.nest if slot in ("DRAM", *axes, *nodes)}
        kept = [slot for slot in slots if slot in nodes]
        return whole.within(
            Constraints(
                name=self.label,
                keeps={node: node in kept for node in nodes},
                nodes={
                    "DRAM": (tuple(node for node in kept if not node.startswith("RF")),),
                    "PE": (tuple(node for node in kept if node.startswith("RF")),),
                },
                loops={**closed, **slots},
                bounds=self._own(layer, batch, slots) | bounds,
                saturated=() if factors == "ragged" else self.saturated,
                factors=factors,
            )
        )

    def _own(self, layer: Layer, batch: int, slots: Iterable[str]) -> Bounds:
        """The bounds of the loops that cover their dimension, and of a window's columns in a PE."""
        extents = layer.convolution(batch).extents
        own = {name: (extents[name[-1]],) * 2 for name in self.whole if name.rpartition(".")[0] in slots}
        if self.label in ("OSA", "OSB"):
            columns = min(layer.stride, layer.filter)
            own["RF.inputs.S"] = columns, columns
        return own

    def refetching(self, layer: Layer, batch: int) -> tuple[Bounds, ...]:
        """Bounds, or alternatives of them, under which no inputs stay in the buffer for the next tile.

        The paper's equations fetch inputs anew for each tile of filters (OS) and each strip of rows (RS),
        even where the loops between leave all of them, or most, in the buffer. So an image or, for RS, a
        channel is left for another pass; of one image and pixel nothing can be left.
        """
        images = [{"DRAM.N": (2, batch)}] if batch > 1 else []
        if self.label in ("OSA", "OSB", "OSC") and layer.fully_connected:
            return tuple(images) or ({},)
        if self.label == "RS" and not layer.fully_connected:
            return (*images, {"GLB.outputs.C": (2, layer.channels)})
        return ({},)

    def published(self, x: tuple[int, ...], filters: int) -> Bounds:
        """Bounds that pin the published parameters for a layer of so many filters.

        The paper's m need not be a multiple of the filters of the loops below. Of the two nearest the one is
        taken that leaves as many tiles of m, or the next best number of them.
        """
        given = dict(zip(self.parameters, x, strict=True))
        bounds = {name: value for parameter, value in given.items() if (name := self.parameters[parameter])}
        if "m" in given:
            slots = list(dict(self.nest))
            place = self.parameters["m"]
            inside = math.prod(
                bound for name, bound in bounds.items()
                if name[-1] == "M" and slots.index(name[:-2]) > slots.index(place[:-2])
            )  # fmt: skip
            tiles = -(-filters // given["m"])
            rounded = (max(1, given["m"] // inside), -(-given["m"] // inside))
            bounds[place] = min(rounded, key=lambda bound: abs(-(-filters // (bound * inside)) - tiles))
        return {name: (bound, bound) for name, bound in bounds.items()}


SETTINGS = {
    setting.label: setting
    for setting in (
        # Filters bypass the buffer. A set's rows add up along the row of PEs, as do r channels.
        Setting(
            "RS",
            (
                ("DRAM", "GMPN"), ("GLB.outputs", "C"), ("GLB.inputs", "M"), ("PE.x", "PRCM"),
                ("RF.weights", "NQ"), ("RF.inputs", ""), ("RF.outputs", "SCM"),
            ),
            {
                "m": "GLB.inputs.M", "n": "RF.weights.N", "e": "PE.x.P", "p": "RF.outputs.M",
                "q": "RF.outputs.C", "r": "PE.x.C", "t": "PE.x.M",
            },
            ("GLB.inputs.M", "PE.x.M", "RF.outputs.C"),
            ("PE.x.R", "RF.weights.Q", "RF.outputs.S"),
        ),
        # Pixels stream past the filters' taps. Sums add up along the rows and r channels, but not along the
        # columns (axis s): the buffer takes S of them for each of C / r groups of channels.
        Setting(
            "WS",
            (
                ("DRAM", "GM"), ("GLB.outputs", "CNP"), ("STREAM.inputs", ""), ("PE.x", "RCM"),
                ("PE.s", "S"), ("RF.weights", "Q"),
            ),
            {"r": "PE.x.C", "t": "PE.x.M", "f": ""},
            ("PE.x.M",),
            ("PE.x.R", "PE.s.S", "GLB.outputs.N", "GLB.outputs.P", "RF.weights.Q"),
        ),
        # Output stationary: images innermost, so that the next tile shares no halo with the one before, as in
        # the paper's equations. The buffer has whole filters; a PE takes R x U (OSB: U) new inputs at a time.
        Setting(
            "OSA",
            (
                ("DRAM", "GMPQN"), ("GLB.weights", ""), ("GLB.inputs", "M"), ("PE.x", "NPQ"),
                ("RF.outputs", "CS"), ("RF.inputs", "RS"),
            ),
            {"m": "GLB.inputs.M", "n": "PE.x.N", "e": "PE.x.P", "f": "PE.x.Q"},
            ("GLB.inputs.M",),
            ("RF.outputs.C", "RF.inputs.R"),
        ),
        Setting(
            "OSB",
            (
                ("DRAM", "GMPQN"), ("GLB.weights", ""), ("GLB.inputs", "M"), ("PE.x", "NMQ"),
                ("RF.outputs", "CRS"), ("RF.inputs", "S"),
            ),
            {"m": "GLB.inputs.M", "n": "PE.x.N", "p": "PE.x.M", "f": "PE.x.Q"},
            ("GLB.inputs.M",),
            ("RF.outputs.C", "RF.outputs.R"),
            "R",
        ),
        Setting(
            "OSC",
            (
                ("DRAM", "GMPQN"), ("GLB.weights", ""), ("GLB.inputs", "M"), ("PE.x", "NM"),
                ("RF.outputs", "CRS"),
            ),
            {"m": "GLB.inputs.M", "n": "PE.x.N", "p": "PE.x.M"},
            ("GLB.inputs.M",),
            ("RF.outputs.C", "RF.outputs.R", "RF.outputs.S"),
            "RS",
        ),
        # Every MAC reads its weight from the buffer, p share an input, q add up.
        Setting(
            "NLR",
            (
                ("DRAM", "GMPQN"), ("GLB.outputs", "C"), ("GLB.weights", ""),
                ("GLB.inputs", "NMPQRS"), ("PE.x", "MC"),
            ),
            {
                "n": "GLB.inputs.N", "m": "GLB.inputs.M", "p": "PE.x.M", "q": "PE.x.C",
                "e": "GLB.inputs.P", "f": "GLB.inputs.Q",
            },
            ("GLB.inputs.M", "PE.x.M", "PE.x.C"),
            ("GLB.inputs.R", "GLB.inputs.S"),
        ),
    )
}  # fmt: skip
