import numpy as np
import pytest
import torch

from surefoot import recipes
from surefoot.recipes.digits import split_digits


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    return recipes.load("digits").options(out=folder / "out", runs=folder / "runs", quick=True)


@pytest.fixture(scope="module")
def outcome(options):
    return recipes.run(recipes.load("digits"), options)


def test_the_parts_share_no_image():
    sets = split_digits(recipes.load("digits").options())
    assert [len(labels) for _, labels in sets] == [1149, 288, 360]
    rows = [{tuple(image.tolist()) for image in images} for images, _ in sets]
    assert not rows[0] & rows[1]
    assert not (rows[0] | rows[1]) & rows[2]


def test_the_result_is_that_of_the_kept_weights(outcome, options):
    from safetensors.torch import load_file

    from surefoot.recipes.digits import network

    row = outcome.rows[0]
    assert row["test accuracy"] > 0.8
    assert row["from (95 %)"] < row["test accuracy"] < row["to (95 %)"]
    assert row["validation loss"] == min(v["val_loss"] for v in outcome.data["validations"])
    model = network(32)
    model.load_state_dict(
        load_file(options.out / "checkpoints" / f"step-{outcome.data['best_step']:08}" / "model.safetensors")
    )
    images, labels = split_digits(options)[2]
    with torch.no_grad():
        answers = model(images).argmax(dim=1)
    assert float((answers == labels).float().mean()) == pytest.approx(row["test accuracy"])
    confusion = outcome.data["confusion"]
    assert confusion.sum() == len(labels)
    assert np.trace(confusion) == int((answers == labels).sum())


def test_resume_gives_the_same_result(outcome, options):
    from dataclasses import replace

    again = recipes.run(recipes.load("digits"), replace(options, resume=True))
    assert again.rows == outcome.rows


def test_the_figure_draws_the_losses(outcome):
    loss, right, _ = recipes.load("digits").figure(outcome).axes
    drawn = {line.get_label(): line.get_ydata() for line in loss.lines}
    assert np.array_equal(drawn["training"], outcome.data["losses"])
    assert drawn["validation"].tolist() == [v["val_loss"] for v in outcome.data["validations"]]
    assert right.lines[0].get_ydata().tolist() == [
        100 * v["val_accuracy"] for v in outcome.data["validations"]
    ]
