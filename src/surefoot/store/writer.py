"""Writing a run: one transaction a flush."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from surefoot.errors import StoreError
from surefoot.interrupts import pass_on
from surefoot.records import Run, Status
from surefoot.store import codec
from surefoot.store.batch import Batch, HyperparameterRow
from surefoot.store.blocks import BlockedRows
from surefoot.store.connection import FILE_NAME, connect_writer, plain_errors, set_journal, wait_at_most
from surefoot.store.folders import make_folder
from surefoot.store.migrations import begin_schema
from surefoot.store.reserve import give_back, keep_back
from surefoot.store.statements import insert, insert_run, layer_row, unrecorded, write_records, write_run

_Setting = tuple[int, int, int, str, str]  # step, optimizer, group, name, JSON value

_open_writers: weakref.WeakSet[RunWriter] = weakref.WeakSet()


class RunWriter:
    """Writes one run, from any thread.

    A failed write changes nothing: the same batch may be given again. In a forked child every method returns
    without doing anything, since SQLite connections do not survive a fork.

    Args:
        runs: Folder of all runs.

    Example:
        >>> import tempfile
        >>> from surefoot.store.batch import StepRow
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     writer = RunWriter(Path(folder))
        ...     path = writer.create(Run(path="", name="", script="train.py"), name="first")
        ...     writer.write(Batch(steps=[StepRow(1, 0, 0.1, 1, loss=2.3)]))
        ...     writer.finish("finished", exit_code=0)
        ...     path.name
        'first'
    """

    def __init__(self, runs: Path) -> None:
        self.runs = Path(runs)
        self.path: Path | None = None  # the run's folder, once created
        self.notice: str | None = None  # a sentence for the user about how the file had to be made
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._steps = BlockedRows("step")
        self._metrics = BlockedRows("metric")
        self._settings: dict[tuple[int, int, str], str] = {}
        self._revision = 0
        # Revision, settings and batch of a write that SQLite was given and that is not yet known to be committed.
        self._staged: tuple[int, list[_Setting], Batch] | None = None

    def create(self, run: Run, name: str | None = None) -> Path:
        """Make the run's folder and file.

        Args:
            run: What is known at the start; its path and name are chosen here, `started` is now if it is 0.
            name: The user's own name for it; by default the script's name and the time.

        Returns:
            The run's folder.

        Raises:
            SettingError: `name` cannot be a folder's name.
            StoreError: The folder or the file cannot be made.
        """
        now = time.time()
        started = run.started or now
        folder = make_folder(self.runs, run.script, name, started)
        file = folder / FILE_NAME
        try:
            with plain_errors(file, "written"):
                connection = connect_writer(file)
                self._connection = connection
                begin_schema(connection)
                insert_run(connection, replace(run, name=folder.name, started=started), heartbeat=now)
                connection.execute("COMMIT")
                self.notice = set_journal(connection, file)
            keep_back(folder, len(run.source))
        except StoreError:
            self._close()
            remove_run(folder)
            raise
        self.path = folder
        _open_writers.add(self)
        return folder

    def write(self, batch: Batch, patience: float = 1.0) -> None:
        """Write a batch in one transaction, and the heartbeat with it.

        Args:
            batch: What is new.
            patience: Seconds to wait for another program that holds the file.

        Raises:
            RunLocked: Another program held it for that long; nothing was written.
            StoreError: The run is not open, the disk is full …; nothing was written.
        """
        if os.getpid() != self._owner:
            return
        with self._lock, plain_errors(self._file, "written"):
            connection = self._open_connection()
            if connection.in_transaction:  # an interruption came before its end
                connection.execute("ROLLBACK")
            if self._settle(connection) is batch:
                return  # given again after an interruption that came when it was written already
            revision = self._revision + 1
            steps, blocks = self._steps.number((*row, unrecorded(row)) for row in batch.steps)
            metrics, metric_blocks = self._metrics.number(batch.metrics)
            settings = self._changed(batch.hyperparameters)
            wait_at_most(connection, patience)
            connection.execute("BEGIN IMMEDIATE")
            try:
                insert(connection, "step", steps)
                insert(connection, "metric", metrics)
                insert(connection, "block", [(None, *row) for row in blocks + metric_blocks])
                insert(connection, "layer", [layer_row(row) for row in batch.layers])
                insert(connection, "hyperparameter", [(None, *setting) for setting in settings])
                write_records(connection, batch, revision)
                write_run(connection, batch, revision)
                self._staged = (revision, settings, batch)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:  # SQLite itself rolls back after some errors
                    connection.execute("ROLLBACK")
            self._settle(connection)

    def finish(self, status: Status, exit_code: int | None = None, error: str | None = None) -> None:
        """Record how the run ended and close its file; further calls do nothing.

        Args:
            status: "finished", "failed", "interrupted" or "stopped".
            exit_code: The script's.
            error: The script's own exception.

        Raises:
            StoreError: The file cannot be written; it is closed all the same.

        Effects: where no reader has it open, the file becomes a single one that can be copied anywhere.
        """
        if os.getpid() != self._owner or self._connection is None:
            return
        with self._lock:
            try:
                with plain_errors(self._file, "written"):
                    wait_at_most(self._open_connection(), 10.0)
                    now = time.time()
                    fields = (status, exit_code, None if error is None else codec.text(error), now, now)
                    self._open_connection().execute(
                        "UPDATE run SET status = ?, exit_code = ?, error = ?, ended = ?, heartbeat = ?, "
                        "revision = revision + 1",
                        fields,
                    )
                self._leave_single_file()
            finally:
                self._close()
                give_back(self._file.parent)

    def give_back(self) -> None:
        """Leave the room that was kept back on the disk to the writes to come, the last ones."""
        if os.getpid() == self._owner and self.path is not None:
            give_back(self.path)

    def close(self) -> None:
        """Close the file without saying how the run ended: readers will find it crashed."""
        if os.getpid() == self._owner:
            with self._lock:
                self._close()
                self.give_back()

    @property
    def _file(self) -> Path:
        return (self.path or self.runs) / FILE_NAME

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(
                f"{self._file} is not open for writing: create the run before, and finish it last."
            )
        return self._connection

    def _changed(self, rows: Sequence[HyperparameterRow]) -> list[_Setting]:
        """Rows whose value differs from the one before, as the table holds them."""
        known = dict(self._settings)
        changed = []
        for row in rows:
            setting = (row.step, row.optimizer, row.group, codec.text(row.name), codec.to_json(row.value))
            if known.get(setting[1:4]) != setting[4]:
                known[setting[1:4]] = setting[4]
                changed.append(setting)
        return changed

    def _settle(self, connection: sqlite3.Connection) -> Batch | None:
        """Take note of the last write and return it, if it was committed; a Ctrl-C may have come just after that."""
        committed = None
        if self._staged is not None:
            revision, settings, batch = self._staged
            if connection.execute("SELECT revision FROM run").fetchone() == (revision,):
                self._revision = revision
                committed = batch
                self._steps.keep()
                self._metrics.keep()
                self._settings.update((setting[1:4], setting[4]) for setting in settings)
            self._staged = None
        return committed

    def _leave_single_file(self) -> None:
        """Fold the log into the file, so that it can be copied and read anywhere."""
        try:
            connection = self._open_connection()
            wait_at_most(connection, 0.2)
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            pass_on(
                error
            )  # else a reader has it open; the log stays beside the file, which is as good on this machine

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        _open_writers.discard(self)
        if connection is not None:
            connection.close()

    def _leave_in_child(self) -> None:
        """Forget the connection in a forked child; closing it would act on the parent's file."""
        if self._connection is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
            self._connection = None


def _forget_in_child() -> None:
    for writer in list(_open_writers):
        writer._leave_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)


def remove_run(folder: Path) -> None:
    """Remove the folder of a run that is not to be kept, with what SQLite put into it and nothing else."""
    try:
        for file in folder.glob(FILE_NAME + "*"):
            file.unlink()
        folder.rmdir()
    except OSError:
        pass  # the error that led here says more
