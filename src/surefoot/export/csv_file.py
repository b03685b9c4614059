"""A run as comma-separated values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from surefoot.export.table import Column, table_of
from surefoot.records import History


def write_csv(history: History, path: str | Path) -> Path:
    """Write a row for each step; an empty cell says that nothing was recorded, NaN and inf are what was.

    Args:
        history: The run, whole.
        path: The file to write.

    Returns:
        The same path.
    """
    table = table_of(history)
    columns = [_cells(column) for column in table.columns]
    steps, optimizers = table.steps.tolist(), ["" if n < 0 else n for n in table.optimizers.tolist()]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "optimizer", *(column.name for column in table.columns)])
        writer.writerows(zip(steps, optimizers, *columns, strict=True))
    return Path(path)


def _cells(column: Column) -> list[object]:
    whole = column.name == "micro_steps"
    return [
        "" if not known else "NaN" if np.isnan(value) else int(value) if whole else value
        for value, known in zip(column.values.tolist(), column.recorded.tolist(), strict=True)
    ]
