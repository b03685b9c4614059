"""Separation and its measure."""

import numpy as np
import pytest
import torch

from surefoot.recipes.separation.evaluation import cluster_masks, evaluate, ratios, separate
from surefoot.recipes.separation.model import Heads, Separator
from surefoot.recipes.separation.spectra import BINS, spectrum


def slow_ratio(estimate, source):
    """Le Roux et al. 2019, by its definition."""
    estimate, source = estimate - estimate.mean(), source - source.mean()
    target = (estimate @ source) / (source @ source) * source
    return 10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target)))


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Oracle(torch.nn.Module):
    """Masks that know the sources."""

    def __init__(self, sources, swapped):
        super().__init__()
        spectra = spectrum(sources).abs()
        self.masks = (
            (spectra / spectra.sum(1, keepdim=True)).flip(1)
            if swapped
            else spectra / spectra.sum(1, keepdim=True)
        )

    def forward(self, spectra):
        return Heads(self.masks[: len(spectra)], None)


def test_ratio_is_the_definition_and_blind_to_scale():
    source, estimate = noise(3, 2, 500), noise(3, 2, 500, seed=1) + noise(3, 2, 500)
    found = ratios(estimate, source)
    for b in range(3):
        for s in range(2):
            expected = slow_ratio(estimate[b, s].double().numpy(), source[b, s].double().numpy())
            assert found[b, s].item() == pytest.approx(expected, abs=1e-3)
    torch.testing.assert_close(ratios(estimate * 7, source), found, atol=1e-3, rtol=0)


@pytest.mark.parametrize("swapped", [False, True])
def test_evaluation_finds_the_order_and_the_improvement(swapped):
    sources = noise(4, 2, 6000)
    sources[:, 0] = torch.cumsum(sources[:, 0], -1) / 50  # low against flat: the masks can tell them apart
    found = evaluate(Oracle(sources, swapped), sources)
    mixtures = sources.sum(dim=1)
    for b in range(4):
        after = [
            slow_ratio(found.estimates[b, s].astype(float), sources[b, s].double().numpy()) for s in range(2)
        ]
        before = [slow_ratio(mixtures[b].double().numpy(), sources[b, s].double().numpy()) for s in range(2)]
        assert found.ratio[b] == pytest.approx(np.mean(after), abs=1e-2)
        assert found.improvement[b] == pytest.approx(np.mean(after) - np.mean(before), abs=1e-2)
    assert found.improvement.min() > 3


def test_masks_that_share_evenly_improve_nothing():
    sources = noise(2, 2, 4000)
    model = Separator(2, 1)
    torch.nn.init.zeros_(model.mask_head.weight)
    torch.nn.init.zeros_(model.mask_head.bias)
    np.testing.assert_allclose(evaluate(model, sources).improvement, 0, atol=1e-3)


def test_clustering_finds_the_bins_of_each_voice():
    random = np.random.default_rng(0)
    truth = torch.from_numpy(random.integers(0, 2, 30 * BINS))
    directions = torch.nn.functional.one_hot(truth, 20).float() + 0.1 * noise(30 * BINS, 20).abs()
    masks = cluster_masks(torch.nn.functional.normalize(directions, dim=-1), spectrum(noise(29 * 64)))
    found = masks[1].flatten().long()
    assert torch.equal(masks.sum(0), torch.ones(30, BINS))
    assert torch.equal(found, truth) or torch.equal(found, 1 - truth)


def test_embeddings_alone_separate_the_same_each_time():
    model = Separator(3, 1, masks=False, embeddings=True)
    mixtures = noise(2, 3000)
    one, other = separate(model, mixtures), separate(model, mixtures)
    assert torch.equal(one, other)
    torch.testing.assert_close(one.sum(dim=1), mixtures)  # each bin goes to one voice


def test_silence_is_separated_into_silence():
    for embeddings in (False, True):
        model = Separator(3, 1, masks=not embeddings, embeddings=embeddings)
        assert not separate(model, torch.zeros(1, 2000)).any()
