"""The example package of docs/own-rules.md works as the page says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from rules.build import Training
from surefoot.rules import Rule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGE = Path(__file__).parents[2] / "examples" / "own_rule"
LOADER = "train.py:4: for x, y in loader:"


@pytest.fixture(scope="module")
def own() -> Rule:
    settings = tomllib.loads((PACKAGE / "pyproject.toml").read_text())
    (module_name,) = settings["project"]["entry-points"]["surefoot.rules"].values()
    spec = importlib.util.spec_from_file_location(module_name, PACKAGE / "src" / f"{module_name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (rule,) = [value for value in vars(module).values() if isinstance(value, Rule)]
    return rule


def test_it_finds_a_small_last_batch(own: Rule) -> None:
    training = Training().fact("loader", LOADER, dataset_size=1283, drop_last=False)
    (finding,) = own.findings(training.history)
    assert finding.evidence["last batch"] == 3


@pytest.mark.parametrize("loader", [{"dataset_size": 1280}, {"dataset_size": 1283, "drop_last": True}])
def test_it_is_quiet_on_even_batches(own: Rule, loader: dict[str, object]) -> None:
    assert not list(own.findings(Training().fact("loader", LOADER, **loader).history))


def test_the_page_names_its_code(own: Rule) -> None:
    page = (PACKAGE.parents[1] / "docs" / "own-rules.md").read_text()
    assert own.code in page
    assert own.group == "extension"
