"""Each loss against its definition, written out slowly."""

import cmath
import math
from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.recipes.separation.losses import (
    bin_weights,
    deep_clustering,
    dominant,
    mask_inference,
    phase_sensitive_targets,
    whitened_k_means,
)

B, S, T, F, D = 3, 2, 4, 5, 3
SEEDS = st.integers(0, 10_000)


def drawn(seed, sources=S, dtype=torch.complex128):
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(B, sources, T, F, dtype=dtype, generator=generator)
    return found, found.sum(dim=1), generator


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_targets_by_loops(seed):
    sources, mixture, _ = drawn(seed)
    found = phase_sensitive_targets(sources, mixture)
    for b in range(B):
        for s in range(S):
            for t in range(T):
                for f in range(F):
                    source, whole = complex(sources[b, s, t, f]), complex(mixture[b, t, f])
                    along = abs(source) * math.cos(cmath.phase(source) - cmath.phase(whole))
                    expected = min(max(along, 0.0), abs(whole))
                    assert float(found[b, s, t, f]) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_targets_of_silence_are_zero():
    sources, _, _ = drawn(0)
    assert not phase_sensitive_targets(sources, torch.zeros(B, T, F, dtype=torch.complex128)).any()


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from([2, 3]))
def test_mask_inference_by_trying_every_order(seed, count):
    sources, mixture, generator = drawn(seed, count)
    masks = torch.rand(B, count, T, F, dtype=torch.float64, generator=generator)
    targets = phase_sensitive_targets(sources, mixture)
    best = []
    for b in range(B):
        tried = []
        for order in permutations(range(count)):
            apart = [
                float((masks[b, i] * mixture[b].abs() - targets[b, j]).abs().mean())
                for i, j in enumerate(order)
            ]
            tried.append(sum(apart) / count)
        best.append(min(tried))
    assert float(mask_inference(masks, sources, mixture)) == pytest.approx(sum(best) / B, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_order_of_voices_does_not_matter(seed):
    sources, mixture, generator = drawn(seed)
    masks = torch.rand(B, S, T, F, dtype=torch.float64, generator=generator)
    one = mask_inference(masks, sources, mixture)
    assert torch.equal(one, mask_inference(masks, sources.flip(1), mixture))
    assert torch.equal(one, mask_inference(masks.flip(1), sources, mixture))


def test_ideal_masks_cost_nothing():
    sources, mixture, _ = drawn(1)
    ideal = phase_sensitive_targets(sources, mixture) / mixture.abs().unsqueeze(1)
    assert float(mask_inference(ideal, sources, mixture)) < 1e-15


def clustering_problem(seed):
    sources, mixture, generator = drawn(seed)
    embeddings = torch.rand(B, T * F, D, dtype=torch.float64, generator=generator)
    embeddings = embeddings / embeddings.norm(dim=-1, keepdim=True)
    return embeddings, dominant(sources), bin_weights(mixture)


def test_labels_and_weights_by_loops():
    sources, mixture, _ = drawn(4)
    labels, weights = dominant(sources), bin_weights(mixture)
    for b in range(B):
        total = float(mixture[b].abs().sum())
        for t in range(T):
            for f in range(F):
                louder = int(abs(complex(sources[b, 1, t, f])) > abs(complex(sources[b, 0, t, f])))
                assert labels[b, t * F + f].tolist() == [1 - louder, louder]
                assert float(weights[b, t * F + f]) == pytest.approx(abs(complex(mixture[b, t, f])) / total)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_deep_clustering_by_the_affinity_matrices(seed):
    embeddings, labels, weights = clustering_problem(seed)
    expected = 0.0
    for v, y, w in zip(embeddings, labels.double(), weights, strict=True):
        difference = v @ v.T - y @ y.T
        expected += float((w[:, None] * w[None, :] * difference.square()).sum()) / B
    assert float(deep_clustering(embeddings, labels.double(), weights)) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_whitened_k_means_by_its_projections(seed):
    """|| V (V'V)^-1/2 - Y (Y'Y)^-1 Y'V (V'V)^-1/2 ||², with every matrix formed."""
    embeddings, labels, weights = clustering_problem(seed)
    expected = 0.0
    for v, y, w in zip(embeddings, labels.double(), weights, strict=True):
        v, y = w.sqrt().diag() @ v, w.sqrt().diag() @ y
        values, vectors = torch.linalg.eigh(v.T @ v)
        white = v @ (vectors @ values.rsqrt().diag() @ vectors.T)
        means = y @ torch.linalg.inv(y.T @ y) @ y.T @ white
        expected += float((white - means).square().sum()) / B
    assert float(whitened_k_means(embeddings, labels.double(), weights)) == pytest.approx(expected, rel=1e-4)


def test_embeddings_that_are_the_labels():
    _, labels, weights = clustering_problem(2)
    labels = labels.double()
    assert float(deep_clustering(labels, labels, weights)) == pytest.approx(0, abs=1e-12)
    assert float(whitened_k_means(labels, labels, weights)) == pytest.approx(0, abs=1e-6)  # D = S here


@pytest.mark.parametrize("loss", [deep_clustering, whitened_k_means])
def test_a_voice_that_is_never_loudest_leaves_gradients_finite(loss):
    embeddings, labels, weights = clustering_problem(3)
    alone = torch.zeros_like(labels)
    alone[..., 0] = 1
    rows = embeddings.float().requires_grad_()
    loss(rows, alone.float(), weights.float()).backward()
    assert torch.isfinite(rows.grad).all()
