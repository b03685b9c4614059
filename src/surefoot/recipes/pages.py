"""Writes docs/recipes/ and its pictures by training every recipe: `python -m surefoot.recipes.pages docs`.

Names after the folder choose recipes; without any, all are trained in their full form, which takes minutes. With
`--text` nothing is trained: each page keeps the results it has and gets today's text around them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surefoot.recipes.base import Options, Outcome, Recipe, run
from surefoot.recipes.catalogue import ENTRIES, names
from surefoot.recipes.loading import load
from surefoot.report.numbers import duration, number, value


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
        found.append(f"surefoot landscape {recipe.name} --output {recipe.name}-landscape.png")
    if recipe.scenes:
        found.append(f"surefoot animate {recipe.name} --output {recipe.name}.gif")
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


def found(options: Options, outcome: Outcome) -> str:
    """The section that only a run can write."""
    lines = [
        f"## What it found, seed {options.seed}",
        "",
        *(f"- {sentence}" for sentence in outcome.sentences),
        "",
        *table(outcome.rows),
    ]
    if any("seconds" in column for column in outcome.rows[0]):
        lines += ["", "Seconds differ from machine to machine, and with what else it does."]
    return "\n".join(lines)


def page(recipe: Recipe, results: str) -> str:
    """The whole page around the results of a run, as `found` or an older page has them."""
    opening, look, rest = text_of(recipe).partition("\n## What to look at")
    middle = [
        f"![{recipe.title}](../images/recipes/{recipe.name}.png)",
        "",
        results.strip(),
        "",
        *_pictures(recipe),
    ]
    return f"{opening}\n" + "\n".join(middle) + f"{look}{rest}\n"


def results_in(text: str) -> str:
    """The section of a page that a run wrote."""
    section = re.search(r"## What it found.*?(?=\n## |\n!\[)", text, re.DOTALL)
    return section.group(0) if section else ""


def stale(folder: Path) -> list[str]:
    """Names of recipes whose page in `folder` is missing or differs in what no run decides."""
    old = []
    for name in names():
        place = folder / f"{name}.md"
        text = place.read_text(encoding="utf-8") if place.exists() else ""
        if page(load(name), results_in(text)) != text:
            old.append(name)
    return old


def generated() -> list[str]:
    """Recipes that are trained where none is named; separation needs voices that may not be installed."""
    return [name for name in names() if ENTRIES[name].module != "separation"]


def shrunk(picture: Path, target: Path) -> None:
    """Write a picture again in 256 colours chosen for it, in a third of the bytes; the eye sees no difference."""
    from PIL import Image

    with Image.open(picture) as image:
        # Refined means: median cut alone drops colours that only a thin line has.
        few = image.convert("RGB").quantize(256, kmeans=4, dither=Image.Dither.NONE)
        few.save(target, optimize=True)


def _pictures(recipe: Recipe) -> list[str]:
    lines = []
    for command in seen(recipe):
        file = command.rpartition(" ")[2]
        what = "The landscape" if file.endswith(".png") else "The training, moving"
        lines += [f"![{what}](../images/recipes/{file})", ""]
    return lines


def draw_seen(recipe: Recipe, pictures: Path) -> None:
    """Run the commands that draw a recipe, and keep their pictures.

    Effects: starts `surefoot` in a process of its own for each.
    """
    for command in seen(recipe):
        _, *arguments = command.split()
        with tempfile.TemporaryDirectory() as place:
            subprocess.run([sys.executable, "-m", "surefoot", *arguments], cwd=place, check=True)
            made = Path(place) / arguments[-1]
            if made.suffix == ".png":
                shrunk(made, pictures / made.name)
            else:
                (pictures / made.name).write_bytes(made.read_bytes())


def index(folder: Path) -> str:
    """The list of recipes; those with a page in the folder are linked."""
    lines = [
        "# Recipes",
        "",
        "`surefoot train NAME` trains one and draws its figure; `surefoot recipes` lists them.",
        "",
        "Written by `python -m surefoot.recipes.pages docs`, which trains them all; do not edit.",
        "",
    ]
    rows = [
        {
            "recipe": f"[{e.name}]({e.name}.md)" if (folder / f"{e.name}.md").exists() else e.name,
            "shows": e.title,
            "about": duration(e.seconds),
        }
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
            (folder / "recipes" / f"{name}.md").write_text(
                page(recipe, found(options, outcome)), encoding="utf-8"
            )
            shrunk(options.out / f"{name}.png", pictures / f"{name}.png")
        draw_seen(recipe, pictures)
    (folder / "recipes" / "README.md").write_text(index(folder / "recipes"), encoding="utf-8")


def refresh(folder: Path) -> None:
    """Bring the text of all pages up to date and leave their results as they are."""
    for name in stale(folder):
        place = folder / f"{name}.md"
        place.write_text(page(load(name), results_in(place.read_text(encoding="utf-8"))), encoding="utf-8")
    (folder / "README.md").write_text(index(folder), encoding="utf-8")


if __name__ == "__main__":
    where, *wanted = sys.argv[1:] or ["docs"]
    if wanted == ["--text"]:
        refresh(Path(where) / "recipes")
    else:
        write(Path(where), wanted or generated())
