"""What an observed script's own process leaves for those that it starts."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.capture.children import child
from surefoot.capture.children.invitation import VARIABLE, Invitation
from surefoot.interrupts import pass_on
from surefoot.store.folders import default_name
from surefoot.store.groups import find_group, new_key

if TYPE_CHECKING:
    from surefoot.capture.observation import Observation

_SITE = str(Path(__file__).with_name("site"))
# Runs in a child that may have no surefoot: it must end well there, too.
_ARRIVING = """
try:
    from surefoot.capture.children import child
    child.arrive({text!r})
except Exception:
    pass
"""


class Stowaway:
    """Travels with every process that multiprocessing starts anew, and invites it there, whatever its environment."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, (_ARRIVING.format(text=self._text),)


class Inviting:
    """Invites the processes that this one starts.

    Args:
        invitation: How they are to be observed.
    """

    def __init__(self, invitation: Invitation) -> None:
        self.invitation = invitation
        self._owner = os.getpid()

    def begin(self) -> None:
        """Leave word in the environment.

        Effects: sets `SUREFOOT_TRAINING`, and puts a folder before `PYTHONPATH`.
        """
        others = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = _SITE if not others else os.pathsep.join((_SITE, others))
        child.invite(self.invitation, None)
        self._leave_word()

    def observed(self, observation: Observation) -> None:
        """This process has imported torch, and has a run of its own."""
        if observation.path is not None:
            self.invitation = replace(self.invitation, folder=str(observation.path))
        child.invite(self.invitation, observation)
        self._leave_word()
        processes = sys.modules.get("multiprocessing.process")  # torch has imported it
        settings = getattr(getattr(processes, "current_process", lambda: None)(), "_config", None)
        if isinstance(settings, dict):
            settings["surefoot"] = Stowaway(self.invitation.text())

    def _leave_word(self) -> None:
        os.environ[VARIABLE] = self.invitation.text()

    @property
    def folder(self) -> Path | None:
        """The training's folder, where this process or one of the others has made it."""
        invitation = self.invitation
        if invitation.folder is not None:
            return Path(invitation.folder)
        return find_group(Path(invitation.runs), invitation.base, invitation.key)

    @property
    def here(self) -> bool:
        """Whether this is the process that invites, and not a fork of it."""
        return os.getpid() == self._owner


def inviting(runs: Path, name: str | None, script: str, **settings: Any) -> Inviting:
    """What invites the processes of a script; arguments as for `Invitation`."""
    base = name if name is not None else default_name(script, time.time())
    try:
        runs = runs.resolve()
    except OSError as error:  # the working folder is gone: said where observation begins
        pass_on(error)
    return Inviting(Invitation(key=new_key(), runs=str(runs), base=base, **settings))
