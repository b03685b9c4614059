from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from capture.asmain import restored
from capture.twin import SUREFOOT, process
from surefoot.cli import main

SCRIPTS = {
    "line.py": """
import torch
x = torch.linspace(0, 1, 20)
y = 3 * x + 1
m, b = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
for step in range(30):
    loss = (m * x + b - y).square().mean()
    loss.backward()
    with torch.no_grad():
        m -= 0.5 * m.grad
        b -= 0.5 * b.grad
    m.grad = b.grad = None
print(m.item(), b.item())
""",
    "network.py": """
import argparse, torch
from torch import nn
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
lr = parser.parse_args().lr
torch.manual_seed(0)
inputs, labels = torch.randn(64, 5), torch.randint(0, 3, (64,))
model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr)
for step in range(20):
    rows = torch.randint(0, 64, (16,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
    loss.backward()
    optimizer.step()
print("loss", repr(loss.item()))
torch.save(model.state_dict(), "end.pt")
""",
    "fails.py": "import torch\nraise ValueError('on purpose')\n",
    "plain.py": "print('no torch here')\n",
}


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small trainings."""
    folder = tmp_path_factory.mktemp("trainings")
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="session")
def recorded_run(scripts: Path) -> str:
    """What network.py printed when it was recorded with --lr 0.3 as `first`."""
    done = process([*SUREFOOT, "run", "--quiet", "--name", "first", "network.py", "--lr", "0.3"], scripts)
    assert done.code == 0, done.said
    return done.stdout.decode().strip()


@pytest.fixture
def command(
    scripts: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs a command in the folder of scripts; gives code, stdout, stderr."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(scripts)

    def run(*arguments: object) -> tuple[int, str, str]:
        with restored(), torch.random.fork_rng():
            code = main._main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        return code, said.out, said.err

    yield run
    torch.set_num_threads(threads)
