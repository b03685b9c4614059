"""The calls of loss functions: what enters them in training, and their value in validation."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.loss_call import LossCall, MetricSink, joint_fact
from surefoot.capture.place import Site, caller_chain, caller_site, text_of
from surefoot.capture.unseen import readable
from surefoot.facts import Fact

# Every loss of torch.nn.functional; the second argument is the target where there is one.
FUNCTIONS = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
    "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "gaussian_nll_loss", "ctc_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss", "soft_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "multi_margin_loss", "cosine_embedding_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
)  # fmt: skip
_NO_TARGET = frozenset({"triplet_margin_loss", "triplet_margin_with_distance_loss"})
_EARLY_TARGETS = 200
_MOST_PENDING = 256
_SMALL_TARGET = 512  # entries up to which a target waits as it is: one copy costs less than its moments


class Pending:
    """A call whose backward has not come yet."""

    __slots__ = ("asleep", "call", "sequence", "value", "weight")

    def __init__(
        self, call: LossCall, sequence: int, asleep: bool, value: Tensor | None, weight: int
    ) -> None:
        self.call = call
        self.sequence = sequence
        self.asleep = asleep
        self.value = value
        self.weight = weight


class _Window:
    """Sum of the losses of one evaluation pass, on the device."""

    __slots__ = ("function", "total", "weight")

    def __init__(self, function: str) -> None:
        self.function = function
        self.total: Tensor | None = None
        self.weight = 0

    def add(self, value: Tensor, weight: int) -> None:
        term = value.detach() * weight
        self.total = term if self.total is None else self.total + term
        self.weight += weight


class LossWatch:
    """Collects the calls of loss functions.

    Args:
        deferred: Where device numbers wait for the next flush.
        metric: Called with (name, step, value) for each number that becomes a metric.
        in_eval: Whether all trained models are in eval mode.
    """

    def __init__(self, deferred: Deferred, metric: MetricSink, in_eval: Callable[[], bool]) -> None:
        self.looking = True
        self.step = 0
        self._deferred = deferred
        self._metric = metric
        self._in_eval = in_eval
        self._calls: dict[tuple[Site | None, str], LossCall] = {}
        self._pending: list[Pending] = []
        self._windows: dict[tuple[tuple[Site, ...], str], _Window] = {}
        self._train_target: weakref.ref[Tensor] | None = None
        self._train_function: str | None = None
        self._targets_seen = 0
        self._scores: tuple[Tensor | None, Any] = (None, None)
        self.logged: set[str] = set()  # metrics that the program gives itself

    def seen(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> None:
        """Note one call of a loss function; `value` is what it returned."""
        if not isinstance(value, Tensor):
            return
        site = caller_site()
        call = self._calls.get((site, function))
        node = value.grad_fn
        if call is not None and node is not None and not self._examines():
            # One of many training calls: that it was made, and against what.
            target = args[1] if len(args) > 1 else kwargs.get("target")
            self._train_target = weakref.ref(target) if isinstance(target, Tensor) else None
            self._train_function = function
            self._pending.append(Pending(call, node._sequence_nr(), False, None, 1))
            if len(self._pending) > _MOST_PENDING:
                del self._pending[: _MOST_PENDING // 2]
            return
        if call is None:
            call = self._calls[(site, function)] = LossCall(function, site, self._deferred, self._metric)
        scores = args[0] if args else kwargs.get("input", kwargs.get("anchor", kwargs.get("log_probs")))
        target = None
        if function not in _NO_TARGET:
            target = args[1] if len(args) > 1 else kwargs.get("target", kwargs.get("targets"))
        if not isinstance(scores, Tensor):
            return
        weight = int(scores.shape[0]) if scores.ndim else 1
        if any(readable(t) is not t for t in (value, scores, target) if isinstance(t, Tensor)):
            if node is not None:
                self._pending.append(Pending(call, node._sequence_nr(), False, None, weight))
            return
        if node is None:
            if not torch.is_grad_enabled() or not scores.requires_grad:
                self._validation(call, self._per_example(value, weight, args, kwargs), scores, target, weight)
            return
        asleep = self._in_eval()
        kept = self._per_example(value, weight, args, kwargs) if asleep or self.looking else None
        self._pending.append(Pending(call, node._sequence_nr(), asleep, kept, weight))
        if len(self._pending) > _MOST_PENDING:  # losses that no backward ever uses
            del self._pending[: _MOST_PENDING // 2]
        if isinstance(target, Tensor):
            self._train_target = weakref.ref(target)
            self._targets_seen += 1
            if self.looking or self._targets_seen <= _EARLY_TARGETS:
                self._watch_target(target)
        self._train_function = function
        if self.looking:
            self._scores = (scores, target)
            call.describe(self.step, args, kwargs, scores, target, value, weight)

    def _examines(self) -> bool:
        """Whether a training call is examined: at looks, while targets are new, and in eval mode."""
        return self.looking or self._targets_seen <= _EARLY_TARGETS or self._in_eval()

    # -- validation

    def _per_example(
        self, value: Tensor, weight: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        detached = value.detach()
        if detached.numel() > 1:
            return detached.mean()
        summed = kwargs.get("reduction") == "sum" or "sum" in [a for a in args if isinstance(a, str)]
        return detached.reshape(()) / max(1, weight) if summed else detached.reshape(()).clone()

    def _validation(self, call: LossCall, value: Tensor, scores: Tensor, target: Any, weight: int) -> None:
        if isinstance(target, Tensor) and self._is_training_target(target):
            return  # a figure of the training batch
        call.counts["validation"] += 1
        self._add(call, value, weight)
        if self.looking or call.counts["validation"] <= 2:
            call.described.setdefault("input_shape", tuple(scores.shape))
            if isinstance(target, Tensor):
                call.described.setdefault("target_shape", tuple(target.shape))

    def _is_training_target(self, target: Tensor) -> bool:
        other = self._train_target() if self._train_target is not None else None
        if other is None or other is target:
            return other is target
        # The same slice of the same tensor.
        return (
            target._base is not None
            and target._base is other._base
            and other.data_ptr() == target.data_ptr()
            and other.shape == target.shape
        )

    def _add(self, call: LossCall, value: Tensor, weight: int) -> None:
        # One function often evaluates the training set and then the validation set: two calls of it.
        key = (caller_chain(), call.function)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(call.function)
        window.add(value, weight)

    def take_scores(self) -> tuple[Tensor | None, Any]:
        """What entered the last looked-at training loss, and its target; kept until then only."""
        taken, self._scores = self._scores, (None, None)
        return taken

    @property
    def evaluating(self) -> bool:
        """Whether an evaluation pass is under way."""
        return bool(self._windows)

    def close_window(self, step: int) -> None:
        """End an evaluation pass: its mean becomes `val_loss` at `step`."""
        if not self._windows:
            return
        windows, self._windows = list(self._windows.values()), {}
        # The last one: where the training set is evaluated as well, it comes first.
        alike = [window for window in windows if window.function == self._train_function]
        chosen = alike[-1] if alike else windows[0]
        if self._train_function is not None or len(windows) == 1:
            self._emit("val_loss", step, chosen)

    def _emit(self, name: str, step: int, window: _Window) -> None:
        if window.total is not None and name not in self.logged:
            weight = window.weight
            self._deferred.add(window.total, lambda v: self._metric(name, step, v[0] / max(1, weight)))

    def forget(self) -> None:
        """Drop what waits: it may be of another thread's training."""
        self._pending.clear()
        self._windows.clear()
        self._scores = (None, None)

    def settle(self) -> None:
        """No backward will come: what still waits and was made in eval mode is validation."""
        pending, self._pending = self._pending, []
        for item in pending:
            self._as_validation(item)

    def _as_validation(self, item: Pending) -> None:
        if item.asleep and item.value is not None:
            item.call.counts["validation"] += 1
            self._add(item.call, item.value, item.weight)

    # -- training

    def before_backward(self, root: Tensor) -> list[Pending]:
        """Sort the calls since the last backward: those it uses are training, others in eval mode validation."""
        pending, self._pending = self._pending, []
        if not pending:
            return []
        if len(pending) == 1 and not pending[0].asleep:
            pending[0].call.counts["train"] += 1
            return pending
        used = _sequence_numbers(root, least=min(item.sequence for item in pending))
        mine = []
        for item in pending:
            if item.sequence in used:
                item.call.counts["train"] += 1
                mine.append(item)
            else:
                self._as_validation(item)
        return mine

    def _watch_target(self, target: Tensor) -> None:
        if target.numel() < 2:
            return
        step = self.step
        values = target.detach()
        size = float(values.shape[0]) if values.ndim else 1.0

        def receive(mean: float, deviation: float) -> None:
            self._metric("target/mean", step, mean)
            self._metric("target/std", step, deviation)
            self._metric("target/size", step, size)

        if values.numel() <= _SMALL_TARGET:

            def measure(numbers: list[float]) -> None:
                array = np.asarray(numbers)
                receive(float(array.mean()), float(array.std()))

            self._deferred.add(values.clone(), measure)
            return
        deviation, mean = torch.std_mean(
            values if values.is_floating_point() else values.float(), correction=0
        )
        self._deferred.add(torch.stack([mean, deviation]), lambda numbers: receive(*numbers))

    def facts(self) -> Iterator[Fact]:
        """One fact for each loss function at each line; several calls on one line are one."""
        lines: dict[str, list[LossCall]] = {}
        for call in self._calls.values():
            lines.setdefault(f"{text_of(call.site)} {call.function}", []).append(call)
        for subject, calls in lines.items():
            yield joint_fact(subject, calls)


def _sequence_numbers(root: Tensor, least: int, limit: int = 400) -> set[int]:
    """Sequence numbers of the operations near a loss's root, none older than `least`."""
    numbers: set[int] = set()
    start = root.grad_fn
    queue: deque[Any] = deque([start] if start is not None else [])
    seen = set(queue)
    while queue and len(numbers) < limit:
        node = queue.popleft()
        number = node._sequence_nr()
        numbers.add(number)
        # Inner operations ran earlier: past the oldest call that waits there is nothing to find.
        if number < least:
            continue
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                queue.append(child)
    return numbers
