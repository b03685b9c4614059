"""`surefoot recipes`: what can be trained by name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rich.table import Table

from surefoot import recipes
from surefoot.cli.output import show, show_rich
from surefoot.report.numbers import duration


def show_recipes(as_json: bool) -> None:
    """Print every recipe with its title and how long it takes."""
    entries = list(recipes.ENTRIES.values())
    if as_json:
        show(json.dumps([_fields(entry) for entry in entries], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("recipe", no_wrap=True)
    table.add_column("about", justify="right", no_wrap=True)
    table.add_column("shows")
    for entry in entries:
        table.add_row(entry.name, duration(entry.seconds), entry.title)
    show_rich(table, "\nsurefoot train NAME trains one; surefoot recipes NAME prints its page.")


def show_recipe(name: str, as_json: bool) -> None:
    """Print the page of one recipe."""
    recipe = recipes.load(name)
    if as_json:
        numbers = {key: asdict(number) for key, number in recipe.numbers.items()}
        scenes = list(recipe.scenes)
        show(json.dumps(_fields(recipes.entry(name)) | {"numbers": numbers, "scenes": scenes}, indent=2))
        return
    from surefoot.recipes.pages import text_of

    show(text_of(recipe))


def _fields(entry: recipes.Entry) -> dict[str, Any]:
    return {"name": entry.name, "title": entry.title, "seconds": entry.seconds}
