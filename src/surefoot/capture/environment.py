"""What a run depended on: versions, device, command line, commit; read once."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from typing import Any

import torch

from surefoot.interrupts import pass_on
from surefoot.version import __version__

_LIBRARIES = ("numpy", "lightning", "pytorch-lightning", "transformers", "accelerate")


def environment() -> dict[str, Any]:
    """Versions, device, threads, commit and rank; JSON values."""
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "surefoot": __version__,
        "threads": torch.get_num_threads(),
        "device": _device(),
    }
    try:
        found["working_directory"] = os.getcwd()
    except FileNotFoundError:
        pass  # it was deleted; a script may run on without it
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    commit = _commit()
    if commit is not None:
        found["commit"] = commit
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        if name in os.environ:
            found[name.lower()] = os.environ[name]
    return found


def seeds() -> dict[str, int]:
    """The seed that PyTorch's generator has now; reading it draws nothing."""
    return {"torch": torch.initial_seed()}


def command_line() -> str:
    """The command as it was typed, as far as the process knows."""
    import shlex

    return shlex.join(sys.orig_argv)


def _device() -> str:
    for backend in ("cuda", "xpu", "mps"):
        module = getattr(torch, backend, None)
        if module is not None and module.is_available():
            # The name alone: asking for more could create a context on the device.
            return backend
    return "cpu"


def _commit() -> str | None:
    try:
        result = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=2,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pass_on(error)
        return None
    return result.stdout.strip() or None if result.returncode == 0 else None
