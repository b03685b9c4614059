"""What sort of training this is, inferred before anything is said about it.

A GAN's losses need not fall, a policy gradient's loss means nothing, LBFGS calls its closure many times: a
rule that judges progress asks here first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from surefoot.facts import Cadence, ClipCall, Recording
from surefoot.records import History, OptimizerInfo

# Their update does not change when all gradients are multiplied by one number.
SCALE_FREE = (
    "adam",
    "adamw",
    "adamax",
    "nadam",
    "radam",
    "rmsprop",
    "adagrad",
    "adadelta",
    "rprop",
    "sparseadam",
    "adafactor",
    "lion",
    "muon",
    "lamb",
    "lars",
)


def ended(history: History) -> bool:
    """Whether no more steps came after those recorded."""
    return history.run.status != "running" and history.fact(Recording) is None


def died_without_graph(history: History) -> bool:
    """Whether the script ended because a loss of its hangs on nothing that requires a gradient."""
    return "does not require grad" in (history.run.error or "")


def stepping(history: History) -> list[OptimizerInfo]:
    """Optimizers that made steps, one for each set of parameters (an optimizer made anew is the same one)."""
    seen: dict[tuple[int, ...], OptimizerInfo] = {}
    for optimizer in history.optimizers:
        if len(history.series("time", optimizer.index)) or len(history.series("loss", optimizer.index)):
            seen.setdefault(optimizer.parameters or (-1 - optimizer.index,), optimizer)
    return list(seen.values())


def adversarial(history: History) -> bool:
    """Several optimizers over different parameters that take turns, each on a loss of its own.

    Two optimizers fed by the same backward call (one of them for sparse embeddings) see the same losses;
    trainings one after the other do not take turns.
    """
    players = []
    for optimizer in stepping(history):
        times, losses = history.series("time", optimizer.index), history.series("loss", optimizer.index)
        if len(times) >= 2:
            players.append((times.values[0], times.values[-1], losses.values, set(optimizer.parameters)))
    for i, (begin, end, mine, parameters) in enumerate(players):
        for other_begin, other_end, others, more in players[i + 1 :]:
            together = begin < other_end and other_begin < end
            if together and not parameters & more and not np.array_equal(mine, others, equal_nan=True):
                return True
    return False


def scale_free(optimizer: OptimizerInfo | None) -> bool:
    """Whether the optimizer's update ignores the gradients' common scale (the Adam family and its like)."""
    return optimizer is not None and optimizer.name.lower() in SCALE_FREE


def main_optimizer(history: History) -> OptimizerInfo | None:
    """The optimizer with the most steps."""
    return next((o for o in history.optimizers if o.index == history.main), None)


def main_cadence(history: History) -> Cadence | None:
    """How the main optimizer's backward passes and steps alternate; None if that was not seen."""
    return history.fact(Cadence, f"optimizer {history.main}")


def highest_rate(history: History) -> float | None:
    """The highest rate that the main optimizer had in the run; None for descent by hand, whose rate is unknown.

    A schedule ends at a tenth, a thousandth or nothing of it: the last value is not what the training went by.
    """
    rates = history.series("lr").finite.values
    return float(np.max(rates)) if len(rates) else None


def usual_rate(history: History) -> float | None:
    """The rate that half of the main optimizer's steps had at the most; None for descent by hand.

    The step of the usual size was made with it, where the rate is what steps differ by.
    """
    rates = history.series("lr").finite.values
    return float(np.quantile(rates, 0.5, method="lower")) if len(rates) else None


def place_of_rate(history: History) -> str | None:
    """Where the main optimizer was made: the line that sets its rate."""
    optimizer = main_optimizer(history)
    return None if optimizer is None else optimizer.created or optimizer.stepped


def warming_up(history: History) -> bool:
    """Whether the rate still rises: it ends at its largest, above where it was a fifth of the run before.

    A run that came to its own end has no more steps for the rate to rise in.
    """
    rates = history.series("lr").finite.values
    if len(rates) < 2 or history.run.status == "finished":
        return False
    before = float(rates[-1 - max(1, len(rates) // 5)])
    return bool(rates[-1] > 1.02 * before and rates[-1] >= 0.99 * float(np.max(rates)))


def clipped_by_script(history: History) -> bool:
    """Whether the script itself clips most of its steps, in the right place."""
    return any(_clips(call) for call in history.facts(ClipCall))


def clip_factor(history: History) -> float:
    """What is usually left of the gradient after the script's own clipping of its norm: 1 where it clips nothing."""
    for call in history.facts(ClipCall):
        if call.function == "clip_grad_norm_" and call.limit and call.norm and _clips(call):
            return min(1.0, call.limit / call.norm)
    return 1.0


def _clips(call: ClipCall) -> bool:
    """Whether it cuts most gradients, and in front of the step."""
    return (call.clipped or 0.0) > 0.5 and 2 * call.after_step < max(1, call.count)


def each_optimizer(history: History) -> list[History]:
    """The history once for each optimizer, as if it were the main one; players against each other stay together."""
    return history.derived(_views)


def _views(history: History) -> list[History]:
    others = [o.index for o in stepping(history) if o.index != history.main]
    if not others or adversarial(history):
        return [history]
    return [history, *(_alone(history, index) for index in others)]


def _alone(history: History, optimizer: int) -> History:
    own = {key: series for key, series in history.step_series.items() if key[1] == optimizer}
    return replace(history, step_series=own)
