"""Mappers of well-kept optimization libraries, which are imported when such a mapper is built."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from simulator.errors import SimulatorError
from simulator.mappers.protocol import Mapper
from simulator.mapspaces import Mapspace


@dataclass(frozen=True)
class Adapter:
    """A mapper that lets an optimizer of a library look for `Genes` of mappings.

    ``optimize`` is the name of a `genes.Optimize` in the module ``module`` of this package.
    """

    name: str
    summary: str
    module: str
    optimize: str

    def __call__(self, space: Mapspace, seed: int) -> Mapper:
        """Return the mapper of a mapspace.

        Raises
        ------
        SimulatorError
            If the library is not installed: which extra brings it.
        MappingError
            If the space has no mapping: which level or axis is too small, and what would do.
        """
        from simulator.mappers.adapters.genes import GeneMapper

        try:
            module = importlib.import_module(f"{__name__}.{self.module}")
        except ModuleNotFoundError:
            raise SimulatorError(
                f"mapper {self.name!r} needs the extra \"mappers\": pip install 'dataflow-simulator[mappers]'"
            ) from None
        return GeneMapper(self.name, space, seed, getattr(module, self.optimize))


ADAPTERS = {
    adapter.name: adapter
    for adapter in (
        Adapter("optuna-tpe", "Optuna's tree-structured Parzen estimator", "optuna_mappers", "tpe"),
        Adapter("cmaes", "CMA-ES of the library that Optuna uses", "cmaes_mappers", "strategy"),
        Adapter("nevergrad", "nevergrad's choice among its optimizers", "nevergrad_mappers", "chosen"),
        Adapter("nevergrad-de", "nevergrad's differential evolution", "nevergrad_mappers", "evolution"),
        Adapter("pymoo-ga", "pymoo's genetic algorithm", "pymoo_mappers", "genetic"),
        Adapter("pymoo-nsga2", "pymoo's NSGA-II, for the front of two figures", "pymoo_mappers", "nsga2"),
        Adapter("scipy-de", "SciPy's differential evolution", "scipy_mappers", "evolution"),
        Adapter("scipy-annealing", "SciPy's dual annealing", "scipy_mappers", "annealing"),
    )
}
