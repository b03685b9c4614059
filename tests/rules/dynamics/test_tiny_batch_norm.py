"""Tests of the rule `tiny-batch-norm`."""

import numpy as np
import pytest

from rules.build import Training, found
from surefoot.facts import BatchInput, Model, TrainingMode
from surefoot.rules.dynamics.tiny_batch_norm import tiny_batch_norm


def test_fires() -> None:
    assert "batches of 3" in found("tiny-batch-norm", _batch(3, "BatchNorm1d"))[0].title
    assert found("tiny-batch-norm", _batch(2, "BatchNorm2d"))


def test_quiet() -> None:
    assert not found("tiny-batch-norm", Training())
    assert not found("tiny-batch-norm", _batch(32, "BatchNorm1d"))


def test_near_miss() -> None:
    # Four images bring four thousand pixels; a batch norm in eval mode takes no statistics; layer norm
    # has none.
    assert not found("tiny-batch-norm", _batch(4, "BatchNorm2d"))
    assert not found(
        "tiny-batch-norm", _batch(2, "BatchNorm1d").fact(TrainingMode, modules=["norm"], partial=True)
    )
    assert not found("tiny-batch-norm", _batch(2, "LayerNorm"))


def _batch(size: int, kind: str) -> Training:
    training = Training().fact(BatchInput, "train", shape=[size, 3, 32, 32])
    return training.fact(Model, "Net", modules=[["", "Net"], ["norm", kind]])


def test_deviations_that_the_page_gives() -> None:
    page = " ".join((tiny_batch_norm.check.__doc__ or "").split())
    draws = np.random.default_rng(0).standard_normal((20_000, 32))
    for n, said in ((4, 82), (32, 25)):
        assert f"{said} % at {n}" in page
        assert draws[:, :n].var(axis=1, ddof=1).std() == pytest.approx(said / 100, abs=0.02)
        assert round(100 * (2 / (n - 1)) ** 0.5) == said
