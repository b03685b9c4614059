"""Which of a training's processes this one is."""

from __future__ import annotations

import os
import sys


def rank_here() -> tuple[int, int] | None:
    """Rank and number of processes; None where there is one alone, or nobody has numbered them."""
    dist = sys.modules.get("torch.distributed")
    if dist is not None and dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    try:
        rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return None
    return (rank, world) if world > 1 else None
