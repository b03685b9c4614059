"""From a name and a model to an optimizer with good settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

from surefoot.errors import SettingError
from surefoot.optimizers.catalogue import load_class, named_optimizer
from surefoot.optimizers.groups import Settings, by_pattern, gathered, without_decay
from surefoot.optimizers.layers import layer_factors
from surefoot.optimizers.options import check_options, default_of
from surefoot.optimizers.parameters import NamedParameter, Parameters, every, hidden_matrices, trainable


def optimizer(
    name: str,
    model: Parameters,
    lr: float | None = None,
    *,
    groups: Mapping[str, Mapping[str, Any]] | None = None,
    decay_all: bool = False,
    layer_decay: float | None = None,
    layers: Sequence[str] | None = None,
    **options: Any,
) -> Optimizer:
    """Optimizer by name, with the defaults of the literature and its parameter groups made.

    Args:
        name: A name of `names()`, or the dotted name of any optimizer class ("torch.optim.Adagrad",
            "pytorch_optimizer.Lion"), whose own defaults then hold.
        model: A module; or tensors or (name, tensor) pairs. Frozen parameters are left out.
        lr: Learning rate, >= 0; by default the one of the optimizer's page.
        groups: Pattern of parameter names -> settings, for example {"backbone.*": {"lr": 1e-5}}. What no
            pattern fits keeps the settings given here.
        decay_all: Lets weight decay act on biases, gains of norms, vectors and scalars too. By default it
            spares them, unless a pattern that fits nothing else gives them a decay.
        layer_decay: Factor in (0, 1] on the learning rate for each layer further from the output. A rate
            that a pattern gives stands as given.
        layers: Patterns from input to output that say what a layer is; by default read off the names.
        options: Settings of the optimizer's class, for example betas or weight_decay.

    Returns:
        The torch optimizer; each group carries "param_names". `describe` prints who gets what.

    Raises:
        SettingError: An unknown name, option or pattern, a number out of range, nothing to train.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
        >>> made = optimizer("adamw", model, groups={"2.*": {"lr": 1e-2}})
        >>> for group in made.param_groups:
        ...     print(group["param_names"], group["lr"], group["weight_decay"])
        ['0.weight'] 0.0003 0.01
        ['0.bias'] 0.0003 0.0
        ['2.weight'] 0.01 0.01
        ['2.bias'] 0.01 0.0
    """
    model = model if isinstance(model, nn.Module) else list(model)  # type: ignore[assignment]
    parameters = trainable(model)
    frozen = [parameter for parameter in every(model) if not parameter.tensor.requires_grad]
    patterns = dict(groups or {})
    if "." in name:
        cls, settings = load_class(name), {}
    else:
        named = named_optimizer(name)
        cls, settings = load_class(named.target), dict(named.defaults)
    check_options(name, cls, options, patterns)
    settings.update(options)
    if lr is not None:
        settings["lr"] = lr
    _check_rates(settings, patterns)

    chosen: dict[str, Settings] = {parameter.name: {} for parameter in parameters}
    if settings.get("algorithm") == "muon":
        _leave_to_adamw(parameters, chosen, settings)
    if layer_decay is not None:
        base = settings["lr"] if "lr" in settings else default_of(name, cls, "lr")
        for parameter, factor in layer_factors(parameters, layer_decay, layers).items():
            chosen[parameter]["lr"] = chosen[parameter].get("lr", base) * factor
    elif layers is not None:
        raise SettingError(
            "layers is given without layer_decay, which says how fast rates fall: give both or neither."
        )
    matched = by_pattern(parameters, patterns, frozen)
    for parameter, pattern in matched.items():
        chosen[parameter].update(patterns[pattern])
    decays = settings.get("weight_decay", default_of(name, cls, "weight_decay", needed=False))
    if not decay_all and (decays or any(given.get("weight_decay") for given in patterns.values())):
        _spare(parameters, chosen, matched, patterns)
    return _construct(name, cls, gathered(parameters, chosen), settings)


def _leave_to_adamw(
    parameters: Sequence[NamedParameter], chosen: dict[str, Settings], settings: Settings
) -> None:
    hidden = hidden_matrices(parameters)
    for parameter in parameters:
        if parameter.name not in hidden:
            chosen[parameter.name].update({"algorithm": "adamw", "lr": settings["adamw_lr"]})


def _spare(
    parameters: Sequence[NamedParameter],
    chosen: dict[str, Settings],
    matched: Mapping[str, str],
    patterns: Mapping[str, Mapping[str, Any]],
) -> None:
    spared = without_decay(parameters)
    # A pattern that fits nothing but spared parameters means the decay that it gives.
    mixed = {pattern for parameter, pattern in matched.items() if parameter not in spared}
    for parameter, setting in spared.items():
        pattern = matched.get(parameter)
        if pattern is None or pattern in mixed or "weight_decay" not in patterns[pattern]:
            chosen[parameter].update(setting)


def _construct(name: str, cls: type[Optimizer], groups: list[Settings], settings: Settings) -> Optimizer:
    names = [group.pop("param_names") for group in groups]
    try:
        made = cls(groups, **settings)
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        raise SettingError(f"The optimizer {name!r} refuses its settings: {error}.") from error
    # Given afterwards because not every class takes named parameters.
    for group, group_names in zip(made.param_groups, names, strict=True):
        group["param_names"] = group_names
    return made


def _check_rates(settings: Settings, patterns: Mapping[str, Mapping[str, Any]]) -> None:
    rates = [("lr", settings.get("lr"))]
    rates += [(f"lr of the group {pattern!r}", given.get("lr")) for pattern, given in patterns.items()]
    for what, rate in rates:
        if rate is not None and not (isinstance(rate, int | float) and rate >= 0 and math.isfinite(rate)):
            raise SettingError(f"{what} is {rate!r}: give a number that is zero or positive.")
