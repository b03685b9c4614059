"""Pages say what the code does; names load without torch."""

import inspect
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from surefoot.errors import SettingError
from surefoot.optimizers import names, page, scale_lr
from surefoot.optimizers.catalogue import CATALOGUE, load_class
from surefoot.optimizers.named import SECTIONS

DOCS = Path(__file__).parents[2] / "docs" / "optimizers.md"


@pytest.mark.parametrize("name", names())
def test_page_explains_every_default_with_its_value(name):
    named = CATALOGUE[name]
    assert named.title.startswith(f"{name}: ")
    for heading in SECTIONS:
        assert len(named.section(heading)) > 20, heading
    numbers = named.section("Numbers")
    for setting, value in named.defaults.items():
        shown = (
            f'"{value}"' if isinstance(value, str) else f"{value:g}" if type(value) is float else str(value)
        )
        assert f"{setting} = {shown}:" in numbers.replace("\n", " "), f"{setting} = {shown}"
    explained = [line.split(" = ")[0] for line in numbers.splitlines() if " = " in line and line[0] != " "]
    assert explained == list(named.defaults)
    assert "←" in named.section("Update")


@pytest.mark.parametrize("name", names())
def test_defaults_are_settings_of_the_class(name):
    named = CATALOGUE[name]
    assert set(named.defaults) <= set(inspect.signature(load_class(named.target)).parameters)


@pytest.mark.parametrize("name", names())
def test_docs_hold_the_page(name):
    text = DOCS.read_text()
    for heading in ("Update", "Numbers", "When to choose it", "Source"):
        assert CATALOGUE[name].section(heading) in text, (
            f"{name}: {heading}; write the page into docs/optimizers.md"
        )


def test_issue_defaults():
    assert {k: CATALOGUE["adam"].defaults[k] for k in ("lr", "betas")} == {"lr": 1e-3, "betas": (0.9, 0.999)}
    assert {k: CATALOGUE["adamw"].defaults[k] for k in ("lr", "weight_decay")} == {
        "lr": 3e-4,
        "weight_decay": 0.01,
    }
    sgd = CATALOGUE["sgd"].defaults
    assert (sgd["lr"], sgd["momentum"], sgd["weight_decay"], sgd["nesterov"]) == (0.1, 0.9, 1e-4, True)


def test_unknown_page():
    with pytest.raises(SettingError, match="did you mean 'nesterov'"):
        page("nesterof")


def test_pages_load_without_torch():
    code = (
        "import sys, surefoot.optimizers as o; o.page('muon'); o.scale_lr; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_stay_what_they_are_after_a_first_use():
    import surefoot.optimizers as room

    for name in room.__all__:
        assert callable(getattr(room, name))
        assert getattr(room, name) is getattr(room, name)


def test_scale_lr():
    assert scale_lr(0.1, batch_size=8192, reference_batch_size=256) == pytest.approx(3.2)
    assert scale_lr(1e-3, batch_size=64, reference_batch_size=256, rule="square-root") == pytest.approx(5e-4)
    for bad in ({"batch_size": 0}, {"lr": -1.0}, {"lr": math.nan}, {"rule": "cubic"}):
        chosen = {"lr": 0.1, "batch_size": 8, "reference_batch_size": 8, **bad}
        with pytest.raises(SettingError):
            scale_lr(chosen.pop("lr"), **chosen)


def test_nesterov_at_constant_momentum_falls_as_descent_does_and_with_growing_momentum_faster():
    """A smooth convex problem whose curvatures run to 0: the order of the error in steps, from NumPy."""
    curvatures = 1 / np.arange(1, 2001) ** 2.0

    def order(momentum):
        w, v, errors = np.ones(2000), np.zeros(2000), []
        for step in range(1, 4001):
            v = momentum(step) * v + curvatures * w
            w = w - (curvatures * w + momentum(step + 1) * v)
            if step in (400, 4000):
                errors.append((curvatures * w * w).sum() / 2)
        return -np.log10(errors[1] / errors[0])

    descent, constant = order(lambda step: 0.0), order(lambda step: 0.9)
    assert constant == pytest.approx(descent, abs=0.1)
    assert order(lambda step: (step - 1) / (step + 2)) > 1.5 * descent
    words = " ".join(page("nesterov").split())
    assert "falls with the same power of the steps as plain descent's" in words
