"""A mapping's nest as text beside a picture: loops of one kind on one line, tensors in their colours."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from simulator.architecture import Architecture, Storage
from simulator.legality import check_mapping, tile_words
from simulator.mapping import Loop, Mapping, Store
from simulator.plots.style import FIXED_LOOKS, POINTS
from simulator.problem import Problem, Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LETTERS = 56  # in a line of half a page
_LETTER = 0.602 * POINTS  # a letter of DejaVu Sans Mono, which comes with matplotlib


def nest_lines(problem: Problem, architecture: Architecture, mapping: Mapping) -> list[str]:
    """The nest, loops of one kind together, then which tiles a place of the innermost array holds."""
    mapping = check_mapping(problem, architecture, mapping)
    lines: list[str] = []
    depth = 0
    for kind, nodes in groupby(mapping.nodes, _kind):
        loops = [node for node in nodes if isinstance(node, Loop) and node.bound > 1]
        if isinstance(kind, Store):
            lines += _wrapped(f"{kind.level} keeps {' '.join(kind.tensors) or 'nothing'}", depth)
        elif loops:
            head = f"parallel on {kind}:" if kind else "for"
            lines += _wrapped(
                f"{head} {', '.join(f'{loop.dimension.lower()} {loop.bound}' for loop in loops)}", depth
            )
            depth += 1
    lines += ["  " * depth + "multiply-accumulate", "", f"in a place of {architecture.arrays[-1].name}:"]
    for tensor in problem.tensors:
        lines += _kept(problem, architecture, mapping, tensor)
    return lines


def draw_text(figure: Figure, lines: Sequence[str], left: float, top: float, line: float) -> None:
    """Write lines below a height of the figure, in inches; tensors' names stand on their colour."""
    width, height = figure.get_size_inches()
    for number, text in enumerate(lines):
        for word in re.finditer(r"\S+", text):
            look = FIXED_LOOKS.get(word[0])
            figure.text(
                (left + word.start() * _LETTER / 72) / width, (top - number * line) / height, word[0],
                family="DejaVu Sans Mono", fontsize=POINTS, va="top",
                bbox=look and {"facecolor": look[0], "edgecolor": "none", "alpha": 0.6, "pad": 0.6},
            )  # fmt: skip


def _kind(node: Store | Loop) -> Store | str:
    """What stands on one line: a store alone, neighbouring loops in time or on one axis."""
    return node if isinstance(node, Store) else (node.place if node.spatial else "")


def _wrapped(text: str, depth: int) -> list[str]:
    indent = "  " * depth
    return textwrap.wrap(text, _LETTERS, initial_indent=indent, subsequent_indent=indent + "    ")


def _kept(problem: Problem, architecture: Architecture, mapping: Mapping, tensor: Tensor) -> list[str]:
    """The levels inside the innermost array that keep a tensor: its tile, and the loops it stays for."""
    inside = [
        (architecture.storage(level), above)
        for level, above in mapping.keepers(tensor.name)
        if architecture.rank_of(level) > architecture.arrays[-1].rank
    ]
    if not inside:
        latched = tensor.name in architecture.mac.latches
        return _wrapped(f"{tensor.name} {'in a latch of the MAC' if latched else 'not kept'}", 1)
    return [line for level, above in inside for line in _tile(problem, mapping, tensor, level, above)]


def _tile(problem: Problem, mapping: Mapping, tensor: Tensor, level: Storage, above: int) -> list[str]:
    words = tile_words(problem, mapping, tensor.name, level.name, level.stores_padding)
    below = [loop for loop in mapping.loops[above:] if not loop.spatial and loop.bound > 1]
    reuse = [loop.dimension.lower() for loop in below if loop.dimension not in tensor.dimensions]
    stays = f", stay across {' '.join(dict.fromkeys(reuse))}" if reuse else ""
    return _wrapped(f"{tensor.name} {words:,} word{'s'[: words != 1]} in {level.name}{stays}", 1)
