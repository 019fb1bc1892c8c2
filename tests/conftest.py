"""Makes the oracles importable from every test module, whatever folder it lies in.

The folder itself must not go on the path: its ``workloads`` would hide the package of that name.
"""

import importlib.util
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_load("oracles")


@pytest.fixture
def heard_ctrl_c() -> Iterator[None]:
    """Processes that a test starts hear Ctrl-C, also where whoever started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_configure(config: pytest.Config) -> None:
    """Share the compiling out where two workers run."""
    given = getattr(config, "workerinput", {})
    if given.get("workercount") == 2:
        _load("kernels").compile_kernels(given["workerid"])
