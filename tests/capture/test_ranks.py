"""Processes that should train one model: the fact, from two real processes and from made notes."""

from __future__ import annotations

import math
import os
import socket
import subprocess
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from capture.twin import ENVIRONMENT, SUREFOOT
from surefoot.capture.probes.ranks import _sweep, compared
from surefoot.facts import Ranks
from surefoot.rules import get_rule
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run

SCRIPT = """
import os, sys, time
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
kind = sys.argv[1]
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
trained = model if kind == "apart" else DistributedDataParallel(model)
optimizer = torch.optim.SGD(trained.parameters(), 0.05)
torch.manual_seed(0 if kind == "same data" else 1 + rank)
data = torch.utils.data.TensorDataset(torch.randn(160, 4), torch.randint(0, 2, (160,)))
for x, y in torch.utils.data.DataLoader(data, 8):
    optimizer.zero_grad()
    nn.functional.cross_entropy(trained(x), y).backward()
    optimizer.step()
dist.barrier()
time.sleep(2.0 * (rank == 0))  # the first process looks at what the other has written
dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize(
    ("kind", "differ", "agree"), [("apart", True, None), ("same data", False, True), ("right", False, False)]
)
def test_two_processes(kind: str, differ: bool, agree: bool | None, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    children = [
        subprocess.Popen(
            [*SUREFOOT, "run", "--quiet", "--runs", "runs", "--name", f"rank{rank}", "train.py", kind],
            cwd=tmp_path,
            env={
                **ENVIRONMENT, "RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1",
            },
        )
        for rank in range(2)
    ]  # fmt: skip
    assert [child.wait(timeout=200) for child in children] == [0, 0]
    with open_run(find_run(tmp_path / "runs", "rank0")) as reader:
        history = reader.history()
    fact = history.fact(Ranks)
    assert fact is not None
    assert (fact.world_size, fact.parameters_differ, fact.batches_agree) == (2, differ, agree)
    assert (fact.parameter == "0.weight") == differ
    found = list(get_rule("ranks-diverged").findings(history))
    assert [finding.severity for finding in found] == (["error"] if differ else ["warning"] if agree else [])
    assert kind != "same data" or "in torch.utils.data.DataLoader" in str(found[0].where)
    with open_run(find_run(tmp_path / "runs", "rank1")) as reader:
        assert reader.history().fact(Ranks) is None


def notes(*rows: tuple[int, list[float]]) -> dict[str, list[float]]:
    return {str(step): numbers for step, numbers in rows}


def test_a_difference_that_is_made_good_again_is_none() -> None:
    # Averaged every eight steps: apart at 4, together at 8.
    mine = notes((2, [1.0, 0.5]), (4, [1.1, 0.4]), (8, [1.2, 0.3]))
    other = notes((2, [1.0, 0.6]), (4, [1.3, 0.5]), (8, [1.2, 0.2]))
    found = compared(mine, [other], ["weight"])
    assert (found["parameters_differ"], found["batches_agree"], found["parameter"]) == (False, False, None)


def test_too_few_steps_tell_nothing_of_the_batches() -> None:
    mine = notes((2, [1.0, 0.5]), (4, [1.1, 0.4]))
    assert compared(mine, [mine], ["weight"])["batches_agree"] is None
    assert compared(mine, [notes((3, [1.0, 0.5]))], ["weight"])["parameters_differ"] is None


@given(st.lists(st.floats(allow_nan=True), min_size=2, max_size=5), st.integers(2, 4))
def test_copies_agree_with_themselves(numbers: list[float], world: int) -> None:
    mine = notes(*((2**i, [*numbers, loss]) for i, loss in enumerate((0.7, 0.6, 0.5), 1)))
    found = compared(mine, [mine] * (world - 1), [f"p{i}" for i in range(len(numbers))])
    assert (found["parameters_differ"], found["batches_agree"]) == (False, True)


@pytest.mark.parametrize("loss", [0.0, math.nan])
def test_a_loss_that_is_one_number_tells_no_batch_from_another(loss: float) -> None:
    mine = notes((2, [1.0, loss]), (4, [1.1, loss]), (8, [1.2, loss]), (16, [1.3, loss]))
    found = compared(mine, [mine], ["p"])
    assert (found["parameters_differ"], found["batches_agree"]) == (False, None)


def test_one_process_notes_nothing(tmp_path: Path) -> None:
    from surefoot.capture.deferred import Deferred
    from surefoot.capture.events.records import Backward, Step
    from surefoot.capture.loop import Loop
    from surefoot.capture.parameters import Parameters
    from surefoot.capture.probes.ranks import RanksProbe

    weight = torch.ones(2, requires_grad=True)
    loop = Loop(0, torch.optim.SGD([weight], 0.1))
    loop.take([weight])
    step = Step(loop, 2, Backward(None, None, 2, 2, False), 2, closure=False)
    step.losses = [0.5]
    deferred = Deferred()
    probe = RanksProbe(deferred, Parameters(), tmp_path)
    probe.step_ends(step)
    assert len(deferred) == 0
    assert list(probe.facts()) == []
    assert os.listdir(tmp_path) == []


def test_old_notes_are_swept_and_nothing_else(tmp_path: Path) -> None:
    for name, file in (("old", "0.json"), ("new", "0.json"), ("shared", "mine.txt"), ("outside", "0.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("{}")
    (tmp_path / "shared" / ".1.4321").write_text("{}")
    parent = tmp_path / "parent"
    parent.mkdir()
    for name in ("old", "new", "shared"):
        (tmp_path / name).rename(parent / name)
    (parent / "link").symlink_to(tmp_path / "outside", target_is_directory=True)
    for name in (parent / "old", parent / "shared", tmp_path / "outside"):
        os.utime(name, (0, 0))
    _sweep(parent)
    assert sorted(path.name for path in parent.iterdir()) == ["link", "new", "shared"]
    assert [path.name for path in (parent / "shared").iterdir()] == ["mine.txt"]
    assert (tmp_path / "outside" / "0.json").exists()
