"""`python x.py` and `surefoot run --quiet x.py` are the same to the last bit: 60 scripts as people write them.

Those in `twins/` are about computation and run in forked children of one process that has torch imported; those in
`twins/processes/` are about the process itself and run in processes of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from surefoot.facts import Defect
from surefoot.store.reader import open_run
from surefoot.store.runs import list_runs

from .forks import Forks
from .twin import ENVIRONMENT, SUREFOOT, process

_HERE = Path(__file__).parent / "twins"
COMPUTING = sorted(_HERE.glob("*.py"))
PROCESSES = sorted((_HERE / "processes").glob("*.py"))
# What is typed into those that read it.
STDIN = {
    "debugged": b"p step, round(loss.item(), 6)\nargs\np [f for f in dir() if not f.startswith('_')]\nn\nn\nc\n",
    "reads_stdin": b"0.1\n0.2\n1e-3\nhalf\n",
}
UNSEEN = {"vmap_and_grad"}  # descends within a transform alone, whose tensors mean nothing outside of it
ENDED_AT_ONCE = {"becomes_another", "hard_exit"}  # before the first flush: as if killed
_RUN = ("run", "--quiet", "--every", "2", "--runs", "runs")
_ENVIRONMENT = {
    **ENVIRONMENT,
    "PYTHONPATH": os.pathsep.join(
        [
            str(Path(__file__).parent / "startup"),
            str(Path(__file__).parents[2]),
            os.environ.get("PYTHONPATH", ""),
        ]
    ),
}


def assert_observed(folder: Path, least: int = 1) -> None:
    """The run was recorded, to its end, with no fault of ours."""
    for path in (found.path for found in list_runs(folder / "runs")):
        with open_run(path) as reader:
            history = reader.history()
        assert history.facts(Defect) == ()
        assert history.run.steps >= least
    assert list_runs(folder / "runs")


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    server = Forks({name: value for name, value in _ENVIRONMENT.items() if name != "PYTHONWARNINGS"})
    yield server
    server.close()


@pytest.mark.parametrize("script", COMPUTING, ids=lambda path: path.stem)
def test_computing(script: Path, forks: Forks, tmp_path: Path) -> None:
    plain, seen = tmp_path / "plain", tmp_path / "seen"
    plain.mkdir()
    seen.mkdir()
    codes = forks.run(script, plain), forks.run(script, seen, "surefoot", *_RUN)
    for name in ("stdout", "stderr", "digest"):
        assert (seen / name).read_text() == (plain / name).read_text(), name
    assert codes == (0, 0)
    assert (plain / "stdout").read_text()
    if script.stem not in UNSEEN:
        assert_observed(seen)


@pytest.mark.parametrize("script", PROCESSES, ids=lambda path: path.stem)
def test_processes(script: Path, tmp_path: Path) -> None:
    stdin = STDIN.get(script.stem, b"")
    plain, seen = (
        process([*command, str(script)], tmp_path, stdin, **_ENVIRONMENT, TWIN_DIGEST=str(tmp_path / name))
        for name, command in (("plain", [SUREFOOT[0]]), ("seen", [*SUREFOOT, *_RUN]))
    )
    assert seen.stdout.decode() == plain.stdout.decode()
    assert seen.said == plain.said
    assert seen == plain
    digests = [path.read_text() if path.exists() else "" for path in (tmp_path / "plain", tmp_path / "seen")]
    assert digests[0] == digests[1]
    assert_observed(tmp_path, least=script.stem not in ENDED_AT_ONCE)
