"""Histories held against each other: the answer, findings, settings, groups of seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import surefoot as sf
from comparison.histories import SOURCE, finding, recorded
from surefoot.comparison.engine import between
from surefoot.errors import SettingError
from surefoot.facts import BatchInput, Loader, LossCall, Scheduler
from surefoot.records import History, Run, Series

LOSS = np.exp(-np.arange(100) / 30)


def said(*runs: History) -> str:
    return str(between([(run, ()) for run in runs]))


def test_the_answer_names_losses_and_findings() -> None:
    before = (
        recorded("a", val_loss={50: 2.5, 100: 2.3}),
        [finding("missing-zero-grad", "error"), finding("plateau")],
    )
    after = recorded("b", val_loss={50: 1.0, 100: 0.44}, source=SOURCE + "# more\n"), [finding("plateau")]
    assert str(between([before, after])) == (
        "better: validation loss 0.44 against 2.3 after 100 steps; "
        "missing-zero-grad is gone, nothing new, plateau stays"
    )
    assert str(between([after, before])) == (
        "worse: validation loss 2.3 against 0.44 after 100 steps; new: missing-zero-grad, plateau stays"
    )


def test_the_training_loss_where_one_has_no_validation_loss() -> None:
    text = said(
        recorded("a", loss=LOSS, val_loss={100: 1.0}), recorded("b", loss=LOSS / 2, settings={"lr": 0.2})
    )
    assert text.startswith("better: training loss")


def test_runs_of_other_lengths_are_judged_at_the_last_common_step() -> None:
    short = recorded("b", loss=LOSS[:40] / 2, val_loss={20: 0.5, 40: 0.4}, settings={"lr": 0.2})
    long = recorded("a", loss=LOSS, val_loss={20: 1.0, 40: 0.9, 60: 0.3, 100: 0.1})
    assert said(long, short).startswith("better: validation loss 0.4 against 0.9 after 40 steps")


def test_evaluations_that_never_meet_are_each_ones_last() -> None:
    one, other = (
        recorded("a", val_loss={45: 1.0, 90: 0.8}),
        recorded("b", val_loss={23: 2.0, 69: 1.9, 92: 1.8}),
    )
    text = said(one, replace(other, run=replace(other.run, source="")))
    assert "validation loss 1.8 (step 92) against 0.8 (step 90)" in text


def test_noise_is_no_difference() -> None:
    rng = np.random.default_rng(3)
    noisy = [1 + 0.2 * rng.standard_normal(300) for _ in range(2)]
    text = said(recorded("a", loss=noisy[0]), recorded("b", loss=noisy[1], settings={"lr": 0.2}))
    assert text.startswith("no better and no worse")
    text = said(recorded("a", loss=noisy[0]), recorded("b", loss=noisy[1] - 0.5, settings={"lr": 0.2}))
    assert text.startswith("better")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_diverged_loss_is_worse(bad: float) -> None:
    diverged = np.where(np.arange(100) < 60, LOSS, bad)
    one, other = recorded("a", loss=LOSS), recorded("b", loss=diverged, settings={"lr": 9.0})
    assert said(one, other).startswith("worse")
    assert said(other, one).startswith("better")


def test_other_losses_are_not_compared() -> None:
    facts = [[LossCall("t.py:1", function="mse_loss", reduction=how, count=9)] for how in ("sum", "mean")]
    text = said(recorded("a", facts=facts[0]), recorded("b", facts=facts[1]))
    assert "the losses are different ones: mse_loss (sum) and mse_loss (mean)" in text
    gone = between(
        [
            (recorded("a", facts=facts[0]), [finding("loss-sum-reduction")]),
            (recorded("b", facts=facts[1]), ()),
        ]
    )
    assert gone.word == "better"  # by what was found


def test_a_gan_has_no_loss_to_be_judged_by() -> None:
    def gan(name: str, generator: np.ndarray, lr: float) -> History:
        made = recorded(name, loss=LOSS, settings={"lr": lr})
        second = replace(made.optimizers[0], index=1)
        series = {**made.step_series, ("loss", 1): Series.of(generator), ("time", 1): made.series("time")}
        return replace(made, optimizers=(*made.optimizers, second), step_series=series)

    text = said(gan("a", LOSS[::-1], 0.1), gan("b", LOSS[::-1], 0.2))
    assert "optimizers follow losses of their own" in text
    # Two optimizers over one loss, as a matrix and a vector one, are no such thing.
    assert "training loss" in said(gan("a", LOSS, 0.1), gan("b", LOSS, 0.2))


def test_a_run_that_failed_is_worse_whatever_its_loss() -> None:
    failed = recorded("b", loss=LOSS[:50] / 9, status="failed", error="ValueError: x", exit_code=1)
    assert said(recorded("a", loss=LOSS), failed).startswith("worse: b failed, training loss")
    other = recorded("a", loss=LOSS, settings={"lr": 0.2})
    assert said(failed, other).startswith("worse: training loss")


def test_runs_without_steps() -> None:
    nothing = History(Run("runs/n", "n", "train.py", status="finished"))
    assert "one of them recorded no loss" in said(recorded(), nothing)
    other = History(Run("runs/m", "m", "train.py", status="finished", source=SOURCE))
    again = replace(other, run=replace(other.run, path="runs/o"))
    assert said(nothing, other).startswith("not to be told by the loss: one of them recorded no loss")
    assert (
        said(other, again) == "the same training twice: no step of both was recorded, so that nothing tells"
    )


def test_the_same_run_twice_and_the_same_training_twice() -> None:
    assert said(recorded(), recorded()) == "both are one and the same run: nothing differs"
    assert said(recorded("a"), recorded("b")) == (
        "the same training twice: the same to the last digit until the end (step 100)"
    )
    other = LOSS.copy()
    other[13:] *= 1.2
    elsewhere = recorded("b", loss=other, environment={"platform": "another machine"})
    text = said(recorded("a", loss=LOSS), elsewhere)
    assert text == "the same training twice: they part at step 14: loss 0.648 against 0.778"


def test_what_differs() -> None:
    loaders = [[Loader("t.py:5", batch_size=size, dataset_size=1000)] for size in (32, 64)]
    schedules = [
        [Scheduler("scheduler 0", class_name="StepLR", settings={"gamma": gamma, "last_epoch": at})]
        for gamma, at in ((0.1, 3), (0.5, 9))
    ]
    one = recorded("a", facts=loaders[0] + schedules[0], argv=("--lr", "0.1"))
    other = recorded("b", facts=loaders[1] + schedules[1], argv=("--lr", "0.2"), settings={"lr": 0.2}, seed=4)
    found = {
        (d.section, d.name): (d.before, d.after)
        for d in between([(one, ()), (other, ())]).pairs[0].differences
    }
    assert found == {
        ("command", "--lr"): ("0.1", "0.2"),
        ("settings", "lr"): (0.1, 0.2),
        ("settings", "schedule gamma"): (0.1, 0.5),
        ("data", "training loader batch size"): (32, 64),
        ("seed", "of torch"): (0, 4),
    }


def test_inputs_differ_by_more_than_batches_do() -> None:
    def of(name: str, mean: float, std: float = 1.0) -> History:
        return recorded(name, facts=[BatchInput("train", mean=mean, std=std, dtype="float32")])

    same, other = (between([(of("a", 0.0), ()), (of("b", mean), ())]).pairs[0] for mean in (0.02, 3.0))
    assert not same.differences
    assert [d.name for d in other.differences] == ["input mean"]


def test_a_run_that_did_not_end_has_not_seen_all() -> None:
    validated = [Loader("t.py:9", phase="validation", batch_size=64)]
    whole, stopped = recorded("a", facts=validated), recorded("b", loss=LOSS[:50], status="interrupted")
    assert not between([(whole, ()), (stopped, ())]).pairs[0].differences
    assert between([(whole, ()), (recorded("c"), ())]).pairs[0].differences


def test_the_code_as_a_diff() -> None:
    (pair,) = between([(recorded("a"), ()), (recorded("b", source=SOURCE.replace("0.1", "0.2")), ())]).pairs
    assert "-lr = 0.1\n+lr = 0.2\n" in pair.code
    assert pair.code.startswith("--- train.py (a)\n+++ train.py (b)\n")


def seeds(*losses: float, name: str = "s", lr: float = 0.1) -> list[History]:
    return [
        recorded(
            f"{name}{at}",
            val_loss={100: loss},
            seed=at,
            source=SOURCE.replace("seed(0)", f"seed({at})").replace("0.1", str(lr)),
            argv=("--seed", str(at)),
            settings={"lr": lr},
        )
        for at, loss in enumerate(losses)
    ]


def test_runs_that_differ_in_the_seed_alone_are_one_band() -> None:
    assert said(*seeds(0.4, 0.5, 0.45)) == (
        "3 runs that differ in the seed alone: validation loss 0.4 to 0.5 (3 seeds) after 100 steps"
    )
    assert said(*seeds(0.4, 0.5)).startswith("the same but for the seed: validation loss 0.5 against 0.4")


def test_a_seed_is_not_crowned() -> None:
    one, other = seeds(0.4, 0.5, 0.45), seeds(0.44, 0.39, 0.43, name="t", lr=0.2)
    held = between([(run, ()) for run in (*one, *other)])
    assert held.groups == ((0, 1, 2), (3, 4, 5))
    assert str(held).endswith("after 100 steps, which is within what the seeds differ")
    other = seeds(0.2, 0.3, 0.25, name="t", lr=0.2)
    assert str(between([(run, ()) for run in (*one, *other)])) == (
        "best of 6: t0: validation loss 0.2 to 0.3 (3 seeds) against 0.4 to 0.5 (3 seeds) of s0 after 100 steps, "
        "whichever the seed (1 in 20 by chance)"
    )


def test_twenty_runs_at_once() -> None:
    runs = [recorded(f"r{lr}", val_loss={100: 1 / lr}, settings={"lr": float(lr)}) for lr in range(1, 21)]
    held = between([(run, ()) for run in runs])
    assert len(held.pairs) == 19
    assert (
        str(held) == "best of 20: r20: validation loss 0.05 against 1 of r1 after 100 steps; r19 has 0.0526"
    )


def test_one_that_stopped_early_or_has_no_loss_takes_no_other_out_of_the_ranking() -> None:
    runs = [recorded(f"r{lr}", loss=LOSS / lr, settings={"lr": float(lr)}) for lr in range(1, 4)]
    early = recorded("early", loss=LOSS[:3], status="failed", exit_code=1, settings={"lr": 7.0})
    nothing = History(Run("runs/n", "n", "train.py", status="finished"))
    text = said(runs[0], early, nothing, *runs[1:])
    assert text.startswith("best of 3: r3: training loss ")
    assert text.endswith("; 2 are not ranked, for want of that loss or of steps")
    assert said(nothing, *runs) == "no loss to rank 4 runs by: 0 better than n, 0 worse, by what was found"


def test_several_within_noise() -> None:
    rng = np.random.default_rng(3)
    noisy = [
        recorded(f"r{at}", loss=1 + 0.2 * rng.standard_normal(300), settings={"lr": at}) for at in range(3)
    ]
    assert "which is within what the losses scatter" in said(*noisy)


def test_runs_of_one_name_are_told_apart() -> None:
    one = recorded("a")
    other = replace(recorded("a", settings={"lr": 0.2}), run=replace(one.run, path="elsewhere/a"))
    assert [side.label for side in between([(one, ()), (other, ())]).sides] == ["runs/a", "elsewhere/a"]
    assert [side.label for side in between([(one, ()), (one, ())]).sides] == ["a (1)", "a (2)"]


def test_one_run_is_not_enough() -> None:
    with pytest.raises(SettingError, match="at least two runs"):
        sf.compare(recorded())


def test_a_comparison_is_short_in_print() -> None:
    held = sf.compare(recorded("a"), recorded("b"))
    assert len(repr(held)) < 4000
    with pytest.raises(AttributeError):
        held.said = "x"  # type: ignore[misc]
