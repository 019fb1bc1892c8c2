"""Layers as a table: SCALE-Sim's topology files, of convolutions or of matrix products.

    Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
    Conv1, 224, 224, 7, 7, 3, 64, 2,

    Layer, M, N, K,
    QKT, 1024, 1024, 64,

A table is a list of layers and no chain of them: each gets an input of its own. Columns go by their names, in
any order. There is no padding: a map stated is padded already. As SCALE-Sim rounds the output up, a last
window may hang over the map's far edge; the layer here then has so much padding there. A layer with DP in its
name is depthwise, as there: every channel is filtered alone by Num Filter filters. M, N, K is an M x K input
with K x N weights. Layers have no biases.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workloads.base import Layer
from workloads.errors import WorkloadError, nearest_name
from workloads.files import read_text
from workloads.geometry import Shape, whole_number
from workloads.importers.drafts import MOST_LAYERS, Draft, reading
from workloads.layers import Convolution, DepthwiseConvolution, Input, Linear
from workloads.network import Network

MOST_BYTES = 4 * 2**20

_COLUMNS = {
    "name": ("layername", "layer", "name"),
    "height": ("ifmapheight", "ifmaph", "inputheight"),
    "width": ("ifmapwidth", "ifmapw", "inputwidth"),
    "filter_height": ("filterheight", "filterh"),
    "filter_width": ("filterwidth", "filterw"),
    "channels": ("channels", "channel", "numchannels"),
    "filters": ("numfilter", "numfilters", "filters"),
    "stride": ("strides", "stride"),
    "stride_height": ("strideheight", "strideh"),
    "stride_width": ("stridewidth", "stridew"),
    "batch": ("batchsize", "batch"),
    "sparsity": ("sparsity", "sparsityratio"),
    "m": ("m",),
    "n": ("n",),
    "k": ("k",),
}
"""What is read, and what its column may be called, in small letters and without blanks."""

_KNOWN = {heading: column for column, headings in _COLUMNS.items() for heading in headings}
_CONVOLUTION = ("name", "height", "width", "filter_height", "filter_width", "channels", "filters")
_PRODUCT = ("name", "m", "n", "k")
_NUMBER = re.compile(r"[0-9]{1,18}")


def read_csv(path: str | os.PathLike[str], *, batch: int | None = None) -> Network:
    """Return the layers of a table of at most 4 MiB as a network, the file's name its name.

    ``batch`` is by default the table's Batch Size, where it has that column, else 1. Reading takes about 120
    times the file's size in memory, and 10 KB a layer. Raises WorkloadError, with the file, the line and the
    column, for what cannot be read.
    """
    text = read_text(path, WorkloadError, MOST_BYTES)
    with reading(os.fspath(path)):
        return from_csv(text, Path(path).stem, batch=batch)


def from_csv(text: str, name: str = "layers", *, batch: int | None = None) -> Network:
    """Return the layers of a table's text as a network called ``name``; as `read_csv`."""
    rows = _rows(text)
    columns = _headings(rows[0] if rows else _Line(1, ()))
    draft, batches = Draft(), set[int]()
    if 2 * len(rows) > MOST_LAYERS:
        raise WorkloadError(f"{len(rows) - 1} layers are too many; at most {MOST_LAYERS // 2 - 1}")
    for line in rows[1:]:
        with reading(f"line {line.number}"):
            row = _row(line, columns)
            shape, layer = _product(row) if "m" in columns else _convolution(row)
            draft.add(layer, [draft.add(Input(f"{layer.name}_input", shape))])
            batches.add(row.number("batch") if "batch" in columns else 1)
    if not batches:
        raise WorkloadError("it has no layers, but columns alone")
    if batch is None and len(batches) > 1:
        raise WorkloadError(f"its layers have batches of {sorted(batches)}; a network has one: give it")
    return draft.build(name, batches.pop() if batch is None else batch)


@dataclass(frozen=True)
class _Line:
    number: int
    cells: Sequence[str]


@dataclass(frozen=True)
class _Row:
    cells: dict[str, str]

    @property
    def name(self) -> str:
        return self.cells["name"]

    def number(self, column: str) -> int:
        """The whole number of a column. Raises WorkloadError."""
        text = self.cells[column]
        where, field = f"layer {self.name!r}", column.replace("_", " ")
        if not _NUMBER.fullmatch(text):
            raise WorkloadError(f"{where}: {field} must be a whole number, not {text or 'empty'!r}")
        return whole_number(int(text), where, field)


def _rows(text: str) -> list[_Line]:
    """The lines that are not blank, in cells: between commas, or between tabs or semicolons without any."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    mark = next((mark for mark in ",\t;" if mark in first), ",")
    found = []
    try:
        reader = csv.reader(text.splitlines(), delimiter=mark, skipinitialspace=True)
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                found.append(_Line(reader.line_num, stripped))
    except csv.Error as error:
        raise WorkloadError(f"line {reader.line_num}: {error}") from None
    return found


def _headings(line: _Line) -> list[str]:
    """The columns, up to the first without a heading: what stands beyond are notes."""
    given = line.cells[: line.cells.index("")] if "" in line.cells else line.cells
    if not given or any(_NUMBER.fullmatch(cell) for cell in given):
        raise WorkloadError(
            f"line {line.number} must name the columns, as Layer name, IFMAP Height, .. or Layer, M, N, K"
        )
    columns = []
    for heading in given:
        plain = re.sub(r"[\s_\-]+", "", heading).lower()
        if plain not in _KNOWN:
            raise WorkloadError(
                f"line {line.number}: unknown column {heading!r}{nearest_name(plain, _KNOWN)}"
            )
        columns.append(_KNOWN[plain])
        if columns.count(_KNOWN[plain]) > 1:
            raise WorkloadError(f"line {line.number}: two columns are {heading!r}")
    product = "m" in columns
    needed = _PRODUCT if product else _CONVOLUTION
    for column in needed:
        if column not in columns:
            raise WorkloadError(f"line {line.number}: there is no column for the {column.replace('_', ' ')}")
    extra = next(
        (column for column in columns if product and column not in (*_PRODUCT, "batch", "sparsity")), None
    )
    if extra is not None:
        raise WorkloadError(f"line {line.number}: the column {extra!r} does not go with M, N and K")
    if not product and {c for c in columns if "stride" in c} not in (
        {"stride"},
        {"stride_height", "stride_width"},
    ):
        raise WorkloadError(
            f"line {line.number}: there must be a column Strides, or Stride height and Stride width"
        )
    return columns


def _row(line: _Line, columns: Sequence[str]) -> _Row:
    # A cell that begins with # is a comment, up to the end.
    comment = next((place for place, cell in enumerate(line.cells) if cell.startswith("#")), None)
    row = _Row(dict.fromkeys(columns, "") | dict(zip(columns, line.cells[:comment], strict=False)))
    if not row.name:
        raise WorkloadError("a layer has no name")
    # SCALE-Sim's n:m keeps n of m weights; one number of two, or nothing, is a dense layer.
    kept, _, every = row.cells.get("sparsity", "").partition(":")
    if every and kept != every:
        raise WorkloadError(
            f"layer {row.name!r}: sparsity {kept}:{every} is none of a network's; leave the column out and "
            "give densities where the network is simulated"
        )
    return row


def _convolution(row: _Row) -> tuple[Shape, Layer]:
    extent, taps = (
        (row.number("height"), row.number("width")),
        (row.number("filter_height"), row.number("filter_width")),
    )
    if "stride_height" in row.cells:
        steps = row.number("stride_height"), row.number("stride_width")
    else:
        steps = row.number("stride"), row.number("stride")
    channels, filters = row.number("channels"), row.number("filters")
    over = [-(size - tap) % step for size, tap, step in zip(extent, taps, steps, strict=True)]
    padding = (0, over[0], 0, over[1])
    layer: Layer = Convolution(row.name, filters, taps, steps, padding, bias=False)
    if "DP" in row.name:
        layer = DepthwiseConvolution(row.name, taps, steps, padding, multiplier=filters, bias=False)
    if taps[0] > extent[0] or taps[1] > extent[1]:
        raise WorkloadError(f"layer {row.name!r}: its filter {taps} is larger than its map {extent}")
    return (channels, *extent), layer


def _product(row: _Row) -> tuple[Shape, Layer]:
    return (row.number("m"), row.number("k")), Linear(row.name, row.number("n"), bias=False, last_axis=True)
