"""A training's folder: made by whoever comes first, found by the others, shared with no other training."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from surefoot.records import Run
from surefoot.store.groups import PROCESSES, find_group, group_folder, runs_in
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs
from surefoot.store.writer import RunWriter


def test_one_folder_for_a_training(tmp_path: Path) -> None:
    assert find_group(tmp_path, "a", "1") is None
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: group_folder(tmp_path, "a", "1"), range(8)))
    assert made == {tmp_path / "a"} == {find_group(tmp_path, "a", "1")}
    assert group_folder(tmp_path, "a", "2") == tmp_path / "a-2" == find_group(tmp_path, "a", "2")
    assert find_group(tmp_path, "a", "3") is None


def test_a_run_of_one_process_is_left_alone(tmp_path: Path) -> None:
    RunWriter(tmp_path).create(Run("", "", "a.py"), "a")
    assert group_folder(tmp_path, "a", "1") == tmp_path / "a-2"


def test_runs_in_the_order_of_their_ranks(tmp_path: Path) -> None:
    for name in ("rank-10", "rank-2", "rank-0"):
        writer = RunWriter(tmp_path / "a" / PROCESSES)
        writer.create(Run("", "", "a.py", started=1.0), name)
        writer.finish("finished", 0)
    (tmp_path / "a" / PROCESSES / "rank-3").mkdir()
    assert [path.name for path in runs_in(tmp_path / "a")] == ["rank-0", "rank-2", "rank-10"]
    assert [run.name for run in list_runs(tmp_path)] == ["a"]
    with open_run(find_run(tmp_path, "a")) as reader:
        assert reader.run().path == str(tmp_path / "a")
        assert reader.of_several
        assert reader.history().run.name == "a"


def test_one_whose_file_is_damaged_counts_as_gone(tmp_path: Path) -> None:
    for name in ("rank-0", "rank-1"):
        writer = RunWriter(tmp_path / "a" / PROCESSES)
        writer.create(Run("", "", "a.py", steps=2, backwards=2), name)
        writer.finish("finished", 0)
    (tmp_path / "a" / PROCESSES / "rank-1" / "run.db").write_bytes(b"no file of SQLite" * 100)
    with open_run(tmp_path / "a") as reader:
        history = reader.history()
    assert history.others["rank-1"].run.status == "crashed"
