"""Judging a run from wherever one has it: a path, a name, an observation under way, a history."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from surefoot import rules
from surefoot.errors import StoreError
from surefoot.records import Findings, History
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run


class HasHistory(Protocol):
    """What `sf.watch` returns."""

    def history(self) -> History | None:
        """All that was recorded."""


def diagnose(
    run: str | Path | History | HasHistory, *, runs: str | Path = "surefoot-runs", ignore: Iterable[str] = ()
) -> Findings:
    """Find what is wrong with a training, the main finding first.

    Args:
        run: A recorded run (its folder, its name, the beginning of its name, or "last"), the observation that `watch`
            returned, or a history.
        runs: Folder in which names are looked up.
        ignore: Codes not to report.

    Returns:
        Findings; what follows from another is in that one's `consequences`. Empty for a healthy training.

    Raises:
        RunNotFound: No run of that name or path.
        StoreError: The run cannot be read.

    Example:
        >>> from surefoot.records import Run
        >>> print(diagnose(History(Run(path="", name="", script="train.py"))))
        nothing found
    """
    return Findings(rules.diagnose(history_of(run, runs), ignore=ignore))


def history_of(run: str | Path | History | HasHistory, runs: str | Path = "surefoot-runs") -> History:
    """All that was recorded of a run; arguments and errors as for `diagnose`."""
    if isinstance(run, History):
        return run
    if isinstance(run, (str, Path)):
        with open_run(find_run(Path(runs), str(run))) as reader:
            return reader.history()
    history = run.history()
    if history is None:
        raise StoreError("nothing of this training could be recorded, so there is nothing to judge.")
    return history


def whole_history_of(run: str | Path | History | HasHistory, runs: str | Path = "surefoot-runs") -> History:
    """All that was recorded of a run, no series thinned; arguments and errors as for `diagnose`."""
    if isinstance(run, (str, Path)):
        with open_run(find_run(Path(runs), str(run))) as reader:
            return reader.history(points=None)
    history = history_of(run, runs)
    if isinstance(run, History) or not history.run.path:
        return history
    with open_run(history.run.path) as reader:
        return reader.history(points=None)
