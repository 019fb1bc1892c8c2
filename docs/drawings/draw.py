"""Draws the pictures of the documentation: `python docs/drawings/draw.py` writes them beside itself.

They are SVG in a few shapes, follow the reader's light or dark system, and need nothing but a browser. What
they say in numbers is counted here, from sets of words.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d252b; }
.code { font-family: ui-monospace, monospace; }
.small { font-size: 12px; }
.strong { font-weight: 600; }
.middle { text-anchor: middle; }
.cell { fill: #eef2f4; stroke: #7b8a94; }
.box { fill: none; stroke: #52616b; stroke-width: 1.5; }
.held { fill: #a9d2ee; stroke: #2f6f9f; }
.new { fill: #f6b04e; stroke: #8a5200; stroke-width: 2; }
.idle { fill: none; stroke: #7b8a94; stroke-dasharray: 3 3; }
.arrow { fill: none; stroke: #52616b; stroke-width: 1.5; marker-end: url(#tip); }
.tip { fill: #52616b; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6ebee; }
  .cell { fill: #303940; stroke: #8a99a3; }
  .box, .arrow { stroke: #a5b3bc; }
  .tip { fill: #a5b3bc; }
  .held { fill: #28597a; stroke: #8cc4ea; }
  .new { fill: #a86a12; stroke: #ffcf8a; }
}
"""
CELL = 26


class Drawing:
    """Shapes by absolute places, in pixels from the upper left; ``says`` is for those who cannot see it."""

    def __init__(self, width: int, height: int, says: str) -> None:
        self.width, self.height, self.says, self.parts = width, height, says, list[str]()

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        """Text whose base line begins at (x, y); leading blanks stay."""
        blanks = len(text) - len(text.lstrip())
        words = "\N{NO-BREAK SPACE}" * blanks + escape(text.lstrip())
        self.parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}">{words}</text>')

    def box(self, x: float, y: float, width: float, height: float, kind: str, label: str = "") -> None:
        """A rectangle with a label in its middle."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="3" class="{kind}"/>'
        )
        if label:
            self.text(x + width / 2, y + height / 2 + 4.5, label, "middle")

    def arrow(self, *points: tuple[float, float]) -> None:
        """A line through points, with its tip at the last."""
        path = " L".join(f"{x:g} {y:g}" for x, y in points)
        self.parts.append(f'<path d="M{path}" class="arrow"/>')

    def words(self, x: float, y: float, count: int, held: set[int], new: set[int]) -> None:
        """A row of words 0 to count - 1: those of a tile, and of these the new ones."""
        for word in range(count):
            kind = "new" if word in new else "held" if word in held else "cell"
            self.box(x + word * CELL, y, CELL - 3, CELL - 3, kind, str(word) if word in held else "")

    def svg(self) -> str:
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" role="img">\n<title>{escape(self.says)}</title>\n<style>{STYLE}</style>\n'
            '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="7" refY="4" orient="auto">'
            f'<path d="M0 0 L8 4 L0 8 z" class="tip"/></marker></defs>\n{body}\n</svg>\n'
        )


def nest() -> Drawing:
    """A nest beside the machine it runs on, with a boundary for every tensor and pair of levels."""
    drawing = Drawing(
        740, 256, "A loop nest, and the buffer, scratchpads and MACs that it moves words between"
    )
    lines = (
        "buffer keeps weights, inputs, outputs",
        "for p in 3:",
        "  parallel for p in 2 on x:",
        "    spad keeps inputs",
        "    for r in 3:",
        "      multiply-accumulate",
    )
    for row, line in enumerate(lines):
        drawing.text(10, 50 + 30 * row, line, "code")
    drawing.box(350, 20, 370, 44, "box", "buffer")
    for place, x in enumerate((392, 578)):
        drawing.text(x + 50, 248, f"place {place} on x", "small middle")
        drawing.box(x, 122, 100, 36, "held", "spad")
        drawing.box(x, 196, 100, 36, "cell", "MAC")
        drawing.arrow((x + 30, 64), (x + 30, 120))
        drawing.arrow((x + 30, 158), (x + 30, 194))
        drawing.arrow((x - 14, 64), (x - 14, 214), (x - 2, 214))
        drawing.arrow((x + 100, 214), (x + 116, 214), (x + 116, 66))
        drawing.text(x + 36, 98, "inputs", "small")
        drawing.text(x + 36, 182, "inputs", "small")
        drawing.text(x - 64, 150, "weights", "small")
        drawing.text(x + 66, 112, "outputs", "small")
    return drawing


def window() -> Drawing:
    """A tile that slides: a word that is held already is not fetched again."""
    drawing = Drawing(560, 215, "Input words held at each step; only one new word comes after the first step")
    held: set[int] = set()
    total = 0
    for p in range(5):
        tile = {p, p + 1, p + 2}
        new = tile - held
        y = 26 + 32 * p
        drawing.text(10, y + 16, f"p = {p}", "code")
        drawing.words(70, y, 7, tile, new)
        drawing.text(280, y + 16, f"{len(new)} new, {len(tile & held)} held")
        held, total = tile, total + len(new)
    drawing.text(280, 204, f"{total} fills, not {5 * 3}", "strong")
    return drawing


def multicast() -> Drawing:
    """Two places with overlapping windows: what they need, what is read for both, what a neighbour had."""
    drawing = Drawing(
        720, 330, "Windows of two places: fills, words read once for both, words a neighbour held"
    )
    held: list[set[int]] = [set(), set()]
    before: set[int] = set()
    sums = [0, 0, 0]
    for step in range(3):
        y = 30 + 92 * step
        drawing.text(10, y + 16, f"step {step}", "strong")
        tiles = [{2 * step + x + r for r in range(3)} for x in range(2)]
        needs = [tile - old for tile, old in zip(tiles, held, strict=True)]
        read = needs[0] | needs[1]
        for place in range(2):
            drawing.text(72, y + 16 + 30 * place, f"x = {place}", "code")
            drawing.words(120, y + 30 * place, 8, tiles[place], needs[place])
        counts = (len(needs[0]) + len(needs[1]), len(read), len(read & before))
        sums = [old + count for old, count in zip(sums, counts, strict=True)]
        listed = ", ".join(map(str, sorted(read)))
        drawing.text(350, y + 10, f"{counts[0]} fills: {len(needs[0])} and {len(needs[1])} new words")
        drawing.text(350, y + 31, f"{counts[1]} reads: words {listed}, each once")
        forwarded = ", ".join(map(str, sorted(read & before))) or "none"
        drawing.text(350, y + 52, f"forwardable: {forwarded}")
        held, before = tiles, tiles[0] | tiles[1]
    drawing.text(350, 315, f"{sums[0]} fills, {sums[1]} reads, {sums[2]} forwardable", "strong")
    return drawing


def sums() -> Drawing:
    """Partial sums on their way up: with and without an adder, and in the other order."""
    drawing = Drawing(
        740, 300, "Partial sums from two places: added on the way, merged at the buffer, or finished below it"
    )
    panels = (
        ("c outside m", "the axis adds", True, (8, 4, 0, 2)),
        ("c outside m", "the axis does not add", False, (8, 8, 4, 2)),
        ("m outside c", "the axis adds", True, (4, 2, 0, 0)),
    )
    for panel, (order, axis, adds, (contributed, drains, merges, refills)) in enumerate(panels):
        x = 10 + 248 * panel
        drawing.text(x, 20, order, "strong")
        drawing.text(x, 38, axis)
        drawing.box(x, 54, 210, 34, "box", "buffer")
        for place in range(2):
            left = x + 20 + 100 * place
            drawing.box(left, 176, 70, 34, "held", "spad")
            if adds:
                drawing.arrow((left + 35, 176), (x + 98 + 14 * place, 148))
            else:
                drawing.arrow((left + 35, 176), (left + 35, 90))
        if adds:
            drawing.parts.append(f'<circle cx="{x + 105}" cy="136" r="14" class="box"/>')
            drawing.text(x + 105, 141, "+", "middle strong")
            drawing.arrow((x + 105, 122), (x + 105, 90))
        drawing.text(x, 236, f"contributed {contributed}")
        drawing.text(x, 254, f"drains {drains}")
        drawing.text(x, 272, f"merges {merges}")
        drawing.text(x, 290, f"refills {refills}")
    return drawing


def ragged() -> Drawing:
    """27 rows on 14 columns: the second step has an idle place."""
    drawing = Drawing(
        640, 130, "27 rows on 14 places in two steps; the last place of the second step is idle"
    )
    for step in range(2):
        y = 20 + 44 * step
        drawing.text(10, y + 20, f"step {step}", "strong")
        for place in range(14):
            row = 14 * step + place
            kind, label = ("held", str(row)) if row < 27 else ("idle", "")
            drawing.box(70 + 38 * place, y, 34, 30, kind, label)
    drawing.text(70, 122, f"27 of 2 x 14 places work: utilization {27 / 28:.1%}")
    return drawing


def timeline() -> Drawing:
    """Three ways for the next tile to come in, on one scale of time."""
    drawing = Drawing(740, 300, "Transfers and computation over time, for double, fifo and single tiles")
    work, move = 90, 50
    lanes = {
        "double": "the next tile comes into a second place",
        "fifo": "words come into places the old tile has left",
        "single": "the next tile waits for the computation, and it for the tile",
    }
    for lane, (name, how) in enumerate(lanes.items()):
        y = 30 + 90 * lane
        drawing.text(10, y - 6, name, "strong")
        drawing.text(70, y - 6, how)
        drawing.text(10, y + 18, "transfer", "small")
        drawing.text(10, y + 48, "compute", "small")
        start = 80
        for tile in range(4):
            if name == "single":
                moved, worked = start + tile * (work + move), start + tile * (work + move) + move
            else:
                worked = start + move + tile * work
                # Into a second place as soon as that is free; word by word up to the end of the tile before.
                early = worked - work if name == "double" else worked - move
                moved = early if tile else start
            drawing.box(moved, y, move, 24, "new", f"{tile}")
            drawing.box(worked, y + 30, work, 24, "held", f"{tile}")
        end = worked + work
        drawing.text(end + 10, y + 48, f"{end - start} cycles", "strong")
    drawing.text(80, 292, "tile 0's transfer is the first fill; what single tiles wait for later is exposed")
    return drawing


def wires() -> Drawing:
    """One word on its way to a diagonal of places, over four networks; counted for it and for all words."""
    columns, rows, chosen = 4, 3, 3
    drawing = Drawing(
        740,
        330,
        "Wires that one word drives to reach three of twelve places: place by place, bus, tree, mesh",
    )
    drawing.text(10, 18, f"word {chosen} of outputs[x] += weights[y] * inputs[x + y], to places of 4 x 3")
    words = {x + y: [(a, x + y - a) for a in range(columns) if 0 <= x + y - a < rows]
             for x in range(columns) for y in range(rows)}  # fmt: skip
    for panel, kind in enumerate(("unicast", "bus", "tree", "mesh")):
        left, top = 24 + 182 * panel, 66
        drawing.text(left - 14, 44, kind, "strong")
        driven = wires_to(words[chosen], kind, columns, rows)
        counts = {word: len(wires_to(places, kind, columns, rows)) for word, places in words.items()}
        for y in range(rows):
            for x in range(columns):
                kept = "held" if (x, y) in words[chosen] else "cell"
                drawing.box(left + 40 * x, top + 72 * y, 26, 26, kept)
        for wire in sorted(set(driven)):
            _draw_wire(drawing, left, top, kind, wire)
        drawing.text(left - 14, 306, f"{counts[chosen]} hops", "strong")
        drawing.text(left - 14, 324, f"all {len(words)} words: {sum(counts.values())}", "small")
    return drawing


Wire = tuple[str, int, int, int]


def wires_to(places: list[tuple[int, int]], kind: str, columns: int, rows: int) -> list[Wire]:
    """Wires on the ways to places, x and y: an axis, the row of a branch, a level, a number along the axis.

    Each stands once, but where places are fed one by one.
    """
    ways: list[Wire] = []
    for x, y in places:
        for axis, row, at, size in (("y", 0, y, rows), ("x", y, x, columns)):
            if kind == "tree":
                ways += [(axis, row, level, at >> level) for level in range((size - 1).bit_length())]
            else:
                end = size - 1 if kind == "bus" else at
                ways += [(axis, row, 0, i) for i in range(end)]
    return ways if kind == "unicast" else sorted(set(ways))


def _draw_wire(drawing: Drawing, left: float, top: float, kind: str, wire: Wire) -> None:
    """A wire between neighbours, or of a tree from a node to the one above it: below a row, or left of it."""
    axis, row, level, i = wire
    thick, reach = 4, 2**level
    if kind != "tree":
        x, y = (left + 40 * i + 26, top + 72 * row + 11) if axis == "x" else (left + 11, top + 72 * i + 26)
        drawing.box(x, y, *((14, thick) if axis == "x" else (thick, 46)), "new")
        return
    # From the middle of the places below the node to the middle of those below the node above it.
    low, high = ((at * size + (size - 1) / 2) for at, size in ((i, reach), (i // 2, 2 * reach)))
    if axis == "x":
        y = top + 72 * row + 30 + 14 * level
        drawing.box(left + 40 * low + 11, y, thick, 12, "new")
        drawing.box(left + 40 * min(low, high) + 11, y + 11, 40 * abs(high - low) + thick, thick, "new")
    else:
        x = left - 8 - 9 * level
        drawing.box(x - 3, top + 72 * low + 11, 10, thick, "new")
        drawing.box(x - 5, top + 72 * min(low, high) + 11, thick, 72 * abs(high - low) + thick, "new")


DRAWINGS = {f.__name__: f for f in (nest, window, multicast, sums, ragged, timeline, wires)}


def main() -> None:
    """Write every drawing beside this file."""
    for name, draw in DRAWINGS.items():
        Path(__file__).with_name(f"{name}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
