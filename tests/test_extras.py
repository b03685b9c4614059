"""A missing optional package is one sentence, from every command and function that uses it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.extras import OPTIONAL, sentence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]

# Blocks packages as if they were not installed, then tries everything in one process. Trains nothing long: what is
# missing must be told before a training begins.
PROBE = """
import contextlib, io, json, os, sys, tempfile

blocked, lines, names = (json.loads(argument) for argument in sys.argv[1:])  # scripts that are run have their own

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

import torch
from surefoot.cli.main import _main
from surefoot.errors import MissingExtra

def told(call):
    try:
        call()
    except MissingExtra as error:
        return str(error)
    return None

def command(*arguments):
    with tempfile.TemporaryFile() as file:  # surefoot speaks past sys.stderr, which a script may have replaced
        before = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                code = _main(list(arguments))
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
        file.seek(0)
        return code, file.read().decode()

def door(name):
    import importlib
    return lambda: importlib.import_module(f"surefoot.integrations.{name}")

def edit():
    from surefoot.edits import edit
    edit("", "rate")

data = torch.ones(8, 1), torch.ones(8, 1)

def fitted(**options):
    import surefoot.training as training
    return lambda: training.fit(torch.nn.Linear(1, 1), torch.nn.MSELoss(), data, steps=1, observe=False, **options)

def train_file():
    import surefoot.training as training
    training.train_file("a.toml")

def frame(library):
    import surefoot
    from surefoot.records import History, Run
    return lambda: surefoot.frame(History(Run("", "", "")), library)

sys.meta_path.insert(0, Block())

calls = {
    "frame": frame("pandas"),
    "frame of polars": frame("polars"),
    "fit": fitted(),
    "fit(folder)": fitted(folder="kept by fit"),
    "train_file": train_file,
    "edit": edit,
    **{name: door(name) for name in ("lightning", "transformers", "accelerate")},
}
said = {
    "commands": {line: command(*line.split()) for line in lines},
    "calls": {name: told(calls[name]) for name in names},
}
print(json.dumps(said))
"""

TOML = """
loss = "torch.nn:MSELoss"
data = "parts_of_extras_test.py:data"
[model]
from = "torch.nn:Linear"
in_features = 1
out_features = 1
[optimizer]
lr = 0.1
[training]
epochs = 1
folder = "kept"
"""
PARTS = "import sklearn.datasets, torch\ndef data(): return torch.ones(8, 1), torch.ones(8, 1)\n"

FIGURES = [
    "landscape -o a.svg bowl",
    "animate -o a.gif s.py",
    "animate -o a.html learning-rates",
    "backprop -o a.png s.py",
    "plot-schedule cosine(10) -o a.png",
]
DIGITS = ["train digits", "train fine-tune", "train adam-vs-sgd", "train deep-sigmoid"]
SPEECH = ["train separation", "reproduce autoclip"]
FIT = ["train line", "train bowl", "train a.toml", *DIGITS]
# package -> (commands that need it, the extra that they name; calls, and theirs)
NEEDED: dict[str, tuple[dict[str, list[str]], dict[str, str]]] = {
    "matplotlib": ({"figures": [*FIGURES, "train line", *DIGITS], "separation": SPEECH}, {}),
    "PIL": ({"figures": [*FIGURES, "train line", *DIGITS], "separation": SPEECH}, {}),
    "imageio_ffmpeg": ({"video": ["animate -o a.mp4 s.py"]}, {}),
    "accelerate": (
        {"train": FIT},
        {"fit": "train", "fit(folder)": "train", "train_file": "train", "accelerate": "accelerate"},
    ),
    "safetensors": (
        {
            "train": ["train a.toml", "train digits", "landscape --checkpoint w.safetensors s.py"],
            "separation": SPEECH,
        },
        {"fit(folder)": "train", "train_file": "train"},
    ),
    # From Python alone: some versions of Typer read every command line by Pydantic.
    "pydantic": ({}, {"train_file": "train"}),
    "sklearn": ({"train": ["train a.toml", *DIGITS]}, {"train_file": "train"}),
    "scipy": ({"train": ["train fine-tune", "train adam-vs-sgd"], "separation": SPEECH}, {}),
    "soundfile": ({"separation": SPEECH}, {}),
    "torchmetrics": ({"separation": SPEECH}, {}),
    "starlette": ({"view": ["view ."]}, {}),
    "uvicorn": ({"view": ["view ."]}, {}),
    "lightning": ({}, {"lightning": "lightning"}),
    "transformers": ({}, {"transformers": "transformers"}),
    "libcst": ({}, {"edit": "edits"}),
    "pandas": ({}, {"frame": "export"}),
    "polars": ({}, {"frame of polars": "polars"}),
    "pyarrow": ({"export": ["export --parquet"]}, {}),
    "tensorboard": ({"tensorboard": ["export --tensorboard"]}, {}),
    "wandb": ({"wandb": ["export --wandb"]}, {}),
    "mlflow": ({"mlflow": ["export --mlflow"]}, {}),
}
BLOCKED = {"lightning": ["lightning", "pytorch_lightning"]}


def test_every_optional_package_is_tried() -> None:
    elsewhere = {"torch", "optuna", "cmaes", "ray"}  # test_without_torch.py; the sentence of the others below
    assert {*NEEDED, "pytorch_lightning", *elsewhere} == set(OPTIONAL)


@pytest.mark.parametrize("package", NEEDED)
def test_a_missing_package_is_one_sentence(package: str, tmp_path: Path) -> None:
    commands, calls = NEEDED[package]
    (tmp_path / "a.toml").write_text(TOML)
    (tmp_path / "parts_of_extras_test.py").write_text(PARTS)
    (tmp_path / "s.py").write_text("import torch\ntorch.ones(1, requires_grad=True).sum().backward()\n")
    (tmp_path / "w.safetensors").write_bytes(b"")
    lines = [line for some in commands.values() for line in some]
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, *map(json.dumps, (BLOCKED.get(package, [package]), lines, list(calls)))],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    for extra, some in commands.items():
        for line in some:
            code, text = said["commands"][line]
            assert (line, code) == (line, 2)
            assert "Traceback" not in text
            assert "\n" not in text.strip(), (line, text)
            assert names(text, extra), (line, text)
    for call, extra in calls.items():
        assert said["calls"][call] is not None, call
        assert names(said["calls"][call], extra), (call, said["calls"][call])
    assert not (tmp_path / "surefoot-runs").exists(), "nothing was trained before it was told"


def names(text: str, extra: str) -> bool:
    found = re.search(r"pip install 'surefoot\[([a-z,]+)\]'", text)
    return found is not None and extra in found[1].split(",")


def test_the_extras_exist_and_all_has_them() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {extra for _, extra in OPTIONAL.values()} <= set(extras)
    (everything,) = extras["all"]
    listed = set(re.findall(r"[a-z]+", everything.partition("[")[2]))
    assert listed == set(extras) - {
        "all",
        "test",
        "check",
        "peers",
        "docs",
        "release",
        "search",
        "ray",
        "mlflow",
        "polars",
    }
    readme = (ROOT / "README.md").read_text()
    for extra in (*listed, "all"):
        assert f"`{extra}`" in readme, f"README says what {extra} adds"


def test_readme_names_every_extra() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = set(tomllib.load(file)["project"]["optional-dependencies"])
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z]+)`", row)}
    assert extras - {"test", "check", "docs", "peers", "release"} <= named


def test_what_a_sweep_lacks_is_named_with_its_extras() -> None:
    text = sentence("sweeps", "optuna", "cmaes", "ray")
    assert text.startswith("sweeps need Optuna, cmaes and Ray, which are not installed")
    assert names(text, "search")
    assert names(text, "ray")
