"""Another optimizer over the groups of a script's own: it takes each step in the other's place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.step_hooks import closure_of, with_closure
from surefoot.clipping.skipping import HiddenGradients, Snapshot, leaves_alone_without_gradients
from surefoot.errors import SettingError, SurefootError
from surefoot.optimizers import optimizer as made_by_name
from surefoot.optimizers.catalogue import CATALOGUE
from surefoot.optimizers.lent import Group, spared_decay, with_momentum
from surefoot.search.settings import Setting

_CALLS_HOOKS = Optimizer.profile_hook_step(Optimizer.step).__code__  # of the wrapper around every step

_Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Replacement:
    """Steps in the place of a script's optimizer, whose own steps do nothing from now on.

    Gradients are there when the script's optimizer begins its step: the replacement takes its own step then, and
    hides them, so that what the script holds stays an optimizer of its class, with its groups, for its schedulers.

    Args:
        setting: Names the optimizer that is to step, maybe its momentum and weight decay.
        optimizer: The script's.
        refuse: Told why a step can't be taken; raises.

    Raises:
        SettingError: It can't be made over these groups.

    Effects: registers step hooks on the script's optimizer.
    """

    def __init__(
        self, setting: Setting, optimizer: Optimizer, refuse: Callable[[SurefootError], NoReturn]
    ) -> None:
        self._refuse = refuse
        self._setting = setting
        self._name: str = setting.get("optimizer")
        self._parts: list[Optimizer | None] = [None] * len(optimizer.param_groups)
        self._hidden: HiddenGradients | None = None
        self._before_step: Snapshot | None = None
        self._depth = 0
        self._quiet = leaves_alone_without_gradients(optimizer)
        if self._name == "lbfgs" and len(optimizer.param_groups) > 1:
            raise SettingError(
                f"lbfgs takes one group of parameters, and the script's {type(optimizer).__name__} has "
                f"{len(optimizer.param_groups)}"
            )
        optimizer.register_step_pre_hook(self._before)
        optimizer.register_step_post_hook(self._after)

    # -- hooks of the script's optimizer: the last to be registered, so after its clipper's

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> _Arguments | None:
        self._depth += 1
        if self._depth > 1:  # a subclass that calls super().step()
            return None
        closure = closure_of(args, kwargs)
        try:
            loss = self._step(optimizer, closure)
        except SurefootError as error:
            self._refuse(error)
        if not self._quiet:
            self._before_step = Snapshot(optimizer)
        self._hidden = HiddenGradients(optimizer)
        return None if closure is None else with_closure(args, kwargs, lambda: loss)

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._depth -= 1
        if self._depth:
            return
        if self._hidden is not None:
            self._hidden.give_back()
        if self._before_step is not None:
            self._before_step.restore(optimizer)
        self._hidden = self._before_step = None

    # -- its own step

    def _step(self, optimizer: Optimizer, closure: Callable[[], Any] | None) -> Any:
        if self._name == "lbfgs":
            return self._with_closure(optimizer, closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if not _overflowed(optimizer):
            for place, group in enumerate(optimizer.param_groups):
                part = self._part(place, group, optimizer)
                if part is not None:
                    _stepped(part)
        return loss

    def _with_closure(self, optimizer: Optimizer, closure: Callable[[], Any] | None) -> Any:
        if closure is None:
            raise SettingError(
                "lbfgs evaluates its loss several times a step, and the script's optimizer.step() is given no closure"
            )
        part = self._part(0, optimizer.param_groups[0], optimizer)
        return None if part is None else _stepped(part, closure)

    def _part(self, place: int, group: dict[str, Any], optimizer: Optimizer) -> Optimizer | None:
        """The optimizer of one group, with the group's own rate; made when it first has a gradient."""
        while place >= len(self._parts):  # add_param_group
            self._parts.append(None)
        part = self._parts[place]
        if part is None:
            if not any(p.requires_grad for p in group["params"]):
                return None
            part = self._parts[place] = _made(self._setting, group, optimizer)
        known = {id(p) for own in part.param_groups for p in own["params"]}
        late = [p for p in group["params"] if p.grad is not None and id(p) not in known]
        if late:  # unfrozen since
            settings = {name: value for name, value in part.param_groups[0].items() if name != "params"}
            part.add_param_group({**settings, "params": late})
        for own in part.param_groups:
            own["lr"] = float(group["lr"]) * own.get("lr_share", 1.0)
        return part


def catalogue_rate(name: str) -> float | None:
    """The rate of an optimizer's page; None for one that has none."""
    known = CATALOGUE.get(name)
    return None if known is None else known.defaults.get("lr")


def _made(setting: Setting, group: Group, optimizer: Optimizer) -> Optimizer:
    name, momentum = setting.get("optimizer"), setting.get("momentum")
    parameters = [(f"parameter {place}", p) for place, p in enumerate(group["params"])]
    if group.get("param_names"):
        parameters = list(zip(group["param_names"], group["params"], strict=True))
    options = _decay(setting, group, optimizer)
    made = made_by_name(name, parameters, lr=1.0, decay_all=True, **options)
    for own in made.param_groups:
        own.pop("param_names", None)  # torch adds to groups with names none without
        own["lr_share"] = float(own["lr"])
        if momentum is not None:
            found = with_momentum(own, momentum)
            if found is None:
                raise SettingError(f"{name} has no momentum that could be set")
            own[found[0]] = found[1]
    return made


def _decay(setting: Setting, group: Group, optimizer: Optimizer) -> dict[str, Any]:
    """The weight decay that is set, else what the script says of it, which holds for whoever steps."""
    swept, own = setting.get("weight-decay"), group.get("weight_decay")
    if spared_decay(group, optimizer):
        return {} if setting.get("optimizer") == "lbfgs" else {"weight_decay": 0.0}
    if swept is not None:
        return {"weight_decay": swept}
    given = own is not None and own != _own_default(type(optimizer), "weight_decay")
    return {"weight_decay": own} if given and setting.get("optimizer") != "lbfgs" else {}


def _own_default(cls: type[Optimizer], name: str) -> Any:
    parameter = inspect.signature(cls).parameters.get(name)
    return None if parameter is None else parameter.default


def _stepped(part: Optimizer, *arguments: Any) -> Any:
    """Take a step of which no hook hears: to every observer it is the script's own optimizer that steps."""
    step: Any = type(part).step
    layer: Any = step
    while layer is not None:  # there are two such wrappers where another's was put around the first
        if getattr(layer, "__code__", None) is _CALLS_HOOKS:
            step = layer.__wrapped__
        layer = getattr(layer, "__wrapped__", None)
    return step(part, *arguments)


def _overflowed(optimizer: Optimizer) -> bool:
    """Undo the scale that a GradScaler leaves to fused kernels; whether it found an infinity."""
    found = getattr(optimizer, "found_inf", None)
    if found is not None and bool(found):
        return True
    scale: Tensor | None = getattr(optimizer, "grad_scale", None)
    if scale is not None:
        gradients = [
            p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
        ]
        with torch.no_grad():
            torch._foreach_div_(gradients, scale)
    return False
