"""A hostile run, the pages of it and of others, and a browser to look at them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.results import NetworkResult, Part, Skipped

EXAMPLE = Path(__file__).parent.parent / "data" / "results" / "format_2.json"
# What would run, close a tag or leave an attribute if it stood in the page as it is; no formula either.
HOSTILE = "</script><script>alert(1)</script>\" onclick='y' {{7*7}}&amp; $x_{$"


def _chromium() -> Any:
    """The module beside this one; tests are no package."""
    spec = importlib.util.spec_from_file_location("chromium_pipe", Path(__file__).with_name("chromium.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def run() -> NetworkResult:
    """A small run that has everything: enough rows to filter, a hostile name in every text."""
    found = sim.load_result(EXAMPLE)
    first = found.layers[0]
    again = [replace(first, name=f"conv{number}") for number in range(2, 12)]

    def named(part: Part, times: int) -> Part:
        problem = replace(part.cost.problem, name=HOSTILE)
        return replace(part, times=times, cost=replace(part.cost, problem=problem))

    hostile = replace(
        first, name=HOSTILE, type=HOSTILE, dataflow=HOSTILE,
        parts=tuple(named(part, times) for part in first.parts for times in (1, 3)),
    )  # fmt: skip
    machine = found.architecture.to_dict() | {"sources": [HOSTILE], "description": HOSTILE}
    return replace(
        found,
        network=HOSTILE,
        architecture=type(found.architecture).from_dict(machine),
        layers=(first, *again, *found.layers[1:], hostile),
        skipped=(*found.skipped, Skipped(HOSTILE, HOSTILE, 1, 2, 3, HOSTILE)),
    )


@pytest.fixture(scope="session")
def page(run: NetworkResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    sim.write_report(run, file)
    return file


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chromium = _chromium()
    program = chromium.find()
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(chromium.NAMES)} is installed")
    with chromium.started(program, tmp_path_factory.mktemp("profile")) as started:
        yield started
