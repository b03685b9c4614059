"""`sf.sweep(…)`: the door to a sweep from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from surefoot.capture.script import Target
from surefoot.errors import SettingError
from surefoot.search.arguments import argument_axis
from surefoot.search.axes import Axis, Given, axis
from surefoot.search.engine import Plan, sweep_script
from surefoot.search.optuna_study import Studying
from surefoot.search.records import Sweep
from surefoot.store.folders import DEFAULT_RUNS

if TYPE_CHECKING:
    from torch import nn

    from surefoot.training.task import Loss

_MODEL_STEPS = 200


def sweep(
    what: str | Path | nn.Module,
    loss: Loss | None = None,
    data: Any = None,
    *,
    arguments: Iterable[str] = (),
    lr: Given = None,
    optimizer: Given = None,
    schedule: Given = None,
    clip: Given = None,
    momentum: Given = None,
    weight_decay: Given = None,
    vary: Mapping[str, Iterable[Any]] | None = None,
    seeds: int = 1,
    random: int | None = None,
    steps: int | None = None,
    batch_size: int | Literal["full"] | None = None,
    validate: Any = None,
    together: bool | None = None,
    jobs: int | None = None,
    halving: bool = False,
    optuna: int | None = None,
    sampler: str = "tpe",
    pruner: str = "none",
    ray: str | None = None,
    runs: str | Path = DEFAULT_RUNS,
    name: str | None = None,
    tell: Callable[[str], None] = lambda said: None,
) -> Sweep:
    """Train a script, or a model, under every setting, from several seeds: what to use, and is it more than chance?

    A script runs unchanged, each training in a process of its own. Trainings of a model run at once where a timed probe
    says that it pays.

    Each setting takes a value, a list, or text: "0.1,0.01", "1e-4:1:log7" (seven in equal factors), "1e-4:1:log" (a
    range to draw from).

    Args:
        what: The training script, or a model (copied).
        loss: Of a model, as `fit` takes it.
        data: Of a model, as `fit` takes it.
        arguments: The script's own.
        lr: Rates of its first parameter group; the others keep their proportion to it, and its schedule goes on.
        optimizer: Names of `surefoot.optimizers`, or dotted names of classes, over the script's own groups.
        schedule: Expressions of `surefoot.schedules`, in the place of the script's own.
        clip: "none", "autoclip", "autoclip:25", or greatest gradient norms.
        momentum: Momentum, or the first beta.
        weight_decay: Of the groups that have one.
        vary: Arguments of the script, each with its values: {"--hidden": [64, 128]}.
        seeds: Of each setting; the first is the script's own.
        random: Draw so many settings instead of all.
        steps: Stop each training after so many; by default at the script's own end, for a model 200.
        batch_size: Of a model's batches, as `fit` takes it.
        validate: A batch of held-out data by which a model's trainings are ranked.
        together: Whether a model's trainings run at once; None: where it pays.
        jobs: Trainings at once; by default one a processor.
        halving: Stop the hopeless at 1/9 and 1/3 of a training: the best third goes on.
        optuna: Let Optuna propose so many settings, from values and ranges.
        sampler: Optuna's: "tpe", "gp", "cmaes", "qmc" or "random".
        pruner: Optuna's: "none", "halving", "hyperband" or "median".
        ray: Address of a Ray cluster whose machines train; they have the script at the same path.
        runs: Folder of all runs.
        name: Of the sweep's folder in it; by default of the script.
        tell: Told of each training that has ended.

    Returns:
        The sweep; printed, it is its verdict. `best` has the values, `draw("sweep.html")` the figures.

    Raises:
        SettingError: A setting that can't be.
        ScriptError: The script can't be run, or fails, or has nothing that could be driven.
        NothingTrained: It trains nothing.

    Effects: runs the script once for each setting and seed, each in a process of its own, with whatever it writes; a
        sweep of the same script that is there goes on.

    Example:
        >>> import torch
        >>> x = torch.linspace(-1, 1, 32).unsqueeze(1)
        >>> model, loss = torch.nn.Linear(1, 1), torch.nn.MSELoss()
        >>> found = sweep(model, loss, (x, 2 * x), lr=[1e-4, 0.1], steps=20, together=False)
        >>> found.best
        {'lr': 0.1}
    """
    axes = axes_of(
        lr=lr, optimizer=optimizer, schedule=schedule, clip=clip, momentum=momentum, weight_decay=weight_decay
    )
    axes += [_varied(key, values) for key, values in (vary or {}).items()]
    if not isinstance(what, str | Path):
        others = {
            "random": random,
            "halving": halving,
            "optuna": optuna,
            "arguments": arguments,
            "jobs": jobs,
        }
        return _of_model(what, loss, data, axes, seeds, steps, batch_size, validate, together, others)
    plan = Plan(tuple(axes), seeds, random, steps, jobs, halving, studying(optuna, sampler, pruner), ray)
    return sweep_script(Target(str(what), tuple(arguments)), plan, Path(runs).absolute(), name, tell=tell)


def _of_model(
    model: Any,
    loss: Loss | None,
    data: Any,
    axes: list[Axis],
    seeds: int,
    steps: int | None,
    batch_size: int | Literal["full"] | None,
    validate: Any,
    together: bool | None,
    others: Mapping[str, Any],
) -> Sweep:
    from surefoot.search.model import ModelPlan, sweep_model

    given = next((name for name, value in others.items() if value), None)
    if given is not None:
        raise SettingError(f"{given} is for scripts: a model's sweep trains all of its grid in this process.")
    if data is None:
        raise SettingError("a model needs data to train on: sf.sweep(model, loss, data, lr=…).")
    plan = ModelPlan(
        model, loss, data, _MODEL_STEPS if steps is None else steps, batch_size, validate, together
    )
    return sweep_model(plan, tuple(axes), seeds)


def axes_of(arguments: Iterable[str] = (), **given: Given) -> list[Axis]:
    """The axes of what was given.

    Args:
        arguments: Each as `--arg` takes it.
        given: Of each setting.

    Raises:
        SettingError: One that can't be, or one twice.
    """
    found = [axis(name.replace("_", "-"), values) for name, values in given.items()]
    made = [*(each for each in found if each is not None), *map(argument_axis, arguments)]
    names = [each.name for each in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingError(f"{twice} is varied twice: give all its values at once.")
    return made


def studying(trials: int | None, sampler: str, pruner: str) -> Studying | None:
    """How Optuna is to search; None where it is not asked to.

    Raises:
        SettingError: Its settings without it, or ones that it hasn't.
        MissingExtra: It isn't installed.
    """
    if trials is None:
        if (sampler, pruner) != ("tpe", "none"):
            raise SettingError(
                "sampler and pruner are Optuna's: say how many settings it tries, --optuna 30."
            )
        return None
    how = Studying(trials, sampler, pruner)
    how.check()
    return how


def _varied(name: str, values: Iterable[Any]) -> Axis:
    listed = tuple(str(value) for value in values)
    if len(set(listed)) < max(1, len(listed)):
        raise SettingError(f"{name} has a value twice, or none: give each once.")
    return Axis(name, listed)
