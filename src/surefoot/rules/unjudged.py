"""What a diagnosis could not look into, and why: silence about it is no clean bill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from surefoot.facts import Unmeasured
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.losses import training_losses
from surefoot.rules.progress import ENOUGH, ENOUGH_RUNNING, progress
from surefoot.rules.registry import all_rules


@dataclass(frozen=True, slots=True)
class Unjudged:
    """One side of a training that was not judged.

    Args:
        what: The side, in a word or two.
        reason: Why not.
        rules: Codes of the rules that had nothing to read.
    """

    what: str
    reason: str
    rules: tuple[str, ...] = ()


def unjudged(history: History) -> tuple[Unjudged, ...]:
    """All that could not be judged; nothing of a run without a step, whose verdict says so.

    Example:
        >>> from surefoot.records import Run
        >>> unjudged(History(Run(path="", name="", script="")))
        ()
    """
    return tuple(_all(history)) if len(history.series("time")) or len(history.series("loss")) else ()


def _all(history: History) -> Iterator[Unjudged]:
    reason = _of_progress(history)
    if reason is not None:
        without_loss = not len(history.series("loss"))
        yield Unjudged("progress", reason, _readers("series:loss") if without_loss else ())
    elif progress(history).chance is None and not training_losses(history):
        yield Unjudged("the loss against a guess", "no loss function of PyTorch's made the loss")
    if not len(history.metric("val_loss")):
        yield Unjudged("generalisation", "no validation loss was seen", _readers("metric:val_loss"))
    if not len(history.parameter_layer("update_norm")):
        yield Unjudged("the size of steps", _unmeasured(history), _readers("parameter:"))
    if not len(history.activation_layer("dead_share")):
        nothing = "no nonlinearity was found in the graph of the loss"
        yield Unjudged("dead and saturated units", nothing, _readers("activation:"))


def _of_progress(history: History) -> str | None:
    """Why the loss says nothing of progress; None: it does."""
    seen = progress(history)
    if not len(seen.losses):
        return "no loss was seen" if not seen.nonfinite else "no loss is finite"
    if intent.adversarial(history):
        return "players train against each other"
    if not seen.judged:
        return "the loss changes its sign, or its targets move"
    wanted = ENOUGH if intent.ended(history) else ENOUGH_RUNNING
    return None if seen.enough else f"{len(seen.losses)} losses, of {wanted} that it takes"


def _unmeasured(history: History) -> str:
    facts = [fact for fact in history.facts(Unmeasured) if "norms of each parameter" in fact.quantities]
    return facts[0].reason if facts else "no step was sampled"


def _readers(need: str) -> tuple[str, ...]:
    """Codes of the rules that need what is missing."""
    needing = (
        made for made in all_rules() if any(isinstance(n, str) and n.startswith(need) for n in made.needs)
    )
    return tuple(sorted(made.code for made in needing))
