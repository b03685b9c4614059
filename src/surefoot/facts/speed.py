"""What a training costs beside the computing: memory, waiting for data, compiling."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.facts.base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Fact, kind="memory", question="How much memory is held"):
    """Bytes that are held in one place, asked at the beginning of inspected backwards; the subject is the place.

    Args:
        at_steps: Steps taken when it was asked; of many samples every second, fourth … one.
        held: Bytes held then; of the process, without pages of files.
        limit: Bytes that the place has.
    """

    at_steps: tuple[int, ...] = ()
    held: tuple[int, ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataWait(Fact, kind="data-wait", question="How long is waited for data"):
    """The time that a training waits for the batches of a data loader, by the place that iterates it.

    The first batch of each iteration, for which workers are started, is left out.

    Args:
        batches: How many were waited for.
        waited: Seconds, in all.
        wait: Median seconds for a batch.
        work: Median seconds from one batch to the question for the next.
        workers: Worker processes of the loader.
        pinned: It copies batches to pinned memory.
        place: Where it is iterated.
    """

    batches: int = 0
    waited: float = 0.0
    wait: float = 0.0
    work: float = 0.0
    workers: int = 0
    pinned: bool = False
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation(Fact, kind="compilation", question="How often code was compiled"):
    """A function that `torch.compile` compiled more than once.

    Args:
        function: Its name.
        compiled: How often, of all its copies the one compiled most.
        limit: How often it may be before PyTorch runs it uncompiled.
        last_step: Steps taken when it was last seen to be.
        reason: What had changed, the last time: the guard that failed.
        place: Where it is written.
    """

    function: str = ""
    compiled: int = 0
    limit: int = 0
    last_step: int = 0
    reason: str = ""
    place: str | None = None
