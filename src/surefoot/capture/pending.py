"""Rows whose numbers are still on the device, and how those reach the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from surefoot.capture.host import Norms, host_norm
from surefoot.clipping.result import ClipResult


class PendingStep(NamedTuple):
    """One optimizer step whose numbers are still on the device."""

    step: int
    optimizer: int
    time: float
    losses: list[float | Tensor | None]  # None: one that cannot be read
    norms: Norms | None  # one a parameter, before clipping
    lr: float | Tensor | None
    clip: ClipResult | None
    found_inf: Tensor | None
    scale: Tensor | None
    watch: Callable[[float, bool], None] | None  # told the norm and whether the step was skipped


class PendingLayer(NamedTuple):
    """One per-parameter quantity of a sampled step, still on the device."""

    step: int
    optimizer: int
    quantity: str
    columns: list[int]
    values: Tensor
    factors: list[float] | None = None


def global_norms(steps: Sequence[PendingStep]) -> list[float | None]:
    """Global norm of each step that measured its gradients, from stacks of equal vectors."""
    result: list[float | None] = [None] * len(steps)
    alike: dict[tuple[Any, ...], list[int]] = {}
    for index, row in enumerate(steps):
        norms = row.norms
        if isinstance(norms, Tensor):
            alike.setdefault((len(norms), norms.device, norms.dtype), []).append(index)
        elif norms is not None:
            result[index] = host_norm(norms)
    for indices in alike.values():
        stacked = torch.stack([norms for index in indices if isinstance(norms := steps[index].norms, Tensor)])
        squares = np.square(stacked.cpu().numpy().astype(np.float64))
        for index, norm in zip(indices, np.sqrt(squares.sum(axis=1)).tolist(), strict=True):
            result[index] = norm
    return result


def clip_tensors(clip: ClipResult | None) -> tuple[Tensor, ...]:
    """What a clipper left on the device."""
    return () if clip is None or clip.host is not None else (clip.norm, clip.threshold, clip.factor)


def placed(columns: list[int], values: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, Any]:
    """Values at their columns, NaN in between."""
    if columns == list(range(len(columns))):
        return values
    placed = np.full(max(columns) + 1, np.nan, dtype=np.float32)
    placed[columns] = values
    return placed
