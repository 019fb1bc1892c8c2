"""Write the table of the zoo: what we count of every network, what others print, and why where they differ.

    python experiments/networks_table.py            # writes workloads/zoo/README.md
    python experiments/networks_table.py --check    # fails if that file is not what would be written

The figures are those of workloads/zoo/published/, compared by `workloads.figures`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

# Scripts run from anywhere, without being installed.
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from experiments.common import run
from simulator.errors import SimulatorError
from simulator.files import write_atomically
from simulator.terminal import progress
from workloads import zoo
from workloads.figures import Figure, figures
from workloads.files import read_text

HEAD = """# The networks

Written by `python experiments/networks_table.py`; do not edit.

MACs are multiply-accumulates of one image (or sequence) at the network's default size, weights are without
biases. *Document*: surveys, slides and collections of benchmark networks. *Paper, framework*: the network's
own paper, or a library that has it. A number in brackets names the source, below. A figure agrees if our
count, rounded or cut off to the printed digits, is that figure; where it does not, a letter names the reason.
"exact" says that our counts equal those counted independently from the shapes, to the last digit. Figures of
single layers are not repeated here, only their differences.

| network | MACs | weights | parameters | document | paper, framework | difference |
|---|---|---|---|---|---|---|
"""
MOST_BYTES = 2**22
NOUNS = {"macs": "MACs", "params": "parameters", "affine": "scales and shifts"}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="networks_table", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only see whether the file is up to date")
    parser.add_argument("--out", type=Path, default=ROOT / "workloads" / "zoo" / "README.md")
    options = parser.parse_args(argv)
    return run(lambda: _update(options.out, options.check))


def _update(path: Path, check: bool) -> None:
    with progress("counting networks"):
        text = page(zoo.names())
    if not check:
        write_atomically(path, text)
    elif read_text(path, SimulatorError, MOST_BYTES) != text:
        raise SimulatorError(f"{path} is out of date; run python experiments/networks_table.py")


def page(names: Iterable[str]) -> str:
    """Return the page of these networks, as Markdown."""
    sources: dict[str, int] = {}
    reasons: list[str] = []
    rows = [_row(name, sources, reasons) for name in names]
    differ = ["", "## Where they differ", "", *reasons]
    cited = ["", "## Sources", "", *(f"{number}. {source}" for source, number in sources.items()), ""]
    return HEAD + "\n".join([*rows, *differ, *cited])


def _row(name: str, sources: dict[str, int], reasons: list[str]) -> str:
    """Return the row of a network; its sources and reasons are added to those of the page."""
    network = zoo.load(name)
    found = figures(network)
    for figure in found:
        if figure.printed is not None and not _is_exact(figure):
            sources.setdefault(figure.source, len(sources) + 1)
    cells = [
        name,
        *(f"{count:,}" for count in (network.macs, network.weights, network.params)),
        _printed(found, "document", sources),
        _printed(found, "published", sources),
        _differences(name, found, sources, reasons),
    ]
    return f"| {' | '.join(cells)} |"


def _printed(found: Sequence[Figure], section: str, sources: dict[str, int]) -> str:
    """Return what a kind of source prints of the whole network, each with its number."""
    shown: dict[str, list[str]] = {}
    for figure in found:
        if figure.of.startswith(section) and ".layers." not in figure.of:
            shown.setdefault(figure.source, []).append(f"{_text(figure)} {_noun(figure)}")
    return "; ".join(f"{', '.join(printed)} [{sources[source]}]" for source, printed in shown.items())


def _differences(name: str, found: Sequence[Figure], sources: dict[str, int], reasons: list[str]) -> str:
    """Return "none" or the letters of the reasons, which are added to the page's list."""
    shown = ["exact"] if any(map(_is_exact, found)) else []
    for figure in found:
        if figure.reason is None:
            continue
        letter = _letters(len(reasons))
        reason = " ".join(figure.reason.split())
        if figure.printed is None:
            shown.append(f"no figure of {_noun(figure)} ({letter})")
            reasons.append(f"- ({letter}) **{name}**, {_noun(figure)}: {figure.ours:,}; {reason}.")
            continue
        over = f"{100 * float(figure.ours / figure.printed - 1):+.3g} %"
        where = figure.of.partition(".layers.")[2].rpartition(".")[0]
        what = f"{where} {_noun(figure)}".strip()
        shown.append(f"{what} {over} ({letter})")
        printed = f"{_text(figure)} in [{sources[figure.source]}]"
        reasons.append(f"- ({letter}) **{name}**, {what}: {printed}, {figure.ours:,} here; {reason}.")
    return ", ".join(shown) or "none"


def _is_exact(figure: Figure) -> bool:
    return figure.of.startswith("exact.")


def _noun(figure: Figure) -> str:
    return NOUNS.get(figure.quantity, figure.quantity.replace("macs", "MACs").replace("_", " "))


def _text(figure: Figure) -> str:
    return f"{int(figure.text):,}" if figure.text.isdigit() else figure.text


def _letters(number: int) -> str:
    """Return a, b, ..., z, aa, ab, ..."""
    first, last = divmod(number, 26)
    return ("" if first == 0 else _letters(first - 1)) + "abcdefghijklmnopqrstuvwxyz"[last]


if __name__ == "__main__":
    sys.exit(main())
