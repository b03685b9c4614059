"""Where surefoot's own options end and the script's command line begins."""

from __future__ import annotations

from collections.abc import Mapping

from surefoot.capture.script import Target


def split(
    arguments: list[str], takes_value: Mapping[str, bool], optional: Mapping[str, str]
) -> tuple[list[str], Target | None]:
    """Separate `--steps 5 train.py --lr 1` into surefoot's part and the script's.

    Args:
        arguments: What follows the command.
        takes_value: Surefoot's options, each with whether a value follows it.
        optional: Options whose value, a number, may be left out, each with the value meant then.

    Returns:
        Surefoot's own arguments, and the script or module; None where none was named.

    Example:
        >>> own, target = split(["--autoclip", "train.py", "--lr", "1"], {"--autoclip": True}, {"--autoclip": "10"})
        >>> own, target.name, target.arguments
        (['--autoclip', '10'], 'train.py', ('--lr', '1'))
    """
    own: list[str] = []
    position = 0
    while position < len(arguments):
        word = arguments[position]
        following = arguments[position + 1] if position + 1 < len(arguments) else None
        if word == "-m":
            if following is None:
                own.append(word)
                break
            return own, Target(following, tuple(arguments[position + 2 :]), is_module=True)
        if word == "--":
            rest = arguments[position + 1 :]
            return own, (Target(rest[0], tuple(rest[1:])) if rest else None)
        if not word.startswith("-") or word == "-":
            return own, Target(word, tuple(arguments[position + 1 :]))
        own.append(word)
        position += 1
        if "=" in word or not takes_value.get(word, False):
            continue
        if word in optional and not _is_number(following):
            own.append(optional[word])
        elif following is not None:
            own.append(following)
            position += 1
    return own, None


def split_mixed(arguments: list[str], takes_value: Mapping[str, bool]) -> tuple[list[str], Target | None]:
    """Separate `train.py --lr 0.1,0.01 --epochs 3` where surefoot's options may stand after the script, too.

    Args:
        arguments: What follows the command.
        takes_value: Surefoot's options, each with whether a value follows it.

    Returns:
        Surefoot's own arguments, and the script with all that is not surefoot's; after `--` everything is the script's.

    Example:
        >>> own, target = split_mixed(["train.py", "--lr", "0.1,0.01", "--epochs", "3"], {"--lr": True})
        >>> own, target.name, target.arguments
        (['--lr', '0.1,0.01'], 'train.py', ('--epochs', '3'))
    """
    own, target = split(arguments, takes_value, {})
    if target is None:
        return own, None
    rest, words = [], list(target.arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        if word.partition("=")[0] not in takes_value:
            rest.append(word)
            continue
        own.append(word)
        if takes_value[word.partition("=")[0]] and "=" not in word and words:
            own.append(words.pop(0))
    return own, Target(target.name, tuple(rest), target.is_module)


def _is_number(word: str | None) -> bool:
    try:
        float(word or "")
    except ValueError:
        return False
    return True
