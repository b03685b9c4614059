"""Tests of the rule `clip-ineffective`."""

from rules.build import Training, found
from surefoot.facts import ClipCall

RIGHT = {
    "function": "clip_grad_norm_",
    "limit": 1.0,
    "count": 300,
    "after_step": 0,
    "covered": 1.0,
    "scaled": 0,
}


def test_fires() -> None:
    for wrong, text in (
        ({"after_step": 300}, "after the step"),
        ({"covered": 0.0}, "does not hold"),
        ({"scaled": 300}, "scaler"),
    ):
        spoiled = Training().fact(ClipCall, "train.py:8", **{**RIGHT, **wrong})
        assert text in found("clip-ineffective", spoiled)[0].title


def test_quiet() -> None:
    assert not found("clip-ineffective", Training().fact(ClipCall, "train.py:8", **RIGHT))


def test_near_miss() -> None:
    # Only the recurrent part is clipped, and one call of many comes late.
    part = Training().fact(ClipCall, "train.py:8", **{**RIGHT, "covered": 0.4, "after_step": 1})
    assert not found("clip-ineffective", part)


def test_before_backward_it_says_so() -> None:
    place = "train.py:6: clip_grad_norm_(model.parameters(), 1.0)"
    early = Training().fact(
        ClipCall, place, function="clip_grad_norm_", count=300, after_step=299, place=place
    )
    assert "before backward()" in found("clip-ineffective", early)[0].title
