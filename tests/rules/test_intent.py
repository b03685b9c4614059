"""What sort of training it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rules.build import Training, flat
from surefoot.records import Series
from surefoot.rules import intent
from surefoot.rules.progress import progress


def test_players_take_turns_on_losses_of_their_own() -> None:
    assert intent.adversarial(Training().second_player().history)
    assert not intent.adversarial(Training().history)


def test_two_optimizers_fed_by_one_backward_share_a_loss() -> None:
    assert not intent.adversarial(Training().second_player(own_loss=False).history)


def test_one_training_after_the_other_takes_no_turns() -> None:
    history = Training().second_player().history
    later = {
        k: Series(v.steps, v.values + 100) if k == ("time", 1) else v for k, v in history.step_series.items()
    }
    assert not intent.adversarial(replace(history, step_series=later))


def test_an_optimizer_made_anew_is_the_same_player() -> None:
    training = Training()
    training.optimizers = [replace(training.optimizers[0], index=i) for i in range(3)]
    training.other_losses = flat()
    assert len(intent.stepping(training.history)) == 1
    assert not intent.adversarial(training.history)


def test_warming_up() -> None:
    training = Training(status="stopped")
    assert not intent.warming_up(training.history)
    training.series["lr"] = np.linspace(1e-6, 1e-3, 300)
    assert intent.warming_up(training.history)
    training.series["lr"] = np.minimum(training.series["lr"], 5e-4)
    assert not intent.warming_up(training.history)  # it has warmed up
    over = Training()
    over.series["lr"] = np.linspace(1e-6, 1e-3, 300)
    assert not intent.warming_up(over.history)  # there is nothing left to warm up for


def test_losses_that_mean_no_progress_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    assert progress(Training().history).judged
    assert not progress(Training(rng.standard_normal(300)).history).judged
    assert not progress(Training().second_player().history).judged
    # Targets that a moving network makes: their mean drifts by more than their deviation.
    drifting = Training().regression()
    drifting.metric("target/mean", np.linspace(0, 9, 300)).metric("target/std", np.full(300, 0.5))
    assert not progress(drifting.history).judged


def test_learned_is_held_against_a_constant_guess() -> None:
    # It came down from a start far above, to what a guess scores: nothing was learned.
    seen = progress(Training(np.concatenate([np.linspace(50, 2.303, 30), flat(2.303, 270)])).history)
    assert abs(seen.learned) < 0.05
    assert seen.chance is not None
    # A loss summed over the batch is held against a guess summed over the batch.
    summed = progress(Training(flat(2.303 * 32)).loss_call(reduction="sum").history)
    assert abs(summed.learned) < 0.05
