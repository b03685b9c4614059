"""`surefoot view`: the live page of a folder of runs."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from surefoot.cli.output import say, show
from surefoot.extras import require
from surefoot.store.folders import DEFAULT_RUNS


def view(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Folder of runs.")] = DEFAULT_RUNS,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="0: any that is free.")
    ] = 6007,
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="ADDRESS", help="Another than this machine's own is opened by a token."
        ),
    ] = "127.0.0.1",
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address only.")] = False,
) -> None:
    """Show runs in the browser while they train: findings on their curves."""
    from surefoot.view.folder import Folder

    shown = Folder(Path(folder))
    require("live pages", ["starlette", "uvicorn"], extra="view")
    from surefoot.view.server import listen, serve

    listening = listen(host, port)
    show(listening.address)
    say("open that address in a browser; Ctrl-C ends it.")

    def ready() -> None:
        if not no_browser:
            webbrowser.open(listening.address)

    serve(shown, listening, ready)
