"""Which address shows what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from surefoot.errors import RunNotFound, SettingError, SurefootError
from surefoot.view import compare, files, run
from surefoot.view.changing import change
from surefoot.view.curves import widths_of
from surefoot.view.folder import Folder
from surefoot.view.following import Following
from surefoot.view.guard import LONGEST_BODY, Guard, answered, refused
from surefoot.view.judging import Judging
from surefoot.view.streams import stream
from surefoot.view.table import Table

_CHANGES = ("rename", "note", "delete", "restore")


def application(folder: Folder, token: str | None = None) -> Guard:
    """The application behind its guard.

    Args:
        folder: What lies within reach.
        token: What has to be shown; None: nothing, to this machine alone.
    """
    judging = Judging()
    table = Table(folder, judging)

    def runs(request: Request) -> Response:
        cursor, rows, _ = table.changes()
        return answered({"cursor": cursor, "folder": str(folder.path), "rows": rows})

    def run_events(request: Request) -> Response:
        return stream(request, lambda cursor: _news(table, cursor), request.query_params.get("since", ""))

    def changed(what: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            asked = await _asked(request)
            said, names = await run_in_threadpool(change, folder, what, asked)
            table.forget(names)
            return answered(said)

        return answer

    def named(request: Request) -> Path:
        return folder.run(request.query_params.get("name", ""))

    def overview(request: Request) -> Response:
        return answered(run.overview(named(request), judging, _width(request)))

    def stretch(request: Request) -> Response:
        first, last = (_number(request, name, 0, 2**53) for name in ("first", "last"))
        return answered(run.stretch(named(request), first, last, _width(request)))

    def layers(request: Request) -> Response:
        return answered(run.layers(named(request), _width(request)))

    def details(request: Request) -> Response:
        return answered(run.details(named(request), judging))

    def script(request: Request) -> Response:
        return answered(run.script(named(request), judging))

    def events(request: Request) -> Response:
        asked = request.query_params
        following = Following(named(request), widths_of(asked.get("means", "")))
        return stream(request, following.look, asked.get("since", ""))

    def comparison(request: Request) -> Response:
        return answered(compare.compared([folder.run(name) for name in request.query_params.getlist("run")]))

    of_a_run = {"": overview, "/stretch": stretch, "/layers": layers, "/details": details, "/script": script}
    routes = [
        Route("/", lambda request: files.page("runs")),
        Route("/static/{name}", lambda request: files.static_file(request.path_params["name"])),
        *(Route(f"/{name}", _page(name)) for name in ("run", "compare")),
        Route("/api/runs", runs),
        Route("/api/run/events", events),
        Route("/api/compare", comparison),
        *(Route(f"/api/run{part}", answer) for part, answer in of_a_run.items()),
        Route("/api/runs/events", run_events),
        *(Route(f"/api/{what}", changed(what), methods=["POST"]) for what in _CHANGES),
    ]
    handlers: Any = {SurefootError: _failed, 404: _nowhere, 405: _nowhere}
    return Guard(Starlette(routes=routes, exception_handlers=handlers), token)


def _page(name: str) -> Callable[[Request], Response]:
    return lambda request: files.page(name)


def _news(table: Table, cursor: str) -> tuple[str, dict[str, Any] | None]:
    now, rows, gone = table.changes(cursor)
    return now, {"rows": rows, "gone": gone} if rows or gone else None


def _width(request: Request) -> int:
    return _number(request, "width", 600, 10_000)


def _number(request: Request, name: str, default: int, most: int) -> int:
    """A number of the address, at most `most`."""
    text = request.query_params.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdecimal() and len(text) < 20 else default


async def _asked(request: Request) -> dict[str, Any]:
    body = await request.body()
    try:
        asked = json.loads(body[:LONGEST_BODY])
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise SettingError("what is sent has to be a JSON object.")
    return asked


def _failed(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, RunNotFound) else 400 if isinstance(error, SettingError) else 409
    return refused(status, str(error))


def _nowhere(request: Request, error: Exception) -> Response:
    return refused(getattr(error, "status_code", 404), "there is nothing here")
