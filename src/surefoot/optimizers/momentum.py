"""momentum: the heavy ball, gradient descent that keeps part of its last step.

Update
    d ← g + weight_decay · θ
    v ← momentum · v + (1 − dampening) · d        (v = d at the first step)
    θ ← θ − lr · v

Numbers
    lr = 0.01: step length; the lasting step is lr / (1 − momentum), so this is 0.1 of plain descent.
    momentum = 0.9: share of the velocity that is kept. On a quadratic of condition number κ the best value is
        ((√κ − 1) / (√κ + 1))².
    dampening = 0: share of the new gradient that is left out of the velocity.
    weight_decay = 0: L2 penalty, added to the gradient.

When to choose it
    Long narrow valleys, where plain descent zigzags: it needs about √κ steps where plain descent needs κ. To
    see the ball overshoot and swing back.

Source
    Polyak 1964, "Some methods of speeding up the convergence of iteration methods", equation 9; 0.9 as in
    Sutskever et al. 2013. Differs: torch puts lr outside the velocity.
"""

from surefoot.optimizers.named import NamedOptimizer

MOMENTUM = NamedOptimizer(
    "momentum",
    "torch.optim.SGD",
    {"lr": 0.01, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0},
    __doc__,
)
