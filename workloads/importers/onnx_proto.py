"""What an ONNX file's messages say: the model, its operator sets, its tensors and attributes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from workloads.errors import WorkloadError
from workloads.importers.onnx_node import MOST_VALUES
from workloads.importers.values import Fixed, checked_shape

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

OLDEST = 6
"""The oldest operator set that is read."""

OWN = ("", "ai.onnx")
"""The names of ONNX's own domain."""


def parsed(raw: bytes) -> ModelProto:
    """Return the model that bytes are. Raises WorkloadError, also without onnx."""
    try:
        from google.protobuf.message import DecodeError
        from onnx import ModelProto
    except ImportError as error:
        raise WorkloadError("ONNX files need onnx: pip install 'dataflow-simulator[onnx]'") from error
    try:
        model: ModelProto = ModelProto.FromString(raw)
    except DecodeError as error:
        raise WorkloadError(f"is no ONNX model: {error}") from None
    return model


def opsets(imports: Sequence[Any], what: str) -> dict[str, int]:
    """Return the version of each operator set; ``what`` has them. Raises WorkloadError for ONNX's own."""
    from onnx import defs

    versions = {("" if one.domain in OWN else one.domain): one.version for one in imports}
    newest = defs.onnx_opset_version()
    if not OLDEST <= versions.get("", OLDEST if versions else 0) <= newest:
        found = f"operator set {versions['']}" if "" in versions else "no operator set"
        raise WorkloadError(f"{what} has {found}; {OLDEST} to {newest} can be read (newer with a newer onnx)")
    return versions


def stepped(graph: GraphProto) -> set[str]:
    """Return what recurrent operators take with the positions in front and the batch behind."""
    nodes = [node for node in graph.node if node.op_type in ("LSTM", "GRU", "RNN") and node.input]
    return {n.input[0] for n in nodes if not any(one.name == "layout" and one.i for one in n.attribute)}


def plain(one: AttributeProto, name: str) -> Any:
    """Return an attribute as a number, a text, a tuple of them, or a constant called ``name``."""
    kind = one.AttributeType.Name(one.type) if one.type in one.AttributeType.values() else ""
    if kind == "TENSOR":
        return stored(one.t, name)
    if kind == "SPARSE_TENSOR":
        return Fixed(checked_shape(list(one.sparse_tensor.dims), name), name)
    if kind == "STRING":
        return one.s.decode("utf-8", "replace")
    if kind == "STRINGS":
        return tuple(text.decode("utf-8", "replace") for text in one.strings)
    return {"INT": one.i, "FLOAT": one.f, "INTS": tuple(one.ints), "FLOATS": tuple(one.floats)}.get(kind)


def kind_of(proto: NodeProto) -> str:
    """Return a node's operator, those of other domains with the domain before it."""
    return proto.op_type if proto.domain in OWN else f"{proto.domain}.{proto.op_type}"


def uses(nodes: Sequence[NodeProto], results: Sequence[str]) -> dict[str, list[tuple[int, Any]]]:
    """Who takes each tensor: places and nodes; None for a result, and for what a branch may take."""
    uses: dict[str, list[tuple[int, Any]]] = {}
    for number, proto in enumerate(nodes):
        for name in proto.input:
            uses.setdefault(name, []).append((number, proto))
        for one in proto.attribute:
            for inner in one.g.node:
                for name in inner.input:
                    uses.setdefault(name, []).append((number, None))
    for name in results:
        uses.setdefault(name, []).append((len(nodes), None))
    return uses


def stored(tensor: TensorProto, name: str) -> Fixed:
    """A tensor as the file has it, with its values where they are few and in the file."""
    from onnx import TensorProto, numpy_helper

    shape = checked_shape(list(tensor.dims), f"tensor {name!r}")
    trained = tensor.data_type in (
        TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE, TensorProto.INT8,
        TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT8E4M3FN,
        TensorProto.FLOAT8E5M2,
    ) and prod(shape) > 1  # fmt: skip
    values = None
    inside = tensor.data_location != TensorProto.EXTERNAL and not tensor.external_data
    if inside and prod(shape) <= MOST_VALUES and tensor.data_type != TensorProto.STRING:
        try:
            values = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            raise WorkloadError(f"tensor {name!r} does not hold what it says: {error}") from None
    return Fixed(shape, name, values, trained, stored=True)
