"""A run as a tracker's own, read back by that tracker."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from surefoot.cli import main
from surefoot.diagnosis import whole_history_of
from surefoot.export.mlflow import write_mlflow
from surefoot.export.tensorboard import write_events
from surefoot.export.wandb import write_wandb

from .conftest import FINDINGS


def test_tensorboard(recorded: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = write_events(whole_history_of(recorded), FINDINGS, tmp_path / "events")
    read = EventAccumulator(str(folder))
    read.Reload()
    scalars = read.Tags()["scalars"]
    assert {"loss/optimizer 0", "loss/optimizer 1", "val_loss", "logged/loss"} <= set(scalars)
    assert [(e.step, e.value) for e in read.Scalars("loss/optimizer 1")] == [(2, 2.0), (4, 1.0)]
    assert [e.wall_time for e in read.Scalars("loss/optimizer 1")] == pytest.approx([1e9 + 0.2, 1e9 + 0.4])
    first, second = read.Scalars("loss/optimizer 0")
    assert (first.value, math.isnan(second.value)) == (3.0, True)
    assert [(e.step, e.value) for e in read.Scalars("val_loss")] == [(0, 9.0), (3, 8.0), (3, 4.0)]
    text = read.Tensors("surefoot/nonfinite-loss")[0]
    assert text.step == 3
    assert text.tensor_proto.string_val[0] == b"The loss is NaN.\n\nLower the rate."
    metadata = read.summary_metadata["surefoot/nonfinite-loss"]
    assert metadata.plugin_data.plugin_name == "text"


def test_wandb(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    folder = write_wandb(whole_history_of(recorded), FINDINGS, tmp_path / "out")
    assert folder.is_relative_to(tmp_path / "out" / "wandb")
    assert folder.name.startswith("offline-run-")
    wandb.teardown()  # waits for the process that writes the file, as the end of a program does
    history, summary = _read_wandb(next(folder.glob("*.wandb")))
    assert [(r["_step"], r["loss/optimizer 1"]) for r in history if "loss/optimizer 1" in r] == [
        (2, 2.0),
        (4, 1.0),
    ]
    assert [(r["_step"], r["val_loss"]) for r in history if "val_loss" in r] == [(0, 9.0), (3, 4.0)]
    assert summary["verdict"]
    assert summary["findings"] == ["nonfinite-loss"]


def _read_wandb(file: Path) -> tuple[list[dict[str, object]], dict[str, object]]:
    """History and summary of an offline run's file."""
    from wandb.proto import wandb_internal_pb2 as records

    history: list[dict[str, object]] = []
    summary: dict[str, object] = {}
    for data in _leveldb_log(file.read_bytes()[7:]):
        record = records.Record()
        record.ParseFromString(data)
        items = record.history.item
        if items:
            history.append({i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in items})
        for i in record.summary.update:
            summary[i.key or "/".join(i.nested_key)] = json.loads(i.value_json)
    return history, summary


def _leveldb_log(data: bytes) -> Iterator[bytes]:
    """The records of a log of LevelDB, which the file is after its own header of seven bytes."""
    at, whole = 0, b""
    while at + 7 <= len(data):
        left = 32768 - (at + 7) % 32768  # to the end of the block, the header in the first one
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield whole
            whole = b""


def test_mlflow(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    number = write_mlflow(whole_history_of(recorded), FINDINGS)
    client = mlflow.tracking.MlflowClient()
    run = client.get_run(number)
    assert run.data.tags["mlflow.runName"] == "two"
    assert run.info.status == "FINISHED"
    loss = client.get_metric_history(number, "loss/optimizer 1")
    assert [(m.step, m.value, m.timestamp) for m in loss] == [(2, 2.0, 10**12 + 200), (4, 1.0, 10**12 + 400)]
    assert client.get_metric_history(number, "a _b__ _c_")[0].step == 4


@pytest.mark.parametrize(
    ("option", "library", "package"),
    [
        ("--tensorboard", "TensorBoard", "tensorboard"), ("--wandb", "wandb", "wandb"),
        ("--mlflow", "MLflow", "mlflow"), ("--parquet", "PyArrow", "pyarrow"),
    ],
)  # fmt: skip
def test_a_missing_library_is_one_sentence(
    option: str, library: str, package: str, recorded: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import sys

    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main._main(["export", str(recorded), option]) == main.COULD_NOT_RUN
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert f"need {library}, which is not installed: pip install 'surefoot[" in said
