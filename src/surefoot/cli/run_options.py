"""Options of the commands that make runs, read them and judge them."""

from __future__ import annotations

from typing import Annotated

import typer

from surefoot.cli.completion import finding_codes, run_names

Steps = Annotated[
    int | None, typer.Option("--steps", metavar="N", min=1, help="Stop the script after N optimizer steps.")
]
Every = Annotated[
    int | None,
    typer.Option(
        "--every",
        metavar="N",
        min=1,
        help="Sample per-parameter quantities every N steps; default: by measured cost.",
    ),
]
Autoclip = Annotated[
    float | None,
    typer.Option(
        "--autoclip",
        metavar="[PERCENTILE]",
        min=0,
        max=100,
        help="Clip by AutoClip at this percentile; 10 if none is given.",
    ),
]
MaxNorm = Annotated[
    float | None, typer.Option("--max-norm", metavar="NORM", help="Clip the global gradient norm to this.")
]
Module = Annotated[
    str | None,
    typer.Option("-m", metavar="MODULE", help="Run a module, as python -m does; what follows is its own."),
]
Runs = Annotated[str, typer.Option("--runs", metavar="FOLDER", help="Folder of all runs.")]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of this run; default: script and time.")
]
ReportFile = Annotated[
    str | None,
    typer.Option("--report", metavar="FILE", help="Write the HTML report to this file at the end."),
]
JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write verdict and findings to this file at the end."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing; record all the same.")]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore",
        metavar="CODE",
        help="A finding's code not to report; repeatable.",
        autocompletion=finding_codes,
    ),
]
OnFinding = Annotated[
    list[str] | None,
    typer.Option(
        "--on-finding",
        metavar="ACTION",
        help="At the first error found: stop (exit code 3), an https:// address to post it to, or a command that "
        "gets it on stdin; repeatable.",
    ),
]
Format = Annotated[
    str,
    typer.Option("--format", metavar="FORMAT", help="text, or github for annotations in its workflows."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: its path, its name, the beginning of its name, or last.",
        autocompletion=run_names,
    ),
]
