"""Faults inside of the model."""

from __future__ import annotations

import re

from forge.faults.base import changed, fault, rewritten
from forge.program import Program


@fault("cut/numpy", "no-gradient", certain=True)
def cut_by_numpy(program: Program) -> Program | None:
    """Values leave the graph in front of the last layer."""
    return rewritten(
        program,
        "model",
        r"^( +)return (.*self\.head\(x\).*)$",
        r"\1x = torch.tensor(x.detach().numpy())\n\1return \2",
    )


@fault("cut/detach", "no-gradient", certain=True)
def cut_by_detach(program: Program) -> Program | None:
    """The last layer reads a detached tensor."""
    return rewritten(
        program, "model", r"^( +)return (.*)self\.head\(x\)", r"\1return \2self.head(x.detach())"
    )


@fault("cut/no-grad", "no-gradient", certain=True)
def cut_by_no_grad(program: Program) -> Program | None:
    """The first layer runs under no_grad."""
    return rewritten(
        program,
        "model",
        r"^( +)(x.* = self\.(?:first|cell|embedding)\(.*)$",
        r"\1with torch.no_grad():\n\1    \2",
    )


@fault("no-activation", "missing-nonlinearity", certain=True)
def no_activation(program: Program) -> Program | None:
    """Linear layers one after the other."""
    if "plain" not in program.traits:
        return None
    return rewritten(program, "model", r"^ +x = self\.activation\(x\)\n", "")


@fault("mixed-batch/time-first", "batch-mixing", certain=True)
def time_first(program: Program) -> Program | None:
    """A recurrent layer that takes examples for time steps."""
    return rewritten(program, "model", r"(nn\.(?:LSTM|GRU)\(.*), batch_first=True\)", r"\1)")


@fault("mixed-batch/norm", "batch-mixing", certain=True)
def norm_over_batch(program: Program) -> Program | None:
    """Features are scaled to length one over the examples."""
    return rewritten(
        program, "model", r"^( +)return (.*self\.head\(x\).*)$", r"\1x = F.normalize(x, dim=0)\n\1return \2"
    )


@fault("cut/one-tower", "no-gradient", certain=True)
def cut_tower(program: Program) -> Program | None:
    """One of two towers never learns."""
    return changed(
        program,
        "model",
        "F.normalize(self.right(right), dim=1)",
        "F.normalize(self.right(right), dim=1).detach()",
    )


@fault("too-simple", "model-too-simple")
def too_simple(program: Program) -> Program | None:
    """A linear model for what is not."""
    if "plain" not in program.traits:
        return None
    flat = rewritten(program, "model", r"^ +(x = self|self\.(second|activation|dropout|norm)\b).*\n", "")
    flat = flat and rewritten(flat, "model", r"^ +self\.first = (nn\.Linear\(\d+), .*\n", "")
    size = re.search(r"self\.first = nn\.Linear\((\d+),", program.model)
    return (
        flat
        and size
        and rewritten(flat, "model", r"self\.head = nn\.Linear\(\d+,", f"self.head = nn.Linear({size[1]},")
    )


@fault("no-causal-mask", "target-leak", certain=True)
def no_mask(program: Program) -> Program | None:
    """Each place sees the letter that it is asked for."""
    return changed(program, "model", '{"attn_mask": self.mask}', "{}")


@fault("deep-sigmoid", "vanishing-gradient")
def deep_sigmoid(program: Program) -> Program | None:
    """Ten sigmoids with no way around them."""
    if "deep" not in program.traits:
        return None
    chained = changed(
        program, "model", "x = x + 0.3 * self.activation(block(x))", "x = self.activation(block(x))"
    )
    return chained and changed(chained, "model", "nn.ReLU()", "nn.Sigmoid()")


@fault("deep-growing", "exploding-gradient", "initial-loss-too-high")
def deep_growing(program: Program) -> Program | None:
    """Each layer makes its input several times as large."""
    if "deep" not in program.traits:
        return None
    return changed(program, "model", "x = x + 0.3 * self", "x = x + 6 * self")


@fault("kl-weight/100", "posterior-collapse", "constant-output")
def collapsed(program: Program) -> Program | None:
    """The prior's term drowns the reconstruction."""
    return changed(
        program,
        "loss",
        'reduction="sum") / len($inputs) + distance',
        'reduction="sum") / len($inputs) + 100 * distance',
    )
