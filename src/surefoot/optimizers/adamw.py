"""adamw: adam with weight decay beside the gradient instead of inside it.

Update
    θ ← θ − lr · weight_decay · θ
    m ← β₁ · m + (1 − β₁) · g
    v ← β₂ · v + (1 − β₂) · g²
    θ ← θ − lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + eps)

Numbers
    lr = 0.0003: bound, roughly, on how far an entry moves in one step.
    betas = (0.9, 0.999): β₁ keeps the direction over about 10 steps, β₂ the size over about 1000; (0.9,
        0.95) is usual for language models.
    eps = 1e-08: keeps the division finite.
    weight_decay = 0.01: share of a weight that is taken off per step and unit of lr; not on biases and norms
        unless asked.
    amsgrad = False: divides by the largest v so far, so that steps never grow again.

When to choose it
    Transformers and fine-tuning, and as the default: add a warm-up and a cosine. Against sgd on convolutional
    networks it is quicker at the start and sometimes a little worse in the end.

Source
    Loshchilov, Hutter 2019, arXiv:1711.05101, Algorithm 2. Differs: decay is multiplied by lr, as torch has
    it.
"""

from surefoot.optimizers.named import NamedOptimizer

ADAMW = NamedOptimizer(
    "adamw",
    "torch.optim.AdamW",
    {"lr": 3e-4, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01, "amsgrad": False},
    __doc__,
)
