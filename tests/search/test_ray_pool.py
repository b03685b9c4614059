"""A sweep on a cluster of two nodes, one of whose workers is killed on the way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.diagnosis import history_of
from surefoot.errors import ScriptError, SettingError

ray = pytest.importorskip("ray")

SCRIPT = """
import os, pathlib, signal
import torch

killed = pathlib.Path(__file__).with_name("killed")
if "lr=0.25," in os.environ["SUREFOOT_MEMBER"] and not killed.exists():
    killed.touch()
    stat = pathlib.Path(f"/proc/{os.getppid()}/stat").read_text()  # of what started this process
    os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)  # the worker itself
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
for _ in range(20):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(torch.ones(4, 1)), torch.ones(4, 1)).backward()
    optimizer.step()
print("trained")
"""


@pytest.fixture
def cluster() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory(
        prefix="ray", dir="/tmp", ignore_cleanup_errors=True
    ) as short:  # for its sockets
        head = {"num_cpus": 1, "include_dashboard": False, "temp_dir": short}
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            made.add_node(num_cpus=1)
            yield made.address
        finally:
            made.shutdown()


@pytest.mark.slow
def test_a_killed_worker_s_member_runs_again(cluster: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    told: list[str] = []
    found = sf.sweep(
        tmp_path / "train.py", lr=[0.125, 0.25, 1e-4], ray=cluster, runs=tmp_path / "runs", tell=told.append
    )
    assert (tmp_path / "killed").exists()
    assert [c.status for c in found.configurations] == ["finished"] * 3
    assert found.best == {"lr": 0.25}
    assert found.path is not None
    assert len(history_of("lr=0.25,seed=0", found.path).series("loss")) == 20
    assert (found.path / "logs" / "lr=0.25,seed=0.txt").read_text() == "trained\n"


def test_what_a_cluster_can_t_do_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import torch", encoding="utf-8")
    with pytest.raises(SettingError, match="no training reports on its way"):
        sf.sweep(tmp_path / "train.py", lr=[0.1, 0.2], halving=True, ray="auto", runs=tmp_path / "runs")


def test_where_no_cluster_is_a_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import torch", encoding="utf-8")
    with pytest.raises(
        ScriptError, match=r"there is no Ray cluster at 127\.0\.0\.1:1 .*: ray start --head makes one"
    ):
        sf.sweep(tmp_path / "train.py", lr=[0.1, 0.2], ray="127.0.0.1:1", runs=tmp_path / "runs")
