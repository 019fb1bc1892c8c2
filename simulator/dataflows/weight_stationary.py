"""Weight stationary: filters stay in the PEs while all the pixels of a tile stream past them.

Y.-H. Chen, J. Emer, V. Sze, ISCA 2016, section IV-A. Parameters:

    m  output channels whose partial sums the buffer holds        n  images of a tile
    e  output rows of a tile
    p  filters a PE holds      q  channels a PE holds
    r  channels spread over the array, added up in it      t  filters spread over it, sharing inputs
    taps  1 where the filter's rows and columns lie on the array too, 0 where they follow each other

What stays: weights, for every pixel of the buffer's tile. Partial sums return to the buffer after each
pass over channels and taps; inputs are sent to all filters at once. Where a PE holds more than one
weight and has room, it also keeps the pixel's inputs and partial sums while it uses them up.
"""

from __future__ import annotations

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
from simulator.mapping import Mapping
from simulator.problem import Problem

DATAFLOW = Dataflow(
    "weight_stationary",
    __doc__,
    (
        Keep("memory", loops=("GNMP",)),
        Keep("buffer", ("outputs",), ("C",)),
        # With fewer filters in the buffer or on the array, inputs are only read more often.
        Keep("buffer", ("inputs",), ("MRS",), "allowed", {"M": "most"}),
        # The buffer would hold each filter no longer than the PEs do.
        Keep("buffer", ("weights",), bypass="always"),
        # Partial sums of taps on the array add up there instead of going to the buffer and back.
        Spread({"last": {"R": "all"}, "first": {"S": "any"}, "each": {"C": "any", "M": "most"}}),
        # With fewer pixels in a tile, filters are only read more often.
        Keep("pe", ("weights",), ("NPQ",), factors={"P": "most"}),
        Keep("pe", ("inputs",), bypass="allowed"),
        Keep("pe", ("outputs",), ("CM",), "allowed", {"M": "most"}),
    ),
)
NAME = DATAFLOW.name
PARAMETERS = {"m": "M", "n": "N", "e": "P", "p": "M", "q": "C", "r": "C", "t": "M", "taps": None}


def mapping(problem: Problem, architecture: Architecture, /, **parameters: int) -> Mapping:
    """The weight-stationary mapping with parameters m, n, e, p, q, r, t and taps given by hand.

    Raises
    ------
    MappingError
        For a parameter missing, unknown or out of range, or filters that do not fit the array.
        Whether tiles fit their levels is checked where the mapping is used.
    """
    nest = nest_on(DATAFLOW, problem, architecture)
    given = check_parameters(NAME, PARAMETERS, problem, parameters)
    if given["taps"] not in (0, 1):
        raise MappingError(f"{NAME}: parameter taps must be 0 or 1, not {given['taps']}")
    spots = _place(problem, architecture, given["taps"], given["r"], given["t"])
    if spots is None:
        taps = " with all taps" if given["taps"] else ""
        raise MappingError(
            f"{NAME}: {given['r']} channels of {given['t']} filters{taps} "
            f"do not fit the {size_text(architecture)} array of {architecture.name}; lower r or t, "
            f"or set taps to 0"
        )
    x = problem.extents
    kept, top = buffer_tiles(x, given, spots, given["e"])
    channels = tiles(x["C"], given["q"] * on_axes(spots, "C"))
    taps_left = {"M": kept, **{d: tiles(x[d], on_axes(spots, d)) for d in "RS"}}
    pixels = {"N": given["n"], "P": given["e"], "Q": x["Q"]}
    in_pe = {"C": given["q"], "M": given["p"]}
    loops: tuple[LoopBounds, ...] = (top, {"C": channels}, taps_left, {}, pixels, {}, in_pe)
    # A PE that holds one weight leaves its other scratchpads out where it may.
    one = given["p"] * given["q"] == 1
    bypass = [s.node for s in nest.sections if s.optional and s.node and (one or not s.inside)]
    return nest_mapping(nest, loops, spots, bypass)


def _place(problem: Problem, architecture: Architecture, taps: int, r: int, t: int) -> dict[str, int] | None:
    """LoopBounds of the spatial loops on each axis, or None where they do not fit."""
    x = problem.extents
    rows, columns = (x["R"], x["S"]) if taps else (1, 1)
    return place_on_axes(
        architecture, {"R": (rows, True), "S": (columns, False), "C": (r, True), "M": (t, False)}
    )
