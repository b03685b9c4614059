"""lbfgs: limited-memory BFGS, a quasi-Newton method for the whole data set at once.

Update
    s = θ − θ of the step before,  y = g − g of the step before,  kept for the last history_size steps
    q ← g;  newest to oldest: a = (s·q) / (y·s), q ← q − a · y
    r ← (s·y / y·y of the newest) · q;  oldest to newest: r ← r + (a − (y·r) / (y·s)) · s
    θ ← θ − t · r                                 (t by line search; without it t = lr, at the first step
                                                   lr · min(1, 1 / Σ|g|))

Numbers
    lr = 1: first step length that the line search tries; 1 is the Newton step.
    max_iter = 20: iterations of the update in one step of the optimizer.
    max_eval = None: evaluations of the loss in one step; 1.25 · max_iter when None.
    history_size = 10: pairs kept; 3 to 20 are usual.
    line_search_fn = "strong_wolfe": finds t; None takes fixed steps, which may diverge.
    tolerance_grad = 1e-07: stops when no entry of the gradient is larger.
    tolerance_change = 1e-09: stops when loss and parameters no longer change.

When to choose it
    Smooth problems without noise: full batches, few thousand parameters, curve fitting, physics-informed
    networks. Not with mini-batches: the differences of gradients it lives on drown in sampling noise.

Source
    Liu, Nocedal 1989, "On the limited memory BFGS method for large scale optimization"; Nocedal, Wright 2006,
    Algorithms 7.4, 7.5 and 3.5. Differs: torch's own default keeps 100 pairs and searches no line.
"""

from surefoot.optimizers.named import NamedOptimizer

LBFGS = NamedOptimizer(
    "lbfgs",
    "torch.optim.LBFGS",
    {
        "lr": 1.0,
        "max_iter": 20,
        "max_eval": None,
        "history_size": 10,
        "line_search_fn": "strong_wolfe",
        "tolerance_grad": 1e-7,
        "tolerance_change": 1e-9,
    },
    __doc__,
)
