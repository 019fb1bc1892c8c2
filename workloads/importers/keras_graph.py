"""The graph of a functional Keras model: its layers, where each is called, and on what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from workloads.errors import WorkloadError, nearest_name

MODELS = ("Functional", "Model", "Sequential")
"""Classes of models: layers that hold layers."""

Reference = tuple[str, int, int]
"""A layer, one of its calls, and one of that call's outputs."""


def parts(layer: object, where: str) -> tuple[str, Any]:
    """The class and the configuration of a layer or model."""
    if (
        not isinstance(layer, Mapping)
        or not isinstance(layer.get("class_name"), str)
        or "config" not in layer
    ):
        raise WorkloadError(f"{where} must be an object with class_name and config")
    return layer["class_name"], layer["config"]


def name_of(layer: Mapping[str, Any], config: Any, usual: str) -> str:
    name = layer.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
    return name if isinstance(name, str) and name.strip() else usual


class Graph:
    """The layers of a functional model and where they are called.

    A reference names a layer, one of its calls and one of that call's outputs.
    """

    def __init__(self, layers: list[Any], where: str) -> None:
        self.layers: dict[str, Mapping[str, Any]] = {}
        self.parts: dict[str, tuple[str, Any]] = {}
        self.calls: dict[str, list[tuple[object, Mapping[str, object]]]] = {}
        self._starts: dict[str, int] = {}
        self._where = where
        for number, layer in enumerate(layers):
            kind, config = parts(layer, f"{where}: layer {number}")
            name = name_of(layer, config, f"{kind}_{number}")
            if name in self.layers:
                raise WorkloadError(f"{where}: two layers are named {name!r}")
            self.layers[name], self.parts[name] = layer, (kind, config)
            self.calls[name] = [_arguments(node, name) for node in _nodes(layer, name)]
        for name, calls in self.calls.items():
            for positional, named in calls:
                for reference in references([positional, *named.values()]):
                    self._check(reference, name)

    def _check(self, reference: Reference, by: str) -> None:
        name, place, _ = reference
        if name not in self.layers:
            raise WorkloadError(
                f"{self._where}: layer {by!r} is fed by {name!r}, which is no layer"
                f"{nearest_name(name, self.layers)}"
            )
        self._starts[name] = min(place, self._starts.get(name, place))

    def place(self, reference: Reference) -> int:
        """Which of a layer's calls a reference means: Keras counts those of a model in a model from 1."""
        name, place, _ = reference
        kind = self.parts[name][0] if name in self.parts else ""
        return place - min(1, self._starts.get(name, 0)) if kind in MODELS else place

    def order(self) -> Iterator[tuple[str, int]]:
        """Every call, after those that it needs. Raises WorkloadError where they go round in a circle."""
        needs: dict[tuple[str, int], list[tuple[str, int]]] = {}
        for name, calls in self.calls.items():
            if self.parts[name][0] == "InputLayer":
                needs[name, 0] = []
                continue
            for number, (positional, named) in enumerate(calls):
                needs[name, number] = [
                    (reference[0], self.place(reference))
                    for reference in references([positional, *named.values()])
                ]
        try:
            for key in TopologicalSorter(needs).static_order():
                if key not in needs:
                    raise WorkloadError(
                        f"{self._where}: layer {key[0]!r} has no call {key[1]}, which others take"
                    )
                yield key
        except CycleError as error:
            circle = " -> ".join(name for name, _ in error.args[1])
            raise WorkloadError(f"{self._where}: its layers feed each other in a circle, {circle}") from None


def _nodes(layer: Mapping[str, Any], name: str) -> list[Any]:
    nodes = layer.get("inbound_nodes", [])
    if not isinstance(nodes, list):
        raise WorkloadError(f"layer {name!r}: inbound_nodes must be a list")
    return nodes


def _arguments(node: object, name: str) -> tuple[object, Mapping[str, object]]:
    """What a call is given in order and by name: as Keras 3 writes it, or Keras 2."""
    if isinstance(node, Mapping):
        named = node.get("kwargs") or {}
        if not isinstance(named, Mapping):
            raise WorkloadError(f"layer {name!r}: kwargs must be an object")
        return node.get("args"), named
    found: dict[str, object] = {}
    if not isinstance(node, list):
        raise WorkloadError(f"layer {name!r}: a call must be a list or an object, not {type(node).__name__}")
    # Keras 2: a list of [layer, call, output, arguments by name], or one of these alone.
    for entry in [node] if _is_reference(node) else node:
        if isinstance(entry, list) and len(entry) > 3 and isinstance(entry[3], Mapping):
            found |= entry[3]
    return node, found


def references(value: object) -> list[Reference]:
    """The tensors named anywhere in a call's arguments, in order."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            config = value.get("config")
            return references(config.get("keras_history") if isinstance(config, Mapping) else None)
        return []
    if not isinstance(value, list):
        return []
    if _is_reference(value):
        return [(value[0], value[1], value[2])]
    return [reference for item in value for reference in references(item)]


def _is_reference(value: list[Any]) -> bool:
    return len(value) in (3, 4) and isinstance(value[0], str) and all(type(n) is int for n in value[1:3])
