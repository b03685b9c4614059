"""The rule `no-gradient`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Calls, Cut, MissingGradients, Reach
from surefoot.records import History, ParameterInfo, Severity
from surefoot.rules.base import Draft, rule
from surefoot.rules.intent import died_without_graph, ended

CUTS = "detach(), .data, .item(), numpy(), argmax, a no_grad block or a tensor made anew from values"


@rule(
    "no-gradient",
    severity="error",
    since="0.1",
    follows=("all-parameters-frozen", "parameters-not-optimized"),
    explains="warning",  # layers that never run are behind nothing
)
def no_gradient(history: History, *, least: int = 10) -> Iterator[Draft]:
    """The loss does not reach parameters that should learn.

    ## What it finds
    Optimized, trainable parameters whose module ran in the training forward and yet no gradient ever reached
    them: the graph is cut on the way by `detach()`, `.data`, `.item()`, `argmax`, `no_grad`, or a tensor
    wrapped anew. Also a loss that hangs on a fresh leaf tensor instead of on the model.

    ## Why it matters
    Everything in front of the cut stays as it was initialised. If the whole model is, nothing is learned at
    all.

    ## Evidence shown
    The parameters concerned, their share of all entries, between which modules the graph is cut, and the line in front
    that takes tensors out of it, where one is written.

    ## What to try
    Pass tensors on as they are: no `.data`, `.detach()`, `.item()`, `torch.tensor(x)` or NumPy between the
    model and its loss; `argmax` only for metrics.

    ## When to ignore it
    If that part is meant to stay fixed: say so with `requires_grad=False`. An output that the model returns and no loss
    uses, and layers that never ran, are information. In a compiled model no call of a layer is seen: a silent stem in
    front of what does learn is a warning there. A layer that ran, whose result neither reaches a loss nor is
    returned, is a warning where no cut was seen. While running, 10 steps (option `least`) are waited for.

    ## Source
    PYSIASSIST (SANER 2024), patterns 3 and 12; discuss.pytorch.org 112135.
    """
    reach = history.fact(Reach)
    cut = reach.cut if reach is not None else None
    leaf = reach.leaf_root if reach is not None else False
    if died_without_graph(history):
        yield _dead_end(history, cut)
        return
    calls = history.fact(Calls)
    steps = max(history.run.steps, calls.steps if calls is not None else 0)
    if calls is not None and not calls.backwards:
        return  # no backward pass, so no graph to speak of
    if reach is None or steps < 2 or (steps < least and not ended(history)):
        return
    optimized = _in_order(history)
    silent = [p for p in optimized if not p.reached and not p.received]
    if not silent:
        return
    everything = len(silent) == len(optimized)
    # A stem in front of what does learn lies behind a cut; a silent head at the end is merely not used.
    front = optimized[0] is silent[0]
    idle = None if everything else _idle_optimizer(history, silent, least)
    if idle is not None:
        yield idle
        silent = [p for p in silent if p.name not in idle.evidence["parameters"]]
    unused = {*reach.unused}
    hidden = calls is not None and not calls.forwards_with_grad  # inside a compiled model no call is seen
    lost = [p for p in silent if (p.module_called or hidden) and p.name not in unused]
    sure = everything or (bool(lost) and bool(cut or leaf or front))
    called = lost or silent
    if not sure:
        yield from _idle(silent, lost, hidden)
        return
    where = _place(cut) or (calls.first_backward if calls is not None else None)
    share = sum(p.numel for p in called) / max(1, sum(p.numel for p in optimized))
    guessed = not (everything or cut or leaf) and not any(p.module_called for p in called)
    yield Draft(
        severity="warning" if guessed else None,
        title=_title(called, everything, leaf, cut, guessed),
        fix=_fix(cut),
        step=1,
        evidence={
            "parameters": [p.name for p in called][:20],
            "count": len(called),
            "share of entries": round(share, 3),
            "cut after": cut.after if cut else None,
            "cut before": cut.before if cut else None,
            "loss hangs on a fresh tensor": leaf,
        },
        where=where,
        confidence=1.0 if cut or leaf or everything else 0.9,
    )


def _idle_optimizer(history: History, silent: list[ParameterInfo], least: int) -> Draft | None:
    """An optimizer none of whose parameters ever had a gradient: its loss does not depend on them."""
    indices = {p.index for p in silent}
    for optimizer in history.optimizers:
        missing = history.fact(MissingGradients, optimizer.subject)
        empty = missing is not None and missing.of >= least and missing.steps_without_any == missing.of
        held = [p for p in silent if p.index in optimizer.parameters]
        if empty and held and set(optimizer.parameters) <= indices and any(p.module_called for p in held):
            return Draft(
                title=(
                    f"None of the {len(held)} parameters of {optimizer.name} ever gets a gradient: what is "
                    "descended does not depend on them."
                ),
                fix=f"Make that loss of the model's output as it is, without {CUTS}.",
                step=1,
                evidence={
                    "parameters": [p.name for p in held],
                    "steps without a gradient": missing.of if missing else 0,
                },
                where=optimizer.stepped or optimizer.created,
            )
    return None


def _idle(silent: list[ParameterInfo], lost: list[ParameterInfo], hidden: bool) -> Iterator[Draft]:
    """Parameters that get no gradient where no cut was seen: their result is thrown away, or nobody asks for it."""
    ran = [p for p in silent if p.module_called]
    idle = "belong to layers that never run"
    if hidden:
        idle = "belong to layers that never run, or their result reaches no loss: no call of a layer was seen"
    kinds: tuple[tuple[list[ParameterInfo], Severity, str, str], ...] = (
        (
            [p for p in ran if p in lost],
            "warning",
            "ran in the forward, and their result reaches no loss",
            _fix(None),
        ),
        (
            [p for p in ran if p not in lost],
            "information",
            "lead to an output that no loss uses",
            "Add that output to the loss, or take its layers out of the optimizer.",
        ),
        (
            [p for p in silent if not p.module_called],
            "information",
            idle,
            "Call those layers in forward(), or take them out of the model.",
        ),
    )
    for some, severity, title, fix in kinds:
        if some:
            yield Draft(
                severity=severity,
                title=f"{len(some)} optimized parameters ({_names(some)}) never get a gradient: they {title}.",
                fix=fix,
                step=1,
                evidence={"parameters": [p.name for p in some][:20], "count": len(some)},
                where=some[0].name,
                confidence=0.7 if severity == "warning" else 0.5,
            )


def _place(cut: Cut | None) -> str | None:
    return (cut.line or cut.place) if cut else None


def _fix(cut: Cut | None) -> str:
    if (
        cut is not None
        and "checkpoint(" in (cut.line or "")
        and "use_reentrant=False" not in (cut.line or "")
    ):
        return "Call checkpoint with use_reentrant=False: the reentrant one passes none on where its inputs need none."
    return f"Pass tensors on as they are between model and loss, without {CUTS}."


def _in_order(history: History) -> list[ParameterInfo]:
    """Optimized, trainable parameters in the order in which their optimizers hold them: the model's."""
    held = [
        history.parameters[i] for o in history.optimizers for i in o.parameters if i < len(history.parameters)
    ]
    return [p for p in dict.fromkeys(held) if p.requires_grad]


def _title(called: list[ParameterInfo], everything: bool, leaf: bool, cut: Cut | None, guessed: bool) -> str:
    names = _names(called)
    if everything and leaf:
        return "The loss hangs on a tensor made anew from values: no parameter gets a gradient."
    if cut and cut.after:
        before = f" and {cut.before}" if cut.before else " and the loss"
        after = cut.after
        return (
            f"The graph is cut between {after}{before}: {len(called)} parameters get no gradient ({names})."
        )
    why = (
        "the graph is cut, or their layers never run (no call of a layer was seen)"
        if guessed
        else "the graph is cut"
    )
    return f"{len(called)} optimized parameters ({names}) never get a gradient: {why}."


def _names(parameters: list[ParameterInfo]) -> str:
    return ", ".join(p.name for p in parameters[:3]) + (" …" if len(parameters) > 3 else "")


def _dead_end(history: History, cut: Cut | None) -> Draft:
    calls = history.fact(Calls)
    return Draft(
        title=(
            "backward() failed because the loss does not depend on any trainable parameter: the graph is cut."
        ),
        fix=_fix(cut),
        evidence={"error": history.run.error, "cut after": cut.after if cut else None},
        where=_place(cut) or (calls.first_backward if calls is not None else None),
    )
