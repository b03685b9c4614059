"""One sentence where a recorded run holds what its readers and judges did not expect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from surefoot.errors import DamagedRun, SurefootError


@contextmanager
def answering(run: object) -> Iterator[None]:
    """Within it a run from a file is judged and shown, whose facts and evidence are any JSON values.

    Args:
        run: Its folder.

    Raises:
        DamagedRun: Something stumbled over its contents.
    """
    try:
        yield
    except (SurefootError, OSError):
        raise
    except Exception as error:
        raise DamagedRun(
            f"{run} cannot be shown: it is damaged, or surefoot has a fault here ({type(error).__name__}: {error})."
        ) from error
