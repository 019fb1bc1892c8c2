"""Every network of the zoo against every figure that is printed of it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from importlib import resources
from math import prod

import pytest

from workloads import (
    NETWORKS,
    Activation,
    Convolution,
    DepthwiseConvolution,
    GlobalPooling,
    Network,
    Normalization,
    Pooling,
    WorkloadError,
    figures,
    zoo,
)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_figures_agree_or_the_difference_is_explained(name: str) -> None:
    network = NETWORKS[name]()
    assert network.name == name
    assert network.metadata.year and network.metadata.source
    found = figures.figures(network)
    assert found, "published/*.yaml has neither a figure nor a reason why there is none"
    assert not [figure.complaint for figure in found if figure.complaint]


def test_no_figure_without_its_network() -> None:
    files = [at.name for at in (resources.files("workloads.zoo") / "published").iterdir()]
    printed = {(name, file) for file in files for name in figures.names_of(file.removesuffix(".yaml"))}
    assert printed == {(entry.name, f"{entry.family}.yaml") for entry in NETWORKS.values()}


def test_every_name_is_listed_once() -> None:
    # Two families with the same name would hide one another.
    families = {entry.family for entry in NETWORKS.values()}
    modules = [importlib.import_module(f"workloads.zoo.{family}") for family in families]
    assert sum(len(module.NETWORKS) for module in modules) == len(NETWORKS) == len(zoo.names())


def measured(network: Network, biased: bool = False) -> Fraction:
    """Half of imgclsmob's operations, as its model_stats.py counts them.

    Two per MAC, one per ReLU and value in a window, four per normalized value; one less for every kernel of a
    convolution without biases (``biased`` if it has some in imgclsmob).
    """
    operations = 2 * network.macs + 4 * normalized(network)
    for at in network:
        layer = at.layer
        if isinstance(layer, Activation) and layer.kind == "relu":
            operations += prod(at.output_shape)
        elif isinstance(layer, Pooling):
            operations += prod(at.output_shape) * prod(layer.kernel)
        elif isinstance(layer, GlobalPooling):
            operations += prod(at.input_shapes[0])
        elif isinstance(layer, Convolution | DepthwiseConvolution) and not (layer.bias or biased):
            operations -= at.weights // prod(layer.kernel)
    return Fraction(operations, 2)


def normalized(network: Network) -> int:
    """Values that batch normalizations make."""
    return sum(
        prod(at.output_shape)
        for at in network
        if isinstance(at.layer, Normalization) and at.layer.kind == "batch"
    )


REASONS: dict[str, Callable[[Network], int | Fraction]] = {
    "half one less for every kernel of a convolution without bias": measured,
    "half an operation for every ReLU and every value of a pooling window it is": measured,
    "and two for batch normalization": partial(measured, biased=True),
    "timm counts two operations per normalized value as well, which makes": (
        lambda network: network.macs + 2 * normalized(network)
    ),
}


def test_what_a_reason_says_is_counted_besides_makes_the_printed_figure() -> None:
    seen = dict.fromkeys(REASONS, 0)
    for entry in NETWORKS.values():
        record = figures._read(entry.family)[entry.name]
        for known in record.get("known_differences", ()):
            said = re.search(rf"({'|'.join(REASONS)}):? ([\d,]+)$", known["reason"])
            if said is None:
                continue
            section, place, quantity = known["of"].split(".")
            group = record[section][int(place)]
            counted = int(said[2].replace(",", ""))
            assert int(REASONS[said[1]](entry(**group.get("arguments", {})))) == counted, entry.name
            value, unit = figures._printed(group[quantity], entry.name, known["of"])
            assert figures.Figure(known["of"], counted, value, unit, "", "").agrees, entry.name
            seen[said[1]] += 1
    assert all(seen.values()) and sum(seen.values()) > 50, seen


@pytest.mark.parametrize(
    ("printed", "ours", "agrees"),
    [
        ("724 M", 724_406_816, True),
        ("61 M", 60_954_656, True),  # rounded
        ("61 M", 61_999_999, True),  # cut off
        ("61 M", 62_000_000, False),
        ("61 M", 60_499_999, False),
        ("61.0 M", 61_100_840, False),
        ("61.1 M", 61_100_840, True),
        (61_000_000, 61_900_000, True),
        (61_100_840, 61_100_841, True),  # cut off: the last zero may be no digit
        (61_100_844, 61_100_845, False),
        ("1.43 G", 1_582_671_872, False),
    ],
)
def test_the_rule(printed: int | str, ours: int, agrees: bool) -> None:
    value, unit = figures._printed(printed, "here", "document")
    figure = figures.Figure("document.macs", ours, value, unit, str(printed), "a paper")
    assert figure.agrees is agrees
    assert (figure.complaint is None) is agrees


def test_an_exact_count_leaves_nothing_open() -> None:
    value, unit = figures._printed(61_100_840, "here", "exact")
    assert figures.Figure("exact.macs", 61_100_840, value, unit, "61100840", "the shapes").agrees
    assert not figures.Figure("exact.macs", 61_100_841, value, unit, "61100840", "the shapes").agrees
    excused = figures.Figure("exact.macs", 7, value, unit, "61100840", "the shapes", 7, "because")
    assert excused.complaint == "exact.macs: an exact count must be met; no reason excuses it"


def test_a_known_difference_must_be_one() -> None:
    figure = figures.Figure("document.macs", 75, Fraction(70), Fraction(10), "70", "a paper", 75, "because")
    assert figure.complaint == "document.macs: is a known difference, but 75 agrees with the 70 printed"
    stale = figures.Figure("document.macs", 99, Fraction(70), Fraction(10), "70", "a paper", 75, "because")
    assert stale.complaint == "document.macs: the known difference says that we count 75, but it is 99"


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"documents": {}}, "unknown field 'documents'; did you mean 'document'?"),
        ({"document": {"mac": 3}}, "document: unknown field 'mac'; did you mean 'macs'?"),
        ({"document": 3}, "document: must be fields"),
        ({"document": {"macs": 3}}, "document: needs a source, a publication's name, not None"),
        (
            {"document": {"macs": "many", "source": "x"}},
            "document.macs: a figure is a number or text like '15.5 G'",
        ),
        (
            {"document": {"macs": True, "source": "x"}},
            "document.macs: a figure is a number or text like '15.5 G'",
        ),
        (
            {"document": {"layers": {"conv22": {"macs": 3}}, "source": "x"}},
            "no layer is called 'conv22'; did you mean 'conv2'",
        ),
        (
            {"known_differences": [{"of": "document.macs", "ours": 1, "reason": "x"}]},
            "there is no 'document.macs'",
        ),
        ({"known_differences": [{"of": "macs", "ours": 1}]}, "of, ours and reason, once each"),
        ({"document": {"macs": 3, "arguments": {"clases": 3}, "source": "x"}}, "did you mean 'classes'?"),
    ],
)
def test_a_file_that_is_written_wrong(record: object, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_read", lambda family: {"alexnet": record})
    with pytest.raises(WorkloadError) as caught:
        figures.figures("alexnet")
    assert message in str(caught.value)
