"""Sets surefoot beside its peers on the same faulty, fixed and healthy scripts: causes named, false alarms, cost.

    python benchmarks/peers.py FOLDER… [--only NAME] [--limit N] [--jobs N] [--environments DIR] [--markdown FILE]

Each peer gets an environment of its own, made here on top of the present interpreter's packages (torch is not installed
again), and is attached to each unchanged script by benchmarks/peer_doors.py. What its messages name in surefoot's codes
is said in benchmarks/peer_words.py. A peer that cannot be installed is told with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from peer_page import GIVEN, READING, details, remarks, summary, what_was_run
from peer_words import Heard, Message, own_row, peer_row

import faults

HERE = Path(__file__).resolve().parent
TIMEOUT = 300  # seconds a script may take
PANDAS = ("pandas==2.3.3", "python-dateutil==2.9.0.post0", "pytz==2025.2", "tzdata==2025.2", "six==1.17.0")
PEERS: dict[str, tuple[str, ...]] = {  # the peer first, then what it needs beside torch, numpy and rich
    "gradsnitch": ("gradsnitch==0.1.0", *PANDAS),
    "torchmortem": ("torchmortem==0.1.1", "plotly==6.5.0", "narwhals==2.12.0"),
    "torch-audit": ("torch-audit==0.3.0", "click==8.3.1"),
}


def environment(folder: Path, peer: str) -> Path:
    """The interpreter of the peer's own environment, made if it is not there.

    Raises:
        OSError: the peer cannot be installed; the message has the installer's last line.
    """
    home = folder / peer
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = home / ".installed"
    wanted = "\n".join(PEERS[peer])
    if done.exists() and done.read_text() == wanted:
        return python
    venv.create(home, clear=True, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    (site / "host.pth").write_text(sysconfig.get_path("purelib"))  # after its own packages: these come first
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    ended = subprocess.run(
        [*command, "--target", str(site), *PEERS[peer]], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise OSError((ended.stderr.strip().splitlines() or ["the installer gave no reason"])[-1])
    done.write_text(wanted)
    return python


def _surroundings() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def hear(peer: str, python: Path, program: faults.Program, steps: int) -> Heard:
    """Run a script with the peer attached."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result.json"
        command = [str(python.absolute()), str(HERE / "peer_doors.py"), peer, str(program.script.resolve())]
        try:
            subprocess.run(
                [*command, str(result), "--steps", str(steps)],
                capture_output=True,
                text=True,
                cwd=scratch,
                timeout=TIMEOUT,
                env=_surroundings(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Heard(program, error=f"not at its end after {TIMEOUT} s")
        if not result.exists():
            return Heard(program, error="the process ended without a result")
        data = json.loads(result.read_text())
    messages = tuple(Message(**message) for message in data["messages"])
    return Heard(program, messages, data["doors"], data["error"], tuple(data["faults"]))


def fails_alone(program: faults.Program) -> bool:
    """Whether a script fails without any tool."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, str(program.script.resolve())]
        ended = subprocess.run(
            command, capture_output=True, cwd=scratch, timeout=TIMEOUT, env=_surroundings(), check=False
        )
    return ended.returncode != 0


def sample(programs: Sequence[faults.Program], limit: int | None) -> list[faults.Program]:
    """At most `limit` programs, spread evenly over the whole list, so that no choice is made by hand."""
    if limit is None or limit >= len(programs):
        return list(programs)
    return [programs[i * len(programs) // limit] for i in range(limit)]


def cost(tool: str, python: str, rounds: int) -> tuple[float, float]:
    """Milliseconds of a plain step, and the watched training's time over the plain one's."""
    surroundings = _surroundings()
    if python == sys.executable and "PYTHONPATH" in os.environ:
        surroundings["PYTHONPATH"] = os.environ["PYTHONPATH"]
    ended = subprocess.run(
        [python, str(HERE / "peer_cost.py"), tool, "--rounds", str(rounds)],
        capture_output=True,
        text=True,
        env=surroundings,
        check=True,
    )
    data = json.loads(ended.stdout.splitlines()[-1])
    return data["plain"], data["ratio"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only", help="programs whose label contains this")
    parser.add_argument("--limit", type=int, help="so many programs, spread over the whole list")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--steps", type=int, default=200, help="optimizer steps of each script, for all tools"
    )
    parser.add_argument("--rounds", type=int, default=7, help="of the cost measurement; 0 leaves it out")
    parser.add_argument("--environments", type=Path, default=Path(".benchmarks/peers"))
    parser.add_argument("--markdown", type=Path, help="write the page to this file")
    arguments = parser.parse_args()
    every = [p for folder in arguments.folders for p in faults.programs(folder)]
    every = [p for p in every if not arguments.only or arguments.only in p.label]
    chosen = sample(every, arguments.limit)

    pythons: dict[str, Path] = {}
    absent: dict[str, str] = {}
    for peer in PEERS:
        try:
            pythons[peer] = environment(arguments.environments, peer)
        except OSError as reason:
            absent[peer] = str(reason)
    heard: dict[str, list[Heard]] = {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        own = list(pool.map(lambda p: faults.score(p, arguments.steps), chosen))
        for peer, python in pythons.items():
            heard[peer] = list(pool.map(lambda p: hear(peer, python, p, arguments.steps), chosen))  # noqa: B023
    ended_badly = {s.program.label for s in own if s.status == "failed"}
    ended_badly |= {h.program.label for said in heard.values() for h in said if h.error is not None}
    alone = [p.label for p in chosen if p.label in ended_badly and fails_alone(p)]
    rows = [own_row(own, alone), *(peer_row(peer, said, alone) for peer, said in heard.items())]
    costs = {}
    if arguments.rounds:
        costs = {
            tool: cost(tool, sys.executable, arguments.rounds) for tool in ("surefoot", "surefoot check")
        }
        for peer, python in pythons.items():
            for tool in [peer, *([f"{peer} each step"] if peer == "torch-audit" else [])]:
                costs[tool] = cost(tool, str(python.absolute()), arguments.rounds)
    page = "\n\n".join(
        [
            "# Beside its peers",
            what_was_run(arguments, (needs[0] for needs in PEERS.values()), len(every), len(chosen), costs),
            summary(rows, costs),
            *(f"{peer} could not be installed: {reason}." for peer, reason in absent.items()),
            READING,
            "## What each was given\n\n"
            + "\n".join(f"- **{tool}**: {given}." for tool, given in GIVEN.items()),
            "## Program by program\n\n" + details(own, heard),
            *remarks(heard, alone),
        ]
    )
    print(page)
    if arguments.markdown:
        arguments.markdown.write_text(page + "\n")


if __name__ == "__main__":
    main()
