"""`python -m forge score [--cells N] [--markdown FILE]`, `python -m forge show NAME`, `python -m forge one NAME`."""

from __future__ import annotations

import argparse
import json
import os
import time
from importlib.metadata import version
from pathlib import Path

from forge.cells import Cell, cells
from forge.page import page
from forge.running import ROOT, Bench
from forge.score import Result, Share
from forge.verify import FAULT, SOUND, label

KEPT = ROOT / ".forge"


def main() -> None:
    """Parse, and do it."""
    parser = argparse.ArgumentParser(prog="python -m forge", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("score", help="run cells and score them")
    scoring.add_argument("--cells", type=int, default=3000, help="how many scripts")
    scoring.add_argument("--half", choices=("chosen", "reported", "both"), default="both")
    for filter_ in ("without", "only"):
        scoring.add_argument(
            f"--{filter_}", default="", help="data, family, style, kind of fault; separated by commas"
        )
    scoring.add_argument("--jobs", type=int, default=2)
    scoring.add_argument("--markdown", type=Path)
    scoring.add_argument("--minutes", type=float, default=None, help="end, with what is done, after so long")
    for command, what in (("show", "print a cell's script"), ("one", "run a cell, alone and under check")):
        commands.add_parser(command, help=what).add_argument("name")
    arguments = parser.parse_args()
    if arguments.command == "show":
        print(Cell.named(arguments.name).text)
    elif arguments.command == "one":
        _one(Cell.named(arguments.name))
    else:
        _score(arguments)


def _one(cell: Cell) -> None:
    bench = Bench(KEPT, 1)
    result = _labelled(bench, cell)
    reached, sound = bench.alone(cell).score, bench.alone(cell.sound).score
    bench.close()
    print(f"{cell.name}: {result.label}, score {reached}, of its sound form {sound}")
    print(f"expected {', '.join(result.expected) or 'nothing'}; said")
    print(json.dumps(result.said.findings, indent=1), result.said.trouble)


def _labelled(bench: Bench, cell: Cell) -> Result:
    said = bench.said(cell)
    return Result(cell, label(bench, cell, said), said)


def _score(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    bench = Bench(KEPT, arguments.jobs)
    results: list[Result] = []
    left_out, kept = (set(filter(None, text.split(","))) for text in (arguments.without, arguments.only))
    chosen = list(cells(arguments.cells, arguments.half, left_out, kept))
    for result in bench.each(chosen, lambda cell: _labelled(bench, cell)):
        results.append(result)
        minutes = (time.monotonic() - began) / 60
        if len(results) % 20 == 0:
            print(f"{len(results)} of {len(chosen)}, {minutes:.0f} minutes, {_said(results)}", flush=True)
        if arguments.minutes and minutes > arguments.minutes:
            break
    print(_said(results), flush=True)
    if arguments.markdown:
        arguments.markdown.write_text(page(results, _share(results, len(chosen))), encoding="utf-8")
    if len(results) < len(chosen):
        os._exit(0)  # what waits in the pool is for another time
    bench.close()


def _share(results: list[Result], wanted: int) -> str:
    sound = sum(not result.expected for result in results)
    done = f"the first {len(results)} of {wanted} programs, {sound} of them without a fault"
    return f"This run: {done}; torch {version('torch')}.\n"


def _said(results: list[Result]) -> str:
    faulty = [r for r in results if r.label == FAULT]
    right = Share.counted(faulty, lambda r: r.right)
    alarms = Share.counted([r for r in results if r.label == SOUND], lambda r: r.alarm)
    return f"main finding right on {right}, false alarms on {alarms}"


if __name__ == "__main__":
    main()
