"""One history of a training's processes; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from surefoot.facts import Process, Processes
from surefoot.records import History, Run

SCRIPT = "script"  # stands for the script's own process, where it has no rank


def joined(path: str, own: History | None, others: Mapping[str, History]) -> History:
    """The training as its first process saw it, with the others beside it.

    Args:
        path: The training's folder.
        own: What the script's own process recorded, if anything.
        others: What the others did, by the names of their runs, in the order of their ranks.

    Example:
        >>> one = History(Run("runs/a/processes/rank-0", "rank-0", "a.py", status="finished", steps=3, backwards=3))
        >>> made = joined("runs/a", None, {"rank-0": one, "rank-1": one})
        >>> made.run.name, [process.name for process in made.fact(Processes).trained], list(made.others)
        ('a', ['rank-0', 'rank-1'], ['rank-1'])
    """
    histories = {name: other for name, other in others.items() if _trained(other.run)}
    if own is not None and _trained(own.run):
        histories = {_name_of(own.run): own, **histories}
    elif own is not None and not histories:
        return own
    histories = histories or dict([next(iter(others.items()))])  # none trained: one stands for all
    first, *rest = histories
    main = histories[first]
    name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    fact = Processes(trained=tuple(_process(name, history.run) for name, history in histories.items()))
    return replace(
        main,
        run=replace(main.run, path=path, name=name),
        all_facts=(*main.all_facts, fact) if len(histories) > 1 else main.all_facts,
        others={name: histories[name] for name in rest},
    )


def _trained(run: Run) -> bool:
    return run.steps > 0 or run.backwards > 0


def _name_of(run: Run) -> str:
    rank = run.environment.get("rank")
    return SCRIPT if rank is None else f"rank-{rank}"


def _process(name: str, run: Run) -> Process:
    error = run.error
    if error is None and run.status == "failed":
        error = f"exit code {run.exit_code}"
    return Process(name=name, status=run.status, steps=run.steps, backwards=run.backwards, error=error)
