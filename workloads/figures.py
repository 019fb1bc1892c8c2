"""What documents, papers and frameworks print of the zoo's networks, beside what is counted here.

``zoo/published/<family>.yaml`` holds it, by network:

    alexnet:
      document:                                # one, or a list of them
        macs: 724 M                            # as printed: zeros of 61.0 M count, of 61000000 do not
        layers: {conv1: {macs: 105 M}}         # of one layer, or of those named conv1_... or conv1/...
        source: "V. Sze et al., Proc. IEEE, 2017, table II"
      published:
        - {params: 61100840, source: torchvision, arguments: {input_size: 224}}
      exact: {macs: 724406816}                 # counted by others from the shapes: every digit
      known_differences:                       # of: macs, where nobody prints the macs
        - {of: published.0.params, ours: 60965224, reason: "..."}

A figure agrees if our count, rounded or cut off to as many digits as are printed, is that figure. One that
does not has an entry in ``known_differences``, with our count and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from math import prod
from typing import Any

from workloads import zoo
from workloads.errors import WorkloadError, nearest_name
from workloads.files import parse_yaml
from workloads.layers import CONVOLUTIONS, Linear
from workloads.network import Network, NetworkLayer

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_PRINTED = re.compile(r"(\d+)(?:\.(\d+))? ?([kMG]?)")
_SECTIONS = ("document", "published", "exact", "known_differences")
_KNOWN = ("of", "ours", "reason")
_TOTALS = ("macs", "conv_macs", "fc_macs", "operations", "weights", "biases", "affine", "params")
_SUMS = ("macs", "operations", "weights", "biases", "affine", "params", "outputs")
_BY_TYPE = {"conv": CONVOLUTIONS, "fc": (Linear,)}
_PARTS = ("conv_weights", "fc_weights", "conv_layers", "fc_layers")
_QUANTITIES = (*_TOTALS, "outputs", *_PARTS)


@dataclass(frozen=True)
class Figure:
    """A number that ``source`` prints of a network, and our count of the same.

    ``of`` is its path in the file, ``"document.macs"``; ``unit`` is what its last digit counts, 0.1 G in
    15.5 G. ``noted`` and ``reason`` are the entry in the known differences. ``printed`` is None for a count
    that nobody prints: the reason says so. ``text`` is the figure as it stands in the file.
    """

    of: str
    ours: int
    printed: Fraction | None
    unit: Fraction
    text: str
    source: str
    noted: int | None = None
    reason: str | None = None

    @property
    def quantity(self) -> str:
        """What is counted, ``"macs"``."""
        return self.of.rpartition(".")[2]

    @property
    def agrees(self) -> bool:
        """Whether our count is the printed one to its last digit, rounded or cut off."""
        return (
            self.printed is not None and self.printed - self.unit / 2 <= self.ours < self.printed + self.unit
        )

    @property
    def complaint(self) -> str | None:
        """What is wrong: a difference without a reason, or a reason that does not fit."""
        if self.reason is None:
            prints = f"{self.of}: {self.source} prints {self.text}, we count {self.ours}"
            return None if self.agrees else prints
        if self.of.startswith("exact."):
            return f"{self.of}: an exact count must be met; no reason excuses it"
        if self.agrees:
            return f"{self.of}: is a known difference, but {self.ours} agrees with the {self.text} printed"
        if self.noted != self.ours:
            return f"{self.of}: the known difference says that we count {self.noted}, but it is {self.ours}"
        return None


def names_of(family: str) -> tuple[str, ...]:
    """Return the networks of which the file of ``family`` prints something."""
    return tuple(_read(family))


def figures(network: Network | str) -> tuple[Figure, ...]:
    """Return the figures of a network of the zoo, a name or as ``zoo.load`` returns it without options.

    Raises WorkloadError for an unknown name, and for a file that is not written as it should be.
    """
    if isinstance(network, str):
        network = zoo.load(network)
    family = zoo.NETWORKS[network.name].family
    where = f"published/{family}.yaml: {network.name}"
    record = _fields(_read(family).get(network.name, {}), where, _SECTIONS)
    known = _known_differences(record, where)
    found = []
    for path, group in _groups(record):
        for of, value, ours, source in _counted(network, group, path, where):
            printed, unit = _printed(value, f"{where}: {of}", path)
            found.append(Figure(of, ours, printed, unit, str(value), source, *known.pop(of, (None, None))))
    for of, (noted, reason) in known.items():
        if of not in _QUANTITIES:
            paths = [figure.of for figure in found]
            raise WorkloadError(f"{where}: known_differences: there is no {of!r}{nearest_name(of, paths)}")
        found.append(Figure(of, _count(network, of), None, Fraction(1), "", "nobody", noted, reason))
    return tuple(found)


def _known_differences(record: dict[str, Any], where: str) -> dict[str, tuple[int, str]]:
    """What differs, with our count and the reason."""
    known: dict[str, tuple[int, str]] = {}
    for entry in record.get("known_differences", ()):
        of, ours, reason = (_fields(entry, f"{where}: known_differences", _KNOWN).get(at) for at in _KNOWN)
        if not isinstance(of, str) or type(ours) is not int or not isinstance(reason, str) or of in known:
            raise WorkloadError(f"{where}: known_differences: of, ours and reason, once each, not {entry!r}")
        known[of] = (ours, reason)
    return known


def _groups(record: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield every document with its path, "document" or, of several, "document.0"."""
    for section in _SECTIONS[:3]:
        given = record.get(section, [])
        if isinstance(given, list):
            yield from ((f"{section}.{place}", group) for place, group in enumerate(given))
        else:
            yield section, given


@cache
def _read(family: str) -> dict[str, Any]:
    """The file of a family; empty where there is none."""
    file = resources.files("workloads.zoo") / "published" / f"{family}.yaml"
    if not file.is_file():
        return {}
    read = parse_yaml(file.read_text("utf-8"), f"published/{family}.yaml", WorkloadError)
    if not isinstance(read, dict):
        raise WorkloadError(f"published/{family}.yaml: must be networks and their figures, not {read!r}")
    return read


def _fields(given: object, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise WorkloadError(f"{where}: must be fields {', '.join(known)}, not {given!r}")
    for field in given:
        if field not in known:
            raise WorkloadError(f"{where}: unknown field {field!r}{nearest_name(field, known)}")
    return given


def _counted(
    network: Network, given: object, path: str, where: str
) -> Iterator[tuple[str, object, int, str]]:
    """Yield (path, printed figure, our count, source) for each figure of one document."""
    group = _fields(given, f"{where}: {path}", (*_QUANTITIES, "layers", "source", "arguments"))
    source = "the shapes" if path.startswith("exact") else group.get("source")
    if not isinstance(source, str):
        raise WorkloadError(f"{where}: {path}: needs a source, a publication's name, not {source!r}")
    if "arguments" in group:
        network = zoo.load(network.name, **group["arguments"])
    for quantity, value in group.items():
        if quantity in _QUANTITIES:
            yield f"{path}.{quantity}", value, _count(network, quantity), source
    for layer, printed in group.get("layers", {}).items():
        members = [at for at in network if f"{at.name}/".startswith((f"{layer}_", f"{layer}/"))]
        if not members:
            known = [at.name for at in network]
            raise WorkloadError(f"{where}: {path}: no layer is called {layer!r}{nearest_name(layer, known)}")
        for quantity, value in _fields(printed, f"{where}: {path}.layers.{layer}", _SUMS).items():
            yield f"{path}.layers.{layer}.{quantity}", value, _sum(members, quantity), source


def _count(network: Network, quantity: str) -> int:
    if quantity in _TOTALS:
        return int(getattr(network, quantity))
    kind, _, what = quantity.rpartition("_")
    members = [at for at in network if not kind or isinstance(at.layer, _BY_TYPE[kind])]
    return len(members) if what == "layers" else _sum(members, what)


def _sum(layers: list[NetworkLayer], quantity: str) -> int:
    if quantity == "outputs":
        return sum(prod(at.output_shape) for at in layers)
    # As in the network's own totals, what several layers share is counted once.
    of_each = quantity in ("macs", "operations")
    return sum(getattr(at, quantity) for at in layers if of_each or at.shares is None)


def _printed(value: object, where: str, path: str) -> tuple[Fraction, Fraction]:
    """The figure and what its last digit counts; a bare number's trailing zeros may be no digits."""
    match = _PRINTED.fullmatch(str(value)) if isinstance(value, str | int) else None
    if match is None:
        raise WorkloadError(f"{where}: a figure is a number or text like '15.5 G', not {value!r}")
    whole, decimals, letter = match.groups(default="")
    number = Fraction(f"{whole}.{decimals or 0}") * _UNITS[letter]
    unit = Fraction(_UNITS[letter], 10 ** len(decimals))
    if not path.startswith("exact") and not decimals and not letter:
        unit = Fraction(10 ** (len(whole) - len(whole.rstrip("0"))) if number else 1)
    return number, unit
