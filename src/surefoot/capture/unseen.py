"""What hides our own operations from the script: its modes, counters, traces and tensor classes see none of them.

Modes are switched off around every event (`unseen`, which the `Guard` calls); a tensor whose class would be told what
is done to it is read only where it can be read beneath that class (`readable`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._C import DisableTorchFunction, DispatchKey, _DisableTorchDispatch, _dispatch_keys
from torch._C import _len_torch_dispatch_stack as _dispatch_modes
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import _disable_current_modes

_T = TypeVar("_T")
PLAIN = frozenset({Tensor, nn.Parameter, nn.Buffer})


def unseen(call: Callable[..., _T], *args: Any) -> _T:
    """Call with every mode of the script's switched off; where there is none, that costs a quarter of a microsecond."""
    with DisableTorchFunction():
        if not _dispatch_modes():
            return call(*args)
        with _disable_current_modes():
            return call(*args)


def readable(tensor: Tensor) -> Tensor | None:
    """A tensor whose numbers can be read with nobody told, or None.

    Args:
        tensor: Any, in host memory or on a device.

    Returns:
        The tensor itself where its class is blind to operations; what lies beneath where the class sees them and has
        memory of its own; None for shards, wrappers of other tensors, tensors without numbers (meta, fake) and memory
        that is given back for the moment.
    """
    if type(tensor) not in PLAIN and _dispatch_keys(tensor).has(DispatchKey.Python):
        return _beneath(tensor)
    if tensor.is_meta or isinstance(tensor, (nn.UninitializedParameter, nn.UninitializedBuffer)):
        return None
    dense = tensor.layout is torch.strided
    return None if dense and tensor.numel() and not tensor.untyped_storage().size() else tensor


def all_readable(tensors: Iterable[Tensor]) -> list[Tensor] | None:
    """The same for several; None where one of them is not."""
    given = list(tensors)
    if PLAIN.issuperset(map(type, given)):
        return given
    found = [beneath for tensor in given if (beneath := readable(tensor)) is not None]
    return found if len(found) == len(given) else None


def without_numbers(tensor: Tensor) -> bool:
    """Whether a tensor stands for shapes alone: a training of such tensors is a rehearsal."""
    return tensor.is_meta or isinstance(tensor, FakeTensor)


def _beneath(tensor: Tensor) -> Tensor | None:
    placements = getattr(tensor, "placements", None)
    if placements is not None:  # a DTensor: whole where every process has all of it
        whole = all(placement.is_replicate() for placement in placements)
        return getattr(tensor, "_local_tensor", None) if whole else None
    if isinstance(tensor, FakeTensor) or not tensor.data_ptr():
        return None
    with _DisableTorchDispatch():
        return tensor.detach()
