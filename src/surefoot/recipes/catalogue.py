"""Which recipes there are. No torch, so that they are listed at once."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from surefoot.errors import UnknownRecipe
from surefoot.extras import require

_FIT = ("torch", "accelerate", "matplotlib", "PIL")
_DIGITS = (*_FIT, "sklearn")


@dataclass(frozen=True)
class Entry:
    """One line of the list of recipes.

    Args:
        name: As users type it.
        title: What it shows, in one line.
        seconds: How long the full form takes on two cores, roughly; set-up left out.
        module: Where its `RECIPE` is, below this package.
        needs: Optional packages, as they are imported.
        extra: The extra that brings them all; by default those of each.
    """

    name: str
    title: str
    seconds: float
    module: str
    needs: tuple[str, ...] = _FIT
    extra: str | None = None


_ALL = (
    Entry(
        "first-line",
        "The tutorial's first line: guessed on a grid, then six learning rates by L1",
        4,
        "first_line",
    ),
    Entry("line", "A line through noisy points by L1: a 100 x 100 grid against gradient descent", 2, "line"),
    Entry("line-mse", "y = 2x + 1 by hand-written descent and by SGD: the same path", 2, "line_mse"),
    Entry(
        "learning-rates", "Six learning rates on one line: path, loss and gradient norm", 4, "learning_rates"
    ),
    Entry("bowl", "Five optimizers on one quadratic bowl and on a narrow one", 6, "bowl"),
    Entry(
        "linear-5d",
        "Full-batch, mini-batch and one-example descent by epochs, steps and time",
        8,
        "linear_5d",
    ),
    Entry(
        "digits",
        "Handwritten digits with validation, the best weights kept, a test at the end",
        8,
        "digits",
        (*_DIGITS, "safetensors"),
    ),
    Entry(
        "deep-sigmoid",
        "A vanishing gradient in ten sigmoid layers, and each cure alone and together",
        15,
        "deep_sigmoid",
        _DIGITS,
    ),
    Entry(
        "long-memory",
        "A recurrent network whose gradient explodes: clipping, AutoClip, LSTM",
        25,
        "long_memory",
    ),
    Entry(
        "fine-tune",
        "A pretrained backbone tuned to new digits: frozen, one rate, two rates",
        20,
        "fine_tune",
        (*_DIGITS, "scipy"),
    ),
    Entry(
        "adam-vs-sgd",
        "Which generalises better: AdamW or SGD, tuned alike, with the sharpness of the minima",
        240,
        "adam_vs_sgd",
        (*_DIGITS, "scipy"),
    ),
    Entry(
        "separation",
        "Two voices taken apart by a network under AutoClip, from recorded speech",
        90,
        "separation",
        ("soundfile", "scipy", "torchmetrics", "safetensors", "matplotlib", "PIL"),
        "separation",
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in _ALL}


def names() -> tuple[str, ...]:
    """Names of all recipes, from the simplest on."""
    return tuple(ENTRIES)


def entry(name: str) -> Entry:
    """The recipe's line in the list.

    Raises:
        UnknownRecipe: There is none of that name.
    """
    if name not in ENTRIES:
        near = difflib.get_close_matches(name, ENTRIES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ENTRIES)}."
        raise UnknownRecipe(f"There is no recipe {name!r}: {hint}")
    return ENTRIES[name]


def require_packages(name: str) -> None:
    """Make sure that what a recipe needs is installed, before it trains.

    Raises:
        UnknownRecipe: There is none of that name.
        MissingExtra: Something is not installed.
    """
    found = entry(name)
    require(f"recipes like {name!r}", found.needs, found.extra)
