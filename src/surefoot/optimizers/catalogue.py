"""Every named optimizer, and the way from a name to a class. torch loads only where a class is asked for."""

from __future__ import annotations

import difflib
import importlib
from types import ModuleType
from typing import TYPE_CHECKING, cast

from surefoot.errors import SettingError
from surefoot.optimizers.adam import ADAM
from surefoot.optimizers.adamw import ADAMW
from surefoot.optimizers.gd import GD
from surefoot.optimizers.lbfgs import LBFGS
from surefoot.optimizers.momentum import MOMENTUM
from surefoot.optimizers.muon import MUON
from surefoot.optimizers.named import NamedOptimizer
from surefoot.optimizers.nesterov import NESTEROV
from surefoot.optimizers.rmsprop import RMSPROP
from surefoot.optimizers.sgd import SGD

if TYPE_CHECKING:
    from torch.optim import Optimizer

CATALOGUE: dict[str, NamedOptimizer] = {
    named.name: named for named in (GD, SGD, MOMENTUM, NESTEROV, RMSPROP, ADAM, ADAMW, MUON, LBFGS)
}


def names() -> tuple[str, ...]:
    """Short names of the optimizers that have a page, simplest first.

    Example:
        >>> names()
        ('gd', 'sgd', 'momentum', 'nesterov', 'rmsprop', 'adam', 'adamw', 'muon', 'lbfgs')
    """
    return tuple(CATALOGUE)


def page(name: str) -> str:
    """Text of a named optimizer's page: equation, numbers, when to choose it, source.

    Raises:
        SettingError: There is no optimizer of that name.

    Example:
        >>> print(page("gd").splitlines()[0])
        gd: gradient descent, the plain thing.
    """
    return named_optimizer(name).text


def named_optimizer(name: str) -> NamedOptimizer:
    """Entry of the catalogue.

    Raises:
        SettingError: There is no optimizer of that name; the message has the nearest.
    """
    found = CATALOGUE.get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), CATALOGUE, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(CATALOGUE)}."
        raise SettingError(
            f"There is no optimizer named {name!r} (any class goes by its dotted name, such as "
            f"'torch.optim.Adagrad'): {hint}"
        )
    return found


def load_class(dotted: str) -> type[Optimizer]:
    """Optimizer class of a dotted name.

    Args:
        dotted: For example "torch.optim.Adagrad" or "pytorch_optimizer.Lion".

    Raises:
        SettingError: The package is missing, has no such name, or the name is no optimizer.
    """
    module_name, _, class_name = dotted.rpartition(".")
    try:
        module: ModuleType = importlib.import_module(module_name)
    except ImportError as error:
        package = module_name.partition(".")[0]
        raise SettingError(
            f"The optimizer {dotted!r} cannot be loaded ({error}): install {package!r} or correct the name."
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        offers = [n for n, value in vars(module).items() if _is_optimizer(value)]
        near = difflib.get_close_matches(class_name, offers, n=1, cutoff=0.4)
        hint = f"did you mean '{module_name}.{near[0]}'?" if near else "correct the name."
        raise SettingError(f"{module_name!r} has no {class_name!r}: {hint}")
    if not _is_optimizer(found):
        raise SettingError(f"{dotted!r} is not a subclass of torch.optim.Optimizer: name an optimizer class.")
    return cast("type[Optimizer]", found)


def _is_optimizer(value: object) -> bool:
    from torch.optim import Optimizer

    return isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer
