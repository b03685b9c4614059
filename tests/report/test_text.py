"""The verdict for a terminal, plain and coloured."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from report import histories
from surefoot.records import Finding
from surefoot.report.terminal import finding_view, verdict_view
from surefoot.report.text import finding_line, verdict_text


def rendered(view, width=100, color=False):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=color, color_system="standard" if color else None).print(
        view
    )
    return out.getvalue()


def test_healthy_run_says_healthy_and_nothing_of_faults():
    lines = verdict_text(histories.healthy(), ()).splitlines()
    assert lines[0] == "surefoot: healthy"
    assert len(lines) == 5
    assert lines[2].startswith("  not judged   the loss against a guess (no loss function of PyTorch's")
    assert "1,410 steps in 12.7 s; loss 2.3 -> 0.0777 (best 0.0324)" in lines[1]
    assert "validation loss 0.52 -> 0.13;" in lines[1]
    assert "clipped at 79 % of the steps" in lines[1]
    assert lines[3].split() == ["run", "surefoot-runs/digits"]
    assert lines[4].split(maxsplit=1) == ["next", "surefoot report digits"]
    assert "fix" not in "".join(lines)


def test_findings_say_what_where_evidence_fix_and_what_else_they_explain():
    text = verdict_text(histories.diverged(), (histories.TOO_HIGH, histories.DEAD))
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "surefoot: error (1 error, 1 warning)"
    assert "loss 2.32 -> NaN (best 1.72)" in lines[1]
    first = next(index for index, line in enumerate(lines) if line.startswith("error"))
    assert lines[first].startswith("error        lr-too-high: The learning rate is too high")
    assert lines[first].endswith("(step 300)")
    assert lines[first + 1].startswith("where: examples/digits.py:23: optimizer =")
    assert lines[first + 2].startswith("evidence: loss before 1.8, loss after 950, lr 1, place")
    assert lines[first + 3].startswith("fix: Divide the learning rate by 10")
    assert lines[first + 4] == f"explains also exploding-gradient: {histories.EXPLODING.title}"
    assert lines[first + 5].startswith("warning      dead-units:")
    assert lines[-1].startswith("next         surefoot explain lr-too-high, surefoot report ")


def test_several_optimizers_are_told_apart_by_the_scripts_own_names():
    text = verdict_text(histories.gan(), ())
    assert "loss of opt_g (Adam) 0.724 -> 1.48" in text
    assert "loss of opt_d (Adam) 1.29 -> 1.68" in text
    assert "surefoot: interrupted at step 1,800" in text


def test_failed_run_without_a_step_names_the_exception():
    text = verdict_text(histories.empty(), ())
    said = "surefoot: the script failed before the first step with NameError: name 'modle' is not defined\n"
    assert text.startswith(said)
    assert "no optimizer step was recorded" in text


def test_path_with_spaces_can_be_pasted():
    history = histories.empty()
    history = replace(history, run=replace(history.run, path="my runs/a"))
    assert "surefoot report 'my runs/a'" in verdict_text(history, ())


def test_live_line():
    assert finding_line(histories.TOO_HIGH) == (
        "surefoot: error at step 300: The learning rate is too high: the loss rises, then stops being a"
        " number. [lr-too-high]"
    )
    assert "at step" not in finding_line(Finding("a", "warning", "T.", "F."))


@pytest.mark.parametrize(
    "case",
    [
        (histories.healthy, ()),
        (histories.diverged, (histories.TOO_HIGH, histories.DEAD)),
        (histories.gan, ()),
        (histories.empty, ()),
        (histories.hostile, (histories.hostile_finding(),)),
    ],
)
def test_terminal_says_the_same_words(case):
    make, findings = case
    history = make()
    plain = verdict_text(history, findings)
    assert rendered(verdict_view(history, findings), width=4000).split() == plain.split()


def test_terminal_wraps_under_the_text_and_never_over_the_width():
    lines = rendered(verdict_view(histories.diverged(), (histories.TOO_HIGH,)), width=60).splitlines()
    assert all(len(line) <= 60 for line in lines)
    start = next(index for index, line in enumerate(lines) if "lr-too-high" in line)
    column = lines[start].index("lr-too-high")
    assert lines[start + 1].startswith(" " * column)


def test_color_marks_severity():
    line = rendered(finding_view(histories.TOO_HIGH), width=200, color=True)
    assert "\x1b[1;31merror\x1b[0m" in line
    assert "[lr-too-high]" in line
