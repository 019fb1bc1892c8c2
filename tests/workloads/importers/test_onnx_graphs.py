"""ONNX graphs: constants worked out, parameters shared, open dimensions, branches, and what is refused."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

import workloads as w
from workloads.importers.onnx_file import from_model, read_onnx
from workloads.importers.onnx_proto import OLDEST

from .onnx_nodes import helper, last, model, node, sequence


def test_a_trained_bias_after_a_product_is_the_layers_own() -> None:
    nodes = [node("MatMul", "x k", "m"), node("Add", "b m", "a"), node("Relu", "a")]
    network = from_model(model(nodes, sequence([1, 7, 16]), stored={"k": [16, 5], "b": [5]}))
    assert [layer.type for layer in network] == ["Input", "Linear", "Activation"]
    assert (network.weights, network.biases) == (80, 5)


def test_a_product_that_goes_elsewhere_too_keeps_its_addition() -> None:
    nodes = [node("MatMul", "x k", "m"), node("Add", "b m", "a"), node("Mul", "a m")]
    network = from_model(model(nodes, sequence([1, 7, 16]), stored={"k": [16, 5], "b": [5]}))
    assert [layer.type for layer in network].count("Elementwise") == 2
    assert network.params == 85


def test_a_parameter_used_twice_counts_once() -> None:
    nodes = [node("Gather", "k x", "e"), node("Transpose", "k", "t", perm=[1, 0]), node("MatMul", "e t")]
    network = from_model(model(nodes, sequence([1, 7]), stored={"k": [100, 16]}))
    assert (network.params, network.macs) == (1600, 7 * 1600)


SHAPED = [
    node("Shape", "x", "s"), node("Gather", "s zero", "n", axis=0), node("Concat", "n rest", "t", axis=0),
    node("Reshape", "x t", "r"), node("Softmax", "r"),
]  # fmt: skip


@pytest.mark.parametrize("batch", [1, 8, "N"])
def test_shapes_worked_out_in_the_graph_are_known_whatever_the_batch(batch: int | str) -> None:
    network = from_model(model(SHAPED, sequence([batch, 8, 4, 4]), zero=[0], rest=[4, -1]), batch=3)
    assert last(network).output_shape == (4, 32)
    assert network.batch == 3


def test_a_batch_written_into_a_reshape_is_taken_off() -> None:
    network = from_model(
        model([node("Reshape", "x s", "r"), node("Relu", "r")], sequence([8, 6, 4]), s=[8, 24])
    )
    assert last(network).output_shape == (24,)


def test_open_dimensions_are_given_by_name_or_by_place() -> None:
    built = model([node("Relu", "x")], sequence(["N", 3, "height", None]))
    network = from_model(built, dimensions={"height": 20, "x.3": 30})
    assert last(network).output_shape == (3, 20, 30)
    with pytest.raises(w.WorkloadError, match=r"axis 3 open; give the dimension 'x\.3'"):
        from_model(built, dimensions={"height": 20})
    with pytest.raises(w.WorkloadError, match="no input has the dimension 'heigt'; did you mean 'height'"):
        from_model(built, dimensions={"heigt": 20, "height": 20, "x.3": 1})


def test_a_leading_dimension_that_is_given_is_kept() -> None:
    network = from_model(model([node("Relu", "x")], sequence(["N", 3, 4, 4])), dimensions={"N": 5})
    assert last(network).output_shape == (5, 3, 4, 4)


def test_a_branch_that_is_known_is_taken() -> None:
    graphs = {
        name: helper.make_graph(
            [node(kind, "x", "b")], name, [], [helper.make_tensor_value_info("b", 1, None)]
        )
        for name, kind in (("then_branch", "Relu"), ("else_branch", "Tanh"))
    }
    nodes = [
        node("Shape", "x", "s"),
        node("Size", "s", "n"),
        node("Equal", "n four", "c"),
        node("If", "c", **graphs),
    ]
    assert last(from_model(model(nodes, four=[4]))).layer.kind == "relu"
    assert last(from_model(model(nodes, four=[3]))).layer.kind == "tanh"


@pytest.mark.parametrize(
    ("built", "said"),
    [
        (model([node("Loop", "x")]), "node 'y', 'Loop': cannot be taken: export the network with its steps"),
        (model([node("Scan", "x")]), "'Scan': cannot be taken: export"),
        (model([node("If", "x")]), "'If': cannot be taken: its condition is computed"),
        (model([node("Rleu", "x")]), "'Rleu': cannot be taken; did you mean 'Relu'"),
        (model([node("Relu", "z")]), "no node before it makes 'z'"),
        (model([node("Relu", "x"), node("Relu", "x")]), "makes 'y', which there is already"),
        (model([node("Conv", "x k")], stored={"k": [4, 3, 3, 3]}), "(4, 3, 3, 3) in 1 groups do not fit 8"),
        (model([node("Conv", "x k")], stored={"k": [4, 8, 30, 3]}), "kernel 30x3 is larger"),
        (model([node("Conv", "x k", strides=[0, 1])], stored={"k": [4, 8, 3, 3]}), "strides (0, 1) must be"),
        (model([node("Conv", "x x")]), "its input 1 must be a parameter"),
        (model([node("Conv", "x")]), "its input 1 is missing"),
        (model([node("ConstantOfShape", "")]), "'ConstantOfShape': its input 0 is missing"),
        (model([node("Conv", "x k", group="two")], stored={"k": [4, 8, 3, 3]}),
        "group must be a whole number"),
        (model([node("Reshape", "x s")], s=[7, -1]), "do not make (7, -1)"),
        (model([node("Relu", "x")], opset=OLDEST - 1), "operator set 5; 6 to"),
        (model([node("Relu", "x")], opset=1000), "operator set 1000; 6 to"),
        (model([node("Add", "x k")], stored={"k": [3, 1, 1]}), "(3, 1, 1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_taken_says_where_and_why(built: Any, said: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        from_model(built)
    assert said in str(caught.value)


@pytest.mark.parametrize("kind", ["Shape", "Size", "Relu", "Constant", "MatMul"])
def test_a_node_without_outputs_is_refused(kind: str) -> None:
    built = model([node(kind, "x x", ""), node("Relu", "x")])
    with pytest.raises(w.WorkloadError, match="has no output"):
        from_model(built)


def test_files_that_are_none_are_refused(tmp_path: Any) -> None:
    for raw, said in ((b"", "it has no graph"), (b"\xff" * 50, "is no ONNX model")):
        path = tmp_path / "net.onnx"
        path.write_bytes(raw)
        with pytest.raises(w.WorkloadError, match=said) as caught:
            read_onnx(path)
        assert str(caught.value).startswith(str(path))


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] == "onnx":
            raise ImportError(name)
        return found(name, *rest, **named)

    path = tmp_path / "net.onnx"
    path.write_bytes(model([node("Relu", "x")]).SerializeToString())
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(w.WorkloadError, match=r"pip install 'dataflow-simulator\[onnx\]'"):
        read_onnx(path)
