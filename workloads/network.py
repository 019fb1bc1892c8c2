"""A network: a graph of layers whose shapes are inferred once, when it is made, and never change after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workloads.base import Layer
from workloads.errors import WorkloadError, nearest_name
from workloads.geometry import Shape, plain_text, shape, whole_number
from workloads.layers import CONVOLUTIONS, Linear
from workloads.metadata import UNKNOWN, Metadata

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class NetworkLayer:
    """A layer in its place: what feeds it, its shapes (without the batch) and its counts.

    ``macs``, ``operations`` (what is no MAC) and the words read and written, each once, are for the whole
    batch; weights, biases and params do not depend on it. ``inputs`` names the layers that feed this one, in
    order, and is empty for a layer bound on its own. ``shares`` names the layer whose weights it uses.
    """

    layer: Layer
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    batch: int
    macs: int
    weights: int
    biases: int
    affine: int
    operations: int
    words_in: int
    words_out: int
    shares: str | None = None

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def type(self) -> str:
        """The layer type's name, ``"Convolution"``."""
        return type(self.layer).__name__

    @property
    def params(self) -> int:
        """Everything trained: weights, biases, and two per channel for batch normalization."""
        return self.weights + self.biases + self.affine


@dataclass(frozen=True)
class SummaryRow:
    """One line of a network's table; ``macs`` and ``operations`` are for the whole batch."""

    name: str
    type: str
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    macs: int
    weights: int
    operations: int


@dataclass(frozen=True)
class UniqueLayer:
    """Layers of a network that are the same but for their names: the first of them, and all their names."""

    layer: NetworkLayer
    names: tuple[str, ...]

    @property
    def times(self) -> int:
        """How many there are."""
        return len(self.names)


def bind(
    layer: Layer, input_shapes: Sequence[Shape], batch: int = 1, inputs: Sequence[str] = ()
) -> NetworkLayer:
    """Return ``layer`` with its shapes and counts, on inputs of these shapes (without the batch).

    It needs no network: a lone layer or matrix product is described this way. Raises WorkloadError.

    >>> from workloads.layers import MatrixMultiplication
    >>> bind(MatrixMultiplication("scores"), [(12, 197, 64), (12, 64, 197)]).macs
    29805312
    """
    _check_layer(layer, "bind")
    batch = whole_number(batch, layer.where, "batch")
    shapes = tuple(shape(given, layer.where, "input shape") for given in input_shapes)
    output = layer.output_shape(shapes)
    return NetworkLayer(
        layer=layer,
        inputs=tuple(inputs),
        input_shapes=shapes,
        output_shape=output,
        batch=batch,
        macs=batch * layer.mac_count(shapes),
        weights=layer.weight_count(shapes),
        biases=layer.bias_count(shapes),
        affine=layer.affine_count(shapes),
        operations=batch * layer.operation_count(shapes),
        words_in=batch * layer.words_in(shapes) + layer.words_trained(shapes),
        words_out=batch * layer.words_out(shapes),
    )


@dataclass(frozen=True)
class Network:
    """Layers and, for each, the names of the layers that feed it; shapes are inferred here.

    ``nodes`` may come in any order; iteration follows it as far as every layer comes after its inputs.
    ``shared`` are pairs of a layer and the one whose weights it uses: they are counted once. Of layers that
    differ in more than their names only the weights are shared. ``graph`` is a frozen networkx.DiGraph of the
    names, each node with its NetworkLayer as attribute ``layer``. Raises WorkloadError on duplicate names,
    unknown inputs, cycles and shapes that do not fit.
    """

    name: str
    nodes: tuple[tuple[Layer, tuple[str, ...]], ...]
    batch: int = 1
    metadata: Metadata = UNKNOWN
    shared: tuple[tuple[str, str], ...] = ()
    graph: nx.DiGraph = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        where = f"network {self.name!r}"
        plain_text(self.name, "network", "name")
        object.__setattr__(self, "batch", whole_number(self.batch, where, "batch"))
        object.__setattr__(self, "nodes", tuple((layer, _names(inputs)) for layer, inputs in self.nodes))
        graph = _connect(self.nodes, where)
        _infer(graph, self.nodes, self.batch, where)
        object.__setattr__(self, "graph", graph)
        owners = dict(self.shared)
        for name, owner in owners.items():
            graph.nodes[self[name].name]["layer"] = _share(self[name], self[owner], owner in owners, where)
        written = tuple((layer.name, owners[layer.name]) for layer, _ in self.nodes if layer.name in owners)
        object.__setattr__(self, "shared", written)

    @property
    def layers(self) -> tuple[NetworkLayer, ...]:
        """Every layer, each after those that feed it."""
        return tuple(layer for _, layer in self.graph.nodes(data="layer"))

    def __iter__(self) -> Iterator[NetworkLayer]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self.graph

    def __getitem__(self, name: str) -> NetworkLayer:
        """Return the layer of that name. Raises WorkloadError naming the nearest one."""
        if name not in self:
            raise WorkloadError(
                f"network {self.name!r} has no layer {name!r}{nearest_name(name, self.graph.nodes)}"
            )
        layer: NetworkLayer = self.graph.nodes[name]["layer"]
        return layer

    def with_batch(self, batch: int) -> Network:
        """Return the same network for another number of images at a time."""
        return replace(self, batch=batch)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers for the whole batch."""
        return sum(layer.macs for layer in self)

    @property
    def conv_macs(self) -> int:
        """Those of the convolutions, depthwise and transposed ones too."""
        return sum(layer.macs for layer in self if isinstance(layer.layer, CONVOLUTIONS))

    @property
    def fc_macs(self) -> int:
        """Those of the linear layers."""
        return sum(layer.macs for layer in self if isinstance(layer.layer, Linear))

    @property
    def operations(self) -> int:
        """Operations that are no MACs, of all layers for the whole batch."""
        return sum(layer.operations for layer in self)

    @property
    def weights(self) -> int:
        """Weights, without biases and normalization parameters; shared ones once."""
        return sum(layer.weights for layer in self if layer.shares is None)

    @property
    def biases(self) -> int:
        """Biases of convolutions, linear layers and recurrent cells."""
        return sum(layer.biases for layer in self if not self._is_copy(layer))

    @property
    def affine(self) -> int:
        """Scales and shifts of the normalizations, slopes of activations."""
        return sum(layer.affine for layer in self if not self._is_copy(layer))

    @property
    def params(self) -> int:
        """Weights, biases, and scales and shifts; running statistics are not trained."""
        return self.weights + self.biases + self.affine

    def _is_copy(self, layer: NetworkLayer) -> bool:
        """Whether it is another layer used once more, biases and all."""
        return (
            layer.shares is not None and replace(layer.layer, name=layer.shares) == self[layer.shares].layer
        )

    def unique_layers(self) -> tuple[UniqueLayer, ...]:
        """Return the layers that differ in more than their names, inputs and shared weights, in order."""
        found: dict[object, list[NetworkLayer]] = {}
        for layer in self:
            found.setdefault((replace(layer.layer, name="-"), layer.input_shapes), []).append(layer)
        return tuple(UniqueLayer(same[0], tuple(at.name for at in same)) for same in found.values())

    def summary(self) -> list[SummaryRow]:
        """Return one row per layer, in order."""
        return [
            SummaryRow(at.name, at.type, at.input_shapes, at.output_shape, at.macs, at.weights, at.operations)
            for at in self
        ]


class NetworkBuilder:
    """Writes a network down layer by layer; each follows the one before unless told what feeds it.

    >>> from workloads.layers import Convolution, Input
    >>> net = NetworkBuilder("tiny")
    >>> image = net.add(Input("input", (3, 8, 8)))
    >>> last = net.add(Convolution("conv1", 4, 3))
    >>> net.build()["conv1"].output_shape
    (4, 6, 6)
    """

    def __init__(self, name: str, metadata: Metadata = UNKNOWN) -> None:
        self.name = name
        self.metadata = metadata
        self._nodes: list[tuple[Layer, tuple[str, ...]]] = []
        self._shared: list[tuple[str, str]] = []

    def add(self, layer: Layer, inputs: Sequence[str] | None = None, shares: str | None = None) -> str:
        """Add ``layer``, fed by those named in ``inputs``, else by the last one added; return its name.

        ``shares`` names the layer whose weights it uses.
        """
        _check_layer(layer, f"network {self.name!r}")
        if inputs is None:
            first = not self._nodes or layer.inputs_taken[1] == 0
            inputs = () if first else (self._nodes[-1][0].name,)
        self._nodes.append((layer, _names(inputs)))
        if shares is not None:
            self._shared.append((layer.name, shares))
        return layer.name

    def reuse(self, layer: str, name: str, inputs: Sequence[str] | None = None) -> str:
        """Add the layer called ``layer`` at a second place, called ``name``, with the same weights.

        Raises WorkloadError if no layer was added under that name.
        """
        added = {node.name: node for node, _ in self._nodes}
        if layer not in added:
            raise WorkloadError(f"network {self.name!r} has no layer {layer!r}{nearest_name(layer, added)}")
        return self.add(replace(added[layer], name=name), inputs, dict(self._shared).get(layer, layer))

    def build(self, batch: int = 1) -> Network:
        """Return the network. Raises WorkloadError as Network does."""
        return Network(self.name, tuple(self._nodes), batch, self.metadata, tuple(self._shared))


def _names(inputs: str | Sequence[str]) -> tuple[str, ...]:
    # A lone name is a sequence too, of letters.
    return (inputs,) if isinstance(inputs, str) else tuple(inputs)


def _check_layer(layer: object, where: str) -> None:
    if not isinstance(layer, Layer):
        raise WorkloadError(f"{where}: {layer!r} is not a layer; give one such as Linear('fc1', 10)")


def _connect(nodes: Iterable[tuple[Layer, tuple[str, ...]]], where: str) -> nx.DiGraph:
    """Return the graph of names, its nodes in topological order."""
    # Imported where a network is made: it takes longer than everything else here.
    import networkx as nx

    drawn = nx.DiGraph()
    for layer, _ in nodes:
        _check_layer(layer, where)
        if layer.name in drawn:
            raise WorkloadError(f"{where}: two layers are named {layer.name!r}; give each its own name")
        drawn.add_node(layer.name)
    if not drawn:
        raise WorkloadError(f"{where} has no layers; it needs an Input and at least one layer after it")
    for layer, inputs in nodes:
        for source in inputs:
            if source not in drawn:
                raise WorkloadError(
                    f"{where}: {layer.where} is fed by {source!r}, which is no layer"
                    f"{nearest_name(source, drawn.nodes)}"
                )
            drawn.add_edge(source, layer.name)
    if not nx.is_directed_acyclic_graph(drawn):
        loop = [source for source, _ in nx.find_cycle(drawn)]
        circle = " -> ".join([*loop, loop[0]])
        raise WorkloadError(f"{where}: its layers feed each other in a circle, {circle}; leave one link out")
    written = {name: place for place, name in enumerate(drawn)}
    ordered = nx.DiGraph()
    # Kahn's order with ties broken by place keeps a residual block's layers as they were written.
    ordered.add_nodes_from(nx.lexicographical_topological_sort(drawn, key=written.__getitem__))
    ordered.add_edges_from(drawn.edges)
    return nx.freeze(ordered)


def _infer(graph: nx.DiGraph, nodes: Iterable[tuple[Layer, tuple[str, ...]]], batch: int, where: str) -> None:
    """Give every node of ``graph``, in order, its NetworkLayer."""
    by_name = {layer.name: (layer, inputs) for layer, inputs in nodes}
    for name in graph:
        layer, inputs = by_name[name]
        shapes = [graph.nodes[source]["layer"].output_shape for source in inputs]
        try:
            graph.nodes[name]["layer"] = bind(layer, shapes, batch, inputs)
        except WorkloadError as error:
            feeds = " and ".join(f"{source!r} of shape {s}" for source, s in zip(inputs, shapes, strict=True))
            fed = f"; it is fed by {feeds}" if feeds else "; nothing feeds it"
            raise WorkloadError(f"{where}: {error}{fed}") from None


def _share(layer: NetworkLayer, owner: NetworkLayer, shares_too: bool, where: str) -> NetworkLayer:
    """Return ``layer`` with ``owner`` as the one whose weights it uses, unless that ``shares_too``."""
    if shares_too:
        raise WorkloadError(
            f"{where}: {layer.layer.where} cannot share the weights of {owner.name!r}; "
            "name the one layer that has weights of its own"
        )
    if layer.weights != owner.weights:
        raise WorkloadError(
            f"{where}: {layer.layer.where} has {layer.weights} weights and cannot share "
            f"the {owner.weights} of {owner.name!r}"
        )
    return replace(layer, shares=owner.name)
