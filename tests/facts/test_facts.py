"""Facts as records: what the store keeps comes back, whatever another version or a stranger wrote is bounded."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.facts import KINDS, Cadence, Fact, LossCall, Nonfinite, TrainingMode, UnknownFact, fact_from
from surefoot.facts.pages import main, page

PAGE = Path(__file__).parents[2] / "docs" / "facts.md"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def facts() -> st.SearchStrategy[Fact]:
    """A fact of any kind, every field of its type."""
    return st.sampled_from(list(KINDS.values())).flatmap(
        lambda kind: st.builds(
            kind,
            st.text(max_size=5),
            **{
                f.name: _of(get_type_hints(kind)[f.name])
                for f in dataclasses.fields(kind)
                if f.name != "subject"
            },
        )
    )


def _of(hint: Any) -> st.SearchStrategy[Any]:
    if getattr(hint, "__origin__", None) is not None and hint.__origin__ is not tuple:
        return st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)  # settings
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{f.name: _of(hints[f.name]) for f in dataclasses.fields(hint)})
    if hint is float:
        return st.floats(allow_nan=False)
    if getattr(hint, "__origin__", None) is tuple and hint.__args__[-1] is Ellipsis:
        return st.lists(_of(hint.__args__[0]), max_size=3).map(tuple)
    if getattr(hint, "__args__", None) and getattr(hint, "__origin__", None) is not tuple:
        return st.one_of(*(st.none() if a is type(None) else _of(a) for a in hint.__args__))
    return st.from_type(hint)


@given(facts())
def test_what_is_kept_comes_back(fact: Fact) -> None:
    kept = json.loads(json.dumps(fact.data))
    assert fact_from(fact.kind, fact.subject, fact.step, kept) == fact


@given(st.sampled_from(list(KINDS)), st.dictionaries(st.text(max_size=8), ANYTHING, max_size=4), ANYTHING)
def test_whatever_stands_in_a_file_is_read(kind: str, data: dict[str, Any], value: Any) -> None:
    names = [field.name for field in dataclasses.fields(KINDS[kind])]
    made = fact_from(kind, "run", 1, {**data, **dict.fromkeys(names, value)})
    assert type(made) is KINDS[kind]
    kept = json.dumps(made.data)  # NaN is not equal to itself
    assert json.dumps(fact_from(kind, "run", 1, json.loads(kept)).data) == kept


def test_names_of_earlier_versions_are_understood() -> None:
    assert fact_from("mode", "training", 3, {"in_eval": 2, "modules": ["drop"]}) == TrainingMode(
        "training", 3, in_eval=2, modules=("drop",)
    )
    assert fact_from("nonfinite", "first", 3, {"step": 2}) == Nonfinite("first", 3, at_step=2)
    assert fact_from("cadence", "optimizer 0", 1, {"steps": 5, "hue": 1}) == Cadence(
        "optimizer 0", 1, steps=5
    )


def test_a_kind_of_another_version_is_kept_as_it_is() -> None:
    made = fact_from("weather", "run", 3, {"rain": True})
    assert made == UnknownFact("run", 3, name="weather", fields={"rain": True})
    assert made.data == {"rain": True}


@pytest.mark.parametrize("value", [[1, "a"], {"min": "low"}, True, "x"])
def test_a_value_of_another_type_counts_as_not_seen(value: object) -> None:
    assert fact_from("loss-call", "a", 0, {"classes": value, "chain": [1]}) == LossCall("a")


def test_every_kind_asks_a_question_and_describes_its_fields() -> None:
    for kind in KINDS.values():
        assert kind.question
        assert all(f"`{field.name}`" in page() for field in dataclasses.fields(kind)[2:])


def test_the_page_is_current(tmp_path: Path) -> None:
    assert main([str(PAGE), "--check"]) == 0, "run: python -m surefoot.facts.pages docs/facts.md"
    assert main([str(tmp_path / "absent.md"), "--check"]) == 1
