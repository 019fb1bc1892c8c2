"""A dataflow's factors on a machine: bounds that follow from what fits, found by trying.

`all`, `full` and `half` ask how much of a dimension fits where it stands. That is tried with every other loop
of the array and below it at 1, but for dimensions that have no place further out.
"""

from __future__ import annotations

from simulator.dataflows.declaration import read_factor
from simulator.dataflows.nest import Bounds, Nest, Place
from simulator.encoding import Vectors
from simulator.errors import MappingError
from simulator.mapspaces import Constraints, Mapspace
from simulator.mapspaces.constraints import slot_number


def constraints(nest: Nest, whole: Mapspace) -> Constraints:
    """Return what a dataflow's nest allows of the unconstrained mapspace of its problem and machine.

    Raises
    ------
    MappingError
        Where nothing fits a level that is to hold a part of a dimension.
    """
    return _Fitting(nest, whole).constraints()


class _Fitting:
    def __init__(self, nest: Nest, whole: Mapspace) -> None:
        self.nest, self.whole = nest, whole
        self.places = nest.places()
        self.bounds: Bounds = {}
        # In trials: what `full` and `half` found, so that later factors are found beside it.
        self.most: Bounds = {}
        self.saturated: list[str] = []

    def constraints(self) -> Constraints:
        # Places on axes stand for one another: what is asked of one of them is asked of all.
        asked: set[tuple[str, str]] = set()
        for slot, dimension, value, on_array in self._in_turn():
            factor = read_factor(value)
            name = f"{slot}.{dimension}"
            if not factor.word:
                extent = self.whole.problem.extents[dimension]
                self.bounds[name] = (factor.least, max(factor.least, min(factor.most, extent)))
            elif factor.word == "most":
                self.saturated.append(name)
            elif factor.word in ("full", "half"):
                most = self._most(slot, dimension)
                least = most if factor.word == "full" else -(-most // 2)
                self.bounds[name] = (least, self.whole.problem.extents[dimension])
                self.most[name] = (most, most)
            elif factor.word == "all" and (dimension, str(on_array)) not in asked:
                asked.add((dimension, str(on_array)))
                self._all(slot, dimension, on_array)
        return self._with(self.bounds, self.saturated)

    def _in_turn(self) -> list[Place]:
        """The places in the order in which factors are found: inner arrays before those around them."""
        arrays = [place for place in self.places if place[3]]
        arrays.sort(key=lambda place: -self.nest.regions.index(place[0].rpartition(".")[0]))
        first = next((i for i, place in enumerate(self.places) if place[3]), 0)
        others = [place for place in self.places[first:] if not place[3]]
        return [*self.places[:first], *arrays, *others]

    def _all(self, slot: str, dimension: str, on_array: bool) -> None:
        """Close a dimension's loops outside a place, if it then fits; else let it be what does."""
        places = [(f"{s}.{d}", array) for s, d, _, array in self.places if d == dimension]
        names = [name for name, _ in places]
        mine = self._alike(dimension) if on_array else [f"{slot}.{dimension}"]
        # The places on the array stand side by side: all of them but its own are outside.
        until = (
            names.index(mine[-1]) if not on_array else max(i for i, (_, array) in enumerate(places) if array)
        )
        outside: Bounds = {name: (1, 1) for name in names[: until + 1] if name not in mine}
        if self._first(self._alone(mine) | outside, []) is not None:
            self.bounds |= outside
        elif on_array:
            self.saturated += mine
        else:
            most = self._most(slot, dimension)
            self.bounds[mine[0]] = (most, most)

    def _alike(self, dimension: str) -> list[str]:
        """Places on axes that are asked for all of a dimension."""
        places = ((f"{s}.{d}", d, value) for s, d, value, on_array in self.places if on_array)
        return [name for name, d, value in places if d == dimension and value == "all"]

    def _most(self, slot: str, dimension: str) -> int:
        """The largest loop of a dimension in a slot with nothing else there."""
        name = f"{slot}.{dimension}"
        alone = self._alone([name])
        vector = self._first(alone, [name])
        if vector is None:
            raise self.whole.within(self._with({**alone, **self.bounds, **self.most}, [])).empty()
        encoding = self.whole.encoding
        position = encoding.slots[slot_number(encoding, self._with({}, []), slot)].name
        return int(vector[encoding.columns.index(f"{position}.{dimension}")])

    def _alone(self, but: list[str]) -> Bounds:
        """Bounds of 1 for every loop but the outermost of each dimension that is left open."""
        closed: Bounds = {}
        outermost: dict[str, str] = {}
        # What arrays have no places for is left to loops above the innermost.
        inner = max((i for i, place in enumerate(self.places) if place[3]), default=0)
        above = [place for place in self.places[:inner] if not place[3]]
        others = [place for i, place in enumerate(self.places) if place[3] or i >= inner]
        for slot, dimension, _, on_array in [*above, *others]:
            name, place = f"{slot}.{dimension}", "array" if on_array else slot
            if self.bounds.get(name) != (1, 1) and outermost.setdefault(dimension, place) != place:
                closed[name] = (1, 1)
        return {name: bound for name, bound in closed.items() if name not in but}

    def _first(self, bounds: Bounds, saturated: list[str]) -> Vectors | None:
        """A mapping with these bounds besides those found so far; None where there is none."""
        trial = self._with({**bounds, **self.bounds, **self.most}, saturated)
        try:
            vector: Vectors = next(self.whole.within(trial).batches(1))[0]
        except MappingError:
            return None
        return vector

    def _with(self, bounds: Bounds, saturated: list[str]) -> Constraints:
        return self.nest.constraints(self.whole.encoding, bounds, saturated)
