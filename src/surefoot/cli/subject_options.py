"""Options that every command has which draws a script, a recipe or a run."""

from __future__ import annotations

from typing import Annotated

import typer

Steps = Annotated[
    int | None, typer.Option("--steps", min=1, help="Stop the script after so many optimizer steps.")
]
Batches = Annotated[
    int, typer.Option("--batches", min=1, help="How many of the script's last batches count.")
]
Quick = Annotated[bool, typer.Option("--quick", help="The small form of a recipe.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE: a number of a recipe; repeatable.")
]
Runs = Annotated[str, typer.Option("--runs", help="Folder of all runs.")]
