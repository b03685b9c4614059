"""`surefoot train`: a recipe by its name, or a training in a TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from surefoot.cli.output import show, show_rich
from surefoot.cli.places import check_folder, check_new_run
from surefoot.errors import ScriptError, SettingError, SurefootError
from surefoot.report.numbers import duration, number, value

DIVERGED = 1


def train_named(
    what: str,
    seed: int | None,
    out: str | None,
    runs: str,
    quick: bool,
    resume: bool | str,
    settings: tuple[str, ...],
) -> int:
    """Train what was named; the exit code is 1 if a file's training diverged."""
    check_new_run(None, runs)
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
    runs: str,
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
    console = Console(highlight=False)
    with console.status(f"{recipe.name}: {recipe.title}"):
        outcome = recipes.run(recipe, options)
    fits = width_of(outcome.rows) <= console.width
    table = results_table(outcome.rows) if fits else turned_table(outcome.rows)
    show_rich(Text(f"{recipe.name}: {recipe.title}", "bold"), "", table, "", *outcome.sentences, "")
    for path in (*outcome.figures, options.out / "results.json"):
        show(path)
    if outcome.runs:
        names = "1 run" if len(outcome.runs) == 1 else f"{len(outcome.runs)} runs"
        show(f"{names} recorded in {options.runs}: surefoot runs --runs {options.runs}")
    show(duration(time.perf_counter() - began))


def results_table(rows: tuple[Mapping[str, Any], ...]) -> Table:
    """An outcome's rows, numbers to the right."""
    table = Table(box=None, pad_edge=False)
    for name, item in (rows[0] if rows else {}).items():
        table.add_column(name, justify="left" if isinstance(item, str) else "right")
    for row in rows:
        table.add_row(*(cell(item) for item in row.values()))
    return table


def width_of(rows: tuple[Mapping[str, Any], ...]) -> int:
    """Characters that a results table takes unbroken."""
    columns = [max(len(name), *(len(cell(row[name])) for row in rows)) for name in rows[0]]
    return sum(columns) + 2 * (len(columns) - 1)


def turned_table(rows: tuple[Mapping[str, Any], ...]) -> Table:
    """The same with a column for each row, for narrow terminals."""
    first, *others = rows[0]
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for row in rows:
        table.add_column(cell(row[first]), justify="right")
    for name in others:
        table.add_row(name, *(cell(row[name]) for row in rows))
    return table


def cell(item: Any) -> str:
    """One value of a results table."""
    if item is None:
        return "–"
    return number(item) if isinstance(item, float) else value(item)


def train_from_file(path: str, seed: int | None, out: str | None, runs: str, resume: bool | str) -> int:
    """Train what a TOML file describes."""
    from surefoot.training import train_file

    overrides: dict[str, Any] = {"resume": resume}
    if seed is not None:
        overrides["seed"] = seed
    if out is not None:
        overrides["folder"] = out
    if runs != "surefoot-runs":
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
