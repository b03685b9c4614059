"""gd: gradient descent, the plain thing.

Update
    θ ← θ − lr · (g + weight_decay · θ)

Numbers
    lr = 0.1: length of the step per unit of gradient. On a quadratic it must stay below 2 / the largest
        curvature.
    weight_decay = 0: pulls every parameter towards zero; the gradient of ½ · weight_decay · ‖θ‖².

When to choose it
    To see what descent does, to compare everything else against it, and for smooth problems with few
    parameters and all examples in each step (batch_size="full").

Source
    Cauchy 1847, "Méthode générale pour la résolution des systèmes d'équations simultanées"; Nocedal, Wright
    2006, "Numerical Optimization", section 2.2. The rate has no default in the literature: 0.1 suits
    standardised inputs.
"""

from surefoot.optimizers.named import NamedOptimizer

GD = NamedOptimizer("gd", "torch.optim.SGD", {"lr": 0.1, "weight_decay": 0.0}, __doc__)
