"""What every answer of the command line must be, whatever it was asked about."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import sys
import traceback
import types
from collections.abc import Iterator
from pathlib import Path

from surefoot.cli import main

# Control characters but newline and tab, surrogates, and what turns writing around.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
HANGS = 60  # seconds, on a loaded machine: what is wanted is an end


def reading(run: Path, page: Path) -> list[list[str]]:
    """Every command that reads a run, on this one."""
    runs = ["--runs", str(run.parent)]
    return [
        ["runs", *runs], ["runs", "--json", *runs], ["show", str(run)], ["show", "--json", str(run)], ["show", *runs],
        ["doctor", str(run)], ["doctor", "--json", str(run)], ["report", str(run), "-o", str(page)],
        ["compare", str(run), str(run), "-o", str(page)], ["compare", "--json", str(run), str(run)],
        ["export", "--csv", str(run), "-o", str(page.with_suffix(".csv"))],
    ]  # fmt: skip


def answer(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command run in this process.

    Raises:
        AssertionError: It hung.
    """
    out, err = io.StringIO(), io.StringIO()
    kept = sys.__stderr__
    sys.__stderr__ = err  # type: ignore[misc]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), limited(arguments):
            code = main._main(arguments)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.__stderr__ = kept  # type: ignore[misc]
    return code, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def limited(arguments: list[str]) -> Iterator[None]:
    """Ends what hangs."""

    def ring(number: int, frame: types.FrameType | None) -> None:
        raise TimeoutError(f"{arguments} hung at\n{''.join(traceback.format_stack(frame)[-6:])}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANGS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def faults(arguments: list[str], code: int, out: str, err: str) -> list[str]:
    """What is wrong with an answer; none for a good one."""
    found = []
    if code not in (0, 2):
        found.append(f"exit code {code}")
    if (code == 2) != (err.startswith("surefoot: ") and err.count("\n") == 1 and not out):
        found.append(f"exit code {code} with {len(out)} characters of answer and {err[:300]!r}")
    if code == 0 and err:
        found.append(f"an answer and {err[:300]!r}")
    for text in (out, err):
        if FORBIDDEN.search(text):
            found.append(f"control characters: {FORBIDDEN.findall(text)[:5]}")
    if len(err) > 4000:
        found.append(f"a sentence of {len(err)} characters")
    if code == 0 and "--json" in arguments:
        json.loads(out, parse_constant=_refuse)
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
