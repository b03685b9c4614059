"""The house holds: what may be imported from where, in a fresh process, and that every room has its place."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import surefoot

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "surefoot"
NO_TORCH = (
    "errors",
    "facts",
    "records",
    "surfaces",
    "gradients",
    "store",
    "rules",
    "report",
    "figures",
    "lab",
    "comparison",
    "edits",
    "view",
)
TORCHLESS = ("animate", "compare", "cosine", "diagnose", "draw", "lab", "warmup")


def fresh(code: str) -> str:
    """Standard output of `code` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def modules_of(room: str) -> list[str]:
    """Dotted names of all modules of a room."""
    single = PACKAGE / f"{room}.py"
    if single.exists():
        return [f"surefoot.{room}"]
    found = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def test_importing_surefoot_loads_no_torch() -> None:
    heavy = ("torch", "numpy", "rich", "typer", "jinja2", "matplotlib")
    assert fresh(f"import sys, surefoot; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_the_command_line_loads_a_command_when_it_is_asked_for() -> None:
    heavy = ("numpy", "rich", "surefoot.records", "surefoot.facts", "surefoot.rules", "surefoot.figures")
    assert fresh(f"import sys, surefoot.cli.main; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_keeping_judging_and_showing_load_no_torch() -> None:
    names = [name for room in NO_TORCH for name in modules_of(room)]
    assert len(names) > 60
    loaded = fresh(
        f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('torch' in sys.modules)"
    )
    assert loaded == "False"


def test_the_script_runner_loads_no_torch_before_the_script() -> None:
    names = [
        "surefoot.cli.main",
        "surefoot.cli.run",
        "surefoot.capture.script",
        "surefoot.capture.tracebacks",
    ]
    loaded = fresh(
        f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('torch' in sys.modules)"
    )
    assert loaded == "False"


def test_public_names() -> None:
    assert surefoot.__all__ == sorted(surefoot.__all__)
    assert set(surefoot.__all__) <= set(dir(surefoot))
    for name in surefoot.__all__:
        assert getattr(surefoot, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        surefoot.no_such_name  # noqa: B018


def test_names_that_need_no_torch_load_none() -> None:
    names = ", ".join(f"surefoot.{name}" for name in TORCHLESS)
    assert fresh(f"import sys, surefoot; ({names}); print('torch' in sys.modules)") == "False"


def test_each_public_name_loads_first_in_a_fresh_process() -> None:
    # Forked before any room is loaded: each name is the first that its process asks for.
    code = """
import os, sys, surefoot
assert "torch" not in sys.modules
import torch
assert [name for name in sys.modules if name.startswith("surefoot.")] == []
for name in surefoot.__all__:
    child = os.fork()
    if child == 0:
        ok = callable(getattr(surefoot, name)) and getattr(surefoot, name) is getattr(surefoot, name)
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0, name
print(len(surefoot.__all__))
"""
    assert fresh(code) == str(len(surefoot.__all__))


def test_the_landscape_room_can_be_called() -> None:
    code = """
import surefoot as sf
called = sf.landscape
import surefoot.landscape as room
from surefoot.landscape import Objective
from surefoot import landscape
assert called is room is landscape is sf.landscape
import torch
data = (torch.ones(4, 1), torch.ones(4, 1))
surface = sf.landscape(torch.nn.Linear(1, 1), torch.nn.MSELoss(), data, points=5)
print(type(surface).__name__, surface.losses.shape, sf.schedules.linear(10)(5))
"""
    assert fresh(code) == "Surface (5, 5) 0.5"


def test_every_room_is_in_the_layers() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = settings["tool"]["importlinter"]["contracts"][0]
    assert contract["exhaustive"]
    layers = {name.strip(" ()") for layer in contract["layers"] for name in layer.split("|")}
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    rooms |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert rooms <= layers


def test_rooms_are_small_and_well_named() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    names = {part for name in lengths for part in Path(name).with_suffix("").parts}
    assert not names & {"utils", "util", "helpers", "common", "misc"}
    assert {name: length for name, length in lengths.items() if length > 650} == {}
    assert sorted(lengths.values())[len(lengths) // 2] < 230
