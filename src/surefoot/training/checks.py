"""What `fit` refuses before it begins, one sentence each."""

from __future__ import annotations

from typing import Any

from torch import nn

from surefoot.errors import SettingError


def check_settings(
    *,
    model: Any,
    epochs: Any,
    steps: Any,
    batch_size: Any,
    accumulate: Any,
    validate: Any,
    validate_every: Any,
    patience: Any,
    improvement: Any,
    restore_best: Any,
    checkpoint_every: Any,
    folder: Any,
    on_divergence: Any,
    seed: Any,
    metrics: Any,
) -> None:
    """Refuse settings of `fit` that are out of range or do not go together.

    Raises:
        SettingError: The first of them.
    """
    if not isinstance(model, nn.Module):
        raise SettingError(f"model is a {type(model).__name__}: give a torch.nn.Module.")
    if (epochs is None) == (steps is None):
        raise SettingError("Say how long to train: give either epochs or steps.")
    for name, value, least in (
        ("epochs", epochs, 1),
        ("steps", steps, 1),
        ("accumulate", accumulate, 1),
        ("validate_every", validate_every, 1),
        ("checkpoint_every", checkpoint_every, 1),
        ("patience", patience, 1),
        ("seed", seed, 0),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise SettingError(f"{name} is {value!r}: give a whole number of at least {least}.")
    if accumulate is None:
        raise SettingError("accumulate is None: give a whole number of at least 1.")
    whole = isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size >= 1
    if batch_size is not None and batch_size != "full" and not whole:
        raise SettingError(f"batch_size is {batch_size!r}: give a whole number of at least 1, or 'full'.")
    if not isinstance(improvement, int | float) or improvement < 0:
        raise SettingError(f"improvement is {improvement!r}: give a number that is not negative.")
    if on_divergence not in ("stop", "rewind"):
        raise SettingError(f"on_divergence is {on_divergence!r}: use 'stop' or 'rewind'.")
    if validate is None:
        needs = {
            "patience": patience,
            "validate_every": validate_every,
            "restore_best": restore_best,
            "metrics": metrics,
        }
        for name, value in needs.items():
            if value:
                raise SettingError(f"{name} is given and there is nothing to validate on: give validate=….")
    if checkpoint_every is not None and folder is None and on_divergence != "rewind":
        raise SettingError("checkpoint_every is given and there is no folder for checkpoints: give folder=….")
