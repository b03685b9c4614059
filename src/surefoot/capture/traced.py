"""Whether what runs now is a training at all: a graph that is being compiled, traced or transformed is not."""

from __future__ import annotations

import torch
from torch._C import _len_torch_dispatch_stack as _dispatch_modes
from torch._C import _TorchDispatchModeKey as Key

# The modes of PyTorch's own that stand for a trace: fake tensors, recorded graphs, functionalisation.
_TRACING = (Key.FAKE, Key.PROXY, Key.FUNCTIONAL)


def traced() -> bool:
    """Whether PyTorch compiles or traces, or a function transform (`torch.func`) is under way.

    The tensors of a trace or a transform must not be kept: they mean nothing outside it.
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
        or (_dispatch_modes() > 0 and any(torch._C._get_dispatch_mode(key) is not None for key in _TRACING))
    )
