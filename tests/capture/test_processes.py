"""Worker processes, forks, pickles and the environment of a script under `surefoot run`."""

from __future__ import annotations

from pathlib import Path

from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs

from .twin import assert_twins, observed, plainly

TRAINING = '''
import os
os.environ["OMP_NUM_THREADS"] = "2"
import copy, io, multiprocessing, pickle, sys
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Numbers(Dataset):
    """Defined in __main__: a spawned worker imports the script anew to find it."""
    def __len__(self):
        return 8
    def __getitem__(self, index):
        return torch.full((4,), float(index)), index % 2

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.norm = nn.BatchNorm1d(2)
    def forward(self, x):
        return self.norm(self.layer(x))

def square(x):
    return x * x

def surefoot_in(data):
    return b"surefoot" in data

def main():
    torch.manual_seed(0)
    print("threads", torch.get_num_threads(), os.environ["OMP_NUM_THREADS"])
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    for context in ("fork", "spawn"):
        loader = DataLoader(Numbers(), 4, num_workers=2, multiprocessing_context=context)
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            print(context, loss.item())
            kept = io.BytesIO()
            torch.save([model, optimizer, schedule, loss.detach(), copy.deepcopy(model), Net, square], kept)
            pickled = pickle.dumps([model, optimizer, nn.functional.cross_entropy, torch.optim.SGD, torch.no_grad])
            print("saved", surefoot_in(kept.getvalue()), surefoot_in(pickled))
            again = torch.load(io.BytesIO(kept.getvalue()), weights_only=False)
            print(type(again[0]).__module__, type(again[0]) is Net, torch.equal(again[4].layer.bias, model.layer.bias))
            state = str(optimizer.state_dict()) + str(vars(model)) + str(vars(schedule).keys()) + repr(vars(optimizer))
            print("clean", "surefoot" not in state)
        schedule.step()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(square, range(4)))
    print([child.name for child in multiprocessing.active_children()])

if __name__ == "__main__":
    main()
'''


def test_workers_and_pickles(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAINING)
    plain = assert_twins(tmp_path, "train.py")
    assert plain.code == 0, plain.said
    assert plain.stdout.count(b"saved False False") == 4
    assert plain.stdout.count(b"clean True") == 4
    runs = list_runs(tmp_path / "surefoot-runs")
    assert [(run.status, run.steps) for run in runs] == [("finished", 4)]  # none of a worker's own


FORKING = """
import os, sys
import torch
weight = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.SGD([weight], 0.1)
def train(steps):
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((weight - 1) ** 2).mean()
        loss.backward()
        optimizer.step()
    return loss.item()
print("before", train(5), flush=True)
child = os.fork()
if child == 0:
    print("child", train(50), flush=True)
    raise RuntimeError("in the child")
print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
print("parent", train(6))
"""


def test_a_fork_in_the_middle(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(FORKING)
    plain = plainly(tmp_path, "train.py")
    loud = observed(tmp_path, "train.py", options=("--runs", "runs", "--report", "r.html"))
    assert (loud.stdout, loud.code) == (plain.stdout, plain.code)
    assert "in the child" in plain.said
    assert loud.said.startswith(plain.said)
    assert loud.said.count("surefoot: ") == 1, loud.said  # the child says nothing of its own
    run = find_run(tmp_path / "runs", "last")
    with open_run(run) as reader:
        history = reader.history()
    assert (history.run.status, history.run.steps, history.run.exit_code) == ("finished", 11, 0)
    assert len(history.series("loss")) == 11
