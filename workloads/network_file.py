"""Networks as YAML: one entry a layer, and back to an equal network.

    network: tiny
    layers:
    - {name: input, type: Input, shape: [3, 32, 32]}
    - {name: conv1, type: Convolution, out_channels: 16, kernel: 3, padding: 1}
    - {name: conv2, type: Convolution, out_channels: 16, kernel: 3, padding: 1}
    - {name: add, type: Elementwise, inputs: [conv1, conv2], kind: add}

A layer's fields are those of its type, as Python takes them: sizes may be abbreviated, and what has its usual
value is left out. ``inputs`` names what feeds it, without it the layer before; ``shares`` the layer whose
weights it uses. ``batch`` and ``metadata`` may stand beside ``layers``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from workloads.base import Layer
from workloads.errors import WorkloadError, nearest_name
from workloads.files import PlainDumper, parse_yaml, read_text, write_atomically
from workloads.layers import LAYER_TYPES
from workloads.metadata import Metadata
from workloads.network import Network

MOST_BYTES = 4 * 2**20
"""Of a file; that of the network with the most layers of the zoo, ResNet-1202, has 260 KB."""
MOST_LAYERS = 100_000
DEPTH = 4
"""Lists in lists that a field may be: a connection table's are two."""

_LONGEST = 400
_MAP = "tag:yaml.org,2002:map"


def read_network(path: str | os.PathLike[str]) -> Network:
    """Return the network of a YAML file of at most 4 MiB and 100,000 layers.

    Reading takes up to 350 times the file's size in memory. Raises WorkloadError for a file that cannot be
    read, a field that is unknown, missing or wrong (with the file, the layer and the nearest name), and for
    layers that do not fit each other.
    """
    return from_yaml(read_text(path, WorkloadError, MOST_BYTES), os.fspath(path))


def save_network(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network as YAML, wholly or not at all.

    Raises WorkloadError where it cannot be written, and for one so large that it could not be read again.
    """
    text = to_yaml(network).encode()
    if len(text) > MOST_BYTES:
        raise WorkloadError(f"network {network.name!r}: its YAML is larger than {MOST_BYTES // 2**20} MiB")
    write_atomically(Path(path), text, WorkloadError)


def to_yaml(network: Network) -> str:
    """Return a network as the text of its file."""
    data: dict[str, Any] = {"network": network.name}
    if network.batch != 1:
        data["batch"] = network.batch
    known = {name: value for name, value in asdict(network.metadata).items() if value is not None}
    head = yaml.dump(data | ({"metadata": known} if known else {}), Dumper=PlainDumper, sort_keys=False)
    layers = yaml.dump(_layers(network), Dumper=_Dumper, sort_keys=False, width=110)
    return f"{head}layers:\n{layers}"


class _Entry(dict[str, Any]):
    """A layer, which is written on a line."""


class _Dumper(PlainDumper):
    pass


_Dumper.add_representer(
    _Entry, lambda dumper, entry: dumper.represent_mapping(_MAP, entry.items(), flow_style=True)
)


def _layers(network: Network) -> list[_Entry]:
    shares, found = dict(network.shared), list[_Entry]()
    before: tuple[str, ...] = ()
    for layer, inputs in network.nodes:
        entry = _Entry(name=layer.name, type=type(layer).__name__)
        if inputs != (() if layer.inputs_taken[1] == 0 else before):
            entry["inputs"] = list(inputs)
        if layer.name in shares:
            entry["shares"] = shares[layer.name]
        entry.update(_written(layer))
        found.append(entry)
        before = (layer.name,)
    return found


def _written(layer: Layer) -> Iterable[tuple[str, Any]]:
    """A layer's fields but for its name, and those that need not be written; sizes abbreviated."""
    usual = {name: p.default for name, p in _parameters(type(layer).__name__).items()}
    for field in fields(layer):
        value = getattr(layer, field.name)
        if field.name == "name" or value is None or _same(layer, field.name, usual[field.name]):
            continue
        short = isinstance(value, tuple) and _same(layer, field.name, value[0])
        yield field.name, _lists(value[0] if short else value)


def _same(layer: Layer, field: str, value: object) -> bool:
    """Whether the layer is the same with another value of a field."""
    with suppress(WorkloadError):
        changed: dict[str, Any] = {field: value}
        return value is not inspect.Parameter.empty and replace(layer, **changed) == layer
    return False


def _lists(value: object) -> object:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value


def _tuples(value: object) -> object:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


@cache
def _parameters(kind: str) -> dict[str, inspect.Parameter]:
    """What a type of layer takes besides its name."""
    return {name: p for name, p in inspect.signature(LAYER_TYPES[kind]).parameters.items() if name != "name"}


def from_yaml(text: str, where: str = "network") -> Network:
    """Return the network of a file's text; ``where`` names it in errors. Raises WorkloadError.

    >>> from_yaml("network: n\\nlayers: [{name: a, type: Input, shape: [4]}, {name: b, type: Softmax}]").name
    'n'
    """
    if len(text) > MOST_BYTES:
        raise WorkloadError(f"{where}: larger than {MOST_BYTES // 2**20} MiB")
    data = parse_yaml(text, where, WorkloadError)
    try:
        return _network(data)
    except WorkloadError as error:
        # What a file says may be as long as the file.
        said = str(error) if len(str(error)) <= _LONGEST else f"{str(error)[:_LONGEST]}..."
        raise WorkloadError(f"{where}: {said}") from None


def _network(data: object) -> Network:
    top = _mapping(data, "a network", ("network", "batch", "metadata", "layers"), ("network", "layers"))
    if not isinstance(top["network"], str):
        raise WorkloadError(f"network must be the network's name, not {top['network']!r}")
    entries = top["layers"]
    if not isinstance(entries, list) or not entries:
        raise WorkloadError("layers must be a list of layers, each with a name and a type")
    if len(entries) > MOST_LAYERS:
        raise WorkloadError(f"{len(entries)} layers are too many; at most {MOST_LAYERS}")
    known = [field.name for field in fields(Metadata)]
    metadata = Metadata(**_mapping(top.get("metadata", {}), "metadata", known))
    nodes: list[tuple[Layer, tuple[str, ...]]] = []
    shared = []
    for number, entry in enumerate(entries):
        layer, inputs, owner = _layer(entry, f"layers[{number}]")
        if inputs is None:
            inputs = (nodes[-1][0].name,) if nodes and layer.inputs_taken[1] != 0 else ()
        nodes.append((layer, inputs))
        if owner is not None:
            shared.append((layer.name, owner))
    return Network(top["network"], tuple(nodes), top.get("batch", 1), metadata, tuple(shared))


def _layer(entry: object, where: str) -> tuple[Layer, tuple[str, ...] | None, str | None]:
    if isinstance(entry, dict) and isinstance(entry.get("name"), str):
        where = f"{where} {entry['name'][:64]!r}"
    fields = _mapping(entry, where, None, ("name", "type"))
    kind = fields.pop("type")
    if not isinstance(kind, str) or kind not in LAYER_TYPES:
        raise WorkloadError(f"{where}: unknown type {kind!r}{nearest_name(kind, LAYER_TYPES)}")
    name, inputs, owner = fields.pop("name"), fields.pop("inputs", None), fields.pop("shares", None)
    known = _parameters(kind)
    needed = [field for field, p in known.items() if p.default is inspect.Parameter.empty]
    _mapping(fields, f"{where}: {kind}", [*known, "inputs", "shares"], needed)
    names = [inputs] if isinstance(inputs, str) else inputs
    if names is not None and not (isinstance(names, list) and all(isinstance(n, str) for n in names)):
        raise WorkloadError(f"{where}: inputs must be names of layers, not {inputs!r}")
    if owner is not None and not isinstance(owner, str):
        raise WorkloadError(f"{where}: shares must be the name of a layer, not {owner!r}")
    for field, value in fields.items():
        _check_plain(value, f"{where}: {field}")
    layer = LAYER_TYPES[kind](name, **{field: _tuples(value) for field, value in fields.items()})
    return layer, None if names is None else tuple(names), owner


def _mapping(
    data: object, where: str, known: Iterable[str] | None, needed: Iterable[str] = ()
) -> dict[str, Any]:
    """A copy of data that must be a mapping with these fields."""
    if not isinstance(data, dict):
        raise WorkloadError(f"{where} must be a mapping of fields, not {_called(data)}")
    for field in data:
        if not isinstance(field, str) or (known is not None and field not in known):
            raise WorkloadError(f"{where} has no field {field!r}{nearest_name(field, known or ())}")
    for field in needed:
        if field not in data:
            raise WorkloadError(f"{where}: the field {field!r} is missing")
    return dict(data)


def _check_plain(value: object, where: str, depth: int = 0) -> None:
    if value is None:
        raise WorkloadError(f"{where} is empty; give a value or leave it out")
    if isinstance(value, dict) or depth > DEPTH:
        raise WorkloadError(f"{where} must be a value or a list of values, not {_called(value)}")
    for item in value if isinstance(value, list) else ():
        _check_plain(item, where, depth + 1)


def _called(value: object) -> str:
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return kinds.get(type(value)) or repr(value)
