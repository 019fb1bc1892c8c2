"""A problem's file: YAML or JSON, with its tensors or as a convolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.errors import ProblemError
from simulator.files import read_yaml
from simulator.problem import MAX_EXTENT, Problem, convolution, with_own_fields
from simulator.problem_fields import check_fields, check_whole


def read_problem(path: Path) -> Problem:
    """Read a problem from YAML or JSON: the form of the counting cases, or a field ``convolution``.

    Both may have the fields ``bits`` and ``densities``.

    Raises
    ------
    ProblemError
        Naming the file and the field that is missing, unknown or out of range.
    """
    data = read_yaml(path, ProblemError)
    if not isinstance(data, dict) or "convolution" not in data:
        return Problem.from_dict(data, str(path))
    given = check_fields(data, str(path), {"convolution", "bits", "densities"})
    sizes = given["convolution"]
    known = {*"nNgGmMcCpPqQrRsS", "stride", "dilation", "row_data", "column_data"}
    fields: dict[str, Any] = {}
    for key, value in check_fields(sizes, f"{path}: convolution", known).items():
        pair = key not in "nNgGmMcCpPqQrRsS"
        what = f"{path}: convolution: {key}"
        if pair and isinstance(value, int) and "data" not in key:
            value = [value, value]
        if pair and (not isinstance(value, list) or len(value) != 2):
            raise ProblemError(f"{what} must be two numbers, not {value!r}")
        numbers = value if pair else [value]
        if key.lower() in fields:
            raise ProblemError(
                f"{path}: convolution: {key.lower()} is given twice, as {key.lower()} and {key.upper()}"
            )
        checked = [check_whole(n, what, 0 if "data" in key else 1, MAX_EXTENT) for n in numbers]
        fields[key.lower()] = tuple(checked) if pair else checked[0]
    problem = convolution(str(path.stem), **fields)
    for rank in problem.tensor("inputs").ranks:
        if rank.data is not None and rank.data[0] >= problem.rank_length(rank):
            what = "row_data" if "P" in rank.dimensions else "column_data"
            raise ProblemError(
                f"{path}: convolution: {what} begins at {rank.data[0]}, past the last of the "
                f"{problem.rank_length(rank)} coordinates {rank}"
            )
    try:
        return with_own_fields(problem, given, str(path))
    except ProblemError as error:
        raise ProblemError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
