"""`simulator report` and `simulator compare` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import simulator as sim

from .commands import call, fail, succeed
from .small_networks import SMALL, network

EXAMPLE = str(Path(__file__).parent / "data" / "results" / "format_2.json")


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing is not what is tested here, and takes most of the time."""
    monkeypatch.setattr("simulator.page.run._figures", lambda result: ())


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """A network's file and those of two machines."""
    import yaml

    from workloads.network_file import save_network

    folder = tmp_path_factory.mktemp("machines")
    save_network(network(), folder / "tiny.yaml")
    for name, changes in (("small", {}), ("wide", {"name": "wide", "PE.x.size": 4})):
        data = SMALL.replace(changes).to_dict() if changes else SMALL.to_dict()
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return str(folder / "tiny.yaml"), str(folder / "small.yaml"), str(folder / "wide.yaml")


def test_a_run_becomes_a_page(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert succeed("report", EXAMPLE, "--out", str(out)) == f"wrote {out}\n"
    assert "example, batch 1, on small: weight_stationary" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.json", "--out", "a.html"), "none.json: no such file"),
        ((EXAMPLE, "--out", "no/a.html"), "cannot write no/a.html"),
        ((EXAMPLE, "--out", "a.html", "--network", "example"), "is one run"),
        ((EXAMPLE, "--out", "a.html", "--point", "3"), "--point goes with --network"),
        ((__file__, "--out", "a.html"), "not JSON"),
    ],
)
def test_what_cannot_be_a_page_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in fail("report", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_runs_are_compared() -> None:
    text = succeed("compare", "runs", EXAMPLE, EXAMPLE)
    assert "the settings are the same" in text and "energy of GLB" in text
    data = json.loads(succeed("compare", "runs", EXAMPLE, EXAMPLE, "--json"))
    assert data == json.loads(json.dumps(sim.compare(EXAMPLE, EXAMPLE).to_dict()))
    assert "no such file" in fail("compare", "runs", EXAMPLE, "none.json")


HERE = ("--workers", "0")


def test_dataflows_are_compared(machines: tuple[str, str, str], tmp_path: Path) -> None:
    tiny, small, _ = machines
    flows = ("--dataflow", "weight_stationary", "--dataflow", "output_stationary_c")
    picture = tmp_path / "flows.svg"
    options = ("--energy", "isca16", "--plot", str(picture), *HERE)
    text = succeed("compare", "dataflows", tiny, "--arch", small, *flows, *options)
    assert "weight_stationary" in text and "output_stationary_c" in text and "* the least" in text
    assert "priced by isca16" in text and picture.stat().st_size > 3000
    assert "did you mean 'weight_stationary'" in fail(
        "compare", "dataflows", tiny, "--arch", small, "--dataflow", "weight_stationry"
    )


def test_machines_are_compared(machines: tuple[str, str, str], tmp_path: Path) -> None:
    tiny, small, wide = machines
    options = ("--dataflow", "weight_stationary", "--json", *HERE, "--store", str(tmp_path / "kept.sqlite"))
    told = succeed("compare", "architectures", tiny, small, wide, *options)
    rows = json.loads(told)["runs"]
    assert [row["architecture"] for row in rows] == ["small", "wide"]
    assert rows[0]["macs"] == rows[1]["macs"]
    for spelled in (("--architectures", f"{small},{wide}"), (f"--architectures={small},{wide}",)):
        again = call("compare", tiny, *spelled, *options)
        assert again.stdout == told and "from the store" in again.stderr
    for arguments in ((tiny,), (tiny, small, "--all")):
        assert "name machines to compare, or give --all" in fail("compare", "architectures", *arguments)
    assert "unknown architecture ''" in fail("compare", tiny, "--architectures")


def test_all_machines_are_those_that_come_along(
    machines: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tiny, *files = machines
    monkeypatch.setattr("simulator.lineup.registered_architectures", lambda: dict.fromkeys(files))
    picture = tmp_path / "machines.png"
    rest = ("--energy", "isca16", "--plot", str(picture), *HERE)
    spelled = [
        succeed("compare", *names, *rest)
        for names in ((tiny, "--architectures", "all"), ("architectures", tiny, "--all"))
    ]
    assert spelled[0] == spelled[1] and "small" in spelled[0] and "wide" in spelled[0]
    assert picture.stat().st_size > 3000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--energy", "cacti_45"), "did you mean 'cacti_45nm'"),
        (("--plot", "a.gif"), "must end in one of .png, .pdf, .svg"),
        (("--plot", "no/a.png"), "cannot write no/a.png"),
        (("--store", "no/kept.sqlite"), "kept.sqlite"),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_runs(
    machines: tuple[str, str, str],
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    tiny, small, _ = machines
    monkeypatch.chdir(tmp_path)
    assert said in fail("compare", "architectures", tiny, small, *arguments, *HERE)
    assert list(tmp_path.iterdir()) == []
