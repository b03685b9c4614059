"""The server: an address that is really free, and uvicorn on it until it is interrupted."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn

from surefoot.errors import SettingError
from surefoot.view.app import application
from surefoot.view.folder import Folder
from surefoot.view.guard import is_loopback


@dataclass(frozen=True, slots=True)
class Listening:
    """A port that is ours, and what is shown on it.

    Args:
        socket: Bound and listening.
        address: To open in a browser; with the token, where one is needed.
        token: What a browser has to show; None: nothing, since only this machine reaches the port.
    """

    socket: socket.socket
    address: str
    token: str | None


def listen(host: str, port: int) -> Listening:
    """Take a port.

    Args:
        host: Address of this machine.
        port: Which; 0: any that is free.

    Raises:
        SettingError: It is taken, not permitted, or the address is not one of this machine's.
    """
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    try:
        (family, kind, _, _, place), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        taken = socket.socket(family, kind)
    except OSError as error:
        raise SettingError(_refusal(error, host, port)) from None
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(place)
        taken.listen(128)
    except (OSError, OverflowError) as error:
        taken.close()
        raise SettingError(_refusal(error, host, port)) from None
    name = "127.0.0.1" if host == "localhost" else socket.gethostname() if host in ("0.0.0.0", "::") else host
    shown = f"[{name}]" if ":" in name else name
    address = f"http://{shown}:{taken.getsockname()[1]}/"
    return Listening(taken, address if token is None else f"{address}?token={token}", token)


def serve(folder: Folder, listening: Listening, ready: Callable[[], None] = lambda: None) -> None:
    """Answer until the process is interrupted.

    Args:
        folder: What is shown.
        listening: Where.
        ready: Called when the port answers.

    Effects: closes the socket at the end.
    """
    config = uvicorn.Config(
        application(folder, listening.token),
        log_level="critical",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=1,  # streams never end by themselves
    )
    with listening.socket:
        ready()  # the system takes connections from `listen` on
        try:
            uvicorn.Server(config).run(sockets=[listening.socket])
        except KeyboardInterrupt:  # uvicorn raises it once more when it has closed
            pass


def _refusal(error: Exception, host: str, port: int) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return f"port {port} is in use: give another --port, or --port 0 for any that is free."
    if number == errno.EACCES:
        return f"port {port} is not permitted: give a --port above 1023."
    return f"{host}:{port} is no address of this machine ({getattr(error, 'strerror', None) or error})."
