"""Who may ask: this machine's own pages only, or whoever has the token; and what a browser may do with an answer."""

from __future__ import annotations

import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_BODY = 64 * 1024
_READING = ("GET", "HEAD")
# No inline script or style, nothing from elsewhere, in no frame.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Guard:
    """What stands before the application: each request is looked at before any of it is answered.

    Args:
        app: The application.
        token: What has to be shown; None on an address that only this machine reaches, where the name that was asked
            for has to be this machine's instead: a foreign name that leads here would be another site's page.
    """

    app: App
    token: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        answer = self.refusal(request)
        if answer is None and self.token is not None:
            answer = self._without_token(request, self.token)
        await (self.app if answer is None else answer)(scope, receive, _with_headers(send))

    def refusal(self, request: Request) -> Response | None:
        """Why a request is not answered; None where it is."""
        host = request.headers.get("host", "")
        if self.token is None and not is_loopback(_name(host)):
            return refused(403, f"this page is served to this machine alone, not as {host[:200]!r}")
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
        if origin is not None and _parts(origin).netloc.lower() != host.lower():
            return refused(403, "another site asked")
        if request.method in _READING:
            return None
        if origin is None or site != "same-origin":
            return refused(403, "changes are asked for by this page alone")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return refused(415, "what is sent has to be JSON")
        length = request.headers.get("content-length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            return refused(413, f"what is sent has to say its length, at most {LONGEST_BODY} bytes")
        return None

    def _without_token(self, request: Request, token: str) -> Response | None:
        # Cookies know no ports, so that the name tells two servers apart.
        cookie = f"surefoot-{request.url.port or 80}"
        shown = request.query_params.get("token")
        if shown is not None and request.method == "GET" and _same(shown, token):
            # Two slashes at the beginning would be another server's name.
            answer = RedirectResponse("/" + request.scope["path"].lstrip("/\\"), status_code=303)
            answer.set_cookie(cookie, token, httponly=True, samesite="strict")
            return answer
        if _same(request.cookies.get(cookie, ""), token):
            return None
        return refused(403, "open the address that surefoot view printed, with its token")


def answered(said: Any, status: int = 200) -> Response:
    """JSON values as an answer; in ASCII, since a run may hold halves of characters that no encoding has."""
    text = json.dumps(said, separators=(",", ":"), allow_nan=False)
    return Response(text, status, media_type="application/json")


def refused(status: int, why: str) -> Response:
    """An answer that says why there is no other."""
    return answered({"error": why}, status)


def _same(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode(), token.encode())


def _name(host: str) -> str:
    """A Host header without its port."""
    return _parts(f"//{host}").hostname or ""


def _parts(address: str) -> SplitResult:
    """An address taken apart; nothing of one that cannot be."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _with_headers(send: Send) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            names = {name for name, _ in message["headers"]}
            added = [(name.encode(), text.encode()) for name, text in _HEADERS.items()]
            message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in names)]
        await send(message)

    return sending
