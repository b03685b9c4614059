"""Clipping in Transformers: a callback of the Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from surefoot.clipping import Clipper
from surefoot.errors import MissingExtra
from surefoot.extras import sentence

try:
    from transformers import TrainerCallback
except ImportError:
    raise MissingExtra(sentence("callbacks of Transformers", "transformers")) from None

# Beside the optimizer's state in each of the Trainer's checkpoints.
FILE = "surefoot_clipper.pt"


class ClipGradients(TrainerCallback):
    """Clips each step of a Transformers Trainer.

    The Trainer's own `max_grad_norm` (1.0 unless you set it) is switched off for the training and put back
    after: it would clip first, and the clipper would learn only what is left. What was learned is saved with
    the Trainer's checkpoints, and `resume_from_checkpoint` goes on from there.

    Args:
        clipper: For example AutoClip().

    Example:
        >>> from surefoot import AutoClip
        >>> callback = ClipGradients(AutoClip())  # Trainer(callbacks=[callback])
    """

    def __init__(self, clipper: Clipper) -> None:
        self.clipper = clipper
        self._max_grad_norm: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Attach to the Trainer's optimizer."""
        self._max_grad_norm, args.max_grad_norm = args.max_grad_norm, 0.0
        saved = _file(args, state)
        if state.global_step and saved.exists():
            self.clipper.load_state_dict(torch.load(saved, weights_only=True))
        self.clipper.attach(kwargs["optimizer"], kwargs.get("model"))

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Save what was learned beside the checkpoint just written."""
        if state.is_world_process_zero and _file(args, state).parent.is_dir():
            torch.save(self.clipper.state_dict(), _file(args, state))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Give the log the gradient norm that the Trainer no longer measures, and what was done with it."""
        last = self.clipper.last
        if last is None or logs is None or "loss" not in logs:
            return
        norm, threshold, factor = last.host or (float(last.norm), float(last.threshold), float(last.factor))
        told = {"grad_norm": norm, "clip_threshold": threshold, "clip_factor": factor}
        logs.update(told)
        if state.log_history:
            state.log_history[-1].update(told)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Detach, and put the Trainer's own setting back."""
        self.clipper.detach()
        args.max_grad_norm = self._max_grad_norm


def _file(args: Any, state: Any) -> Path:
    return Path(args.output_dir) / f"checkpoint-{state.global_step}" / FILE
