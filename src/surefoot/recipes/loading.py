"""Recipes by their names."""

from __future__ import annotations

import importlib

from surefoot.extras import needed_for
from surefoot.recipes.base import Recipe
from surefoot.recipes.catalogue import entry


def load(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        UnknownRecipe: There is none of that name.
        MissingExtra: A package that it needs is not installed.

    Effects: imports its module, and with it torch.
    """
    found = entry(name)
    with needed_for(f"recipes like {name!r}"):
        module = importlib.import_module(f"surefoot.recipes.{found.module}")
    recipe = module.RECIPE
    assert isinstance(recipe, Recipe)
    return recipe
