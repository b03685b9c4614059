"""Faults between the model's output and its loss."""

from __future__ import annotations

from dataclasses import replace

from forge.faults.base import appended, changed, fault, rewritten
from forge.program import Program

ENDS = r"return self\.head\(x\)"


@fault("softmax/in-loss", "softmax-before-cross-entropy", certain=True)
def softmax_in_loss(program: Program) -> Program | None:
    """Cross-entropy of probabilities."""
    return changed(program, "loss", "F.cross_entropy(output", "F.cross_entropy(output.softmax(-1)")


@fault("softmax/in-model", "softmax-before-cross-entropy", certain=True)
def softmax_in_model(program: Program) -> Program | None:
    """The model ends in softmax."""
    if program.kind not in ("classes", "tokens"):
        return None
    return rewritten(program, "model", ENDS, "return F.softmax(self.head(x), dim=-1)")


@fault("sigmoid/in-loss", "sigmoid-before-logits-loss", certain=True)
def sigmoid_in_loss(program: Program) -> Program | None:
    """The loss of logits gets probabilities."""
    return changed(program, "loss", "with_logits(output,", "with_logits(torch.sigmoid(output),")


@fault("sigmoid/in-model", "sigmoid-before-logits-loss", certain=True)
def sigmoid_in_model(program: Program) -> Program | None:
    """The model ends in a sigmoid."""
    if program.kind != "binary":
        return None
    ended = rewritten(program, "model", ENDS, "return torch.sigmoid(self.head(x))")
    return ended and changed(ended, "score", "output > 0", "output > 0.5")


@fault("softmax-over-batch", "softmax-wrong-dim", "batch-mixing", certain=True)
def softmax_over_batch(program: Program) -> Program | None:
    """Probabilities over the examples."""
    if program.kind != "classes":
        return None
    return changed(program, "loss", "F.cross_entropy(output,", "F.nll_loss(F.log_softmax(output, dim=0),")


@fault("nll-of/probabilities", "nll-without-log-softmax", certain=True)
def nll_of_probabilities(program: Program) -> Program | None:
    """No logarithm."""
    if program.kind not in ("classes", "tokens"):
        return None
    return changed(program, "loss", "F.cross_entropy(output", "F.nll_loss(output.softmax(-1)")


@fault("nll-of/logits", "nll-without-log-softmax", certain=True)
def nll_of_logits(program: Program) -> Program | None:
    """No softmax at all."""
    if program.kind not in ("classes", "tokens"):
        return None
    return changed(program, "loss", "F.cross_entropy(output", "F.nll_loss(output")


@fault("kl-of-probabilities", "kl-without-log", certain=True)
def kl_of_probabilities(program: Program) -> Program | None:
    """`kl_div` wants the logarithm of its input."""
    if program.kind != "classes":
        return None
    soft = "F.one_hot($targets, output.shape[1]).float() * 0.9 + 0.1 / output.shape[1]"
    return changed(
        program,
        "loss",
        "F.cross_entropy(output, $targets)",
        f'F.kl_div(output.softmax(1), {soft}, reduction="batchmean")',
    )


@fault("broadcast", "broadcast-loss", certain=True)
def broadcast(program: Program) -> Program | None:
    """A column against a row."""
    if program.kind != "number":
        return None
    column = changed(program, "model", ".squeeze(-1)", "")
    return column and replace(column, score=column.score.replace("output", "output.squeeze(-1)"))


def _ends_in(function: str, kinds: tuple[str, ...]):
    def put(program: Program) -> Program | None:
        if program.kind not in kinds:
            return None
        return rewritten(program, "model", ENDS, f"return {function}(self.head(x))")

    return put


BOUNDED = [
    fault(f"bounded-output/{function}", "output-activation", certain=True)(
        _ends_in(f"torch.{function}", ("number",))
    )
    for function in ("relu", "sigmoid", "tanh")
]


@fault("relu-on-scores", "output-activation")
def relu_on_scores(program: Program) -> Program | None:
    """Logits that cannot be negative."""
    return _ends_in("F.relu", ("classes", "tokens"))(program)


@fault("softmax-of-one", "single-logit-softmax", certain=True)
def softmax_of_one(program: Program) -> Program | None:
    """A softmax over one logit is one."""
    if program.kind != "binary":
        return None
    ended = rewritten(program, "model", ENDS, "return F.softmax(self.head(x), dim=1)")
    return ended and changed(ended, "loss", "binary_cross_entropy_with_logits", "binary_cross_entropy")


@fault("detached-output", "no-gradient", certain=True)
def detached_output(program: Program) -> Program | None:
    """The loss hangs on a tensor that is no part of the model."""
    if "output" not in program.forward:
        return None
    return appended(program, "forward", "output = output.detach().requires_grad_()")


@fault("wrong-sign", "loss-sign-flipped", certain=True)
def wrong_sign(program: Program) -> Program | None:
    """The loss is made larger."""
    return appended(program, "loss", "loss = -loss")


@fault("root-at-zero", "nonfinite-gradient", "nonfinite-loss", certain=True)
def root_at_zero(program: Program) -> Program | None:
    """A penalty whose gradient is NaN where the weights are zero."""
    if "self.head =" not in program.model:
        return None
    zeroed = appended(program, "built", "nn.init.zeros_($model.head.bias)")
    return appended(zeroed, "loss", "loss = loss + 1e-3 * $model.head.bias.square().sum().sqrt()")


@fault("summed-loss", "loss-sum-reduction", "lr-too-high")
def summed_loss(program: Program) -> Program | None:
    """The sum over the batch, the rate as before."""
    if program.kind not in ("classes", "binary", "number", "tokens"):
        return None
    return rewritten(program, "loss", r"(loss = F\..*)\)$", r'\1, reduction="sum")')


@fault("labels-minus-one", "target-out-of-range", certain=True)
def labels_minus_one(program: Program) -> Program | None:
    """-1 and 1 for a loss of 0 and 1."""
    return appended(program, "scaling", "y_train = 2 * y_train - 1") if program.kind == "binary" else None


@fault("one-target", "constant-targets", certain=True)
def one_target(program: Program) -> Program | None:
    """Every example has the same target."""
    if program.kind not in ("classes", "binary", "number"):
        return None
    value = "y_train * 0" if program.kind != "number" else "torch.full_like(y_train, 0.5)"
    return appended(program, "scaling", f"y_train = {value}")


@fault("padding-in-loss", "padding-in-loss", certain=True)
def padding_in_loss(program: Program) -> Program | None:
    """The filled-up ends of the rows are learned as well."""
    return changed(program, "loss", ", ignore_index=0", "")


@fault("rows-misaligned", "plateau", "overfitting", "constant-output", certain=True)
def rows_misaligned(program: Program) -> Program | None:
    """Inputs and targets are mixed each by itself."""
    if program.kind not in ("classes", "binary", "number"):
        return None
    return appended(program, "scaling", "y_train = y_train[torch.randperm(len(y_train))]")


@fault(
    "teacher-trains", "teacher-in-train-mode", certain=True, styles=("plain", "closure", "amp", "accelerate")
)
def teacher_trains(program: Program) -> Program | None:
    """The averaged copy that gives soft targets keeps its dropout or its batch's statistics."""
    if not program.traits & {"dropout", "batch-norm"}:
        return None
    made = appended(
        program, "before", "teacher = torch.optim.swa_utils.AveragedModel($model, use_buffers=True)"
    )
    taught = appended(made, "loss", "with torch.no_grad():\n    wanted = teacher($inputs)")
    taught = appended(taught, "loss", "loss = loss + 0.1 * F.mse_loss(output, wanted)")
    return replace(taught, training="$model.train()\nteacher.update_parameters($model)")


@fault("targets-shifted/zero", "targets-misaligned", "target-leak", certain=True)
def targets_are_inputs(program: Program) -> Program | None:
    """Each place is asked for its own letter."""
    return changed(
        program, "data", "labels = pieces[:, :-1], pieces[:, 1:]", "labels = pieces[:, :-1], pieces[:, :-1]"
    )


@fault("targets-shifted/twice", "targets-misaligned", certain=True)
def targets_two_on(program: Program) -> Program | None:
    """Shifted once where they are made, and once more in the loss."""
    if program.kind != "tokens":
        return None
    return changed(
        program,
        "loss",
        "output.flatten(0, 1), $targets.flatten()",
        "output[:, :-1].flatten(0, 1), $targets[:, 1:].flatten()",
    )
