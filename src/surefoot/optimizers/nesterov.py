"""nesterov: accelerated gradient, momentum that corrects itself before it overshoots.

Update
    d ← g + weight_decay · θ
    v ← momentum · v + d                          (v = d at the first step)
    θ ← θ − lr · (d + momentum · v)

Numbers
    lr = 0.01: step length; the lasting step is lr / (1 − momentum).
    momentum = 0.9: share of the velocity that is kept; must be above 0.
    weight_decay = 0: L2 penalty, added to the gradient.
    nesterov = True: what sets it apart from momentum.

When to choose it
    Where momentum swings too far: the look-ahead damps the swing and allows more momentum. At its best constant
    momentum a strongly convex problem takes about the root of its condition number in steps. The 1 / steps² of the
    1983 paper, the best a first-order method can do on smooth convex problems, needs momentum that grows towards 1;
    at a constant momentum the error there falls with the same power of the steps as plain descent's.

Source
    Nesterov 1983, "A method for solving the convex programming problem with convergence rate O(1/k²)"; the
    form with constant momentum is Sutskever et al. 2013, equations 3-4. Differs: parameters are kept at the
    look-ahead point, and lr stays outside the velocity, as torch has it.
"""

from surefoot.optimizers.named import NamedOptimizer

NESTEROV = NamedOptimizer(
    "nesterov",
    "torch.optim.SGD",
    {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.0, "nesterov": True},
    __doc__,
)
