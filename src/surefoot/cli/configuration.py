"""Settings of the project that is being trained: `[tool.surefoot]` in its pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

from surefoot.errors import SettingError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KNOWN = ("ignore",)


def ignored_codes(start: Path) -> tuple[str, ...]:
    """Codes of findings that a project does not want.

    Args:
        start: Folder from which the nearest pyproject.toml is looked for, upwards.

    Returns:
        `ignore` of its `[tool.surefoot]`; empty where there is none.

    Raises:
        SettingError: The file cannot be parsed, or the table holds something else than a list of codes.
    """
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            return _read(file)
    return ()


def _read(file: Path) -> tuple[str, ...]:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {}).get("surefoot", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{file} cannot be read: {error}.") from None
    except OSError as error:
        raise SettingError(f"{file} cannot be read: {error.strerror}.") from None
    for key in table:
        if key not in _KNOWN:
            raise SettingError(f"{file}: [tool.surefoot] has no setting {key!r}; it has {', '.join(_KNOWN)}.")
    codes = table.get("ignore", [])
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise SettingError(
            f'{file}: [tool.surefoot] ignore must be a list of codes, such as ["overfitting"].'
        )
    return tuple(codes)


def all_ignored(options: tuple[str, ...]) -> tuple[str, ...]:
    """Codes not to report, from the options and from the project; each must be a rule's.

    Raises:
        UnknownRule: One is not.
        SettingError: As `ignored_codes`.
    """
    try:
        codes = (*options, *ignored_codes(Path.cwd()))
    except FileNotFoundError:  # the working folder is gone, and with it the project
        codes = options
    if codes:
        from surefoot.rules import get_rule

        for code in codes:
            get_rule(code)
    return codes
