"""How a loop goes: calls counted, gradients cleared, optimizers and schedulers made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from surefoot.facts.base import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls(Fact, kind="calls", question="Which calls were made"):
    """How often backward and step were called, and by whom.

    Args:
        backwards: All backward passes.
        steps: All optimizer steps.
        optimizers_created: Optimizers constructed.
        optimizers_stepped: Optimizers that stepped.
        first_backward: Place of the first backward.
        manual: Some descent is written by hand.
        forwards_with_grad: Calls of an outermost module with gradients on, at inspected steps.
    """

    backwards: int = 0
    steps: int = 0
    optimizers_created: int = 0
    optimizers_stepped: int = 0
    first_backward: str | None = None
    manual: bool = False
    forwards_with_grad: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence(Fact, kind="cadence", question="How backward passes and steps alternate"):
    """How an optimizer's backward passes and steps alternate.

    Args:
        steps: All its steps.
        backwards: All backward passes that reached its parameters.
        micro_steps: The usual number of backward passes a step; its loss is the sum of their roots.
        regular: Share of the steps with that number.
        steps_without_backward: All steps with no backward before them.
        first_without_backward: The first of those steps.
        closure: `step` was given a closure.
        backward_place: Place of its backward.
        step_place: Place of its step.
        backward_places: Number of places whose backward reached its parameters.
        norms_every: An ordinary step in so many has its gradient's norm measured, lest that cost more than 3 % of it.
        cleared_unused: All backward passes whose gradients were cleared before any step followed them.
        root_over_loss: Mean, over inspected backward passes, of the root's value over the value of the one
            loss-function call in its graph: 0.25 for `(loss / 4).backward()`, -1 for `(-loss).backward()`; None: none
            or several.
    """

    steps: int = 0
    backwards: int = 0
    micro_steps: int = 0
    regular: float | None = None
    steps_without_backward: int = 0
    first_without_backward: int | None = None
    closure: bool = False
    backward_place: str | None = None
    step_place: str | None = None
    backward_places: int = 0
    norms_every: int = 1
    cleared_unused: int = 0
    root_over_loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing(Fact, kind="clearing", question="Were gradients cleared between steps"):
    """Whether gradients were cleared between two steps of an optimizer.

    Args:
        cleared: All intervals in which they were.
        uncleared: All intervals in which they were not.
        first_uncleared: Step after the first of those; None: there is none.
        leftover_norm: L2 norm of what was left over when last inspected; 0: cleared out of sight; None: not measured.
    """

    cleared: int = 0
    uncleared: int = 0
    first_uncleared: int | None = None
    leftover_norm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearedBeforeStep(Fact, kind="cleared-before-step", question="Were gradients lost before the step"):
    """Steps at which the gradients that backward had left were gone or zero.

    Args:
        count: All such steps.
        of: All steps.
        step_place: Place of the step.
    """

    count: int = 0
    of: int = 0
    step_place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingGradients(Fact, kind="missing-gradients", question="Steps without any gradient"):
    """Steps at which none of an optimizer's parameters had a gradient.

    Args:
        steps_without_any: All such steps.
        of: All steps.
    """

    steps_without_any: int = 0
    of: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerCreated(Fact, kind="optimizer-created", question="How the optimizers were made"):
    """How an optimizer was made.

    Args:
        class_name: Its class.
        place: Where it was made.
        settings: Defaults of its first group.
        parameters: How many tensors it holds.
        trainable: How many of them require a gradient.
        same_parameters_as: Index of another optimizer that holds some of the same.
        created_at_step: Steps taken before it was made.
        stepped: It has stepped.
        recreated: Optimizers over the same parameters that were made before it, at the same place.
    """

    class_name: str = ""
    place: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    parameters: int = 0
    trainable: int = 0
    same_parameters_as: int | None = None
    created_at_step: int | None = None
    stepped: bool = False
    recreated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler(Fact, kind="scheduler", question="Learning-rate schedulers"):
    """A learning-rate scheduler of PyTorch's.

    Args:
        class_name: Its class.
        place: Where it was first stepped.
        steps: All its steps.
        before_first_step: It stepped before the optimizer's first step.
        ahead: All its steps in an iteration before that iteration's optimizer step.
        per_step: Its steps over the optimizers' steps.
        settings: Its public numbers.
        watched: The numbers that it was given to watch, thinned out to 100 at the most.
    """

    class_name: str = ""
    place: str | None = None
    steps: int = 0
    before_first_step: bool = False
    ahead: int = 0
    per_step: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    watched: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured(Fact, kind="unmeasured", question="What could not be measured"):
    """Quantities that this style of training does not let be measured; there is no such fact where all can be.

    Args:
        quantities: What is missing, in words.
        reason: Why.
    """

    quantities: tuple[str, ...] = ()
    reason: str = ""
