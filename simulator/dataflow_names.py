"""The names of the dataflows that come along, without the import of what searches their mapspaces."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

# Each is a file of `simulator.dataflows`.
BUILT_IN = (
    "row_stationary",
    "weight_stationary",
    "output_stationary_a",
    "output_stationary_b",
    "output_stationary_c",
    "input_stationary",
    "no_local_reuse",
    "flexible",
)


def machine_dataflows() -> dict[str, Path]:
    """The files of dataflows that need the levels and axes of a machine of ``arch_configs``, by name."""
    folder = Path(str(resources.files("arch_configs"))) / "dataflows"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def dataflow_names() -> list[str]:
    """The names of all dataflows that come along: those of any machine, then those of single ones."""
    return [*BUILT_IN, *machine_dataflows()]
