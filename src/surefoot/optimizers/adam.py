"""adam: momentum and a running square, both corrected for their start at zero.

Update
    g ← g + weight_decay · θ
    m ← β₁ · m + (1 − β₁) · g
    v ← β₂ · v + (1 − β₂) · g²
    θ ← θ − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + eps)

Numbers
    lr = 0.001: bound, roughly, on how far an entry moves in one step.
    betas = (0.9, 0.999): β₁ keeps the direction over about 10 steps, β₂ the size over about 1000.
    eps = 1e-08: keeps the division finite; larger values make it more like plain momentum.
    weight_decay = 0: L2 penalty, added to the gradient and so divided by √v as well; adamw decays properly.
    amsgrad = False: divides by the largest v so far, so that steps never grow again.

When to choose it
    The first thing to try on a new network: it works at its defaults more often than anything else. With
    weight decay take adamw.

Source
    Kingma, Ba 2015, arXiv:1412.6980, Algorithm 1; amsgrad: Reddi, Kale, Kumar 2018, arXiv:1904.09237.
"""

from surefoot.optimizers.named import NamedOptimizer

ADAM = NamedOptimizer(
    "adam",
    "torch.optim.Adam",
    {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False},
    __doc__,
)
