"""Networks from the files people have: ONNX, Caffe's prototxt, Keras', tables of layers, and our own YAML.

A file's format is that of its name's ending, or of what it begins with where the ending says nothing. A
format's reader is imported when the first such file is read.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.errors import WorkloadError, nearest_name
from workloads.files import read_start
from workloads.network import Network


@dataclass(frozen=True)
class Format:
    """A format of files: what it is called, how their names end, what can be given with one, who reads it."""

    called: str
    endings: tuple[str, ...]
    beginning: re.Pattern[bytes]
    options: tuple[str, ...]
    module: str
    function: str

    @property
    def reader(self) -> Callable[..., Network]:
        """The function that reads a file of it."""
        function: Callable[..., Network] = getattr(importlib.import_module(self.module), self.function)
        return function


_GAP = rb"(?:\xef\xbb\xbf)?(?:\s|#[^\n]*\n)*"
_BOTH = ("batch", "dimensions")


def _format(called: str, endings: str, beginning: bytes, options: tuple[str, ...], reader: str) -> Format:
    module, function = reader.split(":")
    return Format(called, tuple(endings.split()), re.compile(beginning), options, module, function)


FORMATS = (
    _format("ONNX", ".onnx", rb"\x08[\x01-\x20]", _BOTH, "workloads.importers.onnx_file:read_onnx"),
    _format(
        "Caffe",
        ".prototxt",
        _GAP + rb"(?:name\s*:\s*[\"']|input\s*:|layers?\s*\{|state\s*\{)",
        (*_BOTH, "phase"),
        "workloads.importers.caffe:read_caffe",
    ),
    _format(
        "Keras",
        ".keras .json",
        rb"PK\x03\x04|" + _GAP + rb"\{",
        _BOTH,
        "workloads.importers.keras:read_keras",
    ),
    _format(
        "a table",
        ".csv .tsv",
        _GAP + rb"(?i:layer[ _]?(?:name)?)\s*[,;\t]",
        ("batch",),
        "workloads.importers.csv_layers:read_csv",
    ),
    _format("YAML", ".yaml .yml", _GAP + rb"network\s*:", (), "workloads.network_file:read_network"),
)
ENDINGS = tuple(ending for form in FORMATS for ending in form.endings)

_ELSEWHERE = {
    **dict.fromkeys((".h5", ".hdf5"), "save the model as .keras, or what its to_json() returns as .json"),
    **dict.fromkeys(
        (".pt", ".pth", ".pkl", ".ckpt"),
        "such files run code; export the module as ONNX, or give the module itself",
    ),
    **dict.fromkeys((".pb", ".tflite", ".mlmodel", ".pt2"), "export the model as ONNX"),
    **dict.fromkeys((".caffemodel", ".safetensors", ".npz"), "it holds weights; give the file of the layers"),
}


def is_network_file(source: str) -> bool:
    """Return whether a text is meant as a file's path, by its ending or a folder in it, and not as a name."""
    return Path(source).suffix.lower() in {*ENDINGS, *_ELSEWHERE} or os.sep in source or "/" in source


def read_network_file(path: str | os.PathLike[str], *, batch: int | None = None, **options: Any) -> Network:
    """Return the network of a file of any format.

    Parameters
    ----------
    batch
        Images at a time; by default what a YAML file or a table says, else 1.
    options
        Those of the format's reader, None for what is not given: ``dimensions``, the extents that an ONNX,
        Caffe or Keras file leaves open, by name, and ``phase`` of a Caffe file, "TEST" or "TRAIN".

    Raises WorkloadError for a file that cannot be read, of no known format, or that takes no such option.
    """
    name = os.fspath(path)
    form = find_format(name)
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in form.options:
            raise WorkloadError(
                f"{name}: {form.called} takes no {option!r}{nearest_name(option, form.options)}"
            )
    if batch is None:
        return form.reader(name, **given)
    if "batch" in form.options:
        return form.reader(name, batch=batch, **given)
    return form.reader(name, **given).with_batch(batch)


def find_format(path: str | os.PathLike[str]) -> Format:
    """Return the format of a file. Raises WorkloadError if it is none that is known."""
    name = os.fspath(path)
    ending = Path(name).suffix.lower()
    for form in FORMATS:
        if ending in form.endings:
            return form
    if ending in _ELSEWHERE:
        raise WorkloadError(f"cannot read {name}: {_ELSEWHERE[ending]}")
    start = read_start(name, WorkloadError, 4096)
    for form in FORMATS:
        if form.beginning.match(start):
            return form
    said = f"the ending {ending!r}" if ending else "a name without an ending"
    raise WorkloadError(
        f"cannot read {name}: {said} says no format, nor does its text; known: {', '.join(ENDINGS)}"
    )
