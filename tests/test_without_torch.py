"""Runs are shown, judged, reported and compared where PyTorch is not installed; what trains says so in a sentence."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import torch
from torch import nn

import surefoot as sf

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
BLOCK = """
import contextlib, io, json, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
"""
PROBE = (
    BLOCK
    + """
import surefoot as sf
from surefoot.cli.main import _main

def answer(line):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            code = _main(line.split())
        except SystemExit as ended:
            code = ended.code
    return code, out.getvalue()

said = {line: answer(line) for line in json.loads(sys.argv[1])}
for name in ("watch", "AutoClip", "fit", "landscape"):
    try:
        getattr(sf, name)
    except ImportError as error:
        said[name] = str(error)
said["diagnose"] = str(sf.diagnose("piled"))
said["compare"] = str(sf.compare("piled", "cleared"))
print(json.dumps(said))
"""
)
SHOWING = (
    "--version",
    "--help",
    "runs",
    "show piled",
    "show piled --json",
    "doctor piled",
    "explain missing-zero-grad",
    "report piled -o piled.html",
    "compare piled cleared",
    "compare piled cleared -o compared.html",
    "export piled --csv",
    "recipes",
    "lab -o lab.html",
    "plot-schedule cosine(10)",
)


def _record(folder: Path, name: str, cleared: bool) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    inputs = torch.randn(64, 3)
    with sf.watch(model, optimizer, runs=folder / "surefoot-runs", name=name):
        for _ in range(40):
            if cleared:
                optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True)).backward()
            optimizer.step()


def test_showing_needs_no_torch(tmp_path: Path) -> None:
    _record(tmp_path, "piled", cleared=False)
    _record(tmp_path, "cleared", cleared=True)
    trains = ("train line", "recipes line")
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps([*SHOWING, *trains])],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    assert {line: said[line][0] for line in SHOWING} == dict.fromkeys(SHOWING, 0)
    assert all(said[line][1] for line in SHOWING)
    assert "missing-zero-grad" in said["doctor piled"][1]
    assert "missing-zero-grad" in said["diagnose"]
    # Whether it is one script twice hangs on what a test process had imported between the two.
    assert "they part at step 2" in said["compare"] or "missing-zero-grad is gone" in said["compare"]
    assert "</html>" in (tmp_path / "piled.html").read_text(encoding="utf-8")
    for line in trains:
        assert said[line] == [2, ""]
    assert ended.stderr.count("need PyTorch") == 2
    for name in ("watch", "AutoClip", "fit", "landscape"):
        assert "need PyTorch, which is not installed" in said[name]
        assert "pip install 'surefoot[torch]'" in said[name]


def test_the_live_page_needs_no_torch(tmp_path: Path) -> None:
    pytest.importorskip("starlette", reason="the live page needs Starlette: pip install 'surefoot[view]'")
    _record(tmp_path, "piled", cleared=False)
    serve = BLOCK + "from surefoot.cli.main import _main; _main(['view', '--port', '0', '--no-browser'])"
    with subprocess.Popen(
        [sys.executable, "-c", serve], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        try:
            with urllib.request.urlopen(f"{address}run?name=piled", timeout=60) as page:
                assert page.status == 200
            with urllib.request.urlopen(f"{address}api/run?name=piled", timeout=60) as told:
                assert "missing-zero-grad" in told.read().decode()
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0


def test_the_package_asks_for_no_torch() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    assert not [each for each in project["dependencies"] if each.startswith("torch")]
    assert project["optional-dependencies"]["torch"] == ["torch>=2.6"]
