"""Loops that people write themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from forge.loops.parts import (
    HELD_OUT,
    Idioms,
    Unsayable,
    assembled,
    epochs_of,
    judging,
    making,
    names,
    opening,
    order_of,
)
from forge.program import ORDER, Program, filled, indented


def plain(program: Program) -> str:
    """Everything at the top of the file."""
    known = names(program)
    step = Idioms().said(program)
    return assembled([*opening(program), *making(program), *epochs_of(program, step, known)], known)


def function(program: Program) -> str:
    """Functions for an epoch and for the validation, called from main."""
    known = names(program, inputs="xb", targets="yb", model="net", optimizer="opt", loader="batches")
    step = Idioms().said(program)
    scheduled = ["scheduler"] if program.schedule else []
    arguments = ", ".join(["net", "batches", "opt", *scheduled])
    lines = [
        *opening(program),
        f"def train_epoch({arguments}):",
        *(indented(line) for line in filter(None, [program.training])),
        indented("for xb, yb in batches:"),
        *(indented(filled(line, known), 2) for line in step),
        indented("return loss.item()"),
        "",
        "",
        "def evaluate(net):",
        *(indented(filled(line, HELD_OUT)) for line in judging(program)),
        indented("return loss.item(), score"),
        "",
        "",
        "def main():",
        *(indented(line) for line in making(program)),
        indented("for epoch in range($epochs):"),
        *(indented(line, 2) for line in filter(None, [program.each_epoch])),
        indented(f"trained = train_epoch({arguments})", 2),
        indented("loss, score = evaluate(net)", 2),
        indented('print(f"epoch {epoch} loss {trained:.4f} held out {loss:.4f} score {score:.4f}")', 2),
        "",
        "",
        "main()",
    ]
    return assembled(lines, known)


def trainer_class(program: Program) -> str:
    """A trainer class of one's own."""
    of_self = {name: f"self.{name}" for name in ("model", "optimizer", "scheduler", "loader")}
    known = names(program, **of_self, inputs="x", targets="t")
    step = Idioms().said(program)
    lines = [
        *opening(program),
        "class Trainer:",
        indented("def __init__(self):"),
        *(indented(line, 2) for line in making(program)),
        "",
        indented("def step(self, x, t):"),
        *(indented(line, 2) for line in step),
        indented("return loss.item()", 2),
        "",
        indented("def evaluate(self):"),
        *(indented(filled(line, HELD_OUT), 2) for line in judging(program)),
        indented("return score", 2),
        "",
        indented("def fit(self):"),
        indented("for epoch in range($epochs):", 2),
        *(indented(line, 3) for line in filter(None, [program.each_epoch, program.training])),
        indented("losses = [self.step(x, t) for x, t in self.loader]", 3),
        indented(
            'print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} score {self.evaluate():.4f}")', 3
        ),
        "",
        "",
        "Trainer().fit()",
    ]
    return assembled(lines, known)


def closure(program: Program) -> str:
    """`optimizer.step(closure)`."""
    if not {"step", "backward"} <= set(program.order):
        raise Unsayable
    known = names(program)
    order = order_of(program)
    at = order.index("step")
    idioms = Idioms(step="loss = $optimizer.step(closure)")
    inside = [idioms.part(part, program) for part in order[:at]]
    step = [
        "",
        "def closure():",
        *(indented(line) for line in inside),
        indented("return loss"),
        "",
        *(idioms.part(part, program) for part in order[at:]),
    ]
    return assembled([*opening(program), *making(program), *epochs_of(program, step, known)], known)


def by_hand(program: Program) -> str:
    """Parameters moved by hand, no optimizer."""
    if "SGD" not in program.optimizer or program.schedule:
        raise Unsayable
    known = names(program, clipped="parameters")
    decay = _option(program.optimizer, "weight_decay")
    shrunk = f" + {decay} * parameter" if decay else ""
    idioms = Idioms(
        clear="for parameter in parameters:\n    parameter.grad = None",
        step="with torch.no_grad():\n    for parameter in parameters:\n"
        f"        if parameter.grad is not None:\n            parameter -= $rate * (parameter.grad{shrunk})",
    )
    # Without momentum the same pull needs ten times the rate of 0.9's.
    program = replace(
        program,
        optimizer="list($parameters)",
        rate=program.rate * (10 if "momentum" in program.optimizer else 1),
    )
    known = {**known, "optimizer": "parameters", "rate": repr(program.rate)}
    return assembled(
        [*opening(program), *making(program), *epochs_of(program, idioms.said(program), known)], known
    )


def functional(program: Program) -> str:
    """`torch.func`: gradients of a function of the parameters."""
    _pure(program)
    decay = _option(program.optimizer, "weight_decay")
    shrunk = f" + {decay} * value" if decay else ""
    rate = program.rate * (10 if "momentum" in program.optimizer else 1)
    known = names(program, rate=repr(rate))
    inside = filled(f"{program.forward}\n{program.loss}", {"model": "call"})
    clipped = [
        "norm = sum(grad.square().sum() for grad in grads.values()).sqrt()",
        f"factor = ({program.clip} / (norm + 1e-6)).clamp(max=1.0)",
        "grads = {name: factor * grad for name, grad in grads.items()}",
    ] * (program.clip is not None)
    moved = f"{{name: value - $rate * (grads[name]{shrunk}) for name, value in params.items()}}"
    lines = [
        *opening(program, "from torch.func import functional_call, grad_and_value"),
        f"loader = {program.loader}",
        "model = Net()",
        *filter(None, [program.built]),
        "params = {name: value.detach().clone() for name, value in model.named_parameters()}",
        "",
        "",
        "def loss_of(params, $inputs, $targets):",
        indented("def call(x):\n    return functional_call(model, params, (x,))\n"),
        "",
        indented(inside),
        indented("return loss"),
        "",
        "",
        "gradient = grad_and_value(loss_of)",
        *epochs_of(
            program,
            ["grads, loss = gradient(params, $inputs, $targets)", *clipped, f"params = {moved}"],
            known,
            restored="model.load_state_dict(params, strict=False)",
        ),
    ]
    return assembled(lines, known)


def _pure(program: Program) -> None:
    """A function of parameters has no optimizer, no buffers and no order that could be wrong."""
    kept = [part for part in program.order if part != "clip"] == [part for part in ORDER if part != "clip"]
    if "SGD" not in program.optimizer or program.schedule or "batch-norm" in program.traits or not kept:
        raise Unsayable
    if program.clip is not None and program.order != ORDER:
        raise Unsayable
    if program.optimized != Program.optimized or program.before:
        raise Unsayable


def accumulation(program: Program) -> str:
    """Four micro-batches a step."""
    if program.order[0] != "clear" and "clear" in program.order:
        raise Unsayable
    if program.batch < 16 or "batch-norm" in program.traits or program.kind == "pairs":
        raise Unsayable
    known = names(program, batch=program.batch // 4, steps="$epochs * len($loader) // 4")
    divided = "" if program.accumulated == 1 else f" / {program.accumulated or 4}"
    idioms = Idioms(backward=f"(loss{divided}).backward()" if divided else "loss.backward()")
    order = [part for part in order_of(program) if part != "clear"]
    at = max((order.index(part) for part in ("loss", "backward") if part in order), default=0) + 1
    each, now_and_then = order[:at], order[at:]
    cleared = [idioms.clear] * ("clear" in program.order)
    between = [idioms.clear] * ("cleared between" in program.options)
    last = [*(idioms.part(part, program) for part in now_and_then), *cleared]
    step = [
        *between,
        *(idioms.part(part, program) for part in each),
        "micro_batch += 1",
        *(["if micro_batch % 4 == 0:", *(indented(line) for line in last)] if last else []),
    ]
    making_lines = [*making(program), "micro_batch = 0"]
    return assembled([*opening(program), *making_lines, *epochs_of(program, step, known)], known)


def mixed_precision(program: Program) -> str:
    """Autocast to bfloat16, and a scaler that is told to stay out."""
    known = names(program)
    idioms = Idioms(
        forward='with torch.autocast("cpu", dtype=torch.bfloat16):\n' + indented(program.forward),
        loss=program.loss
        if program.forward.count("\n")
        else program.loss.replace("output", "output.float()"),
        backward="scaler.scale(loss).backward()",
        clip="scaler.unscale_($optimizer)\ntorch.nn.utils.clip_grad_norm_($clipped, $clip)",
        step="scaler.step($optimizer)\nscaler.update()",
    )
    made = [*making(program), 'scaler = torch.amp.GradScaler("cpu", enabled=False)']
    return assembled([*opening(program), *made, *epochs_of(program, idioms.said(program), known)], known)


def compiled(program: Program) -> str:
    """The model through torch.compile, by the backend that makes no code."""
    known = names(program, built_model="Net()")
    made = making(program)
    at = made.index("$model = $built_model") + 1 + bool(program.built)
    made.insert(at, '$model = torch.compile($model, backend="eager")')
    return assembled([*opening(program), *made, *epochs_of(program, Idioms().said(program), known)], known)


def _option(call: str, name: str) -> str:
    """The text of a keyword in a call; empty where it is not there."""
    for part in call[call.index("(") + 1 : -1].split(","):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value.strip()
    return ""


STYLES: dict[str, Callable[[Program], str]] = {
    "plain": plain,
    "function": function,
    "class": trainer_class,
    "closure": closure,
    "by-hand": by_hand,
    "functional": functional,
    "accumulation": accumulation,
    "amp": mixed_precision,
    "compiled": compiled,
}
