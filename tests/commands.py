"""The command line as tests call it."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from simulator.cli import app


def call(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def succeed(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(*arguments: str, code: int = 2) -> str:
    """The one line on stderr of a command that must fail."""
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr
