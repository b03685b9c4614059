"""How noisy the gradient is: the batch size at which noise and signal are equal.

Two batches' gradients at nearly the same parameters share the signal and not the noise, so their inner
product estimates the squared norm of the true gradient, and each squared norm that plus the noise.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward, Step
from surefoot.capture.loop import Loop
from surefoot.capture.unseen import all_readable
from surefoot.facts import Fact, Noise
from surefoot.quantities.updates import watched_part


class GradientNoiseProbe(Probe):
    """Compares the gradient of a sampled step with that of the step after it.

    Source: McCandlish, Kaplan, Amodei 2018, arXiv:1812.06162, equation 2.9 (the simple noise scale
    tr(S)/|G|^2). Differs: |G|^2 comes
    from the inner product of two batches of one size instead of the norms of batches of two sizes.

    Args:
        deferred: Where device numbers wait for the next flush.
    """

    name = "gradient noise"

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._kept: tuple[Loop, int, list[Tensor]] | None = None
        self._pair: tuple[Tensor, int] | None = None  # what was compared, from so many examples
        self._cost = 0.0  # seconds that the last comparison took
        self._signal: list[float] = []
        self._total: list[float] = []
        self._noise = 0.0  # sum over the pairs of examples times what the gradients do not share
        self._examples = 0
        self._batch_size: int | None = None  # of one backward pass

    def graph_inspected(self, backward: Backward) -> None:
        """Take the number of examples from it."""
        if backward.batch_size is not None:
            self._batch_size = backward.batch_size

    def gradients_ready(self, step: Step) -> None:
        """Keep them at a sampled step, compare them at the step after it."""
        if step.sample is not None:
            began = time.thread_time()
            self._keep(step.loop, step.gradients)
            step.cost += time.thread_time() - began + self._cost
            self._cost = 0.0
        elif self._kept is not None and self._kept[0] is step.loop:
            began = time.thread_time()
            self._compare(step.loop, step.gradients)
            self._cost = time.thread_time() - began

    def step_ends(self, step: Step) -> None:
        """What was compared counts: the step follows it."""
        if self._kept is not None and self._kept[0] is step.loop:
            self._stepped(step.loop)

    def _keep(self, loop: Loop, gradients: Iterable[Tensor | None]) -> None:
        present = [gradient for gradient in gradients if gradient is not None]
        dense = all(gradient.layout is torch.strided for gradient in present)
        parts = [watched_part(gradient) for gradient in present if dense]
        self._kept = (loop, loop.steps, [part.clone() for part in parts]) if parts else None

    def _compare(self, loop: Loop, gradients: Iterable[Tensor | None]) -> None:
        """Hold the next step's gradient against the one kept; of an accumulation, the last call counts."""
        self._pair = None
        if self._kept is None or self._kept[1] != loop.steps - 1:
            return
        before = self._kept[2]
        found = all_readable(gradient for gradient in gradients if gradient is not None) or []
        dense = all(gradient.layout is torch.strided for gradient in found)
        now = [watched_part(gradient) for gradient in found if dense]
        # Nothing to compare: no gradients, other ones, or parts of the model on other devices.
        if not now or [t.shape for t in now] != [t.shape for t in before] or len({t.device for t in now}) > 1:
            return
        inner = torch.stack([p.sum() for p in torch._foreach_mul(now, before)]).sum()
        norms = torch.stack([torch.stack(torch._foreach_norm(t)).square().sum() for t in (now, before)])
        examples = (self._batch_size or 0) * loop.micro_batches() * processes()
        self._pair = torch.cat([inner.reshape(1), norms]), examples

    def _stepped(self, loop: Loop) -> None:
        if self._kept is None or self._kept[1] == loop.steps - 1:
            return  # the step whose gradient was kept
        compared, self._kept, self._pair = self._pair, None, None
        if compared is not None:
            pair, examples = compared
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
                batch_size=self._batch_size or 0,
                observations=count,
                signal_share=signal / total if total > 0 else None,
                signal_error=self._error(total),
            )

    def _error(self, total: float) -> float | None:
        """Standard error of the signal's share; the pairs are apart, and so is what chance does to each."""
        count = len(self._signal)
        mean = sum(self._signal) / count
        spread = sum((signal - mean) ** 2 for signal in self._signal) / (count - 1)
        return math.sqrt(spread * count) / total if total > 0 else None


def processes() -> int:
    """How many processes train together, each on batches of its own whose gradients are averaged."""
    dist = sys.modules.get("torch.distributed")
    together = dist is not None and dist.is_available() and dist.is_initialized()
    return int(dist.get_world_size()) if dist is not None and together else 1
