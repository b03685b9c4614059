"""The command `surefoot`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer

import surefoot
from surefoot.capture.script import Target
from surefoot.cli import output, split
from surefoot.cli.animate import animate
from surefoot.cli.backprop import backprop
from surefoot.cli.compare import compare
from surefoot.cli.lab import LAB_LINE, lab
from surefoot.cli.landscape import TARGET_LINE, landscape
from surefoot.cli.output import any_encoding, say
from surefoot.cli.plot_schedule import plot_schedule
from surefoot.cli.settings import RunSettings
from surefoot.cli.watching import is_script
from surefoot.errors import SurefootError

COULD_NOT_RUN = 2

app = typer.Typer(
    name="surefoot",
    help="Run a PyTorch training script as it is, record its gradient descent, and say what is wrong with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_TAKES_TARGET = ("run", "check", "landscape", "animate", "backprop", "lab")
_TAKES_MORE = (
    "landscape",
    "animate",
    "lab",
)  # than scripts: after a recipe or a run come surefoot's own options again
_OPTIONAL_NUMBERS = {"--autoclip": "10"}
_SCRIPT_LINE = "[OPTIONS] SCRIPT [ARGUMENTS]…  |  [OPTIONS] -m MODULE [ARGUMENTS]…"

Steps = Annotated[
    int | None, typer.Option("--steps", min=1, help="Stop the script after so many optimizer steps.")
]
Every = Annotated[
    int | None,
    typer.Option(
        "--every", min=1, help="Sample per-parameter quantities every K steps; default: by measured cost."
    ),
]
Autoclip = Annotated[
    float | None,
    typer.Option(
        "--autoclip", min=0, max=100, help="Clip by AutoClip at this percentile; 10 if none is given."
    ),
]
MaxNorm = Annotated[float | None, typer.Option("--max-norm", help="Clip the global gradient norm to this.")]
Runs = Annotated[str, typer.Option("--runs", help="Folder of all runs.")]
Name = Annotated[str | None, typer.Option("--name", help="Name of this run; default: script and time.")]
ReportFile = Annotated[
    str | None, typer.Option("--report", help="Write the HTML report to this file at the end.")
]
JsonFile = Annotated[
    str | None, typer.Option("--json", help="Write verdict and findings to this file at the end.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing; record all the same.")]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", help="A finding's code not to report; repeatable.")
]
Format = Annotated[str, typer.Option("--format", help="text, or github for annotations in its workflows.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        output.show(f"surefoot {surefoot.__version__}")
        raise typer.Exit


@app.command(options_metavar=_SCRIPT_LINE)
def run(
    context: typer.Context,
    steps: Steps = None,
    every: Every = None,
    autoclip: Autoclip = None,
    max_norm: MaxNorm = None,
    runs: Runs = "surefoot-runs",
    name: Name = None,
    report: ReportFile = None,
    json: JsonFile = None,
    ignore: Ignore = None,
    quiet: Quiet = False,
) -> RunSettings:
    """Run a script or module unchanged, under observation; exit as it does."""
    return RunSettings(
        target=context.obj, steps=steps, every=every, autoclip=autoclip, max_norm=max_norm, runs=runs, name=name,
        report=report, json=json, ignore=tuple(ignore or ()), quiet=quiet,
    )  # fmt: skip


@app.command(options_metavar=_SCRIPT_LINE)
def check(
    context: typer.Context,
    steps: Steps = 200,
    every: Every = None,
    autoclip: Autoclip = None,
    max_norm: MaxNorm = None,
    runs: Runs = "surefoot-runs",
    name: Name = None,
    report: ReportFile = None,
    json: JsonFile = None,
    ignore: Ignore = None,
    format: Format = "text",
    quiet: Quiet = False,
) -> RunSettings:
    """Run the first steps of a script: exit 0 healthy, 1 something found, 2 could not run."""
    if format not in ("text", "github"):
        raise typer.BadParameter(f"--format {format} is not known: give text or github.")
    return RunSettings(
        target=context.obj, steps=steps, every=every, autoclip=autoclip, max_norm=max_norm, runs=runs, name=name,
        report=report, json=json, ignore=tuple(ignore or ()), quiet=quiet, check=True, format=format,
    )  # fmt: skip


@app.command("runs")
def list_runs(
    runs: Runs = "surefoot-runs", json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """List the recorded runs, newest first."""
    from surefoot.cli.runs import show_list

    show_list(runs, json)


RunName = Annotated[
    str, typer.Argument(help="A run: its path, its name, the beginning of its name, or last.")
]


@app.command()
def show(
    run: RunName = "last",
    runs: Runs = "surefoot-runs",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print one recorded run."""
    from surefoot.cli.runs import show_run

    show_run(run, runs, json)


@app.command()
def doctor(
    run: RunName = "last",
    runs: Runs = "surefoot-runs",
    ignore: Ignore = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Diagnose a recorded run anew, with today's rules."""
    from surefoot.cli.doctor import diagnose_run

    diagnose_run(run, runs, tuple(ignore or ()), json)


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="A finding's code; without one, all are listed.")] = None,
) -> None:
    """Print the page of a rule, or list all rules."""
    from surefoot.cli.doctor import explain_rule

    explain_rule(code)


@app.command()
def report(
    run: RunName = "last",
    output: Annotated[str, typer.Option("--output", "-o", help="The HTML file to write.")] = "report.html",
    runs: Runs = "surefoot-runs",
) -> None:
    """Write the self-contained HTML report of a recorded run."""
    from surefoot.cli.doctor import write_report

    write_report(run, runs, output)


@app.command()
def train(
    what: Annotated[
        str, typer.Argument(metavar="RECIPE|FILE.toml", help="A recipe's name, or a training in a TOML file.")
    ],
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Of everything random.")] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="Folder of figures and results; of a file's checkpoints.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The small form of a recipe.")] = False,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE: a number of a recipe; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    resume_from: Annotated[
        str | None,
        typer.Option(
            "--resume-from", metavar="PATH", help="Go on from that checkpoint of a file's training."
        ),
    ] = None,
    runs: Runs = "surefoot-runs",
    data: Annotated[
        str | None, typer.Option("--data", help="Folder of the data, for a recipe that takes one.")
    ] = None,
) -> int:
    """Train a named recipe, or what a TOML file describes."""
    from surefoot.cli.train import train_named

    settings = (*(setting or ()), *(() if data is None else (f"data={data}",)))
    return train_named(what, seed, out, runs, quick, resume_from or resume, settings)


@app.command()
def reproduce(
    study: Annotated[str, typer.Argument(help="The study: autoclip.")],
    data: Annotated[
        str | None, typer.Option("--data", help="Folder of the voices; default: those of Debian's packages.")
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", help="Folder of results; what is there is not trained again.")
    ] = None,
    percentiles: Annotated[
        str | None, typer.Option("--percentiles", help="AutoClip's, as 1,10,100; 100 never clips.")
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Of each training.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The form of two minutes.")] = False,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE: another number, as objective=whitened; repeatable."),
    ] = None,
) -> None:
    """Train a published study anew and set its results beside the published ones."""
    from surefoot.cli.reproduce import reproduce_study

    reproduce_study(study, data, out, percentiles, seeds, steps, quick, tuple(setting or ()))


@app.command("recipes")
def list_recipes(
    name: Annotated[str | None, typer.Argument(help="A recipe; without one, all are listed.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the recipes that can be trained, or print the page of one."""
    from surefoot.cli.recipes import show_recipe, show_recipes

    if name is None:
        show_recipes(json)
    else:
        show_recipe(name, json)


app.command("compare")(compare)
app.command("plot-schedule")(plot_schedule)
app.command("landscape", options_metavar=TARGET_LINE)(landscape)
app.command("animate", options_metavar=TARGET_LINE)(animate)
app.command("lab", options_metavar=LAB_LINE)(lab)
app.command("backprop", options_metavar=_SCRIPT_LINE)(backprop)


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
        return COULD_NOT_RUN
    except Exception as error:
        if not isinstance(error, _USAGE_ERROR):
            raise
        message = error.format_message()  # type: ignore[attr-defined]
        if message:
            say(f"{message.rstrip('.')}; surefoot {' '.join(arguments[:1])} --help lists the options.")
        return COULD_NOT_RUN
    if isinstance(result, RunSettings):
        from surefoot.cli.run import run_script

        # Outside the parser, which would catch what the script raises.
        return run_script(result)
    return result if isinstance(result, int) else 0
