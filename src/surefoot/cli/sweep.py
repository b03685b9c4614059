"""`surefoot sweep`: an unchanged script under many settings, compared."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated

import typer

from surefoot.capture.script import Target
from surefoot.cli.output import say, show, show_rich
from surefoot.cli.places import check_file, check_new_run
from surefoot.cli.run_options import Json, Module, Quiet, Runs
from surefoot.errors import SettingError
from surefoot.store.folders import DEFAULT_RUNS

SWEEP_LINE = "SCRIPT [OPTIONS] [--] [ARGUMENTS]…  |  -m MODULE [OPTIONS] [--] [ARGUMENTS]…"
_SUFFIXES = (".png", ".svg", ".html")
_VALUES = "LIST"
_OWN = (
    "--lr",
    "--optimizer",
    "--schedule",
    "--clip",
    "--momentum",
    "--weight-decay",
    "--arg",
    "--seeds",
    "--random",
    "--halving",
    "--optuna",
)


def sweep(
    context: typer.Context,
    lr: Annotated[
        str | None, typer.Option("--lr", metavar="LIST|RANGE", help="Rates: 0.1,0.01, or 1e-4:1:log7.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option("--optimizer", metavar=_VALUES, help="Optimizers: sgd,momentum,adamw.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule", metavar=_VALUES, help="Schedules: 'constant(),warmup(100) >> cosine(900)'."
        ),
    ] = None,
    clip: Annotated[
        str | None, typer.Option("--clip", metavar=_VALUES, help="Clipping: none,autoclip,1.0.")
    ] = None,
    momentum: Annotated[
        str | None, typer.Option("--momentum", metavar="LIST|RANGE", help="Momentum, or the first beta.")
    ] = None,
    weight_decay: Annotated[
        str | None, typer.Option("--weight-decay", metavar="LIST|RANGE", help="Of groups that have one.")
    ] = None,
    arg: Annotated[
        list[str] | None,
        typer.Option(
            "--arg", metavar="ARGUMENT", help="An argument of the script: '--hidden {64,128}'; repeatable."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Seeds of each setting.")] = 1,
    random: Annotated[
        int | None, typer.Option("--random", metavar="N", min=1, help="Draw N settings instead of all.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, help="Stop each training after N steps.")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Trainings at once; default: one a processor."),
    ] = None,
    halving: Annotated[
        bool, typer.Option("--halving", help="Stop the hopeless early: successive halving.")
    ] = False,
    optuna: Annotated[
        int | None,
        typer.Option("--optuna", metavar="N", min=1, help="Let Optuna propose N settings: surefoot[search]."),
    ] = None,
    sampler: Annotated[
        str, typer.Option("--sampler", metavar="NAME", help="Optuna's: tpe, gp, cmaes, qmc, random.")
    ] = "tpe",
    pruner: Annotated[
        str, typer.Option("--pruner", metavar="NAME", help="Optuna's: none, halving, hyperband, median.")
    ] = "none",
    ray: Annotated[
        str | None,
        typer.Option("--ray", metavar="ADDRESS", help="Train on a Ray cluster, as auto: surefoot[ray]."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Figures: a page (.html), or .png, .svg."),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Of the sweep's folder; default: of the script."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    module: Module = None,
) -> None:
    """Train a script under each setting, from several seeds: what to use, and is it more than chance?

    Options may stand before or after the script; what is none of them is the script's own, and all that follows --.
    """
    target: Target | None = context.obj
    if target is None:
        raise SettingError("no script was named: surefoot sweep SCRIPT --lr 1e-4:1:log7 --seeds 3.")
    _check_words(target)
    _check_places(output, name, runs)

    from surefoot.search.easy import axes_of, studying
    from surefoot.search.engine import Plan, sweep_script
    from surefoot.search.json import summary

    axes = axes_of(
        tuple(arg or ()), lr=lr, optimizer=optimizer, schedule=schedule, clip=clip, momentum=momentum,
        weight_decay=weight_decay,
    )  # fmt: skip
    plan = Plan(tuple(axes), seeds, random, steps, jobs, halving, studying(optuna, sampler, pruner), ray)
    try:
        found = sweep_script(
            target, plan, Path(runs).absolute(), name, tell=(lambda said: None) if quiet else say
        )
    except KeyboardInterrupt:
        say("interrupted; the same command goes on where it was.")
        raise typer.Abort from None
    if output is not None:
        found.draw(output)
    if as_json:
        show(json.dumps(summary(found), indent=2))
        return
    show_rich(found, *([f"wrote {output}"] if output is not None else []))


def _check_places(output: str | None, name: str | None, runs: str) -> None:
    check_new_run(name, runs)
    check_file("--output", output)
    if output is None:
        return
    if Path(output).suffix.lower() not in _SUFFIXES:
        raise SettingError(f"-o {output} is no picture that can be drawn: end it in {', '.join(_SUFFIXES)}.")
    from surefoot.figures.canvas import matplotlib_or_raise

    matplotlib_or_raise()


def _check_words(target: Target) -> None:
    """A slip in an option of ours would be given to the script."""
    for word in target.arguments:
        name = word.partition("=")[0]
        near = difflib.get_close_matches(name, _OWN, n=1, cutoff=0.8) if name.startswith("--") else []
        if near and not _mentioned(target, name):
            raise SettingError(
                f"{name} is no option of surefoot sweep: did you mean {near[0]}? If it is the script's own, give "
                "it after --."
            )


def _mentioned(target: Target, name: str) -> bool:
    try:
        text = Path(target.name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return name in text or name.lstrip("-").replace("-", "_") in text
