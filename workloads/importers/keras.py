"""Keras' networks: the configuration in a ``.keras`` archive, or the JSON that ``to_json`` writes.

Sequential and functional models, models in models and layers called more than once, of Keras 2 and 3. Nothing
in a file is run: layers that are Python code (Lambda, subclassed models, registered classes) are refused by
name. Weights are not read.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workloads.errors import WorkloadError, nearest_name
from workloads.files import read_bytes
from workloads.geometry import shape
from workloads.importers.drafts import reading
from workloads.importers.keras_calls import Call, Sketch, Tensor
from workloads.importers.keras_graph import MODELS, Graph, Reference, name_of, parts, references
from workloads.importers.keras_layers import LAYERS, OPERATORS
from workloads.network import Network

MOST_BYTES = 8 * 2**20
"""Of a configuration; that of NASNet-Large has 2 MiB."""

MOST_RATIO = 200
"""Of a configuration to its packed form; those of networks of hundreds of equal blocks reach 50."""

MOST_CALLS = 100_000

_CONFIG = "config.json"
_PACKAGES = ("keras", "tf_keras", "tensorflow")


def read_keras(
    path: str | os.PathLike[str], *, batch: int = 1, dimensions: Mapping[str, int] | None = None
) -> Network:
    """Return the network of a ``.keras`` archive or a model's JSON file.

    Of an archive only config.json is read, of at most 8 MiB; reading takes about 60 times its size in memory,
    10 KB a layer, and for an archive's list of names about 20 times its size.

    Parameters
    ----------
    batch
        Images at a time, whatever the file says.
    dimensions
        The extents that the file leaves open, by input and axis: ``{"input_1.1": 224, "input_1.2": 224}``;
        the batch is axis 0.

    Raises WorkloadError, with the file and the layer, for what cannot be read or taken.
    """
    name = os.fspath(path)
    with reading(name):
        text = _archived(name) if os.path.isfile(name) and zipfile.is_zipfile(name) else None
    text = read_bytes(name, WorkloadError, MOST_BYTES) if text is None else text
    with reading(name):
        return from_config(text, Path(name).stem, batch=batch, dimensions=dimensions)


def from_config(
    text: str | bytes, name: str = "network", *, batch: int = 1, dimensions: Mapping[str, int] | None = None
) -> Network:
    """Return the network of a model's JSON, called ``name`` where that gives none; as `read_keras`."""
    try:
        model = json.loads(text)
        reader = _Reader(Sketch(_mentions_channels_first(model)), dict(dimensions or {}))
        kind, config = parts(model, "the model")
        if kind not in MODELS:
            raise WorkloadError(
                f"its model is a {kind!r}: Python code, which a file does not hold; " + _EXPORT
            )
        reader.model(kind, config, (), None)
        for tensor in reader.inputs:
            reader.sketch.take(tensor)
    except RecursionError:
        raise WorkloadError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise WorkloadError(f"line {error.lineno}, column {error.colno}: no JSON: {error.msg}") from None
    except ValueError as error:
        if isinstance(error, WorkloadError):
            raise
        raise WorkloadError(f"no JSON: {str(error).split(':')[0]}") from None
    if reader.dimensions:
        unused = next(iter(reader.dimensions))
        raise WorkloadError(
            f"no dimension {unused!r} is open{nearest_name(unused, reader.open) or '; none is'}"
        )
    given = config.get("name") if isinstance(config, Mapping) else None
    return reader.sketch.draft.build(given if isinstance(given, str) and given else name, batch)


_EXPORT = "build it of layers (keras.Sequential, keras.Model(inputs, outputs)) or export it as ONNX"


def _archived(name: str) -> bytes:
    """The configuration in an archive, which is bounded before it is unpacked."""
    try:
        with zipfile.ZipFile(name) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename == _CONFIG]
            if len(entries) != 1:
                raise WorkloadError(f"an archive with {len(entries) or 'no'} {_CONFIG}; one of Keras has one")
            if entries[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise WorkloadError(f"its {_CONFIG} is packed by other means than Keras packs; save it again")
            packed = max(entries[0].compress_size, 1)
            with archive.open(entries[0]) as stream:
                text = stream.read(MOST_BYTES + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
        ValueError,
    ) as error:
        if isinstance(error, WorkloadError):
            raise
        raise WorkloadError(f"not an archive that can be read: {str(error)[:100]}") from None
    if len(text) > MOST_BYTES or len(text) > MOST_RATIO * packed:
        raise WorkloadError(
            f"its {_CONFIG} is larger than {MOST_BYTES // 2**20} MiB or {MOST_RATIO} times its packed form"
        )
    return text


def _mentions_channels_first(model: object) -> bool:
    """Whether some layer says so: then inputs stay as they are until one says otherwise."""
    waiting = [model]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if value.get("data_format") == "channels_first":
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


@dataclass
class _Reader:
    sketch: Sketch
    dimensions: dict[str, int]
    """Those given that no input has taken yet."""
    open: list[str] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    calls: int = 0

    def model(
        self, kind: str, config: Any, path: tuple[str, ...], given: Sequence[Tensor] | None
    ) -> list[Tensor]:
        """Add the layers of a model, fed by ``given`` or by inputs of its own; return its outputs."""
        layers = config.get("layers") if isinstance(config, Mapping) else config
        if not isinstance(layers, list) or not layers:
            raise WorkloadError(
                f"{_model_at(path)} has no layers; one that is Python code cannot be read: {_EXPORT}"
            )
        if kind == "Sequential" or not isinstance(config, Mapping):
            return self._sequential(config, layers, path, given)
        return self._functional(config, layers, path, given)

    def _sequential(
        self, config: Any, layers: list[Any], path: tuple[str, ...], given: Sequence[Tensor] | None
    ) -> list[Tensor]:
        tensors = list(given or ())
        for number, layer in enumerate(layers):
            kind, inner = parts(layer, f"{_model_at(path)}: layer {number}")
            name = name_of(layer, inner, f"{kind}_{number}")
            if kind == "InputLayer":
                tensors = tensors or [self._input(name, _batch_shape(inner))]
                continue
            if not tensors:
                built = config.get("build_input_shape") if isinstance(config, Mapping) else None
                tensors = [self._input("input", _batch_shape(inner) or _first_shape(inner) or built)]
            tensors = self._call(layer, kind, inner, (*path, name), tensors, {})
        return tensors

    def _functional(
        self, config: Any, layers: list[Any], path: tuple[str, ...], given: Sequence[Tensor] | None
    ) -> list[Tensor]:
        graph = Graph(layers, _model_at(path))
        order = references(config.get("input_layers"))
        if given is not None and len(given) != len(order):
            raise WorkloadError(f"{_model_at(path)} takes {len(order)} inputs, not {len(given)}")
        entries = {name: number for number, (name, _, _) in enumerate(order)}
        made: dict[tuple[str, int], list[Tensor]] = {}
        for name, place in graph.order():
            kind, inner = graph.parts[name]
            if kind == "InputLayer":
                if given is not None and name in entries:
                    made[name, 0] = [given[entries[name]]]
                else:
                    made[name, 0] = [self._input(name, _batch_shape(inner))]
                continue
            positional, named = graph.calls[name][place]
            tensors = [self._made(made, graph, reference, name) for reference in references(positional)]
            by_name = {
                key: [self._made(made, graph, reference, name) for reference in references(value)]
                for key, value in named.items()
            }
            made[name, place] = self._call(graph.layers[name], kind, inner, (*path, name), tensors, by_name)
        return [
            self._made(made, graph, reference, "output")
            for reference in references(config.get("output_layers"))
        ]

    def _made(
        self,
        made: Mapping[tuple[str, int], list[Tensor]],
        graph: Graph,
        reference: Reference,
        by: str,
    ) -> Tensor:
        name, _, output = reference
        tensors = made.get((name, graph.place(reference)), [])
        if not 0 <= output < len(tensors):
            raise WorkloadError(f"layer {by!r} takes output {output} of {name!r}, which has {len(tensors)}")
        return tensors[output]

    def _call(
        self,
        layer: Mapping[str, Any],
        kind: str,
        config: Any,
        path: tuple[str, ...],
        inputs: Sequence[Tensor],
        named: Mapping[str, Sequence[Tensor]],
    ) -> list[Tensor]:
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise WorkloadError(f"more than {MOST_CALLS} calls of layers")
        if kind in MODELS and _is_keras(layer):
            return self.model(kind, config, path, inputs)
        table = OPERATORS if ".ops." in str(layer.get("module")) else LAYERS
        where = f"layer {'/'.join(path)!r}"
        if kind == "Lambda" or not _is_keras(layer):
            raise WorkloadError(
                f"{where}: {_registered(layer, kind)} is Python code, which is not run; {_EXPORT}"
            )
        if kind not in table:
            raise WorkloadError(f"{where}: {kind} cannot be taken{nearest_name(kind, sorted(table))}")
        if not isinstance(config, Mapping):
            raise WorkloadError(f"{where}: its config must be an object")
        made = table[kind](Call(self.sketch, path, kind, config, inputs, named))
        return made if isinstance(made, list) else [made]

    def _input(self, name: str, extents: object) -> Tensor:
        """An input of the network; what its shape leaves open is taken from the dimensions given."""
        if not isinstance(extents, list) or len(extents) < 2:
            raise WorkloadError(
                f"input {name!r} has no shape in the file, but {extents!r}; save the model once it is built"
            )
        found, missing = [], []
        for axis, extent in enumerate(extents[1:], start=1):
            key = f"{name}.{axis}"
            if extent is None:
                self.open.append(key)
                extent = self.dimensions.pop(key, None)
            found.append(extent)
            missing += [key] if extent is None else []
        if missing:
            raise WorkloadError(
                f"input {name!r} has the open shape {extents}; give the dimensions {', '.join(missing)}"
            )
        tensor = Tensor(name, shape(found, f"input {name!r}"), None)
        self.inputs.append(tensor)
        return tensor


def _model_at(path: tuple[str, ...]) -> str:
    return f"model {'/'.join(path)!r}" if path else "the model"


def _batch_shape(config: Any) -> object:
    if not isinstance(config, Mapping):
        return None
    return config.get("batch_shape") or config.get("batch_input_shape")


def _first_shape(config: Any) -> object:
    """The input shape of a model whose first layer states it."""
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], Mapping):
        return None
    return _batch_shape(layers[0].get("config"))


def _is_keras(layer: Mapping[str, Any]) -> bool:
    """Whether a layer's class is Keras' own, and none that was registered under its own or the same name."""
    module, registered = layer.get("module"), layer.get("registered_name")
    own = module is None or str(module).split(".")[0] in _PACKAGES
    return own and (registered is None or ">" not in str(registered))


def _registered(layer: Mapping[str, Any], kind: str) -> str:
    return str(layer.get("registered_name") or kind)
