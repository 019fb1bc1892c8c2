"""Row stationary: a PE keeps filter rows and slides input rows past them.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section V; the chip's parameters: JSSC 2017, table II:

    m  output channels whose partial sums the buffer holds        n  images in a processing pass
    e  output rows of a strip, the width of a PE set
    p  filters interleaved in a PE      q  channels interleaved in a PE
    r  PE sets on other channels, added up in the array      t  PE sets on other filters

A PE set is R filter rows high and e output rows wide: filter rows are shared along its rows, input rows
along its diagonals, partial sums add up along its columns. A set wider or taller than the array is
folded; r x t sets share the array. What stays: filter rows for a whole pass, input rows while the window
slides over them, partial sums in the PE for one output pixel and in the buffer over all channels.
"""

from __future__ import annotations

import math

from simulator.architecture import Architecture
from simulator.dataflows.by_hand import (
    LoopBounds,
    buffer_tiles,
    check_parameters,
    nest_mapping,
    on_axes,
    place_on_axes,
    size_text,
    tiles,
)
from simulator.dataflows.declaration import Dataflow, Keep, Spread
from simulator.dataflows.nest import nest_on
from simulator.errors import MappingError
from simulator.legality import tile_bits
from simulator.mapping import Mapping, Store
from simulator.problem import Problem, convolution

DATAFLOW = Dataflow(
    "row_stationary",
    __doc__,
    (
        # What stands directly above the buffer decides which of its tiles stays: images, filters or strips.
        Keep("memory", loops=("GNMP", "GNPM", "GMPN")),
        Keep("buffer", ("outputs",), ("C",)),
        # With fewer filters in the buffer or on the array, inputs are only read more often.
        Keep("buffer", ("inputs",), ("MRS",), factors={"M": "most"}),
        # Filters bypass the buffer (ISCA'16) or pass through it (JSSC'17).
        Keep("buffer", ("weights",), bypass="allowed"),
        # All filter rows lie on the array, as long as it has places for them.
        Spread({"each": {"P": "any", "R": "all", "C": "any", "M": "most"}}),
        Keep("pe", ("weights",), ("NQ",)),
        Keep("pe", ("inputs",)),
        # A whole filter row passes a PE, or as much as its scratchpads hold. With less than half the
        # filters and channels it can interleave, inputs are read, or sums sent, twice as often as need be.
        Keep("pe", ("outputs",), ("SCM",), factors={"S": "all", "M": "half", "C": "half"}),
    ),
)
NAME = DATAFLOW.name
PARAMETERS = {"m": "M", "n": "N", "e": "P", "p": "M", "q": "C", "r": "C", "t": "M"}


def supports(architecture: Architecture) -> bool:
    """Whether a machine has an array whose PEs can keep every tensor."""
    try:
        nest_on(DATAFLOW, convolution(), architecture)
    except MappingError:
        return False
    return True


def mapping(problem: Problem, architecture: Architecture, /, **parameters: int) -> Mapping:
    """The row-stationary mapping with the paper's parameters m, n, e, p, q, r, t given by hand.

    Raises
    ------
    MappingError
        For a parameter missing, unknown or out of range, or a PE set that does not fit the array.
        Whether tiles fit their levels is checked where the mapping is used.
    """
    nest = nest_on(DATAFLOW, problem, architecture)
    given = check_parameters(NAME, PARAMETERS, problem, parameters)
    rows = _rows_on_array(problem, architecture)
    spots = _place(architecture, given["e"], rows, given["r"], given["t"])
    if spots is None:
        raise MappingError(
            f"{NAME}: {given['r']} x {given['t']} PE sets of {rows} x {given['e']} do not fit the "
            f"{size_text(architecture)} array of {architecture.name}; lower e, r or t"
        )
    x = problem.extents
    kept, top = buffer_tiles(x, given, spots, on_axes(spots, "P"))
    channels = tiles(x["C"], given["q"] * on_axes(spots, "C"))
    window = {"M": kept, "R": tiles(x["R"], on_axes(spots, "R")), "S": 1}
    in_pe = {"S": x["S"], "C": given["q"], "M": given["p"]}
    loops: tuple[LoopBounds, ...] = (
        top,
        {"C": channels},
        window,
        {},
        {"N": given["n"], "Q": x["Q"]},
        {},
        in_pe,
    )
    for section in nest.sections:
        # Filters pass through a buffer where a part of their own holds those of a pass (JSSC'17), else not.
        if section.optional and section.node is not None:
            through = nest_mapping(nest, loops, spots)
            level = architecture.storage(section.node.rpartition(".")[0])
            bits = tile_bits(problem, architecture, through, Store(level.name, ("weights",)), "weights")
            parts = (part for part in level.partitions if part.tensors == ("weights",))
            if any(bits <= part.capacity_bits for part in parts):
                return through
    return nest_mapping(nest, loops, spots, [s.node for s in nest.sections if s.optional and s.node])


def _rows_on_array(problem: Problem, architecture: Architecture) -> int:
    """Filter rows of a PE set: all of them, or as many as the array has places for."""
    places = math.prod(array.size for array in architecture.arrays)
    most = min(problem.extents["R"], places)
    return next(rows for rows in range(most, 0, -1) if _place(architecture, 1, rows, 1, 1) is not None)


def _place(architecture: Architecture, e: int, rows: int, r: int, t: int) -> dict[str, int] | None:
    """LoopBounds of the sets' loops on each axis, or None where they do not fit. Filter rows go down."""
    return place_on_axes(architecture, {"P": (e, False), "R": (rows, True), "C": (r, True), "M": (t, True)})
