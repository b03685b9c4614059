"""The engine: ranking, folding, ignoring, defects, speed of thought."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.build import LOSS, Training, flat
from surefoot.facts import BatchInput, Clearing, Defect
from surefoot.records import SEVERITIES, Finding, History, Run
from surefoot.rules import Draft, Rule, diagnose
from surefoot.rules.engine import fold

EMPTY = History(Run(path="", name="", script=""))


def _rule(code: str, check: Callable[[History], Iterator[Finding]], follows: tuple[str, ...] = ()) -> Rule:
    return Rule(code, "error", check, (), "0.1", follows, "dynamics")


def _finding(code: str, severity: str = "warning", **more: object) -> Finding:
    return Finding(code, severity, f"{code}.", "Mend it.", **more)  # type: ignore[arg-type]


def test_a_consequence_is_folded_under_its_cause() -> None:
    rules = (
        _rule("cause", lambda h: iter([_finding("cause")])),
        _rule("middle", lambda h: iter([_finding("middle", "error")]), ("cause",)),
        _rule("end", lambda h: iter([_finding("end")]), ("middle",)),
        _rule("other", lambda h: iter([_finding("other")])),
    )
    main, second = diagnose(EMPTY, rules=rules)
    assert main.code == "cause"
    assert main.severity == "error", "a cause is as grave as what follows from it"
    assert [(c.code, c.because) for c in main.consequences] == [("middle", ("cause",)), ("end", ("middle",))]
    assert second.code == "other"


def test_a_finding_that_names_its_own_causes_follows_from_those_only() -> None:
    rules = (
        _rule("rate", lambda h: iter([_finding("rate")])),
        _rule("dead", lambda h: iter([_finding("dead", because=("wiring",))]), ("rate", "wiring")),
    )
    assert [f.code for f in diagnose(EMPTY, rules=rules)] == ["dead", "rate"]


def test_nothing_follows_from_what_is_said_in_passing() -> None:
    passing = replace(_rule("idle", lambda h: iter([_finding("idle", "information")])), explains="warning")
    grave = replace(_rule("idle", lambda h: iter([_finding("idle")])), explains="warning")
    end = _rule("end", lambda h: iter([_finding("end")]), ("idle",))
    assert [f.code for f in diagnose(EMPTY, rules=(passing, end))] == ["end", "idle"]
    assert [f.code for f in diagnose(EMPTY, rules=(grave, end))] == ["idle"]


def test_what_followed_from_an_ignored_finding_stands_by_itself() -> None:
    rules = (
        _rule("cause", lambda h: iter([_finding("cause")])),
        _rule("end", lambda h: iter([_finding("end")]), ("cause",)),
    )
    assert [f.code for f in diagnose(EMPTY, rules=rules, ignore=["cause"])] == ["end"]


def test_a_rule_that_raises_harms_nothing_else() -> None:
    def broken(history: History) -> Iterator[Finding]:
        yield _finding("broken")
        raise ZeroDivisionError("by design")

    rules = (_rule("broken", broken), _rule("sound", lambda h: iter([_finding("sound")])))
    findings = diagnose(EMPTY, rules=rules)
    assert "sound" in [f.code for f in findings]
    assert findings[-1].code == "defect"
    assert findings[-1].severity == "information"
    assert "the rule broken" in findings[-1].title
    assert "ZeroDivisionError: by design" in findings[-1].title


def _one(*made: object) -> Rule:
    return Rule("own", "warning", lambda history: iter(made), (), "0.1", (), "dynamics")  # type: ignore[arg-type]


def test_a_rule_completes_its_draft_with_its_code_and_severity() -> None:
    drafts = (
        Draft(title="A.", fix="B.", evidence={"n": 1}, where="fc1", step=3),
        Draft(title="C.", fix="D."),
    )
    found = list(_one(*drafts).findings(EMPTY))
    assert found[0] == Finding("own", "warning", "A.", "B.", 3, {"n": 1}, "fc1")
    assert found[1] == Finding("own", "warning", "C.", "D.")
    (milder,) = diagnose(EMPTY, rules=(_one(Draft(title="A.", fix="B.", severity="information")),))
    assert milder == Finding("own", "information", "A.", "B.")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Draft(title="A.", fix="B.", severity="error"), "graver than its own 'warning'"),
        (Finding("own", "error", "A.", "B."), "graver than its own 'warning'"),
        (Finding("another", "warning", "A.", "B."), "'another', which is not its own"),
        (Draft(title="A.", fix="B.", severity="fatal"), "'fatal', not one of"),  # type: ignore[arg-type]
        ("word", "neither a Draft nor a Finding"),
    ],
)
def test_what_a_rule_may_not_give_is_a_defect_of_its_name(made: object, said: str) -> None:
    sound = Draft(title="A.", fix="B.")
    found, defect = diagnose(EMPTY, rules=(_one(sound, made),))
    assert found.code == "own", "what was found before is kept"
    assert defect.code == "defect"
    assert "the rule own" in defect.title
    assert said in defect.title


def test_defects_of_capture_are_reported_as_such() -> None:
    findings = diagnose(Training().fact(Defect, "the recorder", message="disk full", count=1).history)
    assert [f.code for f in findings] == ["defect"]
    assert "disk full" in findings[0].title


def test_ignored_by_code_and_by_comment() -> None:
    spoiled = Training().regression(input_shape=[32, 1], target_shape=[32])
    assert [f.code for f in diagnose(spoiled.history)] == ["broadcast-loss"]
    assert diagnose(spoiled.history, ignore=["broadcast-loss"]) == ()
    line = LOSS.split(": ", 1)[1]
    for comment, silenced in (
        ("# surefoot: ignore[broadcast-loss]", True),
        ("# surefoot: ignore[lr-too-high, broadcast-loss]", True),
        ("# surefoot: ignore", True),
        ("# surefoot: ignore[lr-too-high]", False),
    ):
        source = spoiled.run.source.replace(line, f"{line}  {comment}")
        history = replace(spoiled.history, run=replace(spoiled.run, source=source))
        assert (diagnose(history) == ()) is silenced, comment
    elsewhere = "# surefoot: ignore[broadcast-loss]\n" + spoiled.run.source
    assert diagnose(replace(spoiled.history, run=replace(spoiled.run, source=elsewhere)))
    whole = "# surefoot: ignore-file[broadcast-loss]\n" + spoiled.run.source
    assert diagnose(replace(spoiled.history, run=replace(spoiled.run, source=whole))) == ()


def test_unscaled_inputs_then_the_rate_then_nan() -> None:
    losses = np.concatenate([[30.0, 900.0, 1e6, 1e12], np.full(60, np.nan)])
    spoiled = Training(losses).optimizer("SGD", lr=0.1)
    spoiled.fact(BatchInput, "train", min=0, max=1680, feature_std_max=315.0, feature_mean_absmax=746.0)
    main, *rest = diagnose(spoiled.history)
    assert main.code == "unnormalized-inputs"
    assert main.severity == "error"
    assert {"lr-too-high", "nonfinite-loss"} <= {c.code for c in main.consequences}
    assert rest == []


def test_one_wiring_fault_gives_one_main_finding() -> None:
    spoiled = Training(flat(2.6)).optimizer("SGD", lr=0.5).scaled("update_norm", 100.0)
    spoiled.fact(Clearing, "optimizer 0", cleared=0, uncleared=299, first_uncleared=2, leftover_norm=50.7)
    spoiled.units["dead_share"][10:] = 1.0
    spoiled.metric("output/batch_std", np.full(300, 1e-5))
    findings = diagnose(spoiled.history)
    assert [f.code for f in findings] == ["missing-zero-grad"]
    assert {c.code for c in findings[0].consequences} >= {"lr-too-high", "dead-units", "constant-output"}


def test_the_same_history_gives_the_same_findings() -> None:
    history = Training(flat()).history
    assert diagnose(history) == diagnose(replace(history, all_facts=tuple(history.all_facts)))


CODES = "abcdef"


@given(
    st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(SEVERITIES)), max_size=8),
    st.dictionaries(st.sampled_from(CODES), st.lists(st.sampled_from(CODES), max_size=3), max_size=6),
)
def test_folding_loses_nothing(pairs: list[tuple[str, str]], follows: dict[str, list[str]]) -> None:
    rules = {c: _rule(c, lambda h: iter(()), tuple(follows.get(c, ()))) for c in CODES}
    folded = fold([_finding(code, severity) for code, severity in pairs], rules)
    seen = [f.code for f in folded] + [c.code for f in folded for c in f.consequences]
    assert sorted(seen) == sorted(code for code, _ in pairs)
    assert bool(folded) == bool(pairs)
    if pairs:
        worst = min(SEVERITIES.index(severity) for _, severity in pairs)
        assert min(SEVERITIES.index(f.severity) for f in folded) == worst


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_almost_nothing_recorded(steps: int) -> None:
    assert diagnose(Training(flat(steps=steps), status="running").history) == ()


def test_gradients_steep_before_the_first_step_explain_the_first_loss() -> None:
    steep = Training(flat(110.0)).scaled("grad_norm", 1e6).loss_call(first_value=110.0)
    main, *rest = diagnose(steep.history)
    assert main.code == "exploding-gradient"
    assert "initial-loss-too-high" in [c.code for c in main.consequences]
    assert rest == []
    gentle = Training(flat(110.0)).loss_call(first_value=110.0)
    assert diagnose(gentle.history)[0].code == "initial-loss-too-high"


def test_what_rules_share_is_measured_once_a_history_and_kept_with_it() -> None:
    asked = []

    def measured(history: History) -> list[int]:
        asked.append(history)
        return [len(asked)]

    first, second = Training().history, Training(flat()).history
    assert first.derived(measured) is first.derived(measured)
    assert second.derived(measured) == [2]
    assert first.derived(measured) == [1], "not displaced by another history"
    assert replace(first, metrics={}).derived(measured) == [3], "a changed history is another one"
    assert asked[0] is first
