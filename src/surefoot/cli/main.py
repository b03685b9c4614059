"""The command `surefoot`."""

from __future__ import annotations

import difflib
import sys
from typing import Annotated, Any, NoReturn

import typer

import surefoot
from surefoot.capture.script import Target
from surefoot.cli import output, split
from surefoot.cli.animate import animate
from surefoot.cli.backprop import backprop
from surefoot.cli.compare import compare
from surefoot.cli.completion import finding_codes, recipe_names
from surefoot.cli.export import export
from surefoot.cli.find_lr import find_lr
from surefoot.cli.help import Command, Group
from surefoot.cli.lab import LAB_LINE, lab
from surefoot.cli.landscape import TARGET_LINE, landscape
from surefoot.cli.output import any_encoding, give_up_stdout, say
from surefoot.cli.plot_schedule import plot_schedule
from surefoot.cli.run_options import (
    Autoclip,
    Every,
    Format,
    Ignore,
    Json,
    JsonFile,
    MaxNorm,
    Module,
    Name,
    OnFinding,
    Quiet,
    ReportFile,
    RunName,
    Runs,
    Steps,
)
from surefoot.cli.settings import RunSettings
from surefoot.cli.subject_options import Quick, Settings
from surefoot.cli.sweep import SWEEP_LINE, sweep
from surefoot.cli.try_fixes import try_fixes
from surefoot.cli.view import view
from surefoot.cli.watching import is_script
from surefoot.errors import SurefootError
from surefoot.store.folders import DEFAULT_RUNS

COULD_NOT_RUN = 2

app = typer.Typer(
    name="surefoot",
    cls=Group,
    help="Run a PyTorch training script as it is, record its gradient descent, and say what is wrong with it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# The sections of `surefoot --help`.
_OBSERVE, _SHOW, _TRY, _DRAW, _TRAIN = (
    "Observe a script", "Judge and show runs", "Try fixes, rates, optimizers", "Draw", "Train by name",
)  # fmt: skip
_TAKES_TARGET = ("run", "check", "try", "find-lr", "sweep", "landscape", "animate", "backprop", "lab")
_TAKES_MORE = (
    "landscape",
    "animate",
    "lab",
)  # than scripts: after a recipe or a run come surefoot's own options again
_MIXED = ("sweep",)  # whose own options may stand after the script
_OPTIONAL_NUMBERS = {"--autoclip": "10"}
_SCRIPT_LINE = "[OPTIONS] SCRIPT [ARGUMENTS]…  |  [OPTIONS] -m MODULE [ARGUMENTS]…"


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        output.show(f"surefoot {surefoot.__version__}")
        raise typer.Exit


@app.command(options_metavar=_SCRIPT_LINE, rich_help_panel=_OBSERVE)
def run(
    context: typer.Context,
    steps: Steps = None,
    every: Every = None,
    autoclip: Autoclip = None,
    max_norm: MaxNorm = None,
    runs: Runs = DEFAULT_RUNS,
    name: Name = None,
    report: ReportFile = None,
    json: JsonFile = None,
    ignore: Ignore = None,
    on_finding: OnFinding = None,
    quiet: Quiet = False,
    module: Module = None,
) -> RunSettings:
    """Run a script or module unchanged, under observation; exit as it does."""
    return RunSettings(
        target=context.obj, steps=steps, every=every, autoclip=autoclip, max_norm=max_norm, runs=runs, name=name,
        report=report, json=json, ignore=tuple(ignore or ()), on_finding=tuple(on_finding or ()), quiet=quiet,
    )  # fmt: skip


@app.command(options_metavar=_SCRIPT_LINE, rich_help_panel=_OBSERVE)
def check(
    context: typer.Context,
    steps: Steps = 200,
    every: Every = None,
    autoclip: Autoclip = None,
    max_norm: MaxNorm = None,
    runs: Runs = DEFAULT_RUNS,
    name: Name = None,
    report: ReportFile = None,
    json: JsonFile = None,
    ignore: Ignore = None,
    format: Format = "text",
    quiet: Quiet = False,
    module: Module = None,
) -> RunSettings:
    """Run the first steps of a script: exit 0 healthy, 1 something found, 2 could not run."""
    if format not in ("text", "github"):
        raise typer.BadParameter(f"--format {format} is not known: give text or github.")
    return RunSettings(
        target=context.obj, steps=steps, every=every, autoclip=autoclip, max_norm=max_norm, runs=runs, name=name,
        report=report, json=json, ignore=tuple(ignore or ()), quiet=quiet, check=True, format=format,
    )  # fmt: skip


@app.command("runs", rich_help_panel=_SHOW)
def list_runs(runs: Runs = DEFAULT_RUNS, json: Json = False) -> None:
    """List the recorded runs, newest first."""
    from surefoot.cli.runs import show_list

    show_list(runs, json)


@app.command(rich_help_panel=_SHOW)
def show(
    run: RunName = "last",
    runs: Runs = DEFAULT_RUNS,
    json: Json = False,
) -> None:
    """Print one recorded run."""
    from surefoot.cli.runs import show_run

    show_run(run, runs, json)


@app.command(rich_help_panel=_SHOW)
def doctor(
    run: RunName = "last",
    runs: Runs = DEFAULT_RUNS,
    ignore: Ignore = None,
    json: Json = False,
) -> None:
    """Diagnose a recorded run anew, with today's rules."""
    from surefoot.cli.doctor import diagnose_run

    diagnose_run(run, runs, tuple(ignore or ()), json)


@app.command(rich_help_panel=_SHOW)
def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE",
            help="A finding's code; without one, all are listed.",
            autocompletion=finding_codes,
        ),
    ] = None,
) -> None:
    """Print the page of a rule, or list all rules."""
    from surefoot.cli.doctor import explain_rule

    explain_rule(code)


@app.command(rich_help_panel=_SHOW)
def report(
    run: RunName = "last",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The HTML file to write.")
    ] = "report.html",
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Write the self-contained HTML report of a recorded run."""
    from surefoot.cli.doctor import write_report

    write_report(run, runs, output)


app.command("compare", rich_help_panel=_SHOW)(compare)
app.command("export", rich_help_panel=_SHOW)(export)
app.command("view", rich_help_panel=_SHOW)(view)
app.command("try", options_metavar=_SCRIPT_LINE, rich_help_panel=_TRY)(try_fixes)
app.command("sweep", options_metavar=SWEEP_LINE, rich_help_panel=_TRY)(sweep)
app.command("find-lr", options_metavar=_SCRIPT_LINE, rich_help_panel=_TRY)(find_lr)


@app.command("recipes", rich_help_panel=_TRAIN)
def list_recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE", help="A recipe; without one, all are listed.", autocompletion=recipe_names
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the recipes that can be trained, or print the page of one."""
    from surefoot.cli.recipes import show_recipe, show_recipes

    if name is None:
        show_recipes(json)
    else:
        show_recipe(name, json)


@app.command(rich_help_panel=_TRAIN)
def train(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|FILE.toml",
            help="A recipe's name, or a training in a TOML file.",
            autocompletion=recipe_names,
        ),
    ],
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", min=0, help="Of everything random.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Folder of figures and results; of a file's checkpoints."
        ),
    ] = None,
    quick: Quick = False,
    setting: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    resume_from: Annotated[
        str | None,
        typer.Option(
            "--resume-from", metavar="PATH", help="Go on from that checkpoint of a file's training."
        ),
    ] = None,
    runs: Annotated[
        str | None,
        typer.Option(
            "--runs",
            metavar="FOLDER",
            help="Folder of the runs; default: surefoot-runs, and for a recipe surefoot-recipes/RECIPE/runs.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="FOLDER", help="Folder of the data, for a recipe that takes one."),
    ] = None,
) -> int:
    """Train a named recipe, or what a TOML file describes."""
    from surefoot.cli.train import train_named

    settings = (*(setting or ()), *(() if data is None else (f"data={data}",)))
    return train_named(what, seed, out, runs, quick, resume_from or resume, settings)


@app.command(rich_help_panel=_TRAIN)
def reproduce(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The study: autoclip.")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="FOLDER", help="Folder of the voices; default: those of Debian's packages."
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Folder of results; what is there is not trained again."
        ),
    ] = None,
    percentiles: Annotated[
        str | None,
        typer.Option("--percentiles", metavar="LIST", help="AutoClip's, as 1,10,100; 100 never clips."),
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", metavar="N", min=1, help="How many.")] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, help="Of each training.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The form of two minutes.")] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another number, as objective=whitened; repeatable."),
    ] = None,
) -> None:
    """Train a published study anew and set its results beside the published ones."""
    from surefoot.cli.reproduce import reproduce_study

    reproduce_study(study, data, out, percentiles, seeds, steps, quick, tuple(setting or ()))


app.command("landscape", options_metavar=TARGET_LINE, rich_help_panel=_DRAW)(landscape)
app.command("animate", options_metavar=TARGET_LINE, rich_help_panel=_DRAW)(animate)
app.command("lab", options_metavar=LAB_LINE, rich_help_panel=_DRAW)(lab)
app.command("backprop", options_metavar=_SCRIPT_LINE, rich_help_panel=_DRAW)(backprop)
app.command("plot-schedule", rich_help_panel=_DRAW)(plot_schedule)
for each in app.registered_commands:
    each.cls = Command


def main() -> NoReturn:
    """Entry point of the command `surefoot`."""
    sys.exit(_main(sys.argv[1:]))


# Some versions of Typer bring Click inside them, others import it: ask Typer's own exception for its base.
_USAGE_ERROR = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _without_target(command: Any, arguments: list[str]) -> tuple[list[str], Target | None]:
    """The command line up to the script, and the script with its own arguments."""
    if not arguments or arguments[0] not in _TAKES_TARGET:
        return arguments, None
    takes_value = {
        name: not getattr(parameter, "is_flag", False)
        for parameter in command.commands[arguments[0]].params
        for name in parameter.opts
    }
    if arguments[0] in _MIXED:
        own, target = split.split_mixed(arguments[1:], takes_value)
        return [arguments[0], *own], target
    own, target = split.split(arguments[1:], takes_value, _OPTIONAL_NUMBERS)
    if target is not None and arguments[0] in _TAKES_MORE and not is_script(target):
        more, extra = split.split(list(target.arguments), takes_value, {})
        own += more if extra is None else [*more, extra.name]  # which the parser refuses
        target = Target(target.name)
    return [arguments[0], *own], target


def _main(arguments: list[str]) -> int:
    command: Any = typer.main.get_command(app)
    arguments, target = _without_target(command, arguments)
    try:
        with any_encoding():
            result = command.main(args=arguments, prog_name="surefoot", standalone_mode=False, obj=target)
    except typer.Abort:
        return 130
    except SurefootError as error:
        say(str(error))
        return COULD_NOT_RUN
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        say(f"{named}{error.strerror or error}.")
        give_up_stdout()
        return COULD_NOT_RUN
    except Exception as error:
        if not isinstance(error, _USAGE_ERROR):
            raise
        _say_usage_error(error.format_message(), arguments, command)  # type: ignore[attr-defined]
        return COULD_NOT_RUN
    if isinstance(result, RunSettings):
        from surefoot.cli.run import run_script

        # Outside the parser, which would catch what the script raises.
        return run_script(result)
    return result if isinstance(result, int) else 0


def _say_usage_error(message: str, arguments: list[str], command: Any) -> None:
    if not message:  # no command was named, and the help has been printed
        return
    word = next(iter(arguments), "")
    if word in command.commands:
        say(f"{message.rstrip('.')}; surefoot {word} --help lists the options.")
    elif word.startswith("-"):
        say(f"{message.rstrip('.')}; surefoot --help lists the options.")
    else:
        near = difflib.get_close_matches(word, command.commands, n=2)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        say(f"there is no command {word!r}: {hint}surefoot --help lists them.")
