"""A strategy of small random problems, nests and rules that any engine must count exactly."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from simulator.counting.lowering import Rules
from simulator.mapping import Loop, Mapping, Store
from simulator.problem import Problem, Rank, Tensor, convolution

Case = tuple[Problem, Mapping, Rules]


@st.composite
def nests(draw: st.DrawFn, max_macs: int = 600) -> Case:
    """Small extents, ragged bounds, strides, dilation, padding, uneven stores and latches."""
    problem = draw(problems().filter(lambda p: p.macs <= max_macs))
    loops = _loops(draw, problem)
    mapping = Mapping(tuple(_with_stores(draw, problem, loops)))
    axes = st.sets(st.sampled_from(("x", "y")))
    splits = {
        name: frozenset(i for i, loop in enumerate(loops) if loop.axis in taken)
        for name, taken in ((name, draw(axes)) for name in problem.tensor_names)
    }
    latches = draw(st.sets(st.sampled_from([tensor.name for tensor in problem.operands])))
    padded = draw(st.sets(st.sampled_from(("L0", "L1", "L2"))))
    return problem, mapping, Rules(splits, frozenset(latches), frozenset(padded))


def problems() -> st.SearchStrategy[Problem]:
    """Convolutions, matrix products, and sums of three operands with odd accesses."""
    return st.one_of(_convolutions(), _products(), _lines())


@st.composite
def _convolutions(draw: st.DrawFn) -> Problem:
    extent, step = st.integers(1, 4), st.integers(1, 3)
    sizes = {d: draw(extent) for d in draw(st.sets(st.sampled_from("ngmcpqrs"), min_size=2))}
    stride, dilation = (draw(step), draw(step)), (draw(step), draw(step))
    rows, columns = (
        1 + stride[i] * (sizes.get("pq"[i], 1) - 1) + dilation[i] * (sizes.get("rs"[i], 1) - 1)
        for i in range(2)
    )
    return convolution(
        "convolution",
        **sizes,
        stride=stride,
        dilation=dilation,
        row_data=draw(_data(rows)),
        column_data=draw(_data(columns)),
    )


@st.composite
def _products(draw: st.DrawFn) -> Problem:
    sizes = tuple((d, draw(st.integers(1, 6))) for d in "BMNK")

    def tensor(name: str, dimensions: str) -> Tensor:
        return Tensor(name, tuple(Rank(((d, 1),)) for d in dimensions))

    return Problem("product", sizes, (tensor("a", "BMK"), tensor("b", "BKN"), tensor("c", "BMN")), "c")


@st.composite
def _lines(draw: st.DrawFn) -> Problem:
    """``o[i] += a[c1 i + c2 j] * b[k, j] * s``: a sliding operand, a shared one and a scalar."""
    i, j, k = (draw(st.integers(1, 5)) for _ in range(3))
    c1, c2 = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    slide = Rank((("I", c1), ("J", c2)), draw(_data(1 + c1 * (i - 1) + c2 * (j - 1))))
    shared = (Rank((("K", 1),), draw(_data(k))), Rank((("J", 1),)))
    tensors = (
        Tensor("a", (slide,)),
        Tensor("o", (Rank((("I", 1),)),)),
        Tensor("b", shared),
        Tensor("s", ()),
    )
    return Problem("line", (("I", i), ("J", j), ("K", k)), tensors, "o")


def _data(length: int) -> st.SearchStrategy[tuple[int, int] | None]:
    return st.none() | st.tuples(st.integers(0, length), st.integers(0, length))


def _loops(draw: st.DrawFn, problem: Problem) -> list[Loop]:
    """Loops, outermost first, that cover every dimension and of which none has an unreachable iteration."""
    waiting: dict[str, list[Loop]] = {}
    for dimension, extent in problem.dimensions:
        own: list[Loop] = []
        stride = 1
        while stride < extent:
            rest = -(-extent // stride)
            bound = rest if len(own) == 2 else draw(st.integers(1, rest))
            axis = draw(st.sampled_from((None, None, "x", "y")))
            own.append(Loop(dimension, bound, axis))
            stride *= bound
        waiting[dimension] = own
    # Mix the dimensions but keep each one's own order, on which the strides depend.
    turns = draw(st.permutations([d for d, own in waiting.items() for _ in own]))
    return [waiting[d].pop() for d in turns]


def _with_stores(draw: st.DrawFn, problem: Problem, loops: list[Loop]) -> Iterator[Store | Loop]:
    """The loops below L0, with L1 and L2 at a place of its own for each tensor they keep."""
    yield Store("L0", problem.tensor_names)
    places: dict[int, list[Store]] = {}
    for tensor in draw(st.permutations(problem.tensor_names)):
        levels = draw(st.sampled_from(((), ("L1",), ("L2",), ("L1", "L2"))))
        at = sorted(draw(st.integers(0, len(loops))) for _ in levels)
        for level, place in zip(levels, at, strict=True):
            places.setdefault(place, []).append(Store(level, (tensor,)))
    for place in range(len(loops) + 1):
        yield from places.get(place, ())
        yield from loops[place : place + 1]
