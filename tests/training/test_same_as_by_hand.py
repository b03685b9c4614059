"""`fit` against the loop that one would write by hand: the same losses and weights, bit for bit."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from surefoot.clipping import AutoClip
from surefoot.optimizers import optimizer as make_optimizer
from surefoot.schedules import constant, cosine, epochs, warmup
from surefoot.training import epoch_order, fit

from .tasks import network, regression, same

X, Y = regression()


def by_hand(
    name="adamw", lr=1e-2, batch=16, accumulate=1, epochs=3, factor=None, clip=None, seed=0, shuffle=True
):
    model, loss_function = network(), nn.MSELoss()
    torch.manual_seed(seed)
    optimizer = make_optimizer(name, model, lr)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, factor) if factor else None
    clipper = clip.attach(optimizer) if clip else None
    losses = []
    for epoch in range(epochs):
        order = epoch_order(len(X), seed=seed, epoch=epoch) if shuffle else list(range(len(X)))
        micro = [order[start : start + batch] for start in range(0, len(X), batch)]
        for first in range(0, len(micro), accumulate):
            group = micro[first : first + accumulate]
            total = sum(map(len, group))
            optimizer.zero_grad()
            value = 0.0
            for indices in group:
                loss = loss_function(model(X[indices]), Y[indices])
                part = loss * (len(indices) / total)
                part.backward()
                value += part.detach()
            optimizer.step()
            if rates:
                rates.step()
            losses.append(value.item())
    if clipper:
        clipper.detach()
    return model, np.array(losses)


def agree(result, expected, exactly=True):
    model, losses = expected
    if exactly:
        assert np.array_equal(result.losses, losses)
        assert same(result.model, model)
    else:
        np.testing.assert_allclose(result.losses, losses, rtol=1e-4)


@pytest.mark.parametrize("name", ["gd", "sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw", "muon"])
def test_every_optimizer(name):
    result = fit(
        network(),
        nn.MSELoss(),
        (X, Y),
        optimizer=name,
        lr=1e-2,
        clip=None,
        batch_size=16,
        epochs=3,
        observe=False,
    )
    agree(result, by_hand(name))


@pytest.mark.parametrize("batch", ["full", 2, 16])
def test_full_batch_and_mini_batch(batch):
    given = {"batch_size": batch, "epochs": 2, "lr": 1e-2, "clip": None, "observe": False}
    result = fit(network(), nn.MSELoss(), (X, Y), **given)
    if batch == "full":
        agree(result, by_hand(batch=len(X), epochs=2, shuffle=False))
    else:
        agree(result, by_hand(batch=batch, epochs=2))
    assert result.steps == len(result.losses) == 2 * (1 if batch == "full" else -(-len(X) // batch))


def test_one_example_a_step():
    def model():
        torch.manual_seed(0)
        return nn.Linear(5, 1)

    hand, optimizer_losses = model(), []
    optimizer = torch.optim.SGD(hand.parameters(), lr=0.01)
    for index in epoch_order(len(X), seed=3, epoch=0):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(hand(X[[index]]), Y[[index]])
        loss.backward()
        optimizer.step()
        optimizer_losses.append(loss.item())
    result = fit(
        model(),
        nn.MSELoss(),
        (X, Y),
        optimizer="gd",
        lr=0.01,
        clip=None,
        batch_size=1,
        epochs=1,
        seed=3,
        observe=False,
    )
    agree(result, (hand, np.array(optimizer_losses)))


def test_schedule_and_clipping():
    result = fit(
        network(),
        nn.MSELoss(),
        (X, Y),
        lr=1e-2,
        batch_size=16,
        epochs=4,
        schedule=warmup(epochs(1)) >> cosine(epochs(3)),
        clip="auto",
        observe=False,
    )
    agree(result, by_hand(epochs=4, factor=warmup(5) >> cosine(15), clip=AutoClip()))
    limited = fit(network(), nn.MSELoss(), (X, Y), lr=1e-2, batch_size=16, epochs=2, clip=0.5, observe=False)
    from surefoot.clipping import ClipByNorm

    agree(limited, by_hand(epochs=2, clip=ClipByNorm(0.5)))


def test_observation_changes_no_bit(tmp_path):
    given = {"lr": 1e-2, "batch_size": 16, "epochs": 2}
    seen = fit(network(), nn.MSELoss(), (X, Y), **given, runs=tmp_path)
    unseen = fit(network(), nn.MSELoss(), (X, Y), **given, observe=False)
    assert np.array_equal(seen.losses, unseen.losses)
    assert same(seen.model, unseen.model)
    assert seen.run is not None
    assert seen.run.parent == tmp_path


@pytest.mark.parametrize(("accumulate", "exactly"), [(2, False), (3, False), (5, False)])
def test_accumulation_is_the_mean_over_all_examples(accumulate, exactly):
    given = {
        "lr": 1e-2,
        "clip": None,
        "batch_size": 12,
        "accumulate": accumulate,
        "epochs": 3,
        "observe": False,
    }
    result = fit(network(), nn.MSELoss(), (X, Y), **given)
    agree(result, by_hand(batch=12, accumulate=accumulate), exactly)
    assert result.steps == 3 * -(-6 // accumulate)


def plain():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)).double()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("accumulate", [2, 3, 7])
def test_accumulated_steps_equal_large_batches(accumulate, reduction):
    given = {"optimizer": "gd", "lr": 1e-3, "clip": None, "epochs": 2, "observe": False}
    data = (X.double(), Y.double())
    loss = nn.MSELoss(reduction=reduction)
    parts = fit(plain(), loss, data, batch_size=4, accumulate=accumulate, **given)
    whole = fit(plain(), loss, data, batch_size=4 * accumulate, **given)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-12)
    for one, two in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-11, atol=1e-13)


def test_full_batch_in_parts_equals_the_whole():
    given = {"optimizer": "gd", "lr": 1e-2, "clip": None, "epochs": 4, "batch_size": "full", "observe": False}
    data = (X.double(), Y.double())
    parts = fit(plain(), nn.MSELoss(), data, accumulate=3, **given)
    whole = fit(plain(), nn.MSELoss(), data, **given)
    assert parts.steps == whole.steps == 4
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-12)


def test_counted_losses_weigh_every_token_alike():
    """Sequences of different lengths: the mean is over tokens, not over micro-batches."""
    lengths = torch.arange(len(X)) % 7 + 1
    mask = (torch.arange(7)[None] < lengths[:, None]).double()

    def loss(model, batch):
        x, y, m = batch
        errors = (model(x) - y).square() * m
        return errors.sum(), m.sum()

    data = (X.double(), Y.double(), mask)
    given = {"optimizer": "gd", "lr": 1e-2, "clip": None, "epochs": 2, "observe": False}
    parts = fit(plain(), loss, data, batch_size=5, accumulate=3, **given)
    whole = fit(plain(), loss, data, batch_size=15, **given)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-12)
    for one, two in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-11, atol=1e-13)

    def mean_loss(model, batch):
        total, count = loss(model, batch)
        return total / count

    alone = fit(plain(), mean_loss, data, batch_size=15, **given)
    assert np.array_equal(alone.losses, whole.losses)


def test_lbfgs():
    hand = plain()
    optimizer = make_optimizer("lbfgs", hand)
    x, y = X.double(), Y.double()
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(hand(x), y)
        loss.backward()
        return loss

    for _ in range(5):
        losses.append(optimizer.step(closure).item())
    result = fit(plain(), nn.MSELoss(), (x, y), optimizer="lbfgs", batch_size="full", epochs=5, observe=False)
    agree(result, (hand, np.array(losses)))


def test_a_data_loader_is_taken_apart():
    loader = DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True)
    result = fit(network(), nn.MSELoss(), loader, lr=1e-2, clip=None, epochs=3, observe=False)
    agree(result, by_hand())
    still = DataLoader(TensorDataset(X, Y), batch_size=16)
    result = fit(network(), nn.MSELoss(), still, lr=1e-2, clip=None, epochs=3, observe=False)
    agree(result, by_hand(shuffle=False))


def test_batches_that_are_ready():
    batches = [(X[at : at + 16], Y[at : at + 16]) for at in range(0, len(X), 16)]
    result = fit(network(), nn.MSELoss(), batches, lr=1e-2, clip=None, epochs=3, observe=False)
    agree(result, by_hand(shuffle=False))


def test_schedule_functions_texts_and_none():
    given = {"lr": 1e-2, "clip": None, "batch_size": 16, "epochs": 2, "observe": False}
    expected = by_hand(epochs=2, factor=lambda step: 1 / (1 + step))
    agree(fit(network(), nn.MSELoss(), (X, Y), schedule="inverse_time(1)", **given), expected)
    agree(fit(network(), nn.MSELoss(), (X, Y), schedule=lambda step: 1 / (1 + step), **given), expected)
    agree(fit(network(), nn.MSELoss(), (X, Y), schedule=constant(), **given), by_hand(epochs=2))


def test_an_optimizer_of_ones_own_and_its_settings():
    model = network()
    own = torch.optim.AdamW(model.parameters(), lr=1e-2)
    result = fit(model, nn.MSELoss(), (X, Y), optimizer=own, epochs=1, observe=False)
    assert result.optimizer is own
    given = {"name": "sgd", "lr": 0.5, "momentum": 0.3}
    result = fit(network(), nn.MSELoss(), (X, Y), optimizer=given, epochs=1, observe=False)
    assert result.optimizer.param_groups[0]["momentum"] == 0.3
    assert result.optimizer.param_groups[0]["lr"] == 0.5
