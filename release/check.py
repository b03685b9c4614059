"""Whether this tree is ready to be published: built, installed in clean environments, every command tried.

python release/check.py                    everything that does not need to be published already
python release/check.py --tag v0.1.0       also that tag, changelog and citation name this version
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = """
import torch
torch.manual_seed(0)
inputs = torch.randn(64, 3)
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for step in range(60):
    torch.nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True)).backward()
    optimizer.step()
"""
SHOWING = (
    "--version", "--help", "runs", "show first", "doctor first", "explain missing-zero-grad", "recipes",
    "report first -o report.html", "compare first second", "lab -o lab.html", "plot-schedule cosine(10)",
)  # fmt: skip
RUNNING = (
    "run --name third train.py", "landscape -o a.png --points 5 train.py", "landscape -o a.html --points 5 train.py",
    "animate -o a.gif --frames 3 third", "backprop -o b.png train.py", "train line-mse --quick",
    "lab -o b.html train.py", "plot-schedule -o s.png cosine(10)",
)  # fmt: skip
NEEDED = (
    "py.typed",
    "store/schema.sql",
    "report/templates/report.html",
    "report/static/chart.js",
    "lab/static/main.js",
)


def main() -> int:
    """Run every check; 0 where all hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tag", help="The tag of this release.")
    tag = parser.parse_args().tag
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        wheel = built(folder / "dist")
        names_agree(tag, wheel.name.split("-")[1])
        (folder / "train.py").write_text(SCRIPT)
        whole = environment(folder / "whole", wheel, beside=True)
        for name in ("first", "second"):
            tried(whole, f"run --quiet --name {name} train.py", folder)
        without = environment(folder / "without-torch", wheel, beside=False)
        for line in SHOWING:
            tried(without, line, folder)
        if list(without.glob("lib/*/site-packages/torch")):
            raise SystemExit("the wheel brings PyTorch along, which it must not")
        for line in (*SHOWING, *RUNNING):
            tried(whole, line, folder)
        tried(whole, "check train.py", folder, expected=1)
        by_uv(wheel, folder)
    print("ready to be published")
    return 0


def names_agree(tag: str | None, version: str) -> None:
    """Version, citation, changelog and tag are of one release."""
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    wrong = []
    if cited is None or cited[1] != version.partition(".dev")[0]:
        wrong.append(f"CITATION.cff does not name version {version}")
    if tag is not None and tag != f"v{version}":
        wrong.append(f"the tag is {tag}, the version {version}")
    if tag is not None and f"## {version}" not in changes:
        wrong.append(f"CHANGELOG.md has no heading '## {version}'")
    if tag is not None and not os.environ.get("SUREFOOT_REPOSITORY"):
        wrong.append("SUREFOOT_REPOSITORY is not set, so the package would have no links")
    if wrong:
        raise SystemExit("; ".join(wrong))


def built(dist: Path) -> Path:
    """The wheel, built from the source archive as an installer would; both are looked into."""
    said([sys.executable, "-m", "build", "--outdir", str(dist), str(ROOT)])
    said([sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir())])
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tests = [name for name in names if "tests/" in name or Path(name).name.startswith(("test_", "conftest"))]
    missing = [name for name in NEEDED if f"surefoot/{name}" not in names]
    if tests or missing:
        raise SystemExit(f"the wheel holds tests {tests} or lacks {missing}")
    return wheel


def environment(folder: Path, wheel: Path, *, beside: bool) -> Path:
    """A clean environment with the wheel; `beside`: PyTorch and the extras are those of the running one."""
    venv.create(folder, with_pip=True)
    said([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", str(wheel)])
    if beside:
        (packages,) = folder.glob("lib/*/site-packages")
        own = [entry for entry in sys.path if entry.endswith("site-packages")]
        (packages / "beside.pth").write_text("\n".join(own) + "\n")
    return folder


def tried(where: Path, line: str, folder: Path, expected: int = 0) -> None:
    """One command as a stranger types it."""
    said([str(where / "bin/surefoot"), *line.split()], folder, expected)


def by_uv(wheel: Path, folder: Path) -> None:
    """The same without installing anything."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        raise SystemExit("uv is not installed: pip install '.[release]'")
    # Certificates as the machine has them, as pip takes them.
    said([uv, "run", "--system-certs", "--no-project", "--with", str(wheel), "surefoot", "show", "first"], folder)


def said(command: list[str], folder: Path | None = None, expected: int = 0) -> None:
    """Run a command; what it says is shown only where it fails."""
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environ, check=False)
    shown = " ".join(Path(word).name if os.path.isabs(word) else word for word in command)
    if done.returncode != expected:
        raise SystemExit(
            f"{shown}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    print(f"ok  {shown}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
