"""The rule `memory-growing`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from surefoot.facts import Loader, Memory
from surefoot.records import History
from surefoot.rules.base import Draft, rule

MEBIBYTE = 1 << 20
_FEW, _PARTS = 12, 4  # samples behind the first quarter; parts in each of which it must grow
_STEADY = (
    0.5  # of the mean growth, in each part: memory that is filled once, or in leaps, has parts without any
)
_NEAR = 10_000  # steps: a training that is not long


@dataclass(frozen=True, slots=True)
class _Growth:
    began: int  # step
    before: float
    grown: float
    a_step: float


@rule(
    "memory-growing",
    severity="warning",
    needs=(Memory,),
    follows=("graph-kept", "graph-retained"),
    since="0.1",
)
def memory_growing(
    history: History, *, least: int = 64 * MEBIBYTE, a_step: int = MEBIBYTE // 2, share: float = 0.5
) -> Iterator[Draft]:
    """Memory grows with every step.

    ## What it finds
    A process, or a CUDA device, that holds more and more memory from step to step, at an even pace, when the
    first quarter of the steps is behind it.

    ## Why it matters
    The training dies of it, often hours later. Something of every step is kept: outputs or losses with their
    graphs, pictures for a log, batches that a cache never gives back.

    ## Evidence shown
    Bytes a step, what was held before and at the end, and after how many steps the memory is full at this pace.

    ## What to try
    Look for what lives longer than its step: lists that are appended to, attributes, caches, hooks. Keep
    numbers, or `detach()` and `cpu()` what has to be kept; `torch.cuda.memory._record_memory_history()` and
    `tracemalloc` name the lines.

    ## When to ignore it
    If it ends by itself: a replay buffer that fills up, a data set that is cached while it is read for the first
    time. It is a warning only if half of what was held (option `share`) came on top of it, at half a mebibyte a
    step (option `a_step`), or if the memory is full within 10,000 steps; never in the first pass over the data.
    Below 64 MiB in all (option `least`) nothing is said: of 57 sound programs of up to
    200 steps none grew evenly by more than 3 MiB.

    ## Source
    PyTorch's FAQ, "My model reports cuda runtime error(2): out of memory"; Lightning issue 17486.
    """
    for memory in history.facts(Memory):
        growth = _growth(memory)
        if growth is None or growth.grown < least:
            continue
        full = _full(memory, growth)
        grave = (growth.grown >= share * growth.before and growth.a_step >= a_step) or full < _NEAR
        yield Draft(
            title=(
                f"Memory of the {memory.subject} grows by {growth.a_step / MEBIBYTE:,.1f} MiB a step, "
                f"from {growth.before / MEBIBYTE:,.0f} to {memory.held[-1] / MEBIBYTE:,.0f} MiB."
            ),
            fix="Find what outlives its step (lists, attributes, caches); keep numbers, or less of it.",
            severity="warning" if grave and not _first_pass(history) else "information",
            step=growth.began,
            evidence={
                "bytes a step": round(growth.a_step),
                "bytes before": round(growth.before),
                "bytes at the end": memory.held[-1],
                "steps until it is full": None if full == np.inf else round(full),
            },
            where=memory.subject,
            confidence=0.8,
        )


def _growth(memory: Memory) -> _Growth | None:
    """From the end of the first quarter on; None where it is not even."""
    steps, held = np.array(memory.at_steps, dtype=float), np.array(memory.held, dtype=float)
    if len(steps) < 2:
        return None
    began = steps[0] + (steps[-1] - steps[0]) / 4
    if np.count_nonzero(steps >= began) < _FEW:
        return None
    ends = np.linspace(began, steps[-1], _PARTS + 1)
    at = np.interp(ends, steps, held)
    gains, grown = np.diff(at), at[-1] - at[0]
    if grown <= 0 or gains.min() < _STEADY * grown / _PARTS:
        return None
    return _Growth(int(began), float(at[0]), float(grown), float(grown / (steps[-1] - began)))


def _full(memory: Memory, growth: _Growth) -> float:
    """Steps until the place has no more."""
    return np.inf if memory.limit is None else max(0.0, memory.limit - memory.held[-1]) / growth.a_step


def _first_pass(history: History) -> bool:
    """Whether the training data is read for the first time, and may be kept meanwhile."""
    loaders = [loader for loader in history.facts(Loader) if loader.phase == "train"]
    return bool(loaders) and all(loader.iterations <= 1 for loader in loaders)
