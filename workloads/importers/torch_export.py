"""PyTorch modules as networks, by the graph that torch.export traces: nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import TYPE_CHECKING, Any

from workloads.errors import WorkloadError, nearest_name
from workloads.geometry import Shape
from workloads.geometry import shape as checked_extents
from workloads.importers.drafts import reading
from workloads.importers.tensors import Tensors
from workloads.importers.torch_call import Call
from workloads.importers.torch_ops import OPERATIONS
from workloads.importers.values import Fixed, Made, Value, bare
from workloads.layers import Input
from workloads.network import Network

if TYPE_CHECKING:
    import torch


def read_torch(
    module: torch.nn.Module,
    example_inputs: Sequence[Any] | None = None,
    *,
    input_shape: Sequence[int] | None = None,
    batch: int = 1,
    name: str | None = None,
) -> Network:
    """Return the network that a PyTorch module is in use, as in evaluation mode; the module stays as it is.

    Parameters
    ----------
    example_inputs
        What the module is called with, for one image: each tensor with a batch of 1 in front.
    input_shape
        Instead of them, the shape of its one input without the batch: (channels, height, width).
    batch
        Images at a time.
    name
        The network's name, by default the module's class.

    Parameters that modules share count once. Raises WorkloadError, with the operation, for what cannot be
    traced or taken, and where the extra ``torch`` is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise WorkloadError("PyTorch modules need torch: pip install 'dataflow-simulator[torch]'") from error
    if not isinstance(module, torch.nn.Module):
        raise WorkloadError(f"a PyTorch network is a torch.nn.Module, not {module!r}")
    where = f"module {type(module).__name__!r}"
    if (example_inputs is None) == (input_shape is None):
        raise WorkloadError(f"{where}: give either example_inputs or input_shape")
    if input_shape is not None:
        example_inputs = (torch.zeros(1, *checked_extents(tuple(input_shape), where, "input_shape")),)
    inputs = tuple(example_inputs or ())
    _check_batch(inputs, where)
    with reading(where):
        return _Reader(module, _exported(module, inputs)).read(name or type(module).__name__, batch)


def _check_batch(inputs: Sequence[Any], where: str) -> None:
    shapes = [tuple(one.shape) for one in inputs if hasattr(one, "shape")]
    first = {shape[0] for shape in shapes if len(shape) > 1 and 1 not in shape[:2]}
    if first:
        raise WorkloadError(
            f"{where}: the example inputs are a batch of {max(first)}; give one image's, as x[:1], and "
            "say with batch how many there are at a time"
        )


@contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    """A module in evaluation mode, and each part of it afterwards in the one it was in."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


def _exported(module: torch.nn.Module, inputs: tuple[Any, ...]) -> torch.export.ExportedProgram:
    """The module's graph, of operations that can be taken as far as PyTorch can write it so."""
    import torch

    try:
        with _evaluating(module), torch.no_grad():
            program = torch.export.export(module, inputs)
            table = torch.export.default_decompositions()
            for operation in list(table):
                if _kind(operation) in OPERATIONS:
                    del table[operation]
            return program.run_decompositions(table)
    except Exception as error:
        # Whatever the module's own code raises when it is traced.
        said = str(error).strip().split("\n")[0]
        raise WorkloadError(f"torch.export cannot trace it: {type(error).__name__}: {said}") from error


def _kind(operation: Any) -> str:
    """An operation's name in ATen, without its overload."""
    schema = getattr(operation, "_schema", None)
    return "" if schema is None else str(schema.name).removeprefix("aten::")


class _Reader:
    """An exported graph being read."""

    def __init__(self, module: torch.nn.Module, program: torch.export.ExportedProgram) -> None:
        self.net = Tensors()
        self.nodes = program.graph.nodes
        self.values: dict[Any, Any] = {}
        self.leaves = {path for path, part in module.named_modules() if not list(part.children())}
        signature = program.graph_signature
        owners: dict[int, str] = {}
        names = dict(module.named_parameters(remove_duplicate=False))
        self.parameters = {
            place: owners.setdefault(id(names[target]), target)
            for place, target in signature.inputs_to_parameters.items()
        }
        self.stored = {**signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}

    def read(self, name: str, batch: int) -> Network:
        for node in self.nodes:
            if node.op == "placeholder":
                self.values[node] = self._placeholder(node)
            elif node.op == "call_function":
                with reading(f"node {node.name!r}, {node.target}"):
                    self.values[node] = self._called(node)
            elif node.op == "output":
                for value in self._argument(node.args[0]):
                    if isinstance(value, Made):
                        self.net.layer(value)
        return self.net.draft.build(name, batch)

    def _placeholder(self, node: Any) -> Value | None:
        shapes = _shapes(node)
        if not shapes:
            return None
        shape, name = shapes[0], node.name
        if name in self.parameters:
            return Fixed(shape, self.parameters[name], None, True)
        if name in self.stored:
            return Fixed(shape, self.stored[name])
        return Made(self.net.draft.add(Input(name, bare(shape))), shape)

    def _called(self, node: Any) -> Any:
        import operator

        given = [self._argument(one) for one in node.args]
        if node.target is operator.getitem:
            if isinstance(given[0], list) and given[1] >= len(given[0]):
                raise WorkloadError(f"takes result {given[1]} of its operation, which is not followed")
            return given[0][given[1]]
        kind, shapes = _kind(node.target), _shapes(node)
        if not shapes:
            return None
        arguments = _named(node.target, given, {key: self._argument(one) for key, one in node.kwargs.items()})
        tensors = [v for one in arguments.values() for v in (one if isinstance(one, list | tuple) else [one])]
        if kind != "embedding" and not any(isinstance(value, Made) for value in tensors):
            return self._constant(node, kind, [v for v in tensors if isinstance(v, Fixed)], shapes)
        if kind not in OPERATIONS:
            raise WorkloadError(f"cannot be taken{nearest_name(kind, sorted(OPERATIONS))}")
        made = OPERATIONS[kind](Call(self._name(node), kind, arguments, shapes, self.net))
        several = isinstance(node.meta["val"], list | tuple)
        results = made if isinstance(made, list) else [made]
        # Inputs without a batch, (channels, height, width), got one in front.
        fitted = [
            value if isinstance(value, Fixed) else self.net.reshape(value, shape)
            for value, shape in zip(results, shapes, strict=False)
        ]
        return fitted if several else fitted[0]

    def _constant(self, node: Any, kind: str, given: list[Fixed], shapes: list[Shape]) -> Any:
        """What is computed of parameters alone: a parameter itself under another shape, or a constant.

        One of as many words as a parameter stands for it (a weight that is normalized), others are made of
        it.
        """
        same = len(given) == 1 and kind in _VIEWS
        stands = next((v for v in given if v.trained and prod(v.shape) == prod(shapes[0])), None)
        for value in given:
            if value.trained and value is not stands:
                self.net.layer(value)
        made = [Fixed(s, given[0].name if same else node.name, None, stands is not None) for s in shapes]
        return made if isinstance(node.meta["val"], list | tuple) else made[0]

    def _name(self, node: Any) -> str:
        """Where the module has it: ``layer1.0.conv1``, with the operation where there are several."""
        path = next((path for path, _ in reversed((node.meta.get("nn_module_stack") or {}).values())), "")
        return path if path in self.leaves and path else f"{path}.{node.name}" if path else str(node.name)

    def _argument(self, one: Any) -> Any:
        if isinstance(one, list | tuple):
            return [self._argument(each) for each in one]
        return self.values.get(one) if type(one).__name__ == "Node" else one


_VIEWS = {
    "view", "reshape", "t", "transpose", "permute", "unsqueeze", "squeeze", "clone", "alias", "_to_copy",
    "to", "contiguous", "detach", "flatten",
}  # fmt: skip


def _shapes(node: Any) -> list[Shape]:
    """The shapes of what a node makes. Raises WorkloadError for open extents."""
    value = node.meta.get("val")
    found = value if isinstance(value, list | tuple) else [value]
    shapes = [tuple(one.shape) for one in found if hasattr(one, "shape")]
    for shape in shapes:
        if not all(type(n) is int for n in shape):
            raise WorkloadError(f"node {node.name!r} makes an open shape {shape}; every extent must be known")
    return shapes


def _named(operation: Any, given: Sequence[Any], keyed: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name, with their defaults."""
    schema = getattr(operation, "_schema", None)
    if schema is None:
        raise WorkloadError("is no operation of PyTorch's own")
    named = {one.name: one.default_value for one in schema.arguments if one.has_default_value()}
    return (
        named | {one.name: value for one, value in zip(schema.arguments, given, strict=False)} | dict(keyed)
    )
