"""`surefoot run --on-finding`: what is done at the first error-level finding, beside the training."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from surefoot.errors import SettingError
from surefoot.records import Finding, History
from surefoot.version import __version__

STOPPED = 3  # exit code of a script that was stopped so: neither Python's 1 nor its 2
STOP = "stop"
_PATIENCE = 10.0  # seconds that the end of a run waits for whoever is told
_LONGEST = 60.0  # seconds that a command or a web server may take


def check_actions(actions: Sequence[str]) -> None:
    """Whether each is an action.

    Raises:
        SettingError: One is empty, or a web address of another kind.
    """
    for action in actions:
        if not action.strip():
            raise SettingError("--on-finding is empty: give stop, a web address to post to, or a command.")
        scheme, separator, rest = action.partition("://")
        if (
            separator
            and scheme.isalpha()
            and (scheme.lower() not in ("http", "https") or not rest.strip("/"))
        ):
            raise SettingError(
                f"--on-finding {action}: give an address that begins with https:// or http://."
            )


class OnFinding:
    """Does what was asked for, once.

    Args:
        actions: "stop", web addresses, commands.
        stop: Ends the script at its next step.
        say: Takes one sentence where somebody could not be told.
    """

    def __init__(self, actions: Sequence[str], stop: Callable[[], None], say: Callable[[str], None]) -> None:
        self._actions = actions
        self._stop = stop
        self._say = say
        self._threads: list[threading.Thread] = []
        self.stops: Finding | None = None  # what the script was stopped for
        self._done = False

    def told(
        self, findings: Sequence[Finding], history: History | None, *, notify: bool, ended: bool = False
    ) -> None:
        """Take the findings so far.

        Args:
            findings: The main one first.
            history: The run that they are of.
            notify: Whether this process is the one that tells others.
            ended: The training is over: nothing is left to be stopped.
        """
        first = next((finding for finding in findings if finding.severity == "error"), None)
        if first is None or self._done or not self._actions:
            return
        self._done = True
        if STOP in self._actions and not ended:
            self.stops = first
            self._stop()
        if notify:
            body = json.dumps(document(first, history))
            for action in self._actions:
                if action != STOP:
                    self._begin(action, body, first.code)

    def wait(self) -> None:
        """Wait a moment for whoever is being told."""
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _begin(self, action: str, body: str, code: str) -> None:
        thread = threading.Thread(
            target=self._tell, args=(action, body, code), name="surefoot-on-finding", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _tell(self, action: str, body: str, code: str) -> None:
        try:
            tell = _post if action.lower().startswith(("http://", "https://")) else _command
            trouble = tell(action, body, code)
        except Exception as error:  # beside the training, never in its way
            trouble = f"{type(error).__name__}: {error}"
        if trouble is not None:
            self._say(f"--on-finding {action} failed: {trouble}.")


def document(finding: Finding, history: History | None) -> dict[str, Any]:
    """What a web server and a command are given."""
    from surefoot.report.json import SCHEMA, finding_fields, plain

    run = None if history is None else history.run
    told: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "run": run and run.path,
            "name": run and run.name,
            "script": run and run.script,
            "steps": run and run.steps,
            "finding": finding_fields(finding),
        }
    )
    return told


def _post(address: str, body: str, code: str) -> str | None:
    headers = {"Content-Type": "application/json", "User-Agent": f"surefoot/{__version__}"}
    request = urllib.request.Request(address, body.encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=_LONGEST):
            return None
    except urllib.error.HTTPError as error:
        return f"the server answered {error.code} {error.reason}"
    except (urllib.error.URLError, OSError) as error:
        return str(getattr(error, "reason", error))


def _command(command: str, body: str, code: str) -> str | None:
    """A line for the shell; the finding on its stdin, its own words on stderr, since stdout is the script's."""
    try:
        done = subprocess.run(
            command,
            shell=True,
            input=body,
            stdout=2,
            encoding="utf-8",
            timeout=_LONGEST,
            env={**os.environ, "SUREFOOT_FINDING": code},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it took longer than {_LONGEST:.0f} s"
    return None if done.returncode == 0 else f"exit code {done.returncode}"
