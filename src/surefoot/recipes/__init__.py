"""Complete trainings by name, each with its data, its result and its figure.

`load("line")` gives a recipe, `run(recipe, recipe.options())` trains it, draws its figure and keeps its
numbers. Names, titles and seconds are read without torch; a recipe itself is loaded when it is asked for.
"""

from __future__ import annotations

from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe, run
from surefoot.recipes.catalogue import ENTRIES, Entry, entry, names, require_packages
from surefoot.recipes.loading import load

__all__ = [
    "ENTRIES",
    "Entry",
    "Landscape",
    "Number",
    "Options",
    "Outcome",
    "Recipe",
    "entry",
    "load",
    "names",
    "require_packages",
    "run",
]
