"""Several threads train: one is observed, the others run as if nothing were, and none computes another number."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import optimizer as torch_optimizer

import surefoot as sf
from surefoot.capture import step_hooks
from surefoot.facts import OptimizerCreated
from surefoot.records import History
from surefoot.report.json import summary
from surefoot.report.text import verdict_text

from .twin import observed, plainly

Pair = tuple[nn.Module, torch.optim.Optimizer]
X, Y = torch.randn(32, 6, generator=torch.Generator().manual_seed(1)), torch.arange(32) % 3


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Hooks that were left under a training of another thread are gone after the test."""
    yield
    step_hooks.leave(step_hooks.StepListener(lambda *_: None, lambda _: None), stepping_elsewhere=False)


def pair(seed: int) -> Pair:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    return model, torch.optim.Adam(model.parameters(), 1e-2)


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 60) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(X), Y).backward()
        optimizer.step()


def digest(pairs: list[Pair]) -> list[list[float]]:
    return [torch.cat([p.detach().reshape(-1) for p in model.parameters()]).tolist() for model, _ in pairs]


def alone(seeds: range, steps: int = 60) -> list[list[float]]:
    pairs = [pair(seed) for seed in seeds]
    for each in pairs:
        train(*each, steps)
    return digest(pairs)


def together(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def recorded(run: sf.Observation) -> History:
    history = run.history()
    assert history is not None
    return history


def unobserved(run: sf.Observation) -> int:
    count = summary(recorded(run), ())["unobserved_threads"]
    assert isinstance(count, int)
    return count


@pytest.mark.parametrize("count", [2, 8])
def test_an_ensemble(count: int, tmp_path: Path) -> None:
    pairs = [pair(seed) for seed in range(count)]
    with sf.watch(runs=tmp_path, every=1) as run:
        together([lambda each=each: train(*each) for each in pairs])  # type: ignore[misc]
    assert digest(pairs) == alone(range(count))
    history = recorded(run)
    assert run.steps == len(history.series("loss").finite) == 60
    assert unobserved(run) == count - 1
    # The others' optimizers step, though not here: nobody may be told that they do not.
    assert [info.name for info in history.optimizers] == ["Adam"]
    assert not [f for f in history.facts(OptimizerCreated) if f.subject.startswith("unstepped")]
    assert {finding.code for finding in run.findings} & {
        "missing-step",
        "missing-zero-grad",
        "no-gradient",
    } == set()
    others = "1 other thread" if count == 2 else "7 other threads"
    assert f"threads      {others} trained unobserved" in verdict_text(history, ())


def test_a_pool_of_workers(tmp_path: Path) -> None:
    pairs = [pair(seed) for seed in range(6)]
    with sf.watch(runs=tmp_path) as run, ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda each: train(*each), pairs))
    assert digest(pairs) == alone(range(6))
    assert run.steps % 60 == 0
    assert run.steps >= 60
    assert unobserved(run) <= 2


@pytest.mark.parametrize("watched", [0, 1, 2])
@pytest.mark.parametrize("by", ["optimizer", "model"])
def test_the_watched_training_is_the_observed_one(by: str, watched: int, tmp_path: Path) -> None:
    pairs = [pair(seed) for seed in range(3)]
    model, optimizer = pairs[watched]
    begun = threading.Event()

    def others(each: Pair) -> None:
        train(*each, 20)
        begun.set()
        train(*each, 40)

    run = sf.watch(model, optimizer if by == "optimizer" else None, runs=tmp_path)
    threads = [threading.Thread(target=others, args=(each,)) for each in pairs if each[0] is not model]
    for thread in threads:
        thread.start()
    begun.wait()
    train(*pairs[watched])
    for thread in threads:
        thread.join()
    run.close()
    assert digest(pairs) == alone(range(3))
    assert run.steps == len(recorded(run).series("loss").finite) == 60
    assert unobserved(run) == 2


def test_each_thread_watches_its_own(tmp_path: Path) -> None:
    pairs = [pair(seed) for seed in range(4)]
    steps: dict[int, int] = {}

    def watched(index: int) -> None:
        arguments = pairs[index] if index % 2 else ()
        with sf.watch(*arguments, runs=tmp_path, name=f"run-{index}") as run:
            train(*pairs[index])
        steps[index] = run.steps

    together([lambda index=index: watched(index) for index in range(4)])  # type: ignore[misc]
    assert digest(pairs) == alone(range(4))
    assert steps == dict.fromkeys(range(4), 60)


def test_a_server_beside_the_training(tmp_path: Path) -> None:
    """A thread that answers requests with a model of its own, in eval mode, under no_grad."""
    served, trained = pair(1)[0].eval(), pair(0)
    stop = threading.Event()
    answers = []

    def serve() -> None:
        while not stop.is_set():
            with torch.no_grad():
                answers.append(F.cross_entropy(served(X), Y).item())

    with sf.watch(runs=tmp_path, every=1) as run:
        server = threading.Thread(target=serve)
        server.start()
        train(*trained)
        stop.set()
        server.join()
    assert digest([trained]) == alone(range(1))
    assert len(set(answers)) == 1
    history = recorded(run)
    assert unobserved(run) == 0
    assert len(history.metric("val_loss")) <= 1  # from before it was known which thread trains
    assert run.steps == 60


def test_a_thread_after_the_first_has_ended(tmp_path: Path) -> None:
    pairs = [pair(seed) for seed in range(2)]
    with sf.watch(runs=tmp_path) as run:
        for each in pairs:
            together([lambda each=each: train(*each)])  # type: ignore[misc]
    assert digest(pairs) == alone(range(2))
    assert (run.steps, unobserved(run)) == (60, 1)


def test_one_training_in_a_thread_for_each_epoch(tmp_path: Path) -> None:
    each = pair(0)
    with sf.watch(runs=tmp_path) as run:
        for _ in range(3):
            together([lambda: train(*each, 20)])
    assert digest([each]) == alone(range(1))
    assert (run.steps, unobserved(run)) == (60, 0)


def test_gradients_that_several_threads_write(tmp_path: Path) -> None:
    """Each thread's backward adds to the same gradients, then one of them steps."""

    def descend() -> list[float]:
        weight = torch.ones(16, requires_grad=True)
        optimizer = torch.optim.SGD([weight], 0.01)
        barrier = threading.Barrier(4, timeout=60)

        def work(index: int) -> None:
            for _ in range(40):
                barrier.wait()
                (weight * float(index)).sum().backward()
                barrier.wait()
                if index == 0:
                    optimizer.step()
                    optimizer.zero_grad()

        together([lambda index=index: work(index) for index in range(4)])  # type: ignore[misc]
        return weight.detach().tolist()

    plain = descend()
    with sf.watch(runs=tmp_path):
        assert descend() == plain


def test_observing_begins_and_ends_while_others_train(tmp_path: Path) -> None:
    tables = [torch_optimizer._global_optimizer_pre_hooks, torch_optimizer._global_optimizer_post_hooks]
    before = [len(table) for table in tables]
    pairs = [pair(seed) for seed in range(3)]
    stop = threading.Event()
    failed = []

    def on_and_on(each: Pair) -> None:
        try:
            while not stop.is_set():
                train(*each, 1)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=on_and_on, args=(each,)) for each in pairs[1:]]
    for thread in threads:
        thread.start()
    for _ in range(8):
        with sf.watch(*pairs[0], runs=tmp_path) as run:
            train(*pairs[0], 3)
        assert run.steps == 3
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    with sf.watch(runs=tmp_path):
        train(*pairs[0], 1)
    assert [len(table) for table in tables] == before


SCRIPT = """
import sys, threading, torch
x, y = torch.randn(64, 6, generator=torch.Generator().manual_seed(1)), torch.arange(64) % 3
def train(model):
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
torch.manual_seed(0)
models = [torch.nn.Linear(6, 3) for _ in range(5)]
threads = [threading.Thread(target=train, args=(model,)) for model in models]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(torch.cat([p.reshape(-1) for m in models for p in m.parameters()]).tolist(), torch.rand(1).item())
"""


def test_a_script_of_threads_is_the_same_to_the_byte(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    plain = plainly(tmp_path, "train.py")
    seen = observed(tmp_path, "train.py", options=("--json", "out.json"))
    assert (seen.code, seen.stdout) == (plain.code, plain.stdout) == (0, plain.stdout)
    assert "4 other threads trained unobserved" in seen.said
    out = json.loads((tmp_path / "out.json").read_text())
    assert (out["steps"], out["unobserved_threads"]) == (150, 4)


def test_receivers_run_on_the_trainings_own_thread(tmp_path: Path) -> None:
    """In a loop with pauses, where the monitor's thread does most of the copying."""
    each = pair(0)
    threads: list[int] = []
    with sf.watch(runs=tmp_path, every=1) as run:
        for _ in range(8):
            train(*each, 1)
            run.recorder.deferred.add(torch.ones(2), lambda numbers: threads.append(threading.get_ident()))
            train(*each, 1)
            time.sleep(0.6)  # the monitor flushes meanwhile
    assert threads == [threading.get_ident()] * 8


def test_what_a_program_logs_is_written_in_a_pause(tmp_path: Path) -> None:
    with sf.watch(runs=tmp_path) as run:
        train(*pair(0), 2)
        run.log(val_loss=torch.tensor(0.25))
        until = time.monotonic() + 60
        while not len(recorded(run).metric("val_loss")) and time.monotonic() < until:
            time.sleep(0.1)
        assert recorded(run).metric("val_loss").values.tolist() == [0.25]


def test_findings_asked_for_by_another_thread(tmp_path: Path) -> None:
    each = pair(0)
    answers: list[tuple[sf.Finding, ...]] = []
    stop = threading.Event()
    with sf.watch(runs=tmp_path, every=1) as run:

        def ask() -> None:
            while not stop.is_set():
                answers.append(run.findings)

        asking = threading.Thread(target=ask)
        asking.start()
        train(*each)
        stop.set()
        asking.join()
        assert not run.recorder.failed
    assert answers
    assert digest([each]) == alone(range(1))
