"""Lightning, the real library."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot.clipping import AutoClip, ClipByNorm, attached
from surefoot.errors import ClippingError

lightning = pytest.importorskip("lightning.pytorch")
from surefoot.integrations.lightning import ClipGradients  # noqa: E402


class Regression(lightning.LightningModule):
    def __init__(self, fused=True):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 1)
        self.fused = fused

    def training_step(self, batch, _):
        return self.layer(batch).pow(2).mean()

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.05, fused=self.fused)


class TwoOptimizers(Regression):
    automatic_optimization = False

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.second = nn.Linear(3, 1)

    def training_step(self, batch, _):
        for optimizer, layer in zip(self.optimizers(), (self.layer, self.second), strict=True):
            optimizer.zero_grad()
            self.manual_backward(layer(batch).pow(2).mean())
            optimizer.step()

    def configure_optimizers(self):
        return [torch.optim.SGD(m.parameters(), lr=0.01) for m in (self.layer, self.second)]


def loader(count=6):
    generator = torch.Generator().manual_seed(1)
    return torch.utils.data.DataLoader(torch.randn(8 * count, 3, generator=generator), batch_size=8)


def trainer(tmp_path, **settings):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return lightning.Trainer(
        accelerator="cpu",
        default_root_dir=tmp_path,
        **{"max_epochs": 1, "enable_checkpointing": False, **quiet, **settings},
    )


@pytest.mark.parametrize("fused", [True, False])
def test_clips_as_in_plain_pytorch(tmp_path, fused):
    """Lightning runs backward in a closure of step."""
    model = Regression(fused)
    callback = ClipGradients(AutoClip())
    trainer(tmp_path, callbacks=[callback]).fit(model, loader())
    plain = Regression(fused)
    optimizer = plain.configure_optimizers()
    AutoClip().attach(optimizer)
    for batch in loader():
        optimizer.zero_grad()
        plain.training_step(batch, 0).backward()
        optimizer.step()
    assert torch.equal(model.layer.weight, plain.layer.weight)
    assert attached(optimizer) is not None
    assert callback.clipper.optimizer is None  # detached again


def test_16_bit_with_a_fused_optimizer(tmp_path):
    """Lightning's own clipping raises for this (Lightning#21435)."""
    precision = lightning.plugins.MixedPrecision(
        "16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=256.0)
    )
    model = Regression()
    callback = ClipGradients(ClipByNorm(1e-2))
    trainer(tmp_path, callbacks=[callback], plugins=[precision]).fit(model, loader())
    plain = Regression()
    optimizer = plain.configure_optimizers()
    ClipByNorm(1e-2).attach(optimizer)
    for batch in loader():
        optimizer.zero_grad()
        plain.training_step(batch, 0).backward()
        optimizer.step()
    torch.testing.assert_close(model.layer.weight, plain.layer.weight, rtol=1e-2, atol=1e-3)
    assert float(callback.clipper.last.norm) < 100


def test_the_checkpoint_keeps_what_was_learned(tmp_path):
    whole = Regression()
    trainer(tmp_path, max_epochs=2, callbacks=[ClipGradients(AutoClip())]).fit(whole, loader())

    first = Regression()
    part = trainer(tmp_path, callbacks=[ClipGradients(AutoClip())], enable_checkpointing=True)
    part.fit(first, loader())
    path = tmp_path / "part.ckpt"
    part.save_checkpoint(path)
    again = ClipGradients(AutoClip())
    resumed = Regression()
    trainer(tmp_path, max_epochs=2, callbacks=[again]).fit(resumed, loader(), ckpt_path=path)
    assert len(again.clipper.state_dict()["histories"]["all gradients"]) == 12
    assert torch.equal(resumed.layer.weight, whole.layer.weight)


def test_two_optimizers_have_a_clipper_each_and_logs(tmp_path):
    callback = ClipGradients(AutoClip(), log=True)
    run = trainer(tmp_path, callbacks=[callback])
    run.fit(TwoOptimizers(), loader())
    assert [len(c.state_dict()["histories"]["all gradients"]) for c in callback.clippers] == [6, 6]
    for name in ("norm", "threshold", "factor"):
        assert f"clip/{name}" in run.callback_metrics
        assert f"clip/{name}_1" in run.callback_metrics


def test_the_trainers_own_clipping_is_refused(tmp_path):
    run = trainer(tmp_path, callbacks=[ClipGradients(AutoClip())], gradient_clip_val=1.0)
    with pytest.raises(ClippingError, match=r"gradient_clip_val=1\.0"):
        run.fit(Regression(), loader())
