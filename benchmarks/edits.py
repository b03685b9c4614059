"""Edits faulty training scripts as their findings ask, and checks them again.

    python benchmarks/edits.py FOLDER… [--only NAME] [--jobs N] [--markdown FILE]

A folder has a `faults.toml` with [[fault]] entries (name) for `NAME/faulty.py`, as benchmarks/faults.py reads it. A
number that a finding asks to change, and does not say to what, is changed by a fixed factor.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from faults import Program, Score, programs, score
from surefoot.edits import Edit, edit
from surefoot.edits.details import details
from surefoot.edits.files import read
from surefoot.records import Finding
from surefoot.rules.places import place

# What no finding tells: the size of the change.
GIVEN = {
    "lr-too-high": {"factor": 0.1},
    "lr-too-low": {"factor": 100.0},
    "weight-decay-too-strong": {"factor": 0.01},
    "clipping-too-tight": {"factor": 1000.0},
}


@dataclass(frozen=True)
class Result:
    """A program as it is and as its main finding's edit leaves it."""

    before: Score
    edit: Edit | None = None
    after: Score | None = None

    @property
    def code(self) -> str:
        return self.before.codes[0] if self.before.codes else "-"

    @property
    def gone(self) -> bool:
        return self.after is not None and self.code not in everything(self.after)

    @property
    def new(self) -> list[str]:
        """Errors that are said of the edited program and not of the one as it is."""
        known = everything(self.before)
        said = self.after.findings if self.after is not None else ()
        return [f["code"] for f in said if f["severity"] == "error" and f["code"] not in known]


def everything(said: Score) -> set[str]:
    return {code for f in said.findings for code in (f["code"], *f.get("consequences", []))}


def result(program: Program, steps: int | None) -> Result:
    before = score(program, steps)
    if not before.findings:
        return Result(before)
    main = before.findings[0]
    at, text = place(main.get("where") or ""), read(program.script)
    line = at[1] if at is not None and at[0].endswith(program.script.name) else None
    finding = Finding(main["code"], main["severity"], "", "", evidence=main.get("evidence") or {})
    made = edit(text, finding.code, line, **GIVEN.get(finding.code, {}), **details(finding))
    if made is None:
        return Result(before)
    with tempfile.TemporaryDirectory() as scratch:
        edited = Path(scratch) / program.script.name
        edited.write_text(made.source, encoding="utf-8", newline="")
        return Result(before, made, score(replace(program, script=edited), steps))


def table(results: list[Result]) -> str:
    rows = ["| program | finding | edit | gone | new errors |", "| --- | --- | --- | --- | --- |"]
    for each in results:
        name, said = (
            each.before.program.label.removesuffix(" faulty"),
            each.edit.what if each.edit else "none",
        )
        gone = "" if each.edit is None else "yes" if each.gone else "NO"
        rows.append(f"| {name} | {each.code} | {said} | {gone} | {', '.join(each.new)} |")
    return "\n".join(rows)


def totals(results: list[Result]) -> str:
    edited = [each for each in results if each.edit is not None]
    gone, worse = sum(each.gone for each in edited), sum(bool(each.new) for each in edited)
    return (
        f"{len(edited)} of {len(results)} faulty programs have an edit for their main finding; "
        f"the finding is gone from {gone} of them; {worse} have an error that was not there before"
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
    chosen = [p for folder in arguments.folders for p in programs(folder) if p.expect]
    if arguments.only:
        chosen = [p for p in chosen if arguments.only in p.label]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda p: result(p, arguments.steps), chosen))
    print(f"{table(results)}\n\n{totals(results)}")
    if arguments.markdown:
        arguments.markdown.write_text(
            f"# Edits of faulty programs\n\n{totals(results)}.\n\n{table(results)}\n"
        )


if __name__ == "__main__":
    main()
