"""How noisy the gradient is: the batch size at which noise and signal are equal.

Two batches' gradients at nearly the same parameters share the signal and not the noise, so their inner
product estimates the squared norm of the true gradient, and each squared norm that plus the noise.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.loop import Loop
from surefoot.capture.unseen import all_readable
from surefoot.facts import Fact, Noise
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
        self._kept: tuple[Loop, int, list[Tensor]] | None = None
        self._pair: Tensor | None = None
        self._signal: list[float] = []
        self._total: list[float] = []
        self._noise = 0.0  # sum over the pairs of examples times what the gradients do not share
        self._examples = 0
        self.batch_size: int | None = None  # of one backward pass

    def awaits(self, loop: Loop) -> bool:
        """Whether the gradient of the loop's next step is to be compared."""
        return self._kept is not None and self._kept[0] is loop

    def keep(self, loop: Loop, gradients: Iterable[Tensor | None]) -> None:
        """Keep the gradient of a sampled step."""
        parts = [watched_part(gradient) for gradient in gradients if gradient is not None]
        self._kept = (loop, loop.steps, [part.clone() for part in parts]) if parts else None

    def compare(self, loop: Loop, gradients: Iterable[Tensor | None]) -> None:
        """Hold the next step's gradient against the one kept; of an accumulation, the last call counts."""
        self._pair = None
        if self._kept is None or self._kept[1] != loop.steps - 1:
            return
        before = self._kept[2]
        found = all_readable(gradient for gradient in gradients if gradient is not None)
        now = [watched_part(gradient) for gradient in found or ()]
        # Nothing to compare: no gradients, other ones, or parts of the model on other devices.
        if not now or [t.shape for t in now] != [t.shape for t in before] or len({t.device for t in now}) > 1:
            return
        inner = torch.stack([p.sum() for p in torch._foreach_mul(now, before)]).sum()
        norms = torch.stack([torch.stack(torch._foreach_norm(t)).square().sum() for t in (now, before)])
        self._pair = torch.cat([inner.reshape(1), norms])

    def stepped(self, loop: Loop) -> None:
        """The loop takes its step."""
        if not self.awaits(loop) or self._kept is None or self._kept[1] == loop.steps:
            return  # the step whose gradient was kept, or another loop's
        pair, self._kept, self._pair = self._pair, None, None
        if pair is not None:
            examples = (self.batch_size or 0) * loop.micro_batches() * processes()
            self._deferred.add(pair, lambda numbers: self._receive(numbers, examples))

    def _receive(self, numbers: list[float], examples: int) -> None:
        inner, now, before = numbers
        if examples and len(self._signal) < 5000:
            total = (now + before) / 2
            self._signal.append(inner)
            self._total.append(total)
            self._noise += examples * (total - inner)
            self._examples = examples

    def facts(self) -> Iterator[Fact]:
        """The scale in examples, from all pairs so far."""
        count = len(self._signal)
        if count >= 5:
            signal, total = sum(self._signal), sum(self._total)
            yield Noise(
                scale=self._noise / signal if signal > 0 else None,
                examples=self._examples,
                batch_size=self.batch_size or 0,
                observations=count,
                signal_share=signal / total if total > 0 else None,
            )


def processes() -> int:
    """How many processes train together, each on batches of its own whose gradients are averaged."""
    dist = sys.modules.get("torch.distributed")
    together = dist is not None and dist.is_available() and dist.is_initialized()
    return int(dist.get_world_size()) if dist is not None and together else 1
