"""A process that has imported torch and forks a child for each script that it is asked to run: 4 seconds saved each.

Run as a program it reads requests, one line of JSON each, and answers with the child's exit code. A child runs the
script as `python` or as `surefoot run` would, and waits for its threads and exit handlers at the end.
"""

from __future__ import annotations

import atexit
import gc
import importlib.machinery
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from tests.capture.digest import seed, write

_SECONDS = 120  # that a child may take


class Forks:
    """The other side of it: starts the server, asks it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.capture.forks"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def run(self, script: Path, folder: Path, *command: str) -> int:
        """Run a script in `folder`, by `command` or by Python; leaves stdout, stderr and digest there."""
        request = {"script": str(script), "folder": str(folder), "command": command}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=30)


def serve() -> dict[str, Any] | None:
    """Fork for each request; returns the request in the child, None at the end in the parent."""
    import torch
    import torch._dynamo  # which the first optimizer imports

    import surefoot.capture.attach
    import surefoot.cli.main  # noqa: F401

    torch.set_num_threads(1)
    gc.freeze()  # a child need not look through all that was imported
    for line in sys.stdin:
        request: dict[str, Any] = json.loads(line)
        child = os.fork()
        if child == 0:
            return request
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def be(request: dict[str, Any]) -> NoReturn:
    """Become the process that the request names."""
    signal.alarm(_SECONDS)
    os.chdir(request["folder"])
    for number, name in enumerate((os.devnull, "stdout", "stderr")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    sys.stdin = open(0)  # noqa: SIM115
    seed()
    atexit.register(write, "digest")
    code = 0
    try:
        if request["command"]:
            sys.argv[:] = [*request["command"], request["script"]]
            runpy.run_module("surefoot", run_name="__main__", alter_sys=False)
        else:
            _as_python(request["script"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # to take apart all that was imported takes a second


def _as_python(script: str) -> None:
    main = ModuleType("__main__")
    vars(main).update(
        __file__=script,
        __builtins__=__builtins__,
        __annotations__={},
        __loader__=importlib.machinery.SourceFileLoader("__main__", script),
        __cached__=None,
    )
    sys.argv[:] = [script]
    sys.path[0] = os.path.dirname(script)
    sys.modules["__main__"] = main
    exec(compile(Path(script).read_bytes(), script, "exec", dont_inherit=True), vars(main))


if __name__ == "__main__":
    _request = serve()
    if _request is not None:
        be(_request)
