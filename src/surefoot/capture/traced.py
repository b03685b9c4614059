"""Whether what runs now is a training at all: a graph that is being compiled, traced or transformed is not."""

from __future__ import annotations

import torch


def traced() -> bool:
    """Whether PyTorch compiles or traces, or a function transform (`torch.func`) is under way.

    The tensors of a trace or a transform must not be kept: they mean nothing outside it.
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state() is not None
        or torch._C._functorch.peek_interpreter_stack() is not None
    )
