"""Writes docs/recipes/ and its pictures by training every recipe: `python -m surefoot.recipes.pages docs`.

Names after the folder choose recipes; without any, all are trained in their full form, which takes minutes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surefoot.recipes.base import Options, Outcome, Recipe, run
from surefoot.recipes.catalogue import ENTRIES, load, names
from surefoot.report.numbers import duration, number, value

CLOCKS = ("seconds",)  # columns that differ from machine to machine


def text_of(recipe: Recipe) -> str:
    """A recipe's page without results: idea, command, what to look at and change, its numbers."""
    opening, _, rest = recipe.text.partition("\n## ")
    lines = [
        f"# {recipe.name}",
        "",
        f"{recipe.title}.",
        "",
        opening.strip(),
        "",
        *block([f"surefoot train {recipe.name}", *seen(recipe)]),
        "",
        f"About {duration(recipe.seconds)} on two cores. `--quick` is the small form, `--seed` draws anew.",
    ]
    if rest:
        lines += ["", f"## {rest.strip()}"]
    lines += ["", "## Its numbers", "", "Each can be changed by `--set name=value`.", ""]
    rows = [
        {"name": f"`{name}`", "value": str(n.value), "what it is": n.meaning}
        for name, n in recipe.numbers.items()
    ]
    return "\n".join([*lines, *table(rows)])


def seen(recipe: Recipe) -> list[str]:
    """Commands that draw it."""
    found = []
    if recipe.landscape is not None:
        found.append(f"surefoot landscape {recipe.name}")
    if recipe.scenes:
        found.append(f"surefoot animate {recipe.name}")
    return found


def block(commands: Sequence[str]) -> list[str]:
    """Commands as lines of Markdown."""
    return ["```", *commands, "```"]


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows as lines of a Markdown table."""
    if not rows:
        return []
    columns = list(rows[0])
    signs = ["---" if isinstance(rows[0][column], str) else "---:" for column in columns]
    lines = [f"| {' | '.join(columns)} |", f"| {' | '.join(signs)} |"]
    return [*lines, *(f"| {' | '.join(shown(row[column]) for column in columns)} |" for row in rows)]


def shown(item: Any) -> str:
    """A value in a table."""
    if item is None:
        return "–"
    return number(item) if isinstance(item, float) else value(item)


def page(recipe: Recipe, options: Options, outcome: Outcome) -> str:
    """The whole page, with what a run found."""
    own, mark, numbers = text_of(recipe).partition("\n## Its numbers")
    looked = own.partition("\n## What to look at")
    found = [
        "",
        f"![{recipe.title}](../images/recipes/{recipe.name}.png)",
        "",
        f"## What it found, seed {options.seed}",
        "",
        *(f"- {sentence}" for sentence in outcome.sentences),
        "",
        *table(outcome.rows),
        "",
    ]
    return looked[0] + "\n".join(found) + looked[1] + looked[2] + mark + numbers + "\n"


def shrunk(picture: Path, target: Path) -> None:
    """Write a picture again in 128 colours, which a chart does not exceed visibly and which takes half the bytes."""
    from PIL import Image

    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(128, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(target, optimize=True)


def index() -> str:
    """The list of recipes."""
    lines = [
        "# Recipes",
        "",
        "Written by `python -m surefoot.recipes.pages docs`, which trains them all; do not edit.",
        "",
    ]
    rows = [
        {"recipe": f"[{e.name}]({e.name}.md)", "shows": e.title, "about": duration(e.seconds)}
        for e in ENTRIES.values()
    ]
    return "\n".join([*lines, *table(rows), ""])


def write(folder: Path, chosen: Sequence[str]) -> None:
    """Train recipes and write their pages and pictures.

    Args:
        folder: The documents'; pages go to recipes/, pictures to images/recipes/.
        chosen: Names.

    Effects: trains; replaces pages and pictures.
    """
    pictures = folder / "images" / "recipes"
    for place in (folder / "recipes", pictures):
        place.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        recipe = load(name)
        with tempfile.TemporaryDirectory() as kept:
            options = recipe.options(out=Path(kept) / "out", runs=Path(kept) / "runs")
            outcome = run(recipe, options)
            (folder / "recipes" / f"{name}.md").write_text(page(recipe, options, outcome), encoding="utf-8")
            shrunk(options.out / f"{name}.png", pictures / f"{name}.png")
    (folder / "recipes" / "README.md").write_text(index(), encoding="utf-8")


if __name__ == "__main__":
    where, *wanted = sys.argv[1:] or ["docs"]
    write(Path(where), wanted or [name for name in names() if ENTRIES[name].module != "separation"])
