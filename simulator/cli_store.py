"""The commands that look into the store of sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli_options import Json, print_json
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.study.store import Store

store = typer.Typer(help="Look into the store of `simulator sweep`.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="STORE", help="The SQLite file of a store.")]


@store.command(epilog="Example: simulator store info pe.sqlite")
def info(file: File, as_json: Json = False) -> None:
    """Say how many results a store holds, and of which studies. The file is checked for damage."""
    from rich.text import Text

    from simulator.study.store import Store
    from simulator.terminal import print_parts, tidy_table

    with Store(file, make=False) as held:
        data, studies = held.info(), held.studies()
    if as_json:
        print_json(data | {"studies": studies})
        return
    results = f"{data['results']:,} results, of them {data['failed']:,} failed"
    only = ", read-only" if data["read_only"] else ""
    told = Text(f"{file}: {results}; {data['bytes'] / 1e6:.1f} MB, version {data['version']}{only}")
    table = tidy_table("studies", "id", "created (UTC)", numbers=0)
    for study in studies:
        table.add_row(study["id"], study["created"])
    print_parts(lambda _: [told, table] if studies else [told])


@store.command(epilog="Example: simulator store export pe.sqlite results.json")
def export(
    file: File,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write, .json, .csv or .parquet.")],
) -> None:
    """Write every result as it is stored: key, label, status, time, and the answer (in tables as JSON).

    For tables of energy and cycles see `simulator sweep --out`.
    """
    from simulator.study.files import FORMATS, save_table
    from simulator.study.store import Store

    form = out.suffix.removeprefix(".")
    if form not in FORMATS:
        raise SimulatorError(f"cannot write {out}: the name must end in .{', .'.join(FORMATS)}")
    with Store(file, make=False) as held:
        columns = dict.fromkeys(("key", "label", "status", "created", "answer"), "text")
        save_table(out, columns, _rows(held, as_text=form != "json"), form)
        print(f"{out}: {len(held):,} results")


def _rows(held: Store, as_text: bool) -> Iterator[dict[str, Any]]:
    import orjson

    for row in held.rows():
        answer = orjson.dumps(row.answer).decode() if as_text else row.answer
        yield {**vars(row), "answer": answer}
