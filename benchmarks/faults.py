"""Scores `surefoot check` on folders of faulty, fixed and healthy training scripts.

    python benchmarks/faults.py FOLDER… [--only NAME] [--jobs N] [--markdown FILE]

A folder has a `faults.toml` with [[fault]] entries (name, expect, also) for `NAME/faulty.py` and `NAME/fixed.py`, and
[[healthy]] entries (name) for `healthy/NAME.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


@dataclass(frozen=True)
class Program:
    """One script with what is right to say of it."""

    label: str
    script: Path
    expect: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """What was said of a script."""

    program: Program
    findings: tuple[dict, ...] = ()
    exit_code: int = 0
    seconds: float = 0.0
    steps: int = 0
    status: str = ""
    stderr: str = field(default="", repr=False)

    @property
    def codes(self) -> list[str]:
        return [finding["code"] for finding in self.findings]

    @property
    def main_right(self) -> bool:
        return bool(self.codes) and self.codes[0] in self.program.expect

    @property
    def found(self) -> bool:
        folded = [code for finding in self.findings for code in finding.get("consequences", [])]
        return any(code in self.program.expect for code in [*self.codes, *folded])

    @property
    def false_alarms(self) -> list[str]:
        return [
            finding["code"]
            for finding in self.findings
            if finding["severity"] in ("error", "warning") and finding["code"] not in self.program.also
        ]


def programs(folder: Path) -> list[Program]:
    listed = tomllib.loads((folder / "faults.toml").read_text())
    found = []
    for fault in listed.get("fault", []):
        name, expect, also = fault["name"], tuple(fault["expect"]), tuple(fault.get("also", ()))
        found.append(Program(f"{name} faulty", folder / name / "faulty.py", expect, also))
        if (folder / name / "fixed.py").exists():
            found.append(Program(f"{name} fixed", folder / name / "fixed.py", (), also))
    for healthy in listed.get("healthy", []):
        name = healthy["name"]
        also = tuple(healthy.get("also", ()))
        found.append(Program(f"{name} healthy", folder / "healthy" / f"{name}.py", (), also))
    return found


def score(program: Program, steps: int | None) -> Score:
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "result.json"
        command = [
            sys.executable,
            "-m",
            "surefoot",
            "check",
            "--runs",
            f"{scratch}/runs",
            "--json",
            str(result),
        ]
        if steps is not None:
            command += ["--steps", str(steps)]
        began = time.perf_counter()
        ended = subprocess.run(
            [*command, str(program.script.resolve())],
            capture_output=True,
            text=True,
            cwd=scratch,
            timeout=600,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        )
        seconds = time.perf_counter() - began
        data = json.loads(result.read_text()) if result.exists() else {}
    return Score(
        program,
        tuple(data.get("findings", ())),
        ended.returncode,
        seconds,
        data.get("steps", 0),
        data.get("status", ""),
        ended.stderr,
    )


def table(scores: list[Score]) -> str:
    lines = [
        "| program | expected | said | right | found | false alarms | steps | s |",
        "| - | - | - | - | - | - | - | - |",
    ]
    for s in scores:
        faulty = bool(s.program.expect)
        right, found = (("yes" if hit else "NO") if faulty else "" for hit in (s.main_right, s.found))
        alarms = "" if faulty else ", ".join(s.false_alarms)
        said, expected = ", ".join(s.codes) or "-", ", ".join(s.program.expect)
        lines.append(
            f"| {s.program.label} | {expected} | {said} | {right} | {found} | {alarms} | {s.steps} | {s.seconds:.1f} |"
        )
    return "\n".join(lines)


def totals(scores: list[Score]) -> str:
    faulty = [s for s in scores if s.program.expect]
    sound = [s for s in scores if not s.program.expect]
    right, found = sum(s.main_right for s in faulty), sum(s.found for s in faulty)
    alarms = sum(bool(s.false_alarms) for s in sound)
    return (
        f"main finding right on {right} of {len(faulty)}, found on {found}; "
        f"a false alarm on {alarms} of {len(sound)} fixed or healthy programs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only", help="programs whose label contains this")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--steps", type=int, default=None, help="optimizer steps; default: those of surefoot check"
    )
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    chosen = [p for folder in arguments.folders for p in programs(folder)]
    if arguments.only:
        chosen = [p for p in chosen if arguments.only in p.label]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        scores = list(pool.map(lambda p: score(p, arguments.steps), chosen))
    print(table(scores))
    print()
    print(totals(scores))
    if arguments.markdown:
        arguments.markdown.write_text(
            f"# Faults: what `surefoot check` says\n\n{totals(scores)}.\n\n{table(scores)}\n"
        )


if __name__ == "__main__":
    main()
