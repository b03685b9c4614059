"""One training: what it records, and that AutoClip and the records change only what they should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from surefoot.errors import SettingError
from surefoot.recipes.separation import losses, training
from surefoot.recipes.separation.corpus import find_corpus
from surefoot.recipes.separation.mixtures import Mixtures
from surefoot.recipes.separation.model import Separator
from surefoot.recipes.separation.settings import OBJECTIVES, Settings, settings_from
from surefoot.recipes.separation.spectra import spectrum
from surefoot.recipes.separation.training import train

TINY = Settings(steps=12, units=4, layers=1, batch=2, frames=16, every=3, tests=2, test_seconds=0.5)


@pytest.fixture(scope="module")
def mixtures(voices):
    return Mixtures(find_corpus(voices))


def by_hand(settings, mixtures):
    """The same training without surefoot's clipper, records and optimizer builder."""
    torch.manual_seed(settings.seed)
    model = Separator(settings.units, settings.layers)
    samples = (settings.frames - 1) * 64
    first = [
        torch.from_numpy(mixtures.batch((1 << 30) + i, settings.batch, samples)).sum(1) for i in range(8)
    ]
    model.standardise_by(spectrum(torch.cat(first)))
    optimizer, norms, found = torch.optim.Adam(model.parameters(), lr=settings.lr), [], []
    for step in range(settings.steps):
        sources = torch.from_numpy(mixtures.batch(step, settings.batch, samples))
        mixture = spectrum(sources.sum(1))
        loss = losses.mask_inference(model(mixture).masks, spectrum(sources), mixture)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.cat([p.grad.flatten() for p in model.parameters()]).double().norm().item()
        norms.append(norm)
        threshold = np.percentile(norms, settings.percentile)
        if norm > threshold:
            for p in model.parameters():
                p.grad.mul_(threshold / norm)
        optimizer.step()
        found.append(loss.item())
    return model, found, norms


@pytest.mark.parametrize("percentile", [10.0, 100.0])
def test_equals_the_loop_by_hand(mixtures, percentile):
    settings = replace(TINY, percentile=percentile)
    trained = train(settings, mixtures)
    model, found, norms = by_hand(settings, mixtures)
    np.testing.assert_allclose(trained.losses, found, rtol=1e-5)
    np.testing.assert_allclose(trained.dynamics.grad_norms, norms[:: settings.every], rtol=1e-5)
    for ours, theirs in zip(trained.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    expected = [np.percentile(norms[: step + 1], percentile) for step in trained.dynamics.steps]
    np.testing.assert_allclose(trained.thresholds, expected, rtol=1e-5)
    assert (trained.factors[1:] < 1).any() == (percentile < 100)


def test_records_come_every_so_many_steps_and_change_nothing(mixtures):
    often, seldom = train(replace(TINY, every=1), mixtures), train(replace(TINY, every=100), mixtures)
    assert often.dynamics.steps.tolist() == list(range(12))
    assert seldom.dynamics.steps.tolist() == [0]
    np.testing.assert_array_equal(often.losses, seldom.losses)
    assert (often.dynamics.smoothness > 0).all()
    np.testing.assert_allclose(often.dynamics.losses, often.losses, rtol=1e-6)


def test_arms_of_a_seed_start_alike_and_see_the_same_batches(mixtures):
    one, other = (train(replace(TINY, percentile=p), mixtures) for p in (1.0, 100.0))
    assert one.losses[0] == other.losses[0]
    assert one.losses[-1] != other.losses[-1]
    np.testing.assert_array_equal(one.sources, other.sources)
    assert train(replace(TINY, seed=1), mixtures).losses[0] != one.losses[0]


def test_the_loss_scale_scales_the_loss(mixtures):
    plain, scaled = train(TINY, mixtures), train(replace(TINY, loss_scale=1000.0), mixtures)
    assert scaled.losses[0] == pytest.approx(1000 * plain.losses[0], rel=1e-5)
    assert scaled.dynamics.grad_norms[0] == pytest.approx(1000 * plain.dynamics.grad_norms[0], rel=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_objective_learns(mixtures, objective):
    settings = replace(TINY, objective=objective, steps=40, units=8, lr=2e-2, every=30)
    trained = train(settings, mixtures)
    assert np.isfinite(trained.losses).all()
    assert trained.losses[-10:].mean() < trained.losses[:10].mean()
    assert trained.separated.estimates.shape == (2, 2, 4000)
    assert np.isfinite(trained.separated.improvement).all()


@pytest.mark.parametrize("stopped_after", [4, 9])
def test_a_training_that_was_stopped_goes_on_bitwise(mixtures, tmp_path, monkeypatch, stopped_after):
    monkeypatch.setattr(training, "KEEP_EVERY", -1.0)  # a checkpoint after every step
    whole = train(TINY, mixtures)

    def stop(step, loss):
        if step >= stopped_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(TINY, mixtures, checkpoints=tmp_path, progress=stop)
    steps = []
    again = train(TINY, mixtures, checkpoints=tmp_path, progress=lambda step, loss: steps.append(step))
    assert min(steps) >= stopped_after
    for name in ("losses", "factors", "thresholds"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    np.testing.assert_array_equal(again.dynamics.smoothness, whole.dynamics.smoothness)
    np.testing.assert_array_equal(again.dynamics.steps, whole.dynamics.steps)
    np.testing.assert_array_equal(again.separated.estimates, whole.separated.estimates)
    for one, other in zip(again.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_random_state_is_left_alone(mixtures):
    before = torch.get_rng_state()
    train(replace(TINY, steps=2), mixtures)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"objective": "mask"}, "objective is 'mask'; give one of masks, clustering, whitened, chimera"),
        ({"percentile": 101.0}, "percentile is 101; give one in 0 to 100"),
        ({"clustering_weight": 2.0}, "clustering_weight is 2"),
        ({"steps": 0}, "steps is 0; the least that makes sense is 1"),
        ({"test_seconds": 0.1}, "test_seconds is 0.1; the least"),
        ({"lr": 0.0}, "lr is 0; give a number above 0"),
    ],
)
def test_wrong_settings(wrong, message):
    with pytest.raises(SettingError, match=message):
        Settings(**wrong)


def test_names_are_unlike_where_settings_are():
    varied = [Settings(), Settings(seed=1), Settings(lr=0.1), Settings(percentile=10.5), Settings(units=65)]
    assert len({settings.name for settings in varied}) == len(varied)
    assert settings_from({"steps": 3, "gone": 1}) == Settings(steps=3)
