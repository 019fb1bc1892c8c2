"""Networks people know, by name: one file per family, each built from its structure.

A family's module ends with ``NETWORKS``, its builders by name. The families are imported when the first name
is looked up, so that ``import workloads`` stays fast.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

from workloads.errors import WorkloadError, nearest_name
from workloads.metadata import Metadata
from workloads.network import Network


@dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo: its name, the module of its family and the function that builds it."""

    name: str
    family: str
    builder: Callable[..., Network]

    def __call__(self, batch: int = 1, **options: object) -> Network:
        """Return the network. Raises WorkloadError on an option its builder does not take.

        The errors that were published are those of the network as it is without options.
        """
        known = inspect.signature(self.builder).parameters
        for option in options:
            if option not in known:
                raise WorkloadError(
                    f"network {self.name!r} has no option {option!r}{nearest_name(option, known)}"
                )
        network = self.builder(batch=batch, **options)
        if all(value == known[option].default for option, value in options.items()):
            return network
        return replace(network, metadata=replace(network.metadata, top1_error=None, top5_error=None))

    @property
    def description(self) -> str:
        """What it is in a few words: how its builder's docstring begins, and what is fixed of a variant."""
        function, fixed = self.builder, dict[str, object]()
        if isinstance(self.builder, partial):
            function = self.builder.func
            fixed = (
                inspect.signature(function)
                .bind_partial(*self.builder.args, **self.builder.keywords)
                .arguments
            )
        words = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].replace("``", "").split())
        words = words.removeprefix("Return ").split(". ")[0].split(";")[0].removesuffix(".")
        variant = ", ".join(f"{option}={value}" for option, value in fixed.items() if option != "name")
        return words[:1].upper() + words[1:] + (f" ({variant})" if variant else "")

    @cached_property
    def metadata(self) -> Metadata:
        """Year, source, data set and errors; this builds the network."""
        return self().metadata

    @property
    def source(self) -> str:
        """Where it was published."""
        return self.metadata.source or ""


class _Zoo(Mapping[str, ZooEntry]):
    """The entries by name, families in alphabetical order, found when they are first asked for."""

    @cached_property
    def _entries(self) -> dict[str, ZooEntry]:
        modules = [importlib.import_module(f"{__name__}.{at.name}") for at in pkgutil.iter_modules(__path__)]
        return {
            name: ZooEntry(name, module.__name__.rpartition(".")[2], builder)
            for module in modules
            for name, builder in getattr(module, "NETWORKS", {}).items()
        }

    def __getitem__(self, name: str) -> ZooEntry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


NETWORKS: Mapping[str, ZooEntry] = _Zoo()
"""Every network of the zoo by name."""


def names() -> tuple[str, ...]:
    """Return the names of all networks."""
    return tuple(NETWORKS)


def load(name: str, batch: int = 1, **options: object) -> Network:
    """Return the zoo's network of that name, for ``batch`` images at a time.

    ``options`` are its builder's: ``input_size``, ``classes``. Raises WorkloadError on an unknown name or
    option.

    >>> load("alexnet", batch=4)["conv2"].output_shape
    (256, 27, 27)
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise WorkloadError(f"no network is called {name!r}{nearest_name(name, NETWORKS)}")
    return NETWORKS[name](batch, **options)


build = load
