"""A schedule at work on a torch optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from surefoot.errors import SettingError
from surefoot.schedules.base import Schedule, as_schedule


class ScheduledLR(LambdaLR):
    """torch's LambdaLR over a schedule, which moves momentum too and needs the step alone to resume.

    Args:
        optimizer: Its groups' rates (or their "initial_lr") are multiplied by the factor.
        schedule: In steps; or a function step -> factor.
        step: Step to start or resume at, >= 0.

    Raises:
        SettingError: The schedule's lengths are in epochs.

    Effects: sets each group's "lr", and "momentum" or the first of "betas" where the schedule has momentum.
    """

    def __init__(
        self, optimizer: Optimizer, schedule: Schedule | Callable[[int], float], *, step: int = 0
    ) -> None:
        self.schedule = as_schedule(schedule)
        if self.schedule.in_epochs:
            raise SettingError(
                f"{self.schedule!r} has lengths in epochs: pass schedule.in_steps(len(loader))."
            )
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        super().__init__(optimizer, self.schedule.factor, last_epoch=step - 1)
        self._set_momentum()

    def step(self, epoch: int | None = None) -> None:
        """Move to the next step's rate; call it after the optimizer's step."""
        super().step(epoch)
        self._set_momentum()

    def go_to(self, step: int) -> None:
        """Set rates and momentum of a step, whatever came before."""
        self.last_epoch = step
        factor = self.schedule.factor(step)
        rates = [base * factor for base in self.base_lrs]
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates
        self._set_momentum()

    def state_dict(self) -> dict[str, Any]:
        """The step; everything else follows from it."""
        return {"step": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the step that was saved."""
        self.go_to(state_dict["step"])

    def _set_momentum(self) -> None:
        momentum = self.schedule.momentum(self.last_epoch)
        if momentum is None:
            return
        for group in self.optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = momentum


def scheduler(
    optimizer: Optimizer, schedule: Schedule | Callable[[int], float], *, step: int = 0
) -> ScheduledLR:
    """Learning-rate scheduler of a schedule; call its `step()` after each optimizer step.

    Args:
        optimizer: Any torch optimizer.
        schedule: In steps; or a function step -> factor. `LambdaLR(optimizer, schedule)` works as well,
            without momentum.
        step: Step to start or resume at, >= 0.

    Returns:
        A `torch.optim.lr_scheduler.LambdaLR`.

    Raises:
        SettingError: The schedule's lengths are in epochs.

    Effects: sets the optimizer's rates for `step`.

    Example:
        >>> import torch
        >>> from surefoot.schedules import warmup, constant
        >>> sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
        >>> rates = scheduler(sgd, warmup(2) >> constant())
        >>> for _ in range(3):
        ...     print(sgd.param_groups[0]["lr"])
        ...     sgd.step()
        ...     rates.step()
        0.0
        0.25
        0.5
    """
    return ScheduledLR(optimizer, schedule, step=step)
