"""Every remedy, the one that most often is meant before the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surefoot.records import Finding, History
from surefoot.remedies.base import Proposal, Remedy
from surefoot.remedies.clear_gradients import ClearGradients, KeepGradients
from surefoot.remedies.clipping import ClipAtStep, ClipAutomatically
from surefoot.remedies.forgotten_parameters import ForgottenParameters
from surefoot.remedies.gradients import MeanLoss, ScaledAccumulation, TurnedSign
from surefoot.remedies.hooks import Hooks
from surefoot.remedies.kept_state import KeptState
from surefoot.remedies.missing_calls import CallBackward, TakeStep
from surefoot.remedies.modes import EvalMode, FrozenBatchNorm, TeacherInEvalMode, TrainMode
from surefoot.remedies.rate import LowerRate, RaiseRate
from surefoot.remedies.redefined_losses import (
    IgnorePadding,
    LogProbabilities,
    LossRemedy,
    RawLogits,
    RawScores,
    ScaledTargets,
    TargetShape,
)
from surefoot.remedies.scaled_inputs import ScaledInputs
from surefoot.remedies.schedulers import ConstantRate, SchedulerAfterOptimizer
from surefoot.remedies.shuffle import Shuffle
from surefoot.remedies.starts import DrawnWeights, Unfrozen
from surefoot.remedies.weight_decay import LessWeightDecay

REMEDIES: tuple[type[Remedy], ...] = (
    ClearGradients, KeepGradients, TakeStep, CallBackward, ForgottenParameters, Unfrozen, TrainMode, EvalMode,
    TeacherInEvalMode, RawScores, RawLogits, LogProbabilities, TargetShape, IgnorePadding, ScaledInputs,
    ScaledTargets, Shuffle, KeptState, SchedulerAfterOptimizer, ConstantRate, ScaledAccumulation, MeanLoss,
    TurnedSign, DrawnWeights, LessWeightDecay, FrozenBatchNorm, ClipAtStep, LowerRate, RaiseRate,
    ClipAutomatically,
)  # fmt: skip
BY_NAME: Mapping[str, type[Remedy]] = {remedy.name: remedy for remedy in REMEDIES}


def proposals(finding: Finding, history: History) -> Iterator[Proposal]:
    """What can be tried of a finding, in a training as it was recorded."""
    for remedy in REMEDIES:
        if finding.code in remedy.answers:
            yield from remedy().proposals(finding, history)


def hooks_of(applied: Sequence[Mapping[str, Any]], measured: Sequence[Mapping[str, Any]] = ()) -> Hooks:
    """Hooks with remedies at work.

    Args:
        applied: Names, as "remedy", with their details.
        measured: The same of those that only say what a loss would be.
    """
    hooks = Hooks()
    for given in applied:
        _made(given).apply(hooks, **_details(given))
    for given in measured:
        remedy = _made(given)
        if isinstance(remedy, LossRemedy):
            remedy.measure(hooks, **_details(given))
    return hooks


def _made(given: Mapping[str, Any]) -> Remedy:
    return BY_NAME[given["remedy"]]()


def _details(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "remedy"}
