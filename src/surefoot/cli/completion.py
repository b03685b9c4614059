"""What a shell is told when a name is half typed; whatever fails tells nothing."""

from __future__ import annotations

import os

from surefoot.store.folders import DEFAULT_RUNS


def run_names(incomplete: str) -> list[str]:
    """Runs of the default folder, and `last`."""
    from surefoot.store import runs

    names = [runs.LAST, *runs.run_names(DEFAULT_RUNS)]
    return [name for name in names if name.startswith(incomplete)]


def finding_codes(incomplete: str) -> list[str]:
    """Codes of all rules."""
    from surefoot import rules

    return [rule.code for rule in rules.all_rules() if rule.code.startswith(incomplete)]


def recipe_names(incomplete: str) -> list[str]:
    """Recipes, and TOML files of the working folder."""
    from surefoot.recipes.catalogue import names

    files = sorted(name for name in os.listdir(".") if name.endswith(".toml"))
    return [name for name in (*names(), *files) if name.startswith(incomplete)]
