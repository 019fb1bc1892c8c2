"""The wheel installs three packages with their data, and works from anywhere."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = {".yaml", ".json", ".csv"}
PAGES = {".html", ".css", ".js", ".json"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # Built from a copy, so that build/ and egg-info stay out of the checkout.
    source = tmp_path_factory.mktemp("source") / "project"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "runs")
    )
    out = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        out,
        source,
    ]
    subprocess.run(command, check=True)
    return next(out.glob("*.whl"))


def test_nothing_else_at_top_level(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"simulator", "workloads", "arch_configs"}


def test_the_data_files_are_there(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {p.relative_to(ROOT).as_posix() for p in (ROOT / "arch_configs").rglob("*") if p.suffix in DATA}
    shipped |= {p.relative_to(ROOT).as_posix() for p in (ROOT / "simulator").rglob("*") if p.suffix in PAGES}
    assert {"simulator/page/templates/page.js", "simulator/schemas/run.schema.json"} <= shipped
    assert len(shipped) >= 8 and sorted(shipped - names) == []
    assert {"simulator/py.typed", "workloads/py.typed", "workloads/zoo/alexnet.py"} <= names


@pytest.mark.long
def test_it_runs_in_an_empty_environment_from_another_folder(wheel, tmp_path):
    """With nothing but what the wheel itself asks for."""
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / "bin"
    # A PYTHONPATH with this project in it would be one where pip finds it installed.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    subprocess.run([scripts / "python", "-m", "pip", "install", "-q", wheel], env=environment, check=True)
    # Interpreted, a few mappings take less time than compiling the kernels once more.
    environment["NUMBA_DISABLE_JIT"] = "1"
    arguments = (
        "run lenet5_caffe --arch eyeriss_v1 --engine closed-form --mapper random --evaluations 3 --out out"
    )
    run = subprocess.run(
        [scripts / "simulator", *arguments.split(" ")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert "conv2" in run.stdout
    written = {p.name for p in (tmp_path / "out").iterdir()}
    assert written == {"result.json", "layers.csv", "energy.png", "energy.pdf"}
