"""One training at a time in a folder of checkpoints."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from types import TracebackType

from surefoot.errors import CheckpointError

try:
    import fcntl
except ImportError:  # on Windows folders cannot be opened, and so not locked
    fcntl = None  # type: ignore[assignment]


class CheckpointLock:
    """Held while a training writes its checkpoints; it leaves no file, and ends with the process however that ends.

    Args:
        folder: Made if missing; None locks nothing.

    Raises:
        CheckpointError: Another training holds it (on entering).
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._handle: int | None = None

    def __enter__(self) -> None:
        if self._folder is None or fcntl is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder, os.O_RDONLY)
        except OSError:
            return  # whoever writes there says what is wrong
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise CheckpointError(
                f"Another training is writing its checkpoints into {self._folder}: wait for its end, or name another "
                "folder."
            ) from None
        except OSError:  # some file systems have no locks
            os.close(handle)
            return
        self._handle = handle
        _held.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go; in a forked child the parent's lock stays."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


_held: weakref.WeakSet[CheckpointLock] = weakref.WeakSet()


def _let_go_in_child() -> None:
    # A worker that outlives a killed training must not hold its folder.
    for lock in list(_held):
        lock.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
