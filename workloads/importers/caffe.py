"""Caffe's networks: prototxt files, in today's form (``layer``) and the one before (``layers``).

The phase decides which layers are read: TEST, as the network is used, unless TRAIN is asked for. What
measures or trains (losses, accuracies) is left out. A blob's first extent, the batch, is taken off: how many
images there are at a time is the caller's to say. Weights are not read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from workloads.errors import WorkloadError, nearest_name
from workloads.files import read_text
from workloads.geometry import one_of, whole_number
from workloads.importers.caffe_layers import LAYERS
from workloads.importers.caffe_node import Node
from workloads.importers.drafts import Draft, reading
from workloads.importers.prototext import LineError, Message, parse
from workloads.layers import Input
from workloads.network import Network

MOST_BYTES = 4 * 2**20
PHASES = ("TRAIN", "TEST")
DIMENSIONS = ("channels", "height", "width")
"""What can be given for images: the file's own sizes are replaced by these."""

_DROPPED = {
    "Accuracy", "ContrastiveLoss", "EuclideanLoss", "HDF5Output", "HingeLoss", "InfogainLoss", "MultiBoxLoss",
    "MultinomialLogisticLoss", "SigmoidCrossEntropyLoss", "Silence", "SmoothL1Loss", "SoftmaxWithLoss",
    "DetectionEvaluate",
}  # fmt: skip
_DATA = {"AnnotatedData", "Data", "DummyData", "HDF5Data", "ImageData", "Input", "MemoryData", "WindowData"}
_TYPES = sorted({*LAYERS, *_DROPPED, *_DATA})
_FORMER = {kind.upper(): kind for kind in _TYPES} | {
    "ARGMAX": "ArgMax", "BNLL": "BNLL", "CONTRASTIVE_LOSS": "ContrastiveLoss", "DUMMY_DATA": "DummyData",
    "EUCLIDEAN_LOSS": "EuclideanLoss", "HDF5_DATA": "HDF5Data", "HDF5_OUTPUT": "HDF5Output",
    "HINGE_LOSS": "HingeLoss", "IMAGE_DATA": "ImageData", "INFOGAIN_LOSS": "InfogainLoss",
    "INNER_PRODUCT": "InnerProduct", "MEMORY_DATA": "MemoryData",
    "MULTINOMIAL_LOGISTIC_LOSS": "MultinomialLogisticLoss",
    "SIGMOID_CROSS_ENTROPY_LOSS": "SigmoidCrossEntropyLoss", "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "WINDOW_DATA": "WindowData",
}  # fmt: skip
"""Types as ``layers`` writes them."""

_NET = (
    "name",
    "input",
    "input_shape",
    "input_dim",
    "force_backward",
    "state",
    "debug_info",
    "layer",
    "layers",
)
_LAYER = {
    "name", "type", "bottom", "top", "phase", "loss_weight", "param", "blobs", "propagate_down", "include",
    "exclude", "blobs_lr", "weight_decay", "blob_share_mode",
    *(
        f"{kind}_param"
        for kind in (
            "transform", "loss", "accuracy", "annotated_data", "argmax", "batch_norm", "bias", "bnll",
            "concat", "contrastive_loss", "convolution", "crop", "data", "detection_evaluate", "dropout",
            "dummy_data", "eltwise", "elu", "embed", "exp", "flatten", "hdf5_data", "hdf5_output",
            "hinge_loss", "image_data", "infogain_loss", "inner_product", "input", "log", "lrn",
            "memory_data", "multibox_loss", "mvn", "norm", "permute", "pooling", "power", "prelu",
            "reduction", "relu", "relu6", "reshape", "scale", "sigmoid", "softmax", "slice", "smooth_l1_loss",
            "split", "absval", "swish", "tanh", "threshold", "window_data",
        )
    ),
}  # fmt: skip


def read_caffe(
    path: str | os.PathLike[str],
    *,
    batch: int = 1,
    phase: str = "TEST",
    dimensions: Mapping[str, int] | None = None,
) -> Network:
    """Return the network of a prototxt file of at most 4 MiB; that takes about 150 times its size in memory.

    A layer takes 10 KB besides; there are at most 100,000.

    Parameters
    ----------
    batch
        Images at a time, whatever the file says.
    phase
        "TEST" or "TRAIN": whose layers are read.
    dimensions
        ``channels``, ``height`` and ``width`` of the images, for files that do not state them or to replace
        what they state.

    Raises WorkloadError, with the file, the line and the layer, for what cannot be read or taken.
    """
    text = read_text(path, WorkloadError, MOST_BYTES)
    with reading(os.fspath(path)):
        return from_prototxt(text, Path(path).stem, batch=batch, phase=phase, dimensions=dimensions)


def from_prototxt(
    text: str,
    name: str = "network",
    *,
    batch: int = 1,
    phase: str = "TEST",
    dimensions: Mapping[str, int] | None = None,
) -> Network:
    """Return the network of a prototxt's text, called ``name`` where that gives none; as `read_caffe`."""
    one_of(phase, PHASES, "prototxt", "phase")
    net = parse(text)
    net.check(_NET, "a network")
    if "layer" in net and "layers" in net:
        raise LineError(
            net.messages("layers")[0].line, "layers, besides layer: a network has one of the two forms"
        )
    layers = net.messages("layer") or net.messages("layers")
    reader = _Reader(_given(dimensions or {}))
    for blob, shape in _declared(net).items():
        reader.blobs[blob] = reader.input(blob, shape)
    state = net.message("state")
    state.check(("phase", "level", "stage"), "state")
    for layer in layers:
        if _included(layer, phase, state):
            reader.read(layer)
    reader.check_dimensions()
    return reader.draft.build(net.text("name") or name, batch)


def _given(dimensions: Mapping[str, int]) -> dict[str, int]:
    for name, size in dimensions.items():
        if name not in DIMENSIONS:
            raise WorkloadError(f"prototxt has no dimension {name!r}{nearest_name(name, DIMENSIONS)}")
        whole_number(size, "dimension", name)
    return dict(dimensions)


def _declared(net: Message) -> dict[str, list[int]]:
    """The blobs that the network itself declares as its inputs, with their extents, the batch too."""
    names, shapes = net.texts("input"), [_extents(shape) for shape in net.messages("input_shape")]
    flat = net.numbers("input_dim")
    if flat and not shapes:
        shapes = [flat[place : place + 4] for place in range(0, len(flat), 4)]
    if len(names) != len(shapes) or (flat and len(flat) != 4 * len(names)):
        raise LineError(
            net.line, f"{len(names)} input must have an input_shape or four input_dim each, not {len(shapes)}"
        )
    return dict(zip(names, shapes, strict=True))


def _extents(shape: Message) -> list[int]:
    shape.check(["dim"], "a shape")
    return shape.numbers("dim")


def _included(layer: Message, phase: str, state: Message) -> bool:
    """Whether the rules of a layer have it in the network, as Caffe's NetStateRule says."""
    include, exclude = layer.messages("include"), layer.messages("exclude")
    if include and exclude:
        raise LineError(exclude[0].line, "a layer has rules to include or to exclude, not both")
    meets = [_meets(rule, phase, state) for rule in include or exclude]
    return any(meets) if include else not any(meets)


def _meets(rule: Message, phase: str, state: Message) -> bool:
    rule.check(("phase", "min_level", "max_level", "stage", "not_stage"), "a rule")
    phases = {"TRAIN": "TRAIN", "0": "TRAIN", "TEST": "TEST", "1": "TEST"}
    level, stages = state.number("level", 0, -(2**31)), set(state.texts("stage"))
    return (
        rule.word("phase", phases, phase) == phase
        and rule.number("min_level", level, -(2**31)) <= level <= rule.number("max_level", level, -(2**31))
        and stages.issuperset(rule.texts("stage"))
        and stages.isdisjoint(rule.texts("not_stage"))
    )


@dataclass
class _Reader:
    """The draft of a network, and the layer of it that made each blob last; None for what nobody can take."""

    dimensions: dict[str, int]
    draft: Draft = field(default_factory=Draft)
    blobs: dict[str, str | None] = field(default_factory=dict)
    parameters: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    replaced: bool = False

    def read(self, layer: Message) -> None:
        """Add a layer of the file."""
        if "layer" in layer:
            raise LineError(
                layer.line, "layers of layer is Caffe's oldest form; upgrade_net_proto_text renews it"
            )
        layer.check(_LAYER, "a layer")
        name, kind, tops = layer.text("name"), _type(layer), layer.texts("top")
        with _at(layer, name or kind):
            if kind in _DROPPED:
                self.blobs.update(dict.fromkeys(tops))
            elif kind in _DATA:
                self._data(layer, kind, tops)
            else:
                shares = self._shares(layer, name or kind)
                inputs = tuple(map(self._source, layer.texts("bottom")))
                node = Node(self.draft, name or kind, kind, layer, inputs, len(tops), shares)
                made = LAYERS[kind](node)
                # A second top of a pooling says where its maxima were: nothing that is computed on here.
                self.blobs.update(zip(tops, [*made, *[None] * len(tops)], strict=False))

    def _source(self, blob: str) -> str:
        found = self.blobs.get(blob)
        if found is None:
            if blob not in self.blobs:
                raise WorkloadError(
                    f"no layer before it has the top {blob!r}{nearest_name(blob, self.blobs)}"
                )
            raise WorkloadError(f"its bottom {blob!r} is of training: a label, a loss or where maxima were")
        return found

    def _shares(self, layer: Message, name: str) -> str | None:
        """The layer that has parameters of the same names, if there is one before."""
        given = [value for value, _ in layer.fields.get("param", [])]
        names = tuple(p.text("name") if isinstance(p, Message) else str(p) for p in given)
        if not names or not names[0]:
            return None
        owner, theirs = self.parameters.setdefault(names[0], (name, names))
        if owner == name:
            return None
        if theirs != names:
            raise WorkloadError(f"its parameters {names} are in part those of {owner!r}; share all or none")
        return owner

    def input(self, name: str, extents: list[int]) -> str:
        """Add an input of these extents, the batch first."""
        shape = list(extents[1:])
        if len(shape) == len(DIMENSIONS) and self.dimensions:
            shape = [self.dimensions.get(d, size) for d, size in zip(DIMENSIONS, shape, strict=True)]
            self.replaced = True
        if not shape or 0 in shape:
            known = zip(DIMENSIONS, shape, strict=False)
            missing = [d for d, size in known if not size] or ["an extent besides the batch"]
            raise WorkloadError(
                f"layer {name!r}: the file does not say its {', '.join(missing)}; give the dimensions "
                f"{', '.join(DIMENSIONS)}"
            )
        return self.draft.add(Input(name, tuple(shape)))

    def _data(self, layer: Message, kind: str, tops: list[str]) -> None:
        """An input for the images; further tops are labels, unless they have shapes of their own."""
        shapes = _shapes(layer, kind, len(tops))
        for number, top in enumerate(tops):
            self.blobs[top] = self.input(top, shapes[number]) if number < len(shapes) else None

    def check_dimensions(self) -> None:
        """Raise WorkloadError if dimensions were given, but no image takes them."""
        if self.dimensions and not self.replaced:
            raise WorkloadError(
                f"no input has {', '.join(DIMENSIONS)}: leave out {', '.join(self.dimensions)}"
            )


def _type(layer: Message) -> str:
    given = layer.text("type")
    kind = given if given in _TYPES else _FORMER.get(given)
    if kind is None:
        line, name = layer.line, layer.text("name")
        what = (
            f"layer {name!r}: its type {given!r} cannot be taken" if given else f"layer {name!r} has no type"
        )
        raise LineError(line, f"{what}{nearest_name(given, _TYPES)}")
    return kind


@contextmanager
def _at(layer: Message, name: str) -> Iterator[None]:
    """Say the line and the layer of an error."""
    try:
        yield
    except LineError as error:
        raise LineError(error.line, f"layer {name!r}: {error.said}") from None
    except WorkloadError as error:
        said = str(error)
        raise LineError(
            layer.line, said if said.startswith("layer ") else f"layer {name!r}: {said}"
        ) from None


def _shapes(layer: Message, kind: str, tops: int) -> list[list[int]]:
    """The extents of the blobs that a data layer reads, the batch first; 0 for what the file does not say."""
    if kind in ("Input", "DummyData"):
        fields = layer.message("input_param" if kind == "Input" else "dummy_data_param")
        given = [_extents(shape) for shape in fields.messages("shape")]
        if not given:
            columns = [fields.numbers(d) or [0] for d in ("num", *DIMENSIONS)]
            given = [list(row) for row in zip(*columns, strict=False)]
        return given * tops if len(given) == 1 else given
    if kind == "MemoryData":
        fields = layer.message("memory_data_param")
        return [[1, *(fields.number(d, 0) for d in DIMENSIONS)]]
    own = {"ImageData": "image_data_param", "WindowData": "window_data_param"}.get(kind, "data_param")
    fields, transform = layer.message(own), layer.message("transform_param")
    crop = transform.number("crop_size", 0) or fields.number("crop_size", 0)
    height = crop or transform.number("crop_h", 0) or fields.number("new_height", 0)
    width = crop or transform.number("crop_w", 0) or fields.number("new_width", 0)
    return [[1, _channels(kind, fields, transform), height, width]]


def _channels(kind: str, fields: Message, transform: Message) -> int:
    """The channels of the images that a data layer reads, as far as it says; 0 where it does not."""
    if kind == "ImageData":
        return 3 if fields.flag("is_color", True) else 1
    if (
        kind == "WindowData"
        or transform.flag("force_color", False)
        or fields.flag("force_encoded_color", False)
    ):
        return 3
    if transform.flag("force_gray", False):
        return 1
    means = len(transform.factors("mean_value"))
    return means if means > 1 else 0
