"""The rule `all-parameters-frozen`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Cadence, OptimizerCreated
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.intent import died_without_graph


@rule("all-parameters-frozen", severity="error", since="0.1")
def all_parameters_frozen(history: History, *, least: int = 2) -> Iterator[Draft]:
    """Every parameter that the optimizer holds has `requires_grad=False`.

    ## What it finds
    An optimizer that steps and holds only frozen parameters, or a script that dies at its first `backward()`
    because everything in the loss is frozen.

    ## Why it matters
    Frozen parameters get no gradient; the steps change nothing.

    ## Evidence shown
    The number of parameters it holds, and some of their names.

    ## What to try
    Set `requires_grad=True` on what should learn, and give those parameters to the optimizer.

    ## When to ignore it
    Never while that optimizer is stepped; freezing a part and training another is not reported. Two steps
    (option `least`) are waited for.

    ## Source
    TrainCheck, fault pytorch-forum-84911; discuss.pytorch.org 84911.
    """
    for optimizer in history.optimizers:
        held = [history.parameters[i] for i in optimizer.parameters if i < len(history.parameters)]
        cadence = history.fact(Cadence, optimizer.subject)
        steps = cadence.steps if cadence is not None else 0
        if not held or steps < least or any(p.requires_grad or p.received for p in held):
            continue
        yield _finding(len(held), [p.name for p in held], optimizer.created or optimizer.stepped)
        return
    if not died_without_graph(history):
        return
    for fact in history.facts(OptimizerCreated):
        if fact.parameters and fact.trainable == 0:
            yield _finding(fact.parameters, [], fact.place)
            return


def _finding(count: int, names: list[str], where: str | None) -> Draft:
    return Draft(
        title=(
            f"All {count} parameters of the optimizer are frozen (requires_grad=False): its steps change "
            "nothing."
        ),
        fix="Set requires_grad=True on the parameters that should learn and give those to the optimizer.",
        evidence={"parameters": count, "names": names[:10]},
        where=where,
    )
