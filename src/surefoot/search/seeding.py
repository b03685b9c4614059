"""Another seed in a script that sets its own: each seed that it asks for becomes another one, the same each time."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

_STRIDE = 1_000_003  # a prime far above the seeds that people give, so that no two members meet
_LIMIT = 2**32  # NumPy takes no more


def seed_everything(number: int) -> None:
    """Seed all generators, and let the script's own seeds be others from now on.

    Args:
        number: Of the seed; 0 leaves the script's own as they are.

    Effects: replaces the functions that seed the global generators of Python, NumPy and torch, for the rest of the
        process. A `torch.Generator` or `numpy.random.default_rng` of the script's own keeps its seed: most often it
        splits the data, which is to stay the same.
    """
    import numpy as np
    import torch

    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)
    if not number:
        return
    shift = number * _STRIDE
    for module, name in (
        (random, "seed"),
        (np.random, "seed"),
        (torch, "manual_seed"),
        (torch.random, "manual_seed"),
        (torch.cuda, "manual_seed"),
        (torch.cuda, "manual_seed_all"),
    ):
        setattr(module, name, _shifted(getattr(module, name), shift))


def _shifted(seed: Callable[..., Any], shift: int) -> Callable[..., Any]:
    @functools.wraps(seed)
    def shifted(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], int):
            args = ((args[0] + shift) % _LIMIT, *args[1:])
        return seed(*args, **{key: _moved(value, shift) for key, value in kwargs.items()})

    return shifted


def _moved(value: Any, shift: int) -> Any:
    return (value + shift) % _LIMIT if isinstance(value, int) and not isinstance(value, bool) else value
