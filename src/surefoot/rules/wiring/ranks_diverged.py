"""The rule `ranks-diverged`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Loader, Ranks
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("ranks-diverged", severity="error", needs=(Ranks,), since="0.1")
def ranks_diverged(history: History) -> Iterator[Draft]:
    """Processes that should train one model train different ones, or all see the same data.

    ## What it finds
    Data-parallel training in which parameters differ between processes (gradients are not averaged, seeds
    differ at the start), or in which every process gets the same batch.

    ## Why it matters
    Only one process's model is saved: the work of the others is lost, or repeats it.

    ## Evidence shown
    Number of processes, the first parameter that differs and the step, whether batches agree.

    ## What to try
    Wrap the model in `DistributedDataParallel`; give the loader a `DistributedSampler` and call `set_epoch`.

    ## When to ignore it
    Parallelism in which processes hold different parts of a model, and local or federated steps between
    averagings.

    ## Source
    TrainCheck (OSDI 2025), invariants over ranks; PyTorch documentation of `DistributedDataParallel`.
    """
    for fact in history.facts(Ranks):
        world = fact.world_size or 1
        if world < 2:
            continue
        if fact.parameters_differ:
            yield Draft(
                title=(f"Parameters differ between the {world} processes (first seen in {fact.parameter})."),
                fix="Wrap the model in DistributedDataParallel, so that start and gradients agree.",
                step=fact.at_step,
                evidence={"processes": world, "parameter": fact.parameter},
                where=fact.parameter,
            )
        elif fact.batches_agree:
            yield Draft(
                severity="warning",
                title=f"All {world} processes train on the same batches.",
                fix="Give the training loader a DistributedSampler and call its set_epoch each epoch.",
                evidence={"processes": world},
                where=next((f.subject for f in history.facts(Loader) if f.phase == "train"), None),
            )
