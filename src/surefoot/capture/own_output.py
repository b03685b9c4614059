"""All that a process writes, into a file of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def to_log(path: Path) -> None:
    """Send stdout and stderr of this process, and of those that it starts, to a file."""
    with open(path, "wb") as log:
        for number in (1, 2):
            os.dup2(log.fileno(), number)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = os.fdopen(number, "w", 1, "utf-8", "replace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
