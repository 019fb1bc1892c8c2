"""What `mkdocs build` does besides.

Notebooks and the command line's help become pages, experiments' figures lie beside them, comments such as
``<!-- file arch_configs/eyeriss_v1.yaml -->`` become what they name. Nothing may be loaded from elsewhere.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbconvert import MarkdownExporter
from traitlets.config import Config

from simulator.results_form import run_schema

ROOT = Path(__file__).parent.parent
_COMMENT = re.compile(r"^( *)<!-- (file|fields of) (\S+) -->$", re.MULTILINE)
_LOADED = re.compile(r'(?:<(?:script|img|iframe)[^>]* src|<link[^>]* href)="(?:https?:)?//[^"]*"')
log = logging.getLogger("mkdocs.hooks")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the experiments' figures, a page for each notebook, with its outputs, and the commands' help."""
    for path in sorted((ROOT / "experiments" / "figures").glob("*.png")):
        files.append(File.generated(config, f"figures/{path.name}", abs_src_path=str(path)))
    for path in sorted((ROOT / "experiments" / "notebooks").glob("*.ipynb")):
        names = {"output_filename_template": f"{path.stem}_{{cell_index}}_{{index}}{{extension}}"}
        exporter = MarkdownExporter(config=Config({"ExtractOutputPreprocessor": names}))
        text, resources = exporter.from_filename(str(path))
        files.append(File.generated(config, f"gallery/{path.stem}.md", content=text))
        for name, content in resources["outputs"].items():
            files.append(File.generated(config, f"gallery/{name}", content=content))
    files.append(File.generated(config, "reference/commands.md", content=_commands()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in what comments name: a file, or the fields of a run's JSON."""

    def named(match: re.Match[str]) -> str:
        space, kind, name = match.groups()
        if kind == "file":
            return indent(f"```yaml\n{(ROOT / name).read_text(encoding='utf-8')}```", space)
        return "\n".join(_fields(run_schema()))

    return _COMMENT.sub(named, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Warn, which fails a strict build, of scripts, pictures, styles and fonts of other sites."""
    for found in _LOADED.findall(output):
        log.warning(f"{page.file.src_uri} loads from elsewhere: {found}")
    return output


def _commands() -> str:
    """The help of every command, as typer writes it."""
    asked = [sys.executable, "-m", "typer", "simulator.cli", "utils", "docs", "--name", "simulator"]
    text = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text.replace("# `simulator`", "# The command line", 1)


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    """Tables of a JSON schema's objects, the outermost first: field, type, description."""
    records = {name: form for name, form in schema["$defs"].items() if "properties" in form}
    for title, form in {"Run": schema, **records}.items():
        yield f"\n**{title.removesuffix('Record')}**: {form['description']}\n"
        yield "| field | is | means |\n|---|---|---|"
        for name, field in form["properties"].items():
            yield f"| `{name}` | {_type(field)} | {field.get('description', '')} |"


def _type(field: dict[str, Any]) -> str:
    """A field's type in words."""
    if "$ref" in field:
        return field["$ref"].rpartition("/")[2].removesuffix("Record")
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    return str(field.get("type", "any"))
