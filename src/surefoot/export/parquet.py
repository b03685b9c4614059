"""A run as a Parquet file."""

from __future__ import annotations

import json
from pathlib import Path

from surefoot.export.table import table_of
from surefoot.extras import needed_for
from surefoot.records import History


def write_parquet(history: History, path: str | Path) -> Path:
    """Write a row for each step: null where nothing was recorded, NaN where that was; the run in the file's metadata.

    Args:
        history: The run, whole.
        path: The file to write.

    Returns:
        The same path.

    Raises:
        MissingExtra: PyArrow is not installed.
    """
    with needed_for("Parquet files"):
        import pyarrow
        import pyarrow.parquet
    table, run = table_of(history), history.run
    columns = {
        "step": pyarrow.array(table.steps),
        "optimizer": pyarrow.array(table.optimizers, mask=table.optimizers < 0),
        **{
            column.name: pyarrow.array(column.values, mask=~column.recorded, from_pandas=False)
            for column in table.columns
        },
    }
    about = {"run": run.name, "script": run.script, "argv": list(run.argv), "status": run.status}
    whole = pyarrow.table(columns, metadata={"surefoot": json.dumps(about)})
    pyarrow.parquet.write_table(whole, path)
    return Path(path)
