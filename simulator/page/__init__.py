"""One self-contained HTML page of a run or a study: nothing is loaded from elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.files import check_writable, write_atomically
from simulator.results import NetworkResult

if TYPE_CHECKING:
    from simulator.study.study import Study

_SQLITE = b"SQLite format 3\0"


def write_report(
    source: NetworkResult | Study | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    study: str | None = None,
    network: str | None = None,
    point: int = 0,
) -> None:
    """Write the page of a run or a study: tables that sort and filter, figures, mappings, prices and sources.

    Parameters
    ----------
    source
        A result, what `simulator.load_result` reads, a study, or the path of a store that holds some.
    path
        The HTML file to write; it needs no other file.
    study
        Of a store of several studies the id of one; by default the last begun.
    network, point
        Of a study the run of this network at the point of this number, in full, instead of all runs.

    Raises
    ------
    SimulatorError
        For a source that cannot be read, a network or point that it does not have, and a place that cannot be
        written.
    """
    check_writable(path)
    write_atomically(path, _page(source, study, network, point))


def _page(source: object, study: str | None, network: str | None, point: int) -> str:
    if isinstance(source, str | os.PathLike):
        if _is_store(source):
            from simulator.study.study import open_study

            with open_study(source, study) as opened:
                return _study_page(opened, network, point)
        from simulator.results_file import load_result

        source = load_result(source)
    if isinstance(source, NetworkResult):
        from simulator.page.run import run_page

        if study is not None or network is not None:
            raise SimulatorError(f"{source.title}: is one run; a study and a network are chosen in a store")
        return run_page(source)
    return _study_page(source, network, point)


def _study_page(source: object, network: str | None, point: int) -> str:
    """The page of a whole study, or of one of its runs."""
    from simulator.page.run import run_page
    from simulator.page.study import study_page
    from simulator.study.study import Study

    if not isinstance(source, Study):
        raise SimulatorError(f"a report is of a result, a study or a file of either, not {source!r:.60}")
    return study_page(source) if network is None else run_page(source.run(network, point).result())


def _is_store(path: str | os.PathLike[str]) -> bool:
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as stream:
            return stream.read(len(_SQLITE)) == _SQLITE
    except OSError:
        # `load_result` says why it cannot be read.
        return False
