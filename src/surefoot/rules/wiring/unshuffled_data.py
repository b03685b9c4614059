"""The rule `unshuffled-data`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.facts import Loader, LossCall
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.intent import adversarial
from surefoot.rules.losses import training_losses


@rule("unshuffled-data", severity="warning", needs=("metric:target/mean", LossCall), since="0.1")
def unshuffled_data(history: History, *, clustering: float = 0.3, batches: int = 15) -> Iterator[Draft]:
    """Training data comes sorted by its target.

    ## What it finds
    Batches that hold one or two classes each (or, in a regression, targets that climb through each epoch the
    same way) while the data as a whole holds many: the loader does not shuffle sorted data.

    ## Why it matters
    Each stretch of steps teaches one class and unlearns the one before. The training loss looks fine within a
    class; validation stays poor and jumps.

    ## Evidence shown
    Mean number of classes in a batch against what shuffled batches would hold, the share of the targets'
    variance that lies between batches (0 for shuffled, 1 for sorted), what the loader says about shuffling.

    ## What to try
    `shuffle=True` in the `DataLoader`, or a `randperm` of the training set each epoch.

    ## When to ignore it
    Streams in order of time, curricula, and the ones and zeros of a GAN. Data in its own order that is not
    clustered by target is not reported, nor is anything behind a loader that shuffles. A share between
    batches of 0.3 (option `clustering`) is asked for. Shuffled batches of 32 of ten classes give 0 with a
    standard deviation of 0.011 over 15 batches (option `batches`; 3,000 drawn sets of them).

    ## Source
    Intraclass correlation of one-way analysis of variance (Fisher 1925); PYSIASSIST pattern 6; stackoverflow
    44124376.
    """
    calls, loader = training_losses(history), _training_loader(history)
    if not calls or adversarial(history) or (loader is not None and loader.shuffled):
        return
    if loader is None and len(calls) > 1:
        return  # without a loader, batches of several losses cannot be told from one sorted stream
    call = calls[0]
    means, deviations = history.metric("target/mean"), history.metric("target/std")
    n = min(len(means), len(deviations), 200)
    if n < batches:
        return
    mean, deviation = means.values[:n], deviations.values[:n]
    size = (
        float(np.nanmedian(history.metric("target/size").values)) if len(history.metric("target/size")) else 0
    )
    size = size or float(call.batch_size or 0)
    if size < 4 or not np.all(np.isfinite(mean)):
        return
    between = _between(mean, np.nan_to_num(deviation), size)
    if between < clustering:
        return
    classes = history.metric("target/classes").finite.values[:n]
    if call.integer_target or _labels(call):
        yield from _classes(call, loader, classes, between, size)
    elif _climbs(mean, loader, size):
        yield _finding(call, loader, between, {}, "climb through each epoch in the same order")


def _between(mean: np.ndarray, deviation: np.ndarray, size: float) -> float:
    """Share of the targets' variance that lies between batches; 0 for shuffled data."""
    inside, among = float(np.mean(deviation**2)), float(np.var(mean))
    if inside + among <= 0:
        return 0.0
    return max(0.0, (among - inside / size) / (among + inside * (1 - 1 / size)))


def _labels(call: LossCall) -> bool:
    return call.function in ("binary_cross_entropy", "binary_cross_entropy_with_logits")


def _classes(
    call: LossCall,
    loader: Loader | None,
    classes: np.ndarray,
    between: float,
    size: float,
) -> Iterator[Draft]:
    known = max(int(call.target_distinct or 0), 2)
    expected = known * (1 - (1 - 1 / known) ** size)
    evidence: dict[str, object] = {}
    if len(classes):
        held = float(np.mean(classes))
        if held > 0.6 * expected:
            return
        evidence = {"classes in a batch": round(held, 2), "expected if shuffled": round(expected, 2)}
        yield _finding(call, loader, between, evidence, f"hold {held:.1f} of {known} classes each")
    else:
        yield _finding(call, loader, between, evidence, "hold hardly more than one class each")


def _climbs(mean: np.ndarray, loader: Loader | None, size: float) -> bool:
    """Whether batch targets rise or fall steadily through an epoch, and again in the next."""
    if loader is None or not loader.dataset_size or loader.shuffled is None:
        return False
    epoch = math.ceil(loader.dataset_size / (loader.batch_size or size))
    rounds = [mean[i : i + epoch] for i in range(0, len(mean) - epoch + 1, epoch)]
    if epoch < 5 or len(rounds) < 2:
        return False
    order = np.arange(epoch)
    return all(abs(float(np.corrcoef(order, np.argsort(np.argsort(r)))[0, 1])) > 0.9 for r in rounds)


def _finding(
    call: LossCall, loader: Loader | None, between: float, extra: dict[str, object], how: str
) -> Draft:
    shuffled = loader.shuffled if loader is not None else None
    return Draft(
        title=f"Training batches come sorted by target: they {how}.",
        fix="Shuffle the training data: shuffle=True in its DataLoader, or a new random order each epoch.",
        evidence={
            **extra,
            "share of target variance between batches": round(between, 3),
            "loader shuffles": shuffled,
            "sampler": loader.sampler if loader is not None else None,
        },
        where=loader.subject if loader is not None else call.place,
        confidence=0.95 if shuffled is False else 0.85,
    )


def _training_loader(history: History) -> Loader | None:
    trains = (f for f in history.facts(Loader) if f.phase == "train")
    return max(trains, key=lambda f: f.iterations, default=None)
