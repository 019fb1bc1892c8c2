"""ONNX's matrix products, attention and recurrent operators as our layers, quantized and fused forms too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

from workloads.errors import WorkloadError
from workloads.importers.einsum import einsum
from workloads.importers.onnx_layers import activated
from workloads.importers.onnx_node import Node
from workloads.importers.values import Fixed, Made, Value
from workloads.layers import Recurrent


def _matmul(node: Node) -> Made:
    return node.net.matmul(node.name, node.input(), node.input(1), node.bias)


def _quantized_matmul(node: Node) -> Made:
    return node.net.matmul(node.name, node.input(), node.input(3))


def _turned(node: Node, place: int, turn: bool) -> Value:
    """An input, its last two axes exchanged if it is to be turned."""
    value = node.input(place)
    if not turn:
        return value
    rank = len(value.shape)
    if rank < 2:
        raise WorkloadError(f"needs a matrix, not {value.shape}")
    order = (*range(rank - 2), rank - 1, rank - 2)
    if isinstance(value, Fixed):
        return Fixed(tuple(value.shape[a] for a in order), value.name, None, value.trained)
    return node.net.transpose(f"{node.name}_turned", value, order)


def _gemm(node: Node) -> Made:
    left, right = (_turned(node, place, node.number(f"trans{'AB'[place]}", 0) == 1) for place in (0, 1))
    if len(left.shape) != 2 or len(right.shape) != 2:
        raise WorkloadError(f"needs two matrices, not {left.shape} and {right.shape}")
    bias = node.has(2) and isinstance(node.input(2), Fixed) and isinstance(right, Fixed)
    made = node.net.matmul(node.name, left, right, bias)
    if node.has(2) and not bias:
        made = node.net.elementwise(f"{node.name}_sum", "add", made, node.input(2))
    return activated(node, made)


def _fused_matmul(node: Node) -> Made:
    left, right = (_turned(node, place, node.number(f"trans{'AB'[place]}", 0) == 1) for place in (0, 1))
    return node.net.matmul(node.name, left, right)


def _integer_with_bias(node: Node) -> Made:
    """com.microsoft.DynamicQuantizeMatMul and MatMulIntegerToFloat: the bias is the last input."""
    place = 4 if node.kind.endswith("DynamicQuantizeMatMul") else 6
    return node.net.matmul(node.name, node.input(), node.input(1), node.has(place))


def _einsum(node: Node) -> Made:
    values = [node.input(place) for place in range(len(node.inputs))]
    return einsum(node.net, node.name, node.word("equation", ""), values)


def _rotary(node: Node) -> Made:
    """Every value times a cosine, its partner times a sine, and their sum."""
    net, source = node.net, node.input()
    parts = [net.activation(f"{node.name}_{part}", "scale", source) for part in ("cos", "sin")]
    return net.elementwise(node.name, "add", *parts)


def _heads(node: Node, value: Value) -> int:
    return value.shape[1] if len(value.shape) == 4 else 1


def _past(node: Node, place: int) -> int:
    """The positions of the cached keys at an input, (batch, heads, positions, features); 0 without."""
    if not node.has(place):
        return 0
    shape = node.input(place).shape
    if len(shape) != 4:
        raise WorkloadError(f"cached keys must be (batch, heads, positions, features), not {shape}")
    return shape[2]


def _attention(node: Node) -> Made:
    """Attention of opset 23: queries, keys, values, a mask and cached keys and values."""
    values = [node.input(place) for place in range(3)]
    if any(len(value.shape) != len(values[0].shape) or len(value.shape) not in (3, 4) for value in values):
        raise WorkloadError(f"needs three inputs of 3 or of 4 axes, not {[v.shape for v in values]}")
    heads = _heads(node, values[0]) if len(values[0].shape) == 4 else node.size("q_num_heads")
    kv_heads = _heads(node, values[1]) if len(values[1].shape) == 4 else node.size("kv_num_heads")
    return node.net.attend(node.name, values, heads, kv_heads, _past(node, 4))


def _projecting_attention(node: Node) -> Made:
    """com.microsoft.Attention: one matrix makes queries, keys and values, and is part of the operator."""
    net, source, weight = node.net, node.input(), node.parameter(1)
    if len(source.shape) != 3 or len(weight.shape) != 2:
        raise WorkloadError(f"needs (batch, positions, features) and a matrix, not {source.shape}")
    parts = node.ints("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3
    projected = net.linear(f"{node.name}_qkv", source, weight.shape[1], node.has(2), weight)
    values: list[Value] = [*net.split(f"{node.name}_part", projected, 2, parts)]
    # Its cached keys and values are in one tensor, (2, batch, heads, positions, features).
    past = node.input(4).shape[-2] if node.has(4) and len(node.input(4).shape) == 5 else 0
    return node.net.attend(node.name, values, node.size("num_heads"), node.size("num_heads"), past)


def _grouped_attention(node: Node) -> Made:
    net, source = node.net, node.input()
    heads, kv_heads = node.size("num_heads"), node.number("kv_num_heads", node.number("num_heads"))
    if len(source.shape) != 3 or kv_heads < 1:
        raise WorkloadError(f"needs (batch, positions, features), not {source.shape}")
    if node.has(1):
        values = [source, node.input(1), node.input(2)]
    else:
        each = source.shape[2] // (heads + 2 * kv_heads)
        parts = [each * heads, each * kv_heads, each * kv_heads]
        values = [*net.split(f"{node.name}_part", source, 2, parts)]
    past = _past(node, 3)
    if node.number("do_rotary", 0):
        for place, named in ((0, "queries"), (1, "keys")):
            turned = [
                net.activation(f"{node.name}_{named}_{p}", "scale", values[place]) for p in ("cos", "sin")
            ]
            values[place] = net.elementwise(f"{node.name}_{named}", "add", *turned)
    return node.net.attend(node.name, values, heads, kv_heads, past)


def _many_headed_attention(node: Node) -> Made:
    """com.microsoft.MultiHeadAttention: projected already, with a bias for each of the three."""
    values = [node.input(place) for place in range(3)]
    if len(values[0].shape) != 3:
        raise WorkloadError(f"takes queries, keys and values apart, not packed as {values[0].shape}")
    if node.has(3):
        sizes, bias = [value.shape[-1] for value in values], node.parameter(3)
        if bias.shape != (sum(sizes),):
            raise WorkloadError(f"a bias of {bias.shape} does not fit features of {sizes}")
        for place, part in enumerate("qkv"):
            shift = Fixed((sizes[place],), f"{bias.name}_{part}", None, bias.trained)
            values[place] = node.net.elementwise(f"{node.name}_{part}", "add", values[place], shift)
    heads = node.size("num_heads")
    return node.net.attend(node.name, values, heads, heads, _past(node, 6))


def _recurrent(node: Node, kind: str) -> list[Made | None]:
    """The outputs of every step, (positions, directions, batch, hidden), and twice those of the last."""
    net, source, weight = node.net, node.input(), node.parameter(1)
    first = node.number("layout", 0) == 1
    if len(source.shape) != 3 or source.shape[0 if first else 1] != 1:
        raise WorkloadError(f"needs (positions, a batch of 1, features), not {source.shape}")
    positions, features = source.shape[1 if first else 0], source.shape[2]
    hidden = node.size("hidden_size")
    directions = 2 if node.word("direction", "forward") == "bidirectional" else 1
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[kind]
    if weight.shape != (directions, gates * hidden, features):
        raise WorkloadError(
            f"weights of {weight.shape} do not fit {features} features and {hidden} hidden ones"
        )
    states = [node.input(p) for p in (5, 6) if node.has(p) and isinstance(node.input(p), Made)]
    flat = [net.reshape(state, (1, prod(state.shape))) for state in states]
    last_only = not node.wants(0)
    layer = Recurrent(node.name, kind, hidden, directions == 2, last_only, biases=2 if node.has(3) else 0)
    rows = net.reshape(source, (1, positions, features))
    made = net.add(layer, rows, *flat, rank=2 if last_only else 3, weight=weight)
    state = (1, directions, hidden) if first else (directions, 1, hidden)
    if last_only:
        return [None, *[net.reshape(made, state)] * 2]
    every = (1, positions, directions, hidden) if first else (positions, directions, 1, hidden)
    last: Made | None = None
    if node.wants(1) or node.wants(2):
        last = net.reshape(net.slice(f"{node.name}_last", made, 1, positions - 1, positions), state)
    return [net.reshape(made, every), last, last]


OPERATORS: dict[str, Callable[[Node], Value | list[Made | None]]] = {
    "MatMul": _matmul,
    "MatMulInteger": _matmul,
    "QLinearMatMul": _quantized_matmul,
    "com.microsoft.FusedMatMul": _fused_matmul,
    "com.microsoft.DynamicQuantizeMatMul": _integer_with_bias,
    "com.microsoft.MatMulIntegerToFloat": _integer_with_bias,
    "Gemm": _gemm,
    "com.microsoft.FusedGemm": _gemm,
    "Einsum": _einsum,
    "Attention": _attention,
    "com.microsoft.Attention": _projecting_attention,
    "com.microsoft.MultiHeadAttention": _many_headed_attention,
    "com.microsoft.GroupQueryAttention": _grouped_attention,
    "RotaryEmbedding": _rotary,
    "com.microsoft.RotaryEmbedding": _rotary,
    "LSTM": partial(_recurrent, kind="lstm"),
    "GRU": partial(_recurrent, kind="gru"),
    "RNN": partial(_recurrent, kind="rnn"),
}
