"""What recording a step costs, and how long a long run takes to read.

    python benchmarks/store.py [--steps 1000000] [--repeats 5]

Writing: microseconds a row, as the recorder writes (one transaction a batch), beside a bare SQLite table of
the same columns without anything of ours (the floor) and JSON lines. Reading: seconds to open a run and get
the series, beside SQLite's own `GROUP BY` over the same file. Medians; all of a table is measured in turn.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from surefoot.records import OptimizerInfo, ParameterInfo, Run
from surefoot.store.batch import Batch, LayerRow, StepRow
from surefoot.store.reader import open_run
from surefoot.store.summary import summary
from surefoot.store.writer import RunWriter


def rows(count: int) -> list[StepRow]:
    """A run as it looks: float32 losses and norms, a decaying learning rate, no clipper."""
    generator = np.random.default_rng(0)
    noise = generator.random((2, count), dtype=np.float32)
    decay = np.exp(-np.arange(count) / count)
    columns = [
        range(1, count + 1),
        [0] * count,
        (np.arange(count) * 1e-3 + 1e-7 * generator.random(count)).tolist(),
        [1] * count,
        (noise[0] * decay).astype(np.float32).tolist(),
        noise[1].tolist(),
        (0.1 * decay).tolist(),
    ]
    return [StepRow(*row) for row in zip(*columns, strict=True)]


def new_run(folder: Path, name: str) -> RunWriter:
    writer = RunWriter(folder)
    writer.create(Run(path="", name="", script="benchmark.py"), name=name)
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {"lr": 0.1}, ())]))
    return writer


def write_ours(folder: Path, data: list[StepRow], size: int) -> None:
    writer = new_run(folder, "ours")
    for start in range(0, len(data), size):
        writer.write(Batch(steps=data[start : start + size]))
    writer.close()


def write_bare(folder: Path, data: list[StepRow], size: int) -> None:
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE step (id INTEGER PRIMARY KEY, a, b, c, d, e, f, g, h, i)")
    for start in range(0, len(data), size):
        connection.execute("BEGIN")
        part = data[start : start + size]
        connection.executemany("INSERT INTO step VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", part)
        connection.execute("COMMIT")
    connection.close()


def write_json_lines(folder: Path, data: list[StepRow], size: int) -> None:
    with open(folder / "rows.jsonl", "w") as file:
        for start in range(0, len(data), size):
            for row in data[start : start + size]:
                file.write(json.dumps(row._asdict()) + "\n")
            file.flush()


def writing(repeats: int, count: int = 100_000) -> None:
    data = rows(count)
    print(f"\n| writing {count:,} steps | us a step, batches of 1,000 | batches of 50 |\n| - | - | - |")
    ways = {"surefoot": write_ours, "bare SQLite table": write_bare, "JSON lines": write_json_lines}
    taken: dict[tuple[str, int], list[float]] = {}
    for _ in range(repeats):
        for size in (1000, 50):
            for name, way in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    start = time.perf_counter()
                    way(Path(folder), data, size)
                    taken.setdefault((name, size), []).append((time.perf_counter() - start) / count * 1e6)
    for name in ways:
        print(
            f"| {name} | "
            + " | ".join(f"{statistics.median(taken[name, size]):.1f}" for size in (1000, 50))
            + " |"
        )


def layers(folder: Path, count: int = 20_000, columns: int = 64) -> None:
    writer = new_run(folder, "layers")
    values = np.random.default_rng(0).random((count, columns), dtype=np.float32)
    start = time.perf_counter()
    for first in range(0, count, 100):
        part = [LayerRow(k, 0, "parameter", "grad_norm", values[k]) for k in range(first, first + 100)]
        writer.write(Batch(layers=part))
    each = (time.perf_counter() - start) / count * 1e6
    writer.write(Batch(parameters=[ParameterInfo(k, f"p{k}", (1,)) for k in range(columns)]))
    writer.finish("finished", 0)
    start = time.perf_counter()
    with open_run(folder / "layers") as reader:
        found = reader.layers("parameter", "grad_norm", rows=2000)
    seconds = time.perf_counter() - start
    print(
        f"\nPer-layer rows of {columns} parameters: {each:.1f} us a row to write; {count:,} rows read as "
        f"{len(found):,} in {seconds:.3f} s."
    )


def reading(folder: Path, count: int, repeats: int) -> None:
    data = rows(count)
    write_ours(folder, data, 1000)
    del data
    run = folder / "ours"

    def in_sql() -> None:
        connection = sqlite3.connect(run / "run.db")
        bucket = max(1, count // 1000)
        connection.execute(f"SELECT min(loss), max(loss) FROM step GROUP BY id / {bucket}").fetchall()
        connection.close()

    def in_reader(action: Callable[..., object]) -> Callable[[], None]:
        def act() -> None:
            with open_run(run) as reader:
                action(reader)

        return act

    ways = {
        "loss at 2,000 points": in_reader(lambda reader: reader.series("loss")),
        "the same by SQLite's GROUP BY": in_sql,
        "a whole history at 2,000 points": in_reader(lambda reader: reader.history(2000)),
        "a history for the rules (100,000 points)": in_reader(lambda reader: reader.history()),
        "the last 200 steps by cursor": in_reader(
            lambda reader: reader.after(reader.cursor()._replace(step=count - 200))
        ),
        "summary": lambda: summary(run) and None,
    }
    taken: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken.setdefault(name, []).append(time.perf_counter() - start)
    print(f"\n| reading a run of {count:,} steps, file opened anew | median s | slowest s |\n| - | - | - |")
    for name, seconds in taken.items():
        print(f"| {name} | {statistics.median(seconds):.3f} | {max(seconds):.3f} |")
    size = sum(file.stat().st_size for file in run.iterdir())
    print(f"\nOn disk: {size / count:.0f} bytes a step.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    writing(arguments.repeats)
    with tempfile.TemporaryDirectory() as folder:
        layers(Path(folder))
        reading(Path(folder), arguments.steps, arguments.repeats)


if __name__ == "__main__":
    main()
