"""Scripts and arguments without their seeds, to know runs that differ in the seed alone."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from typing import Any

from surefoot.records import History

_DRAWS = {"default_rng", "RandomState", "Generator"}  # beside names with "seed" in them
_NUMBER = re.compile(r"-?\.?\d")


def seed_of(history: History) -> int | None:
    """The seed that PyTorch's generator had at the end; None: not recorded."""
    seeds = history.run.environment.get("seeds")
    found = seeds.get("torch") if isinstance(seeds, Mapping) else None
    return found if isinstance(found, int) else None


def names_seed(name: str) -> bool:
    """Whether a name is a seed's.

    Example:
        >>> names_seed("--random-seed"), names_seed("manual_seed"), names_seed("lr")
        (True, True, False)
    """
    return "seed" in name.lower() or name in _DRAWS


def without_seeds(source: str) -> str:
    """A script with the numbers on lines that seed something left out; itself where it is no Python.

    Example:
        >>> without_seeds("torch.manual_seed(3)\\nlr = 0.1\\n") == without_seeds("torch.manual_seed(4)\\nlr = 0.1\\n")
        True
        >>> without_seeds("lr = 0.1\\n") == without_seeds("lr = 0.2\\n")
        False
    """
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return source
    seeding = {t.start[0] for t in tokens if t.type == tokenize.NAME and names_seed(t.string)}
    kept = (
        "#" if t.type == tokenize.NUMBER and t.start[0] in seeding else t.string
        for t in tokens
        if t.type != tokenize.NL
    )
    return "\0".join(kept)


def arguments(argv: Sequence[str]) -> dict[str, Any]:
    """A script's arguments by name; those without one by their place.

    Example:
        >>> arguments(["train", "--lr", "0.1", "--amp", "--seed=3", "optimizer.name=adam", "--shift", "-2"])
        {'argument 1': 'train', '--lr': '0.1', '--amp': True, '--seed': '3', 'optimizer.name': 'adam', '--shift': '-2'}
    """
    found: dict[str, Any] = {}
    waiting: str | None = None  # an option that may still get its value
    for word in argv:
        option = word.startswith("-") and not _NUMBER.match(word)
        name, equals, value = word.partition("=")
        if equals and (option or name.replace(".", "").replace("_", "").replace("+", "").isalnum()):
            found[name], waiting = value, None
        elif option:
            found[word], waiting = True, word
        elif waiting is not None:
            found[waiting], waiting = word, None
        else:
            found[f"argument {len(found) + 1}"] = word
    return found
