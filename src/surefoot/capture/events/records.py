"""What a training is doing just now: records that are made when an event begins and dropped when it is over.

A `Step` is opened by the pre-hook and closed after the post-hook. The gradients that it follows are those that lie in
`.grad` when it begins; where it is given a closure, those that the closure's first evaluation leaves (clipped,
accumulated, scaled as the closure does it). LBFGS evaluates more often: its first evaluation is at the point that the
step starts from. An optimizer like SAM moves the weights before it evaluates, and then follows what it finds there.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any

from torch import Tensor

from surefoot.capture.graph.loss_graph import LossGraph
from surefoot.capture.host import Norms
from surefoot.capture.loop import Loop
from surefoot.capture.loss_call import Pending
from surefoot.capture.patches import UNCOUNTED
from surefoot.capture.place import Site
from surefoot.capture.sampled import SampledStep
from surefoot.clipping import Clipper
from surefoot.clipping.result import ClipResult

_MOST_UNCLAIMED = 1000


class Counts:
    """How far the training is."""

    __slots__ = ("backwards", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.backwards = 0


class Backward:
    """What one backward carries from its begin to its end, and on to the step that follows it.

    Args:
        root: Where it starts, the sum of all where it starts from several.
        site: Where it was called.
        step: The step under way.
        position: What it is counted by: the step; its own number in a script that never steps.
        inspected: Whether its graph is read.
        saved_tensors: What its operations kept may be read.
    """

    __slots__ = (
        "batch_size", "calls", "columns", "cost", "graph", "inspected", "inspected_leaves", "leaves", "loss",
        "model", "output", "position", "reached", "root", "saved_tensors", "scores", "site", "step", "target",
    )  # fmt: skip

    def __init__(
        self,
        root: Tensor | None,
        site: Site | None,
        step: int,
        position: int,
        inspected: bool,
        saved_tensors: bool = True,
    ) -> None:
        self.root = root
        self.site = site
        self.step = step
        self.position = position
        self.inspected = inspected
        self.loss: float | Tensor | None = 0.0  # None: it cannot be read
        self.saved_tensors = saved_tensors
        self.graph: LossGraph | None = None  # read, where it is inspected
        self.inspected_leaves: set[int] = set()  # ids of those in it
        self.leaves: set[int] | None = None  # ids of those it is known to reach
        self.reached: set[int] | None = None  # ids of the loops it was asked for by name
        self.calls: Sequence[Pending] = ()  # of loss functions, that it uses
        self.batch_size: int | None = None  # where one of them tells
        self.scores: Tensor | None = None  # what entered the last loss function, and its target
        self.target: Any = None
        self.output: Tensor | None = None  # what the last model returned
        self.model = ""  # the first that is trained
        self.columns: list[int] = []  # of the leaves, where it is inspected
        self.cost = 0.0  # seconds that inspecting took

    def ends(self) -> None:
        """Drop what would keep the graph alive."""
        self.root = self.graph = self.scores = self.target = self.output = None
        self.calls = ()


class Progress:
    """Where the training is: what was last under way, and what nobody has claimed so far.

    Attributes:
        counts: How far it is.
        backward: The one under way, or the one before.
        step: The optimizer step under way.
        unclaimed: Losses of backwards, each with the steps before it and ids of the leaves it is known to reach; an
            optimizer that is met late claims those since the last step.
    """

    __slots__ = ("backward", "counts", "step", "unclaimed")

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.backward = Backward(None, None, 0, 0, True)
        self.step: Step | None = None
        self.unclaimed: deque[tuple[int, float | Tensor | None, set[int] | None]] = deque(
            maxlen=_MOST_UNCLAIMED
        )

    def begins(self, backward: Backward) -> None:
        """One more backward."""
        self.counts.backwards += 1
        self.backward = backward

    def opens(self, step: Step | None) -> None:
        """A step is under way; None: it is over, or raised."""
        self.step = step

    def stepped(self) -> int:
        """One more step; returns its number."""
        self.counts.steps += 1
        return self.counts.steps


class Step:
    """What one step carries from its begin to its end.

    Args:
        loop: Whose it is.
        number: Among the steps of the run.
        backward: The last one before it.
        backwards: How many of the run came before it.
        closure: Whether it was given one.
    """

    __slots__ = (
        "_clip", "backward", "backwards", "cleared", "cleared_before", "clipper", "closure", "cost", "depth",
        "evaluations", "gradients", "inside", "loop", "losses", "measured", "micro_steps", "norms", "number",
        "sample", "thread", "without_backward", "without_gradients",
    )  # fmt: skip

    def __init__(self, loop: Loop, number: int, backward: Backward, backwards: int, closure: bool) -> None:
        self.loop = loop
        self.number = number
        self.backward = backward
        self.backwards = backwards
        self.closure = closure
        self.thread = get_ident()  # that takes it
        self.depth = 0  # steps of the same optimizer under way inside it
        self.evaluations = 0
        self.inside = False  # the closure is running
        self.measured = False  # the gradients that it follows were there to be measured
        self.clipper: Clipper | None = None
        self.sample: SampledStep | None = None
        self.losses: list[float | Tensor | None] | None = (
            None  # of the first evaluation; all that it follows at its end
        )
        self.gradients: Sequence[Tensor | None] = ()  # while they are measured
        self.norms: Norms | None = None
        self.cost = 0.0  # seconds that measuring took
        self.cleared: bool | None = None  # gradients, in the interval before it; None: that can't be told
        self.cleared_before = False  # gradients, after their backward
        self.without_backward = False
        self.without_gradients = False
        self.micro_steps = 0  # backwards whose gradients it follows
        self._clip: ClipResult | None = None

    @property
    def clip(self) -> ClipResult | None:
        """What the clipper did to these gradients."""
        if self._clip is None and self.clipper is not None:
            return self.clipper.last
        return self._clip

    def taken(self, backwards: int) -> None:
        """It has been: close its loop's interval.

        Args:
            backwards: Those of the run so far.
        """
        without = self.closure and backwards == self.backwards and not self.loop.backward_seen()
        followed = self.loop.after_step()
        self.micro_steps = len(followed)
        if without:
            self.without_backward = True
        if without or self.losses is None:
            self.losses = followed

    def watched(self, closure: Callable[..., Any], ready: Callable[[Step], None]) -> Callable[..., Any]:
        """The closure; `ready` is told when its first evaluation has left the gradients."""

        def evaluation(*args: Any, **kwargs: Any) -> Any:
            if self.evaluations == 1:
                self._clip = self.clip  # a clipper wraps us, and has clipped by now
            self.inside = True
            try:
                result = closure(*args, **kwargs)
            finally:
                self.inside = False
            self.evaluations += 1
            if self.evaluations == 1:
                ready(self)
            return result

        evaluation.__code__ = evaluation.__code__.replace(co_filename=UNCOUNTED)
        return functools.wraps(closure)(evaluation)
