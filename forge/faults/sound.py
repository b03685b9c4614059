"""Changes that are none: sound forms that tempt to a false alarm. What comes out must reach the bar to count."""

from __future__ import annotations

from dataclasses import replace

from forge.faults.base import appended, changed, fault, rewritten
from forge.faults.losses import teacher_trains
from forge.program import Program


@fault("sound/label-smoothing")
def label_smoothing(program: Program) -> Program | None:
    """Targets a little less sure."""
    return rewritten(program, "loss", r"(F\.cross_entropy\(.*)\)$", r"\1, label_smoothing=0.1)")


@fault("sound/log-softmax-twice")
def log_softmax_first(program: Program) -> Program | None:
    """A log-softmax of a log-softmax is itself."""
    return changed(program, "loss", "F.cross_entropy(output", "F.cross_entropy(output.log_softmax(-1)")


@fault("sound/nll-of-log-softmax")
def nll(program: Program) -> Program | None:
    """Cross-entropy in two pieces."""
    if program.kind not in ("classes", "tokens"):
        return None
    return changed(program, "loss", "F.cross_entropy(output", "F.nll_loss(output.log_softmax(-1)")


@fault("sound/probabilities")
def probabilities(program: Program) -> Program | None:
    """A sigmoid, and the loss that wants one."""
    if program.kind != "binary":
        return None
    loss = "loss = F.binary_cross_entropy(torch.sigmoid(output.float()), $targets)"
    return replace(program, loss=loss)


@fault("sound/huber")
def huber(program: Program) -> Program | None:
    """A loss that minds outliers less."""
    return changed(program, "loss", "F.mse_loss(output, $targets)", "F.smooth_l1_loss(output, $targets)")


@fault("sound/by-hand-loss")
def loss_by_hand(program: Program) -> Program | None:
    """The mean of squares written out."""
    return changed(program, "loss", "F.mse_loss(output, $targets)", "((output - $targets) ** 2).mean()")


@fault("sound/small-decay")
def small_decay(program: Program) -> Program | None:
    """A usual weight decay."""
    if "weight_decay" in program.optimizer:
        return None
    return replace(program, optimizer=f"{program.optimizer[:-1]}, weight_decay=0.0001)")


@fault("sound/clipped")
def clipped(program: Program) -> Program | None:
    """A clip that often cuts a little."""
    return replace(program, clip=1.0)


@fault("sound/rate-times-2")
def faster(program: Program) -> Program | None:
    """The rate somebody else would have taken."""
    return replace(program, rate=2 * program.rate)


@fault("sound/rate-by-3")
def slower(program: Program) -> Program | None:
    """And the one that a careful person takes."""
    return replace(program, rate=program.rate / 3)


@fault("sound/not-shuffled")
def not_shuffled(program: Program) -> Program | None:
    """Data that is mixed already."""
    return changed(program, "loader", "shuffle=True", "shuffle=False")


@fault("sound/zero-head")
def zero_head(program: Program) -> Program | None:
    """The last layer starts at zero, so that the first guess is even."""
    if "self.head =" not in program.model:
        return None
    return appended(program, "built", "nn.init.zeros_($model.head.weight)")


@fault("sound/scaled-sum")
def scaled_sum(program: Program) -> Program | None:
    """A sum over the batch, divided by its size."""
    summed = rewritten(
        program, "loss", r"(loss = F\.(?:cross_entropy|mse_loss)\(.*)\)$", r'\1, reduction="sum")'
    )
    if program.kind not in ("classes", "number") or summed is None:
        return None
    return replace(summed, loss=f"{summed.loss} / len($targets)")


@fault("sound/penalty")
def penalty(program: Program) -> Program | None:
    """A small term beside the loss."""
    if "output" not in program.forward:
        return None
    return appended(program, "loss", "loss = loss + 1e-4 * output.square().mean()")


@fault("sound/warm-restarts")
def restarts(program: Program) -> Program | None:
    """A rate that goes down and leaps up again."""
    return replace(
        program, schedule="torch.optim.lr_scheduler.CosineAnnealingWarmRestarts($optimizer, $steps // 3)"
    )


@fault("sound/one-cycle")
def one_cycle(program: Program) -> Program | None:
    """Up and down once."""
    return replace(
        program, schedule="torch.optim.lr_scheduler.OneCycleLR($optimizer, $rate, total_steps=$steps + 1)"
    )


@fault("sound/averaged", styles=("plain", "class", "closure", "amp", "accelerate"))
def averaged(program: Program) -> Program | None:
    """A moving average of the weights beside the model."""
    if "batch-norm" in program.traits:
        return None
    made = appended(program, "before", "averaged = torch.optim.swa_utils.AveragedModel($model)")
    return replace(made, training="$model.train()\naveraged.update_parameters($model)")


@fault("sound/mean-teacher", styles=("plain", "closure", "amp", "accelerate"))
def mean_teacher(program: Program) -> Program | None:
    """The averaged copy that gives soft targets, in eval mode."""
    taught = teacher_trains.put(program)
    return taught and appended(taught, "before", "teacher.eval()")


@fault("sound/frozen-first", styles=("plain", "function", "class", "amp", "accelerate", "lightning"))
def frozen_first(program: Program) -> Program | None:
    """The first layer stays as it is, on purpose."""
    if "self.first =" not in program.model:
        return None
    line = "for weights in $model.first.parameters():\n    weights.requires_grad_(False)"
    filtered = "[weights for weights in $model.parameters() if weights.requires_grad]"
    return replace(appended(program, "built", line), optimized=filtered)
