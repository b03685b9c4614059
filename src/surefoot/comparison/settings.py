"""What a run was set to, by section and name, so that two runs can be held against each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from surefoot.comparison.records import Difference, Section
from surefoot.comparison.seeds import arguments, names_seed, seed_of
from surefoot.facts import (
    BatchInput,
    Cadence,
    ClipCall,
    Clipper,
    Fact,
    Loader,
    LossCall,
    Model,
    Scaler,
    Scheduler,
    ValidationLoss,
)
from surefoot.records import History
from surefoot.report.verdict import extent_of

Settings = dict[tuple[Section, str], Any]

# A mean over other batches of the same data lies within about deviation / sqrt(entries): far less than a tenth.
_SAME_INPUTS = 0.1
_OF_THE_PLACE = ("seeds", "working_directory", "rank", "local_rank")  # differ without any meaning
_SCHEDULERS_OWN = ("last_epoch",)  # where it stands, not what it was given


def settings(history: History) -> Settings:
    """All that was set, flat.

    Example:
        >>> from surefoot.records import OptimizerInfo, Run
        >>> found = settings(History(Run("", "", "a.py"), (OptimizerInfo(0, "SGD", {"lr": 1.0}, ()),)))
        >>> found["settings", "lr"], found["command", "script"]
        (1.0, 'a.py')
    """
    found: Settings = {("command", "script"): history.run.script.replace("\\", "/").rpartition("/")[2]}
    for name, value in arguments(history.run.argv).items():
        found["seed" if names_seed(name) else "command", name] = value
    found.update((("settings", name), value) for name, value in _settings(history))
    found.update((("data", name), value) for name, value in _data(history))
    found.update((("inputs", name), value) for name, value in _inputs(history))
    found.update((("model", name), value) for name, value in _model(history))
    environment = history.run.environment
    found.update((("environment", k), v) for k, v in environment.items() if k not in _OF_THE_PLACE)
    if (seed := seed_of(history)) is not None:
        found["seed", "of torch"] = seed
    return found


def differences(one: History, other: History) -> tuple[Difference, ...]:
    """Settings that are not the same, section by section.

    What is missing in a run that did not come to its end counts as not seen, not as different.
    """
    before, after = settings(one), settings(other)
    found = []
    for key in dict.fromkeys([*before, *after]):
        section, name = key
        unseen = (key not in before and _partial(one)) or (key not in after and _partial(other))
        if (unseen and section not in ("command", "environment")) or _same(key, before, after):
            continue
        found.append(Difference(section, name, before.get(key), after.get(key)))
    order = ("command", "settings", "data", "inputs", "model", "environment", "seed")
    return tuple(sorted(found, key=lambda difference: order.index(difference.section)))


def _partial(history: History) -> bool:
    return extent_of(history.run) != "whole"


def _same(key: tuple[Section, str], before: Settings, after: Settings) -> bool:
    a, b = before.get(key), after.get(key)
    if key[0] == "inputs" and isinstance(a, float) and isinstance(b, float):
        deviation = max(abs(d.get(("inputs", _deviation(key[1])), 0.0)) for d in (before, after))
        return bool(abs(a - b) <= _SAME_INPUTS * deviation)
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return bool(a == b)


def _deviation(name: str) -> str:
    """Name of the deviation that belongs to a mean."""
    return name.rpartition(" ")[0] + " deviation"


def _settings(history: History) -> Iterator[tuple[str, Any]]:
    alone = len(history.optimizers) == 1
    for optimizer in history.optimizers:
        which = "" if alone else f" {optimizer.index + 1}"
        yield f"optimizer{which}", optimizer.name
        for name, value in optimizer.settings.items():
            yield f"{name}{which and f' of optimizer{which}'}", value
    yield from _each(history.facts(Scheduler), "schedule", _schedule)
    yield from _each(history.facts(ClipCall), "clipping", lambda f: {"": f.function, "limit": f.limit})
    yield from _each(history.facts(Clipper), "clipper", lambda f: {"": f.describe or f.name})
    yield from _each(history.facts(Scaler), "gradient scaling", lambda f: {"": f.enabled})
    yield from _each(history.facts(Cadence), "accumulation", lambda f: {"": f.micro_steps})
    training = [fact for fact in history.facts(LossCall) if fact.phase == "train"]
    yield from _each(training, "loss function", _loss)


def _schedule(fact: Scheduler) -> dict[str, Any]:
    kept = {name: value for name, value in fact.settings.items() if name not in _SCHEDULERS_OWN}
    return {"": fact.class_name, **kept}


def _loss(fact: LossCall) -> dict[str, Any]:
    smoothing = fact.label_smoothing or None
    return {"": fact.function, "reduction": fact.reduction, "label smoothing": smoothing}


def _data(history: History) -> Iterator[tuple[str, Any]]:
    for phase in ("train", "validation"):
        loaders = [fact for fact in history.facts(Loader) if fact.phase == phase]
        name = "training loader" if phase == "train" else "validation loader"
        yield from _each(loaders, name, _loader)
    training = [fact for fact in history.facts(LossCall) if fact.phase == "train"]
    yield from _each(training, "batch", lambda f: {"size": f.batch_size})
    yield from _each(history.facts(ValidationLoss), "validation", lambda f: {"examples": f.examples or None})


def _loader(fact: Loader) -> dict[str, Any]:
    return {
        "batch size": fact.batch_size,
        "data set size": fact.dataset_size,
        "shuffled": fact.shuffled,
        "sampler": fact.sampler or None,
        "drops the last batch": fact.drop_last or None,
    }


def _inputs(history: History) -> Iterator[tuple[str, Any]]:
    for fact in history.facts(BatchInput):
        which = fact.subject.replace("validation", "validation input").replace("train", "input")
        if not fact.integer:
            yield f"{which} mean", fact.mean
            yield f"{which} deviation", fact.std
        yield f"{which} type", fact.dtype


def _model(history: History) -> Iterator[tuple[str, Any]]:
    yield from _each(history.facts(Model), "model", lambda f: {"": f.class_name})
    if history.parameters:
        yield "parameters", sum(parameter.numel for parameter in history.parameters)
        for parameter in history.parameters:
            yield f"shape of {parameter.name}", list(parameter.shape)
            yield f"trained {parameter.name}", parameter.requires_grad
    for activation in history.activations:
        yield f"activation {activation.name}", activation.function


def _each(
    facts: Iterable[Fact], title: str, parts: Callable[[Any], Mapping[str, Any]]
) -> Iterator[tuple[str, Any]]:
    """The parts of each fact, numbered from the second on."""
    for number, fact in enumerate(facts, start=1):
        which = title if number == 1 else f"{title} {number}"
        for name, value in parts(fact).items():
            if value is not None:
                yield f"{which} {name}".rstrip(), value
