"""Which sharded parameter a leaf of the graph stands for, under `torch.distributed.fsdp.fully_shard`.

Forward and backward run on whole tensors that have memory for the time of a layer; optimizer and model hold the shards.
PyTorch has no public way from one to the other: where its private one is another, no pair is found.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn


def pairs(models: Iterable[nn.Module]) -> Iterator[tuple[Tensor, Tensor]]:
    """Each whole tensor of these models with its shard; costs nothing where nothing is sharded."""
    if "torch.distributed.fsdp._fully_shard" not in sys.modules:
        return
    for module in (module for model in models for module in model.modules()):
        for parameter in _parameters(module):
            whole = getattr(parameter, "_unsharded_param", None)
            shard = getattr(parameter, "sharded_param", None)
            if isinstance(whole, Tensor) and isinstance(shard, Tensor):
                yield whole, shard


def _parameters(module: nn.Module) -> Iterator[Any]:
    ask: Any = getattr(module, "_get_fsdp_state", None)
    state = ask() if ask is not None else None
    groups = getattr(state, "_fsdp_param_groups", None)
    if groups is None:  # in older versions a module has one
        groups = [getattr(state, "_fsdp_param_group", None)]
    for group in groups:
        yield from getattr(group, "fsdp_params", ())
