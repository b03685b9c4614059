"""A run as a table: what is written in each cell, read back by the library it is for."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.cli import main
from surefoot.diagnosis import whole_history_of
from surefoot.errors import SettingError
from surefoot.export.csv_file import write_csv
from surefoot.export.parquet import write_parquet

NAMES = [
    "step", "optimizer", "loss", "grad_norm", "lr", "micro_steps", "time", "val_loss", "logged/loss", 'a "b", <c>'
]  # fmt: skip


def test_csv(recorded: Path, tmp_path: Path) -> None:
    path = write_csv(whole_history_of(recorded), tmp_path / "run.csv")
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        NAMES,
        ["0", "", "", "", "", "", "", "9.0", "", ""],
        ["1", "0", "3.0", "1.5", "0.1", "1", "0.1", "", "", ""],
        ["2", "1", "2.0", "", "0.1", "1", "0.2", "", "2.5", ""],
        ["3", "0", "NaN", "inf", "0.1", "2", "0.3", "4.0", "", ""],
        ["4", "1", "1.0", "0.5", "0.1", "1", "0.4", "", "", "NaN"],
    ]


def test_parquet_tells_null_from_nan(recorded: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = write_parquet(whole_history_of(recorded), tmp_path / "run.parquet")
    table = parquet.read_table(path)
    assert table.column_names == NAMES
    assert table["step"].to_pylist() == [0, 1, 2, 3, 4]
    assert table["optimizer"].to_pylist() == [None, 0, 1, 0, 1]
    loss = table["loss"].to_pylist()
    assert loss[:3] == [None, 3.0, 2.0]
    assert math.isnan(loss[3])
    assert table["grad_norm"].to_pylist() == [None, 1.5, None, math.inf, 0.5]
    about = json.loads(table.schema.metadata[b"surefoot"])
    assert about == {"run": "two", "script": "train.py", "argv": ["--lr", "1"], "status": "finished"}


def test_frame_of_pandas(recorded: Path) -> None:
    pytest.importorskip("pandas")
    frame = sf.frame(recorded)
    assert list(frame.columns) == NAMES
    assert frame["step"].tolist() == [0, 1, 2, 3, 4]
    assert frame["optimizer"].tolist() == [-1, 0, 1, 0, 1]
    assert frame.groupby("optimizer")["loss"].last().to_dict()[1] == 1.0
    assert frame["val_loss"].dropna().tolist() == [9.0, 4.0]


def test_frame_of_polars(recorded: Path) -> None:
    polars = pytest.importorskip("polars")
    frame = sf.frame(recorded, "polars")
    assert frame.columns == NAMES
    assert frame["loss"].null_count() == 1
    assert frame["loss"].dtype == polars.Float64
    assert frame["val_loss"].to_list() == [9.0, None, None, 4.0, None]


def test_frame_of_a_training_under_way(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    import torch

    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], 0.1)
    with sf.watch(None, optimizer, runs=tmp_path) as run:
        for step in range(5):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
            run.log(score=step)
        under_way = run.frame()
    assert under_way["step"].tolist() == [1, 2, 3, 4, 5]
    assert under_way["score"].tolist() == [0, 1, 2, 3, 4]
    assert under_way["loss"].iloc[0] == 2.0
    assert run.frame()["loss"].tolist() == under_way["loss"].tolist()


def test_no_series_is_thinned(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    from surefoot.records import OptimizerInfo, Run
    from surefoot.store.batch import Batch, StepRow
    from surefoot.store.reader import FULL_POINTS
    from surefoot.store.writer import RunWriter

    count = FULL_POINTS + 1000
    writer = RunWriter(tmp_path)
    path = writer.create(Run(path="", name="", script="long.py"), "long")
    rows = [StepRow(n, 0, float(n), 1, float(n)) for n in range(1, count + 1)]
    writer.write(Batch(rows, optimizers=[OptimizerInfo(0, "SGD", {}, ())]))
    writer.finish("finished", 0)
    assert sf.frame(path)["loss"].tolist() == list(range(1, count + 1))


def test_an_unknown_library(recorded: Path) -> None:
    with pytest.raises(SettingError, match="give 'pandas' or 'polars'"):
        sf.frame(recorded, "excel")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "export to what? Give --csv, --parquet, --tensorboard, --wandb or --mlflow."),
        (["--csv", "--parquet", "-o", "x"], "--output is one place, for one format"),
        (["--mlflow", "-o", "x"], "set MLFLOW_TRACKING_URI"),
        (["--csv", "-o", "absent/run.csv"], "does not exist"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    words: list[str], sentence: str, recorded: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main._main(["export", str(recorded), *words]) == main.COULD_NOT_RUN
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("surefoot: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err


def test_the_command_writes_by_the_name_of_the_run(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main._main(["export", str(recorded), "--csv"]) == 0
    assert capfd.readouterr().out == "two.csv\n"
    assert (tmp_path / "two.csv").read_text().startswith("step,optimizer,loss,")
