"""The records and the file that keeps them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from surefoot.errors import SettingError, StoreError
from surefoot.surfaces import Descent, Path, Sharpness, Slice, Smoothness, Surface, Trajectory, load, save

ramp = np.linspace(0, 1, 4)
path = Path("SGD", np.arange(4), np.stack([ramp, -ramp], 1), ramp, np.array([3.0, 2, 1, np.nan]), True)
RECORDS = [
    Slice("w", "parameter", ramp, ramp**2, 2 * ramp, 0.5, 0.25, "averaged", ramp, ramp + 1, {"mode": "eval"}),
    path,
    Descent("gradient descent", 100, 0.5, None, 7, 0.6, np.zeros((3, 2))),
    Surface(
        kind="principal",
        x=ramp,
        y=ramp[:3],
        losses=np.array([[1.0, np.nan, 2, 3], [5, 0.5, np.inf, 1], [9, 9, 9, 9]]),
        center=(0.0, 0.0),
        center_loss=1.0,
        x_name="x",
        y_name="y",
        gradients=np.zeros((3, 4, 2)),
        explained=(0.75, 0.2),
        paths=(path, path),
        descent=Descent("d", 1, 0.0, 3, 2, 0.0, np.zeros((1, 2))),
        settings={"lengths": [1.0, 2.0], "mode": "train"},
    ),
    Trajectory(
        "a", np.arange(2), np.ones((2, 3), np.float32), (("w", (1, 2)), ("b", ())), ramp[:2], 3, None, None
    ),
    Sharpness(1.0, -1.0, 0.1, 2.0, 0.3, 5, 7, 0.5, None, None, {"seed": 0}, 0.2),
    Smoothness(np.arange(4), ramp, ramp, ramp, ramp, (0.5, 1.0), 20),
]


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a)
        )
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: type(r).__name__)
def test_a_record_comes_back_as_it_was_kept(record, tmp_path):
    written = save(record, tmp_path / "deep" / "record.npz")
    assert written.name == "record.npz"
    assert [p.name for p in written.parent.iterdir()] == ["record.npz"]
    assert same(load(written), record)


def test_the_numbers_can_be_read_without_surefoot(tmp_path):
    save(RECORDS[3], tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["losses"], RECORDS[3].losses)
        np.testing.assert_array_equal(file["paths.1.points"], path.points)


def test_the_minimum_is_the_lowest_finite_loss():
    assert RECORDS[3].minimum == (ramp[1], ramp[1], 0.5)
    nothing = dataclasses.replace(RECORDS[0], losses=np.full(4, np.nan))
    with pytest.raises(SettingError, match="smaller span"):
        _ = nothing.minimum


def test_the_statement_gives_variance_and_distance():
    assert "95.0 %" in RECORDS[3].statement
    assert "at most 1 off the plane (estimated)" in RECORDS[3].statement
    alone = dataclasses.replace(RECORDS[3], paths=(), explained=None)
    assert "nly the trained point" in alone.statement
    flat = [
        dataclasses.replace(p, distances=np.zeros(len(p.steps)), estimated=False) for p in RECORDS[3].paths
    ]
    assert dataclasses.replace(RECORDS[3], paths=tuple(flat)).statement.endswith("all paths lie on it")
    assert dataclasses.replace(RECORDS[3], paths=(flat[0],)).statement.endswith("the path lies on it")


def test_unreadable_files_get_one_sentence(tmp_path):
    with pytest.raises(StoreError, match="there is no file"):
        load(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"PK nonsense")
    with pytest.raises(StoreError, match="surefoot wrote"):
        load(tmp_path / "bad.npz")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        save(RECORDS[0], tmp_path / "file" / "record.npz")


def test_records_do_not_load_torch():
    code = "import sys, surefoot.surfaces; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
