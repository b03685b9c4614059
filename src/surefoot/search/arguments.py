"""Arguments of a script that are varied: "--hidden {64,128}"."""

from __future__ import annotations

import re
import shlex

from surefoot.errors import SettingError
from surefoot.search.axes import Axis, parts

_BRACES = re.compile(r"\{([^{}]*)\}")


def argument_axis(text: str) -> Axis:
    """The axis of one `--arg`; its name is the text up to the braces.

    Raises:
        SettingError: It has no braces, several, or nothing in them.

    Example:
        >>> argument_axis("--hidden {64,128}")
        Axis(name='--hidden', values=('64', '128'), low=None, high=None, log=True)
        >>> argument_axis("optimizer.lr={0.1,0.01}").name
        'optimizer.lr='
    """
    found = _BRACES.findall(text)
    if len(found) != 1:
        raise SettingError(
            f"--arg {text!r} needs what is to vary in one pair of braces: --arg '--hidden {{64,128}}'; "
            "give several options a --arg each."
        )
    values = tuple(parts(found[0]))
    if len(set(values)) < max(2, len(values)):
        raise SettingError(f"--arg {text!r} needs two or more different values in its braces.")
    before, after = text.split("{", 1)[0], text.split("}", 1)[1]
    if after.strip():
        raise SettingError(f"--arg {text!r}: the braces come last; give the other arguments after --.")
    name = before.strip()
    try:
        shlex.split(name)
    except ValueError as error:
        raise SettingError(f"--arg {text!r} cannot be read: {error}.") from None
    if not name:
        raise SettingError(f"--arg {text!r} names no argument: --arg '--hidden {{64,128}}'.")
    return Axis(name, values)


def words(name: str, value: str) -> list[str]:
    """What the script is given for one value.

    Example:
        >>> words("--hidden", "64"), words("--hidden=", "64"), words("train --width", "8")
        (['--hidden', '64'], ['--hidden=64'], ['train', '--width', '8'])
    """
    if name.endswith("="):
        *before, last = shlex.split(name[:-1])
        return [*before, f"{last}={value}"]
    return [*shlex.split(name), value]
