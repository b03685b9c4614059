"""How the learning rate follows the batch size."""

from __future__ import annotations

import math
from typing import Literal

from surefoot.errors import SettingError


def scale_lr(
    lr: float,
    *,
    batch_size: int,
    reference_batch_size: int,
    rule: Literal["linear", "square-root"] = "linear",
) -> float:
    """Learning rate for a batch size, from one that was tuned at another.

    Args:
        lr: Rate tuned at `reference_batch_size`, > 0.
        batch_size: Examples in one optimizer step: of all micro-steps and all processes together.
        reference_batch_size: Examples in one step where `lr` was tuned.
        rule: "linear" for gd, sgd, momentum, nesterov: lr · k for k times the batch, with a warm-up, and up
            to the batch size at which noise stops to matter (about 8192 on ImageNet). "square-root" for
            rmsprop, adam,
            adamw: lr · √k; the same source moves 1 − β to k · (1 − β) and eps to eps / √k.

    Returns:
        The scaled rate.

    Raises:
        SettingError: A number that is not positive, or an unknown rule.

    Source: linear: Goyal et al. 2017, arXiv:1706.02677, section 2.1; square root: Malladi, Lyu, Panigrahi,
        Arora 2022, arXiv:2205.10287, definition 5.1 (Krizhevsky 2014, arXiv:1404.5997, section 5, names
        both).

    Example:
        >>> scale_lr(0.1, batch_size=1024, reference_batch_size=256)
        0.4
        >>> scale_lr(3e-4, batch_size=1024, reference_batch_size=256, rule="square-root")
        0.0006
    """
    for name, value in (
        ("lr", lr),
        ("batch_size", batch_size),
        ("reference_batch_size", reference_batch_size),
    ):
        if not value > 0 or not math.isfinite(value):
            raise SettingError(f"{name} is {value!r}: give a positive number.")
    times = batch_size / reference_batch_size
    if rule == "linear":
        return lr * times
    if rule == "square-root":
        return lr * math.sqrt(times)
    raise SettingError(f"The batch-size rule {rule!r} is unknown: use 'linear' or 'square-root'.")
