"""Layers that are matrix products: linear, products of activations, attention, recurrent cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from workloads.base import Layer
from workloads.errors import WorkloadError
from workloads.geometry import Shape, one_of, true_or_false, whole_number
from workloads.layers.pointwise import ACTIVATIONS, Softmax


@dataclass(frozen=True)
class Linear(Layer):
    """A fully connected layer over a (features,) vector or a (channels, height, width) map it flattens.

    With ``last_axis`` it is applied to each position of a sequence alone: (..., features) becomes (...,
    out_features), and nothing is flattened.
    """

    out_features: int
    bias: bool = True
    last_axis: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(
            out_features=whole_number(self.out_features, self.where, "out_features"),
            bias=true_or_false(self.bias, self.where, "bias"),
            last_axis=true_or_false(self.last_axis, self.where, "last_axis"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (out_features,), or (..., out_features) with ``last_axis``. Raises WorkloadError."""
        given = self._only(inputs)
        if self.last_axis:
            return *given[:-1], self.out_features
        if len(given) not in (1, 3):
            raise WorkloadError(
                f"{self.where}: Linear needs a (features,) or (channels, height, width) input, not {given}"
            )
        return (self.out_features,)

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return input features x output features."""
        given = self._only(inputs)
        return (given[-1] if self.last_axis else prod(given)) * self.out_features

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return one MAC per weight and position."""
        return self.weight_count(inputs) * prod(self.output_shape(inputs)[:-1])

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return one bias per output feature, or 0."""
        return self.out_features if self.bias else 0


@dataclass(frozen=True)
class MatrixMultiplication(Layer):
    """The product of two activations: (..., rows, inner) by (..., inner, columns), equal leading extents."""

    inputs_taken = (2, 2)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (..., rows, columns). Raises WorkloadError where the two do not fit."""
        self._only(inputs)
        left, right = inputs
        if min(len(left), len(right)) < 2 or left[:-2] != right[:-2] or left[-1] != right[-2]:
            raise WorkloadError(
                f"{self.where}: cannot multiply {left} by {right}; "
                "needs (..., rows, inner) by (..., inner, columns) with equal leading extents"
            )
        return *left[:-1], right[-1]

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return leading extents x rows x inner x columns."""
        return prod(self.output_shape(inputs)) * inputs[0][-1]


@dataclass(frozen=True)
class Attention(Layer):
    """Softmax(Q K^T / sqrt(d)) V in ``heads`` heads, on queries, keys and values that are projected already.

    Inputs: queries (..., positions, heads x d), keys (..., others, kv_heads x d), values (..., others,
    kv_heads x e); each of ``kv_heads`` (by default all) serves an equal share of the heads. ``cached`` keys
    and values of earlier positions are read besides. A mask takes nothing away: masked products are computed,
    as papers count them. Raises WorkloadError.

    >>> Attention("attention", 12).mac_count([(197, 768)] * 3)
    59610624
    """

    heads: int
    kv_heads: int | None = None
    cached: int = 0

    inputs_taken = (3, 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        heads = whole_number(self.heads, self.where, "heads")
        kv_heads = heads if self.kv_heads is None else whole_number(self.kv_heads, self.where, "kv_heads")
        if heads % kv_heads:
            raise WorkloadError(f"{self.where}: kv_heads={kv_heads} does not divide its {heads} heads")
        cached = whole_number(self.cached, self.where, "cached", 0)
        self._set(heads=heads, kv_heads=kv_heads, cached=cached)

    def sizes(self, inputs: Sequence[Shape]) -> tuple[int, int, int, int, int, int]:
        """Return (items, kv heads, positions, positions attended to, features of a query, of a value).

        Raises WorkloadError where the inputs do not fit each other or the heads.
        """
        self._only(inputs)
        kv_heads = self.heads if self.kv_heads is None else self.kv_heads
        queries, keys, values = inputs
        fit = (
            min(map(len, inputs)) > 1
            and queries[:-2] == keys[:-2] == values[:-2]
            and keys[-2] == values[-2]
            and queries[-1] % self.heads == 0
            and keys[-1] * self.heads == queries[-1] * kv_heads
            and values[-1] % kv_heads == 0
        )
        if not fit:
            raise WorkloadError(
                f"{self.where}: queries {queries}, keys {keys} and values {values} do not fit; needs "
                f"(..., positions, {self.heads} x d), (..., others, {kv_heads} x d) and "
                f"(..., others, {kv_heads} x e)"
            )
        items, features = prod(queries[:-2]), (queries[-1] // self.heads, values[-1] // kv_heads)
        return items, kv_heads, queries[-2], keys[-2] + self.cached, *features

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (..., positions, heads x e)."""
        *_, features = self.sizes(inputs)
        return *inputs[0][:-1], self.heads * features

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return those of the scores and of the weighted values: heads x positions x others x (d + e)."""
        items, _, positions, attended, d, e = self.sizes(inputs)
        return items * self.heads * positions * attended * (d + e)

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return one scaling and a softmax per score."""
        items, _, positions, attended, *_ = self.sizes(inputs)
        return items * self.heads * positions * attended * (1 + Softmax.per_value)

    def words_in(self, inputs: Sequence[Shape]) -> int:
        """Return the inputs, and the keys and values that are cached."""
        items, kv_heads, _, _, d, e = self.sizes(inputs)
        return sum(map(prod, inputs)) + items * self.cached * kv_heads * (d + e)


# Sums of gates, and per unit the operations that make its next value of them: an LSTM's three sigmoids, two
# tanh, three multiplications and an addition; a GRU's two sigmoids, tanh, subtraction, three multiplications
# and addition.
_GATES = {"lstm": 4, "gru": 3, "rnn": 1}
_COMBINING = {"lstm": 3 * ACTIVATIONS["sigmoid"] + 6, "gru": 2 * ACTIVATIONS["sigmoid"] + 6, "rnn": 1}
RECURRENT = tuple(_GATES)


@dataclass(frozen=True)
class Recurrent(Layer):
    """A recurrent cell run over (positions, features), a step per position, from left to right.

    kind: "lstm", "gru" or "rnn" (tanh). Further inputs are initial states, (hidden,) each. ``bidirectional``
    runs a second cell from right to left beside it. ``last_only`` gives on the last step's outputs alone.
    ``biases``: bias vectors a gate has; some frameworks train two. Raises WorkloadError.

    >>> Recurrent("lstm", "lstm", 512).weight_count([(20, 256)])
    1572864
    """

    kind: str
    hidden: int
    bidirectional: bool = False
    last_only: bool = False
    biases: int = 1

    inputs_taken = (1, 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(
            kind=one_of(self.kind, RECURRENT, self.where, "kind"),
            hidden=whole_number(self.hidden, self.where, "hidden"),
            bidirectional=true_or_false(self.bidirectional, self.where, "bidirectional"),
            last_only=true_or_false(self.last_only, self.where, "last_only"),
            biases=whole_number(self.biases, self.where, "biases", 0),
        )

    @property
    def directions(self) -> int:
        """1, or 2 where it is bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def gate_units(self) -> int:
        """Sums a step makes in one direction: 4, 3 or 1 per unit."""
        return _GATES[self.kind] * self.hidden

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (positions, hidden), or (hidden,) with ``last_only``; twice hidden if bidirectional."""
        positions, _ = self._sequence(inputs)
        width = self.directions * self.hidden
        for state in inputs[1:]:
            if state != (width,):
                raise WorkloadError(f"{self.where}: an initial state must be ({width},), not {state}")
        return (width,) if self.last_only else (positions, width)

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return directions x gates x hidden x (features + hidden)."""
        return self.directions * self.gate_units * (self._sequence(inputs)[1] + self.hidden)

    def bias_count(self, inputs: Sequence[Shape]) -> int:
        """Return directions x gates x hidden for each bias vector."""
        return self.directions * self.gate_units * self.biases

    def mac_count(self, inputs: Sequence[Shape]) -> int:
        """Return one MAC per weight and position."""
        return self._sequence(inputs)[0] * self.weight_count(inputs)

    def operation_count(self, inputs: Sequence[Shape]) -> int:
        """Return per step the sums of both products and the biases, and the gates' functions and products."""
        summed = self.gate_units * (1 + self.biases)
        steps = self.directions * self._sequence(inputs)[0]
        return steps * (summed + _COMBINING[self.kind] * self.hidden)


@dataclass(frozen=True)
class Embedding(Layer):
    """A table of ``rows`` vectors, one of which is looked up for every index of a (positions,) input.

    Only the rows looked up are read.
    """

    rows: int
    features: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set(
            rows=whole_number(self.rows, self.where, "rows"),
            features=whole_number(self.features, self.where, "features"),
        )

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """Return (..., features)."""
        return *self._only(inputs), self.features

    def weight_count(self, inputs: Sequence[Shape]) -> int:
        """Return rows x features."""
        return self.rows * self.features

    def words_in(self, inputs: Sequence[Shape]) -> int:
        """Return the indices and a row for each."""
        return prod(self._only(inputs)) * (1 + self.features)

    def words_trained(self, inputs: Sequence[Shape]) -> int:
        """Return 0: the rows are counted as they are read."""
        return 0
