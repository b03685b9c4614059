"""What the script's signal handlers raise reaches the script, wherever it strikes, and recording goes on after it."""

from __future__ import annotations

import dis
import functools
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as torch_module
from torch.utils.data import Dataset

import surefoot as sf
from surefoot.capture import recorder
from surefoot.facts import Defect
from surefoot.interrupts import interrupted
from surefoot.store.batch import Batch

PACKAGE = str(Path(sf.__file__).parent)


class TooLong(Exception):
    """The script's own."""


class Training:
    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-2)
        self.x, self.y = torch.randn(16, 6), torch.arange(16) % 3

    def step(self) -> None:
        self.optimizer.zero_grad()
        F.cross_entropy(self.model(self.x), self.y).backward()
        self.optimizer.step()


# After these Python looks whether a signal has come, and runs its handler: nowhere else.
LOOKED_AFTER = {
    code
    for name, code in dis.opmap.items()
    if name.startswith(("RESUME", "CALL_", "JUMP_BACKWARD", "JUMP_ABSOLUTE", "POP_JUMP_BACKWARD"))
    or name == "CALL"
}


class Tracer:
    """Strikes at the n-th point of our code on this thread at which a signal handler can."""

    def __init__(self, at: int, strike: Callable[[], object]) -> None:
        self.left = at
        self.strike = strike
        self.struck = ""  # where

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        before = -1

        def each(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal before
            if event == "opcode":
                self.left -= before in LOOKED_AFTER
                before = frame.f_code.co_code[frame.f_lasti]
                if self.left == 0:
                    self.left = -1
                    self.struck = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                    self.strike()
            return each

        return each


def throws(error: type[Exception]) -> Callable[[], object]:
    def strike() -> None:
        raise error

    return strike


@pytest.mark.parametrize("error", [TooLong, TimeoutError, RuntimeError, ValueError, TypeError])
def test_at_any_point_of_ours(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "FACT_SECONDS", 0.0)
    training = Training()
    raised = reached = 0
    with sf.watch(runs=tmp_path, every=1) as run:
        for _ in range(3):
            training.step()
        at = 1
        while True:
            tracer = Tracer(at, throws(error))
            sys.settrace(tracer)
            try:
                training.step()
            except error:
                reached += 1
            finally:
                sys.settrace(None)
            if not tracer.struck:
                break
            raised += 1
            at += 1 + at // 7  # densely at the beginning, then at ever new points
        assert not run.observer.threads.in_backward
        before = run.steps
        for _ in range(20):
            training.step()
        assert run.steps == before + 20
        assert not run.recorder.failed
    assert raised > 25
    assert reached == raised
    history = run.history()
    assert history is not None
    assert list(history.facts(Defect)) == []
    steps = history.series("loss").steps.tolist()
    assert steps == sorted(set(steps))
    assert steps[-20:] == list(range(before + 1, before + 21))
    assert {info.name for info in history.parameters} == {"0.weight", "0.bias", "2.weight", "2.bias"}


def plain(number: int, frame: FrameType | None) -> None:
    raise TooLong


def forgets(number: int, frame: FrameType | None) -> None:
    del frame
    raise TooLong


def through_a_helper(*given: Any) -> None:
    plain(*given)


class Handler:
    # Never an OSError: Python's own imports take one for a file that isn't there.
    def __call__(self, number: int, frame: FrameType | None) -> None:
        raise TooLong

    def method(self, *_: Any) -> None:
        raise TooLong("too long")


@pytest.fixture
def alarms() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    gc.collect()
    gc.disable()  # what a handler raises in a finalizer or a callback of the collector reaches nobody
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    gc.enable()


@pytest.mark.usefixtures("alarms")
@pytest.mark.parametrize(
    "handler",
    [
        plain,
        forgets,
        through_a_helper,
        Handler(),
        Handler().method,
        functools.partial(through_a_helper),
        lambda *_: 1 / 0,
    ],
    ids=["function", "no-frame", "helper", "object", "method", "partial", "lambda"],
)
def test_alarms(handler: Callable[..., None], tmp_path: Path) -> None:
    training = Training()
    training.step()  # an alarm that strikes while the optimizer makes its state leaves half of it
    signal.signal(signal.SIGALRM, handler)
    reached = 0
    with sf.watch(runs=tmp_path, every=1) as run:
        for turn in range(40):
            until = time.monotonic() + 20
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.003 + turn * 0.00007)
                while time.monotonic() < until:
                    training.step()
            except (TooLong, ZeroDivisionError):
                reached += 1
                torch.set_grad_enabled(True)  # torch's own no_grad may be what was interrupted
        training.step()
        assert not run.recorder.failed
    assert reached == 40
    assert not list((run.history() or pytest.fail("no history")).facts(Defect))


def test_a_handler_that_trains_at_any_point_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither training disturbs the other; a step that the handler's own strikes into may go uncounted."""
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    monkeypatch.setattr(recorder, "FACT_SECONDS", 0.0)
    training, other = Training(), Training()

    def strike() -> None:
        with torch.enable_grad():  # it may strike inside a step
            other.step()

    with sf.watch(runs=tmp_path, every=1) as run:
        for _ in range(3):
            training.step()
            other.step()
        at = struck = 0
        while True:
            at += 1 + at // 20
            tracer = Tracer(at, strike)
            sys.settrace(tracer)
            try:
                training.step()
            finally:
                sys.settrace(None)
            assert not run.observer.guard.faults, tracer.struck
            assert not run.recorder.failed, tracer.struck
            if not tracer.struck:
                break
            struck += 1
        steps = run.steps
    assert struck > 60
    assert steps >= 6 + struck
    history = run.history()
    assert history is not None
    assert list(history.facts(Defect)) == []


@pytest.mark.usefixtures("alarms")
def test_a_handler_that_trains_and_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler may do anything: train another model, ask for the findings, close the run under its recorder."""
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    training, other = Training(), Training()
    with sf.watch(runs=tmp_path, every=1) as run:

        def handler(number: int, frame: FrameType | None) -> None:
            with torch.enable_grad():  # it may strike inside a step
                other.step()
            assert isinstance(run.findings, tuple)
            signal.setitimer(signal.ITIMER_REAL, 0.005)

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            training.step()
        signal.signal(signal.SIGALRM, lambda *_: run.close())
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        while not run._closed:
            training.step()
        training.step()
    history = run.history()
    assert history is not None
    assert history.run.status == "finished"
    assert not run.recorder.failed


class Stream(Dataset[torch.Tensor]):
    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.ones(6)

    def __len__(self) -> int:
        raise TooLong("nobody knows")


def test_what_the_scripts_own_objects_raise_to_us_is_ours_to_catch(tmp_path: Path) -> None:
    training = Training()
    batches = torch.utils.data.DataLoader(Stream(), sampler=range(4), batch_size=2)
    with sf.watch(runs=tmp_path):
        for _ in batches:
            training.step()


def test_set_on_the_thread_by_another() -> None:
    class Ours(TooLong):
        __module__ = "surefoot.capture"

    code = compile("def strike(error): raise error", PACKAGE + "/nowhere.py", "exec")
    strike: dict[str, Any] = {}
    exec(code, strike)
    with pytest.raises(TooLong) as caught:
        strike["strike"](TooLong())
    trace = caught.value.__traceback__
    assert not interrupted(caught.value)  # a frame of the script's is in between
    assert trace is not None
    assert interrupted(caught.value.with_traceback(trace.tb_next))
    assert not interrupted(Ours())
    assert not interrupted(RuntimeError())


def test_closing_while_the_modules_are_being_hooked_leaves_no_hook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler may close the run between the making of the hooks and the note of them."""
    training = Training()
    real = torch_module.register_module_forward_hook
    before = len(torch_module._global_forward_hooks), len(torch_module._global_forward_pre_hooks)
    with sf.watch(runs=tmp_path, every=1) as run:

        def register(*arguments: object, **options: object) -> object:
            handle = real(*arguments, **options)
            run.close()
            return handle

        training.step()
        run.observer.training.modules.close()
        monkeypatch.setattr(torch_module, "register_module_forward_hook", register)
        run.observer.training.modules.open()
        training.step()
    assert (len(torch_module._global_forward_hooks), len(torch_module._global_forward_pre_hooks)) == before


def test_what_is_noted_after_the_end_is_no_fault(tmp_path: Path) -> None:
    """The step under which a handler closed the run goes on."""
    training = Training()
    with sf.watch(runs=tmp_path, every=1) as run:
        training.step()
        run.close()
        run.recorder.flush(facts=True)
        run.recorder.update(error=None)
        run.recorder._safely(lambda: run.recorder._write(Batch(findings=[])))
    assert not run.recorder.failed
