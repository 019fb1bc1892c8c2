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

from simulator.architecture import Architecture
from simulator.dataflows.layout import (
    Nest,
    Roles,
    Section,
    by_hand,
    check_convolution,
    on_axes,
    place_on_axes,
    roles,
    tile_sizes,
    tiles,
)
from simulator.errors import MappingError
from simulator.mapping import Mapping
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import Problem

NAME = "row_stationary"
PARAMETERS = {"m": "M", "n": "N", "e": "P", "p": "M", "q": "C", "r": "C", "t": "M"}


def supports(architecture: Architecture) -> bool:
    """Whether a machine has an array whose PEs can keep every tensor."""
    try:
        _machine(architecture)
    except MappingError:
        return False
    return True


def constraints(whole: Mapspace) -> Constraints:
    """Row-stationary mappings of an unconstrained mapspace that are worth trying.

    - Tile sizes are the smallest for their number of tiles: any between only leave places idle.
    - All filter rows lie on the array, as long as it has places for them, and all filter columns pass a PE,
      or as many as its scratchpads hold.
    - A PE interleaves at least half as many filters (p) as it holds beside one channel, and half as many
      channels (q) as it holds beside so many filters: with fewer, inputs are read, or partial sums sent,
      at least twice as often as need be.
    - Saturated are t and m, the filters of the array and of the buffer: with fewer, inputs are only read
      more often.
    - What stands directly above the buffer decides which of its tiles stays; images, filters or strips may.
    - Filters bypass the buffer (ISCA'16) or pass through it (JSSC'17).

    Raises
    ------
    MappingError
        For a problem or a machine the dataflow cannot use, and why.
    """
    problem, encoding = whole.problem, whole.encoding
    machine = _machine(whole.architecture)
    check_convolution(problem, NAME)
    nest = _nest(machine)
    axes = [f"{array}.{axis}" for array, axis, _ in machine.axes]
    pad = f"{machine.scratchpad['outputs']}.outputs"
    bounds = _rows(problem, machine, f"{nest.slot('inputs')}.R")
    saturated = [f"{axis}.M" for axis in axes]
    if machine.buffer["inputs"] is not None:
        saturated.append(f"{nest.slot('inputs')}.M")

    # Nothing else on the array or in the buffer: what a PE holds at most.
    alone = {f"{axis}.{d}": (1, 1) for axis in axes for d in "PCM"} | {f"{nest.slot('inputs')}.M": (1, 1)}
    alone[f"{machine.scratchpad['weights']}.weights.N"] = (1, 1)

    def most(dimension: str, fixed: dict[str, tuple[int, int]]) -> int:
        """The largest loop of a dimension in a PE; MappingError if nothing fits."""
        trial = nest.constraints(NAME, encoding, {**alone, **fixed}, [f"{pad}.{dimension}"])
        vector = next(whole.within(trial).batches(1))[0]
        return int(vector[encoding.columns.index(f"{encoding.slots[-1].name}.{dimension}")])

    def in_pe(columns: int) -> dict[str, tuple[int, int]]:
        fixed = {**bounds, f"{pad}.S": (columns, columns)}
        p = most("M", {**fixed, f"{pad}.C": (1, 1)})
        q = most("C", {**fixed, f"{pad}.M": (p, p)})
        x = problem.extents
        return {**fixed, f"{pad}.M": (-(-p // 2), x["M"]), f"{pad}.C": (-(-q // 2), x["C"])}

    for columns in reversed(tile_sizes(problem.extents["S"])):
        try:
            return nest.constraints(NAME, encoding, in_pe(columns), saturated)
        except MappingError:
            if columns == 1:
                raise
    raise AssertionError("the last of the columns returns or raises")


def _rows(problem: Problem, machine: Roles, outside: str) -> dict[str, tuple[int, int]]:
    """Bounds of the filter's rows: all of them on the array, or as many as it has places for."""
    rows = _rows_on_array(problem, machine)
    if rows == problem.extents["R"]:
        return {outside: (1, 1)}
    spots = _place(machine, 1, rows, 1, 1)
    assert spots is not None
    places = {f"{array}.{axis}": spots[f"R@{array}.{axis}"] for array, axis, _ in machine.axes}
    return {f"{axis}.R": (bound, bound) for axis, bound in places.items()}


def mapping(problem: Problem, architecture: Architecture, /, **parameters: int) -> Mapping:
    """The row-stationary mapping with the paper's parameters m, n, e, p, q, r, t given by hand.

    Raises
    ------
    MappingError
        For a parameter missing, unknown or out of range, or a PE set that does not fit the array.
        Whether tiles fit their levels is checked where the mapping is used.
    """
    machine = _machine(architecture)
    check_convolution(problem, NAME)
    given = by_hand(NAME, PARAMETERS, problem, parameters)
    rows = _rows_on_array(problem, machine)
    spots = _place(machine, given["e"], rows, given["r"], given["t"])
    if spots is None:
        raise MappingError(
            f"{NAME}: {given['r']} x {given['t']} PE sets of {rows} x {given['e']} do not fit the "
            f"{machine.size_text} array of {architecture.name}; lower e, r or t"
        )
    x, filters = problem.extents, given["p"] * on_axes(spots, "M")
    kept = tiles(given["m"], filters)
    top = {
        "G": x["G"],
        "N": tiles(x["N"], given["n"]),
        "M": tiles(x["M"], kept * filters),
        "P": tiles(x["P"], on_axes(spots, "P")),
    }
    channels = tiles(x["C"], given["q"] * on_axes(spots, "C"))
    window = {"M": kept, "R": tiles(x["R"], on_axes(spots, "R")), "S": 1}
    in_pe = {"S": x["S"], "C": given["q"], "M": given["p"]}
    return _nest(machine).mapping(
        top, [{"C": channels}, window, {}], spots, [{"N": given["n"], "Q": x["Q"]}, {}, in_pe]
    )


def _machine(architecture: Architecture) -> Roles:
    machine = roles(architecture, NAME)
    missing = [tensor for tensor, level in machine.scratchpad.items() if level is None]
    if missing:
        raise MappingError(
            f"{NAME} keeps every tensor in the PE; {architecture.name} cannot: {', '.join(missing)}"
        )
    return machine


def _nest(machine: Roles) -> Nest:
    buffer, pad = machine.buffer, machine.scratchpad
    return Nest(
        machine,
        ("GNMP", "GNPM", "GMPN"),
        (
            Section(buffer["outputs"], "outputs", ("C",)),
            Section(buffer["inputs"], "inputs", ("MRS",)),
            Section(buffer["weights"], "weights", optional="weights" not in machine.buffer_required),
        ),
        "PRCM",
        (
            Section(pad["weights"], "weights", ("NQ",)),
            Section(pad["inputs"], "inputs"),
            Section(pad["outputs"], "outputs", ("SCM",)),
        ),
    )


def _rows_on_array(problem: Problem, machine: Roles) -> int:
    """Filter rows of a PE set: all of them, or as many as the array has places for."""
    most = min(problem.extents["R"], machine.places)
    return next(rows for rows in range(most, 0, -1) if _place(machine, 1, rows, 1, 1) is not None)


def _place(machine: Roles, e: int, rows: int, r: int, t: int) -> dict[str, int] | None:
    """Bounds of the sets' loops on each axis, or None where they do not fit. Filter rows go down."""
    return place_on_axes(machine, {"P": (e, False), "R": (rows, True), "C": (r, True), "M": (t, True)})
