"""ONNX files as networks, of operator set 6 up to the newest that the installed onnx knows.

Only the structure is read: of parameters the shapes, of constants with at most 4096 values those too, and
never a file of external data. Every image is the same to a network, so it is read with one: the first extent
of its inputs, the batch, is taken as 1, and how many images there are at a time is the caller's to say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workloads.errors import WorkloadError, nearest_name
from workloads.files import read_bytes
from workloads.geometry import Shape, whole_number
from workloads.importers import onnx_layers, onnx_products, onnx_shaping
from workloads.importers.drafts import reading
from workloads.importers.onnx_constants import fold, shape_part
from workloads.importers.onnx_node import Node
from workloads.importers.onnx_proto import OWN, kind_of, opsets, parsed, plain, stepped, stored, uses
from workloads.importers.tensors import Tensors
from workloads.importers.values import Fixed, Made, Value, bare, checked_shape
from workloads.layers import Input
from workloads.network import Network

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        FunctionProto,
        GraphProto,
        ModelProto,
        NodeProto,
        ValueInfoProto,
    )

MOST_BYTES = 2**31
MOST_NODES = 100_000
"""As many parameters and inputs there may be too."""
MOST_WORKED_OUT = 2**20
"""The most values of constants that are made of others."""
DEEPEST = 16
"""Functions and branches in each other."""

OPERATORS: dict[str, Callable[[Node], Any]] = {
    **onnx_layers.OPERATORS,
    **onnx_shaping.OPERATORS,
    **onnx_products.OPERATORS,
}
"""Operators of ONNX by name, those of other domains with the domain before it."""

_REFUSED = {
    "Loop": "export the network with its steps written out",
    "Scan": "export the network with its steps written out",
    "If": "its condition is computed; export the network for one of its branches",
    "NonMaxSuppression": "how many boxes are left depends on the image; cut the network off before it",
    "NonZero": "how many there are depends on the image; cut the network off before it",
}


def read_onnx(
    path: str | os.PathLike[str], *, batch: int = 1, dimensions: Mapping[str, int] | None = None
) -> Network:
    """Return the network of an ONNX file of at most 2 GiB, read in about three times its size of memory.

    A file of small nodes and nothing else takes up to 100 times its size.

    Parameters
    ----------
    batch
        Images at a time, whatever the file says.
    dimensions
        Extents that the file leaves open, by the names it has for them: ``{"height": 224}``; one without a
        name, or to be replaced, by its input and place: ``{"data.2": 224}``. A first extent that is not given
        is the batch.

    Raises WorkloadError, with the file and the node, for what cannot be read or taken, and where
    the extra ``onnx`` is not installed.
    """
    raw = read_bytes(path, WorkloadError, MOST_BYTES)
    with reading(os.fspath(path)):
        return from_model(parsed(raw), Path(path).stem, batch=batch, dimensions=dimensions)


def from_model(
    model: ModelProto, name: str = "network", *, batch: int = 1, dimensions: Mapping[str, int] | None = None
) -> Network:
    """Return the network of a model, called ``name`` where its graph has none; as `read_onnx`."""
    graph = _Graph(model, dimensions or {})
    try:
        graph.read()
    except RecursionError:
        raise WorkloadError("its messages are in each other too deep") from None
    return graph.net.draft.build(model.graph.name.strip() or name, batch)


@dataclass
class _Frame:
    """The tensors by name of a graph, a function or a branch; None for outputs that nobody can take."""

    opsets: Mapping[str, int]
    values: dict[str, Value | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    depth: int = 0


class _Graph:
    """A model being read."""

    def __init__(self, model: ModelProto, dimensions: Mapping[str, int]) -> None:
        if not model.HasField("graph"):
            raise WorkloadError("is no ONNX model: it has no graph")
        self.model = model
        self.functions = {(f.domain, f.name): f for f in model.functions}
        self.net = Tensors()
        self.left = MOST_NODES
        self.room = MOST_WORKED_OUT
        self.batch = 1
        self.dimensions = {n: whole_number(size, "dimension", n) for n, size in dimensions.items()}
        self.used: set[str] = set()
        self.known: list[str] = []

    def read(self) -> list[Value | None]:
        """Add the model's layers and return its results."""
        graph = self.model.graph
        if max(len(graph.node), len(graph.initializer), len(graph.input)) > MOST_NODES:
            raise WorkloadError(f"has more than {MOST_NODES} nodes, parameters or inputs")
        frame = _Frame(opsets(self.model.opset_import, "the model"), {})
        for tensor in graph.initializer:
            frame.values[tensor.name] = stored(tensor, tensor.name)
        for sparse in graph.sparse_initializer:
            shape = checked_shape(list(sparse.dims), repr(sparse.values.name))
            frame.values[sparse.values.name] = Fixed(shape, sparse.values.name, None, True, True)
        self._inputs(graph, frame)
        made = self.run(graph.node, frame, [output.name for output in graph.output])
        for value in made:
            if isinstance(value, Made):
                self.net.layer(value)
        return made

    def _inputs(self, graph: GraphProto, frame: _Frame) -> None:
        given = [one for one in graph.input if one.name not in frame.values]
        if not given:
            raise WorkloadError("the graph has no inputs besides its parameters")
        steps = stepped(graph)
        open_sizes = dict(self.dimensions)
        for one in given:
            dims = one.type.tensor_type.shape.dim
            place = 1 if one.name in steps else 0
            if place < len(dims) and dims[place].dim_param:
                open_sizes.setdefault(dims[place].dim_param, 1)
        for one in given:
            shape = self._shape(one, open_sizes, 1 if one.name in steps else 0)
            with reading(f"input {one.name!r}"):
                layer = self.net.draft.add(Input(one.name, bare(checked_shape(shape, "it"))))
            frame.values[one.name] = Made(layer, shape)
        unused = [name for name in self.dimensions if name not in self.used]
        if unused:
            raise WorkloadError(
                f"no input has the dimension {unused[0]!r}{nearest_name(unused[0], self.known)}"
            )

    def _shape(self, one: ValueInfoProto, sizes: Mapping[str, int], batch: int) -> Shape:
        if not one.type.HasField("tensor_type") or not one.type.tensor_type.HasField("shape"):
            raise WorkloadError(f"input {one.name!r} is no tensor of a known number of axes")
        shape = []
        for place, dim in enumerate(one.type.tensor_type.shape.dim):
            own, named = f"{one.name}.{place}", dim.dim_param
            self.known += [named or own]
            self.used |= {own, named}
            size = self.dimensions.get(own, sizes.get(named, 0) if named else dim.dim_value)
            if place == batch and own not in self.dimensions and named not in self.dimensions:
                self.batch, size = max(size, self.batch), 1
            if size < 1:
                raise WorkloadError(
                    f"input {one.name!r}: the file leaves axis {place} open; give the dimension "
                    f"{named or own!r}"
                )
            shape.append(size)
        return tuple(shape)

    def run(self, nodes: Sequence[NodeProto], frame: _Frame, results: Sequence[str]) -> list[Value | None]:
        """Add the nodes of a graph, its constants first, and return its results; None as in a frame."""
        done = set()
        for number, proto in enumerate(nodes):
            with _at(proto, frame, number):
                self.left -= 1
                if self.left < 0:
                    raise WorkloadError(f"more than {MOST_NODES} nodes")
                inputs = [frame.values.get(name) for name in proto.input if name]
                if all(isinstance(value, Fixed) for value in inputs) and proto.domain in OWN:
                    folded = self._folded(self._node(proto, frame, number))
                    if folded is not None:
                        self._keep(proto, frame, [folded])
                        done.add(number)
        takers = uses(nodes, results)
        for number, proto in enumerate(nodes):
            if number not in done:
                with _at(proto, frame, number):
                    self._keep(proto, frame, self._made(proto, frame, number, takers, done))
        for name in results:
            if name not in frame.values:
                raise WorkloadError(f"no node makes its output {name!r}{nearest_name(name, frame.values)}")
        return [frame.values[name] for name in results]

    def _made(
        self,
        proto: NodeProto,
        frame: _Frame,
        number: int,
        takers: Mapping[str, list[tuple[int, Any]]],
        done: set[int],
    ) -> Any:
        kind = kind_of(proto)
        function = self.functions.get((proto.domain, proto.op_type))
        if function is not None:
            return self._called(function, proto, frame, number)
        node = self._node(proto, frame, number)
        if kind == "If" and isinstance(node.input(), Fixed):
            return self._branch(node, proto, frame)
        if kind == "Shape":
            return [Fixed((shape := shape_part(node, node.input().shape)).shape, proto.output[0], shape)]
        if kind == "Size":
            return [Fixed((), proto.output[0], np.array(prod(node.input().shape), np.int64))]
        if node.inputs and all(isinstance(value, Fixed) for value in node.inputs if value is not None):
            folded = self._folded(node)
            if folded is not None:
                return [folded]
        if kind not in OPERATORS:
            raise WorkloadError(f"cannot be taken{_advice(kind)}")
        follower = self._bias_after(node, takers, frame, done) if kind == "MatMul" else None
        if follower is None:
            return OPERATORS[kind](node)
        place, added = follower
        made = OPERATORS[kind](replace(node, bias=True))
        frame.values[added.output[0]] = made
        done.add(place)
        return made

    def _folded(self, node: Node) -> Fixed | None:
        """The constant that a node makes, without its values once there are too many of them."""
        folded = fold(node)
        if folded is None or folded.values is None or node.kind == "Constant":
            return folded
        self.room -= folded.values.size
        return folded if self.room >= 0 else replace(folded, values=None)

    def _node(self, proto: NodeProto, frame: _Frame, number: int) -> Node:
        if not proto.output:
            raise WorkloadError("has no output")
        attributes = {one.name: self._attribute(one, frame, proto) for one in proto.attribute}
        inputs = [self._value(name, frame) if name else None for name in proto.input]
        opset = frame.opsets.get("" if proto.domain in OWN else proto.domain)
        if opset is None:
            raise WorkloadError(f"the model does not say which operator set of {proto.domain!r} it has")
        name = _name(proto, frame, number)
        return Node(
            name, kind_of(proto), opset, inputs, list(proto.output), attributes, self.net, batch=self.batch
        )

    def _attribute(self, one: AttributeProto, frame: _Frame, proto: NodeProto) -> Any:
        if one.ref_attr_name:
            return frame.attributes.get(one.ref_attr_name)
        return plain(one, proto.output[0] if proto.output else proto.name)

    def _value(self, name: str, frame: _Frame) -> Value:
        value = frame.values.get(name)
        if value is None:
            if name in frame.values:
                raise WorkloadError(f"{name!r} is a second output of its node, which is not followed")
            raise WorkloadError(f"no node before it makes {name!r}{nearest_name(name, frame.values)}")
        return value

    def _keep(self, proto: NodeProto, frame: _Frame, made: Any) -> None:
        found = made if isinstance(made, list) else [made]
        for place, name in enumerate(proto.output):
            if name and frame.values.get(name) is not None:
                raise WorkloadError(f"makes {name!r}, which there is already")
            if name:
                frame.values[name] = found[place] if place < len(found) else None

    def _called(
        self, function: FunctionProto, proto: NodeProto, frame: _Frame, number: int
    ) -> list[Value | None]:
        """The results of a function that the model itself defines."""
        values: dict[str, Value | None] = dict.fromkeys(function.input)
        values |= {
            to: self._value(name, frame)
            for to, name in zip(function.input, proto.input, strict=False)
            if name
        }
        given = {one.name: self._attribute(one, frame, proto) for one in proto.attribute}
        usual = {one.name: self._attribute(one, frame, proto) for one in function.attribute_proto}
        inner = _Frame(
            opsets(function.opset_import, f"function {function.name!r}"),
            values, usual | given, f"{_name(proto, frame, number)}/", _deeper(frame),
        )  # fmt: skip
        return self.run(function.node, inner, list(function.output))

    def _branch(self, node: Node, proto: NodeProto, frame: _Frame) -> list[Value | None]:
        """The results of the branch that a known condition takes."""
        taken = "then_branch" if bool(node.constant(0).reshape(-1)[:1].any()) else "else_branch"
        graph = next((one.g for one in proto.attribute if one.name == taken), None)
        if graph is None:
            raise WorkloadError(f"it has no {taken}")
        inner = _Frame(frame.opsets, dict(frame.values), frame.attributes, f"{node.name}/", _deeper(frame))
        for tensor in graph.initializer:
            inner.values[tensor.name] = stored(tensor, tensor.name)
        return self.run(graph.node, inner, [output.name for output in graph.output])

    def _bias_after(
        self, node: Node, takers: Mapping[str, list[tuple[int, Any]]], frame: _Frame, done: set[int]
    ) -> tuple[int, NodeProto] | None:
        """The addition of a trained bias that is all that follows a product with a parameter matrix."""
        users = takers.get(node.outputs[0], [])
        weight = node.input(1)
        if len(users) != 1 or not isinstance(weight, Fixed) or len(weight.shape) != 2:
            return None
        place, added = users[0]
        if (
            added is None
            or place in done
            or kind_of(added) != "Add"
            or len(added.input) != 2
            or not added.output
        ):
            return None
        other = frame.values.get(next((n for n in added.input if n != node.outputs[0]), ""))
        fits = isinstance(other, Fixed) and other.shape[-1:] == weight.shape[1:] == (prod(other.shape),)
        return users[0] if fits and len(other.shape) <= len(node.input().shape) else None  # type: ignore[union-attr]


def _advice(kind: str) -> str:
    near = nearest_name(kind, sorted(OPERATORS))
    if kind in _REFUSED or near.startswith("; known"):
        return f": {_REFUSED.get(kind, 'export the network without it, or cut it off before')}"
    return near


def _name(proto: NodeProto, frame: _Frame, number: int) -> str:
    own = proto.name.strip() or next(
        (name for name in proto.output if name.strip()), f"{proto.op_type}_{number}"
    )
    return f"{frame.prefix}{own}"


@contextmanager
def _at(proto: NodeProto, frame: _Frame, number: int) -> Iterator[None]:
    """Name the node of an error, the innermost one where functions are in each other."""
    try:
        yield
    except WorkloadError as error:
        if str(error).startswith("node "):
            raise
        raise WorkloadError(f"node {_name(proto, frame, number)!r}, {kind_of(proto)!r}: {error}") from None


def _deeper(frame: _Frame) -> int:
    if frame.depth == DEEPEST:
        raise WorkloadError(f"more than {DEEPEST} functions or branches in each other")
    return frame.depth + 1
