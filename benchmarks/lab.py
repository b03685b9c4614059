"""How long a frame of the descent lab takes, with eight racers, in headless Chromium; and how large the page is.

    python benchmarks/lab.py [--seconds 5] [--write docs/lab.md]

A frame is all that the page does between two pictures: the step, eight paths, both curves, the numbers. It is timed in
the page, from the browser's call to the end of the script; the pictures that came in a second are counted beside it.
A slider's move is all that follows it: 200 steps of all eight racers computed anew, curves, numbers, the picture.
Software rendering, one tab, the surfaces that cost least and most.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from measured import put

from surefoot.lab import lab

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from report.chromium import Chromium, program  # noqa: E402

WANTED = 8.0  # milliseconds
RACERS = ("gd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "gd", "momentum")
SURFACES = ("bowl", "himmelblau", "cliff", "outliers")


def link(surface: str, steps: int) -> str:
    racers = "&".join(f"racer={rule},rate:0.00{place + 1}" for place, rule in enumerate(RACERS))
    return f"surface={surface}&steps={steps}&{racers}"


def frames(browser: Chromium, page: Path, surface: str, seconds: float) -> tuple[float, float, float, float]:
    """Median and 95th percentile of a frame's milliseconds, pictures a second, milliseconds after a slider's move."""
    tab = browser.open(page, width=1280, height=800)
    steps = 1000
    tab.run(f"location.hash = {link(surface, steps)!r}")
    tab.wait("surefootLab.picture.rows === null && !surefootLab.lab.dirty")
    times = tab.run(
        f"""(surefootLab.player.speed = {steps / seconds / 1.2}, surefootLab.player.to(0), surefootLab.player.play(),
          surefootLab.times.length = 0,
          new Promise((done) => setTimeout(() => done([...surefootLab.times]), {1000 * seconds})))"""
    )
    ordered = sorted(times)
    tab.run("(surefootLab.player.pause(), surefootLab.lab.change({steps: 200}))")
    tab.settle()
    moves = tab.run(
        """(async () => {
          const times = [];
          for (let i = 0; i < 30; i++) {
            surefootLab.lab.changeRacer({rate: 0.001 * (1 + i / 30)});
            surefootLab.times.length = 0;
            while (!surefootLab.times.length) await new Promise(requestAnimationFrame);
            times.push(surefootLab.times[0]);
          }
          return times;
        })()"""
    )
    late = ordered[int(0.95 * len(ordered))]
    return statistics.median(ordered), late, len(times) / seconds, statistics.median(moves)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if program() is None:
        sys.exit("no Chromium on this machine: apt-get install chromium")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        page = lab().save(Path(folder) / "lab.html")
        size = page.stat().st_size
        with Chromium(Path(folder) / "profile") as browser:
            for surface in SURFACES:
                median, late, rate, move = frames(browser, page, surface, arguments.seconds)
                rows.append(f"| {surface} | {median:.1f} | {late:.1f} | {rate:.0f} | {move:.1f} |")
                print(rows[-1], flush=True)
    text = "\n".join(
        [
            f"Wanted: a frame within {WANTED:g} ms, 60 pictures a second. The page has {size / 1000:.0f} kB.",
            "",
            "| surface, eight racers | frame, median ms | 95th percentile | pictures a second | a slider's move, ms |",
            "| - | - | - | - | - |",
            *rows,
        ]
    )
    print(text)
    if arguments.write:
        put(text, arguments.write, __file__)


if __name__ == "__main__":
    main()
