"""The rule `tiny-batch-norm`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import BatchInput, Model, TrainingMode
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import training_losses


@rule("tiny-batch-norm", severity="warning", needs=(Model,), since="0.1")
def tiny_batch_norm(history: History, *, one: int = 4, two: int = 2) -> Iterator[Draft]:
    """Batch norm on batches of a few examples.

    ## What it finds
    Models with batch norm that train on batches of at most 4 examples (`BatchNorm1d`) or 2 (images, where
    each example brings many pixels).

    ## Why it matters
    Mean and deviation of four numbers are mostly noise: outputs jump with the batch, and the running
    statistics used for validation do not fit what was trained.

    ## Evidence shown
    The batch size and the batch-norm modules.

    ## What to try
    Larger batches, `GroupNorm` or `LayerNorm`. Accumulating gradients does not help: the statistics stay
    those of the small batches.

    ## When to ignore it
    If the batch-norm modules are in eval mode, which is recognised. The deviation of a sample variance of n
    values is sqrt(2/(n-1)): 82 % at 4 (option `one`), 25 % at 32.
    With images the limit is 2 (option `two`).

    ## Source
    Wu and He 2018, "Group normalization", arXiv:1803.08494, figure 1.
    """
    size = _batch_size(history)
    if size is None or size > max(one, two):
        return
    mode = history.fact(TrainingMode)
    quiet = set(mode.modules) if mode is not None else set()
    for fact in history.facts(Model):
        if not fact.trained:
            continue
        norms = [(n, c) for n, c in fact.modules if c.startswith("BatchNorm") and n not in quiet]
        flat = [n for n, c in norms if c == "BatchNorm1d"]
        wide = [n for n, c in norms if c != "BatchNorm1d"]
        names = [*(flat if size <= one else ()), *(wide if size <= two else ())]
        if names:
            yield Draft(
                title=f"Batch norm ({names[0]}) works on batches of {size}: its statistics are mostly noise.",
                fix="Use larger batches, or GroupNorm or LayerNorm instead of batch norm.",
                step=1,
                evidence={"batch size": size, "modules": names[:10]},
                where=names[0],
                confidence=0.85,
            )
            return


def _batch_size(history: History) -> int | None:
    fact = history.fact(BatchInput, "train")
    shape = fact.shape if fact is not None else None
    if shape:
        return int(shape[0])
    size = next((c.batch_size for c in training_losses(history) if c.batch_size), None)
    return int(size) if size else None
