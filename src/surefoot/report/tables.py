"""What the page says in figures and tables: the headline figures and the facts by kind."""

from __future__ import annotations

from surefoot.records import Fact, History
from surefoot.report.json import clip_rate, ends, spread
from surefoot.report.numbers import duration, number, share
from surefoot.report.places import optimizer_labels
from surefoot.report.text import elapsed

# Kind of fact: what a reader would ask.
QUESTIONS = {
    "calls": "Which calls were made",
    "cadence": "How backward passes and steps alternate",
    "clearing": "Were gradients cleared between steps",
    "cleared-before-step": "Were gradients lost before the step",
    "missing-gradients": "Steps without any gradient",
    "optimizer-created": "How the optimizers were made",
    "loss-call": "What the loss functions were given",
    "manual-loss": "Losses made without a loss function",
    "model": "The models",
    "mode": "Train and eval mode",
    "reach": "What the gradients reach",
    "loader": "The data loaders",
    "batch-input": "The batches",
    "linear-pair": "Layers with no nonlinearity between them",
    "symmetry": "Do units differ from each other",
    "clip-call": "Clipping done by the script",
    "scheduler": "Learning-rate schedulers",
    "graph": "Size of the autograd graph",
    "scaler": "Gradient scaling for mixed precision",
    "nonfinite": "The first NaN or infinity",
    "batch-mixing": "Does one example change another's output",
    "noise": "Gradient noise",
    "ranks": "Do the processes of the training agree",
    "clipper": "Clippers attached",
    "defect": "Faults of surefoot's own",
}


def figures(history: History) -> list[tuple[str, str, str]]:
    """Headline figures as (name, figure, remark); those never recorded are left out."""
    run = history.run
    said = [("steps", number(run.steps), "")]
    seconds = elapsed(history)
    if seconds is not None:
        pace = f"{number(run.steps / seconds)} steps/s" if run.steps and seconds > 0 else ""
        said.append(("time", duration(seconds), pace))
    losses = [
        (f"loss {label}".strip(), history.series("loss", i)) for i, label in optimizer_labels(history).items()
    ]
    for name, series in [*losses, ("validation loss", history.metric("val_loss"))]:
        course = ends(series)
        if course["first"] is not None and course["last"] is not None:
            best = "" if course["best"] is None else f", best {number(course['best'])}"
            said.append((name, number(course["last"]), f"from {number(course['first'])}{best}"))
    norm = spread(history.series("grad_norm"))
    if norm["median"] is not None and norm["max"] is not None:
        said.append(("gradient norm", number(norm["median"]), f"median; largest {number(norm['max'])}"))
    rate = clip_rate(history)
    if rate is not None:
        said.append(("clipped", share(rate), "of the steps"))
    entries = sum(parameter.numel for parameter in history.parameters)
    if entries:
        tensors = len(history.parameters)
        said.append(
            ("parameters", number(entries), f"in {number(tensors)} tensor{'s' if tensors > 1 else ''}")
        )
    return said


def fact_groups(history: History) -> list[tuple[str, list[Fact]]]:
    """Facts by kind, (heading, facts), in the order of QUESTIONS; kinds unknown there come last."""
    kinds = {fact.kind for fact in history.facts}
    order = [kind for kind in QUESTIONS if kind in kinds] + sorted(kinds - set(QUESTIONS))
    return [(QUESTIONS.get(kind, kind), list(history.facts_of(kind))) for kind in order]
