"""Nested states (dictionaries, lists, tensors, numbers) as JSON beside a flat table of tensors, and back.

No pickle: reading a checkpoint never runs anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.errors import SettingError

TENSOR, TUPLE, MAP = "__tensor__", "__tuple__", "__map__"


def encoded(tree: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """What JSON can hold of `tree`; each tensor goes to `tensors` under its path.

    Args:
        tree: Dictionaries, lists, tuples, tensors, numbers, strings, booleans, None.
        tensors: Filled with contiguous copies in host memory.
        path: Name of the tree, for keys and messages.

    Raises:
        SettingError: It holds anything else.
    """
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if isinstance(tree, Tensor):
        # A copy of its own: safetensors takes no two names for one memory.
        tensors[path] = tree.detach().to("cpu", copy=True).contiguous()
        return {TENSOR: path}
    if isinstance(tree, np.generic):
        return tree.item()
    if isinstance(tree, dict):
        if all(isinstance(key, str) and not key.startswith("__") for key in tree):
            return {key: encoded(value, tensors, f"{path}/{key}") for key, value in tree.items()}
        return {MAP: [[key, encoded(value, tensors, f"{path}/{key}")] for key, value in tree.items()]}
    if isinstance(tree, tuple):
        return {TUPLE: [encoded(item, tensors, f"{path}/{at}") for at, item in enumerate(tree)]}
    if isinstance(tree, list):
        return [encoded(item, tensors, f"{path}/{at}") for at, item in enumerate(tree)]
    raise SettingError(
        f"The checkpoint cannot hold {path!r}, a {type(tree).__name__}: "
        "keep tensors, numbers, strings, lists and dictionaries in states."
    )


def decoded(data: Any, tensors: dict[str, Tensor]) -> Any:
    """The tree that `encoded` made `data` and `tensors` of."""
    if isinstance(data, list):
        return [decoded(item, tensors) for item in data]
    if not isinstance(data, dict):
        return data
    if TENSOR in data:
        return tensors[data[TENSOR]]
    if TUPLE in data:
        return tuple(decoded(item, tensors) for item in data[TUPLE])
    if MAP in data:
        return {key: decoded(value, tensors) for key, value in data[MAP]}
    return {key: decoded(value, tensors) for key, value in data.items()}


def copied(tree: Any) -> Any:
    """The same tree with tensors of its own in host memory."""
    tensors: dict[str, Tensor] = {}
    data = encoded(tree, tensors, "state")
    return decoded(data, tensors)


def to_float64(values: list[float]) -> Tensor:
    """Numbers as a tensor that keeps every bit."""
    return torch.tensor(values, dtype=torch.float64)
