"""Runs scripts: alone, for their score, and under `surefoot check`, for what it says. Nothing is run twice.

Each runs in a forked child of a process that has imported torch. What came out is kept by the hash of the script's
text, what was said by that of surefoot's source as well, so that a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import TypeVar

from forge.cells import Cell

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from forked import Forks  # noqa: E402

LIBRARIES = (
    *("torch._dynamo.backends.common", "accelerate", "lightning", "lightning.fabric"),
    *("transformers", "transformers.trainer"),
)
Ran = TypeVar("Ran")
_SCORE = re.compile(r"score (\S+)")


@dataclass(frozen=True)
class Alone:
    """What a script did without surefoot: exit code, the score it printed last, its last line."""

    code: int
    score: float | None
    last: str


@dataclass(frozen=True)
class Said:
    """What `surefoot check` said: findings (those folded under them by code), how the script ended, steps, seconds."""

    findings: tuple[dict, ...]
    status: str
    steps: int
    seconds: float
    score: float | None
    trouble: str = ""


@cache
def source() -> str:
    """A hash of surefoot's source."""
    files = sorted((ROOT / "src" / "surefoot").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


class Kept:
    """Results in a file, one a line, by key."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._lock = path, Lock()
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._known = {entry["key"]: entry for entry in map(json.loads, lines)}

    def get(self, key: str) -> dict | None:
        """What is kept under a key."""
        entry = self._known.get(key)
        return {name: value for name, value in entry.items() if name != "key"} if entry else None

    def put(self, key: str, value: dict) -> None:
        """Keep a result."""
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, **value}) + "\n")
        self._known[key] = {"key": key, **value}


class Bench:
    """Runs cells on `jobs` forking processes, and keeps what came out in `folder`."""

    def __init__(self, folder: Path, jobs: int, libraries: tuple[str, ...] = LIBRARIES) -> None:
        self._libraries = libraries
        self._alone = Kept(folder / "alone.jsonl")
        self._said = Kept(folder / f"said-{source()}.jsonl")
        self._jobs = jobs
        self._free: SimpleQueue[Forks] = SimpleQueue()
        self._started = 0

    def alone(self, cell: Cell) -> Alone:
        """The cell's script without surefoot."""
        text = cell.text
        assert text is not None, cell.name
        key = hashlib.sha256(text.encode()).hexdigest()
        if (kept := self._alone.get(key)) is None:
            kept = asdict(self._run_alone(text))
            self._alone.put(key, kept)
        return Alone(**kept)

    def said(self, cell: Cell) -> Said:
        """The cell's script under `surefoot check`."""
        text = cell.text
        assert text is not None, cell.name
        key = hashlib.sha256(text.encode()).hexdigest()
        if (kept := self._said.get(key)) is None:
            kept = asdict(self._run_check(text))
            self._said.put(key, kept)
        return Said(**{**kept, "findings": tuple(kept["findings"])})

    def each(self, cells: Iterable[Cell], run: Callable[[Cell], Ran]) -> Iterator[Ran]:
        """`run` on each cell, in order, as many at a time as there are processes."""
        with ThreadPoolExecutor(self._jobs) as pool:
            yield from pool.map(run, cells)

    def close(self) -> None:
        """End the processes."""
        while not self._free.empty():
            self._free.get().close()

    def _forks(self) -> Forks:
        if self._free.empty() and self._started < self._jobs:
            self._started += 1
            return Forks(*self._libraries)
        return self._free.get()

    def _run_alone(self, text: str) -> Alone:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "train.py"
            script.write_text(text, encoding="utf-8")
            forks = self._forks()
            ended = forks.python(Path(folder), script)
            self._free.put(forks)
        lines = ended.said.strip().splitlines()
        return Alone(ended.code, _score(ended.said), lines[-1][:200] if lines else "")

    def _run_check(self, text: str) -> Said:
        with tempfile.TemporaryDirectory() as folder:
            script, result = Path(folder) / "train.py", Path(folder) / "result.json"
            script.write_text(text, encoding="utf-8")
            forks = self._forks()
            ended = forks.surefoot(
                Path(folder), "check", "--runs", f"{folder}/runs", "--json", str(result), str(script)
            )
            self._free.put(forks)
            if not result.exists():
                return Said((), "", 0, ended.seconds, None, ended.said[-400:])
            told = json.loads(result.read_text(encoding="utf-8"))
        wanted = ("code", "severity", "confidence", "where", "title", "consequences")
        findings = tuple({name: finding[name] for name in wanted} for finding in told["findings"])
        return Said(findings, told["status"], told["steps"], round(ended.seconds, 2), _score(ended.said))


def _score(said: str) -> float | None:
    """The last score that was printed."""
    scores = _SCORE.findall(said)
    try:
        return float(scores[-1]) if scores else None
    except ValueError:
        return None
