"""Tests of the rule `symmetric-initialization`."""

from rules.build import Training, found
from surefoot.facts import Symmetry


def test_fires() -> None:
    spoiled = Training().fact(Symmetry, "fc1.weight", first=0.0, last=1e-8, constant=True)
    finding = found("symmetric-initialization", spoiled)[0]
    assert finding.where == "fc1.weight"
    assert finding.evidence["layers"]["fc1.weight"]["units"] == 64


def test_quiet() -> None:
    assert not found("symmetric-initialization", Training())


def test_near_miss() -> None:
    # A last layer that starts at zero; an adapter whose zeros break up by themselves.
    for harmless in ({"is_output": True, "last": 0.0}, {"last": 0.4}, {"units": 1, "last": 0.0}):
        near = Training().fact(Symmetry, "fc1.weight", **{"first": 0.0, "constant": True, **harmless})
        assert not found("symmetric-initialization", near)


def test_all_zero_has_no_spread_to_measure() -> None:
    nan = float("nan")
    spoiled = Training().fact(Symmetry, "fc1.weight", first=nan, last=nan, constant=True)
    assert found("symmetric-initialization", spoiled)
    unknown = Training().fact(Symmetry, "fc1.weight", first=nan, last=nan, constant=False)
    assert not found("symmetric-initialization", unknown)
