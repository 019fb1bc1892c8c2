"""What importers share: a network as it is read, its shapes known at once, and errors that say where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import Shape
from workloads.network import Network

MOST_LAYERS = 100_000

_LONGEST = 400


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Put ``where`` before the message of a WorkloadError raised inside, which is cut to 400 letters."""
    try:
        yield
    except WorkloadError as error:
        # What a file says may be as long as the file.
        said = str(error) if len(str(error)) <= _LONGEST else f"{str(error)[:_LONGEST]}..."
        raise WorkloadError(f"{where}: {said}") from None


class Draft:
    """A network written down layer by layer, each with its output shape from the moment it is added.

    Names that a file gives twice become ``conv``, ``conv_2``, ``conv_3``. At most 100,000 layers.
    """

    def __init__(self) -> None:
        self._nodes: list[tuple[Layer, tuple[str, ...]]] = []
        self._shapes: dict[str, Shape] = {}
        self._shared: list[tuple[str, str]] = []
        self._last: dict[str, int] = {}

    def add(self, layer: Layer, inputs: Sequence[str] = (), shares: str | None = None) -> str:
        """Add a layer fed by those named and return its name; ``shares`` names the one whose weights it uses.

        Raises WorkloadError where it does not fit its inputs.
        """
        if len(self._nodes) == MOST_LAYERS:
            raise WorkloadError(f"more than {MOST_LAYERS} layers")
        name = self._free(layer.name)
        shape = layer.output_shape([self._shapes[source] for source in inputs])
        self._nodes.append((layer if name == layer.name else replace(layer, name=name), tuple(inputs)))
        self._shapes[name] = shape
        if shares is not None:
            self._shared.append((name, shares))
        return name

    def shape(self, name: str) -> Shape:
        """Return the output shape of a layer that was added, without the batch."""
        return self._shapes[name]

    def build(self, name: str, batch: int = 1) -> Network:
        """Return the network. Raises WorkloadError as Network does."""
        return Network(name, tuple(self._nodes), batch, shared=tuple(self._shared))

    def _free(self, name: str) -> str:
        free, number = name, self._last.get(name, 1)
        while free in self._shapes:
            number += 1
            free = f"{name}_{number}"
        self._last[name] = number
        return free
