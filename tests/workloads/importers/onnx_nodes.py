"""Small ONNX models, written node by node."""

from __future__ import annotations

from typing import Any

import pytest

import workloads as w

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
helper = onnx.helper


def model(
    nodes: list[Any],
    inputs: dict[str, list[Any]] | None = None,
    opset: int = 17,
    stored: dict[str, list[int]] | None = None,
    **numbers: list[int],
) -> Any:
    """A model of ``nodes``; ``stored`` are parameters by their shapes, ``numbers`` by their values."""
    given = inputs or {"x": [1, 8, 16, 16]}
    takes = [helper.make_tensor_value_info(name, 1, shape) for name, shape in given.items()]
    makes = [helper.make_tensor_value_info(nodes[-1].output[-1], 1, None)]
    graph = helper.make_graph(nodes, "net", takes, makes)
    for name, shape in (stored or {}).items():
        graph.initializer.append(onnx.TensorProto(name=name, data_type=1, dims=shape))
        graph.initializer[-1].data_location = onnx.TensorProto.EXTERNAL
    for name, values in numbers.items():
        graph.initializer.append(helper.make_tensor(name, 7, [len(values)], values))
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets)


def node(kind: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    """A node of inputs and outputs named in a text, "-" for those left out; "ms." is Microsoft's domain."""
    domain = "com.microsoft" if kind.startswith("ms.") else ""
    took, made = (["" if name == "-" else name for name in names.split()] for names in (inputs, outputs))
    return helper.make_node(kind.removeprefix("ms."), took, made, "", domain=domain, **attributes)


def last(network: w.Network) -> Any:
    return network.layers[-1]


def sequence(*shapes: list[Any]) -> dict[str, list[Any]]:
    return dict(zip("xyzuv", shapes, strict=False))
