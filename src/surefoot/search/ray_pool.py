"""Members at work on a Ray cluster: a task each, its run sent home; those of a lost worker run again.

A worker keeps the process that has imported torch, so that its next member begins at once.
"""

from __future__ import annotations

import io
import shutil
import socket
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from surefoot.errors import ScriptError
from surefoot.extras import require
from surefoot.search.member import LOGS, RESULTS, Work
from surefoot.search.pool import Pool

_PATIENCE = 10.0  # seconds
_ATTEMPTS = 3  # of a member whose worker is lost; then it may be the member that kills it


class RayPool:
    """Starts members on a cluster and says when each has ended; a context manager that leaves the cluster.

    Args:
        address: Of the cluster, as Ray takes it: "auto", "HOST:6379", "ray://HOST:10001".

    Raises:
        MissingExtra: Ray is not installed.
        ScriptError: There is no cluster at that address.
    """

    def __init__(self, address: str) -> None:
        require("sweeps over machines", ("ray",))
        import ray

        self._ray: Any = ray
        self._ours = not ray.is_initialized()
        try:
            if self._ours:
                _answering(address)
                ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except (OSError, ValueError, RuntimeError) as error:
            why = (getattr(error, "strerror", None) or str(error).splitlines()[0]).rstrip(".")
            raise ScriptError(
                f"there is no Ray cluster at {address} ({why}): ray start --head makes one, and --ray auto finds it."
            ) from None
        self._task = ray.remote(num_cpus=1, max_retries=0)(trained)
        self._at_work: dict[Any, Work] = {}
        self._attempts: dict[str, int] = {}

    @property
    def slots(self) -> int:
        """Members that the cluster takes at once."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def start(self, work: Work, environment: Mapping[str, str] | None = None) -> None:
        """Begin a member."""
        self._attempts[work.name] = self._attempts.get(work.name, 0) + 1
        self._at_work[self._task.remote(asdict(work))] = work

    def answer(self, name: str, go: bool) -> None:
        """Nobody asks: members on a cluster don't report."""

    def event(self) -> dict[str, Any]:
        """Wait until a member has ended and its run is home: {"ended": name, "code": …}."""
        while True:
            (done,), _ = self._ray.wait(list(self._at_work), num_returns=1)
            work = self._at_work.pop(done)
            try:
                code, packed = self._ray.get(done)
            except self._ray.exceptions.RayError:  # its worker, or the whole machine, is gone
                if self._attempts[work.name] >= _ATTEMPTS:
                    return {"ended": work.name, "code": -9}
                self.start(work)
                continue
            _unpack(packed, Path(work.folder))
            return {"ended": work.name, "code": code}

    def __enter__(self) -> RayPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reference in self._at_work:
            self._ray.cancel(reference, force=True)
        if self._ours:
            self._ray.shutdown()


def _answering(address: str) -> None:
    """Whether anybody listens there: Ray itself waits for a minute and then ends the process.

    Raises:
        OSError: Nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


_warm: list[Pool] = []  # of this worker


def trained(given: dict[str, Any]) -> tuple[int, bytes]:
    """Train a member on a worker.

    Args:
        given: The fields of its `Work`.

    Returns:
        Its process's exit code; its run, log and result as a packed folder.
    """
    if not _warm:
        _warm.append(Pool(threads=1))
    folder = tempfile.mkdtemp(prefix="surefoot-member-")
    try:
        work = replace(
            Work(**{**given, "arguments": tuple(given["arguments"])}), folder=folder, threads=1, rungs=()
        )
        _warm[0].start(work)
        code = int(_warm[0].event()["code"])
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(folder, arcname=".")
        return code, packed.getvalue()
    except ScriptError:
        _warm.clear()  # the process that forks has died
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(packed: bytes, folder: Path) -> None:
    """Put a member's run where the sweep is; its result last, since that says that it is whole."""
    with tempfile.TemporaryDirectory(dir=folder) as made:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
            safely: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(made, **safely)
        for part in sorted(Path(made).iterdir(), key=lambda path: path.name == RESULTS):
            if part.name in (LOGS, RESULTS):
                (folder / part.name).mkdir(exist_ok=True)
                for file in part.iterdir():
                    file.replace(folder / part.name / file.name)
            else:
                part.replace(folder / part.name)
