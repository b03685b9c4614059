"""What to run next: the script with the rate, where it takes one, else the line that is to be changed."""

from __future__ import annotations

import re
import shlex

from surefoot.capture.script import Target

_OPTION = r"--?(?:[\w.-]*[._-])?(?:lr|learning[-_]?rate)"
_SPLIT = re.compile(rf"^(?:{_OPTION})$")  # --lr 0.1
_JOINED = re.compile(
    rf"^((?:{_OPTION}|(?:[\w.]+\.)?(?:lr|learning_rate))=)\S+$"
)  # --lr=0.1, or Hydra's optimizer.lr=0.1
_DECLARED = re.compile(r"""["'](--(?:lr|learning[-_]?rate))["']""")  # in a parser


def written(rate: float) -> str:
    """A rate as one types it.

    Example:
        >>> written(0.0174752), written(3.2e-05)
        ('0.017', '3.2e-05')
    """
    return f"{rate:.2g}"


def next_command(target: Target, source: str, rate: float, created: str | None) -> str:
    """The command, or what to change before it.

    Args:
        target: The script as it was run.
        source: Its text.
        rate: To be set.
        created: Where its optimizer is made.

    Example:
        >>> next_command(Target("train.py", ("--lr", "0.1")), "", 0.017, None)
        'surefoot run train.py --lr 0.017'
        >>> next_command(Target("train.py"), "", 0.017, "train.py:30")
        'set lr=0.017 at train.py:30, then: surefoot run train.py'
    """
    arguments, given = _with(target.arguments, rate)
    declared = _DECLARED.search(source)
    if not given and declared is not None:
        arguments, given = [*target.arguments, declared.group(1), written(rate)], True
    module = ("-m",) if target.is_module else ()
    command = f"surefoot run {shlex.join((*module, target.name, *arguments))}"
    if given:
        return command
    return f"set lr={written(rate)} at {created or 'the optimizer'}, then: {command}"


def _with(arguments: tuple[str, ...], rate: float) -> tuple[list[str], bool]:
    """The arguments with the rate in the place of the one they give."""
    changed, given = list(arguments), False
    for place, word in enumerate(arguments):
        joined = _JOINED.match(word)
        if joined is not None:
            changed[place], given = f"{joined.group(1)}{written(rate)}", True
        elif _SPLIT.match(word) and place + 1 < len(arguments):
            changed[place + 1], given = written(rate), True
    return changed, given
