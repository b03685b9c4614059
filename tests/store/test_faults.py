"""Crashes, forks, full disks, damaged and foreign files."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from surefoot.errors import NewerSchema, RunLocked, StoreError
from surefoot.records import OptimizerInfo
from surefoot.store import connection as connection_module
from surefoot.store.batch import Batch, LayerRow, MetricRow, StepRow
from surefoot.store.reader import open_run
from surefoot.store.runs import list_runs
from surefoot.store.writer import RunWriter

from .conftest import RUN

WRITES_FOREVER = """
import sys
from pathlib import Path
from surefoot.records import OptimizerInfo, Run
from surefoot.store.batch import Batch, MetricRow, StepRow
from surefoot.store.writer import RunWriter
writer = RunWriter(Path(sys.argv[1]))
writer.create(Run(path="", name="", script="train.py"), name="killed")
writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {}, ())]))
step = 0
while True:
    rows = [StepRow(step + k, 0, 0.1, 1, loss=1.0 / (step + k)) for k in range(1, 300)]
    step += len(rows)
    writer.write(Batch(steps=rows, metrics=[MetricRow(step, "m", 1.0, 0.1)]))
    print(step, flush=True)
"""


def test_kill_loses_nothing_that_was_written(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(12):  # past the first full blocks
        reported = int(process.stdout.readline())
    with open_run(tmp_path / "killed") as reader:
        assert reader.run().status == "running"
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
        process.wait()
        process.stdout.close()
        reported = int(rest[-1]) if rest else reported
        assert reader.run().status == "crashed"
    with open_run(tmp_path / "killed") as reader:
        series = reader.series("loss", points=None)
        assert len(series) >= reported
        assert len(series) % 299 == 0  # whole batches only
        assert series.steps.tolist() == list(range(1, len(series) + 1))
        assert np.array_equal(series.values, 1.0 / series.steps)
        assert reader.metric("m").steps[-1] == len(series)
        run = reader.run()
    assert (run.status, run.steps, run.ended) == ("crashed", len(series), None)
    assert [found.status for found in list_runs(tmp_path)] == ["crashed"]


def test_reading_while_threads_write(writer: RunWriter, folder: Path) -> None:
    """Every look is of one moment and whole batches; following by cursor sees each row once."""
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {}, ())]))
    lock, count, threads, batches, size = threading.Lock(), 0, 3, 60, 50

    def write() -> None:
        nonlocal count
        for _ in range(batches):
            with lock:
                steps = [StepRow(count + k, 0, 0.1, 1, loss=0.5) for k in range(1, size + 1)]
                count += size
                last = MetricRow(count, "last", float(count), 0.1)
                writer.write(Batch(steps=steps, metrics=[last]))

    workers = [threading.Thread(target=write) for _ in range(threads)]
    for worker in workers:
        worker.start()
    followed: list[int] = []
    with open_run(folder) as reader:
        cursor = reader.cursor()._replace(step=0, metric=0)
        while True:
            alive = any(worker.is_alive() for worker in workers)
            history = reader.history()
            steps = history.series("loss", 0).steps
            assert steps.tolist() == list(range(1, len(steps) + 1))
            assert history.metric("last").steps[-1:].tolist() == steps[-1:].tolist()
            assert history.run.steps == len(steps)
            found = reader.after(cursor, limit=1000)
            followed += [row.step for row in found.steps]
            cursor = found.cursor
            if not alive and not found.more:
                break
    for worker in workers:
        worker.join()
    assert followed == list(range(1, threads * batches * size + 1))


def test_threads_without_a_lock_of_their_own(writer: RunWriter, folder: Path) -> None:
    def write(name: str) -> None:
        for step in range(50):
            writer.write(Batch(metrics=[MetricRow(step, name, float(step), 0.1)]))

    workers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with open_run(folder) as reader:
        for name in "abcd":
            assert reader.metric(name).steps.tolist() == list(range(50))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_leaves_the_file_alone(writer: RunWriter, folder: Path) -> None:
    writer.write(Batch(metrics=[MetricRow(1, "parent", 1.0, 0.1)]))
    log_size = (folder / "run.db-wal").stat().st_size

    def child() -> None:
        writer.write(Batch(metrics=[MetricRow(2, "child", 1.0, 0.1)]))
        writer.finish("failed", 1)
        writer.close()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    # A child that ends by running all finalizers, as one made by os.fork may.
    number = os.fork()
    if number == 0:
        forgotten = writer._connection is None
        writer.__dict__.clear()
        os._exit(0 if forgotten else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0
    assert (folder / "run.db-wal").stat().st_size == log_size
    writer.write(Batch(metrics=[MetricRow(3, "parent", 2.0, 0.1)]))
    with open_run(folder) as reader:
        assert reader.metric_names == ("parent",)
        assert reader.metric("parent").steps.tolist() == [1, 3]
        assert reader.run().status == "running"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_while_another_thread_writes_does_not_hang(writer: RunWriter) -> None:
    with writer._lock:  # as if another thread were in the middle of a write
        number = os.fork()
        if number == 0:
            writer.write(Batch())
            os._exit(7)
        _, status = os.waitpid(number, 0)
    assert os.waitstatus_to_exitcode(status) == 7


def test_full_disk(writer: RunWriter, folder: Path) -> None:
    """The write fails in one sentence, nothing of it stays, and what was there can still be read."""
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {}, ())], steps=[StepRow(1, 0, 0.1, 1, loss=2.0)]))
    connection = writer._connection
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 5}")
    big = Batch(
        steps=[StepRow(2, 0, 0.2, 1, loss=1.0)],
        layers=[LayerRow(2, 0, "parameter", "grad_norm", np.ones(50_000, np.float32))],
    )
    with pytest.raises(StoreError, match=r"run\.db cannot be written: the disk is full; free some space\."):
        writer.write(big)
    with open_run(folder) as reader:
        assert reader.series("loss").values.tolist() == [2.0]
    connection.execute("PRAGMA max_page_count = 100000")
    writer.write(big)
    with open_run(folder) as reader:
        assert reader.series("loss").values.tolist() == [2.0, 1.0]
        assert len(reader.layers("parameter", "grad_norm")) == 1


FILE_TOO_LARGE = """
import resource, sys
from pathlib import Path
from surefoot.errors import StoreError
from surefoot.records import Run
from surefoot.store.batch import Batch, MetricRow
from surefoot.store.writer import RunWriter
writer = RunWriter(Path(sys.argv[1]))
writer.create(Run(path="", name="", script="train.py"), name="limited")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
written = 0
try:
    while True:
        rows = [MetricRow(written + k, "m", 1.0, 0.1) for k in range(5000)]
        writer.write(Batch(metrics=rows))
        written += len(rows)
except StoreError as error:
    print(written, error)
"""


def test_a_file_system_that_refuses_more(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILE_TOO_LARGE, str(tmp_path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    written, _, sentence = output.partition(" ")
    assert "run.db cannot be written" in sentence
    with open_run(tmp_path / "limited") as reader:
        assert len(reader.metric("m", points=None)) == int(written)


def test_a_locked_file(writer: RunWriter, folder: Path) -> None:
    other = sqlite3.connect(folder / "run.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RunLocked, match=r"run\.db is locked by another program; close it and try again\."):
        writer.write(Batch(metrics=[MetricRow(1, "m", 1.0, 0.1)]), patience=0.01)
    other.execute("ROLLBACK")
    other.close()
    writer.write(Batch(metrics=[MetricRow(1, "m", 1.0, 0.1)]))
    with open_run(folder) as reader:
        assert len(reader.metric("m")) == 1


class _Interrupted:
    """A connection during whose commit Ctrl-C is pressed, before or after it takes effect."""

    def __init__(self, connection: sqlite3.Connection, after: bool) -> None:
        self.connection = connection
        self.after = after

    def __getattr__(self, name: str) -> object:
        return getattr(self.connection, name)

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        if statement == "COMMIT":
            if self.after:
                self.connection.execute(statement)
            raise KeyboardInterrupt
        return self.connection.execute(statement, *values)


@pytest.mark.parametrize("after", [False, True])
def test_an_interrupt_within_a_write(writer: RunWriter, folder: Path, after: bool) -> None:
    """The interrupted batch is there whole or not at all, and once where it is given again."""
    connection = writer._connection
    assert connection is not None
    batch = Batch(metrics=[MetricRow(k, "m", 1.0, 0.1) for k in range(1500)])
    writer.write(batch)
    writer._connection = _Interrupted(connection, after)  # type: ignore[assignment]
    again = Batch(metrics=[MetricRow(k, "m", 1.0, 0.1) for k in range(3000)])
    with pytest.raises(KeyboardInterrupt):
        writer.write(again)
    writer._connection = connection
    writer.write(again)
    with open_run(folder) as reader:
        assert reader.metric("m", points=None).steps.tolist() == sorted([*range(1500), *range(3000)])


def test_the_disk_fills_at_the_very_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny(path: Path) -> sqlite3.Connection:
        connection = connection_module.connect_writer(path)
        connection.execute("PRAGMA max_page_count = 3")
        return connection

    monkeypatch.setattr("surefoot.store.writer.connect_writer", tiny)
    with pytest.raises(StoreError, match="the disk is full"):
        RunWriter(tmp_path).create(RUN, name="run")
    assert list(tmp_path.iterdir()) == []


def test_a_runs_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        RunWriter(tmp_path / "runs").create(RUN)


@pytest.fixture
def ended(writer: RunWriter, folder: Path) -> Path:
    """run.db of a finished run of 5,000 steps."""
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {}, ())]))
    writer.write(Batch(steps=[StepRow(k, 0, 0.1, 1, loss=float(k)) for k in range(1, 5001)]))
    writer.finish("finished", 0)
    return folder / "run.db"


def test_damage_is_one_sentence(ended: Path) -> None:
    """Wherever a file is cut or overwritten, reading it gives its content or a StoreError, nothing else."""
    whole = ended.read_bytes()
    sentences = []
    for start in range(0, len(whole), 7919):
        for content in (whole[:start], whole[:start] + b"\xa5" * 3000 + whole[start + 3000 :]):
            ended.write_bytes(content)
            try:
                with open_run(ended) as reader:
                    reader.history()
            except StoreError as error:
                sentences.append(str(error))
    assert len(sentences) > 20
    assert all(str(ended) in sentence and "\n" not in sentence for sentence in sentences)
    ended.write_bytes(whole[: len(whole) // 2])
    with (
        pytest.raises(StoreError, match=r"is damaged \(.*\); `sqlite3 run.db .recover` may save"),
        open_run(ended) as reader,
    ):
        reader.history()


def test_files_that_are_no_runs(tmp_path: Path) -> None:
    file = tmp_path / "run.db"
    with pytest.raises(StoreError, match=r"run\.db does not exist; `surefoot runs` lists the runs\."):
        open_run(file)
    file.write_text("")
    with pytest.raises(StoreError, match=r"run\.db is empty"):
        open_run(tmp_path)
    file.write_text("epoch,loss\n1,0.5\n")
    with pytest.raises(StoreError, match=r"run\.db is not a run: it is no SQLite file"):
        open_run(tmp_path)
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE run (a)")
    connection.close()
    with pytest.raises(StoreError, match="another program's SQLite file"):
        open_run(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        open_run(tmp_path)


def test_a_newer_schema(ended: Path) -> None:
    with sqlite3.connect(ended) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    sentence = r"was written by a newer surefoot \(schema 99, this one reads up to 2\); upgrade with"
    with pytest.raises(NewerSchema, match=sentence):
        open_run(ended)
    (listed,) = list_runs(ended.parent.parent)
    assert listed.error is not None
    assert "newer surefoot" in listed.error


READ_AS_NOBODY = """
import os, shutil, sys, tempfile
from pathlib import Path
from surefoot.errors import StoreError
from surefoot.records import Run
from surefoot.store.reader import open_run
from surefoot.store.writer import RunWriter
path = Path(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:  # load all modules while they can be read
    writer = RunWriter(Path(folder))
    made = writer.create(Run(path="", name="", script="train.py"))
    writer.finish("finished")
    with open_run(made) as reader:
        reader.series("loss"), reader.run()
if os.geteuid() == 0:
    os.setgid(65534), os.setuid(65534)  # rights do not bind root
try:
    with open_run(path) as reader:
        print(len(reader.series("loss", points=None)), reader.run().status)
except StoreError as error:
    print(error)
try:
    RunWriter(path.parent).create(Run(path="", name="", script="train.py"), name="new")
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX rights")
@pytest.mark.parametrize("case", ["finished", "crashed", "forbidden"])
def test_a_folder_that_may_not_be_written(ended: Path, case: str) -> None:
    """A finished run, one killed with its log, and one that may not be read, all in a read-only folder."""
    if case == "crashed":
        runs = ended.parent.parent
        command = [sys.executable, "-c", WRITES_FOREVER, str(runs)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate()
        (runs / "killed" / "run.db-shm").unlink()
    with tempfile.TemporaryDirectory() as outer:  # tmp_path lies in a folder that only its owner may enter
        runs = Path(outer, "runs")
        path = runs / "run"
        shutil.copytree(ended.parent if case != "crashed" else ended.parent.parent / "killed", path)
        for file in path.iterdir():
            file.chmod(0o000 if case == "forbidden" else 0o444)
        for folder, mode in ((path, 0o555), (runs, 0o555), (Path(outer), 0o755)):
            folder.chmod(mode)
        try:
            done = subprocess.run(
                [sys.executable, "-c", READ_AS_NOBODY, str(path)], capture_output=True, text=True, check=True
            )
        finally:
            for folder in (path, runs):
                folder.chmod(0o755)
    first, second = done.stdout.splitlines()
    if case == "forbidden":
        assert first.startswith(f"{path}/run.db cannot be read: no permission; check the rights")
    elif case == "crashed":
        steps, status = first.split()
        assert int(steps) >= 299
        assert (int(steps) % 299, status) == (0, "crashed")
    else:
        assert first == "5000 finished"
    assert second.startswith(f"{runs}/new cannot be written: no permission")


def test_a_file_system_without_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network file system the log stays off, said once, and everything else works."""
    monkeypatch.setattr(connection_module, "file_system", lambda path: "nfs4")
    writer = RunWriter(tmp_path)
    folder = writer.create(RUN)
    assert writer.notice is not None
    assert "network file system (nfs4)" in writer.notice
    writer.write(Batch(metrics=[MetricRow(1, "m", 1.0, 0.1)]))
    assert not (folder / "run.db-wal").exists()
    with open_run(folder) as reader:
        assert len(reader.metric("m")) == 1
        writer.write(Batch(metrics=[MetricRow(2, "m", 1.0, 0.1)]))
        assert len(reader.metric("m")) == 2
    writer.finish("finished", 0)


def test_the_file_system_is_told_by_its_deepest_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = (
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\ntmpfs /home/me/fast tmpfs rw 0 0\n"
        "//nas/my\\040data /mnt/my\\040data cifs rw 0 0\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda self, **_: mounts)
    monkeypatch.setattr(os.path, "realpath", str)
    found = {
        path: connection_module.file_system(Path(path))
        for path in ("/home/me/runs", "/home/me/fast/runs", "/homes", "/mnt/my data/x", "/home")
    }
    assert list(found.values()) == ["nfs4", "tmpfs", "ext4", "cifs", "nfs4"]


def test_a_silent_run_of_another_machine_counts_as_crashed(writer: RunWriter, folder: Path) -> None:
    connection = writer._connection
    assert connection is not None
    connection.execute('UPDATE run SET process = \'{"id": 1, "start": null, "machine": "far away"}\'')
    with open_run(folder) as reader:
        assert reader.run().status == "running"
        connection.execute("UPDATE run SET heartbeat = ?", (time.time() - 60,))
        assert reader.run().status == "crashed"
        writer.write(Batch())
        assert reader.run().status == "running"


def test_a_process_number_given_to_another(writer: RunWriter, folder: Path) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("start times are known on Linux only")
    connection = writer._connection
    assert connection is not None
    connection.execute("UPDATE run SET process = json_set(process, '$.start', 'yesterday')")
    with open_run(folder) as reader:
        assert reader.run().status == "crashed"
