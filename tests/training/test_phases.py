"""Another optimizer for the end of a training: the same bits as by hand, resumed, rewound, observed."""

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.clipping import AutoClip, attached
from surefoot.errors import CheckpointError, SettingError
from surefoot.schedules import cosine
from surefoot.training import Phase, epoch_order, fit

from .tasks import network, regression, same

PHASES = (
    {"optimizer": "adam", "lr": 1e-2, "steps": 13, "schedule": "warmup(4) >> constant()"},
    {"optimizer": {"name": "momentum", "momentum": 0.8}, "lr": 3e-2, "steps": 17, "schedule": "cosine(17)"},
)


def train(phases=PHASES, **options):
    torch.set_num_threads(1)
    given = {"batch_size": 8, "observe": False, "clip": None, **options}
    return fit(network(), nn.MSELoss(), regression(), phases=phases, **given)


def test_the_same_bits_as_two_loops_by_hand():
    result = train()
    x, y = regression()
    model = network()
    torch.manual_seed(0)
    model.train()
    losses = []
    first = torch.optim.Adam(model.parameters(), lr=1e-2)
    second = torch.optim.SGD(model.parameters(), lr=3e-2, momentum=0.8)
    for step in range(30):
        epoch, batch = divmod(step, 9)  # 70 examples in batches of 8
        rows = epoch_order(70, seed=0, epoch=epoch)[batch * 8 : batch * 8 + 8]
        optimizer = first if step < 13 else second
        factor = min(1.0, step / 4) if step < 13 else cosine(17).factor(step - 13)
        optimizer.param_groups[0]["lr"] = (1e-2 if step < 13 else 3e-2) * factor
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.array_equal(result.losses, losses)
    assert same(result.model, model)
    assert result.steps == 30
    assert type(result.optimizer) is torch.optim.SGD
    assert len(result.optimizer.state_dict()["state"]) == len(list(model.parameters()))


@pytest.mark.parametrize("at", [5, 13, 14])
def test_resumes_bitwise_in_either_phase_and_between_them(tmp_path, at):
    """The first training is broken off at any step, by an error in its validation."""
    options = {"validate": regression(20, seed=5), "clip": "auto", "validate_every": at}
    straight = train(metrics={"there": _there}, **options)

    class Killed(Exception):
        pass

    def killing(output, target):
        raise Killed

    with pytest.raises(Killed):
        train(folder=tmp_path, checkpoint_every=1, metrics={"there": killing}, **options)
    result = train(folder=tmp_path, checkpoint_every=1, metrics={"there": _there}, resume=True, **options)
    assert np.array_equal(result.losses, straight.losses)
    assert same(result.model, straight.model)


def _there(output, target):
    return output.mean()


def test_epochs_and_a_stream_of_unknown_length(tmp_path):
    phases = [Phase(optimizer="adam", epochs=2), Phase(optimizer="sgd", lr=0.01, epochs=1)]
    batches = [(x, y) for x, y in zip(*(part.split(8) for part in regression()), strict=True)]
    whole = fit(
        network(), nn.MSELoss(), iter_again(batches), phases=phases, observe=False, folder=tmp_path / "a"
    )
    assert (whole.epochs, whole.steps) == (3, 27)
    assert type(whole.optimizer) is torch.optim.SGD
    first = fit(
        network(),
        nn.MSELoss(),
        iter_again(batches),
        phases=[*phases[:1], Phase(optimizer="sgd", lr=0.01, epochs=1)],
        observe=False,
        folder=tmp_path / "b",
        resume=True,
    )
    longer = fit(
        network(),
        nn.MSELoss(),
        iter_again(batches),
        phases=[*phases[:1], Phase(optimizer="sgd", lr=0.01, epochs=3)],
        observe=False,
        folder=tmp_path / "b",
        resume=True,
    )
    assert np.array_equal(longer.losses[:27], first.losses)
    assert longer.epochs == 5


def iter_again(batches):
    class Again:
        def __iter__(self):
            return iter(batches)

    return Again()


def test_a_rewind_into_the_phase_before_begins_the_next_anew():
    """The second phase diverges once, by a rate that halving makes bearable."""
    phases = [
        {"optimizer": "adam", "lr": 1e-2, "steps": 20},
        {"optimizer": "momentum", "lr": 30.0, "steps": 60},
    ]
    result = train(phases, on_divergence="rewind", checkpoint_every=15, validate=None)
    assert result.rewinds
    left, back, scale = result.rewinds[-1]
    assert back <= left
    assert scale == 0.5 ** len(result.rewinds)
    if result.ended == "finished":
        assert result.optimizer.param_groups[0]["lr"] == pytest.approx(30.0 * scale)


def test_each_phase_has_a_clipper_of_its_own_and_all_are_detached(tmp_path):
    given = AutoClip(30)
    result = train(
        ({**PHASES[0]}, {**PHASES[1]}, {"optimizer": "sgd", "lr": 1e-3, "steps": 3, "clip": 1.0}), clip=given
    )
    assert len(given.state_dict()["histories"]["all gradients"]) == 13
    assert attached(result.optimizer) is None


@pytest.mark.parametrize("first", [40, 120])
def test_observed_it_is_one_run_without_a_gradient_thrown_away(tmp_path, first):
    phases = [
        {"optimizer": "adam", "lr": 1e-2, "steps": first},
        {"optimizer": "momentum", "lr": 1e-3, "steps": 160 - first, "schedule": "cosine(80)"},
    ]
    result = train(phases, observe=True, runs=tmp_path, clip="auto", progress=False)
    unobserved = train(phases, clip="auto")
    assert same(result.model, unobserved.model)
    assert not [finding.code for finding in result.findings if finding.severity == "error"]


WRONG = [
    ([], "phases is empty"),
    ([3], "phase 1 is a int"),
    ([{"optimiser": "sgd"}], "did you mean 'optimizer'"),
    ([{"steps": 3}], "has no optimizer"),
    ([{"optimizer": "sgd"}], "how long phase 1"),
    ([{"optimizer": "sgd", "steps": 3, "epochs": 1}], "how long phase 1"),
    ([{"optimizer": "sgd", "steps": 0}], "steps of phase 1 is 0"),
    ([{"optimizer": "sgd", "steps": 3}, {"optimizer": "sgd", "epochs": 3}], "some in epochs"),
    ([{"optimizer": "sgd", "steps": 3, "lr": "find"}], "find_lr"),
    ([{"optimizer": "sgdd", "steps": 3}], "did you mean 'sgd'"),
    ([{"optimizer": "sgd", "steps": 3, "clip": "yes"}], "clip is 'yes'"),
    ([{"optimizer": "sgd", "steps": 3, "schedule": "cosinus(3)"}], "cosinus"),
]


@pytest.mark.parametrize(("phases", "message"), WRONG)
def test_wrong_phases_are_one_sentence(phases, message):
    with pytest.raises(SettingError, match=message) as caught:
        train(phases)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "beside",
    [
        {"steps": 5},
        {"epochs": 5},
        {"lr": 0.1},
        {"lr": "find"},
        {"schedule": "cosine(3)"},
        {"optimizer": "sgd"},
    ],
)
def test_what_belongs_into_the_phases_is_refused_beside_them(beside):
    with pytest.raises(SettingError, match="in each phase"):
        train(**beside)


def test_one_optimizer_object_is_one_phase():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    phases = [Phase(optimizer=optimizer, steps=1), Phase(optimizer=optimizer, steps=1)]
    with pytest.raises(SettingError, match="one optimizer object"):
        fit(model, nn.MSELoss(), regression(), phases=phases, observe=False)


def test_a_checkpoint_of_other_phases_is_refused(tmp_path):
    train(folder=tmp_path)
    other = ({**PHASES[0], "steps": 14}, PHASES[1])
    with pytest.raises(CheckpointError, match="13 steps"):
        train(other, folder=tmp_path, resume=True)
