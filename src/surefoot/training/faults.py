"""What a user's own code raised, in one sentence with its place."""

from __future__ import annotations

import traceback
from pathlib import Path

_OWN = str(Path(__file__).parents[1])


def described(error: BaseException) -> str:
    """Kind, message and place of an error.

    The place is the innermost line that is neither installed nor surefoot's: there the user can mend it.

    Example:
        >>> described(ValueError("too long"))
        'ValueError: too long'
    """
    said = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": .")
    if isinstance(error, SyntaxError) and error.filename:
        return said  # its message names file and line
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _of_user(frame.filename)]
    return f"{said} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else said


def _of_user(file: str) -> bool:
    installed = "site-packages" in file or "dist-packages" in file or file.startswith((_OWN, "<"))
    return not installed and not Path(file).is_relative_to(_STANDARD)


_STANDARD = Path(traceback.__file__).parent
