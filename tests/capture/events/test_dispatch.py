"""Who hears what, and what becomes of a probe that fails."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import surefoot as sf
from surefoot.capture.events.dispatch import Dispatch
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.guard import Guard
from surefoot.capture.probes.gradient_noise import GradientNoiseProbe
from surefoot.capture.threads import ObservedThread
from surefoot.facts import Defect, Fact, Threads

from .. import trainings


class Hearer(Probe):
    """Keeps what it hears of data loaders."""

    name = "hearer"

    def __init__(self) -> None:
        self._heard: list[Any] = []

    def loader_iterated(self, loader: Any) -> None:
        self._heard.append(loader)

    def facts(self) -> Iterator[Fact]:
        yield Threads("run", unobserved=len(self._heard))


class Failing(Hearer):
    """Fails at each event, and when it is asked."""

    name = "failing"

    def loader_iterated(self, loader: Any) -> None:
        super().loader_iterated(loader)
        raise ZeroDivisionError

    def facts(self) -> Iterator[Fact]:
        yield Threads("run", unobserved=1 // 0)


def dispatch(*probes: Probe) -> tuple[Dispatch, Guard]:
    guard = Guard(lambda reason: None)
    threads = ObservedThread(None, lambda what: False, lambda others: None, lambda root: None)
    made = Dispatch(guard, threads)
    made.add(*probes)
    return made, guard


def test_only_what_is_overridden_is_called() -> None:
    made, _ = dispatch(hearer := Hearer())
    made.tell.loader_iterated("a")
    made.tell.backward_begins(Backward(None, None, 1, 1, False))
    assert hearer._heard == ["a"]


def test_a_probe_that_fails_is_left_alone_and_named_while_others_hear_on() -> None:
    made, guard = dispatch(failing := Failing(), hearer := Hearer())
    for loader in range(5):
        made.tell.loader_iterated(loader)
    assert (len(failing._heard), len(hearer._heard)) == (3, 5)
    assert list(made.facts()) == [Threads("run", unobserved=5)]
    (defect,) = guard.facts()
    assert isinstance(defect, Defect)
    assert defect.subject == "failing"


def test_a_name_that_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Deaf\.backward_begin is no event"):

        class Deaf(Probe):
            def backward_begin(self) -> None: ...


def test_nobody_is_held_once_recording_has_stopped() -> None:
    made, _ = dispatch(hearer := Hearer())
    held = weakref.ref(hearer)
    made.let_go()
    del hearer
    gc.collect()
    assert held() is None
    made.tell.loader_iterated("b")
    assert list(made.facts()) == []


def test_a_probes_fault_in_a_training_is_a_fact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = trainings.digest("dropout")
    monkeypatch.setattr(GradientNoiseProbe, "step_ends", lambda *_: 1 / 0)
    with sf.watch(runs=tmp_path) as run:
        assert trainings.digest("dropout") == plain
    history = run.history()
    assert history is not None
    (defect,) = history.facts(Defect)
    assert (defect.subject, defect.count) == ("gradient noise", 3)
    assert len(history.series("loss").finite) == 8
