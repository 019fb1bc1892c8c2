"""Matrices for formulations as mixed-integer programs, of the kind of CoSA.

A program assigns the prime factors of every dimension to places (storage levels and axes of arrays, in nest
order); with logarithms of the factors, tiles and the places used are sums. `Mapping.from_factors` makes a
mapping of the answer.

References
----------
Q. Huang et al., "CoSA: Scheduling by Constrained Optimization for Spatial Accelerators", ISCA 2021.
"""

from __future__ import annotations

import io
import json
import math
import os
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from simulator.architecture import ARRAY_ACTIONS, STORAGE_ACTIONS, TENSORS, Architecture, Storage
from simulator.errors import SimulatorError
from simulator.files import write_atomically
from simulator.legality import moved_bits, word_bits, word_widths
from simulator.mapping_factors import places_of
from simulator.problem import Problem

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# Solvers answer within a tolerance of whole numbers.
_TOLERANCE = 1e-3
_LARGEST_PRIME = 97


@dataclass(frozen=True, eq=False)
class MipMatrices:
    """A problem and a machine as arrays. D dimensions, T tensors, L levels, X axes, R arrays, P = L + X
    places, F prime factors (each with how often it occurs), C capacities.

    Attributes
    ----------
    places
        Levels and axes, outermost first. A level's tile of a tensor is the product of the factors, at its own
        place and all that follow, of the dimensions relevant to the tensor: of those that slide (``partner``)
        at most that.
    extents, padded (D,)
        Extents, and what the prime factors multiply to.
    factor_dimension, factor_prime, factor_count (F,)
        The dimension's index, the prime, and how often it divides the padded extent.
    relevant (D, T)
        Whether a dimension indexes a tensor.
    partner, coefficient (D, T)
        The dimension with which it shares a rank, coordinate = sum of coefficient times index, or -1; and its
        coefficient, 0 where it does not index the tensor.
    level_place (L,), axis_place (X,)
        Where they stand among ``places``.
    storable, required (L, T)
        Whether a level may, and must, keep a tensor.
    word_bits, copies (L, T)
        The width of a word, and 2 where a tile is double-buffered.
    log2_capacity (L, T)
        Log2 of the words of a tensor's tile that fit a level if nothing shares its capacity; inf without
        limit, -inf where it is not storable.
    capacities, capacity_bits (C,), capacity_shared (C, L, T)
        Each level's capacity, or those of its partitions: name, bits, and whose tiles share it.
    axes, fan_out (X,), moves (X, T)
        Axes, their places, and whether one word of a tensor reaches several of them (of outputs: whether they
        are summed on the way).
    price (L, A, T), network_price (R, B, T), mac_price (1,)
        Energy per word, in ``energy_unit``, of A actions of ``storage_actions`` and B of ``network_actions``;
        of a run-length coded level as expected.
    """

    problem: str
    architecture: str
    energy_unit: str
    dimensions: tuple[str, ...]
    tensors: tuple[str, ...]
    levels: tuple[str, ...]
    arrays: tuple[str, ...]
    axes: tuple[str, ...]
    places: tuple[str, ...]
    capacities: tuple[str, ...]
    storage_actions: tuple[str, ...]
    network_actions: tuple[str, ...]
    extents: Ints
    padded: Ints
    factor_dimension: Ints
    factor_prime: Ints
    factor_count: Ints
    relevant: Flags
    partner: Ints
    coefficient: Ints
    level_place: Ints
    axis_place: Ints
    storable: Flags
    required: Flags
    word_bits: Ints
    copies: Ints
    log2_capacity: Floats
    capacity_bits: Ints
    capacity_shared: Flags
    fan_out: Ints
    moves: Flags
    price: Floats
    network_price: Floats
    mac_price: Floats

    def factors(self, counts: npt.ArrayLike) -> dict[str, dict[str, int]]:
        """Return the factors, for `Mapping.from_factors`, of how often each prime goes to each place.

        Parameters
        ----------
        counts (F, P)
            Whole numbers, within what a solver leaves of them; each row sums to its ``factor_count``.

        Raises
        ------
        SimulatorError
            For another shape, numbers that are not whole, or a prime factor that is not assigned as often as
            it occurs.
        """
        given = _numbers(counts, (len(self.factor_prime), len(self.places)))
        whole = np.rint(given)
        for factor, place in np.argwhere(~(np.abs(given - whole) <= _TOLERANCE) | (whole < 0))[:1]:
            raise SimulatorError(
                f"counts[{factor}, {place}]: a whole number from 0 on, not {given[factor, place]}"
            )
        for factor in np.flatnonzero(whole.sum(axis=1) != self.factor_count)[:1]:
            dimension, prime = self.dimensions[self.factor_dimension[factor]], self.factor_prime[factor]
            times, given_times = self.factor_count[factor], whole[factor].sum()
            raise SimulatorError(
                f"counts[{factor}]: {dimension} has the factor {prime} {times} times, not {given_times:.0f}"
            )
        found: dict[str, dict[str, int]] = {d: dict.fromkeys(self.places, 1) for d in self.dimensions}
        for factor, place in np.argwhere(whole > 0):
            power = int(self.factor_prime[factor]) ** int(whole[factor, place])
            found[self.dimensions[self.factor_dimension[factor]]][self.places[place]] *= power
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, by field; numbers that are not finite become None."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write every field to a file: NumPy arrays in ``.npz`` (names as text), plain data in ``.json``.

        Raises
        ------
        SimulatorError
            For another ending, or a file that cannot be written.
        """
        ending = Path(path).suffix
        if ending == ".json":
            write_atomically(path, json.dumps(self.to_dict()))
        elif ending == ".npz":
            stream = io.BytesIO()
            arrays: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
            np.savez(stream, **arrays)
            write_atomically(path, stream.getvalue())
        else:
            raise SimulatorError(f"cannot write {path}: matrices go to a file ending in .npz or .json")


def mip_matrices(
    problem: Problem, architecture: Architecture, largest_prime: int | None = None
) -> MipMatrices:
    """Return the matrices of a problem on a machine.

    Parameters
    ----------
    largest_prime
        Extents are padded to the next number without a larger prime factor; by default they stay as they are.

    Raises
    ------
    SimulatorError
        For tensors the machine does not know, or a largest prime that is no whole number from 2 to 97.
    """
    for tensor in problem.tensor_names:
        if tensor not in TENSORS:
            raise SimulatorError(
                f"{problem.name}: machines know the tensors {', '.join(TENSORS)}; rename {tensor!r}"
            )
    return MipMatrices(
        problem=problem.name,
        architecture=architecture.name,
        energy_unit=architecture.energy_unit,
        tensors=problem.tensor_names,
        places=places_of(architecture),
        **_dimension_fields(problem, largest_prime),
        **_rank_fields(problem),
        **_level_fields(problem, architecture),
        **_capacity_fields(problem, architecture),
        **_array_fields(problem, architecture),
    )


def _dimension_fields(problem: Problem, largest_prime: int | None) -> dict[str, Any]:
    extents = list(problem.extents.values())
    padded = extents if largest_prime is None else _padded(extents, largest_prime)
    factors = [(d, *pair) for d, extent in enumerate(padded) for pair in prime_factors(extent).items()]
    dimension, prime, count = np.array(factors, np.int64).reshape(-1, 3).T
    return {
        "dimensions": tuple(problem.extents),
        "extents": np.array(extents),
        "padded": np.array(padded),
        "factor_dimension": dimension,
        "factor_prime": prime,
        "factor_count": count,
    }


def _rank_fields(problem: Problem) -> dict[str, Any]:
    numbers = {dimension: i for i, dimension in enumerate(problem.extents)}
    shape = len(numbers), len(problem.tensors)
    partner, coefficient = np.full(shape, -1, np.int64), np.zeros(shape, np.int64)
    for t, tensor in enumerate(problem.tensors):
        for rank in tensor.ranks:
            for dimension, factor in rank.coefficients:
                coefficient[numbers[dimension], t] = factor
                for other in set(rank.dimensions) - {dimension}:
                    partner[numbers[dimension], t] = numbers[other]
    return {"relevant": coefficient > 0, "partner": partner, "coefficient": coefficient}


def _level_fields(problem: Problem, architecture: Architecture) -> dict[str, Any]:
    storages, tensors, places = architecture.storages, problem.tensor_names, places_of(architecture)
    price = np.zeros((len(storages), len(STORAGE_ACTIONS), len(tensors)))
    for s, storage in enumerate(storages):
        for t, tensor in enumerate(tensors):
            if tensor in storage.keeps:
                units = _units_per_word(problem, architecture, storage, tensor)
                price[s, :, t] = [units * storage.price(action, tensor) for action in STORAGE_ACTIONS]
    return {
        "levels": tuple(s.name for s in storages),
        "level_place": np.array([places.index(s.name) for s in storages]),
        "storable": np.array([[t in s.keeps for t in tensors] for s in storages]),
        "required": np.array([[t in s.required for t in tensors] for s in storages]),
        "word_bits": np.array(
            [[word_bits(problem, architecture, t, s.name) for t in tensors] for s in storages]
        ),
        "copies": np.array([[1 + s.double_buffered(t) for t in tensors] for s in storages]),
        "storage_actions": STORAGE_ACTIONS,
        "price": price,
    }


def _units_per_word(problem: Problem, architecture: Architecture, storage: Storage, tensor: str) -> float:
    """Priced units, words or parts of a block, that a word in use takes."""
    where = (problem, architecture, tensor, storage.name)
    per_unit = storage.block_bits if storage.price_per == "block" else word_widths(*where)[0]
    assert per_unit is not None
    return moved_bits(*where)[0] / per_unit


def _capacity_fields(problem: Problem, architecture: Architecture) -> dict[str, Any]:
    storages, tensors = architecture.storages, problem.tensor_names
    names, bits, shared = [], [], []
    room = np.array([[np.inf if t in s.keeps else -np.inf for t in tensors] for s in storages])
    for s, storage in enumerate(storages):
        # Partitions hold all that a level keeps, in no more than its capacity.
        whole = (
            [("capacity", storage.keeps, storage.capacity_bits)] if storage.capacity_bits is not None else []
        )
        parts = [("+".join(part.tensors), part.tensors, part.capacity_bits) for part in storage.partitions]
        for name, inside, capacity in parts or whole:
            names.append(f"{storage.name}.{name}")
            bits.append(capacity)
            shared.append([[other is storage and t in inside for t in tensors] for other in storages])
            for t, tensor in enumerate(tensors):
                if tensor in inside:
                    width = word_bits(problem, architecture, tensor, storage.name)
                    words = capacity // (width * (1 + storage.double_buffered(tensor)))
                    room[s, t] = math.log2(words) if words else -np.inf
    return {
        "capacities": tuple(names),
        "capacity_bits": np.array(bits, np.int64),
        "capacity_shared": np.array(shared, np.bool_).reshape(-1, len(storages), len(tensors)),
        "log2_capacity": room,
    }


def _array_fields(problem: Problem, architecture: Architecture) -> dict[str, Any]:
    tensors, places = problem.tensor_names, places_of(architecture)
    axes = [(f"{array.name}.{axis.name}", axis) for array in architecture.arrays for axis in array.axes]
    moves = [
        [axis.reduces if t == problem.output else axis.multicasts(t) for t in tensors] for _, axis in axes
    ]
    prices = [
        [[array.price(action, t) for t in tensors] for action in ARRAY_ACTIONS]
        for array in architecture.arrays
    ]
    return {
        "arrays": tuple(array.name for array in architecture.arrays),
        "axes": tuple(name for name, _ in axes),
        "axis_place": np.array([places.index(name) for name, _ in axes], np.int64),
        "fan_out": np.array([axis.size for _, axis in axes], np.int64),
        "moves": np.array(moves, np.bool_).reshape(-1, len(tensors)),
        "network_actions": ARRAY_ACTIONS,
        "network_price": np.array(prices, np.float64).reshape(-1, len(ARRAY_ACTIONS), len(tensors)),
        "mac_price": np.array([architecture.mac.price]),
    }


def prime_factors(number: int) -> dict[int, int]:
    """Return the primes that divide a number from 1 on, ascending, and how often each does."""
    found: dict[int, int] = {}
    divisor = 2
    while number > 1:
        if divisor * divisor > number:
            divisor = number
        while number % divisor == 0:
            found[divisor] = found.get(divisor, 0) + 1
            number //= divisor
        divisor += 1
    return found


def _padded(extents: list[int], largest_prime: int) -> list[int]:
    """The least numbers from the extents on without a prime factor past the largest."""
    whole = isinstance(largest_prime, int) and not isinstance(largest_prime, bool)
    if not whole or not 2 <= largest_prime <= _LARGEST_PRIME:
        raise SimulatorError(
            f"largest_prime must be a whole number from 2 to {_LARGEST_PRIME}, not {largest_prime!r}"
        )
    primes = [n for n in range(2, largest_prime + 1) if prime_factors(n) == {n: 1}]

    @cache
    def least(number: int) -> int:
        if number == 1:
            return 1
        return min(prime * least(-(-number // prime)) for prime in primes)

    return [least(extent) for extent in extents]


def _numbers(given: npt.ArrayLike, shape: tuple[int, int]) -> Floats:
    try:
        array = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise SimulatorError("counts must be numbers, a row for each prime factor") from None
    if array.shape != shape:
        raise SimulatorError(f"counts must be of shape {shape}, prime factors by places, not {array.shape}")
    return array


def _plain(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind != "f":
        return value.tolist()
    finite: npt.NDArray[np.object_] = value.astype(object)
    finite[~np.isfinite(value)] = None
    return finite.tolist()
