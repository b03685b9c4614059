"""Faults of the step: what is forgotten, done twice or in the wrong order."""

from __future__ import annotations

from dataclasses import replace

from forge.faults.base import appended, changed, fault, rewritten
from forge.program import Program

OWN = ("plain", "function", "class", "amp", "compiled", "accelerate", "fabric")


@fault("missing-clear", "missing-zero-grad", certain=True)
def missing_clear(program: Program) -> Program | None:
    """Gradients add up."""
    return program.without("clear")


@fault("missing-step", "missing-step", certain=True)
def missing_step(program: Program) -> Program | None:
    """Nothing moves."""
    return program.without("step")


@fault("missing-backward", "step-without-backward", "no-gradient", certain=True, styles=OWN)
def missing_backward(program: Program) -> Program | None:
    """No gradient is computed."""
    return program.without("backward", "clip")


@fault("cleared-before-step", "grads-cleared-before-step", certain=True)
def cleared_before_step(program: Program) -> Program | None:
    """Gradients are gone when the step comes."""
    return program.moved("clear", after="backward")


@fault("cleared-between-micro-batches", "grads-cleared-before-step", certain=True, styles=("accumulation",))
def cleared_between(program: Program) -> Program | None:
    """Only the last micro-batch counts."""
    return replace(program, options=program.options | {"cleared between"})


@fault("accumulation-unscaled", "accumulation-unscaled", certain=True, styles=("accumulation",))
def accumulation_unscaled(program: Program) -> Program | None:
    """Losses of micro-batches are added; Adam does not mind."""
    return replace(program, accumulated=1) if "SGD" in program.optimizer else None


@fault("clip-in-vain/after-step", "clip-ineffective", certain=True)
def clip_after_step(program: Program) -> Program | None:
    """Gradients are clipped when they have been used."""
    return replace(program, clip=1.0).moved("clip", after="step")


@fault("clip-in-vain/before-backward", "clip-ineffective", certain=True)
def clip_before_backward(program: Program) -> Program | None:
    """Gradients are clipped before there are any."""
    return replace(program, clip=1.0).moved("clip", after="loss")


@fault("scheduler-first", "scheduler-order", certain=True)
def scheduler_first(program: Program) -> Program | None:
    """The rate's first value is skipped."""
    return program.moved("schedule", after="loss") if program.schedule else None


@fault("optimizer-anew/each-batch", "optimizer-recreated", certain=True, styles=OWN[:4])
def optimizer_each_batch(program: Program) -> Program | None:
    """Its momentum is forgotten each time."""
    return None if program.schedule else replace(program, order=("fresh", *program.order))


@fault("optimizer-anew/each-epoch", "optimizer-recreated", styles=("plain", "class"))
def optimizer_each_epoch(program: Program) -> Program | None:
    """Its momentum is forgotten now and then."""
    return None if program.schedule else appended(program, "each_epoch", f"$optimizer = {program.optimizer}")


@fault("cut/generator", "no-gradient", certain=True)
def generator_cut(program: Program) -> Program | None:
    """The generator's loss is computed of a detached picture."""
    if program.kind != "two-players":
        return None
    return replace(program, options=program.options | {"generator cut"})


@fault("only-head-optimized", "parameters-not-optimized", certain=True)
def only_head(program: Program) -> Program | None:
    """The optimizer holds the last layer alone."""
    if "self.head =" not in program.model:
        return None
    return replace(program, optimized="$model.head.parameters()")


@fault("optimizer-of-old-model", "parameters-not-optimized", "no-gradient", certain=True, styles=OWN[:4])
def old_model(program: Program) -> Program | None:
    """The model is made anew after its optimizer."""
    return appended(program, "before", "$model = Net()")


@fault("layers-in-list", "parameters-not-optimized", certain=True)
def layers_in_list(program: Program) -> Program | None:
    """Layers that the model does not know of."""
    return rewritten(program, "model", r"nn\.ModuleList\((\[.*\])\)", r"\1")


@fault("stays-in-eval", "train-in-eval-mode", certain=True)
def stays_in_eval(program: Program) -> Program | None:
    """After the first validation the model stays in eval mode."""
    return replace(program, training="") if program.traits & {"dropout", "batch-norm"} else None


@fault("trains-in-eval", "train-in-eval-mode", certain=True)
def trains_in_eval(program: Program) -> Program | None:
    """The wrong mode from the start."""
    return replace(program, training="$model.eval()") if program.traits & {"dropout", "batch-norm"} else None


@fault("validates-in-train", "validate-in-train-mode", certain=True)
def validates_in_train(program: Program) -> Program | None:
    """The mode is never changed for the validation."""
    return (
        replace(program, evaluating="$model.train()") if program.traits & {"dropout", "batch-norm"} else None
    )


@fault("dropout-always", "validate-in-train-mode", certain=True)
def dropout_always(program: Program) -> Program | None:
    """Functional dropout that knows of no mode."""
    return rewritten(program, "model", r"self\.dropout\(x\)", "F.dropout(x, 0.3)")


@fault("sorted-data", "unshuffled-data")
def sorted_data(program: Program) -> Program | None:
    """Examples come in the order of their targets."""
    if program.kind not in ("classes", "binary", "number"):
        return None
    sorted_ = appended(
        program, "scaling", "order = y_train.argsort()\nx_train, y_train = x_train[order], y_train[order]"
    )
    return changed(sorted_, "loader", "shuffle=True", "shuffle=False")


@fault("test-is-train/all", "metric-of-training-data", certain=True)
def tested_on_training(program: Program) -> Program | None:
    """What is held out is a part of what is trained on."""
    if not program.data:
        return None
    line = "x_test, y_test = x_train[: len(x_test)], y_train[: len(y_test)]"
    return replace(program, scaling=f"{line}\n{program.scaling}".strip())


@fault("test-is-train/some", "metric-of-training-data", certain=True)
def tested_on_some(program: Program) -> Program | None:
    """Examples are mixed before they are split, and some are in both parts."""
    if not program.data:
        return None
    line = "x_train, y_train = torch.cat([x_train, x_test[::2]]), torch.cat([y_train, y_test[::2]])"
    return replace(program, scaling=f"{line}\n{program.scaling}".strip())


@fault("losses-kept", "memory-growing", "graph-kept", certain=True, styles=("plain", "accelerate", "fabric"))
def losses_kept(program: Program) -> Program | None:
    """A list of losses that keep their graphs."""
    return appended(appended(program, "before", "losses = []"), "loss", "losses.append(loss)")


@fault("memory-kept", "memory-growing", certain=True, styles=OWN)
def memory_kept(program: Program) -> Program | None:
    """A tensor of each step stays for ever."""
    return appended(
        appended(program, "before", "kept = []"), "loss", "kept.append(torch.ones(2_000_000) * loss.detach())"
    )


@fault("slow-data", "input-bound", certain=True)
def slow_data(program: Program) -> Program | None:
    """Batches are made with care, while the model waits."""
    made = (
        "import time\n\n\ndef carefully(examples):\n    time.sleep(0.1)\n"
        "    return torch.utils.data.default_collate(examples)\n\n"
    )
    slow = changed(program, "loader", "shuffle=True", "shuffle=True, collate_fn=carefully")
    return slow and appended(slow, "scaling", made)


@fault("compiled-anew", "recompilation", certain=True, styles=("compiled",))
def compiled_anew(program: Program) -> Program | None:
    """The model keeps a list that the compiled code has to know."""
    return rewritten(
        program,
        "model",
        r"^( +)return (.*self\.head\(x\).*)$",
        r'\1self.calls = [*getattr(self, "calls", ()), 0]\n\1return \2',
    )
