"""A readable verdict on a custom backward pass, on torch.autograd.gradcheck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.errors import SettingError
from surefoot.gradients import GradientCheck, InputCheck


def gradcheck(
    function: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    names: Sequence[str] | None = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> GradientCheck:
    """Check the backward pass of a function, input by input.

    Args:
        function: Takes the inputs, returns a tensor or a tuple of tensors; `MyFunction.apply` for a custom function.
        inputs: Those that require gradients are checked; if none does, all of floating dtype. They are copied and cast
            to float64, in which differences are exact enough.
        names: Of the inputs, for the verdict.
        eps: Step of the central differences.
        atol: Absolute tolerance.
        rtol: Relative tolerance.

    Returns:
        The verdict; true in a condition if all is right, and printed as one sentence an input.

    Raises:
        SettingError: Nothing to check.

    Effects: calls the function several times an entry; the inputs stay as they are.

    Example:
        >>> print(gradcheck(torch.sin, torch.linspace(0, 1, 4)))
        the backward pass of sin is right
          input 0 (4,): right, all 16 entries of the Jacobian agree
    """
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    floating = [i for i, t in enumerate(given) if isinstance(t, Tensor) and t.is_floating_point()]
    asked = [i for i in floating if given[i].requires_grad] or floating
    if not asked:
        raise SettingError("no input is a tensor of floating dtype; there is no gradient to check")
    if names is not None and len(names) != len(given):
        raise SettingError(f"{len(names)} names for {len(given)} inputs; give one each")
    checks = []
    for i in asked:
        label = names[i] if names is not None else f"input {i}"
        checks.append(_check(function, given, i, label, eps, atol, rtol))
    name = getattr(getattr(function, "__self__", None), "__name__", None) or getattr(
        function, "__name__", "function"
    )
    return GradientCheck(str(name), tuple(checks), {"eps": eps, "atol": atol, "rtol": rtol})


def _check(
    function: Callable[..., Any],
    given: list[Any],
    which: int,
    name: str,
    eps: float,
    atol: float,
    rtol: float,
) -> InputCheck:
    fixed = [_double(t) if isinstance(t, Tensor) else t for t in given]
    point = fixed[which].requires_grad_()
    shape = tuple(point.shape)
    label = f"{name} {shape}"

    def of(moved: Tensor) -> Any:
        return function(*fixed[:which], moved, *fixed[which + 1 :])

    try:
        right = torch.autograd.gradcheck(of, (point,), eps=eps, atol=atol, rtol=rtol, raise_exception=False)
        analytic, outputs = _analytic(of, point)
        numeric = _numeric(of, point, eps)
    except Exception as error:  # whatever the user's forward or backward raises is the verdict
        reason = " ".join(str(error).split())
        return InputCheck(
            name, shape, False, f"{label}: the check could not run, {type(error).__name__}: {reason}"
        )
    off = np.abs(analytic - numeric)
    wrong = ~(off <= atol + rtol * np.abs(numeric))
    count, entries = int(wrong.sum()), analytic.size
    if right and not count:
        message = f"{label}: right, all {entries:,} entries of the Jacobian agree"
        return InputCheck(name, shape, True, message, entries=entries)
    if not count:
        message = (
            f"{label}: wrong, torch.autograd.gradcheck refuses it though the Jacobian agrees "
            "(a backward that differs from call to call, or returns another dtype or shape)"
        )
        return InputCheck(name, shape, False, message, entries=entries)
    row, column = np.unravel_index(int(np.argmax(np.where(np.isfinite(off), off, np.inf))), off.shape)
    out = _place(int(row), outputs)
    into = tuple(int(k) for k in np.unravel_index(int(column), shape)) if shape else ()
    a, n = float(analytic[row, column]), float(numeric[row, column])
    message = (
        f"{label}: wrong, {count:,} of {entries:,} entries disagree; worst d output{list(out)} / d {name}{list(into)}: "
        f"analytic {a:.6g}, numeric {n:.6g}{_hint(analytic, numeric)}"
    )
    return InputCheck(name, shape, False, message, (out, into), a, n, count, entries)


def _double(tensor: Tensor) -> Tensor:
    copy = tensor.detach().clone()
    return copy.double() if copy.is_floating_point() else copy


def _outputs(value: Any) -> list[Tensor]:
    every = value if isinstance(value, (tuple, list)) else (value,)
    return [t for t in every if isinstance(t, Tensor) and t.is_floating_point()]


def _analytic(of: Callable[[Tensor], Any], point: Tensor) -> tuple[Any, list[tuple[int, ...]]]:
    """Jacobian by the backward pass, shape (outputs, inputs), and the shapes of the outputs."""
    rows, shapes = [], []
    for output in _outputs(of(point)):
        shapes.append(tuple(output.shape))
        for i in range(output.numel()):
            seed = torch.zeros_like(output)
            seed.view(-1)[i] = 1
            if output.requires_grad:
                (row,) = torch.autograd.grad(output, point, seed, retain_graph=True, materialize_grads=True)
            else:
                row = torch.zeros_like(point)
            rows.append(row.detach().reshape(-1))
    return torch.stack(rows).cpu().numpy(), shapes


def _numeric(of: Callable[[Tensor], Any], point: Tensor, eps: float) -> Any:
    """Jacobian by central differences, the same shape."""
    columns = []
    with torch.no_grad():
        for i in range(point.numel()):
            ends = []
            for step in (eps, -eps):
                moved = point.detach().clone()
                moved.view(-1)[i] += step
                ends.append(torch.cat([o.reshape(-1) for o in _outputs(of(moved))]))
            columns.append((ends[0] - ends[1]) / (2 * eps))
    return torch.stack(columns, 1).cpu().numpy()


def _place(row: int, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    for shape in shapes:
        size = int(np.prod(shape, dtype=np.int64))
        if row < size:
            return tuple(int(k) for k in np.unravel_index(row, shape)) if shape else ()
        row -= size
    return ()


def _hint(analytic: Any, numeric: Any) -> str:
    """A whole Jacobian off by one factor is a factor forgotten."""
    if not np.isfinite(analytic).all() or not np.isfinite(numeric).all():
        return " (not finite)"
    if not analytic.any():
        return " (backward returns zero)"
    square = float((analytic * analytic).sum())
    factor = float((analytic * numeric).sum()) / square
    if factor and np.allclose(analytic * factor, numeric, rtol=1e-3, atol=1e-6):
        return (
            f" (everywhere {factor:.4g} times too small)"
            if abs(factor) > 1
            else f" (everywhere off by {factor:.4g})"
        )
    return ""
