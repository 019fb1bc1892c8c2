"""Makes one self-contained page: the template filled in, style and script inside, nothing from outside.

Everything is escaped as it is filled in. The page's policy allows its own script alone, by its digest, so
that not even an error in escaping could run another, and no address to load anything from.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("simulator.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: Any) -> str:
    """Fill in a template of this room; text is escaped wherever it comes from."""
    return _environment().get_template(template).render(**values)


def render_page(template: str, title: str, **values: Any) -> str:
    """Fill in a whole page, with its style, its script and the policy that lets nothing else in."""
    style, script = _read("page.css"), _read("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    # Files of this room, so no text to escape.
    own = {"style": Markup(style), "script": Markup(script)}
    return render(template, title=title, policy=policy, **own, **values)


@cache
def _read(name: str) -> str:
    return (resources.files("simulator.page") / "templates" / name).read_text(encoding="utf-8")
