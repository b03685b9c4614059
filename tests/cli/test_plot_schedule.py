"""`surefoot plot-schedule`: the table is the schedule's, and so is the line that is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from surefoot import schedules
from surefoot.figures.schedule import schedule_figure


def test_the_table_and_the_picture(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = "warmup(epochs(2)) >> 0.5 * cosine(epochs(8))"
    for suffix in (".png", ".svg"):
        file = tmp_path / f"s{suffix}"
        code, out, err = command("plot-schedule", text, "--steps-per-epoch", 10, "--lr", 0.1, "-o", file)
        assert (code, err) == (0, "")
        schedule = schedules.parse(text).in_steps(10)
        assert out == f"{schedules.table(schedule, 0.1)}\n{file}\n"
        assert file.stat().st_size > 1000
    assert "learning rate" in (tmp_path / "s.svg").read_text()


def test_without_a_file_only_the_table(command) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = command("plot-schedule", "step(30)")  # never ends, but has boundaries
    assert code == 0
    assert out.splitlines()[1].split() == ["0", "1", "step(30)"]


@pytest.mark.parametrize(
    ("text", "steps", "lr"),
    [
        ("warmup(10) >> cosine(90)", None, 0.3),
        ("multi_step((30, 60))", 100, None),
        ("one_cycle(100)", None, 0.1),
        ("warmup(100) >> 0.5 * cosine(100000)", None, 2.0),
    ],
)
def test_what_is_drawn_is_the_schedule(text: str, steps: int | None, lr: float | None) -> None:
    schedule = schedules.parse(text)
    figure = schedule_figure(schedule, steps=steps, lr=lr)
    line = figure.axes[0].get_lines()[0]
    at = line.get_xdata().astype(int)
    np.testing.assert_allclose(line.get_ydata(), [(lr or 1) * schedule(int(step)) for step in at])
    assert at[0] == 0
    assert at[-1] == (steps or schedule.duration)
    for boundary in schedule.boundaries():
        if 0 < boundary <= at[-1]:
            assert {boundary - 1, boundary} <= set(at.tolist())  # a jump is upright
    if schedule.momentum(0) is not None:
        drawn = figure.axes[1].get_lines()[0]
        np.testing.assert_allclose(drawn.get_ydata(), [schedule.momentum(int(step)) for step in at])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["warm(3)"], "did you mean 'warmup'"),
        (["cosine(3) >>"], "cannot be read"),
        (["cosine(epochs(3))"], "--steps-per-epoch"),
        (["cosine(3)", "--epochs", "2"], "--steps-per-epoch"),
        (["cosine(3)", "--epochs", "2", "--steps", "5", "--steps-per-epoch", "4"], "choose one"),
        (["cosine(3)", "--lr", "0"], "--lr"),
        (["step(3)", "-o", "a.png"], "--steps N"),
        (["cosine(3)", "-o", "a.html"], "a.html"),
        (["__import__('os')"], "no schedule named"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str, command, scripts: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = command("plot-schedule", *arguments)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert words in err
    assert not list(scripts.glob("a.*"))
