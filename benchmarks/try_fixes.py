"""How much of what a fault costs comes back by `surefoot try`: faulty programs beside their sound twins.

    python benchmarks/try_fixes.py FOLDER… [--only NAME,…] [--steps N] [--markdown FILE] [--json FILE]

A folder has a `faults.toml` with [[fault]] entries for `NAME/faulty.py` and `NAME/fixed.py`. Of each pair the table has
the loss of the faulty form, with the fixes that help, and of the sound one, after the same steps. The share is what the
fixes gain of what the sound form gains; where a fix gives the loss another form, all three are measured in it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from surefoot.capture.script import Target
from surefoot.errors import SurefootError
from surefoot.experiment.comparing import Form, compared, losses
from surefoot.experiment.engine import Plan, Trying
from surefoot.experiment.trainings import Trainings, Wanted
from surefoot.search.pool import Pool

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib


@dataclass(frozen=True)
class Row:
    """One pair."""

    name: str
    found: str
    fixes: str = ""
    faulty: float = math.nan
    tried: float = math.nan
    sound: float = math.nan
    healthy: bool = False
    why: str = ""

    @property
    def share(self) -> float:
        """Of what the sound form gains; NaN where it gains nothing that could be shared."""
        if not self.fixes or not math.isfinite(self.sound) or not math.isfinite(self.tried):
            return math.nan
        if not math.isfinite(self.faulty):
            return 1.0
        gain = self.faulty - self.sound
        return (self.faulty - self.tried) / gain if gain > 0.02 * abs(self.faulty) else math.nan


def pairs(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    listed = tomllib.loads((folder / "faults.toml").read_text(encoding="utf-8"))
    for fault in listed["fault"]:
        faulty, fixed = (folder / fault["name"] / name for name in ("faulty.py", "fixed.py"))
        if fixed.exists():
            yield fault["name"], faulty.resolve(), fixed.resolve()


def row(name: str, faulty: Path, fixed: Path, steps: int, pool: Pool) -> Row:
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        try:
            return _row(name, faulty, fixed, steps, pool, Path(scratch))
        except SurefootError as error:
            return Row(name, "", why=str(error))


def _row(name: str, faulty: Path, fixed: Path, steps: int, pool: Pool, scratch: Path) -> Row:
    (scratch / "a").mkdir()
    (scratch / "b").mkdir()
    target = Target(str(faulty))
    trainings = Trainings(target, scratch / "a", steps, False, pool=pool)
    trying = Trying(target, Plan(steps), scratch / "a", trainings, lambda said: None)
    tried = trying.run()
    codes = [each.code for each in tried.findings if each.severity != "information"]
    main = codes[0] if codes else ""
    if tried.best is None:
        why = (
            "tried, none helps"
            if tried.alone
            else next((each.reason for each in tried.untried), "nothing found")
        )
        return Row(name, main, why=why)
    best = trying.chain[-1]
    twin = Trainings(Target(str(fixed)), scratch / "b", steps, False, pool=pool)
    sound = twin.run([Wanted(measured=trying.measured)])[0]
    form = Form(trying.form.measured)
    three = losses([trying.base.history, best.history, sound.history], trying.form)
    if trying.form.turned:  # the sound form has its sign
        three[2] = losses([sound.history], form)[0]
    return Row(
        name,
        main,
        " + ".join(fix.said for fix in tried.best.fixes),
        *map(compared, three),
        tried.best.healthy,
    )


def markdown(rows: list[Row]) -> str:
    lines = [
        "| program | found | fixes that help | faulty | tried | sound | share |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in rows:
        numbers = " | ".join(
            "" if math.isnan(n) else f"{n:.4g}" for n in (each.faulty, each.tried, each.sound)
        )
        share = "" if math.isnan(each.share) else f"{each.share:.0%}"
        lines.append(
            f"| {each.name} | {each.found} | {each.fixes or f'none: {each.why}'} | {numbers} | {share} |"
        )
    helped = [each for each in rows if each.fixes]
    shares = [each.share for each in helped if not math.isnan(each.share)]
    well = sum(share >= 0.8 for share in shares)
    lines += [
        "",
        f"{len(helped)} of {len(rows)} have a fix that helps; of {len(shares)} with something to gain, {well} "
        "recover four fifths and more.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only", default="")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    chosen = set(given.only.split(",")) - {""}
    rows: list[Row] = []
    os.environ["OMP_NUM_THREADS"] = "1"
    with Pool(1) as pool:
        for folder in given.folders:
            for name, faulty, fixed in pairs(folder):
                if not chosen or name in chosen:
                    rows.append(row(name, faulty, fixed, given.steps, pool))
                    print(rows[-1], f"share {rows[-1].share:.2f}", file=sys.stderr, flush=True)
                    if given.json:
                        given.json.write_text(json.dumps([asdict(each) for each in rows]), encoding="utf-8")
    text = markdown(rows)
    print(text)
    if given.markdown:
        given.markdown.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
