"""What the command line shows: errors in one line, progress while it works, tables of layers and networks."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from simulator.errors import SimulatorError
from simulator.report import big, mapspace_data, notes, plain_table, result_table, to_text

if TYPE_CHECKING:
    from simulator.cost.timing import Cycles
    from simulator.counting import BoundaryCounts
    from simulator.mappers import Certificate, Found, Standing
    from simulator.mapspaces import Mapspace, Size
    from simulator.problem import Problem
    from simulator.results import LayerResult, NetworkResult
    from simulator.study.running import Standing as SweepStanding

Report = Callable[[str, int, int], None]
# How often a line of progress is written where there is no terminal.
_LINE_SECONDS = 10.0


class Commands(TyperGroup):
    """Turns errors into a line on stderr and an exit code: 2 bad input, 1 a defect, 130 Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        try:
            value = super().invoke(ctx)
            # Here rather than at exit, where a closed pipe could no longer be caught.
            if sys.stdout is not None:
                sys.stdout.flush()
            return value
        except KeyboardInterrupt:
            _tell("interrupted")
            raise typer.Exit(130) from None
        except BrokenPipeError:
            _discard_output()
            raise typer.Exit(1) from None
        except (MemoryError, RecursionError) as error:
            what = "memory" if isinstance(error, MemoryError) else "stack"
            _tell(f"error: too large to simulate: not enough {what}")
            raise typer.Exit(2) from None
        except OSError as error:
            _tell(f"error: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
            _discard_output()
            raise typer.Exit(2) from None
        except ValueError as error:
            from simulator.errors import EngineDifferenceError
            from workloads import WorkloadError

            if not isinstance(error, SimulatorError | WorkloadError):
                raise
            _tell(f"error: {' '.join(str(error).split())}")
            raise typer.Exit(1 if isinstance(error, EngineDifferenceError) else 2) from None


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr)


def _discard_output() -> None:
    """Send what is left to nowhere: Python writes it out again at exit and would complain again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_parts(parts: Callable[[int | None], Iterable[RenderableType]]) -> None:
    """Print tables and text, made for a width (None where no terminal sets one)."""
    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        print(to_text(parts(None)))
        return
    for part in parts(console.width):
        console.print(part)


@contextmanager
def progress(doing: str) -> Iterator[Report | None]:
    """Show what is being done, the rate and the time left on stderr; None where it is no terminal."""
    with _bar(doing, _Rate()) as update:
        yield update and (lambda doing, done, total: update(doing, completed=done, total=total))


@contextmanager
def search_progress(doing: str) -> Iterator[Callable[[Standing], None] | None]:
    """Show how far a search is, its rate, the time left and the best so far; None where it is no terminal."""
    with _bar(doing, TextColumn("{task.fields[standing]}")) as update:

        def report(standing: Standing) -> None:
            assert update is not None
            update(
                doing, completed=standing.part or 0, total=standing.part and 1, standing=_standing(standing)
            )

        yield update and report


@contextmanager
def sweep_progress(doing: str) -> Iterator[Callable[[SweepStanding, str], None]]:
    """Show how many items of a sweep are done, the rate, the time left and the best so far, on stderr.

    What is yielded takes a sweep's standing and the best so far, as "best of alexnet: ..". Where
    stderr is no terminal it writes a line at the start, at the end and every ten seconds.
    """
    start, told = time.monotonic(), -math.inf
    with _bar(doing, TextColumn("{task.fields[standing]}")) as update:

        def report(standing: SweepStanding, best: str = "") -> None:
            nonlocal told
            now = time.monotonic()
            text = _sweep_standing(standing, best, now - start, with_time_left=update is None)
            if update is not None:
                update(doing, completed=standing.done, total=standing.total, standing=text)
            elif standing.done == standing.total or now >= told + _LINE_SECONDS:
                told = now
                _tell(f"{doing}: {text}")

        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: _tell(f"warning: {message}")
            yield report


def _sweep_standing(standing: SweepStanding, best: str, seconds: float, with_time_left: bool) -> str:
    parts = [f"{standing.done:,} of {standing.total:,} items"]
    rate = (standing.done - standing.reused) / max(seconds, 1e-9)
    if rate:
        parts.append(f"{rate:.3g}/s")
    if rate and with_time_left and standing.done < standing.total:
        parts.append(f"{timedelta(seconds=round((standing.total - standing.done) / rate))} left")
    parts += [f"{standing.reused:,} from the store"] if standing.reused else []
    parts += [f"{standing.failed:,} failed"] if standing.failed else []
    return ", ".join([*parts, *([best] if best else [])])


def _standing(standing: Standing) -> str:
    if standing.gap is not None:
        value, bound = (big(number or 0.0) for number in (standing.value, standing.bound))
        return (
            f"{big(standing.tried)} explored, {big(standing.cut)} pruned, best {value}, bound {bound}, "
            f"gap {standing.gap:.2g}"
        )
    of = "" if standing.total is None else f" of {big(standing.total)}"
    rate = standing.evaluated / max(standing.seconds, 1e-9)
    best = (
        "" if math.isinf(standing.energy) else f", best {big(standing.energy)}, {big(standing.cycles)} cycles"
    )
    return f"{big(standing.evaluated)}{of} mappings, {big(rate)}/s{best}"


@contextmanager
def _bar(doing: str, status: ProgressColumn) -> Iterator[Callable[..., None] | None]:
    """A bar on stderr with a function that sets its text and numbers; None where it is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), status, TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(doing), total=None, standing="")
        now = doing

        def describe(text: str | None) -> None:
            bar.update(task, description=escape(now if text is None else text))

        def update(doing: str, **numbers: Any) -> None:
            nonlocal now
            now = doing
            bar.update(task, description=escape(doing), **numbers)

        with _telling_compilation(describe):
            yield update


class _Rate(ProgressColumn):
    """Multiply-accumulates a second; two passes go over them, mapping and counting."""

    def render(self, task: Task) -> Text:
        return Text(f"{big(task.speed)} MACs/s" if task.speed else "")


@contextmanager
def _telling_compilation(describe: Callable[[str | None], None]) -> Iterator[None]:
    """Say so while numba compiles: the first run of all takes long for no other reason."""
    from numba.core.event import Event, Listener, install_listener

    class Compiling(Listener):
        depth = 0

        def on_start(self, event: Event) -> None:
            self.depth += 1
            describe("compiling kernels, once")

        def on_end(self, event: Event) -> None:
            self.depth -= 1
            if self.depth == 0:
                describe(None)

    with install_listener("numba:compile", Compiling()):
        yield


def network_parts(result: NetworkResult, width: int | None) -> Iterator[RenderableType]:
    """A network's run: the table of layers, then what a reader should know."""
    yield result_table(result) if width is None else result_table(result, width)
    yield from (Text(line) for line in notes(result))


def layer_parts(result: LayerResult, unit: str) -> Iterator[RenderableType]:
    """A layer's run: the nest, every action with its price, the counts of each boundary, the cycles."""
    cost = result.cost
    yield Text(f"{cost.problem}\n\n{cost.mapping}\n")
    yield _actions(result, unit)
    output = cost.problem.output
    yield _boundaries([row for row in cost.counts.rows if row.tensor != output], output=False)
    yield _boundaries([row for row in cost.counts.rows if row.tensor == output], output=True)
    counts = cost.counts
    yield Text(
        f"{counts.macs:,} MACs in {counts.steps:,} steps, {counts.active_pes:,} active PEs, "
        f"utilization {cost.utilization:.1%}"
    )
    yield from (Text(line) for line in _cycles(cost.cycles))
    outermost = cost.mapping.stores[0][0].level
    yield Text(f"{outermost} traffic: {result.traffic_bytes(outermost) / 1e6:.4g} MB")
    yield Text(f"energy {_number(cost.energy)} {unit}, EDP {cost.edp:.6g} {unit} x cycles")
    yield Text(f"counted by: {counts.engine}")


def search_parts(found: Found, problem: Problem, unit: str) -> Iterator[RenderableType]:
    """What a search found: the nest, its energy and cycles, whether it is proven, and what was searched."""
    yield Text(f"{problem}\n\n{found.mapping}\n")
    yield Text(
        f"energy {_number(found.energy)} {unit}, {found.cycles:,} cycles, EDP {found.edp:.6g} {unit} x cycles"
    )
    yield Text(_proof(found))
    if found.is_front:
        front = tidy_table("front", f"energy ({unit})", "cycles", numbers=2)
        for point in found.front:
            front.add_row(_number(point.energy), f"{point.cycles:,}")
        yield front
    stopped = ", interrupted" if found.interrupted else ""
    rate = "" if found.certificate else f", {big(found.evaluated / max(found.seconds, 1e-9))}/s"
    yield Text(
        f"{found.mapper} search: {found.evaluated:,} mappings scored, {found.seconds:.3g} s{rate}{stopped}"
    )
    if found.certificate is not None:
        yield Text(_left_out(found.certificate))
    yield Text("counted by: closed form, not walked")


def _proof(found: Found) -> str:
    """Whether there can be anything better than what was found."""
    what = "front" if found.is_front else f"least {found.objective}"
    if found.optimal:
        return f"{what}: proven"
    if not found.lower_bound:
        return f"{what}: the best found, not proven"
    of = "no energy" if found.is_front else "nothing"
    bound = f"{of} is below {found.lower_bound:,.8g}, gap {found.gap:.2g}"
    return f"{what}: the best found, not proven; {bound}"


def _left_out(certificate: Certificate) -> str:
    """Why there is nothing better: what was tried, and by which rule what was left out."""
    cut = ", ".join(f"{big(number)} by {rule}" for rule, number in certificate.cut.items() if number)
    implied = "" if certificate.implied is None else f"at most {certificate.implied:.3g} chains of tiles; "
    return f"{implied}{big(certificate.tried)} partial mappings tried, of them cut {cut or 'none'}"


def mapspace_parts(space: Mapspace, size: Size) -> Iterator[RenderableType]:
    """A mapspace: its size, the loops that its slots may have, its nodes, the columns of its vectors."""
    data = mapspace_data(space, size)
    yield Text(
        f"{space.constraints.name}: {size} mappings of {space.problem.name} on {space.architecture.name}"
    )
    slots = tidy_table("slots, outermost first", "slot", "loops (least to most)", "orders", numbers=1)
    for slot in data["slots"]:
        loops = ", ".join(f"{d} {low} to {high}" for d, (low, high) in slot["loops"].items())
        slots.add_row(slot["name"], loops or "none", str(slot["orders"]))
    yield slots
    nodes = tidy_table("nodes", "node", "keeps its tensor", numbers=0)
    for name, keeps in data["nodes"].items():
        nodes.add_row(name, {True: "always", False: "never", None: "or bypassed"}[keeps])
    yield nodes
    columns = tidy_table(
        f"columns of a vector, version {data['version']}", "column", "name", "least", "most", numbers=2
    )
    for index, (name, low, high) in enumerate(data["columns"]):
        columns.add_row(str(index), name, str(low), str(high))
    yield columns


def tidy_table(title: str, *headings: str, numbers: int) -> Table:
    """A plain table whose last ``numbers`` columns hold numbers."""
    table = plain_table(title)
    for index, heading in enumerate(headings):
        number = index >= len(headings) - numbers
        table.add_column(heading, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return table


def _actions(result: LayerResult, unit: str) -> Table:
    table = tidy_table(
        "actions", "level", "tensor", "action", "count", "of", "price", f"energy ({unit})", numbers=4
    )
    table.columns[4].justify = "left"
    for row in result.rows():
        numbers = (f"{row['count']:,}", _priced(row), f"{row['price']:g}", _number(row["energy"]))
        table.add_row(row["level"], row["tensor"], row["action"], *numbers)
    return table


def _priced(row: dict[str, Any]) -> str:
    """What an action's words are paid as, and what values made of it where they were moved."""
    unit = row["unit"]
    if unit == "block":
        unit = f"in {row['units']:,.6g} blocks"
    elif row["units"] != row["count"]:
        unit = f"as {_number(row['units'])} {unit}s"
    executed = row["executed_units"]
    return unit if executed is None else f"{unit} (executed: {_number(executed)})"


def _boundaries(rows: list[BoundaryCounts], output: bool) -> Table:
    numbers = [list(row.to_dict(output).items())[3:] for row in rows]
    headings = ["tensor", "boundary", *(name for name, _ in numbers[0])]
    table = tidy_table("words at each boundary", *headings, numbers=len(headings) - 2)
    for row, counts in zip(rows, numbers, strict=True):
        table.add_row(row.tensor, f"{row.parent} > {row.child}", *(f"{count:,}" for _, count in counts))
    return table


def _cycles(cycles: Cycles) -> Iterator[str]:
    yield f"{cycles.total:,} cycles, limited by {cycles.limit}"
    busy = sorted((item for item in cycles.busy.items() if item[1]), key=lambda item: -item[1])
    waits = [
        ("stalls", cycles.stalls),
        ("exposed", cycles.exposed),
        ("ramp", cycles.ramp),
        ("skew", cycles.skew),
        ("first fill", cycles.first_fill),
        ("last drain", cycles.last_drain),
    ]
    width = max(len(name) for name, _ in (("computation", 0), *busy, *waits))
    yield f"    {'computation':<{width}}  {_number(cycles.steps):>15}"
    yield from (f"    {name:<{width}}  {_number(time):>15}  meanwhile" for name, time in busy)
    yield from (f"  + {name:<{width}}  {_number(wait):>15}" for name, wait in waits if wait)
    outermost, wait = next(iter(cycles.waits.items()))
    if wait:
        processing = _number(cycles.processing)
        yield f"{processing} cycles of processing: less {_number(wait)} in which all waits for {outermost}"


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def name_table(kind: str, descriptions: dict[str, str]) -> Table:
    """Names with a line of description each."""
    table = tidy_table("", kind, "description", numbers=0)
    table.title = None
    table.columns[0].no_wrap = True
    for name, description in descriptions.items():
        table.add_row(name, Text(description))
    return table
