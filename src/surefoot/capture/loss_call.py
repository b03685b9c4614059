"""One loss function at one line: what enters it, described at looked-at calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from surefoot import facts
from surefoot.capture.deferred import Deferred
from surefoot.capture.evaluation import Batch
from surefoot.capture.graph.loss_graph import chain, output_shape, saved_dim
from surefoot.capture.place import Site, text_of
from surefoot.interrupts import pass_on
from surefoot.quantities import batches

MetricSink = Callable[[str, int, float], None]

_CLASS_DIM_ONE = frozenset({"cross_entropy", "nll_loss", "multi_margin_loss"})
_SOFT = frozenset({"cross_entropy", "kl_div"})  # whose target may be a distribution for each row
_LOOKED_TARGETS = 4096
_MOST_DISTINCT = 1000
_FEW = 3  # looks after which the structure of a call is known
_MANY = 30  # looks after which the numbers of a call are known well enough


class LossCall:
    """What is known of the calls of one loss function at one place.

    Args:
        function: Its name in torch.nn.functional.
        site: Where it is called.
        deferred: Where device numbers wait for the next flush.
        metric: Called with (name, step, value) for each number that becomes a metric.
    """

    def __init__(self, function: str, site: Site | None, deferred: Deferred, metric: MetricSink) -> None:
        self.function = function
        self.site = site
        self.plain = Pending(self, 0)  # stands for each ordinary call
        self.counts = {"train": 0, "validation": 0}
        self.described: dict[str, Any] = {}
        self.looks = 0
        self.input: list[list[float]] = []
        self.target: list[list[float]] = []
        self.rows: list[list[float]] = []
        self.target_sums: list[list[float]] = []
        self.distinct: set[float] = set()
        self.first_value: float | None = None
        self.last_value: float | None = None
        self._deferred = deferred
        self._metric = metric

    def describe(
        self,
        step: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        scores: Tensor,
        target: Any,
        value: Tensor,
        weight: int,
    ) -> None:
        """Take a looked-at call.

        Args:
            step: The step under way.
            args: As the function was called.
            kwargs: The same.
            scores: What entered it first.
            target: What it was held against, if anything.
            value: What it returned.
            weight: Examples in the batch.
        """
        self.looks += 1
        if self.looks <= _FEW:
            self._structure(args, kwargs, scores, weight)
        described, defer = self.described, self._deferred.add
        if value.numel() == 1:
            defer(value.detach().clone(), self._receive_value)
        class_dim = 1 if self.function in _CLASS_DIM_ONE and scores.ndim > 1 else scores.ndim - 1
        if scores.ndim:
            described["classes"] = int(scores.shape[class_dim])
            if scores.is_floating_point() and (scores.ndim > 1 or weight > 1):
                defer(batches.across_examples(scores), lambda v: self._outputs(step, v))
        if self.looks <= _MANY:
            defer(batches.summary(scores), self.input.append)
            if scores.ndim and scores.is_floating_point():
                defer(batches.rows(scores, class_dim), self.rows.append)
        if isinstance(target, Tensor) and target.numel():
            self._describe_target(step, target)
            if self.looks <= _MANY and self._is_soft(scores, target):
                defer(batches.sums_of_mixed_rows(target, class_dim), self.target_sums.append)

    def _is_soft(self, scores: Tensor, target: Tensor) -> bool:
        """Whether the target is a distribution for each row, whose dimension is known."""
        rows = scores.ndim == 2 or (self.function == "cross_entropy" and scores.ndim > 1)
        return self.function in _SOFT and rows and target.is_floating_point() and target.shape == scores.shape

    def evaluated(self, scores: Tensor, target: Any, looking: bool) -> None:
        """A call without gradients, in an evaluation."""
        self.counts["validation"] += 1
        if looking or self.counts["validation"] <= 2:
            self.described.setdefault("input_shape", tuple(scores.shape))
            if isinstance(target, Tensor):
                self.described.setdefault("target_shape", tuple(target.shape))

    def _describe_target(self, step: int, target: Tensor) -> None:
        described = self.described
        integer = not target.is_floating_point()
        described["target_shape"] = tuple(target.shape)
        described["target_dtype"] = str(target.dtype).removeprefix("torch.")
        described["integer_target"] = integer
        if self.looks <= _MANY:
            self._deferred.add(batches.summary(target), self.target.append)
        if len(self.distinct) < _MOST_DISTINCT:
            flat = target.detach().reshape(-1)
            thinned = flat[:: max(1, flat.numel() // _LOOKED_TARGETS)]
            self._deferred.add(thinned.clone(), lambda v: self._distinct(step, v, integer))

    def _structure(self, args: tuple[Any, ...], kwargs: dict[str, Any], scores: Tensor, weight: int) -> None:
        described = self.described
        arguments = _bound(self.function, args, kwargs)
        described["reduction"] = arguments.get("reduction", "mean")
        described["weighted"] = arguments.get("weight") is not None or arguments.get("pos_weight") is not None
        described["label_smoothing"] = arguments.get("label_smoothing", 0.0)
        described["ignore_index"] = arguments.get("ignore_index")
        described["log_target"] = bool(arguments.get("log_target", False))
        described["input_shape"] = tuple(scores.shape)
        described["input_dtype"] = str(scores.dtype).removeprefix("torch.")
        described["batch_size"] = weight
        nodes = chain(scores.grad_fn) if scores.grad_fn is not None else []
        described["chain"] = tuple(node.name() for node in nodes)
        described["input_is_leaf"] = scores.grad_fn is None and scores.requires_grad
        for node in nodes:
            if node.name() in ("SoftmaxBackward0", "LogSoftmaxBackward0"):
                shape = output_shape(node)
                dim = saved_dim(node, len(shape)) if shape else None
                if shape and dim is not None:
                    described["softmax_dim"] = dim
                    described["softmax_shape"] = tuple(shape)
                break

    def _receive_value(self, numbers: list[float]) -> None:
        if self.first_value is None:
            self.first_value = numbers[0]
        self.last_value = numbers[0]

    def _distinct(self, step: int, values: list[float], integer: bool) -> None:
        found = set(values)
        if integer:
            self._metric("target/classes", step, float(len(found)))
        if len(self.distinct) < _MOST_DISTINCT:
            self.distinct |= found

    def _outputs(self, step: int, numbers: list[float]) -> None:
        for name, number in zip(("mean", "std", "batch_std"), numbers, strict=True):
            self._metric(f"output/{name}", step, number)


class Pending:
    """A call whose backward has not come yet."""

    __slots__ = ("asleep", "call", "evaluated", "sequence", "value")

    def __init__(
        self,
        call: LossCall,
        sequence: int,
        asleep: bool = False,
        value: Tensor | None = None,
        evaluated: Batch | None = None,
    ) -> None:
        self.call = call
        self.sequence = sequence
        self.asleep = asleep
        self.value = value
        self.evaluated = evaluated  # what it is if no backward uses it


def joint_fact(subject: str, calls: Sequence[LossCall]) -> facts.LossCall:
    """The fact of all calls of one function on one line.

    Args:
        subject: Their place and function.
        calls: At least one.
    """
    first = calls[0]
    trained = sum(call.counts["train"] for call in calls)
    data: dict[str, Any] = dict(first.described)
    data["function"] = first.function
    data["phase"] = "train" if trained else "validation"
    data["count"] = trained or sum(call.counts["validation"] for call in calls)
    data["place"] = text_of(first.site)
    data["calls_on_line"] = len(calls)
    data["looked"] = sum(call.looks for call in calls)
    data["first_value"], data["last_value"] = first.first_value, first.last_value
    if inputs := [row for call in calls for row in call.input]:
        data["input"] = _joined(inputs)
    if targets := [row for call in calls for row in call.target]:
        data["target"] = _joined(targets)
    if sums := [row for call in calls for row in call.target_sums if row[0] <= row[1]]:
        data["target_rowsum_min"] = min(row[0] for row in sums)
        data["target_rowsum_max"] = max(row[1] for row in sums)
    if rows := [row for call in calls for row in call.rows]:
        data["rowsum_min"] = min(row[0] for row in rows)
        data["rowsum_max"] = max(row[1] for row in rows)
        data["rows_max_mean"] = sum(row[2] for row in rows) / len(rows)
        data["logsumexp_absmax"] = max(row[3] for row in rows)
    if distinct := set[float]().union(*(call.distinct for call in calls)):
        data["target_distinct"] = min(len(distinct), _MOST_DISTINCT)
    return facts.LossCall(subject, **data)


def _joined(rows: list[list[float]]) -> facts.Spread:
    count = len(rows)
    return facts.Spread(
        min=min(row[0] for row in rows),
        max=max(row[1] for row in rows),
        mean=sum(row[2] for row in rows) / count,
        std=sum(row[3] for row in rows) / count,
        nonfinite=sum(row[4] for row in rows) / count,
    )


def _bound(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        signature = inspect.signature(getattr(torch.nn.functional, function))
        return dict(signature.bind(*args, **kwargs).arguments)
    except (TypeError, ValueError) as error:
        pass_on(error)
        return dict(kwargs)
