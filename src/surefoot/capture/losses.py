"""The calls of loss functions: what enters them in training, and their value in validation."""

from __future__ import annotations

import inspect
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from surefoot.capture import graph
from surefoot.capture.deferred import Deferred
from surefoot.capture.place import Site, caller_chain, caller_site, text_of
from surefoot.quantities import batches

FactRow = tuple[str, str, dict[str, Any]]
MetricSink = Callable[[str, int, float], None]

# Every loss of torch.nn.functional; the second argument is the target where there is one.
FUNCTIONS = (
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
    "smooth_l1_loss", "huber_loss", "kl_div", "poisson_nll_loss", "gaussian_nll_loss", "ctc_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss", "soft_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "multi_margin_loss", "cosine_embedding_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
)  # fmt: skip
CLASS_DIM_ONE = frozenset({"cross_entropy", "nll_loss", "multi_margin_loss"})
_NO_TARGET = frozenset({"triplet_margin_loss", "triplet_margin_with_distance_loss"})
_LOOKED_TARGETS = 4096
_MOST_DISTINCT = 1000
_EARLY_TARGETS = 200
_MOST_PENDING = 256
_SMALL_TARGET = 512  # entries up to which a target waits as it is: one copy costs less than its moments
_FEW = 3  # looks after which the structure of a call is known
_MANY = 30  # looks after which the numbers of a call are known well enough


class _Call:
    """One loss function at one place."""

    def __init__(self, function: str, site: Site | None) -> None:
        self.function = function
        self.site = site
        self.counts = {"train": 0, "validation": 0}
        self.described: dict[str, Any] = {}
        self.looks = 0
        self.input: list[list[float]] = []
        self.target: list[list[float]] = []
        self.rows: list[list[float]] = []
        self.distinct: set[float] = set()
        self.first_value: float | None = None
        self.last_value: float | None = None

    def receive_value(self, numbers: list[float]) -> None:
        """Take the value of a looked-at call."""
        if self.first_value is None:
            self.first_value = numbers[0]
        self.last_value = numbers[0]


class Pending:
    """A call whose backward has not come yet."""

    __slots__ = ("asleep", "call", "sequence", "value", "weight")

    def __init__(self, call: _Call, sequence: int, asleep: bool, value: Tensor | None, weight: int) -> None:
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
        self._calls: dict[tuple[Site | None, str], _Call] = {}
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
            call = self._calls[(site, function)] = _Call(function, site)
        scores = args[0] if args else kwargs.get("input", kwargs.get("anchor", kwargs.get("log_probs")))
        target = None
        if function not in _NO_TARGET:
            target = args[1] if len(args) > 1 else kwargs.get("target", kwargs.get("targets"))
        if not isinstance(scores, Tensor):
            return
        weight = int(scores.shape[0]) if scores.ndim else 1
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
            self._describe(call, function, args, kwargs, scores, target, value, weight)

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

    def _validation(self, call: _Call, value: Tensor, scores: Tensor, target: Any, weight: int) -> None:
        if isinstance(target, Tensor) and self._is_training_target(target):
            return  # a figure of the training batch
        call.counts["validation"] += 1
        self._add(call, value, weight)
        if self.looking or call.counts["validation"] <= 2:
            call.described.setdefault("input_shape", list(scores.shape))
            if isinstance(target, Tensor):
                call.described.setdefault("target_shape", list(target.shape))

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

    def _add(self, call: _Call, value: Tensor, weight: int) -> None:
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

    def _describe(
        self,
        call: _Call,
        function: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        scores: Tensor,
        target: Any,
        value: Tensor,
        weight: int,
    ) -> None:
        call.looks += 1
        if call.looks <= _FEW:
            self._structure(call, function, args, kwargs, scores, weight)
        facts = call.described
        self._scores = (scores, target)
        if value.numel() == 1:
            self._deferred.add(value.detach().clone(), call.receive_value)
        class_dim = 1 if function in CLASS_DIM_ONE and scores.ndim > 1 else scores.ndim - 1
        step = self.step
        if scores.ndim:
            facts["classes"] = int(scores.shape[class_dim])
            if scores.is_floating_point() and (scores.ndim > 1 or weight > 1):
                self._deferred.add(batches.across_examples(scores), lambda v: self._outputs(step, v))
        if call.looks <= _MANY:
            self._deferred.add(batches.summary(scores), call.input.append)
            if scores.ndim and scores.is_floating_point():
                self._deferred.add(batches.rows(scores, class_dim), call.rows.append)
        if isinstance(target, Tensor) and target.numel():
            facts["target_shape"] = list(target.shape)
            facts["target_dtype"] = str(target.dtype).removeprefix("torch.")
            facts["integer_target"] = not target.is_floating_point()
            if call.looks <= _MANY:
                self._deferred.add(batches.summary(target), call.target.append)
            if len(call.distinct) < _MOST_DISTINCT:
                flat = target.detach().reshape(-1)
                thinned = flat[:: max(1, flat.numel() // _LOOKED_TARGETS)]
                integer = not target.is_floating_point()
                self._deferred.add(thinned.clone(), lambda v: self._distinct(call, step, v, integer))

    def _structure(
        self,
        call: _Call,
        function: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        scores: Tensor,
        weight: int,
    ) -> None:
        facts = call.described
        arguments = _bound(function, args, kwargs)
        facts["reduction"] = arguments.get("reduction", "mean")
        facts["weighted"] = arguments.get("weight") is not None or arguments.get("pos_weight") is not None
        facts["label_smoothing"] = arguments.get("label_smoothing", 0.0)
        facts["ignore_index"] = arguments.get("ignore_index")
        facts["input_shape"] = list(scores.shape)
        facts["input_dtype"] = str(scores.dtype).removeprefix("torch.")
        facts["batch_size"] = weight
        nodes = graph.chain(scores.grad_fn) if scores.grad_fn is not None else []
        facts["chain"] = [node.name() for node in nodes]
        facts["input_is_leaf"] = scores.grad_fn is None and scores.requires_grad
        for node in nodes:
            if node.name() in ("SoftmaxBackward0", "LogSoftmaxBackward0"):
                dim, shape = graph.saved(node, "_saved_dim"), graph.output_shape(node)
                if isinstance(dim, int) and shape:
                    dim = dim - (1 << 64) if dim > 1 << 62 else dim  # a negative dimension reads as unsigned
                    facts["softmax_dim"] = dim % len(shape)
                    facts["softmax_shape"] = list(shape)
                break

    def _distinct(self, call: _Call, step: int, values: list[float], integer: bool) -> None:
        found = set(values)
        if integer:
            self._metric("target/classes", step, float(len(found)))
        if len(call.distinct) < _MOST_DISTINCT:
            call.distinct |= found

    def _outputs(self, step: int, numbers: list[float]) -> None:
        for name, number in zip(("mean", "std", "batch_std"), numbers, strict=True):
            self._metric(f"output/{name}", step, number)

    def facts(self) -> Iterator[FactRow]:
        """One fact for each loss function at each line; several calls on one line are one."""
        lines: dict[str, list[_Call]] = {}
        for call in self._calls.values():
            lines.setdefault(f"{text_of(call.site)} {call.function}", []).append(call)
        for subject, calls in lines.items():
            yield "loss-call", subject, _described(calls)


def _described(calls: list[_Call]) -> dict[str, Any]:
    first = calls[0]
    trained = sum(call.counts["train"] for call in calls)
    data: dict[str, Any] = dict(first.described)
    data["function"] = first.function
    data["phase"] = "train" if trained else "validation"
    data["count"] = trained or sum(call.counts["validation"] for call in calls)
    data["place"] = text_of(first.site)
    data["calls_on_line"] = len(calls)
    data["first_value"], data["last_value"] = first.first_value, first.last_value
    if inputs := [row for call in calls for row in call.input]:
        data["input"] = _joined(inputs)
    if targets := [row for call in calls for row in call.target]:
        data["target"] = _joined(targets)
    if rows := [row for call in calls for row in call.rows]:
        data["rowsum_min"] = min(row[0] for row in rows)
        data["rowsum_max"] = max(row[1] for row in rows)
        data["rows_max_mean"] = sum(row[2] for row in rows) / len(rows)
        data["logsumexp_absmax"] = max(row[3] for row in rows)
    if distinct := set().union(*(call.distinct for call in calls)):
        data["target_distinct"] = min(len(distinct), _MOST_DISTINCT)
    return data


def _joined(rows: list[list[float]]) -> dict[str, float]:
    count = len(rows)
    return {
        "min": min(row[0] for row in rows),
        "max": max(row[1] for row in rows),
        "mean": sum(row[2] for row in rows) / count,
        "std": sum(row[3] for row in rows) / count,
        "nonfinite": sum(row[4] for row in rows) / count,
    }


def _bound(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        signature = inspect.signature(getattr(torch.nn.functional, function))
        return dict(signature.bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return dict(kwargs)


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
