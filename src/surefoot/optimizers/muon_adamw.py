"""Muon for hidden matrices and AdamW for the rest, in one optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.adamw import adamw
from torch.optim.optimizer import ParamsT

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SMALLEST_NORM = 1e-7


def orthogonalized(update: Tensor, *, steps: int, dtype: torch.dtype) -> Tensor:
    """Nearly the orthogonal matrix nearest to `update`: its singular values moved towards 1.

    Args:
        update: Shape (rows, columns), any floating type.
        steps: Newton-Schulz iterations, >= 0.
        dtype: In what to iterate.

    Returns:
        Shape (rows, columns), of type `dtype`.
    """
    a, b, c = COEFFICIENTS
    x = update.to(dtype)
    tall = x.size(0) > x.size(1)
    if tall:
        x = x.T
    # Singular values are at most the Frobenius norm, so that the iteration starts inside its domain.
    x = x / x.norm().clamp(min=SMALLEST_NORM)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class MuonAdamW(Optimizer):
    """Muon in groups whose `algorithm` is "muon", AdamW in those where it is "adamw".

    Args:
        params: Parameters or groups; a "muon" group takes tensors of two dimensions or more.
        lr: Step length, >= 0; of muon groups in units of spectral norm.
        momentum: Of muon groups, in [0, 1).
        nesterov: Of muon groups.
        ns_steps: Newton-Schulz iterations of muon groups, in [1, 100).
        adjust_lr: "original" or "match_rms_adamw": how a muon group's rate follows the matrix's shape.
        precision: "bfloat16" or "same": in what the iteration runs.
        weight_decay: Decoupled, >= 0.
        adamw_lr: Rate that `surefoot.optimizers.optimizer` gives to adamw groups; not read here.
        betas: Of adamw groups.
        eps: Of adamw groups.
        algorithm: "muon" or "adamw".

    Raises:
        ValueError: A setting outside its range, or a vector in a muon group.

    Source: surefoot.optimizers.muon has the page.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.02,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        adjust_lr: str = "original",
        precision: str = "bfloat16",
        weight_decay: float = 0.01,
        adamw_lr: float = 3e-4,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-10,
        algorithm: str = "muon",
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_steps": ns_steps,
            "adjust_lr": adjust_lr,
            "precision": precision,
            "weight_decay": weight_decay,
            "adamw_lr": adamw_lr,
            "betas": betas,
            "eps": eps,
            "algorithm": algorithm,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            _check(group)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One update of every parameter that has a gradient.

        Effects: changes parameters and state; leaves gradients as they are; no host synchronisation.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if group["algorithm"] == "muon":
                for param in params:
                    self._muon(param, group)
            else:
                self._adamw(params, group)
        return loss

    def _muon(self, param: Tensor, group: dict[str, Any]) -> None:
        gradient = param.grad
        assert gradient is not None
        state = self.state[param]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        average = state["momentum_buffer"]
        average.lerp_(gradient, 1 - group["momentum"])
        update = gradient.lerp(average, group["momentum"]) if group["nesterov"] else average
        dtype = torch.bfloat16 if group["precision"] == "bfloat16" else param.dtype
        direction = orthogonalized(update.reshape(len(update), -1), steps=group["ns_steps"], dtype=dtype)
        param.mul_(1 - group["lr"] * group["weight_decay"])
        length = group["lr"] * _shape_factor(group["adjust_lr"], *direction.shape)
        param.add_(direction.reshape(param.shape), alpha=-length)

    def _adamw(self, params: list[Tensor], group: dict[str, Any]) -> None:
        for param in params:
            if not self.state[param]:
                self.state[param] = {
                    "step": torch.zeros((), dtype=torch.float32),
                    "exp_avg": torch.zeros_like(param),
                    "exp_avg_sq": torch.zeros_like(param),
                }
        beta1, beta2 = group["betas"]
        states = [self.state[param] for param in params]
        adamw(
            params,
            [param.grad for param in params if param.grad is not None],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def _shape_factor(rule: str, rows: int, columns: int) -> float:
    if rule == "original":
        return math.sqrt(max(1.0, rows / columns))
    return 0.2 * math.sqrt(max(rows, columns))


def _check(group: dict[str, Any]) -> None:
    if group["algorithm"] not in ("muon", "adamw"):
        raise ValueError(f"algorithm is {group['algorithm']!r}: use 'muon' or 'adamw'")
    if group["adjust_lr"] not in ("original", "match_rms_adamw"):
        raise ValueError(f"adjust_lr is {group['adjust_lr']!r}: use 'original' or 'match_rms_adamw'")
    if group["precision"] not in ("bfloat16", "same"):
        raise ValueError(f"precision is {group['precision']!r}: use 'bfloat16' or 'same'")
    if not group["lr"] >= 0 or not group["weight_decay"] >= 0:
        raise ValueError("lr and weight_decay must not be negative")
    if not 0 <= group["momentum"] < 1 or not all(0 <= beta < 1 for beta in group["betas"]):
        raise ValueError("momentum and betas must lie in [0, 1)")
    if not 1 <= group["ns_steps"] < 100:
        raise ValueError("ns_steps must lie between 1 and 99")
    if group["algorithm"] == "muon":
        for param in group["params"]:
            if param.ndim < 2:
                raise ValueError(
                    f"muon needs matrices, not shape {tuple(param.shape)}: use algorithm 'adamw' for it"
                )
