"""ZigZag's YAML as plain data, within bounds."""

from __future__ import annotations

import os

import yaml

from simulator.errors import SimulatorError
from simulator.files import MAX_BYTES
from workloads.files import CoreLoader, read_text, yaml_errors

Notes = list[str]


def read_data(path: str | os.PathLike[str], error: type[SimulatorError], notes: Notes) -> object:
    """Return the plain data of a YAML file of at most 1 MiB, without fields that are empty.

    Of a field given twice the last one counts, as in ZigZag, and is noted.

    Raises
    ------
    SimulatorError
        Of the class ``error``, for a file that cannot be read, is no YAML or has aliases.
    """
    where = os.fspath(path)
    text = read_text(path, error, MAX_BYTES)
    with yaml_errors(where, error):
        loader = CoreLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _settle(node, set(), where, notes)
            return _given(loader.construct_document(node))
        finally:
            loader.dispose()


def _settle(node: yaml.Node, seen: set[int], where: str, notes: Notes) -> None:
    """Leave the last of the fields of one name; refuse what is repeated by an alias."""
    if id(node) in seen:
        raise yaml.MarkedYAMLError(
            None, None, "aliases (*name) are not read; write the value out", node.start_mark
        )
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        last = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and last[key.value] is not value:
                line = key.start_mark.line + 1
                notes.append(
                    f"{where}, line {line}: {key.value[:60]!r} is given once more below, which counts"
                )
        node.value = [
            (key, value)
            for key, value in node.value
            if not isinstance(key, yaml.ScalarNode) or last[key.value] is value
        ]
        for key, value in node.value:
            _settle(key, seen, where, notes)
            _settle(value, seen, where, notes)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _settle(item, seen, where, notes)


def _given(data: object) -> object:
    """The data without empty fields, which ZigZag takes for left out."""
    if isinstance(data, dict):
        return {key: _given(value) for key, value in data.items() if value is not None}
    return [_given(item) for item in data] if isinstance(data, list) else data
