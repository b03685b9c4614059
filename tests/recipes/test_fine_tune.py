import numpy as np
import pytest
import torch

from surefoot import recipes
from surefoot.recipes import fine_tune
from surefoot.recipes.intervals import mean_interval, share_interval


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    recipe = recipes.load("fine-tune")
    return recipes.run(recipe, recipe.options(out=folder / "out", runs=folder / "runs", quick=True))


def test_a_frozen_backbone_forgets_nothing_and_a_fast_one_more_than_a_slow_one(outcome):
    rows = {row["way"]: row for row in outcome.rows}
    assert rows["frozen backbone"]["old digits still right"] == pytest.approx(outcome.data["known"])
    assert rows["from nothing"]["old digits still right"] < 0.6
    assert rows["one rate"]["old digits still right"] <= rows["two rates"]["old digits still right"]
    for row in rows.values():
        assert row["new digits right"] > 0.6
        assert row["from (95 %)"] < row["new digits right"] < row["to (95 %)"]


def test_rates_reach_the_parts_they_are_meant_for(tmp_path):
    recipe = recipes.load("fine-tune")
    options = recipe.options(runs=tmp_path, quick=True, settings={"steps": 1})
    torch.manual_seed(0)
    pretrained = fine_tune.Classifier(8, 6)
    _, (images, labels) = fine_tune._digits(options)
    sets = fine_tune._drawn(images, labels, 2, 0)
    for way, expected in (("two rates", {0.01, 0.001}), ("one rate", {0.01}), ("frozen backbone", {0.01})):
        model, training = fine_tune._tuned(options, way, pretrained, 0, sets)
        assert {round(group["lr"], 6) for group in training.fit.optimizer.param_groups} == expected
        moved = not torch.equal(model.backbone[0].weight, pretrained.backbone[0].weight)
        assert moved == (way != "frozen backbone")


def test_a_draw_takes_so_many_of_each_and_leaves_the_rest():
    labels = torch.arange(40) % 4
    (_, few), (_, rest) = fine_tune._drawn(torch.arange(40)[:, None], labels, 3, seed=1)
    assert torch.bincount(few).tolist() == [3, 3, 3, 3]
    assert len(few) + len(rest) == 40


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = [low < 0 < high for _, low, high in (mean_interval(rng.standard_normal(5)) for _ in range(1000))]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.025)
    counts = rng.binomial(200, 0.9, 1000)
    hits = [low < 0.9 < high for low, high in (share_interval(int(c), 200) for c in counts)]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.025)
