"""How noisy the gradient is: the batch size at which noise and signal are equal.

Two batches' gradients at nearly the same parameters share the signal and not the noise, so their inner
product estimates the squared norm of the true gradient, and each squared norm that plus the noise.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.loop import FactRow
from surefoot.capture.unseen import all_readable
from surefoot.quantities.updates import watched_part


class NoiseScale:
    """Compares the gradient of a sampled step with that of the step after it.

    Source: McCandlish, Kaplan, Amodei 2018, arXiv:1812.06162, equation 2.9 (the simple noise scale
    tr(S)/|G|^2). Differs: |G|^2 comes
    from the inner product of two batches of one size instead of the norms of batches of two sizes.

    Args:
        deferred: Where device numbers wait for the next flush.
    """

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._kept: tuple[int, int, list[Tensor]] | None = None
        self._signal: list[float] = []
        self._total: list[float] = []
        self._noise = 0.0  # sum over the pairs of examples times what the gradients do not share
        self._examples = 0
        self.batch_size: int | None = None  # of one backward pass

    @property
    def waiting(self) -> bool:
        """Whether the next step's gradient is to be compared."""
        return self._kept is not None

    def keep(self, optimizer: int, step: int, parameters: Sequence[Tensor]) -> None:
        """Keep the gradient of a sampled step."""
        gradients = [watched_part(p.grad) for p in parameters if p.grad is not None]
        if gradients:
            self._kept = (optimizer, step, [gradient.clone() for gradient in gradients])

    def compare(self, optimizer: int, step: int, parameters: Sequence[Tensor], micro_batches: int) -> None:
        """Hold the next step's gradient against the one kept.

        Args:
            optimizer: Whose step it is.
            step: Its number.
            parameters: What it moves.
            micro_batches: How many batches' gradients were added up for it.
        """
        kept, self._kept = self._kept, None
        if kept is None or kept[0] != optimizer or kept[1] != step - 1:
            return
        found = all_readable(p.grad for p in parameters if p.grad is not None)
        now = [watched_part(gradient) for gradient in found or ()]
        before = kept[2]
        # Nothing to compare: no gradients, other ones, or parts of the model on other devices.
        if not now or [t.shape for t in now] != [t.shape for t in before] or len({t.device for t in now}) > 1:
            return
        inner = torch.stack([p.sum() for p in torch._foreach_mul(now, before)]).sum()
        norms = torch.stack([torch.stack(torch._foreach_norm(t)).square().sum() for t in (now, before)])
        examples = (self.batch_size or 0) * micro_batches * processes()
        self._deferred.add(torch.cat([inner.reshape(1), norms]), lambda v: self._receive(v, examples))

    def _receive(self, numbers: list[float], examples: int) -> None:
        inner, now, before = numbers
        if examples and len(self._signal) < 5000:
            total = (now + before) / 2
            self._signal.append(inner)
            self._total.append(total)
            self._noise += examples * (total - inner)
            self._examples = examples

    def facts(self) -> Iterator[FactRow]:
        """The scale in examples, from all pairs so far."""
        count = len(self._signal)
        if count >= 5:
            signal, total = sum(self._signal), sum(self._total)
            yield "noise", "gradient", {
                "scale": self._noise / signal if signal > 0 else None, "examples": self._examples,
                "batch_size": self.batch_size, "observations": count,
                "signal_share": signal / total if total > 0 else None,
            }  # fmt: skip


def processes() -> int:
    """How many processes train together, each on batches of its own whose gradients are averaged."""
    dist = sys.modules.get("torch.distributed")
    together = dist is not None and dist.is_available() and dist.is_initialized()
    return int(dist.get_world_size()) if dist is not None and together else 1
