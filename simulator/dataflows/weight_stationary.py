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

from dataclasses import replace

from simulator.architecture import Architecture
from simulator.dataflows.declaration import Dataflow, Keep, Spread
from simulator.dataflows.layout import (
    Nest,
    Roles,
    Section,
    by_hand,
    check_convolution,
    on_axes,
    place_on_axes,
    roles,
    tiles,
)
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
    machine = _machine(architecture)
    check_convolution(problem, NAME)
    given = by_hand(NAME, PARAMETERS, problem, parameters)
    if given["taps"] not in (0, 1):
        raise MappingError(f"{NAME}: parameter taps must be 0 or 1, not {given['taps']}")
    spots = _place(problem, machine, given["taps"], given["r"], given["t"])
    if spots is None:
        taps = " with all taps" if given["taps"] else ""
        raise MappingError(
            f"{NAME}: {given['r']} channels of {given['t']} filters{taps} "
            f"do not fit the {machine.size_text} array of {architecture.name}; lower r or t, or set taps to 0"
        )
    nest = _nest(machine)
    if given["p"] * given["q"] == 1:
        # A PE that holds one weight leaves its other scratchpads out where it may.
        inside = tuple(replace(s, level=None) if s.optional else s for s in nest.inside)
        nest = replace(nest, inside=inside)
    x, filters = problem.extents, given["p"] * on_axes(spots, "M")
    kept = tiles(given["m"], filters)
    top = {
        "G": x["G"],
        "N": tiles(x["N"], given["n"]),
        "M": tiles(x["M"], kept * filters),
        "P": tiles(x["P"], given["e"]),
    }
    channels = tiles(x["C"], given["q"] * on_axes(spots, "C"))
    taps_left = {"M": kept, **{d: tiles(x[d], on_axes(spots, d)) for d in "RS"}}
    pixels = {"N": given["n"], "P": given["e"], "Q": x["Q"]}
    in_pe = {"C": given["q"], "M": given["p"]}
    return nest.mapping(top, [{"C": channels}, taps_left, {}], spots, [pixels, {}, in_pe])


def _machine(architecture: Architecture) -> Roles:
    machine = roles(architecture, NAME)
    if machine.scratchpad["weights"] is None:
        raise MappingError(f"{NAME} keeps weights in the PE; {architecture.name} has no level there for them")
    return machine


def _nest(machine: Roles) -> Nest:
    buffer, pad = machine.buffer, machine.scratchpad
    several = pad["inputs"] is not None and pad["outputs"] is not None

    def section(
        levels: dict[str, str | None], required: frozenset[str], tensor: str, loops: str = ""
    ) -> Section:
        return Section(levels[tensor], tensor, (loops,), tensor not in required)

    return Nest(
        machine,
        ("GNMP",),
        (
            Section(buffer["outputs"], "outputs", ("C",)),
            section(buffer, machine.buffer_required, "inputs", "MRS"),
            Section(buffer["weights"] if "weights" in machine.buffer_required else None, "weights"),
        ),
        "RSCM",
        (
            Section(pad["weights"], "weights", ("NPQ",)),
            section(pad, machine.scratchpad_required, "inputs"),
            section(pad, machine.scratchpad_required, "outputs", "CM" if several else ""),
        ),
    )


def _place(problem: Problem, machine: Roles, taps: int, r: int, t: int) -> dict[str, int] | None:
    """Bounds of the spatial loops on each axis, or None where they do not fit."""
    x = problem.extents
    rows, columns = (x["R"], x["S"]) if taps else (1, 1)
    return place_on_axes(machine, {"R": (rows, True), "S": (columns, False), "C": (r, True), "M": (t, False)})
