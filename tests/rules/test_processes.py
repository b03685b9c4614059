"""What the processes of one training were found to have."""

from __future__ import annotations

from dataclasses import replace

from surefoot.facts import Process, Processes, Ranks
from surefoot.records import Finding, History, Run
from surefoot.report.text import verdict_text
from surefoot.report.verdict import judge
from surefoot.rules import diagnose, get_rule
from surefoot.rules.processes import merged

ONE = Finding("nonfinite-loss", "error", "The loss is NaN.", "Look at the batch.", step=3)


def test_what_all_have_is_said_once() -> None:
    assert merged({"rank-0": [ONE], "rank-1": [replace(ONE, step=4)]}) == [ONE]


def test_what_some_have_names_them() -> None:
    (found,) = merged({"rank-0": [], "rank-1": [ONE], "rank-2": [ONE]})
    assert found.title == "On rank-1, rank-2: The loss is NaN."
    many = {f"rank-{rank}": [ONE] for rank in range(6)}
    (found,) = merged({"script": [], **many})
    assert found.title.startswith("On rank-0, rank-1, rank-2, rank-3 and 2 more: ")


def test_what_is_said_of_all_names_nobody() -> None:
    assert merged({"rank-0": [ONE], "rank-1": []}, {"nonfinite-loss"}) == [ONE]
    ranks = Ranks("run", world_size=2, parameters_differ=True, parameter="0.weight", at_step=2)
    other = History(Run("runs/b", "b", "a.py", status="finished", steps=40, backwards=40))
    first = history(Process(name="rank-0"), Process(name="rank-1"))
    (found,) = diagnose(
        replace(first, all_facts=(*first.all_facts, ranks), others={"rank-1": other}),
        rules=[get_rule("ranks-diverged")],
    )
    assert found.title == "Parameters differ between the 2 processes (first seen in 0.weight)."


def history(*processes: Process) -> History:
    run = Run("runs/a", "a", "a.py", status="finished", steps=40, backwards=40)
    return History(run, all_facts=(Processes(trained=processes),))


def test_one_that_is_gone_is_named_before_those_that_failed_by_it() -> None:
    made = history(
        Process(name="rank-0", status="failed", steps=41, backwards=41, error="RuntimeError: closed by peer"),
        Process(name="rank-1", status="crashed", steps=40, backwards=40),
        Process(name="rank-2", status="finished", steps=40, backwards=40),
    )
    verdict = judge(made, ())
    assert (verdict.word, verdict.extent) == ("unknown", "end unknown")
    assert verdict.said == (
        "recording of rank-1 ended at step 40, how it ended is not known, "
        "rank-0 failed at step 41 with RuntimeError: closed by peer"
    )
    assert "3 trained: rank-0 (41 steps), rank-1 (40 steps), rank-2 (40 steps)" in verdict_text(made, ())


def test_all_that_ended_well_are_healthy() -> None:
    made = history(
        *(Process(name=f"rank-{rank}", status="finished", steps=40, backwards=40) for rank in range(2))
    )
    assert judge(made, ()).said == "healthy"
    assert "2 trained, 40 steps each: rank-0, rank-1" in verdict_text(made, ())
