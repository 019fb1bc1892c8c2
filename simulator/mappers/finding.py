"""Looks for the best mapping of a mapspace by the name of a mapper, or proves which one is best."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from numbers import Integral, Real

from simulator.architecture import Architecture
from simulator.batch.model import CostModel
from simulator.errors import SimulatorError, did_you_mean
from simulator.mappers.adapters import ADAPTERS
from simulator.mappers.choice import Choice
from simulator.mappers.driver import TIME_LIMIT, Found, check_limit, search
from simulator.mappers.exhaustive import Exhaustive
from simulator.mappers.hill_climbing import HillClimbing
from simulator.mappers.objective import FRONT, Objective, Source, read_objective
from simulator.mappers.optimal.lattice import count_tiles
from simulator.mappers.optimal.model import compulsory
from simulator.mappers.optimal.optimum import Optimum
from simulator.mappers.optimal.rules import check_rules
from simulator.mappers.protocol import Mapper
from simulator.mappers.pruned.mapper import MOST_TRIED, Pruned, prunes
from simulator.mappers.random import Random
from simulator.mappers.standing import Standing
from simulator.mapspaces import Constraints, Mapspace
from simulator.problem import Problem

# Not one that asks and is told: it proves what it finds.
OPTIMAL = "optimal"
MAPPERS: dict[str, Callable[[Mapspace, int], Mapper]] = {
    Exhaustive.name: lambda space, _: Exhaustive(space),
    Random.name: Random,
    HillClimbing.name: HillClimbing,
    **ADAPTERS,
}
# Evaluations of a mapper without end that is given no limit.
DEFAULT_EVALUATIONS = 100_000
# Mappings that are scored before a mapspace counts as too large to be gone through: some seconds.
EXHAUSTIVE_EVALUATIONS = 1_000_000
_TRIED_A_SECOND = 2**19
# Partial mappings of a search for the optimum that is given no limit.
DEFAULT_MEMORY_BYTES = 2**31
# Chains of tiles whose bounds fit in memory.
_MOST_TILES = 400_000


def check_mapper(mapper: str) -> str:
    """Return the name of a mapper; SimulatorError with the nearest name if there is none."""
    if mapper not in (OPTIMAL, *MAPPERS):
        raise SimulatorError(f"unknown mapper {mapper!r}{did_you_mean(mapper, (OPTIMAL, *MAPPERS))}")
    return mapper


def find_best(
    space: Mapspace,
    objective: Source = "energy",
    mapper: str = Exhaustive.name,
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    memory_bytes: int | None = None,
    seed: int = 0,
    threads: int = 1,
    rules: Iterable[str] | None = None,
    progress: Callable[[Standing], None] | None = None,
) -> Found:
    """Search a mapspace with a mapper of a name; see `search` and, for "optimal", `find_optimum`.

    ``seed`` is what random draws follow from. ``rules`` and ``memory_bytes`` are for "optimal" alone. Given
    no limit, the exhaustive mapper goes through the whole space, the others make 100,000 evaluations.

    Raises
    ------
    SimulatorError, MappingError
        For unknown names, a seed or limits out of range, what the mapper has no use for; for a mapspace
        without mappings, and why.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise SimulatorError(f"a seed is a whole number from 0 to 2**32 - 1, not {seed!r}")
    if isinstance(rules, Iterable) and not isinstance(rules, str):
        rules = tuple(rules)
    check_rules(rules)
    if check_mapper(mapper) == OPTIMAL:
        return find_optimum(
            space, objective, evaluations=evaluations, seconds=seconds, memory_bytes=memory_bytes,
            threads=threads, rules=rules, progress=progress,
        )  # fmt: skip
    for what, given in (("pruning rules", rules), ("a memory limit", memory_bytes)):
        if given is not None:
            raise SimulatorError(f"{what}: for the mapper {OPTIMAL!r} alone, {mapper!r} has no use for them")
    if mapper != Exhaustive.name and evaluations is None and seconds is None:
        evaluations = DEFAULT_EVALUATIONS
    return search(
        space, CostModel(space.problem, space.architecture), MAPPERS[mapper](space, seed), objective,
        evaluations=evaluations, seconds=seconds, threads=threads, progress=progress,
    )  # fmt: skip


def find_optimum(
    space: Mapspace,
    objective: Source = "energy",
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    memory_bytes: int | None = None,
    threads: int = 1,
    rules: Iterable[str] | None = None,
    progress: Callable[[Standing], None] | None = None,
) -> Found:
    """Return the best mapping of a mapspace with the proof that it is, or with the gap that is left.

    A mapspace of every legal mapping with perfect factors is searched along paths of tile sizes
    (`simulator.mappers.optimal`), others are gone through mapping by mapping, without those that bounds show
    to be worse (`simulator.mappers.pruned`). One that is too large for that gets the better of its first
    million mappings (or ``evaluations``) and of hill climbing, with the gap to what every mapping spends.

    Parameters
    ----------
    objective
        "energy", "cycles", "edp", a function of energy and cycles that falls in neither, or
        ("energy", "cycles") for the whole front of both.
    seconds, memory_bytes
        Where the search ends with the best so far; the memory is that of partial mappings, 2 GiB where none
        is given. So do ``evaluations``, mappings scored. Compiling kernels, the first time on a machine,
        counts where a mapspace is gone through mapping by mapping.
    rules
        Names of the pruning rules to use (`simulator.mappers.optimal.rules`), by default all; without
        "bound" every mapping of other mapspaces is scored.

    Raises
    ------
    SimulatorError, MappingError
        As `find_best`.
    """
    check_limit(TIME_LIMIT, seconds, Real)
    check_limit("the memory limit (bytes)", memory_bytes, Integral)
    check_limit("evaluations", evaluations, Integral)
    check_limit("threads", threads, Integral, needed=True)
    check_rules(rules)
    chosen = read_objective(objective)
    if has_lattice(space):
        return _by_paths(space, chosen, seconds, memory_bytes, evaluations, rules, progress)
    started = time.monotonic()
    limit = EXHAUSTIVE_EVALUATIONS if evaluations is None else evaluations
    mapper: Mapper = Exhaustive(space)
    if prunes(chosen) and (rules is None or "bound" in rules):
        mapper = Pruned(space, chosen, MOST_TRIED if seconds is None else _tried_within(seconds))
        # Where bounds are too many it begins anew.
        limit = 2 * limit if evaluations is None else limit
    first = search(
        space, CostModel(space.problem, space.architecture), mapper, chosen, evaluations=limit,
        seconds=seconds, threads=threads, progress=progress,
    )  # fmt: skip
    left = None if seconds is None else seconds - (time.monotonic() - started)
    if first.complete or first.interrupted or (left is not None and left <= 0):
        return _bounded(space, chosen, first, first.evaluated)
    try:
        climbed = find_best(
            space, chosen, HillClimbing.name, evaluations=evaluations, seconds=left, threads=threads,
            progress=progress,
        )  # fmt: skip
    except KeyboardInterrupt:
        return replace(_bounded(space, chosen, first, first.evaluated), interrupted=True)
    best = _bounded(
        space, chosen, min(first, climbed, key=lambda found: found.cost), first.evaluated + climbed.evaluated
    )
    return replace(best, interrupted=climbed.interrupted)


def _tried_within(seconds: float) -> int:
    """Bounds that are tried in about half of so many seconds."""
    return max(1, min(MOST_TRIED, int(seconds * _TRIED_A_SECOND / 2)))


def has_lattice(space: Mapspace) -> bool:
    """Whether a mapspace is one of all chains of tiles, bypasses aside, small enough for their bounds."""
    constraints = space.constraints
    free = Constraints(name=constraints.name, keeps=constraints.keeps, factors="perfect")
    return (
        constraints == free
        and len(space.architecture.arrays) <= 1
        and count_tiles(space.problem) <= _MOST_TILES
    )


def _by_paths(
    space: Mapspace,
    chosen: Objective,
    seconds: float | None,
    memory_bytes: int | None,
    evaluations: int | None,
    rules: Iterable[str] | None,
    progress: Callable[[Standing], None] | None,
) -> Found:
    # Raises where there is none, and says why.
    first = next(space.batches(1))[0]
    if seconds is not None:
        _compile(space.problem, space.architecture)
    started = time.monotonic()
    memory = DEFAULT_MEMORY_BYTES if memory_bytes is None else memory_bytes
    optimum = Optimum(
        space.problem, space.architecture, chosen, space.constraints.keeps, rules, seconds, memory,
        evaluations, progress,
    )  # fmt: skip
    optimum.run(first)
    best = Choice(space.decode(optimum.vector), optimum.energy, optimum.cycles)
    front = tuple(Choice(space.decode(v), e, c) for e, c, v in sorted(optimum.points, key=lambda p: p[:2]))
    if not optimum.proven and not optimum.interrupted and seconds is memory_bytes is evaluations is None:
        # What bounds leave open, a small space shows by itself.
        size = space.size()
        if size.exact and size.mappings <= EXHAUSTIVE_EVALUATIONS:
            return replace(find_best(space, chosen, Exhaustive.name, progress=progress), mapper=OPTIMAL)
    value = optimum.best if chosen.name != FRONT else best.energy
    return Found(
        chosen.name, value, OPTIMAL, optimum.vector, best, front or (best,), optimum.evaluated,
        optimum.proven,
        optimum.interrupted, time.monotonic() - started, optimum.proven, optimum.bound, optimum.certificate,
    )  # fmt: skip


def _compile(problem: Problem, architecture: Architecture) -> None:
    """Search the same problem with extents of 1, so that no limit of time pays for compiling kernels."""
    tensors = tuple(
        replace(tensor, ranks=tuple(replace(rank, data=None) for rank in tensor.ranks))
        for tensor in problem.tensors
    )
    small = replace(problem, dimensions=tuple((name, 1) for name, _ in problem.dimensions), tensors=tensors)
    space = Mapspace(small, architecture)
    Optimum(small, architecture, read_objective("energy")).run(next(space.batches(1))[0])


def _bounded(space: Mapspace, objective: Objective, found: Found, evaluated: int) -> Found:
    """A search mapping by mapping, with what is known of the rest."""
    if found.optimal:
        return replace(found, mapper=OPTIMAL)
    lower = objective.value(*compulsory(space.problem, space.architecture))
    return replace(found, evaluated=evaluated, lower_bound=min(found.value, lower))
