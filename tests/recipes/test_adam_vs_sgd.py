import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from surefoot import recipes
from surefoot.recipes import adam_vs_sgd
from surefoot.recipes.intervals import mean_interval


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versus")
    recipe = recipes.load("adam-vs-sgd")
    settings = {"steps": 25, "units": 8}
    return recipe.options(out=folder / "out", runs=folder / "runs", quick=True, settings=settings)


@pytest.fixture(scope="module")
def outcome(options):
    return recipes.run(recipes.load("adam-vs-sgd"), options)


def test_both_are_tuned_alike(outcome):
    tuned = outcome.data["tuned"]
    assert len(tuned["AdamW"]) == len(tuned["SGD"]) == 4
    for name, losses in tuned.items():
        assert losses[outcome.data["chosen"][name]] == min(losses.values())
    full = recipes.load("adam-vs-sgd").options()
    for _, rates, decays in adam_vs_sgd.NAMES.values():
        assert (len(full.listed(rates)), len(full.listed(decays))) == (5, 3)


def test_the_difference_is_taken_seed_by_seed(outcome):
    ends = outcome.data["ends"]
    gaps = [a["test accuracy"] - s["test accuracy"] for a, s in zip(ends["AdamW"], ends["SGD"], strict=True)]
    assert outcome.rows[2]["test accuracy"] == adam_vs_sgd.spread(gaps)
    mean, low, high = mean_interval(gaps)
    assert f"{100 * mean:+.2f} points" in outcome.sentences[0]
    assert ("no difference" in outcome.sentences[0]) == (low <= 0 <= high)


def test_the_verdict_says_what_the_interval_says():
    assert "no difference" in adam_vs_sgd._verdict([0.01, -0.01, 0.0])
    assert "SGD generalised better" in adam_vs_sgd._verdict([-0.02, -0.021, -0.019])
    assert "AdamW generalised better" in adam_vs_sgd._verdict([0.02, 0.021, 0.019])


def test_the_sharpness_is_that_of_the_hessian(options):
    """Against the Hessian itself, for the network that the recorded training ended with."""
    cell = adam_vs_sgd._cell(options, "SGD", 0.05, 0.001, 7, final=True)
    images, labels = adam_vs_sgd._drawn(options, 7)[0]
    torch.manual_seed(7)
    model = nn.Sequential(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))
    raw = adam_vs_sgd.optimizer("sgd", model, lr=0.05, weight_decay=0.001)
    adam_vs_sgd.fit(
        model,
        nn.CrossEntropyLoss(),
        (images, labels),
        optimizer=raw,
        schedule=adam_vs_sgd.cosine(25),
        clip=None,
        steps=25,
        batch_size=32,
        seed=7,
        observe=False,
        progress=False,
    )
    center = torch.cat([p.detach().flatten() for p in model.parameters()])
    shapes = [p.shape for p in model.parameters()]

    def loss(vector):
        parts = vector.split([s.numel() for s in shapes])
        w1, b1, w2, b2 = (part.view(s) for part, s in zip(parts, shapes, strict=True))
        return nn.functional.cross_entropy(torch.relu(images @ w1.T + b1) @ w2.T + b2, labels)

    assert cell["training loss"] == pytest.approx(float(loss(center)), rel=1e-5)
    hessian = torch.autograd.functional.hessian(loss, center)
    assert cell["top eigenvalue"] == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-2)
    assert cell["trace"] == pytest.approx(float(hessian.trace()), rel=0.35)


def test_an_interrupted_comparison_goes_on(outcome, options, monkeypatch):
    cells = options.out / "cells.jsonl"
    lines = cells.read_text().splitlines(keepends=True)
    assert len(lines) == 8 + 6
    cells.write_text("".join(lines[:-1]) + lines[-1][:20])  # killed while it wrote
    calls = []
    real = adam_vs_sgd._cell
    monkeypatch.setattr(adam_vs_sgd, "_cell", lambda *a, **k: calls.append(a) or real(*a, **k))
    again = recipes.run(recipes.load("adam-vs-sgd"), replace(options, resume=True))
    assert len(calls) == 1
    assert again.rows == outcome.rows
    assert again.sentences == outcome.sentences

    def known(given):
        cells = [json.loads(line) for line in given]
        return [(cell["key"], {k: v for k, v in cell["result"].items() if k != "run"}) for cell in cells]

    assert known(cells.read_text().splitlines()) == known(lines)


def test_a_best_setting_at_the_end_of_its_range_is_told(options):
    low, high = options.listed("rates_sgd")
    assert any("rate of SGD" in s for s in adam_vs_sgd._edges(options, {"SGD": (high, 0.001)}))
    wide = replace(options, numbers=dict(options.numbers) | {"rates_sgd": f"{low},0.05,{high}"})
    assert not any("rate of SGD" in s for s in adam_vs_sgd._edges(wide, {"SGD": (0.05, 0.001)}))


def test_the_figure_draws_each_seed(outcome):
    sharp = recipes.load("adam-vs-sgd").figure(outcome).axes[2]
    for line, name in zip(sharp.lines, ("AdamW", "SGD"), strict=True):
        cells = outcome.data["ends"][name]
        assert np.allclose(line.get_xdata(), [cell["top eigenvalue"] for cell in cells])
        assert np.allclose(line.get_ydata(), [100 * cell["test accuracy"] for cell in cells])
