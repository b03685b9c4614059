"""A process that an observed script has started: observed from the first sign of a training on."""

from __future__ import annotations

import atexit
import importlib.machinery
import os
import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.capture import own_imports
from surefoot.capture.children.invitation import Invitation, invited
from surefoot.capture.children.signs import FirstSign
from surefoot.capture.imports import after_import
from surefoot.interrupts import pass_on
from surefoot.records import Run, Status

if TYPE_CHECKING:
    from surefoot.capture.observation import Observation


class _Here:
    """What this process knows of its part."""

    invitation: Invitation | None = None
    observation: Observation | None = None
    owner: int = 0  # whose the observation is
    sign: FirstSign | None = None


_kept: list[Observation] = []  # of the process that this one was forked from: its file is not ours to close


def torch_is_looked_for(
    found_before: list[str], loaded: Collection[str]
) -> importlib.machinery.ModuleSpec | None:
    """Where torch is, to be imported with the observation after it; for `sitecustomize`.

    Args:
        found_before: `sys.path` before the script's folder was put there.
        loaded: Names of the modules that were loaded then.
    """
    _Here.invitation = invited()
    if _Here.invitation is None:
        return None
    own_imports.begin(sys.path[0] if sys.path else "", found_before, loaded)
    after_import("torch", torch_imported)
    return sys.meta_path[0].find_spec("torch", None)


def arrive(text: str) -> None:
    """This process was started by multiprocessing, and may have no word in its environment."""
    if _Here.invitation is not None or any(hasattr(finder, "surefoot_waits") for finder in sys.meta_path):
        return
    _Here.invitation = invited(text)
    if _Here.invitation is not None:
        after_import("torch", torch_imported)


def invite(invitation: Invitation, observation: Observation | None) -> None:
    """This process is the script's own; what it forks takes part."""
    _Here.invitation, _Here.observation, _Here.owner = invitation, observation, os.getpid()


def torch_imported() -> None:
    """From now on a training may begin."""
    if _Here.sign is None:
        _Here.sign = FirstSign(_begin)
        _Here.sign.wait()


def leave() -> None:
    """The invitation ends: what is forked from here on is not observed."""
    _Here.invitation = None


def _forked() -> None:
    """Runs in every forked child: it has hooks of its parent, which record nothing here."""
    if _Here.invitation is None:
        return
    if _Here.observation is not None:
        _kept.append(_Here.observation)
        _Here.observation = None
        _Here.sign = None
    if "torch" in sys.modules:
        torch_imported()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _begin() -> None:
    try:
        with own_imports.own_imports():
            _observe()
    except Exception as error:  # the script must run whatever happens to us
        pass_on(error)
        from surefoot.capture.recorder import warn_on_stderr

        warn_on_stderr(f"process {os.getpid()} runs unobserved: {type(error).__name__}: {error}")


def _observe() -> None:
    from surefoot.capture.observation import Observation, begin_run, source_of

    invitation = _Here.invitation
    assert invitation is not None
    for left in _kept:
        left.attachment.detach()
    script = getattr(sys.modules.get("__main__"), "__file__", None) or sys.argv[0] or "interactive"
    observation = Observation(
        begin_run(script, sys.argv[1:], source_of(script)),
        runs=Path(invitation.runs),
        late=lambda run: _placed(invitation, run),
        every=invitation.every,
        thorough=invitation.thorough,
        limit=invitation.limit,
        make_clipper=invitation.make_clipper,
        ignore=invitation.ignore,
    )
    observation.begin()
    _Here.observation, _Here.owner = observation, os.getpid()
    _end_with_the_process()


def _placed(invitation: Invitation, run: Run) -> tuple[Path, Run, str]:
    """Folder, record and name, as they are when it trains: its rank may be known no sooner."""
    from surefoot.capture.rank import rank_here
    from surefoot.store.groups import PROCESSES, group_folder

    folder = invitation.folder
    group = Path(folder) if folder else group_folder(Path(invitation.runs), invitation.base, invitation.key)
    place = rank_here()
    if place is None:
        return group / PROCESSES, run, "process"
    rank, world = place
    environment = {**run.environment, "rank": str(rank), "world_size": str(world)}
    return group / PROCESSES, replace(run, environment=environment), f"rank-{rank}"


def _end_with_the_process() -> None:
    """Multiprocessing ends its children without Python's exit handlers; any other process runs those."""
    atexit.register(_end)
    processes: Any = sys.modules.get("multiprocessing.process")
    if processes is not None and processes.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _end, exitpriority=100)


def _end() -> None:
    error = sys.exc_info()[1] or getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    end(*how_it_ended(error))


def end(status: Status, exit_code: int | None, described: str | None) -> None:
    """Close this process's own run, if it has one."""
    observation = _Here.observation
    if observation is not None and _Here.owner == os.getpid():
        with own_imports.own_imports():
            observation.close(status, exit_code, described)


def how_it_ended(error: BaseException | None) -> tuple[Status, int | None, str | None]:
    """Status, exit code and the exception in words.

    Example:
        >>> how_it_ended(ValueError("no"))
        ('failed', 1, 'ValueError: no')
    """
    from surefoot.capture.limit import StepLimit

    if error is None:
        return "finished", 0, None
    if isinstance(error, StepLimit):
        return "stopped", 0, None
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130, "KeyboardInterrupt"
    if isinstance(error, SystemExit):
        if error.code in (None, 0):
            return "finished", 0, None
        code = error.code if isinstance(error.code, int) else 1
        behind = error.__context__  # launchers catch what a process raised, tell its parent, and exit
        return "failed", code, None if behind is None else _described(behind)
    return "failed", 1, _described(error)


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip(": ")
