"""How long the live page takes: the first paint of a long run, and an update of many curves.

    python benchmarks/view.py [--steps 1000000] [--curves 24] [--repeats 5]

In headless Chromium, against a server of its own: milliseconds from the request of the page until its curves are there,
and until points that came are drawn in all curves. Medians.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from report.chromium import Chromium, Tab
from store import new_run, rows
from surefoot.store.batch import Batch, MetricRow

_BATCH = 5_000
_DRAWN = "document.querySelector('#chart-loss canvas') ? performance.now() : 0"
# All charts mounted; then the same news for each curve, timed to the frame after it.
_UPDATE = """
(async () => {{
  const {{ charts }} = window.surefoot;
  for (const {{ figure }} of charts.made.values()) charts.mount(figure);
  await new Promise((done) => setTimeout(done, 500));
  const sources = [...charts.made.values()].flatMap((one) => one.spec.series).filter((one) => one.source && !one.mean);
  const last = charts.extent[1];
  const steps = Array.from({{ length: 50 }}, (_, at) => last + 1 + at);
  const new_ = {{ steps, values: steps.map(Math.sin), nonfinite: [] }};
  const news = sources.slice(0, {curves}).map(({{ source }}) => ({{ source, ...new_ }}));
  const begin = performance.now();
  charts.grow(news);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return [performance.now() - begin, news.length];
}})()
"""


def write(runs: Path, steps: int, curves: int) -> None:
    """A long run, and one of as many metrics as curves."""
    data = rows(steps)
    for name, kept in (("long", data), ("wide", data[:2000])):
        writer = new_run(runs, name)
        for start in range(0, len(kept), _BATCH):
            part = kept[start : start + _BATCH]
            writer.write(Batch(steps=part, run={"steps": part[-1].step}))
        if name == "wide":
            named = [(step, f"metric {metric}") for step in range(1, 2001) for metric in range(curves)]
            writer.write(Batch(metrics=[MetricRow(step, one, float(step % 97), 0.0) for step, one in named]))
        writer.finish("finished")


def opened(browser: Chromium, url: str) -> tuple[Tab, float]:
    """A tab, and the milliseconds until the loss was drawn."""
    tab = browser.open(url)
    tab.wait(f"({_DRAWN}) > 0", seconds=120)
    first = tab.run("performance.getEntriesByName('surefoot-first')[0].startTime")
    return tab, float(first)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--curves", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), options.steps, options.curves)
        command = [sys.executable, "-m", "surefoot", "view", folder, "--port", "0", "--no-browser"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as profile, Chromium(Path(profile)) as browser:
            paints = [opened(browser, f"{address}run?name=long")[1] for _ in range(options.repeats)]
            updates = []
            for _ in range(options.repeats):
                tab, _ = opened(browser, f"{address}run?name=wide")
                tab.wait("'whole' in document.documentElement.dataset", seconds=120)
                took, count = tab.run(_UPDATE.format(curves=options.curves))
                updates.append(took)
        server.send_signal(signal.SIGINT)
        server.wait()
    print(f"first paint of {options.steps:,} steps: {statistics.median(paints):.0f} ms")
    print(f"update of {count} curves: {statistics.median(updates):.0f} ms")


if __name__ == "__main__":
    main()
