"""muon: momentum whose matrix is made orthogonal, for hidden weights; adamw for all the rest.

Update
    B ← momentum · B + (1 − momentum) · G
    U ← (1 − momentum) · G + momentum · B         (nesterov; without it U ← B)
    X ← U / max(‖U‖, 1e-7);  ns_steps times: A ← X Xᵀ, X ← a X + (b A + c A²) X
                                                  (a, b, c = 3.4445, −4.775, 2.0315)
    θ ← (1 − lr · weight_decay) · θ − lr · s · X  (s = √max(1, rows / columns), or 0.2 · √max(rows, columns))

Numbers
    lr = 0.02: step length of the hidden matrices, in spectral norm.
    momentum = 0.95: share of the running mean of gradients that is kept.
    nesterov = True: mixes the newest gradient in once more.
    ns_steps = 5: Newton-Schulz iterations; after five the singular values lie between about 0.7 and 1.2.
    adjust_lr = "original": how lr follows the matrix's shape; "match_rms_adamw" gives steps the size of
        adamw's, so that its lr and weight_decay can be taken over.
    precision = "bfloat16": in what the iteration runs; "same" keeps the parameter's own type.
    weight_decay = 0.01: decoupled, as in adamw; not on biases and norms unless asked.
    adamw_lr = 0.0003: step length of embeddings, the last matrix, biases and norms, which adamw updates.
    betas = (0.9, 0.95): of adamw's part.
    eps = 1e-10: of adamw's part.
    algorithm = "muon": which of the two a group gets; set it by pattern to overrule the choice made here.

When to choose it
    Transformers and other networks whose parameters are mostly hidden matrices, trained from scratch: fewer
    steps than adamw for the same loss. Not for fine-tuning a model that adamw trained, and not for few
    parameters.

Source
    Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
    kellerjordan.github.io/posts/muon; "match_rms_adamw": Liu et al. 2025, arXiv:2502.16982, equation 4.
    Convolution kernels count as matrices of (out channels, everything else). Differs: which parameters are
    hidden is read off the model: every tensor of two or more dimensions but embeddings and the last one.
"""

from surefoot.optimizers.named import NamedOptimizer

MUON = NamedOptimizer(
    "muon",
    "surefoot.optimizers.muon_adamw.MuonAdamW",
    {
        "lr": 0.02,
        "momentum": 0.95,
        "nesterov": True,
        "ns_steps": 5,
        "adjust_lr": "original",
        "precision": "bfloat16",
        "weight_decay": 0.01,
        "adamw_lr": 3e-4,
        "betas": (0.9, 0.95),
        "eps": 1e-10,
        "algorithm": "muon",
    },
    __doc__,
)
