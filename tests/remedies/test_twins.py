"""Each remedy, applied by hooks to a script with a fault, gives the numbers of the script without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from surefoot.capture.script import Target
from surefoot.experiment.trainings import Trainings, Wanted
from surefoot.records import History
from surefoot.remedies.base import Proposal
from surefoot.search.pool import Pool
from surefoot.search.server import FORKS

pytestmark = pytest.mark.skipif(not FORKS, reason="a process each takes too long without fork")

STEPS = 12
SCRIPT = """
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(3)
x = torch.randn(48, 4) * {spread}
y = {target}
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, {out}){head})
{before}
optimizer = torch.optim.{optimizer}
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)
for step in range(12):
    part = slice(12 * (step % 3), 12 * (step % 3) + 12)
    {first}
    loss = {loss}
    {backward}
    {step}
"""
PARTS = {
    "spread": "1", "target": "(x[:, 0] > 0).long()", "out": "2", "head": "", "before": "",
    "optimizer": "SGD(model.parameters(), lr=0.1, momentum=0.5)", "first": "optimizer.zero_grad()",
    "loss": "F.cross_entropy(model(x[part]), y[part])", "backward": "loss.backward()", "step": "optimizer.step()",
}  # fmt: skip
REGRESSION = {"target": "x.sum(1, keepdim=True)", "out": "1", "loss": "F.mse_loss(model(x[part]), y[part])"}
# remedy with its numbers, what the faulty script has, what the sound one has
TWINS = [
    ("clear-gradients", {}, {"first": "pass"}, {}),
    ("keep-gradients", {}, {"backward": "loss.backward(); optimizer.zero_grad()"}, {}),
    ("take-step", {}, {"step": "pass"}, {}),
    ("call-backward", {}, {"backward": "pass"}, {}),
    ("add-parameters", {}, {"optimizer": "SGD(model[4].parameters(), lr=0.1, momentum=0.5)"}, {}),
    ("train-mode", {}, {"before": "model.eval()"}, {}),
    ("unfreeze", {}, {"before": "model.requires_grad_(False)"}, {}),
    ("raw-scores", {}, {"head": ", nn.Softmax(1)"}, {}),
    ("log-probabilities", {}, {"loss": "F.nll_loss(model(x[part]), y[part])"}, {}),
    ("target-shape", {}, {**REGRESSION, "target": "x.sum(1)"}, REGRESSION),
    ("lower-rate", {"factor": 0.1}, {}, {"optimizer": "SGD(model.parameters(), lr=0.01, momentum=0.5)"}),
    ("raise-rate", {"factor": 10.0}, {"optimizer": "SGD(model.parameters(), lr=0.01, momentum=0.5)"}, {}),
    (
        "less-weight-decay", {"factor": 0.0},
        {"optimizer": "SGD(model.parameters(), lr=0.1, momentum=0.5, weight_decay=1.0)"}, {},
    ),
    ("keep-optimizer", {}, {"first": "optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)\n"
                                     "    optimizer.zero_grad()"}, {}),
    ("scheduler-after-optimizer", {}, {"first": "optimizer.zero_grad(); scheduler.step()"},
     {"step": "optimizer.step(); scheduler.step()"}),
    ("constant-rate", {}, {"step": "optimizer.step(); scheduler.step()"}, {}),
    ("turn-sign", {}, {"loss": "-F.cross_entropy(model(x[part]), y[part])"}, {}),
    ("scale-accumulation", {}, {"backward": "loss.backward(retain_graph=True); loss.backward()"}, {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(1) as made:
        yield made


def _history(pool: Pool, folder: Path, parts: dict[str, str], *fixes: Proposal) -> History:
    folder.mkdir()
    script = folder / "train.py"
    script.write_text(SCRIPT.format(**{**PARTS, **parts}), encoding="utf-8")
    seen = Trainings(Target(str(script)), folder, STEPS, False, pool=pool).run([Wanted(fixes)])[0]
    assert seen.history is not None, seen.why
    assert not seen.failure
    return seen.history


@pytest.mark.parametrize(("remedy", "details", "faulty", "sound"), TWINS, ids=[twin[0] for twin in TWINS])
def test_a_remedy_gives_the_numbers_of_the_edit(
    remedy: str,
    details: dict[str, float],
    faulty: dict[str, str],
    sound: dict[str, str],
    pool: Pool,
    tmp_path: Path,
) -> None:
    fixed = _history(pool, tmp_path / "faulty", faulty, Proposal(remedy, "", "", None, details))
    twin = _history(pool, tmp_path / "sound", sound)
    share = {"turn-sign": -1.0, "scale-accumulation": 2.0}.get(remedy, 1.0)  # the loss stays the script's own
    losses = [each.series("loss").values for each in (fixed, twin)]
    assert len(losses[1]) >= STEPS - 1
    count = min(map(len, losses))
    assert count >= STEPS - 1
    np.testing.assert_allclose(losses[0][:count] / share, losses[1][:count], rtol=1e-4)
