"""Keras' layers of sequences as ours: recurrent cells and attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from workloads.importers.keras_calls import Call, Tensor
from workloads.layers import Attention, Elementwise, Linear, Recurrent, Reshape, Slice

_CELLS = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}
_STATES = {"LSTM": 2, "GRU": 1, "SimpleRNN": 1}
_MERGES = {"concat": None, "sum": "add", "mul": "multiply", "ave": "mean"}


def _recurrent(call: Call, bidirectional: bool = False, name: str | None = None) -> Tensor | list[Tensor]:
    """A cell; with return_state its states too: its last outputs stand for them, an LSTM's cell state too."""
    biases = 0 if not call.flag("use_bias", True) else 2 if _resets_after(call) else 1
    every, states = call.flag("return_sequences", False), call.flag("return_state", False)
    cell = Recurrent(
        name or call.name, _CELLS[call.kind], call.number("units"), bidirectional, not every, biases
    )
    given = [call.given(), *call.inputs[1:], *call.named.get("initial_state", ())]
    made = call.result(call.add(cell, *(call.take(tensor, False) for tensor in given)))
    if not states:
        return made
    last = made
    if every:
        step = call.add(Slice(f"{call.name}_step", 0, made.shape[0] - 1), made.layer)
        last = call.result(call.add(Reshape(f"{call.name}_last", (-1,)), step))
    return [made, *[last] * _STATES[call.kind]]


def _resets_after(call: Call) -> bool:
    """Whether a GRU has a second bias, on its recurrent side."""
    return call.kind == "GRU" and call.flag("reset_after", False)


def _bidirectional(call: Call) -> Tensor | list[Tensor]:
    merge, inner = call.config.get("merge_mode", "concat"), _wrapped(call, "layer")
    if merge not in _MERGES:
        raise call.error(f"cannot be taken with merge_mode={merge!r}; it can with {', '.join(_MERGES)}")
    if call.config.get("backward_layer") is not None:
        backward = _wrapped(call, "backward_layer")
        if backward.kind != inner.kind or backward.config.get("units") != inner.config.get("units"):
            raise call.error("of two different layers cannot be taken")
    inner.refuse("return_state")
    if call.named.get("initial_state") or len(call.inputs) > 1:
        raise call.error("cannot be taken with initial states")
    made = _recurrent(inner, bidirectional=True)
    assert isinstance(made, Tensor)
    kind = _MERGES[merge]
    if kind is None:
        return made
    units = made.shape[-1] // 2
    halves = [
        call.add(Slice(f"{call.name}_{side}", -1, start, start + units), made.layer)
        for side, start in (("forward", 0), ("backward", units))
    ]
    return call.result(call.add(Elementwise(f"{call.name}_{merge}", kind), *halves))


def _wrapped(call: Call, key: str) -> Call:
    layer = call.need(key)
    kind = layer.get("class_name") if isinstance(layer, Mapping) else None
    if kind not in _CELLS or not isinstance(layer.get("config"), Mapping):
        raise call.error(f"of {kind!r} cannot be taken; it can of {', '.join(_CELLS)}")
    return call.inner(kind, layer["config"], call.given())


def _attention_inputs(call: Call) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value, which Keras takes as query, value, key."""
    given = dict(zip(("query", "value", "key"), call.inputs, strict=False))
    given |= {name: call.named[name][0] for name in ("query", "value", "key") if call.named.get(name)}
    if "query" not in given or "value" not in given:
        raise call.error("needs a query and a value")
    query, value = given["query"], given["value"]
    key = given.get("key", value)
    if {len(tensor.shape) for tensor in (query, key, value)} != {2}:
        raise call.error(f"takes inputs of (positions, features), not {query.shape}")
    return query, key, value


def _multi_head(call: Call) -> Tensor:
    heads, width = call.number("num_heads"), call.number("key_dim")
    values = call.number("value_dim") if call.config.get("value_dim") is not None else width
    call.refuse("attention_axes", [1], 1, [-2])
    out = call.config.get("output_shape")
    features = None
    if out is not None:
        (features,) = call.sizes("output_shape", 1)
    return _projected(call, heads, heads, width, values, features)


def _grouped_query(call: Call) -> Tensor:
    heads, shared, width = (
        call.number(key) for key in ("num_query_heads", "num_key_value_heads", "head_dim")
    )
    return _projected(call, heads, shared, width, width, None)


def _projected(
    call: Call, heads: int, kv_heads: int, width: int, values: int, features: int | None
) -> Tensor:
    """Attention between its projections; the output's features are the query's unless given."""
    call.refuse("use_gate")
    call.refuse("sliding_window")
    bias = call.flag("use_bias", True)
    query, key, value = _attention_inputs(call)
    parts = (
        ("query", query, heads * width),
        ("key", key, kv_heads * width),
        ("value", value, kv_heads * values),
    )
    projected = [
        call.add(Linear(f"{call.name}_{part}", size, bias, last_axis=True), call.take(tensor, False))
        for part, tensor, size in parts
    ]
    attended = call.add(Attention(call.name, heads, kv_heads), *projected)
    out = Linear(f"{call.name}_output", features or query.shape[-1], bias, last_axis=True)
    return call.result(call.add(out, attended))


def _attention(call: Call) -> Tensor:
    call.refuse("use_scale")
    call.refuse("score_mode", "dot")
    query, key, value = _attention_inputs(call)
    sources = [call.take(tensor, False) for tensor in (query, key, value)]
    return call.result(call.add(Attention(call.name, 1), *sources))


SEQUENCES: Mapping[str, Callable[[Call], Tensor | list[Tensor]]] = {
    "Attention": _attention,
    "Bidirectional": _bidirectional,
    "GroupQueryAttention": _grouped_query,
    "GroupedQueryAttention": _grouped_query,
    "MultiHeadAttention": _multi_head,
    **{kind: partial(_recurrent) for kind in _CELLS},
}
"""By Keras' names."""
