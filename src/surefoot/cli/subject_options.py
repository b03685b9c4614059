"""Options that every command has which draws a script, a recipe or a run."""

from __future__ import annotations

from typing import Annotated

import typer

from surefoot.cli.run_options import Module as Module
from surefoot.cli.run_options import Runs as Runs
from surefoot.cli.run_options import Steps as Steps

Batches = Annotated[
    int,
    typer.Option("--batches", metavar="N", min=1, help="How many of the script's last batches count."),
]
Dpi = Annotated[
    int | None,
    typer.Option("--dpi", metavar="N", min=10, max=1200, help="Pixels an inch of a .png; default 100."),
]
Quick = Annotated[bool, typer.Option("--quick", help="The small form of a recipe.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A number of a recipe; repeatable."),
]
