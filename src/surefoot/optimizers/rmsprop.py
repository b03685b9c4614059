"""rmsprop: each entry's step divided by the running size of its gradient.

Update
    g ← g + weight_decay · θ
    s ← alpha · s + (1 − alpha) · g²
    d ← g / (√s + eps)                            (centered: s − m² for s, with m the running mean of g)
    θ ← θ − lr · d                                (momentum: b ← momentum · b + d, and θ ← θ − lr · b)

Numbers
    lr = 0.001: about how far an entry moves in one step, whatever the size of its gradient.
    alpha = 0.9: share of the running square that is kept; 0.9 averages over about ten steps.
    eps = 1e-08: keeps the division finite where gradients vanish.
    momentum = 0: share of the last step that is kept.
    centered = False: subtracts the squared running mean, which makes steps longer where gradients agree.
    weight_decay = 0: L2 penalty, added to the gradient.

When to choose it
    Recurrent networks and reinforcement learning, and gradients whose sizes differ between parameters.
    Elsewhere adam does the same with momentum and a corrected start.

Source
    Tieleman, Hinton 2012, "Neural Networks for Machine Learning", lecture 6.5 (0.9, 0.001). Differs: torch's
    own default of alpha is 0.99.
"""

from surefoot.optimizers.named import NamedOptimizer

RMSPROP = NamedOptimizer(
    "rmsprop",
    "torch.optim.RMSprop",
    {"lr": 1e-3, "alpha": 0.9, "eps": 1e-8, "momentum": 0.0, "centered": False, "weight_decay": 0.0},
    __doc__,
)
