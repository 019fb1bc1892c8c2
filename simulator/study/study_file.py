"""A sweep as a YAML file: its form, and reading it with care.

    networks: [alexnet, vgg16]              # names or files
    architectures: eyeriss_v1               # one or a list
    settings:                               # a value, a list, or a range: see simulator.study.sampling
      array.x: [8, 14, 28]
      glb.capacity: 64KiB:256KiB:x2
    constraints: [array.x * array.y <= 1024]
    batch: [1, 4]                           # dataflow and objective likewise
    sample: sobol:64:1                      # method, points, seed; without it the settings are a grid

Also: engine, mapper, evaluations, time_limit, densities (a file for each network), fuse, skip_invalid.
``settings`` may be a list of points in place of a grid: ``[{array.x: 8, array.y: 32}, ..]``. Files are found
from the folder the command is called in.
"""

from __future__ import annotations

import os
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from simulator.errors import SimulatorError
from simulator.files import read_yaml
from simulator.forms import FileForm, FormReader


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _settings(value: object) -> object:
    """Fields of a grid; a list of points stands alone in a list, so that both are of one type."""
    return [value] if isinstance(value, dict) else value


_Texts = Annotated[list[str], BeforeValidator(_listed), Field(min_length=1)]
_Fields = dict[str, Any]


class StudyForm(FileForm):
    """A sweep's file; each field is the parameter of `simulator.sweep` of that name."""

    networks: _Texts
    architectures: _Texts
    settings: Annotated[list[_Fields], BeforeValidator(_settings)] | None = None
    sample: str | None = None
    constraints: Annotated[list[str], BeforeValidator(_listed)] | None = None
    batch: Annotated[list[int | str], BeforeValidator(_listed)] | None = None
    dataflow: _Texts | None = None
    objective: _Texts | None = None
    engine: str | None = None
    mapper: str | None = None
    evaluations: int | None = None
    time_limit: float | None = None
    densities: dict[str, str] | None = None
    fuse: bool | None = None
    skip_invalid: bool | None = None


# What no network's file has, so that one of them misspelled is told as such.
_OF_A_SWEEP = {"networks", "architectures", "settings"}
FORM = FormReader(StudyForm, SimulatorError, "networks and architectures", tagged="", kinds=(), titles=())


def is_study_file(path: str) -> bool:
    """Whether a path is that of a sweep's file, not a network's: it has the field ``networks`` or others."""
    if not path.endswith((".yaml", ".yml")) or not os.path.isfile(path):
        return False
    data = read_yaml(path)
    return isinstance(data, dict) and not _OF_A_SWEEP.isdisjoint(data)


def read_study(path: str) -> dict[str, Any]:
    """Return the parameters of `simulator.sweep` that a YAML file gives.

    Raises
    ------
    SimulatorError
        For a file that cannot be read, and for the first field that is wrong, with what would be right.
    """
    data = read_yaml(path)
    form = FORM.read(data, path)
    assert isinstance(data, dict)
    given = {name: getattr(form, name) for name in StudyForm.model_fields if getattr(form, name) is not None}
    if isinstance(data.get("settings"), dict):
        given["settings"] = data["settings"]
    return given
