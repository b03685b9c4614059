"""What ordinary events are held against: the course of an optimizer, the line that calls backward."""

from __future__ import annotations

from collections import Counter
from types import CodeType

import torch
from torch.optim import Optimizer

from surefoot.capture.events.records import Backward
from surefoot.capture.loop import Loop
from surefoot.capture.loss_call import LossCall
from surefoot.capture.place import Site
from surefoot.clipping import Clipper


class Course:
    """What is bound to the steps of one optimizer.

    Args:
        loop: Its loop.
        optimizer: It.
        clipper: What clips it, if anything does.
        since: The first step of the loop that may be ordinary.
        until: The next one that is to be examined.
    """

    __slots__ = ("clipper", "groups", "hooks", "loop", "ordinary", "plain", "since", "spared", "until")

    def __init__(
        self, loop: Loop, optimizer: Optimizer, clipper: Clipper | None, since: int, until: int
    ) -> None:
        self.loop = loop
        self.clipper = clipper
        self.plain = all(
            p.is_cpu and p.dtype is torch.float32 and p.layout is torch.strided for p in loop.parameters
        )
        self.since = since
        self.until = until
        self.groups = len(optimizer.param_groups)
        self.hooks = len(optimizer._optimizer_step_pre_hooks)  # a clipper that comes or goes changes it
        self.spared = 0  # steps in a row whose gradients were not measured
        self.ordinary: Counter[int] = Counter()  # steps not told so far, by their micro-steps


class Line:
    """What is bound to one line that calls backward.

    Args:
        site: It.
        inner: Of whoever called `backward`.
        depth: How many frames above ours the line's own is.
    """

    __slots__ = ("call", "depth", "inner", "instruction", "outer", "record", "site")

    def __init__(self, site: Site, inner: CodeType, depth: int) -> None:
        self.site = site
        self.depth = depth
        self.inner = inner
        self.outer = site.code
        self.instruction = site.instruction
        self.call: LossCall | None = None  # of the loss function that is known to lead to it
        self.record = Backward(None, site, 0, 0, False)  # what steps see of its backwards
