"""Clipping in Lightning: a callback."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.clipping import Clipper
from surefoot.errors import ClippingError, MissingExtra
from surefoot.extras import sentence

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError:
        raise MissingExtra(sentence("callbacks of Lightning", "lightning")) from None


class ClipGradients(Callback):
    """Clips each step of a Lightning training; works with fused optimizers under 16-bit precision too.

    Several optimizers get a clipper each, clones of the one given. What was learned is saved with the
    Trainer's checkpoints and goes on from there.

    Args:
        clipper: For example AutoClip().
        log: Also log `clip/norm`, `clip/threshold` and `clip/factor` (with `_1`, `_2` … for further
            optimizers) by `LightningModule.log`, at its own rate.

    Raises:
        ClippingError: At the start of training, if the Trainer clips too: it does so first, and the clipper
            would learn only what is left.

    Example:
        >>> from surefoot import AutoClip
        >>> callback = ClipGradients(AutoClip())  # Trainer(callbacks=[callback])
    """

    def __init__(self, clipper: Clipper, log: bool = False) -> None:
        super().__init__()
        self.clipper = clipper
        self.log = log
        self.clippers: list[Clipper] = [clipper]

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Attach to the Trainer's optimizers."""
        if trainer.gradient_clip_val:
            raise ClippingError(
                f"Trainer(gradient_clip_val={trainer.gradient_clip_val}) clips before {self.clipper!r} can "
                "measure: leave gradient_clip_val out"
            )
        optimizers: list[Optimizer] = trainer.optimizers
        self._make(len(optimizers))
        for optimizer, clipper in zip(optimizers, self.clippers, strict=False):
            clipper.attach(optimizer, pl_module)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log what the last step did, as tensors."""
        if not self.log:
            return
        for i, clipper in enumerate(self.clippers):
            if clipper.last is not None:
                end = f"_{i}" if i else ""
                for name in ("norm", "threshold", "factor"):
                    pl_module.log(f"clip/{name}{end}", getattr(clipper.last, name).to(torch.float32))

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Detach."""
        self._detach()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Detach."""
        self._detach()

    def state_dict(self) -> dict[str, Any]:
        """What the clippers have learned, for the Trainer's checkpoint."""
        return {"clippers": [clipper.state_dict() for clipper in self.clippers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the Trainer's checkpoint."""
        self._make(len(state_dict["clippers"]))
        for clipper, state in zip(self.clippers, state_dict["clippers"], strict=False):
            clipper.load_state_dict(state)

    def _make(self, count: int) -> None:
        while len(self.clippers) < count:
            self.clippers.append(self.clipper.clone())

    def _detach(self) -> None:
        for clipper in self.clippers:
            clipper.detach()
