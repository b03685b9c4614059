"""One script run twice, by Python and by `surefoot run`, to be held against each other."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "COLUMNS": "200"}
SUREFOOT = [sys.executable, "-m", "surefoot"]


@dataclass(frozen=True)
class Ended:
    """What a process left: everything that somebody outside can see."""

    stdout: bytes
    stderr: bytes
    code: int

    @property
    def said(self) -> str:
        return self.stderr.decode()


def process(command: list[str], folder: Path, stdin: bytes = b"", **more: str) -> Ended:
    """Run a command in `folder` to its end."""
    done = subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        capture_output=True,
        timeout=300,
        env={**ENVIRONMENT, **more},
        check=False,
    )
    return Ended(done.stdout, done.stderr, done.returncode)


def plainly(folder: Path, *target: str, stdin: bytes = b"") -> Ended:
    """`python script …`, or `python -m module …`."""
    return process([sys.executable, *target], folder, stdin)


def observed(
    folder: Path, *target: str, options: tuple[str, ...] = ("--quiet",), stdin: bytes = b""
) -> Ended:
    """`surefoot run … script …`."""
    return process([*SUREFOOT, "run", *options, *target], folder, stdin)


def assert_twins(folder: Path, *target: str, stdin: bytes = b"") -> Ended:
    """Both must be the same to the byte; returns the plain one."""
    plain = plainly(folder, *target, stdin=stdin)
    seen = observed(folder, *target, stdin=stdin)
    assert seen.stdout.decode() == plain.stdout.decode()
    assert seen.said == plain.said
    assert seen == plain
    return plain
