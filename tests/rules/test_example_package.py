"""The example package of docs/own-rules.md, installed beside broken ones, does what the page says."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from capture.twin import SUREFOOT, Ended, process

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "own_rule"
CODE = "acme-last-batch-small"

# 163 examples in batches of 32: the last has three. The gradients are never cleared.
TRAIN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(0)
inputs = torch.randn(163, 8)
loader = DataLoader(TensorDataset(inputs, (inputs[:, 0] > 0).long()), batch_size=32, shuffle=True)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
for epoch in range(8):
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
"""

BROKEN = '''
from surefoot.records import Finding
from surefoot.rules import Draft, rule


def declare(code, check):
    check.__doc__ = """Nothing.

    ## What it finds
    ## Why it matters
    ## Evidence shown
    ## What to try
    ## When to ignore it
    ## Source
    """
    return rule(code, severity="error", since="1.0")(check)


def divides(history):
    yield Finding("acme-divides", "information", "Found before the fault.", "Leave it.")
    1 / 0


def says_a_word(history):
    return ["word"]


def invents_a_severity(history):
    yield Draft(severity="fatal", title="Found.", fix="Leave it.")


def takes_another_name(history):
    yield Finding("missing-step", "information", "Found.", "Leave it.")


first = declare("acme-divides", divides)
second = declare("acme-says-a-word", says_a_word)
third = declare("acme-invents", invents_a_severity)
fourth = declare("acme-takes", takes_another_name)
'''


def install(site: Path, name: str, entry_points: dict[str, str], version: str = "1.0") -> None:
    """What pip leaves beside a package's modules, without pip."""
    information = site / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{key} = {value}\n" for key, value in entry_points.items())
    (information / "entry_points.txt").write_text(f"[surefoot.rules]\n{lines}")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders that make the example package an installed one."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    install(site, project["name"], project["entry-points"]["surefoot.rules"], project["version"])
    return [site, PACKAGE / "src"]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A folder in which four packages are installed, each broken in its own way."""
    site = tmp_path_factory.mktemp("broken")
    (site / "acme_broken.py").write_text(BROKEN)
    install(site, "acme-broken", {"broken": "acme_broken"})
    (site / "acme_unloadable.py").write_text("raise RuntimeError('by design')")
    install(site, "acme-unloadable", {"unloadable": "acme_unloadable"})
    (site / "acme_leaves.py").write_text("import sys\nsys.exit('bye')")
    install(site, "acme-leaves", {"leaves": "acme_leaves"})
    install(site, "acme-absent", {"absent": "acme_never_written"})
    return [site]


def run(sites: list[Path], folder: Path, *command: str) -> Ended:
    paths = [*map(str, sites), os.environ.get("PYTHONPATH", "")]
    return process([*command], folder, PYTHONPATH=os.pathsep.join(filter(None, paths)))


def test_explain_shows_its_page_and_lists_it(installed: list[Path], tmp_path: Path) -> None:
    page = run(installed, tmp_path, *SUREFOOT, "explain", CODE)
    assert (page.code, page.said) == (0, "")
    assert page.stdout.decode().startswith(f"# {CODE}\n\nThe last batch of each epoch is much smaller")
    assert "*information · extension · since 1.0*" in page.stdout.decode()
    assert "`share` = 0.25" in page.stdout.decode()
    everything = run(installed, tmp_path, *SUREFOOT, "explain").stdout.decode()
    assert {CODE, "missing-zero-grad"} <= {line.split()[0] for line in everything.splitlines()}


def test_check_reports_its_finding_and_no_broken_rule_harms_another(
    installed: list[Path], broken: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    ended = run(
        [*installed, *broken], tmp_path, *SUREFOOT, "check", "--steps", "40", "--json", "out.json", "train.py"
    )
    assert ended.code == 1, ended.said
    assert (tmp_path / "out.json").exists(), ended.said
    findings = json.loads((tmp_path / "out.json").read_text())["findings"]
    by_code = {finding["code"]: finding for finding in findings}
    assert findings[0]["code"] == "missing-zero-grad"
    assert by_code[CODE]["evidence"] == {"examples": 163, "batch size": 32, "last batch": 3}
    assert by_code[CODE]["where"].startswith("train.py:11: for x, y in loader:")
    assert "acme-divides" in by_code, "what a rule found before it broke is kept"

    defects = [finding for finding in findings if finding["code"] == "defect"]
    assert {finding["severity"] for finding in defects} == {"information"}
    assert {
        finding["evidence"]["part"]: finding["evidence"]["fault"].split(":")[0] for finding in defects
    } == {
        "the rule acme-divides": "ZeroDivisionError",
        "the rule acme-says-a-word": "TypeError",
        "the rule acme-invents": "ValueError",
        "the rule acme-takes": "ValueError",
        "the extension 'unloadable'": "RuntimeError",
        "the extension 'leaves'": "SystemExit",
        "the extension 'absent'": "ModuleNotFoundError",
    }
    for part in ("the rule acme-divides", "the extension 'unloadable'"):
        assert part in ended.said


def test_the_tests_of_the_package_pass(installed: list[Path], tmp_path: Path) -> None:
    """As its authors would run them."""
    settings = ("-c", str(PACKAGE / "pyproject.toml"), "--rootdir", str(PACKAGE))
    ended = run(
        installed,
        tmp_path,
        *(sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *(*settings, str(PACKAGE / "tests")),
    )
    assert ended.code == 0, ended.stdout.decode()
    assert "5 passed" in ended.stdout.decode()


def test_the_page_shows_the_package_as_it_is() -> None:
    page = (ROOT / "docs" / "own-rules.md").read_text()
    for name in ("src/acme_training_rules.py", "tests/test_acme_last_batch_small.py"):
        assert (PACKAGE / name).read_text().strip() in page, f"docs/own-rules.md shows another {name}"
