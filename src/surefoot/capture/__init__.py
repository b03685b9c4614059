"""Observing a training: hooks, structural facts, sampling, recording, and running somebody's script under it.

`attach` is the only door to PyTorch's hooks; `observer` turns events into rows and facts; `recorder` writes
them. The script
runner (`script`, `imports`, `tracebacks`) needs no torch: a script may set threads or devices before it
imports torch itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.capture.observation import Observation, watch

__all__ = ["Observation", "watch"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from surefoot.capture import observation

        return getattr(observation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
