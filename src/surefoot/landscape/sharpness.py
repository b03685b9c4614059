"""Sharpness: the Hessian's ends and trace by Hessian-vector products, and the worst loss in a ball."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from surefoot.errors import SettingError
from surefoot.landscape.lanczos import lanczos
from surefoot.landscape.objective import Objective, undisturbed
from surefoot.surfaces import Sharpness

Progress = Callable[[int, int], None]


def hessian_product(objective: Objective, at: Tensor, vector: Tensor) -> Tensor:
    """Hessian of the mean loss at a point times a vector, shape (size,), without forming the Hessian.

    Raises:
        SettingError: An operation of the model has no second derivative.

    Source: Pearlmutter 1994, by differentiating the gradient's product with the vector.
    """
    product, weights = torch.zeros_like(vector), 0.0
    with undisturbed(objective.data), torch.enable_grad():
        for index, (batch, weight) in enumerate(objective.batches()):
            point = at.detach().clone().requires_grad_()
            loss = objective.batch_loss(objective.unflat(point), batch, index)
            try:
                (slope,) = torch.autograd.grad(loss, point, create_graph=True, materialize_grads=True)
                if slope.requires_grad:  # a loss linear in the parameters has none
                    _refuse_once_differentiable(slope)
                    (part,) = torch.autograd.grad(slope @ vector, point, materialize_grads=True)
                    product += weight * part
            except RuntimeError as error:
                raise SettingError(
                    f"an operation of this model has no second derivative ({error}); sharpness needs one"
                ) from error
            weights += weight
    return product / (1.0 if objective.summed else weights)


def sharpness(
    objective: Objective,
    *,
    at: Tensor | None = None,
    products: int = 40,
    probes: int = 20,
    radius: float | None = None,
    ascents: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> Sharpness:
    """Largest and smallest eigenvalue of the Hessian, its trace, and the highest loss found in a ball.

    Args:
        objective: The function.
        at: The point, shape (size,); by default the trained one.
        products: Most Hessian-vector products for the eigenvalues; fewer where both ends are found sooner.
        probes: Of the trace; with as many as there are parameters it is computed exactly instead.
        radius: Of the ball, L2 over the parameters; None leaves it out.
        ascents: Steps of the ascent in the ball, from each of three starts.
        seed: Of everything random.
        progress: Called with (products done, products in all).

    Returns:
        A record; `worst` is a lower bound, as any ascent's is. Where `products` do not suffice, `top` is too
        low and `bottom` too high, and their residuals say by how much.

    Source: Lanczos 1950 for the ends; Hutchinson 1989 with random signs for the trace; for the ball,
    projected gradient ascent from the gradient's direction (Foret et al. 2021, arXiv:2010.01412, equation
    2), from both senses of the top eigenvector's.
    """
    if products < 1 or probes < 1:
        raise SettingError("products and probes must be at least 1")
    if radius is not None and not radius > 0:
        raise SettingError(f"radius is {radius}; a ball needs a positive one")
    point = objective.center if at is None else at
    size = objective.size
    exact = size <= probes
    total = min(products, size) + (size if exact else probes)
    count = 0

    def apply(vector: Tensor) -> Tensor:
        nonlocal count
        count += 1
        if progress is not None:
            progress(count, total)
        return hessian_product(objective, point, vector.to(point)).double()

    generator = torch.Generator().manual_seed(seed)
    rounding = torch.finfo(point.dtype).eps
    ends = lanczos(apply, size, products, rounding=rounding, generator=generator, device=point.device)
    estimates = []
    for probe in range(size if exact else probes):
        if exact:
            signs = torch.zeros(size, dtype=torch.float64, device=point.device)
            signs[probe] = 1.0
        else:
            drawn = torch.randint(0, 2, (size,), generator=generator, dtype=torch.float64)
            signs = (2 * drawn - 1).to(point.device)
        estimates.append(float(signs @ apply(signs)))
    values = torch.tensor(estimates, dtype=torch.float64)
    if exact:
        trace, error = float(values.sum()), 0.0
    else:
        trace = float(values.mean())
        error = float(values.std() / len(values) ** 0.5) if len(values) > 1 else float("nan")
    worst = None
    if radius is not None:
        worst = _worst_in_ball(objective, point, radius, ends.vector.to(point), ascents)
    return Sharpness(
        top=ends.top,
        bottom=ends.bottom,
        residual=ends.top_residual,
        bottom_residual=ends.bottom_residual,
        trace=trace,
        trace_error=error,
        parameters=size,
        products=count,
        loss=objective.loss_at(point),
        radius=radius,
        worst=worst,
        settings=objective.settings() | {"probes": len(estimates), "seed_sharpness": seed},
    )


def _refuse_once_differentiable(slope: Tensor) -> None:
    """Torch's own error for such functions hangs on nodes that `autograd.grad` never visits."""
    pending, seen = [slope.grad_fn], set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if "Error" in node.name():
            raise SettingError(
                "a custom function of this model is once_differentiable, so it has no second derivative; "
                "sharpness needs one"
            )
        pending.extend(following for following, _ in node.next_functions)


def _worst_in_ball(objective: Objective, center: Tensor, radius: float, top: Tensor, ascents: int) -> float:
    best, gradient = objective.gradient_at(center)
    starts = [top, -top]
    if float(gradient.norm()) > 0:
        starts.insert(0, gradient / gradient.norm())
    for start in starts:
        offset = radius * start
        for _ in range(ascents):
            loss, slope = objective.gradient_at(center + offset)
            best = max(best, loss)
            length = float(slope.norm())
            if length == 0 or not torch.isfinite(slope).all():
                break
            offset = offset + 0.5 * radius * slope / length
            offset = offset * (
                radius / float(offset.norm())
            )  # the maximum of a smooth bowl lies on the sphere
        best = max(best, objective.loss_at(center + offset))
    return best
