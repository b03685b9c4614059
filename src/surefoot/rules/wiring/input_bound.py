"""The rule `input-bound`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import DataWait
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("input-bound", severity="warning", needs=(DataWait,), since="0.1")
def input_bound(
    history: History, *, share: float = 0.5, wait: float = 0.02, waited: float = 2.0, least: int = 20
) -> Iterator[Draft]:
    """The training waits for its data most of the time.

    ## What it finds
    A data loader that the training waits for longer than it computes.

    ## Why it matters
    So much of the time is lost, and so much of the device, whatever the model does.

    ## Evidence shown
    The median seconds that a batch is waited for, those from one batch to the question for the next, the share
    of the first in both, all that was waited, and the loader's workers.

    ## What to try
    Worker processes (`num_workers=4`, with `persistent_workers=True`), which load the next batches meanwhile; more
    of them, or a larger `prefetch_factor`, where there are some; `pin_memory=True` for a CUDA device. Do what is the
    same in every epoch (decoding, resizing, tokenising) once, ahead of the training.

    ## When to ignore it
    If data comes from elsewhere at its own pace. Half of the time (option `share`), 20 ms a batch (option `wait`),
    two seconds in all (option `waited`) and 20 batches (option `least`) are asked for. In 19 sound programs with small
    data a batch took less than 1 ms, and up to 58 % of the time of a tiny model. Of runs that last, the shares
    of a slow disk and of a first pass over the data differ.

    ## Source
    PyTorch's performance tuning guide, "Enable asynchronous data loading and augmentation".
    """
    for fact in history.facts(DataWait):
        lost = fact.wait / (fact.wait + fact.work) if fact.wait else 0.0
        if lost < share or fact.wait < wait or fact.waited < waited or fact.batches < least:
            continue
        yield Draft(
            title=f"{lost:.0%} of the time goes to waiting for data: {1000 * fact.wait:,.0f} ms a batch.",
            fix=_fix(fact),
            evidence={
                "seconds a batch": fact.wait,
                "seconds between": fact.work,
                "share": lost,
                "seconds waited": fact.waited,
                "workers": fact.workers,
            },
            where=fact.place,
            confidence=0.8,
        )


def _fix(fact: DataWait) -> str:
    if not fact.workers:
        return "Give the DataLoader worker processes (num_workers=4, persistent_workers=True)."
    return f"Give the DataLoader more than {fact.workers} workers, or prepare examples ahead of the training."
