"""The calls of loss functions: what enters them in training, and their value in validation."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.capture.deferred import Deferred
from surefoot.capture.evaluation import Batch
from surefoot.capture.events.records import Progress
from surefoot.capture.loss_call import LossCall, MetricSink, Pending, joint_fact
from surefoot.capture.model import first_tensor
from surefoot.capture.place import Site, caller_site, text_of
from surefoot.capture.returns import Returns, starts_from
from surefoot.capture.unseen import readable
from surefoot.capture.validation import Validation
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
_TARGET_THIRD = frozenset({"cosine_embedding_loss", "margin_ranking_loss"})  # after two inputs
EARLY_TARGETS = 200
_MOST_PENDING = 256
_SMALL_TARGET = 512  # entries up to which a target waits as it is: one copy costs less than its moments


class LossWatch:
    """Collects the calls of loss functions.

    Args:
        deferred: Where device numbers wait for the next flush.
        metric: Called with (name, step, value) for each number that becomes a metric.
        in_eval: Whether all trained models are in eval mode.
        progress: Where the training is.
        guarded: Keeps a callback's errors away from the training.
    """

    def __init__(
        self,
        deferred: Deferred,
        metric: MetricSink,
        in_eval: Callable[[], bool],
        progress: Progress,
        guarded: Callable[[Callable[..., None]], Callable[..., None]] = lambda call: call,
    ) -> None:
        self.looking = True
        self.stirred = False  # something other than training losses waits for the next backward
        self._progress = progress
        self._deferred = deferred
        self._metric = metric
        self._in_eval = in_eval
        self.calls: dict[tuple[Site | None, str], LossCall] = {}
        self.pending: list[Pending] = []
        self.train_target: weakref.ref[Tensor] | None = None
        self.targets_seen = 0
        self._scores: tuple[Tensor | None, Any] = (None, None)
        self._output: Tensor | None = None  # of the model, at a step that is looked at
        self.validation = Validation(deferred, metric, guarded)
        self.returns = Returns()
        self._before_module = 0

    def seen(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any], value: Any) -> None:
        """Note one call of a loss function; `value` is what it returned."""
        if not isinstance(value, Tensor):
            return
        site = caller_site()
        call = self.calls.get((site, function))
        node = value.grad_fn
        if call is not None and node is not None and call.counts["train"] and not self._examines():
            # One of many training calls: that it was made, and against what.
            target = _target_of(function, args, kwargs)
            self.train_target = weakref.ref(target) if isinstance(target, Tensor) else None
            self.pending.append(Pending(call, node._sequence_nr()))
            if len(self.pending) > _MOST_PENDING:
                del self.pending[: _MOST_PENDING // 2]
            return
        if call is None:
            call = self.calls[(site, function)] = LossCall(function, site, self._deferred, self._metric)
        scores = args[0] if args else _named(kwargs, "input", "input1", "anchor", "log_probs")
        target = _target_of(function, args, kwargs)
        if not isinstance(scores, Tensor):
            return
        weight = int(scores.shape[0]) if scores.ndim else 1
        if any(readable(t) is not t for t in (value, scores, target) if isinstance(t, Tensor)):
            if node is not None:
                self.pending.append(Pending(call, node._sequence_nr()))
            return
        if node is None:
            figure = isinstance(target, Tensor) and self._is_training_target(target)
            if not figure and (not torch.is_grad_enabled() or not scores.requires_grad):
                call.evaluated(scores, target, self.looking)
                self.validation.add(self._evaluated(call, value, weight, args, kwargs))
            return
        asleep = self._in_eval()
        kept = _scalar(value) if self.looking else None
        evaluated = None
        if asleep or not (call.counts["train"] or self._is_training_target(target)):
            evaluated = self._evaluated(call, value, weight, args, kwargs)
        self.pending.append(Pending(call, node._sequence_nr(), asleep, kept, evaluated))
        if len(self.pending) > _MOST_PENDING:  # losses that no backward ever uses
            del self.pending[: _MOST_PENDING // 2]
        if isinstance(target, Tensor):
            self.train_target = weakref.ref(target)
            self.targets_seen += 1
            if self.looking or self.targets_seen <= EARLY_TARGETS:
                self._watch_target(target)
        if self.looking:
            self._scores = (scores, target)
            call.describe(self._progress.backward.step, args, kwargs, scores, target, value, weight)

    def _examines(self) -> bool:
        """Whether a training call is examined: at looks, while targets are new, and in eval mode."""
        return self.looking or self.targets_seen <= EARLY_TARGETS or self._in_eval()

    def look(self, looking: bool) -> None:
        """Whether the calls of the coming step are examined."""
        self.looking = looking

    # -- validation

    def _evaluated(
        self, call: LossCall, value: Tensor, weight: int, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Batch | None:
        self.stirred = True
        return self.validation.batch(call.function, _scalar(value), weight, _sums(args, kwargs))

    def _is_training_target(self, target: Any) -> bool:
        other = self.train_target() if self.train_target is not None else None
        if other is None or other is target or not isinstance(target, Tensor):
            return other is target and other is not None
        # The same slice of the same tensor.
        return (
            target._base is not None
            and target._base is other._base
            and other.data_ptr() == target.data_ptr()
            and other.shape == target.shape
        )

    def take_scores(self) -> tuple[Tensor | None, Any]:
        """What entered the last looked-at training loss, and its target; kept until then only."""
        taken, self._scores = self._scores, (None, None)
        return taken

    def take_output(self) -> Tensor | None:
        """What the last outermost module returned in a looked-at training step; kept until then only."""
        taken, self._output = self._output, None
        return taken

    def forget(self) -> None:
        """Drop what waits: it may be of another thread's training."""
        self.pending.clear()
        self.validation.forget()
        self._scores = (None, None)
        self._output = None

    def close(self, step: int) -> None:
        """No backward will come: what still waits and was made in eval mode is validation."""
        pending, self.pending = self.pending, []
        for item in pending:
            self._as_validation(item)
        self.validation.close(step, ending=True)

    def _as_validation(self, item: Pending) -> None:
        # In train mode only what no backward ever uses, where there are backwards that use other losses.
        aside = not item.call.counts["train"] and self.validation.knows_training
        if item.evaluated is not None and (item.asleep or aside):
            item.call.counts["validation"] += 1
            self.validation.add(item.evaluated)

    # -- training

    def before_backward(self, root: Tensor, step: int) -> list[Pending]:
        """Sort the calls since the last backward: those it uses are training, others in eval mode validation.

        Args:
            root: What backward starts from.
            step: Steps taken so far.
        """
        pending, self.pending = self.pending, []
        mine = self._used(root, pending)
        if mine:
            functions = tuple(item.call.function for item in mine)
            if self.looking or not self.validation.knows(functions):
                alone = len(mine) == 1 and starts_from(root, mine[0].sequence)
                self.validation.trained(functions, alone, root)
        self.returns.backward(root)
        self.validation.close(step)
        self.stirred = False
        return mine

    def _used(self, root: Tensor, pending: list[Pending]) -> list[Pending]:
        if not pending:
            return []
        if len(pending) == 1 and not pending[0].asleep and pending[0].evaluated is None:
            pending[0].call.counts["train"] += 1
            return pending
        used = _sequence_numbers(root, least=min(item.sequence for item in pending))
        mine = [item for item in pending if item.sequence in used]
        for item in mine:
            item.call.counts["train"] += 1
        for item in pending:
            if item.sequence not in used:
                self._as_validation(item)
        return mine

    def entered(self) -> None:
        """An outermost module is called."""
        self._before_module = self.validation.count

    def returned(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """An outermost module has returned: in training its loss may be in it, and is then in evaluation."""
        if torch.is_grad_enabled():
            if self.looking:
                self._output = first_tensor(output)
            if self.looking or not self.returns.knows(module):
                self.returns.training(module, output)
                self.stirred = True
            return
        self.stirred = True
        value = self.returns.loss(module, output)
        if value is None or readable(value) is not value:
            return
        self.validation.drop(self._before_module)  # what the module made its loss of
        first = first_tensor(inputs)
        weight = int(first.shape[0]) if first is not None and first.ndim else 1
        self.validation.add(self.validation.batch(type(module).__name__, value.detach(), weight, False))

    def _watch_target(self, target: Tensor) -> None:
        if target.numel() < 2:
            return
        step = self._progress.backward.step
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
        for call in self.calls.values():
            lines.setdefault(f"{text_of(call.site)} {call.function}", []).append(call)
        for subject, calls in lines.items():
            yield joint_fact(subject, calls)
        yield from self.validation.facts()


def _target_of(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a loss function holds its input against; None where it has no such thing."""
    position = target_position(function)
    if position is None:
        return None
    return args[position] if len(args) > position else _named(kwargs, "target", "targets")


def target_position(function: str) -> int | None:
    """Which argument of a loss function is its target."""
    return None if function in _NO_TARGET else 2 if function in _TARGET_THIRD else 1


def _named(kwargs: dict[str, Any], *names: str) -> Any:
    return next((kwargs[name] for name in names if name in kwargs), None)


def _scalar(value: Tensor) -> Tensor:
    found = value.detach()
    return found.mean() if found.numel() > 1 else found.reshape(()).clone()


def _sums(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return kwargs.get("reduction") == "sum" or "sum" in [a for a in args if isinstance(a, str)]


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
