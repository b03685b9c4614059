"""Memory kept for backward, module by module, and what activation checkpointing would save and cost, measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from surefoot.autograd.modules import tensors
from surefoot.errors import SettingError
from surefoot.gradients import ModuleMemory


def memory(
    compute: Callable[[], Tensor],
    model: nn.Module,
    *,
    checkpointing: Sequence[str] | bool = True,
    repeats: int = 3,
) -> tuple[ModuleMemory, ...]:
    """Bytes kept between forward and backward by each module, and what checkpointing one would change.

    Args:
        compute: The loss of a batch at the model as it stands.
        model: Whose modules are told apart.
        checkpointing: Names of modules to try one at a time; True: the model's direct children that keep something;
            False: none.
        repeats: Timed runs of forward and backward; the fastest counts.

    Returns:
        Every module that keeps something, in the model's order.

    Raises:
        SettingError: No module of such a name, or a loss without a graph.

    Effects: runs forward and backward several times without touching `.grad`; buffers and the random state are put
    back; while a module is tried, its forward is wrapped.
    """
    modules = dict(model.named_modules())
    names = _candidates(model, checkpointing)
    with _undisturbed(model):
        kept, inside = _kept(compute, model)
        base = sum(kept.values())
        plain = _seconds(compute, model, repeats) if names else 0.0
        tried: dict[str, tuple[int, float]] = {}
        for name in names:
            if not inside.get(name):
                continue
            with _checkpointed(modules[name]) as inputs:
                left, _ = _kept(compute, model, inputs)
                tried[name] = base - sum(left.values()), _seconds(compute, model, repeats) / plain
    rows = []
    for name in ["", *[n for n in modules if n]]:
        if not kept.get(name) and not inside.get(name):
            continue
        saved, slower = tried.get(name, (None, None))
        rows.append(ModuleMemory(name, kept.get(name, 0), inside.get(name, 0), saved, slower))
    return tuple(rows)


def _candidates(model: nn.Module, asked: Sequence[str] | bool) -> list[str]:
    modules = dict(model.named_modules())
    if asked is True:
        return [name for name, _ in model.named_children()]
    names = [] if asked is False else list(asked)
    for name in names:
        if name not in modules or not name:
            raise SettingError(
                f"the model has no module {name!r} to checkpoint; there are {', '.join(n for n in modules if n)}"
            )
    return names


def _kept(
    compute: Callable[[], Tensor], model: nn.Module, held: list[Any] | None = None
) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes by the innermost module that kept them, and by every module around."""
    own: dict[str, int] = {}
    around: dict[str, int] = {}
    stack: list[str] = []
    known = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    alive: list[Tensor] = []  # a storage freed and given out again would be counted once

    def count(tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() in known:
            return
        known.add(storage.data_ptr())
        alive.append(tensor)
        name = stack[-1] if stack else ""
        own[name] = own.get(name, 0) + storage.nbytes()
        for outer in {"", *stack}:
            around[outer] = around.get(outer, 0) + storage.nbytes()

    def pack(tensor: Tensor) -> Tensor:
        count(tensor)
        return tensor

    with _entered(model, stack), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        loss = compute()
    if loss.grad_fn is None:
        raise SettingError("this loss hangs on no autograd graph, so nothing is kept for backward")
    if held is not None:  # the inputs a checkpointed module keeps to run again
        for tensor in held:
            count(tensor)
    return own, around


@contextmanager
def _entered(model: nn.Module, stack: list[str]) -> Iterator[None]:
    handles = []
    try:
        for name, module in model.named_modules():

            def enter(_: nn.Module, __: Any, name: str = name) -> None:
                stack.append(name)

            def leave(*_: Any) -> None:
                stack.pop()

            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave, always_call=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _checkpointed(module: nn.Module) -> Iterator[list[Tensor]]:
    """Its forward keeps its inputs only and runs again in backward; yields those inputs."""
    inputs: list[Tensor] = []
    own = module.__dict__.get("forward")
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        inputs.extend(t for t in tensors((args, kwargs)))
        return checkpoint(original, *args, use_reentrant=False, **kwargs)

    module.forward = forward
    try:
        yield inputs
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own


def _seconds(compute: Callable[[], Tensor], model: nn.Module, repeats: int) -> float:
    trained = [p for p in model.parameters() if p.requires_grad]
    best = float("inf")
    for _ in range(repeats + 1):  # the first warms up, and counts only if it is the fastest
        _wait(trained)
        start = time.perf_counter()
        torch.autograd.grad(compute(), trained, allow_unused=True)
        _wait(trained)
        best = min(best, time.perf_counter() - start)
    return best


def _wait(parameters: Sequence[Tensor]) -> None:
    if parameters and parameters[0].is_cuda:
        torch.cuda.synchronize(parameters[0].device)


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    buffers = [(b, b.detach().clone()) for b in model.buffers()]
    devices = sorted({p.device for p in model.parameters() if p.is_cuda}, key=str)
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
