"""Scripts run in this very process, which is then as it was: quick where a process of its own is not the point."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def restored() -> Iterator[None]:
    """Put back what a script changes of the interpreter: its main module, arguments, search path, folder."""
    main, argv, path, folder = sys.modules["__main__"], sys.argv[:], sys.path[:], os.getcwd()
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        sys.argv[:], sys.path[:] = argv, path
        os.chdir(folder)
