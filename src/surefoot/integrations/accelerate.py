"""Clipping with Accelerate."""

from __future__ import annotations

from typing import Any

from torch import nn

from surefoot.clipping import Clipper
from surefoot.errors import MissingExtra
from surefoot.extras import sentence

try:
    from accelerate import Accelerator
except ImportError:
    raise MissingExtra(sentence("clippers for Accelerate", "accelerate", extra="accelerate")) from None


def clip_gradients(
    accelerator: Accelerator, optimizer: Any, clipper: Clipper, model: nn.Module | None = None
) -> Clipper:
    """Clip each step of an optimizer that Accelerate has prepared.

    Gradients need no `unscale_gradients`, and under accumulation only real steps are clipped. Leave
    `accelerator.clip_grad_norm_` out of the loop: it would clip first.

    Args:
        accelerator: Whose `save_state` and `load_state` are to keep what the clipper learns.
        optimizer: As `accelerator.prepare` returned it.
        clipper: For example AutoClip().
        model: Names the parameters, see `Clipper.attach`.

    Returns:
        The clipper, attached.

    Example:
        >>> import torch
        >>> from surefoot import AutoClip
        >>> accelerator = Accelerator(cpu=True)
        >>> weight = torch.nn.Parameter(torch.zeros(2))
        >>> optimizer = accelerator.prepare(torch.optim.SGD([weight], lr=1.0))
        >>> clip_gradients(accelerator, optimizer, AutoClip())
        AutoClip(percentile=10)
    """
    if model is not None:
        model = accelerator.unwrap_model(model)
    clipper.attach(optimizer, model)
    accelerator.register_for_checkpointing(clipper)
    return clipper
