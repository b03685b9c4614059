"""What the observation of a member tells beside its losses. No torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.records import History


def read(history: History, after: int) -> dict[str, Any]:
    """As JSON values.

    Args:
        history: Of the member's run.
        after: Steps before it was driven.
    """
    stepping = [info for info in history.optimizers if len(history.series("time", info.index))]
    main = next((info for info in stepping if not info.manual), None)
    validation = history.metric("val_loss")
    begun = validation.steps > after
    return {
        "backwards": history.run.backwards,
        "environment": dict(history.run.environment),
        "by_hand": next((info.stepped or "" for info in stepping if info.manual), None),
        "optimizer": main.name if main else None,
        "settings": dict(main.settings) if main else {},
        "created": main.created if main else None,
        "opposed": _opposed(history, [info.index for info in stepping]),
        "val_losses": [float(value) for value in validation.values[begun]],
        "val_steps": [int(step) - after for step in validation.steps[begun]],
    }


def _opposed(history: History, optimizers: list[int]) -> bool:
    """Whether several optimizers follow losses of their own, as those of a GAN do."""
    losses = [history.series("loss", index).values for index in optimizers]
    ends = min((len(one) for one in losses), default=0)
    if len(losses) < 2 or not ends:
        return False
    return any(not np.array_equal(one[:ends], losses[0][:ends], equal_nan=True) for one in losses[1:])
