"""A Keras layer where it is called: its configuration, its inputs, and how its own layers are added.

Keras' maps are (height, width, channels) unless a layer says channels_first; ours are (channels, height,
width). A tensor is kept in either order, and the change of it, where a file's layers need it, is a
`Transpose`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workloads.base import Layer
from workloads.errors import WorkloadError, nearest_name
from workloads.geometry import Shape, axis_number, one_of, sizes, true_or_false, whole_number
from workloads.importers.drafts import Draft
from workloads.layers import Activation, Input, Reshape, Softmax, Transpose

FUNCTIONS = {
    "relu": "relu", "relu6": "relu6", "sigmoid": "sigmoid", "tanh": "tanh", "elu": "elu", "selu": "selu",
    "celu": "celu", "gelu": "gelu", "silu": "silu", "swish": "silu", "mish": "mish", "softplus": "softplus",
    "softsign": "softsign", "hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_swish",
    "hard_swish": "hard_swish", "hard_tanh": "hard_tanh", "leaky_relu": "leaky_relu",
    "log_sigmoid": "log_sigmoid", "exponential": "exp", "threshold": "threshold", "softmax": "softmax",
    "linear": "linear",
}  # fmt: skip
"""Keras' activation functions, by the names of ours."""


@dataclass
class Tensor:
    """A value of the graph: the layer of the draft that makes it, and Keras' shape of it without the batch.

    ``first`` says that the layer's shape has the channels first, Keras' last axis; None is for an input that
    nothing takes yet: its first user decides.
    """

    layer: str
    shape: Shape
    first: bool | None = False


@dataclass
class Sketch:
    """The draft that a file's layers are added to, and the layers that their weights came with."""

    channels_first: bool
    draft: Draft = field(default_factory=Draft)
    owners: dict[tuple[str, ...], str] = field(default_factory=dict)
    turned: dict[str, str] = field(default_factory=dict)
    """Layers whose output was brought to the other order, and the layer that did it."""

    def take(self, tensor: Tensor, first: bool | None = None) -> str:
        """Return the layer that makes a tensor, with its channels first or not; None: as it is."""
        rank = len(tensor.shape)
        if tensor.first is None:
            tensor.first = (rank > 2 and not self.channels_first) if first is None else first and rank > 1
            shape = _moved(tensor.shape) if tensor.first else tensor.shape
            tensor.layer = self.draft.add(Input(tensor.layer, shape))
        if first is None or first == tensor.first or rank < 2:
            return tensor.layer
        if tensor.layer not in self.turned:
            order = (rank - 1, *range(rank - 1)) if first else (*range(1, rank), 0)
            turn: Layer = Transpose(f"{tensor.layer}_turned", order)
            # Nothing moves where but one axis has more than one entry.
            if sum(size > 1 for size in tensor.shape) < 2:
                turn = Reshape(f"{tensor.layer}_turned", _moved(tensor.shape) if first else tensor.shape)
            self.turned[tensor.layer] = self.draft.add(turn, [tensor.layer])
        return self.turned[tensor.layer]


@dataclass(frozen=True)
class Call:
    """A layer of the file at one of the places where it is called."""

    sketch: Sketch
    path: tuple[str, ...]
    kind: str
    config: Mapping[str, Any]
    inputs: Sequence[Tensor]
    """Tensors given in order, lists of them written out."""
    named: Mapping[str, Sequence[Tensor]]
    """Tensors given by name."""

    @property
    def name(self) -> str:
        """The layer's name, behind those of the models that it is in."""
        return "/".join(self.path)

    @property
    def where(self) -> str:
        """How errors name it."""
        return f"layer {self.name!r}"

    @property
    def shape(self) -> Shape:
        """Keras' shape of the first input, without the batch. Raises WorkloadError if there is none."""
        return self.given().shape

    def given(self, number: int = 0) -> Tensor:
        """Return an input. Raises WorkloadError if there are not so many."""
        if number >= len(self.inputs):
            raise self.error(f"needs {number + 1} inputs, not {len(self.inputs)}")
        return self.inputs[number]

    def error(self, said: str) -> WorkloadError:
        """Return the error of this layer."""
        return WorkloadError(f"{self.where}: {self.kind} {said}")

    def inner(self, kind: str, config: Mapping[str, Any], *inputs: Tensor) -> Call:
        """Return the call of a layer that this one wraps."""
        return Call(self.sketch, self.path, kind, config, inputs, {})

    # What the configuration says.

    def need(self, key: str) -> Any:
        """Return a value of the configuration. Raises WorkloadError if it is missing."""
        if self.config.get(key) is None:
            raise self.error(f"has no {key!r} in its configuration")
        return self.config[key]

    def number(self, key: str, least: int = 1) -> int:
        """Return a whole number of the configuration."""
        return whole_number(self.need(key), self.where, key, least)

    def flag(self, key: str, usual: bool) -> bool:
        """Return a truth of the configuration."""
        return true_or_false(self.config.get(key, usual), self.where, key)

    def sizes(self, key: str, axes: int, usual: int | None = None) -> tuple[int, ...]:
        """Return a size for each axis."""
        given = self.config.get(key) if usual is not None else self.need(key)
        return sizes(usual if given is None else given, axes, self.where, key)

    def word(self, key: str, known: Iterable[str], usual: str) -> str:
        """Return a word of the configuration, one of the ``known``."""
        return one_of(self.config.get(key) or usual, known, self.where, key)

    def refuse(self, key: str, *plain: object) -> None:
        """Raise WorkloadError if a key has another value than those, or than None or False."""
        if self.config.get(key) not in (None, False, *plain):
            raise self.error(f"cannot be taken with {key}={self.config[key]!r}")

    @property
    def channels_first(self) -> bool:
        """Whether Keras' own shapes have the channels first here."""
        words = ("channels_last", "channels_first")
        return self.word("data_format", words, "channels_last") == "channels_first"

    def axis(self, given: object, rank: int) -> int:
        """Return an axis of Keras' shape, counted without the batch from 0, of what counts it from there."""
        number = axis_number(given, self.where)
        if number == 0 or not -rank <= number <= rank:
            raise self.error(f"has axis {number}; its input has 1 to {rank} besides the batch")
        return number % (rank + 1) - 1

    # What it adds.

    def add(self, layer: Layer, *sources: str) -> str:
        """Add a layer; called again, it shares the weights that it had at first. Return its name."""
        key = (*self.path, layer.name)
        shapes = [self.sketch.draft.shape(source) for source in sources]
        layer.output_shape(shapes)
        trained = layer.weight_count(shapes) + layer.bias_count(shapes) + layer.affine_count(shapes)
        added = self.sketch.draft.add(layer, sources, self.sketch.owners.get(key) if trained else None)
        self.sketch.owners.setdefault(key, added)
        return added

    def take(self, tensor: Tensor, first: bool | None = None) -> str:
        """Return the layer that makes a tensor, with its channels first or not; None: as it is."""
        return self.sketch.take(tensor, first)

    def maps(self, axes: int) -> tuple[str, Shape]:
        """Return the layer of the first input and its (channels, *extent), a map of so many axes."""
        tensor = self.given()
        if len(tensor.shape) != axes + 1:
            raise self.error(f"takes an input of {axes + 1} axes besides the batch, not {tensor.shape}")
        layer = self.take(tensor, not self.channels_first)
        return layer, self.sketch.draft.shape(layer)

    def map(self, layer: str) -> Tensor:
        """Return a map that has been added as a tensor, its channels where this layer has them."""
        return self.result(layer, not self.channels_first)

    def result(self, layer: str, first: bool = False) -> Tensor:
        """Return an added layer as a tensor."""
        shape = self.sketch.draft.shape(layer)
        first = first and len(shape) > 1
        return Tensor(layer, (*shape[1:], shape[0]) if first else shape, first)

    def same(self, make: Layer) -> Tensor:
        """Add a layer that works in any order of axes, to the first input."""
        tensor = self.given()
        source = self.take(tensor)
        return Tensor(self.add(make, source), tensor.shape, tensor.first)

    def activated(self, layer: str, key: str = "activation") -> str:
        """Add the activation that the configuration names, behind a layer; return the last one's name."""
        name = self.config.get(key)
        if isinstance(name, Mapping):
            # Keras 3 writes some functions as objects, and activations that are layers.
            inner = name.get("config")
            name = inner if isinstance(inner, str) else name.get("class_name")
        if name is None:
            return layer
        if not isinstance(name, str) or name not in FUNCTIONS:
            raise self.error(f"has the unknown {key} {name!r}{nearest_name(name, FUNCTIONS)}")
        kind = FUNCTIONS[name]
        if kind == "linear":
            return layer
        called = self.name if self.kind == "Activation" else f"{self.name}_{name}"
        return self.add(Softmax(called) if kind == "softmax" else Activation(called, kind), layer)


def _moved(shape: Shape) -> Shape:
    return shape[-1], *shape[:-1]
