"""Commands of surefoot in forked children of one process that has imported torch: seconds each, not tens.

`python tests/forked.py` is that process: it reads one request a line, {"arguments", "folder", "says"}, the first of
the arguments `surefoot` or a script, and answers {"code", "seconds"} when the child has ended. Each child is a fresh
one: what a script leaves behind ends with it.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What programs import, surefoot's own rooms, and what torch imports at the first step of an optimizer.
PRELOADED = (
    *("torch", "torch._dynamo", "torch.utils.data", "sklearn.datasets", "sklearn.model_selection"),
    *("sklearn.preprocessing", "surefoot.cli.main", "surefoot.cli.run", "surefoot.capture.observation"),
    *("surefoot.report.html", "surefoot.report.terminal", "markdown_it", "pygments.lexers.python"),
)
LONGEST = 300


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code, all that it wrote, and the processor's seconds that it took."""

    code: int
    said: str
    seconds: float


class Forks:
    """A process that forks itself for each command.

    Args:
        preloaded: Modules that it imports beside those that every command needs.
    """

    def __init__(self, *preloaded: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__, *preloaded],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def surefoot(self, folder: Path, *arguments: str) -> Ended:
        """Run `surefoot` with these arguments in `folder`."""
        return self._ask(folder, ["surefoot", *arguments])

    def python(self, folder: Path, script: Path) -> Ended:
        """Run a script in `folder`, as Python does."""
        return self._ask(folder, [str(script)])

    def _ask(self, folder: Path, arguments: list[str]) -> Ended:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        says = folder / "said.txt"
        request = {"arguments": arguments, "folder": str(folder), "says": str(says)}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        return Ended(answer["code"], says.read_text(encoding="utf-8", errors="replace"), answer["seconds"])

    def close(self) -> None:
        """End the process."""
        self._server.communicate(timeout=30)


def _serve() -> None:
    for name in (*PRELOADED, *sys.argv[1:]):
        __import__(name)
    import torch

    torch.set_num_threads(1)  # a pool of threads would not survive the fork
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
        _, status, used = os.wait4(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"code": code, "seconds": used.ru_utime + used.ru_stime}), flush=True)


def _become(arguments: list[str], folder: str, says: str) -> Any:
    """Be the command, and end with its exit code."""
    os.chdir(folder)
    target = os.open(says, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    code = 1
    try:
        signal.alarm(LONGEST)
        sys.argv = arguments
        if arguments[0] == "surefoot":
            from surefoot.cli.main import main

            main()
        else:
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
