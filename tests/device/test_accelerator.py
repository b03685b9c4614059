"""Clipping, observation and `fit` on an accelerator: no step waits for the device, numbers as on the host."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.capture import monitor, recorder
from surefoot.facts import Defect

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
DEVICE = "cuda"
STEPS = 60
CLIPPERS: dict[str, Callable[[], Any]] = {
    "AutoClip": sf.AutoClip,
    "AutoClip window": lambda: sf.AutoClip(window=7),
    "AutoClip parameter": lambda: sf.AutoClip(scope="parameter"),
    "ClipByNorm": lambda: sf.ClipByNorm(1e-2),
    "ClipByValue": lambda: sf.ClipByValue(1e-3),
    "AGC": sf.AdaptiveGradientClip,
    "AdaGC": lambda: sf.AdaGC(warmup=5),
    "AutoClip streaming": lambda: sf.AutoClip(30, history="streaming"),
    "AutoClip, spikes left out": lambda: sf.AutoClip(30, skip_above=5.0),
    "ZClip": lambda: sf.ZClip(warmup=5),
}
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
    "AdamW fused": lambda p: torch.optim.AdamW(p, 1e-3, fused=True),
    "AdamW capturable": lambda p: torch.optim.AdamW(p, torch.tensor(1e-3, device=DEVICE), capturable=True),
}


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 5)).to(DEVICE)


def batches(count: int = 8) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, 32, 16, generator=generator).to(DEVICE)
    labels = torch.randint(0, 5, (count, 32), generator=generator).to(DEVICE)
    return list(zip(inputs, labels, strict=True))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor]) -> Tensor:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(batch[0]), batch[1])
    loss.backward()
    optimizer.step()
    return loss.detach()


def fingerprint(model: nn.Module) -> str:
    tensors = [*model.parameters(), *model.buffers()]
    return hashlib.sha256(b"".join(t.detach().cpu().numpy().tobytes() for t in tensors)).hexdigest()


@pytest.fixture
def no_waiting() -> Iterator[Callable[[], None]]:
    """From its call on, whatever waits for the device raises."""
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


@pytest.fixture
def no_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 1e9)
    monkeypatch.setattr(recorder, "FLUSH_ROWS", 10**9)
    monkeypatch.setattr(monitor, "_STALE", 1e9)
    monkeypatch.setattr(monitor, "_HEARTBEAT", 1e9)


def test_the_guard_against_waiting_works(no_waiting: Callable[[], None]) -> None:
    number = torch.ones(1, device=DEVICE)
    no_waiting()
    with pytest.raises(RuntimeError, match="synchroniz"):
        number.item()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", CLIPPERS)
def test_no_clipped_step_waits(name: str, optimizer: str, no_waiting: Callable[[], None]) -> None:
    model, data = network(), batches()
    stepper = OPTIMIZERS[optimizer](model.parameters())
    CLIPPERS[name]().attach(stepper)
    for batch in data[:3]:
        step(model, stepper, batch)
    no_waiting()
    for turn in range(STEPS):
        step(model, stepper, data[turn % len(data)])


@pytest.mark.parametrize("kind", ["AdamW fused", "AdamW capturable"])
def test_no_step_with_a_clipped_update_waits_and_the_host_takes_the_same(
    kind: str, no_waiting: Callable[[], None]
) -> None:
    generator = torch.Generator().manual_seed(2)
    gradients = [torch.randn(64, 16, generator=generator) * 10 ** (i % 4 - 2) for i in range(20)]
    weights, late, stepper = [], [], []
    for place in ("cpu", DEVICE):
        weights.append(nn.Parameter(torch.ones(64, 16, device=place)))
        late.append(nn.Parameter(torch.ones(3, device=place)))
        parameters = [weights[-1], late[-1]]
        stepper.append(
            OPTIMIZERS[kind](parameters) if place == DEVICE else torch.optim.AdamW(parameters, 1e-3)
        )
        sf.ClipUpdate(0.9).attach(stepper[-1])
    given = [gradient.to(DEVICE) for gradient in gradients]
    for at in range(20):
        for weight, other, gradient in zip(weights, late, (gradients[at], given[at]), strict=True):
            weight.grad = gradient.clone()
            other.grad = gradient[0, :3].clone() if at > 4 else None
        stepper[0].step()
        if at == 8:  # every state has begun
            no_waiting()
        stepper[1].step()
    torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(weights[0], weights[1].cpu(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(late[0], late[1].cpu(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CLIPPERS)
def test_a_device_clips_as_the_host_does(name: str) -> None:
    """The same gradients, in double precision, on both."""
    generator = torch.Generator().manual_seed(2)
    ends = []
    gradients = [torch.randn(64, 16, generator=generator).double() * 10 ** (i % 4 - 2) for i in range(50)]
    for place in ("cpu", DEVICE):
        weight = nn.Parameter(torch.ones(64, 16, dtype=torch.float64, device=place))
        stepper = torch.optim.SGD([weight], 0.1)
        CLIPPERS[name]().attach(stepper)
        for gradient in gradients:
            weight.grad = gradient.to(place, copy=True)
            stepper.step()
        ends.append(weight.detach().cpu())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-5, atol=1e-6)


def test_the_threshold_is_the_percentile_of_the_norms() -> None:
    model, data = network(), batches()
    stepper = torch.optim.SGD(model.parameters(), 0.05)
    clipper = sf.AutoClip(percentile=10).attach(stepper)
    norms, thresholds = [], []
    for turn in range(STEPS):
        step(model, stepper, data[turn % len(data)])
        norms.append(float(clipper.last.norm))
        thresholds.append(float(clipper.last.threshold))
    expected = [np.percentile(norms[: i + 1], 10) for i in range(STEPS)]
    np.testing.assert_allclose(thresholds, expected, rtol=1e-5)


@pytest.mark.usefixtures("no_flush")
@pytest.mark.parametrize("clipped", [False, True])
def test_no_observed_step_waits(clipped: bool, tmp_path: Path, no_waiting: Callable[[], None]) -> None:
    model, data = network(), batches()
    stepper = torch.optim.AdamW(model.parameters(), 1e-3)
    with sf.watch(model, stepper, runs=tmp_path) as run:
        clipper = sf.AutoClip().attach(stepper) if clipped else None
        step(model, stepper, data[0])
        no_waiting()
        for turn in range(1, STEPS):
            step(model, stepper, data[turn % len(data)])
        torch.cuda.set_sync_debug_mode("default")
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    assert len(history.series("loss").finite) == STEPS
    assert len(history.series("clip_factor").finite) == STEPS * clipped
    assert len(history.parameter_layer("update_norm")) > 5
    del clipper


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_observation_changes_no_bit(precision: str, tmp_path: Path) -> None:
    def train() -> tuple[str, list[float]]:
        model, data = network(), batches()
        stepper = torch.optim.AdamW(model.parameters(), 1e-3)
        scaler = torch.amp.GradScaler(DEVICE, enabled=precision == "float16")
        losses = []
        for turn in range(STEPS):
            inputs, labels = data[turn % len(data)]
            stepper.zero_grad()
            with torch.autocast(DEVICE, getattr(torch, precision), enabled=precision != "float32"):
                loss = F.cross_entropy(model(inputs), labels)
            scaler.scale(loss).backward()
            scaler.step(stepper)
            scaler.update()
            losses.append(loss.detach())
        return fingerprint(model), torch.stack(losses).tolist()

    plain, _ = train()
    with sf.watch(runs=tmp_path) as run:
        seen, losses = train()
    assert seen == plain
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    recorded = history.series("loss").values
    np.testing.assert_allclose(recorded, losses[-len(recorded) :], rtol=2e-3)


def test_a_captured_graph_is_left_alone(tmp_path: Path) -> None:
    """A whole step captured as a CUDA graph under observation gives the numbers of one captured without."""

    def train() -> str:
        model, data = network(), batches()
        stepper = torch.optim.AdamW(model.parameters(), torch.tensor(1e-3, device=DEVICE), capturable=True)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for batch in data[:3]:
                step(model, stepper, batch)
        torch.cuda.current_stream().wait_stream(stream)
        inputs, labels = (t.clone() for t in data[0])
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(model, stepper, (inputs, labels))
        for batch in data:
            inputs.copy_(batch[0])
            labels.copy_(batch[1])
            graph.replay()
        return fingerprint(model)

    plain = train()
    with sf.watch(runs=tmp_path) as run:
        assert train() == plain
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()


def test_fit_trains_on_the_device(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    model = network()
    inputs = torch.randn(512, 16)
    labels = (inputs[:, 0] > 0).long()
    result = sf.fit(
        model,
        nn.CrossEntropyLoss(),
        (inputs, labels),
        lr=1e-2,
        epochs=5,
        clip="auto",
        progress=False,
        runs=tmp_path,
    )
    assert next(model.parameters()).is_cuda
    assert result.losses[-1] < 0.4


def test_a_script_on_the_device_is_recorded(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "import torch\n"
        "torch.manual_seed(0)\n"
        "model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)).cuda()\n"
        "optimizer = torch.optim.Adam(model.parameters(), 1e-2)\n"
        "x = torch.randn(512, 8, device='cuda')\n"
        "y = x[:, :1] * x[:, 1:2]\n"
        "for step in range(300):\n"
        "    i = torch.randint(0, 512, (64,), device='cuda')\n"
        "    optimizer.zero_grad()\n"
        "    torch.nn.functional.mse_loss(model(x[i]), y[i]).backward()\n"
        "    optimizer.step()\n"
    )
    command = [sys.executable, "-m", "surefoot", "run", "--autoclip", "train.py"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "300 steps" in ended.stdout + ended.stderr
