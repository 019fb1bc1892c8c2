"""One network at one point of a study: whether it is done, what was taken of each layer, the whole result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simulator.architecture import Architecture
from simulator.errors import SimulatorError
from simulator.evaluation import assemble
from simulator.mappers import Choice, best_together
from simulator.mapping import Mapping
from simulator.results import NetworkResult
from simulator.results_file import part_from_dict
from simulator.study.description import Description, StudiedNetwork, StudiedPoint

DONE, FAILED, MISSING = "done", "failed", "missing"
# Answers by key, as `simulator.study.points.compute` gives them.
Fetch = Callable[[Iterable[str]], dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Answer:
    """What is known of an item, as far as summaries need it."""

    status: str
    figures: tuple[dict[str, Any], ...] = ()
    error: str = ""

    @cached_property
    def front(self) -> tuple[Choice, ...]:
        """The energy and cycles to choose from; the mappings stay in the store."""
        return tuple(Choice(Mapping(()), each["energy"], each["cycles"]) for each in self.figures)


@dataclass(frozen=True)
class Run:
    """The network of number ``network_number`` at the point of number ``point_number``.

    ``answers`` are those to the work of the network's plan.
    """

    network_number: int
    point_number: int
    description: Description = field(repr=False, compare=False)
    architecture: Architecture = field(repr=False, compare=False)
    answers: tuple[Answer, ...] = field(repr=False, compare=False)
    fetch: Fetch = field(repr=False, compare=False)

    @property
    def studied(self) -> StudiedNetwork:
        return self.description.networks[self.network_number]

    @property
    def network(self) -> str:
        return self.studied.plan.network

    @property
    def batch(self) -> int:
        return self.studied.plan.batch

    @property
    def point(self) -> StudiedPoint:
        return self.description.points[self.point_number]

    @property
    def label(self) -> str:
        """What tells its point from others, in words."""
        return self.description.label(self.point_number)

    @cached_property
    def status(self) -> str:
        """ "done", "failed" where a layer has no mapping, or "missing" where one has not been run."""
        found = {answer.status for answer in self.answers}
        return next((status for status in (MISSING, FAILED) if status in found), DONE)

    @cached_property
    def error(self) -> str:
        """Why it is not done: the first layer that is not, and the reason; empty where it is."""
        for work, answer in zip(self.studied.plan.work, self.answers, strict=True):
            if answer.status == self.status != DONE:
                return f"layer {work.problem.name!r}: {answer.error}"
        return ""

    @cached_property
    def picks(self) -> tuple[int, ...]:
        """Of each work the number of the part that is taken; see `best_together`."""
        if self.status != DONE or all(len(answer.figures) == 1 for answer in self.answers):
            return (0,) * len(self.answers)
        times = [work.times for work in self.studied.plan.work]
        return tuple(best_together([answer.front for answer in self.answers], times))

    def parts(self) -> list[dict[str, Any]]:
        """The parts taken, one for each work, as plain data (`part_to_dict`).

        Raises
        ------
        SimulatorError
            For a run that is not done, with the reason.
        """
        if self.status != DONE:
            raise SimulatorError(f"{self.network} at {self.label}: {self.status}: {self.error}")
        keys = self.description.keys(self.network_number, self.point_number)
        found = self.fetch(keys)
        return [found[key]["parts"][pick] for key, pick in zip(keys, self.picks, strict=True)]

    def result(self) -> NetworkResult:
        """The whole run, as `simulator.simulate` returns it.

        Raises
        ------
        SimulatorError
            As `parts`.
        """
        parts = [
            part_from_dict(data, self.architecture, f"{self.network}: result in the store")
            for data in self.parts()
        ]
        at = self.point
        return assemble(
            self.studied.plan, parts, self.architecture, at.dataflow, at.objective, self.description.engine
        )
