"""`surefoot train`: a recipe by its name, or a training in a TOML file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from surefoot.cli.console import width_of as width_of_line
from surefoot.cli.output import show, show_rich
from surefoot.cli.places import check_folder, check_new_run
from surefoot.errors import ScriptError, SettingError, SurefootError
from surefoot.report.numbers import duration, number, value
from surefoot.store.folders import DEFAULT_RUNS

DIVERGED = 1


def train_named(
    what: str,
    seed: int | None,
    out: str | None,
    runs: str | None,
    quick: bool,
    resume: bool | str,
    settings: tuple[str, ...],
) -> int:
    """Train what was named; the exit code is 1 if a file's training diverged."""
    check_new_run(None, runs or DEFAULT_RUNS)
    check_folder("--out", out)
    if what.endswith(".toml"):
        if quick or settings:
            option = "--quick" if quick else "--set"
            raise SettingError(f"{option} is for recipes; change {what} itself.")
        return train_from_file(what, seed, out, runs, resume)
    if isinstance(resume, str):
        raise SettingError("--resume-from is for TOML files; recipes go on by --resume.")
    train_recipe(what, seed or 0, out, runs, quick, resume, parsed(settings))
    return 0


def parsed(settings: tuple[str, ...]) -> dict[str, str]:
    """Key -> value of KEY=VALUE texts.

    Raises:
        SettingError: One has no "=".

    Example:
        >>> parsed(("lr=0.1", "steps=5"))
        {'lr': '0.1', 'steps': '5'}
    """
    found = {}
    for setting in settings:
        key, sign, given = setting.partition("=")
        if not sign or not key.strip() or not given.strip():
            raise SettingError(f"--set {setting} is no KEY=VALUE; write for example --set lr=0.1.")
        found[key.strip()] = given.strip()
    return found


def train_recipe(
    name: str,
    seed: int,
    out: str | None,
    runs: str | None,
    quick: bool,
    resume: bool,
    settings: Mapping[str, str],
) -> None:
    """Train a recipe, print its results, say where its figure and runs are."""
    import time

    from surefoot import recipes

    recipes.require_packages(name)  # all that is missing at once, before a module stumbles over the first
    recipe = recipes.load(name)
    options = recipe.options(seed=seed, out=out, runs=runs, quick=quick, resume=resume, settings=settings)
    began = time.perf_counter()
    with Console(highlight=False).status(f"{recipe.name}: {recipe.title}"):
        outcome = recipes.run(recipe, options)
    tables = [
        part for table in results_tables(outcome.rows, width_of_line(sys.stdout)) for part in (table, "")
    ]
    show_rich(Text(f"{recipe.name}: {recipe.title}", "bold"), "", *tables, *outcome.sentences, "")
    for path in (*outcome.figures, options.out / "results.json"):
        show(path)
    if outcome.runs:
        names = "1 run" if len(outcome.runs) == 1 else f"{len(outcome.runs)} runs"
        show(f"{names} recorded in {options.runs}: surefoot runs --runs {options.runs}")
    show(duration(time.perf_counter() - began))


Rows = Sequence[Mapping[str, Any]]


def results_tables(rows: Rows, width: int) -> list[Table]:
    """An outcome's rows as one table, or where that is wider than `width` as several below each other."""
    if not rows or width_of(rows) <= width:
        return [results_table(rows)]
    first, *others = rows[0]
    if len({cell(row[first]) for row in rows}) == len(rows):
        turned = [{first: name} | {cell(row[first]): row[name] for row in rows} for name in others]
        if width_of(turned) <= width:
            return [results_table(turned)]
    # Each part begins with what tells the rows apart: the columns of names before the first number.
    keys = list(takewhile(lambda name: isinstance(rows[0][name], str), rows[0])) or [first]
    parts: list[list[str]] = [list(keys)]
    for name in rows[0]:
        if name in keys:
            continue
        if len(parts[-1]) > len(keys) and width_of(_only(rows, [*parts[-1], name])) > width:
            parts.append(list(keys))
        parts[-1].append(name)
    return [results_table(_only(rows, part)) for part in parts]


def _only(rows: Rows, names: list[str]) -> Rows:
    return [{name: row[name] for name in names} for row in rows]


def results_table(rows: Rows) -> Table:
    """An outcome's rows, numbers to the right."""
    table = Table(box=None, pad_edge=False)
    for name, item in (rows[0] if rows else {}).items():
        table.add_column(name, justify="left" if isinstance(item, str) else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(cell(item) for item in row.values()))
    return table


def width_of(rows: Rows) -> int:
    """Characters that a results table takes unbroken."""
    columns = [max(len(name), *(len(cell(row[name])) for row in rows)) for name in rows[0]]
    return sum(columns) + 2 * (len(columns) - 1)


def cell(item: Any) -> str:
    """One value of a results table."""
    if item is None:
        return "–"
    return number(item) if isinstance(item, float) else value(item)


def train_from_file(
    path: str, seed: int | None, out: str | None, runs: str | None, resume: bool | str
) -> int:
    """Train what a TOML file describes."""
    from surefoot.training import train_file

    overrides: dict[str, Any] = {"resume": resume}
    if seed is not None:
        overrides["seed"] = seed
    if out is not None:
        overrides["folder"] = out
    if runs is not None:
        overrides["runs"] = runs
    try:
        result = train_file(path, **overrides)
    except SurefootError:
        raise
    except Exception as error:
        from surefoot.training.faults import described

        raise ScriptError(
            f"{path}: the training failed: {described(error)}; surefoot.training.train_file shows the whole traceback."
        ) from error
    show(result.reason)
    if len(result.losses):
        show(f"loss {number(float(result.losses[0]))} at first, {number(float(result.losses[-1]))} at last")
    if result.best_loss is not None:
        show(f"lowest validation loss {number(result.best_loss)} at step {result.best_step:,}")
    for name, place in (("checkpoints", result.folder), ("run", result.run)):
        if place is not None:
            show(f"{name}: {place}")
    return DIVERGED if result.ended == "diverged" else 0
