"""sgd: stochastic gradient descent as image classifiers use it, with Nesterov momentum and a little decay.

Update
    d ← g + weight_decay · θ
    v ← momentum · v + (1 − dampening) · d        (v = d at the first step)
    θ ← θ − lr · (d + momentum · v)               (nesterov; without it θ ← θ − lr · v)

Numbers
    lr = 0.1: step length; with momentum the lasting step is lr / (1 − momentum), here ten times lr.
    momentum = 0.9: share of the last velocity that is kept; 0.9 averages over about ten steps.
    dampening = 0: share of the new gradient that is left out of the velocity; must be 0 with nesterov.
    weight_decay = 0.0001: L2 penalty, added to the gradient; not on biases and norms unless asked.
    nesterov = True: looks ahead along the velocity before it corrects.

When to choose it
    Convolutional networks trained for long with a schedule that ends near zero: it generalises as well as
    anything. It needs its rate tuned and a warm-up for large batches; use scale_lr when the batch size
    changes.

Source
    Robbins, Monro 1951; Sutskever, Martens, Dahl, Hinton 2013, "On the importance of initialization and
    momentum in deep learning", equations 3-4. Numbers: He, Zhang, Ren, Sun 2015, arXiv:1512.03385, section
    3.4 (0.1, 0.9, 0.0001).
    Differs: torch puts lr outside the velocity, so that a change of lr acts at once.
"""

from surefoot.optimizers.named import NamedOptimizer

SGD = NamedOptimizer(
    "sgd",
    "torch.optim.SGD",
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 1e-4, "nesterov": True},
    __doc__,
)
