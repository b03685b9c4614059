"""What `surefoot run` and `surefoot check` were asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.capture.script import Target


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Options of `run` and `check`; each field is the option of that name."""

    target: Target | None
    steps: int | None = None
    every: int | None = None
    autoclip: float | None = None
    max_norm: float | None = None
    runs: str = "surefoot-runs"
    name: str | None = None
    report: str | None = None
    json: str | None = None
    ignore: tuple[str, ...] = ()
    on_finding: tuple[str, ...] = ()
    quiet: bool = False
    check: bool = False
    format: str = "text"
