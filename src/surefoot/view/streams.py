"""Server-sent events: one stream a page, which goes on where it broke off and ends when nobody reads it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse

from surefoot.errors import SurefootError

Look = Callable[[str], "tuple[str, dict[str, Any] | None]"]

EVERY = 1.0  # seconds between two looks: the recorder writes every 0.4
HEARTBEAT = 15.0  # proxies take a silent connection for a dead one


def stream(request: Request, look: Look, cursor: str = "") -> StreamingResponse:
    """An answer that goes on.

    Args:
        request: What was asked; its Last-Event-ID, which a browser sends when it comes back, stands before `cursor`.
        look: Cursor to the next one and what to send, None for nothing; called in a thread of its own.
        cursor: Where to begin.
    """
    begin = request.headers.get("last-event-id", cursor)[:500]
    return StreamingResponse(_events(look, begin), media_type="text/event-stream")


async def _events(look: Look, cursor: str) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    silent = 0.0
    while True:
        try:
            cursor, news = await anyio.to_thread.run_sync(look, cursor)
        except SurefootError as error:
            yield _event("trouble", "", {"error": str(error)})
            return
        if news is not None:
            yield _event("news", cursor, news)
            silent = 0.0
        elif silent >= HEARTBEAT:
            yield ": still here\n\n"
            silent = 0.0
        await anyio.sleep(EVERY)
        silent += EVERY


def _event(kind: str, cursor: str, data: dict[str, Any]) -> str:
    # JSON has no line breaks of its own, so that what a run says cannot end the event.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return f"event: {kind}\nid: {cursor}\ndata: {text}\n\n" if cursor else f"event: {kind}\ndata: {text}\n\n"
