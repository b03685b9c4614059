"""A setting at work in a script: rate, schedule, momentum, decay and optimizer, set from the step hooks."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, NoReturn

from torch.optim import Optimizer

from surefoot.capture.limit import StepLimit
from surefoot.errors import SettingError, SurefootError
from surefoot.lr_range_test.rates import reference_rate
from surefoot.optimizers.lent import Group, Lent, spared_decay, with_momentum
from surefoot.search.replacement import Replacement, catalogue_rate
from surefoot.search.settings import Setting

if TYPE_CHECKING:
    from surefoot.schedules import Schedule


class Driver:
    """Told of each step by its hooks.

    Args:
        setting: What is to be set.

    Attributes:
        trouble: Why it can't be.
        present: The rate that the script itself has.
    """

    def __init__(self, setting: Setting) -> None:
        self.trouble: str | None = None
        self.present: float | None = None
        self._setting = setting
        self._optimizer: str | None = setting.get("optimizer")
        self._schedule = _schedule(setting)
        self._main: weakref.ref[Optimizer] | None = None
        self._replaced: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._references: dict[int, float] = {}  # of groups, by id
        self._steps: weakref.WeakKeyDictionary[Optimizer, int] = weakref.WeakKeyDictionary()
        self._open: list[tuple[Optimizer, Lent]] = []

    def before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """A step begins.

        Raises:
            StepLimit: The setting can't be; `trouble` says why.
        """
        try:
            if self._main is None:
                self._begin(optimizer)
            self._set(optimizer)
        except SurefootError as error:
            self._refuse(error)

    def _refuse(self, error: SurefootError) -> NoReturn:
        self.trouble = str(error).rstrip(".")
        raise StepLimit from None

    def after(self, optimizer: Optimizer) -> None:
        """A step has ended: the script finds its own values again."""
        while self._open:
            stepped, lent = self._open.pop()
            lent.give_back()
            if stepped is optimizer:
                break
        if not any(stepped is optimizer for stepped, _ in self._open):
            self._steps[optimizer] = self._steps.get(optimizer, 0) + 1

    def _begin(self, optimizer: Optimizer) -> None:
        self._main = weakref.ref(optimizer)
        if self._setting.get("lr") is None and self._optimizer is None:
            return
        if not any("lr" in group for group in optimizer.param_groups):
            raise SettingError(
                f"{type(optimizer).__name__} has no 'lr' in its parameter groups, so its rate can't be driven"
            )
        rates = [reference_rate(group) for group in optimizer.param_groups if "lr" in group]
        self.present = next((rate for rate in rates if rate > 0), 0.0)
        if not self.present:
            raise SettingError("the script's own rates are all 0, so none can be scaled")

    def _set(self, optimizer: Optimizer) -> None:
        lent = Lent()
        wrapped = any(_shares(optimizer, other) for other, _ in self._open)
        self._open.append((optimizer, lent))
        if wrapped:
            return  # a wrapper's inner optimizer has the same groups
        if self._optimizer is not None and optimizer not in self._replaced:
            self._replaced.add(optimizer)
            Replacement(self._setting, optimizer, self._refuse)
        for group in optimizer.param_groups:
            self._set_group(optimizer, group, lent)

    def _set_group(self, optimizer: Optimizer, group: Group, lent: Lent) -> None:
        rate = self._rate(group, self._steps.get(optimizer, 0))
        if rate is not None:
            lent.set(group, "lr", rate)
        if self._optimizer is not None:
            return
        momentum, decay = self._setting.get("momentum"), self._setting.get("weight-decay")
        if momentum is not None:
            found = with_momentum(group, momentum)
            if found is None:
                raise SettingError(f"{type(optimizer).__name__} has no momentum that could be set")
            lent.set(group, *found)
        if decay is not None and not spared_decay(group, optimizer):
            if "weight_decay" not in group:
                raise SettingError(f"{type(optimizer).__name__} has no weight decay that could be set")
            lent.set(group, "weight_decay", decay)

    def _rate(self, group: Group, step: int) -> float | None:
        if "lr" not in group:
            return None
        wanted = self._setting.get("lr")
        if wanted is None and self._optimizer is not None:
            wanted = catalogue_rate(self._optimizer)
        if wanted is None and self._schedule is None:
            return None
        reference = self._references.setdefault(id(group), reference_rate(group))
        factor = 1.0 if wanted is None or not self.present else wanted / self.present
        if self._schedule is not None:
            return reference * factor * self._schedule.factor(step)
        return float(group["lr"]) * factor


def _schedule(setting: Setting) -> Schedule | None:
    text = setting.get("schedule")
    if text is None:
        return None
    from surefoot.schedules import parse

    return parse(text)


def _shares(optimizer: Optimizer, other: Optimizer) -> bool:
    return optimizer is other or any(
        one is two for one, two in zip(optimizer.param_groups, other.param_groups, strict=False)
    )
