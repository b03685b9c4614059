"""Which line of a program made an operation of an autograd graph: PyTorch's anomaly mode keeps it, where asked to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_FRAME = re.compile(r'File "(.+)", line (\d+)')
_NOT_THE_USERS = (os.path.dirname(torch.__file__), os.path.dirname(os.path.dirname(__file__)))


class LinesKept:
    """Has each operation remember the line that makes it, from `begin` to `end`; nothing is checked for NaN."""

    def __init__(self) -> None:
        self._before: tuple[bool, bool] | None = None

    def begin(self) -> None:
        """From now on; once more does nothing."""
        if self._before is None:
            self._before = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
            torch.set_anomaly_enabled(True, False)

    def end(self) -> None:
        """As it was before."""
        if self._before is not None:
            torch.set_anomaly_enabled(*self._before)
            self._before = None


@contextmanager
def lines_kept() -> Iterator[None]:
    """Operations made within remember their lines."""
    kept = LinesKept()
    kept.begin()
    try:
        yield
    finally:
        kept.end()


def line_of(node: Any) -> str:
    """The innermost line outside of PyTorch and surefoot that made a node, as "model.py:12"; "" if none was kept."""
    for frame in reversed(node.metadata.get("traceback_", ())):
        for path, line in reversed(_FRAME.findall(frame)):
            if not path.startswith(_NOT_THE_USERS) and not path.startswith("<"):
                return f"{os.path.basename(path)}:{line}"
    return ""
