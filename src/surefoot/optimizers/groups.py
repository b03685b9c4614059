"""Parameter groups: who gets which settings, by pattern, by kind and by layer."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from surefoot.errors import SettingError
from surefoot.optimizers.parameters import NamedParameter, is_bias_or_norm

Settings = dict[str, Any]


def by_pattern(
    parameters: Sequence[NamedParameter],
    patterns: Iterable[str],
    frozen: Sequence[NamedParameter] = (),
) -> dict[str, str]:
    """Which pattern each parameter fits.

    Args:
        parameters: Those to be trained.
        patterns: Shell-style, for example "backbone.*".
        frozen: Those that require no gradient; only to explain a pattern that fits nothing else.

    Returns:
        Parameter name -> pattern; parameters that no pattern fits are left out.

    Raises:
        SettingError: A pattern fits nothing, or two fit the same parameter.
    """
    taken: dict[str, str] = {}
    for pattern in patterns:
        fits = [p for p in parameters if _fits(p, pattern)]
        if not fits:
            raise SettingError(_nothing_fits(pattern, parameters, frozen))
        for parameter in fits:
            if parameter.name in taken:
                raise SettingError(
                    f"The parameter {parameter.name!r} fits both {taken[parameter.name]!r} and {pattern!r}: "
                    "make the patterns exclude each other."
                )
            taken[parameter.name] = pattern
    return taken


def without_decay(parameters: Sequence[NamedParameter]) -> dict[str, Settings]:
    """Settings that keep weight decay off biases, gains and every other vector or scalar.

    Source: Goyal et al. 2017, arXiv:1706.02677, section 5.1; He et al. 2019, arXiv:1812.01187, section 3.1.
    """
    return {p.name: {"weight_decay": 0.0} for p in parameters if is_bias_or_norm(p)}


def gathered(parameters: Sequence[NamedParameter], settings: Mapping[str, Settings]) -> list[Settings]:
    """torch parameter groups: parameters of equal settings together, in order of first sight.

    Args:
        parameters: Those to be trained.
        settings: Parameter name -> what differs from the optimizer's own settings.

    Returns:
        Groups with "params", "param_names" and the settings.
    """
    found: list[tuple[Settings, Settings]] = []
    for parameter in parameters:
        wanted = settings.get(parameter.name, {})
        group = next((g for given, g in found if given == wanted), None)
        if group is None:
            group = {"params": [], "param_names": [], **wanted}
            found.append((wanted, group))
        group["params"].append(parameter.tensor)
        group["param_names"].append(parameter.name)
    return [group for _, group in found]


def _fits(parameter: NamedParameter, pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in parameter.names)


def _nothing_fits(
    pattern: str, parameters: Sequence[NamedParameter], frozen: Sequence[NamedParameter]
) -> str:
    still = [p.name for p in frozen if _fits(p, pattern)]
    if still:
        return f"The pattern {pattern!r} fits only frozen parameters ({still[0]!r}): unfreeze or remove it."
    names = [name for p in parameters for name in p.names]
    prefixes = {".".join(n.split(".")[:depth]) + ".*" for n in names for depth in range(1, n.count(".") + 1)}
    near = difflib.get_close_matches(pattern, sorted(prefixes) + names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"the names look like {', '.join(map(repr, names[:3]))}."
    return f"The pattern {pattern!r} fits no parameter: {hint}"
