"""The descent lab as one HTML file: markup, style, scripts and data, under a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from surefoot.lab.modules import inlined
from surefoot.report.rule_pages import rule_page


def page(planes: Sequence[dict[str, Any]] = (), settings: str = "") -> str:
    """The document.

    Args:
        planes: What `plane_data` made of surfaces.
        settings: What the lab shows first, as it stands after # in its address.
    """
    presets, tour = json.loads(_static("presets.json")), json.loads(_static("tour.json"))
    data = {"planes": list(planes), "presets": presets, "tour": tour, "settings": settings}
    script, style = _script(), _static("lab.css")
    codes = sorted({preset["code"] for preset in presets})
    return (
        "<!doctype html>\n"
        '<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script, style)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="generator" content="surefoot"><link rel="icon" href="data:,">'
        f"<title>The descent lab</title><style>{style}</style></head>\n"
        f"<body>{_static('body.html')}{''.join(map(_rule, codes))}\n"
        f'<script type="application/json" id="data">{_embedded(data)}</script>\n'
        f"<script>{script}</script></body></html>\n"
    )


def _policy(script: str, style: str) -> str:
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _embedded(data: dict[str, Any]) -> str:
    """JSON that can stand inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _rule(code: str) -> str:
    """A rule's page, for the preset that is named after it."""
    return f'<template id="rule-{html.escape(code)}">{rule_page(code)}</template>'


@cache
def _script() -> str:
    return inlined("main.js", _static)


@cache
def _static(name: str) -> str:
    return files("surefoot.lab").joinpath("static", *name.split("/")).read_text(encoding="utf-8")
