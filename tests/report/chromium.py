"""Headless Chromium by the DevTools protocol over a pipe: no port, no library, no network.

`Chromium` starts one browser with an empty profile; `open` gives a tab that keeps its errors and requests.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)


def program() -> str | None:
    """Path of the browser, None if there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Chromium:
    def __init__(self, profile: Path) -> None:
        found = program()
        assert found is not None
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        # Moved out of the way, so that the copies to 3 and 4 cannot overwrite one of them.
        to_browser, from_browser = _above(to_browser, 10), _above(from_browser, 10)
        quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        pipes = [(os.POSIX_SPAWN_DUP2, to_browser, 3), (os.POSIX_SPAWN_DUP2, from_browser, 4)]
        command = [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        self._process = os.posix_spawn(found, command, os.environ, file_actions=[*quiet, *pipes])
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self.call("Browser.close")
        os.close(self._out)
        os.close(self._in)
        os.waitpid(self._process, 0)

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path | str, **view: Any) -> Tab:
        return Tab(self, page, **view)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._in, 1 << 20)
            if not part:
                raise RuntimeError("Chromium ended before it answered")
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


class Tab:
    def __init__(
        self, browser: Chromium, page: Path | str, width: int = 1280, height: int = 900, dark: bool = False
    ) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.url = page if isinstance(page, str) else page.resolve().as_uri()
        self.call("Page.navigate", url=self.url)
        self.wait("document.readyState === 'complete'")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **params)

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 30) -> None:
        """Until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < end, f"never true: {condition}"
            time.sleep(0.02)

    def settle(self) -> None:
        """Two frames, so that all that was asked for is drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def key(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def errors(self) -> list[str]:
        """Exceptions, console errors and log errors (blocked by policy, not found …) so far."""
        return [json.dumps(event) for event in self._events() if _is_error(event)]

    def requests(self) -> list[str]:
        """Addresses asked for, the page's own left out."""
        urls = (event["params"]["request"]["url"] for event in self._events("Network.requestWillBeSent"))
        return [url for url in urls if url != self.url and not url.startswith("data:")]

    def screenshot(self, file: Path) -> None:
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def _events(self, method: str | None = None) -> list[dict[str, Any]]:
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return [event for event in mine if method is None or event["method"] == method]


def _is_error(event: dict[str, Any]) -> bool:
    tests: dict[str, Callable[[dict[str, Any]], bool]] = {
        "Runtime.exceptionThrown": lambda _: True,
        "Runtime.consoleAPICalled": lambda params: params["type"] in ("error", "warning", "assert"),
        "Log.entryAdded": lambda params: params["entry"]["level"] in ("error", "warning"),
    }
    return event["method"] in tests and tests[event["method"]](event["params"])


def _above(descriptor: int, least: int) -> int:
    """The descriptor copied to a number of at least `least`, the old one closed."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD, least)
    os.close(descriptor)
    return copy
