"""Every network of the zoo against every figure that is printed of it."""

from __future__ import annotations

import importlib
from fractions import Fraction
from importlib import resources

import pytest

from workloads import NETWORKS, WorkloadError, figures, zoo

from .published import check


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_figures_agree_or_the_difference_is_explained(name: str) -> None:
    network = NETWORKS[name]()
    assert network.name == name
    assert network.metadata.year and network.metadata.source
    check(network)


def test_no_figure_without_its_network() -> None:
    files = [at.name for at in (resources.files("workloads.zoo") / "published").iterdir()]
    printed = {(name, file) for file in files for name in figures.names_of(file.removesuffix(".yaml"))}
    assert printed == {(entry.name, f"{entry.family}.yaml") for entry in NETWORKS.values()}


def test_every_name_is_listed_once() -> None:
    # Two families with the same name would hide one another.
    families = {entry.family for entry in NETWORKS.values()}
    modules = [importlib.import_module(f"workloads.zoo.{family}") for family in families]
    assert sum(len(module.NETWORKS) for module in modules) == len(NETWORKS) == len(zoo.names())


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
