"""`sf.try_fixes(…)`: the door from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from surefoot.capture.script import Target
from surefoot.experiment.engine import Plan, try_script
from surefoot.experiment.records import TriedFixes
from surefoot.store.folders import DEFAULT_RUNS


def try_fixes(
    script: str | Path,
    arguments: Iterable[str] = (),
    *,
    steps: int = 200,
    writes: bool = False,
    isolated: bool = False,
    jobs: int | None = None,
    runs: str | Path = DEFAULT_RUNS,
    tell: Callable[[str], None] = lambda said: None,
) -> TriedFixes:
    """Try the fixes of what is found in a training script, by hooks, and say what each of them did.

    The script runs as it is, then with each fix, then with those together that help: each time from the same seed, for
    the same number of steps, in a process of its own.

    Args:
        script: The training script.
        arguments: Its own.
        steps: Of each training.
        writes: Let a script run again that writes files.
        isolated: Run each training in a copy of the working folder.
        jobs: Trainings at once; by default one a processor.
        runs: Folder of all runs.
        tell: Told what is being done.

    Returns:
        What each fix did; printed, it is a table. `best` has the fixes that help together.

    Raises:
        ScriptError: The script can't be run.
        NothingTrained: It trains nothing.
        SettingError: It writes files, and may not; or steps that can't be.

    Effects: runs the script several times; nothing in it is changed.
    """
    target = Target(str(script), tuple(arguments))
    plan = Plan(steps, isolated, jobs, lambda files: writes)
    return try_script(target, plan, Path(runs).absolute(), tell)
