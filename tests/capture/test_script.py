"""A script under `surefoot run` behaves to the byte as under Python: output, errors, exit code, imports."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from .twin import assert_twins, observed, plainly


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files by their paths."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


PLACE = """
import os, sys, atexit
atexit.register(lambda: print("at exit", __name__, sys.argv))
here = sys.modules["__main__"]
print(__name__, __file__, __package__, __spec__ and __spec__.name, type(__loader__).__name__)
print(sys.argv, sys.path[0], os.getcwd(), __doc__, here.__dict__ is globals())
print(sorted(name for name in globals() if name.startswith("__")))
print(repr(__builtins__), type(__builtins__))
"""


def test_names_and_paths(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "train.py": PLACE + "import sibling",
            "sibling.py": "print('sibling', __name__, __file__)",
            "far/other.py": PLACE + "import beside",
            "far/beside.py": "print('beside')",
            "box/__main__.py": PLACE + "import inner",
            "box/inner.py": "print('inner')",
        },
    )
    (tmp_path / "link.py").symlink_to(tmp_path / "far" / "other.py")
    assert b"sibling" in assert_twins(tmp_path, "train.py", "--lr", "1", "-m", "--steps", "--", "x y").stdout
    assert b"beside" in assert_twins(tmp_path, "far/other.py").stdout
    assert b"beside" in assert_twins(tmp_path, "link.py", "--help").stdout
    assert b"inner" in assert_twins(tmp_path, "box", "1").stdout
    with zipfile.ZipFile(tmp_path / "boxed.zip", "w") as archive:
        archive.writestr("__main__.py", PLACE + "import inner")
        archive.writestr("inner.py", "print('inner')")
    assert b"inner" in assert_twins(tmp_path, "boxed.zip", "1").stdout
    assert_twins(tmp_path, str(tmp_path / "far" / ".." / "train.py"))
    assert_twins(tmp_path, "./far/../train.py")


def test_modules(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "package/__init__.py": "print('init')",
            "package/parts.py": "value = 1",
            "package/__main__.py": PLACE + "from .parts import value; print(value)",
            "package/train.py": PLACE + "from . import parts; from package.parts import value; print(value)",
            "package/broken.py": "import nothing_of_this_name",
            "alone.py": PLACE,
        },
    )
    assert_twins(tmp_path, "-m", "alone")
    assert b"init" in assert_twins(tmp_path, "-m", "package.train", "a").stdout
    assert b"init" in assert_twins(tmp_path, "-m", "package", "-m", "b").stdout
    plain, seen = plainly(tmp_path, "-m", "package.broken"), observed(tmp_path, "-m", "package.broken")
    assert seen.code == plain.code == 1
    own = [line for line in plain.said.splitlines() if "runpy" not in line]  # Python's own way into a module
    assert seen.said.splitlines() == own


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(3)", 3),
        ("sys.exit()", 0),
        ("sys.exit(None)", 0),
        ("sys.exit('the text')", 1),
        ("raise SystemExit(256 + 7)", 7),
        ("os._exit(5)", 5),
        ("1 / 0", 1),
        ("raise ValueError('outer') from KeyError('inner')", 1),
        ("try:\n    {}['x']\nexcept KeyError:\n    raise OSError(2, 'none')", 1),
        ("class Odd(BaseException): pass\nraise Odd('not an Exception')", 1),
        (
            "sys.excepthook = lambda kind, error, trace: print(kind, error, trace.tb_lineno, trace.tb_next)\n1 / 0",
            1,
        ),
        ("sys.stdout.write('no newline'); sys.stderr.write('no newline either')", 0),
        ("import threading; threading.Thread(target=lambda: (time.sleep(0.2), print('late'))).start()", 0),
        ("sys.stderr.close(); sys.stderr = open(os.devnull, 'w'); print('closed')", 0),
        ("os.chdir('/'); import warnings; warnings.warn('beware')", 0),
        (
            "import unittest\nclass T(unittest.TestCase):\n def test(self): pass\nunittest.main(argv=['x', '-q'])",
            0,
        ),
    ],
)
def test_endings(ending: str, code: int, tmp_path: Path) -> None:
    lines = "import atexit, os, sys, time\natexit.register(print, 'at exit')\nprint('begin', flush=True)\n"
    (tmp_path / "train.py").write_text(f"{lines}{ending}\n")
    ended = assert_twins(tmp_path, "train.py")
    assert ended.code == code
    assert ended.stdout.startswith(b"begin\n")


def test_standard_input(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "name = input('name? ')\nprint('hello', name)\nimport sys\nprint(sys.stdin.read().upper())"
    )
    assert b"hello you" in assert_twins(tmp_path, "train.py", stdin=b"you\nand me\n").stdout
    assert assert_twins(tmp_path, "train.py", stdin=b"").code == 1  # EOFError


def test_syntax_errors_are_shown_as_python_shows_them(tmp_path: Path) -> None:
    for text in ("def f(:\n    pass\n", "if True:\nprint(1)\n", "x = '\xe9\n", "return 1\n"):
        (tmp_path / "train.py").write_text(text)
        plain = assert_twins(tmp_path, "train.py")
        assert plain.code == 1
        assert "SyntaxError" in plain.said or "IndentationError" in plain.said
    loud = observed(tmp_path, "train.py", options=())
    assert "is not valid Python" in loud.said


ERRORS = """
import sys
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

class Data(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, index):
        raise IndexError("in the worker")

class Faulty(nn.Module):
    def forward(self, x):
        raise RuntimeError("in the forward")

class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = Faulty()
    def forward(self, x):
        return self.second(self.first(x))

class BadBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2
    @staticmethod
    def backward(ctx, gradient):
        raise ArithmeticError("in the backward")

class BadStep(torch.optim.SGD):
    def step(self, closure=None):
        raise LookupError("in the step")

def worker():
    for batch in DataLoader(Data(), num_workers=1):
        pass

def forward():
    model = Outer()
    model(torch.ones(2, 2)).sum().backward()

def hooked():
    model = Outer()
    model.register_forward_hook(lambda *a: None)
    model(torch.ones(2, 2))

def loss():
    F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 9]))

def loss_module():
    nn.MSELoss()(torch.ones(2, 3), torch.ones(5))

def backward():
    x = torch.ones(2, requires_grad=True)
    BadBackward.apply(x).sum().backward()

def autograd_backward():
    torch.autograd.backward([torch.ones(2)])

def optimizer_step():
    model = nn.Linear(2, 2)
    optimizer = BadStep(model.parameters(), 0.1)
    optimizer.step()

def real_step():
    weight = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([weight], 0.1)
    def closure():
        raise BufferError("in the closure")
    optimizer.step(closure)

def scheduler():
    weight = torch.ones(2, requires_grad=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(torch.optim.SGD([weight], 0.1), lambda n: 1 / (1 - n))
    weight.sum().backward()
    schedule.optimizer.step()
    schedule.step()

def clipping():
    weight = torch.ones(2, requires_grad=True)
    weight.grad = torch.tensor([float("nan"), 1.0])
    nn.utils.clip_grad_norm_([weight], 1.0, error_if_nonfinite=True)

for value in range(2):
    weight = torch.ones(2, requires_grad=True)
    weight.sum().backward()
tasks = [worker, forward, hooked, loss, loss_module, backward, autograd_backward, optimizer_step, real_step]
current = None
for task in [*tasks, scheduler, clipping]:
    try:
        task()
    except Exception as error:
        error.__cause__ = current
        current = error
sys.stdout.write("all raised\\n")
raise current
"""


def test_tracebacks_are_the_scripts_own(tmp_path: Path) -> None:
    write(tmp_path, {"train.py": ERRORS})
    plain = assert_twins(tmp_path, "train.py")
    assert plain.code == 1
    for kind in (
        "IndexError",
        "RuntimeError",
        "ArithmeticError",
        "LookupError",
        "BufferError",
        "ZeroDivisionError",
    ):
        assert kind in plain.said
    assert "surefoot" not in plain.said
