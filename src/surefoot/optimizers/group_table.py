"""Who gets what: an optimizer's groups as a table."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, TextIO

from torch import nn
from torch.optim import Optimizer

WIDTH = 110
NEVER_SHOWN = {"params", "param_names", "initial_lr"}


def describe(optimizer: Optimizer, model: nn.Module | None = None, *, file: TextIO | None = None) -> None:
    """Print who gets what: `description`, written to `file` or standard output.

    Args:
        optimizer: Any torch optimizer.
        model: Its model, to list what is frozen or left out.
        file: Where to print.
    """
    print(description(optimizer, model), file=file)


def description(optimizer: Optimizer, model: nn.Module | None = None) -> str:
    """Settings that all groups share, then each group with its own settings and its parameters.

    Args:
        optimizer: Any torch optimizer.
        model: Its model, to name parameters that the optimizer has no names for, and to list what is frozen.

    Returns:
        Text of several lines.

    Example:
        >>> import torch
        >>> from surefoot.optimizers import optimizer
        >>> model = torch.nn.Linear(3, 4)
        >>> print(description(optimizer("sgd", model)))
        SGD: lr=0.1 momentum=0.9 dampening=0 nesterov=True; 2 groups, 16 entries in 2 tensors
        group 0: weight_decay=0.0001; 12 entries in 1 tensor
            weight
        group 1: weight_decay=0; 4 entries in 1 tensor
            bias
    """
    groups = optimizer.param_groups
    given = set(optimizer.defaults).intersection(*groups)
    keys = [key for key in groups[0] if key in given and key not in NEVER_SHOWN]
    keys.sort(key=lambda key: key != "lr")
    shared = [key for key in keys if all(group[key] == groups[0][key] for group in groups)]
    told = [key for key in shared if groups[0][key] is not None and groups[0][key] is not False]
    own = [key for key in keys if key not in shared]
    every = [tensor for group in groups for tensor in group["params"]]
    head = f"{type(optimizer).__name__}: {_settings(groups[0], told)}"
    lines = [f"{head}; {_count(len(groups), 'group')}, {_size(every)}"]
    known = {id(tensor): name for name, tensor in model.named_parameters()} if model is not None else {}
    for index, group in enumerate(groups):
        names = _names(group, known)
        head = f"group {index}: {_settings(group, own)}; " if own else f"group {index}: "
        lines += [head + _size(group["params"]), *_wrapped(names)]
    if model is not None:
        held = {id(tensor) for tensor in every}
        left = [(n, p) for n, p in model.named_parameters() if id(p) not in held]
        frozen = [(n, p) for n, p in left if not p.requires_grad]
        forgotten = [(n, p) for n, p in left if p.requires_grad]
        for title, some in (("frozen", frozen), ("not in this optimizer", forgotten)):
            if some:
                lines += [f"{title}: {_size([p for _, p in some])}", *_wrapped([n for n, _ in some])]
    return "\n".join(lines)


def _settings(group: dict[str, Any], keys: Sequence[str]) -> str:
    return " ".join(f"{key}={_value(group[key])}" for key in keys)


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _size(tensors: Sequence[Any]) -> str:
    return f"{sum(t.numel() for t in tensors):,} entries in {_count(len(tensors), 'tensor')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _names(group: dict[str, Any], known: dict[int, str]) -> list[str]:
    if "param_names" in group:
        return list(group["param_names"])
    return [known.get(id(t), f"shape {tuple(t.shape)}") for t in group["params"]]


def _wrapped(names: Sequence[str]) -> list[str]:
    """Names that differ in block numbers only stand in one entry, with the numbers as "*"."""
    merged: dict[str, list[str]] = {}
    for name in names:
        merged.setdefault(".".join("*" if part.isdigit() else part for part in name.split(".")), []).append(
            name
        )
    entries = [some[0] if len(some) == 1 else f"{shape} ({len(some)})" for shape, some in merged.items()]
    text = ", ".join(entries)
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
