"""Opening a run's file, and SQLite's errors in plain words."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from surefoot.errors import DamagedRun, RunLocked, StoreError, SurefootError
from surefoot.interrupts import pass_on

FILE_NAME = "run.db"
APPLICATION_ID = 0x53464F54  # "SFOT": tells a run from any other SQLite file
_WAIT = 10.0  # seconds to wait for another program's lock
# Their clients do not share memory, which WAL needs between a writer and its readers.
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "gpfs", "afs", "ceph", "fuse.sshfs"}
)


# What arithmetic and indexing raise over contents of the wrong type or length.
_OF_CONTENTS = (TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


@contextmanager
def plain_errors(path: Path, action: str) -> Iterator[None]:
    """Turn SQLite's and the system's errors into a `StoreError` of one sentence.

    Args:
        path: File concerned.
        action: "read" or "written".

    Raises:
        RunLocked: Another program holds the file.
        DamagedRun: What was read is not what a run holds.
        StoreError: Anything else.
    """
    try:
        yield
    except (sqlite3.Error, OSError, OverflowError) as error:
        pass_on(error)
        if str(error) == "interrupted":  # by store/effort.py
            raise DamagedRun(_damaged(path, "rows without an end")) from error
        if isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error)):
            raise RunLocked(f"{path} is locked by another program; close it and try again.") from error
        damaged = action == "read" and not isinstance(error, OSError)
        raise (DamagedRun if damaged else StoreError)(_sentence(error, path, action)) from error
    except SurefootError:
        raise
    except ValueError as error:
        pass_on(error)
        if action == "read":
            raise DamagedRun(_damaged(path, str(error))) from error
        raise StoreError(f"{path} cannot hold what it was given ({error}).") from error
    except MemoryError as error:
        pass_on(error)
        raise StoreError(f"{path} cannot be {action}: there is not enough memory.") from error
    except _OF_CONTENTS as error:
        pass_on(error)
        if action == "read":
            raise DamagedRun(_damaged(path, f"{type(error).__name__}: {error}")) from error
        raise


def _damaged(path: Path, what: str) -> str:
    return f"{path} is damaged: it holds what no run does ({what})."


def connect_writer(path: Path) -> sqlite3.Connection:
    """Connection that makes or opens `path` for writing; the caller starts and ends transactions."""
    connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def wait_at_most(connection: sqlite3.Connection, seconds: float) -> None:
    """How long to wait for another program's lock from now on."""
    connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")


def set_journal(connection: sqlite3.Connection, path: Path) -> str | None:
    """Switch to a write-ahead log, so that readers and the writer never wait for each other.

    Returns:
        None, or a sentence for the user where the file system cannot do it and the slower journal stays.
    """
    if (kind := file_system(path)) in _NETWORK_FILE_SYSTEMS:
        reason = f"it lies on a network file system ({kind})"
    else:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode == "wal":
                connection.execute("SELECT count(*) FROM run").fetchone()  # maps the shared memory
                return None
            reason = f"its file system only allows the journal mode {mode}"
        except sqlite3.OperationalError as error:
            reason = f"its file system cannot keep a write-ahead log ({error})"
    connection.execute("PRAGMA journal_mode = DELETE")
    return (
        f"{path} is written without a write-ahead log, since {reason}: reading it during the training may "
        "make it wait; use --runs with a local folder to avoid that."
    )


def file_system(path: Path) -> str | None:
    """Type of the file system that holds `path`, as /proc/self/mounts names it; None where unknown."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        pass_on(error)
        return None
    target = os.path.realpath(path)
    best, kind = -1, None
    for line in mounts.splitlines():
        _, point, name, *_ = line.split(" ")
        point = point.replace("\\040", " ").replace("\\134", "\\")
        inside = point == "/" or target == point or target.startswith(point + "/")
        if inside and len(point) >= best:  # a later mount covers an earlier one
            best, kind = len(point), name
    return kind


@contextmanager
def readable(path: Path) -> Iterator[sqlite3.Connection]:
    """Read-only connection to `path`, also where its folder cannot be written.

    Raises:
        StoreError: `path` is missing, not a run, damaged, locked or not permitted.

    Effects: where a run that crashed lies in a folder that cannot be written, works on a temporary copy:
        SQLite must replay its log to read it.
    """
    # Only SQLite may open the file: a process that closes it by itself loses the locks that its own writer holds.
    with plain_errors(path, "read"):
        size = path.stat().st_size
    if not size:
        raise StoreError(f"{path} is empty: the run ended before anything was recorded; delete its folder.")
    with ExitStack() as resources:
        with plain_errors(path, "read"):
            uri = _uri(path, resources)
            connection = sqlite3.connect(
                uri, uri=True, timeout=_WAIT, isolation_level=None, check_same_thread=False
            )
        resources.callback(connection.close)
        yield connection


def _uri(path: Path, resources: ExitStack) -> str:
    """Address under which SQLite can read `path`, whatever the rights of its folder."""
    log, shared = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    read_only = f"{path.absolute().as_uri()}?mode=ro"
    if shared.exists() or os.access(path.parent, os.W_OK):
        return read_only
    if not log.exists():
        return f"{read_only}&immutable=1"
    folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="surefoot-"))
    copy = Path(shutil.copyfile(path, Path(folder, path.name)))
    shutil.copyfile(log, Path(folder, log.name))
    return copy.as_uri()


def _sentence(error: Exception, path: Path, action: str) -> str:
    text = str(error)
    if isinstance(error, FileNotFoundError):
        return f"{path} does not exist; `surefoot runs` lists the runs."
    if isinstance(error, PermissionError) or "unable to open" in text or "readonly database" in text:
        return f"{path} cannot be {action}: no permission; check the rights of the file and of its folder."
    if isinstance(error, OSError):
        return f"{path} cannot be {action}: {error.strerror or text}."
    if "not a database" in text:
        return f"{path} is not a run: it is no SQLite file; name the folder of a run instead."
    if "malformed" in text:
        return f"{path} is damaged ({text}); `sqlite3 run.db .recover` may save a part of it."
    if "full" in text:
        return f"{path} cannot be {action}: the disk is full; free some space."
    return f"{path} cannot be {action}: {text}."
