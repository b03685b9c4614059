"""The rule `parameters-not-optimized`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Calls, Reach
from surefoot.records import History, ParameterInfo
from surefoot.rules.base import Draft, rule
from surefoot.rules.intent import ended
from surefoot.rules.wiring.missing_step import never_stepped


@rule(
    "parameters-not-optimized",
    severity="error",
    needs=(Calls,),
    since="0.1",
    follows=("all-parameters-frozen",),
)
def parameters_not_optimized(history: History, *, least: int = 10) -> Iterator[Draft]:
    """Trainable parameters receive gradients, but no optimizer holds them.

    ## What it finds
    `nn.Parameter`s with `requires_grad=True` that the loss reaches and that are in no optimizer: layers kept
    in a plain Python list, a head replaced after the optimizer was made, an optimizer of an older model, a
    part forgotten.

    ## Why it matters
    They stay as they were initialised. The rest learns around them, so the loss often falls, only not as far.

    ## Evidence shown
    Their names and number, their share of all entries, layers that the model does not know of, and parameters
    the optimizer holds that no loss reaches (a sign that they were replaced).

    ## What to try
    Keep layers in `nn.ModuleList`, make the optimizer after the model is complete, and pass it all
    parameters. If they are meant to stay fixed, set `requires_grad=False` on them: that also saves computing
    their gradients.

    ## When to ignore it
    If a part is held fixed on purpose without freezing it. Optimizing an input image or a latent vector
    through a model is recognised (the optimizer then holds no `nn.Parameter`). While running, 10 steps
    (option `least`) are waited for.

    ## Source
    PyTorch documentation of `nn.ModuleList`; stackoverflow 52298179; TrainCheck pytorch-forum-84911.
    """
    calls = history.facts(Calls)[0]
    steps = calls.steps
    optimized = [p for p in history.parameters if p.optimizer is not None]
    if steps < 2 or (steps < least and not ended(history)) or not optimized:
        return
    if not any(p.is_parameter for p in optimized):
        return
    reach = history.fact(Reach)
    names = set(reach.reached_unoptimized) if reach is not None else set()
    left = [p for p in history.parameters if _left_out(p) or (p.name in names and p.optimizer is None)]
    if not left:
        return
    unknown = list(reach.unregistered) if reach is not None else []
    replaced = [p.name for p in optimized if p.requires_grad and not p.reached and not p.received]
    share = sum(p.numel for p in left) / sum(p.numel for p in (*left, *optimized))
    yield Draft(
        title=(
            f"{_some(left)} get gradients but are in no optimizer, so they never "
            f"change{_reason(unknown, replaced)}."
        ),
        fix=_fix(unknown, replaced),
        evidence={
            "parameters": [p.name for p in left][:20],
            "count": len(left),
            "share of entries": round(share, 3),
            "not registered in the model": unknown[:20],
            "optimized but out of the loss": replaced[:20],
        },
        where=_made_at(history) or left[0].name,
        # An optimizer does hold them, and is never stepped: that is the fault.
        because=("missing-step",) if ended(history) and any(never_stepped(history)) else (),
    )


def _left_out(parameter: ParameterInfo) -> bool:
    p = parameter
    return p.is_parameter and p.requires_grad and p.optimizer is None and p.received >= 2


def _some(left: list[ParameterInfo]) -> str:
    names = ", ".join(p.name for p in left[:3])
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    return f"{len(left)} parameters ({names}{more})" if len(left) > 1 else f"The parameter {names}"


def _reason(unknown: list[str], replaced: list[str]) -> str:
    if unknown:
        return " (their layers are not registered in the model: a plain list or dict holds them)"
    return " (the optimizer holds older ones, which the loss no longer reaches)" if replaced else ""


def _fix(unknown: list[str], replaced: list[str]) -> str:
    if unknown:
        return "Keep the layers in nn.ModuleList and make the optimizer from model.parameters()."
    if replaced:
        return "Make the optimizer after the last change to the model, from model.parameters()."
    return (
        "Give the optimizer all parameters that should learn; freeze the others with requires_grad_(False)."
    )


def _made_at(history: History) -> str | None:
    return next((o.created for o in history.optimizers if o.created), None)
