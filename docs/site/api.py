"""The Python reference: a page for every public name, filled from its docstring by mkdocstrings."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType
from typing import Any

import surefoot

# Rooms whose own names are public as well.
ROOMS = (
    "autograd",
    "clipping",
    "figures",
    "landscape",
    "optimizers",
    "rules",
    "schedules",
    "surfaces",
    "training",
)


def pages() -> dict[str, str]:
    """Path below docs/ -> text of each page."""
    names = {f"api/{name}.md": _name(name) for name in surefoot.__all__}
    rooms = {f"api/rooms/{room}.md": _room(import_module(f"surefoot.{room}")) for room in ROOMS}
    return {"api/README.md": _index(), **names, **rooms}


def _index() -> str:
    names = [f"| [`{name}`]({name}.md) | {_first_line(_named(name))} |" for name in surefoot.__all__]
    rooms = [
        f"| [`surefoot.{room}`](rooms/{room}.md) | {_first_line(import_module(f'surefoot.{room}'))} |"
        for room in ROOMS
    ]
    head = [
        "# Python",
        "",
        "```python",
        "import surefoot as sf",
        "```",
        "",
        "| name | what it is |",
        "| --- | --- |",
    ]
    below = [
        "",
        "## Rooms",
        "",
        "Further names, each imported from its room.",
        "",
        "| room | what it holds |",
    ]
    return "\n".join([*head, *names, *below, "| --- | --- |", *rooms, ""])


def _name(name: str) -> str:
    return f"---\ntitle: {name}\n---\n\n{_block(f'surefoot.{name}', _named(name), 1)}"


def _named(name: str) -> Any:
    value = getattr(surefoot, name)
    return getattr(value, name) if isinstance(value, ModuleType) else value  # a room that can be called


def _room(room: ModuleType) -> str:
    parts = [f"# {room.__name__}", inspect.getdoc(room) or ""]
    own_pages = {id(_named(name)): name for name in surefoot.__all__}
    for name in room.__all__:
        value = getattr(room, name)
        if (own := own_pages.get(id(value))) is not None:
            parts.append(f"## {name}\n\nThis is [`surefoot.{own}`](../{own}.md).")
        elif inspect.isclass(value) or inspect.isfunction(value):
            parts.append(_block(name, value, 2))
    return "\n\n".join(parts) + "\n"


def _block(heading: str, value: Any, level: int) -> str:
    options = (
        f"    options:\n      heading: {heading}\n      toc_label: {heading}\n      heading_level: {level}"
    )
    return f"::: {value.__module__}.{value.__qualname__}\n{options}\n"


def _first_line(value: Any) -> str:
    return (inspect.getdoc(value) or "").partition("\n")[0]
