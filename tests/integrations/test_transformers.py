"""Transformers, the real library."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot.clipping import AutoClip, attached

transformers = pytest.importorskip("transformers")
from surefoot.integrations.transformers import FILE, ClipGradients  # noqa: E402


class Regression(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 1)

    def forward(self, x, labels=None):
        return {"loss": (self.layer(x) * 10 - labels).pow(2).mean()}


def data(count=48):
    generator = torch.Generator().manual_seed(1)
    return [{"x": torch.randn(3, generator=generator), "labels": torch.ones(1)} for _ in range(count)]


def trainer(tmp_path, callbacks, **settings):
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=8,
        num_train_epochs=1,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        logging_steps=1,
        lr_scheduler_type="constant",
        **{"save_strategy": "no", **settings},
    )
    return transformers.Trainer(Regression(), arguments, train_dataset=data(), callbacks=callbacks)


def test_the_history_holds_unclipped_norms_and_the_setting_comes_back(tmp_path):
    """Trap 10: Trainer clips at max_grad_norm first, and norms of these losses are far above 1."""
    callback = ClipGradients(AutoClip(100))
    run = trainer(tmp_path, [callback])
    assert run.args.max_grad_norm == 1.0
    run.train()
    norms = callback.clipper.state_dict()["histories"]["all gradients"]
    assert len(norms) == 6
    assert float(norms.min()) > 5
    assert run.args.max_grad_norm == 1.0
    assert attached(run.optimizer.optimizer) is None
    logged = [entry for entry in run.state.log_history if "loss" in entry]
    assert sorted(entry["grad_norm"] for entry in logged) == pytest.approx(norms.tolist())
    assert {entry["clip_factor"] for entry in logged} == {1.0}


def test_clips_every_step(tmp_path):
    callback = ClipGradients(AutoClip(0))
    trainer(tmp_path, [callback]).train()
    assert "grad_scale" not in vars(callback.clipper)
    assert float(callback.clipper.last.threshold) <= float(callback.clipper.last.norm)


def test_resuming_goes_on_where_it_left_off(tmp_path):
    whole = trainer(tmp_path / "whole", [ClipGradients(AutoClip())])
    whole.train()
    part = trainer(tmp_path / "part", [ClipGradients(AutoClip())], save_strategy="steps", save_steps=3)
    part.train()
    assert (tmp_path / "part" / "checkpoint-3" / FILE).exists()
    again = ClipGradients(AutoClip())
    resumed = trainer(tmp_path / "part", [again])
    resumed.train(resume_from_checkpoint=str(tmp_path / "part" / "checkpoint-3"))
    assert len(again.clipper.state_dict()["histories"]["all gradients"]) == 6
    torch.testing.assert_close(resumed.model.layer.weight, whole.model.layer.weight, rtol=0, atol=0)
