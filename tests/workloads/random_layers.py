"""A random layer of every type with input shapes that fit it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

import workloads as w

Drawn = tuple[w.Layer, list[tuple[int, ...]]]
SMALL = st.integers(1, 4)


def _sizes(draw: Any, axes: int, most: int) -> tuple[int, ...]:
    return draw(st.tuples(*[st.integers(1, most)] * axes))


def _map(draw: Any, axes: int, channels: int) -> tuple[int, ...]:
    """A map that any kernel below fits, perhaps several."""
    leading = draw(st.sampled_from(((), (), (2,))))
    return (*leading, channels, *draw(st.tuples(*[st.integers(7, 9)] * axes)))


def _sides(draw: Any, axes: int) -> tuple[int, ...]:
    return draw(st.tuples(*[st.integers(0, 4)] * (2 * axes)))


def _convolution(kind: type, axes: int) -> Callable[[Any], Drawn]:
    def make(draw: Any) -> Drawn:
        groups, c, m = draw(SMALL), draw(SMALL), draw(SMALL)
        table = None
        if draw(st.booleans()):
            groups, row = 1, st.lists(st.integers(0, c - 1), min_size=1, max_size=c, unique=True).map(tuple)
            table = tuple(draw(st.lists(row, min_size=m, max_size=m)))
        layer = kind(
            "x", groups * m, _sizes(draw, axes, 4), _sizes(draw, axes, 3), _sides(draw, axes),
            _sizes(draw, axes, 2), groups, draw(st.booleans()), table,
        )  # fmt: skip
        return layer, [_map(draw, axes, groups * c)]

    return make


def _transposed(kind: type, axes: int) -> Callable[[Any], Drawn]:
    def make(draw: Any) -> Drawn:
        groups = draw(SMALL)
        stride, dilation = _sizes(draw, axes, 4), _sizes(draw, axes, 3)
        extra = tuple(draw(st.integers(0, max(pair) - 1)) for pair in zip(stride, dilation, strict=True))
        # Seven places less six: something is always left.
        sides = draw(st.tuples(*[st.integers(0, 3)] * (2 * axes)))
        layer = kind(
            "x", groups * draw(SMALL), _sizes(draw, axes, 5), stride, sides, extra, dilation, groups,
            draw(st.booleans()),
        )  # fmt: skip
        return layer, [_map(draw, axes, groups * draw(SMALL))]

    return make


def _pooling(kind: type, axes: int) -> Callable[[Any], Drawn]:
    def make(draw: Any) -> Drawn:
        kernel = _sizes(draw, axes, 4)
        sides = tuple(draw(st.integers(0, k - 1)) for k in kernel for _ in range(2))
        name = draw(st.sampled_from(("max", "average", "l2")))
        stride, dilation = _sizes(draw, axes, 3), _sizes(draw, axes, 2)
        return kind("x", name, kernel, stride, sides, draw(st.booleans()), dilation), [_map(draw, axes, 3)]

    return make


def _adaptive(draw: Any) -> Drawn:
    axes = draw(st.integers(1, 3))
    return w.AdaptivePooling("x", "average", _sizes(draw, axes, 10)), [_map(draw, axes, 3)]


def _global(draw: Any) -> Drawn:
    return w.GlobalPooling("x", "max"), [(3, *_sizes(draw, draw(st.integers(1, 3)), 4))]


def _depthwise(draw: Any) -> Drawn:
    sizes = _sizes(draw, 2, 4), _sizes(draw, 2, 3), _sides(draw, 2), _sizes(draw, 2, 2)
    return w.DepthwiseConvolution("x", *sizes, draw(SMALL)), [_map(draw, 2, draw(SMALL))]


def _linear(draw: Any) -> Drawn:
    last_axis = draw(st.booleans())
    shapes = ((6,), (2, 3, 4), (5, 4), (2, 3, 2, 4)) if last_axis else ((6,), (2, 3, 4))
    return w.Linear("x", draw(SMALL), draw(st.booleans()), last_axis), [draw(st.sampled_from(shapes))]


def _product(draw: Any) -> Drawn:
    leading, (a, b, c) = draw(st.sampled_from(((), (3,), (2, 3)))), _sizes(draw, 3, 4)
    return w.MatrixMultiplication("x"), [(*leading, a, b), (*leading, b, c)]


def _attention(draw: Any) -> Drawn:
    kv_heads, share, positions, others, d, e = _sizes(draw, 6, 4)
    leading = draw(st.sampled_from(((), (2,))))
    layer = w.Attention("x", kv_heads * share, kv_heads, draw(st.integers(0, 5)))
    widths = (positions, kv_heads * share * d), (others, kv_heads * d), (others, kv_heads * e)
    return layer, [(*leading, *width) for width in widths]


def _recurrent(draw: Any) -> Drawn:
    kind = draw(st.sampled_from(("lstm", "gru", "rnn")))
    layer = w.Recurrent("x", kind, draw(SMALL), draw(st.booleans()), draw(st.booleans()), draw(SMALL) % 3)
    state = (layer.directions * layer.hidden,)
    return layer, [_sizes(draw, 2, 5), *[state] * draw(st.integers(0, 2))]


def _elementwise(draw: Any) -> Drawn:
    kind, count = draw(st.sampled_from((("add", 2), ("mean", 3), ("divide", 2), ("select", 3), ("add", 4))))
    whole = (3, 4, 2, 5)
    shapes = [whole] * count
    if draw(st.booleans()):
        keep = st.tuples(*[st.booleans()] * 4)
        cut = [tuple(n if kept else 1 for n, kept in zip(whole, draw(keep), strict=True)) for _ in shapes]
        shapes = [shape[draw(st.integers(0, 3)) :] if shape[0] == 1 == shape[1] else shape for shape in cut]
        shapes = [shape or (1,) for shape in shapes]
    return w.Elementwise("x", kind), shapes


def _normalization(draw: Any) -> Drawn:
    kind = draw(st.sampled_from(tuple(w.layers.NORMALIZATIONS)))
    groups = 2 if kind == "group" else 1
    return w.Normalization("x", kind, axis=draw(st.sampled_from((None, 0, -1))), groups=groups), [(4, 3, 2)]


def _activation(draw: Any) -> Drawn:
    kind = draw(st.sampled_from(tuple(w.layers.ACTIVATIONS)))
    return w.Activation("x", kind, kind == "prelu" and draw(st.booleans())), [draw(SHAPES)]


def _slice(draw: Any) -> Drawn:
    start, stop = draw(st.integers(0, 3)), draw(st.sampled_from((None, 4, 5)))
    return w.Slice("x", draw(st.sampled_from((1, -1))), start, stop, draw(SMALL)), [(3, 5)]


def _resize(draw: Any) -> Drawn:
    axes = draw(st.integers(1, 3))
    scale = draw(st.one_of(st.none(), st.tuples(*[st.floats(0.5, 3)] * axes)))
    size = _sizes(draw, axes, 9) if scale is None else None
    return w.Resize("x", draw(st.sampled_from(("nearest", "linear", "cubic"))), size, scale), [
        _map(draw, axes, 2)
    ]


def _reduction(draw: Any) -> Drawn:
    axes = draw(st.sampled_from(((0,), (-1,), (1, 2), (0, 1, 2))))
    kind = draw(st.sampled_from(w.layers.REDUCTIONS))
    return w.Reduction("x", kind, axes, draw(st.booleans())), [(3, 4, 5)]


SHAPES = st.sampled_from(((6,), (3, 4), (2, 3, 4), (1, 1, 1), (2, 3, 4, 5)))

MAKERS: dict[str, Callable[[Any], Drawn]] = {
    "Activation": _activation,
    "AdaptivePooling": _adaptive,
    "Attention": _attention,
    "Concatenation": lambda draw: (w.Concatenation("x", -1), [(3, draw(SMALL)), (3, draw(SMALL))]),
    "Constant": lambda draw: (w.Constant("x", draw(SHAPES), draw(st.booleans())), []),
    "Convolution": _convolution(w.Convolution, 2),
    "Convolution1d": _convolution(w.Convolution1d, 1),
    "Convolution3d": _convolution(w.Convolution3d, 3),
    "DepthwiseConvolution": _depthwise,
    "Dropout": lambda draw: (w.Dropout("x"), [draw(SHAPES)]),
    "Elementwise": _elementwise,
    "Embedding": lambda draw: (w.Embedding("x", draw(SMALL), draw(SMALL)), [(5,)]),
    "Expand": lambda draw: (w.Expand("x", (draw(SMALL), 3, draw(SMALL))), [(3, 1)]),
    "Flatten": lambda draw: (w.Flatten("x", draw(st.sampled_from((0, -1)))), [draw(SHAPES)]),
    "GlobalPooling": _global,
    "Identity": lambda draw: (w.Identity("x"), [draw(SHAPES)]),
    "Input": lambda draw: (w.Input("x", draw(SHAPES)), []),
    "Linear": _linear,
    "MatrixMultiplication": _product,
    "Normalization": _normalization,
    "Padding": lambda draw: (w.Padding("x", ((0, draw(SMALL)), (1, 2)), "reflect"), [(5, 5)]),
    "Pooling": _pooling(w.Pooling, 2),
    "Pooling1d": _pooling(w.Pooling1d, 1),
    "Pooling3d": _pooling(w.Pooling3d, 3),
    "Recurrent": _recurrent,
    "Reduction": _reduction,
    "RegionPooling": lambda draw: (w.RegionPooling("x", draw(SMALL), 7), [(3, 9, 9)]),
    "Reshape": lambda draw: (w.Reshape("x", draw(st.sampled_from(((4, -1), (3, 8), (24,))))), [(6, 4)]),
    "Resize": _resize,
    "Slice": _slice,
    "Softmax": lambda draw: (w.Softmax("x"), [draw(SHAPES)]),
    "Transpose": lambda draw: (w.Transpose("x", tuple(draw(st.permutations(range(3))))), [(2, 3, 4)]),
    "TransposedConvolution": _transposed(w.TransposedConvolution, 2),
    "TransposedConvolution1d": _transposed(w.TransposedConvolution1d, 1),
    "TransposedConvolution3d": _transposed(w.TransposedConvolution3d, 3),
}  # fmt: skip


@st.composite
def drawn(draw: Any, *types: str) -> Drawn:
    """A layer called x of one of the types, by default of any, and its input shapes."""
    return MAKERS[draw(st.sampled_from(types or tuple(MAKERS)))](draw)


def layers(*types: str) -> st.SearchStrategy[w.NetworkLayer]:
    """The same, bound."""
    return drawn(*types).flatmap(lambda pair: st.integers(1, 3).map(lambda batch: w.bind(*pair, batch)))
