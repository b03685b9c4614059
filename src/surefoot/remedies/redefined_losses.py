"""Remedies that act in the call of a loss function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from surefoot.capture.patches import Patches
from surefoot.records import Finding, History
from surefoot.remedies.base import Proposal, Remedy
from surefoot.remedies.hooks import Hooks
from surefoot.remedies.losses import Call

_ROUNDING = 1e-3  # of half precision, in a sum of probabilities
_SCORES = "_surefoot_scores"


class LossRemedy(Remedy):
    """Changes the arguments of some loss functions.

    Attributes:
        functions: Their names in torch.nn.functional.
    """

    functions: ClassVar[tuple[str, ...]]
    redefines = True

    def __init__(self) -> None:
        self.details: dict[str, Any] = {}

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Rewrite the calls."""
        self._add(hooks, True, details)

    def measure(self, hooks: Hooks, **details: Any) -> None:
        """Only measure them as rewritten."""
        self._add(hooks, False, details)

    def _add(self, hooks: Hooks, applied: bool, details: dict[str, Any]) -> None:
        self.details = details
        self.prepare(hooks)
        hooks.losses.add(self, applied)

    def prepare(self, hooks: Hooks) -> None:
        """Whatever it needs beside the calls."""

    def rewritten(self, call: Call) -> Call:
        """A call as it is to be."""
        return self.changed(call) if call.function in self.functions else call

    def measured(self, call: Call, applied: bool) -> Call:
        """A call as losses are compared by."""
        return call if applied else self.rewritten(call)

    def changed(self, call: Call) -> Call:
        """A call of one of its functions, as it is to be."""
        raise NotImplementedError


class RawScores(LossRemedy):
    """Cross-entropy gets the scores that softmax was given."""

    name = "raw-scores"
    answers = ("softmax-before-cross-entropy",)
    said = "raw scores to cross_entropy"
    functions = ("cross_entropy",)

    def prepare(self, hooks: Hooks) -> None:
        """Remember the scores of each softmax."""
        hooks.patching.append(_remember_scores)

    def changed(self, call: Call) -> Call:
        """Undo the softmax."""
        scores = getattr(call.input, _SCORES, None)
        if scores is not None:
            return replace(call, input=scores)
        probabilities = _are_probabilities(call.input, 1 if call.input.dim() > 1 else 0)
        return replace(call, input=_log(call.input)) if probabilities else call


class RawLogits(LossRemedy):
    """binary_cross_entropy_with_logits gets what the sigmoid was given."""

    name = "raw-logits"
    answers = ("sigmoid-before-logits-loss",)
    said = "raw scores to binary_cross_entropy_with_logits"
    functions = ("binary_cross_entropy_with_logits",)

    def changed(self, call: Call) -> Call:
        """Undo the sigmoid."""
        least, most = call.input.detach().aminmax()
        if float(least) < 0 or float(most) > 1:
            return call
        return replace(call, input=torch.logit(call.input, torch.finfo(call.input.dtype).eps))


class LogProbabilities(LossRemedy):
    """nll_loss and kl_div get logarithms of probabilities."""

    name = "log-probabilities"
    answers = ("nll-without-log-softmax", "kl-without-log")
    said = "log-probabilities to the loss"
    functions = ("nll_loss", "kl_div")

    def changed(self, call: Call) -> Call:
        """Take the logarithm, of softmax where scores came."""
        place = 1 if call.function == "nll_loss" and call.input.dim() > 1 else -1
        if _are_probabilities(call.input, place):
            return replace(call, input=_log(call.input))
        total = call.input.detach().logsumexp(place).abs().max()
        if float(total) < 10 * _ROUNDING:
            return call
        return replace(call, input=functional.log_softmax(call.input, place))


class TargetShape(LossRemedy):
    """Targets in the shape of the predictions."""

    name = "target-shape"
    answers = ("broadcast-loss",)
    said = "targets in the shape of the predictions"
    functions = (
        "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "soft_margin_loss",
        "binary_cross_entropy_with_logits",
    )  # fmt: skip

    def proposals(self, finding: Finding, history: History) -> Iterator[Proposal]:
        """Where the loss is a function that can be reached."""
        if not finding.title.startswith("The loss "):
            yield self.proposal(finding)

    def changed(self, call: Call) -> Call:
        """Reshape the target where only the shape differs."""
        if call.input.shape == call.target.shape or call.input.numel() != call.target.numel():
            return call
        return replace(call, target=call.target.reshape(call.input.shape))


class IgnorePadding(LossRemedy):
    """Padding left out of the loss."""

    name = "ignore-padding"
    answers = ("padding-in-loss",)
    said = "padding ignored"
    functions = ("cross_entropy", "nll_loss")

    def proposals(self, finding: Finding, history: History) -> Iterator[Proposal]:
        """With the token that was found."""
        token = finding.evidence.get("token")
        if isinstance(token, int):
            yield self.proposal(finding, f"padding (token {token}) ignored", token=token)

    def changed(self, call: Call) -> Call:
        """Name the token."""
        return call.given("ignore_index", self.details["token"])


class ScaledTargets(LossRemedy):
    """Targets of mean 0 and deviation 1, by those of the first batch."""

    name = "scaled-targets"
    answers = ("unscaled-targets", "initial-loss-too-high")
    said = "targets to mean 0, deviation 1"
    functions = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")

    def __init__(self) -> None:
        super().__init__()
        self._scale: tuple[Tensor, Tensor] | None = None

    def changed(self, call: Call) -> Call:
        """Scale the target."""
        if not call.target.is_floating_point():
            return call
        if self._scale is None:
            whole = call.target.detach()
            deviation = whole.std() if whole.numel() > 1 else whole.new_ones(())
            self._scale = whole.mean(), deviation if float(deviation) > 0 else whole.new_ones(())
        mean, deviation = self._scale
        return replace(call, target=(call.target - mean) / deviation)

    def measured(self, call: Call, applied: bool) -> Call:
        """In the units of the script."""
        if not applied or self._scale is None or call.function not in self.functions:
            return call
        mean, deviation = self._scale
        back = call.input * deviation + mean, call.target * deviation + mean
        return replace(call, input=back[0], target=back[1])


def _remember_scores(patches: Patches) -> None:
    def make(original: Any) -> Any:
        def softmax(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            result: Tensor = original(input, *args, **kwargs)
            setattr(result, _SCORES, input)
            return result

        return softmax

    patches.add(functional, "softmax", make)


def _are_probabilities(tensor: Tensor, place: int) -> bool:
    rows = tensor.detach()
    whole = (rows >= 0).all() & ((rows.sum(place) - 1).abs().max() < _ROUNDING)
    return bool(whole)


def _log(probabilities: Tensor) -> Tensor:
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
