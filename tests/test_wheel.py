"""The wheel installs three packages with their data, and works from anywhere."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


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
    shipped = {
        f"arch_configs/{p.name}"
        for p in (ROOT / "arch_configs").glob("*.*")
        if p.suffix in (".yaml", ".json")
    }
    assert len(shipped) >= 3 and shipped <= names
    assert {"simulator/py.typed", "workloads/py.typed", "workloads/zoo/alexnet.py"} <= names


def test_it_runs_from_another_folder(wheel, tmp_path):
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True)
    code = (
        "import simulator as sim, workloads, runpy, sys; print(sim.__file__); print(workloads.__file__);"
        "print(sim.load_architecture('eyeriss_v1').path); sys.argv = ['simulator', 'list', 'networks'];"
        "runpy.run_module('simulator', run_name='__main__')"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert all(str(target) in line for line in run.stdout.splitlines()[:3]) and "alexnet" in run.stdout
