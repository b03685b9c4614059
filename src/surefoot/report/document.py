"""A self-contained HTML document: templates filled with autoescaping on, scripts and styles put in, a strict policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from surefoot.report.numbers import number, value, words

REPORT = "surefoot.report"


def document(
    template: str,
    page: dict[str, Any],
    scripts: Sequence[tuple[str, str]],
    styles: Sequence[tuple[str, str]],
    package: str = REPORT,
    **context: object,
) -> str:
    """One HTML document that needs no network and runs no script but its own.

    Args:
        template: Name of the template, in `package` or in the report's.
        page: What the scripts read: JSON values.
        scripts: (package, file below its static/), in order.
        styles: The same for style sheets.
        package: Where templates are looked for first.
        context: What else the template shows; all text is escaped.
    """
    texts = [_static(*script) for script in scripts]
    return (
        _templates(package)
        .get_template(template)
        .render(
            page=page,
            data=_embedded(page),
            styles=[Markup(_static(*style)) for style in styles],
            scripts=[Markup(text) for text in texts],
            policy=_policy(texts),
            **context,
        )
    )


def date(seconds: float) -> str:
    """A moment as a reader wants it.

    Example:
        >>> date(0)
        '1970-01-01 00:00 UTC'
    """
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _embedded(data: dict[str, Any]) -> Markup:
    """JSON that can stand inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _policy(scripts: Iterable[str]) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests)
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"


@cache
def _static(package: str, name: str) -> str:
    return files(package).joinpath("static", *name.split("/")).read_text(encoding="utf-8")


@cache
def _templates(package: str) -> Environment:
    templates = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(REPORT)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(number=number, value=value, words=words)
    return templates
