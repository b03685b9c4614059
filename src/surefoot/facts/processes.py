"""What concerns the processes of a training, surefoot's own faults among it."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.facts.base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks(Fact, kind="ranks", question="Do the processes agree"):
    """What the processes of a training have in common.

    Args:
        world_size: Number of processes.
        parameters_differ: Parameters differ between processes that should agree; None: cannot be told.
        batches_agree: All processes got the same batches; None: cannot be told.
        parameter: Name of the first parameter that differs.
        at_step: Step at which it was first seen to.
    """

    world_size: int = 1
    parameters_differ: bool | None = None
    batches_agree: bool | None = None
    parameter: str | None = None
    at_step: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One of a training's processes.

    Args:
        name: Of its run: "rank-1", or "script" for the script's own process.
        status: As its run has it.
        steps: Optimizer steps.
        backwards: Backward passes.
        error: Its exception.
    """

    name: str = ""
    status: str = "running"
    steps: int = 0
    backwards: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes(Fact, kind="processes", question="Which processes trained"):
    """The processes of one training, joined when it is read; there is no such fact where one alone trained.

    Args:
        trained: Each that trained, in the order of their ranks.
    """

    trained: tuple[Process, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads(Fact, kind="threads", question="Threads that trained unobserved"):
    """Other threads of the process that trained; there is no such fact where none did.

    Args:
        unobserved: How many called backward or stepped an optimizer.
    """

    unobserved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Fact, kind="recording", question="Why recording stopped"):
    """Recording ended before the training did; there is no such fact where it did not.

    Args:
        stopped: Why, in one sentence.
        seen: Optimizer steps counted by then.
    """

    stopped: str = ""
    seen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect(Fact, kind="defect", question="Faults of surefoot's own"):
    """A fault of surefoot's own, by the part that has it.

    Args:
        message: What went wrong.
        count: How often.
    """

    message: str = ""
    count: int = 0
