"""Steps to a target, the profile, and pictures of any sweep that there may be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from surefoot.capture.script import Target
from surefoot.search.axes import Axis
from surefoot.search.conclusion import concluded
from surefoot.search.figure import sweep_figure
from surefoot.search.records import Sweep
from surefoot.search.results import Result
from surefoot.search.settings import Member, grid
from surefoot.search.targets import kinds, profile, steps_to_target, target_loss


def swept(axes: tuple[Axis, ...], losses: dict[str, float], seeds: int = 2) -> Sweep:
    """Each falls from 8 to its own loss in ten steps; the second seed a tenth higher."""
    results = {}
    for seed in range(seeds):
        for setting in grid(axes):
            end = losses[str(setting.values[-1][1])] + 0.1 * seed
            curve = tuple((step, 8.0 if step < 10 else end) for step in range(1, 11))
            results[Member(setting, seed)] = Result("finished", 10, 1.0, None, end, (), curve)
    return concluded(Target("a.py"), "", axes, seeds, list(results), results, None)


OPTIMIZERS = (Axis("lr", (0.1, 0.2, 0.3)), Axis("optimizer", ("sgd", "adam")))


def test_the_target_is_what_every_optimizer_reaches_from_every_seed() -> None:
    found = swept(OPTIMIZERS, {"sgd": 1.1234567, "adam": 0.5})
    assert list(kinds(found)) == ["adam", "sgd"]
    target = target_loss(found)
    assert target == pytest.approx(1.2234567)
    assert all(steps_to_target(each, target) == 10 for each in found.configurations)


def test_the_profile_counts_who_is_first_and_who_comes_at_all() -> None:
    shares = profile(swept(OPTIMIZERS, {"sgd": 2.0, "adam": 0.5}), [1.0, 16.0])
    assert shares["adam"][0] == 1.0
    assert 0 < shares["sgd"][0] < 1
    assert shares["sgd"] == sorted(shares["sgd"])


@pytest.mark.parametrize(
    ("axes", "losses"),
    [
        (OPTIMIZERS, {"sgd": math.inf, "adam": 0.5}),
        (OPTIMIZERS, {"sgd": math.inf, "adam": math.nan}),
        ((Axis("--hidden", ("8", "16")),), {"8": 0.5, "16": -0.5}),
        ((Axis("lr", (0.1, 0.2, 0.3)),), {"0.1": 1.0, "0.2": 2.0, "0.3": math.inf}),
    ],
)
def test_every_sweep_has_its_picture_and_its_page(
    axes: tuple[Axis, ...], losses: dict[str, float], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    found = swept(axes, losses)
    assert found.draw(tmp_path / "sweep.svg").stat().st_size > 1000
    assert found.verdict.said in found.draw(tmp_path / "sweep.html").read_text(encoding="utf-8").replace(
        "&#39;", "'"
    )


def test_what_diverged_is_marked_above_all_losses_and_named_in_the_table(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = swept(OPTIMIZERS, {"sgd": math.inf, "adam": 0.5})
    losses, steps, *_ = sweep_figure(found).axes
    (crosses,) = [line for line in losses.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert list(crosses.get_xdata()) == [0.1, 0.2, 0.3]
    assert crosses.get_transform() == losses.get_xaxis_transform()
    assert steps.get_ylim()[1] > max(
        max(line.get_ydata()) for line in steps.lines if line.get_label() == "adam"
    )
    page = found.draw(tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert "Infinity" not in page
    assert "diverged, 2 of 2" in page


def test_a_log_axis_reads_as_the_table_does() -> None:
    pytest.importorskip("matplotlib")
    found = swept((Axis("lr", (0.1, 0.2, 0.3)),), {"0.1": 0.04, "0.2": 0.5, "0.3": 3.0})
    losses = sweep_figure(found).axes[0]
    assert losses.get_yscale() == "log"
    assert [label.get_text() for label in losses.get_yticklabels()] == ["0.05", "0.1", "0.2", "0.5", "1", "2"]
