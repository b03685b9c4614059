"""The bits of all that a script holds when it has ended, and of the random generators' states."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np


def seed() -> None:
    """Seed the generators that a script may leave unseeded."""
    random.seed(0)
    np.random.seed(0)


def write(path: str) -> None:
    """Write the digest of the main module, one line for each of its names that holds tensors."""
    lines = {name: found for name, value in vars(sys.modules["__main__"]).items() if (found := of(value))}
    Path(path).write_text(json.dumps({**lines, **generators()}, indent=1))


def of(value: Any) -> str | None:
    """Hash of all tensors in a value; None where there are none."""
    import torch

    tensors: list[torch.Tensor] = []
    _collect(value, tensors, 0)
    if not tensors:
        return None
    total = hashlib.sha256()
    for tensor in tensors:
        total.update(f"{tensor.dtype} {tuple(tensor.shape)} {tensor.requires_grad}".encode())
        total.update(_bits(tensor))
    return total.hexdigest()


def generators() -> dict[str, str]:
    """States of the global generators."""
    import torch

    states = {
        "torch": bytes(torch.get_rng_state().numpy()),
        "random": repr(random.getstate()).encode(),
        "numpy": repr(np.random.get_state()).encode(),
    }
    return {f"generator {name}": hashlib.sha256(state).hexdigest() for name, state in states.items()}


def _collect(value: Any, found: list[Any], depth: int) -> None:
    import torch
    from torch import nn
    from torch._subclasses.fake_tensor import FakeTensor

    if isinstance(value, FakeTensor):
        return
    if isinstance(value, torch.Tensor):
        found.append(value)
        if value.is_leaf and value.grad is not None:
            found.append(value.grad)
    elif isinstance(value, nn.Module):
        for part in (*value.parameters(), *value.buffers()):
            _collect(part, found, depth + 1)
    elif isinstance(value, torch.optim.Optimizer):
        _collect(value.state_dict(), found, depth)
    elif depth < 5 and isinstance(value, dict):
        for item in value.values():
            _collect(item, found, depth + 1)
    elif depth < 5 and isinstance(value, (list, tuple)):
        for item in value:
            _collect(item, found, depth + 1)


def _bits(tensor: Any) -> bytes:
    import torch

    with torch._C.DisableTorchFunction(), torch.no_grad():
        plain = tensor.value if hasattr(tensor, "value") else tensor.detach()
        dense = plain.to_dense() if plain.layout is not torch.strided else plain
        return bytes(dense.contiguous().reshape(-1).view(torch.uint8).numpy()) if dense.numel() else b""
