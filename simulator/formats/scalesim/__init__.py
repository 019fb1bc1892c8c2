"""SCALE-Sim's files: a ``.cfg`` as a systolic machine, its mappings, and the report CSVs (`reports`).

    from simulator.formats import scalesim

    config = scalesim.read_config("scale.cfg")
    machine = scalesim.systolic(config)
    product = scalesim.product(load_layer("alexnet:conv1"))
    evaluate(product, machine, scalesim.systolic_mapping(product, machine))

    from simulator.formats.scalesim.reports import write_reports

    write_reports("alexnet", machine, "out")

Topologies, of convolutions or as M, N, K, are tables of layers, which `load_network` reads.
"""

from __future__ import annotations

from simulator.formats.scalesim.config import Config, is_config, read_config
from simulator.formats.scalesim.systolic import DATAFLOWS, product, systolic, systolic_mapping

__all__ = [
    "DATAFLOWS",
    "Config",
    "is_config",
    "product",
    "read_config",
    "systolic",
    "systolic_mapping",
]
