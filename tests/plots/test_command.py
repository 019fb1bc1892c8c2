"""Pictures of mappings from the command line, from the script and on the dataflows' page."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import simulator as sim
from simulator.dataflows import DATAFLOWS

from ..commands import call
from .test_mapping import chips_mapping

ROOT = Path(__file__).parents[2]
DRAWN = ("--layer", "alexnet:conv2", "--arch", "eyeriss_v1", "--batch", "4")


@pytest.fixture(scope="module")
def mapping_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("mappings") / "conv2.yaml"
    file.write_text(chips_mapping("conv2")[2].to_yaml())
    return str(file)


def test_the_command_draws_and_still_prints(tmp_path: Path, mapping_file: str) -> None:
    target = tmp_path / "conv2.svg"
    options = ["--plot", str(target), *DRAWN]
    result = call("show", "mapping", mapping_file, *options)
    assert result.exit_code == 0 and result.stdout == f"{sim.load_mapping(mapping_file)}\n"
    assert "alexnet:conv2 on eyeriss_v1" in target.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--plot", "a.png"], "on a machine; --layer and --arch are missing"),
        (["--plot", "a.png", "--layer", "alexnet:conv2"], "on a machine; --arch is missing"),
        (["--layer", "alexnet:conv2"], "give --plot FILE too"),
        (["--plot", "a.gif", *DRAWN], "must end in one of"),
        (["--plot", "a.png", "--layer", "alexnet:conv3", "--arch", "eyeriss_v1"], "is never reached"),
    ],
)  # fmt: skip
def test_the_command_refuses_what_it_cannot_draw(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mapping_file: str, options: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("show", "mapping", mapping_file, *options)
    assert result.exit_code == 2 and said in result.stderr and result.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_the_script_draws_the_dataflows_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ROOT)
    script = importlib.import_module("experiments.dataflow_pictures")
    options = ["--layer", "lenet5_caffe:conv1", "--batch", "1", "--pes", "3", "5", "--evaluations", "20"]
    flows = ["row_stationary", "no_local_reuse"]
    assert script.main([*options, "--dataflows", *flows, "--format", "svg", "--out", str(tmp_path)]) == 0
    for name in flows:
        assert f"{name}: lenet5_caffe:conv1, batch 1" in (tmp_path / f"dataflow_{name}.svg").read_text()
    assert script.main([*options, "--dataflows", "row_stationery", "--out", str(tmp_path)]) == 2
    assert "did you mean 'row_stationary'" in capsys.readouterr().err


def test_the_page_shows_every_dataflow() -> None:
    page = (ROOT / "simulator" / "dataflows" / "README.md").read_text()
    for name in DATAFLOWS:
        assert f"## {name}\n" in page and f"(../../experiments/figures/dataflow_{name}.png)" in page
        assert 10_000 < (ROOT / "experiments" / "figures" / f"dataflow_{name}.png").stat().st_size < 150_000
