"""Runs the fenced blocks of a Markdown page, from the first to the last, in one folder and one namespace.

What a block is says its fence:

    python                 is executed
    pycon                  is executed as an interactive session, whose answers must come
    console                commands after "$ ", run in this process; what stands below a command must come
    text                   what the block before it must have printed
    yaml, json, csv        data, which must parse
    bash                   commands for another machine; every line must be a shell's, every extra known
    .. title="name"        the block is also written to a file of this name

In what must come, "..." stands for anything. A block may fail only where the page shows its error.
"""

from __future__ import annotations

import contextlib
import csv
import doctest
import io
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from simulator.cli import app

ROOT = Path(__file__).parents[2]
_TITLE = re.compile(r'title="([^"]+)"')
_EXTRAS = re.compile(r"dataflow-simulator\[([\w,]+)\]")


@dataclass(frozen=True)
class Block:
    """A fenced block: what it is, its text, the file it is written to, the line of its fence (from 1)."""

    language: str
    text: str
    title: str | None
    line: int


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, also one in a list or a quotation."""
    found = []
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.map is not None:
            title = _TITLE.search(token.info)
            language = token.info.split(" ")[0]
            found.append(Block(language, token.content, title and title[1], token.map[0] + 1))
    return found


@dataclass
class Runner:
    """What the blocks of a page share. Files that they write lie in the working directory."""

    page: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    printed: str | None = None

    def run(self, block: Block) -> None:
        """Execute or check one block; AssertionError, or what its code raises, if it is not as shown."""
        where = f"{self.page.name}, line {block.line}"
        assert block.language in _RUN, f"{where}: no rule for a block of {block.language or 'nothing'!r}"
        if block.title is not None:
            Path(block.title).write_text(block.text, encoding="utf-8")
        before, self.printed = self.printed, None
        _RUN[block.language](self, block, where, before)

    def _python(self, block: Block, where: str, before: str | None) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            # Empty lines above it, so that a traceback points into the page.
            exec(compile("\n" * block.line + block.text, self.page, "exec"), self.names)
        self.printed = printed.getvalue()

    def _pycon(self, block: Block, where: str, before: str | None) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, self.names, where, str(self.page), block.line)
        report = io.StringIO()
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        runner.run(test, out=report.write, clear_globs=False)
        assert not runner.failures, report.getvalue()
        self.names.update(test.globs)

    def _console(self, block: Block, where: str, before: str | None) -> None:
        first, *commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert not first and commands, f"{where}: a command begins with '$ '"
        for part in commands:
            typed, shown = re.split(r"(?<!\\)\n", part, maxsplit=1)
            came = _command(shlex.split(typed), where, fails=shown.startswith(("error:", "Usage:")))
            if shown.strip():
                _same(shown, came, f"{where}: {typed}")
            self.printed = came

    def _text(self, block: Block, where: str, before: str | None) -> None:
        assert before is not None, f"{where}: nothing above it prints"
        _same(block.text, before, where)

    def _data(self, block: Block, where: str, before: str | None) -> None:
        if block.language == "csv":
            assert len({len(row) for row in csv.reader(block.text.splitlines())}) == 1, where
        else:
            {"yaml": yaml.safe_load, "json": json.loads, "ini": ConfigParser().read_string}[block.language](
                block.text
            )

    def _bash(self, block: Block, where: str, before: str | None) -> None:
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = {extra for names in _EXTRAS.findall(block.text) for extra in names.split(",")}
        assert named <= set(known), where


_RUN: dict[str, Callable[[Runner, Block, str, str | None], None]] = {
    "python": Runner._python,
    "pycon": Runner._pycon,
    "console": Runner._console,
    "text": Runner._text,
    "yaml": Runner._data,
    "json": Runner._data,
    "csv": Runner._data,
    "ini": Runner._data,
    "bash": Runner._bash,
}


def _command(words: list[str], where: str, fails: bool) -> str:
    """What a `simulator` command prints, one that fails with its error, or `cat` of a file."""
    if words[0] == "cat":
        return "".join(Path(name).read_text(encoding="utf-8") for name in words[1:])
    assert words[0] == "simulator", f"{where}: {words[0]} is not run"
    done = CliRunner().invoke(app, words[1:], prog_name="simulator")
    assert (done.exit_code != 0) == fails, f"{where}: exit code {done.exit_code}\n{done.output}"
    return done.output if fails else done.stdout


def _same(shown: str, came: str, where: str) -> None:
    """Compare what is shown with what came; how far columns are apart does not count."""
    pattern = re.escape(_even(shown)).replace(r"\.\.\.", "(?s:.*?)")
    assert re.fullmatch(pattern, _even(came)), f"{where} prints\n{came}\nnot\n{shown}"


def _even(text: str) -> str:
    """Text with one blank between words and rules of one length; lines keep their indentation."""
    lines = (line.rstrip() for line in text.strip("\n").splitlines())
    return "\n".join(re.sub("─+", "─", re.sub(r"(?<=\S) +", " ", line)) for line in lines)
