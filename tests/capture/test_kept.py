"""A script's loss computed again from the tape: the same number, the same gradient, nothing of the script changed."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from capture.asmain import restored
from surefoot.capture.kept import Keeper, Kept
from surefoot.capture.script import Outcome, Target, execute, prepare
from surefoot.errors import NothingTrained, ScriptError

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
torch.manual_seed(0)
inputs, labels = torch.randn(48, 4), torch.randint(0, 3, (48,))
targets = inputs.sum(1, keepdim=True)
numbers = []
"""
LOOP = """
for step in range(6):
    rows = torch.arange(8 * step, 8 * step + 8)
    optimizer.zero_grad()
    loss = {loss}
    loss.backward()
    optimizer.step()
    numbers.append(loss.item())
"""
NETWORK = "model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))\n"
SGD = "optimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
ENTROPY = "F.cross_entropy(model(inputs[rows]), labels[rows])"

SCRIPTS = {
    "a model and a loss function": HEAD + NETWORK + SGD + LOOP.format(loss=ENTROPY),
    "a loss module": HEAD + NETWORK + SGD + "loss_of = nn.CrossEntropyLoss(label_smoothing=0.1)\n"
    + LOOP.format(loss="loss_of(model(inputs[rows]), labels[rows])"),
    "dropout and batch norm": HEAD
    + "model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))\n"
    + SGD + LOOP.format(loss=ENTROPY) + "model.eval()\n",
    "a penalty on the weights": HEAD + NETWORK + SGD
    + LOOP.format(loss=ENTROPY + " + 1e-2 * sum(p.pow(2).sum() for p in model.parameters())"),
    "an error written by hand": HEAD + "model = nn.Linear(4, 1)\n" + SGD
    + LOOP.format(loss="((model(inputs[rows]) - targets[rows]) ** 2).mean()"),
    "two models": HEAD + "first, second = nn.Linear(4, 8), nn.Linear(8, 3)\n"
    + "optimizer = torch.optim.Adam([*first.parameters(), *second.parameters()], 1e-2)\n"
    + LOOP.format(loss="F.cross_entropy(second(torch.tanh(first(inputs[rows]))), labels[rows])"),
    "written into place": HEAD + "model = nn.Linear(4, 1)\n" + SGD + """
def into(rows):
    out = torch.zeros(8, 1)
    out[:4] = model(inputs[rows[:4]])
    out[4:] = model(inputs[rows[4:]]).mul_(2)
    return out
""" + LOOP.format(loss="F.mse_loss(into(rows), targets[rows])"),
    "an inner gradient": HEAD + "model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))\n" + SGD + """
def penalised(rows):
    x = inputs[rows].clone().requires_grad_()
    score = model(x)
    (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
    return score.mean() + ((slope.norm(dim=1) - 1) ** 2).mean()
""" + LOOP.format(loss="penalised(rows)"),
    "a model that returns its loss": HEAD + """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)
    def forward(self, x, labels):
        scores = self.linear(x)
        return {"loss": F.cross_entropy(scores, labels), "scores": scores}
model = Model()
""" + SGD + LOOP.format(loss="model(inputs[rows], labels=labels[rows])['loss']"),
    "bfloat16": HEAD + NETWORK + SGD + """
def lower(rows):
    with torch.autocast("cpu", torch.bfloat16):
        return F.cross_entropy(model(inputs[rows]), labels[rows])
""" + LOOP.format(loss="lower(rows)"),
    "a scaled loss": HEAD + NETWORK + SGD + """
scaler = torch.amp.GradScaler("cpu", init_scale=512.0)
for step in range(6):
    rows = torch.arange(8 * step, 8 * step + 8)
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs[rows]), labels[rows])
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    numbers.append(loss.item())
""",
    "a network unrolled by hand": HEAD + "model = nn.GRUCell(4, 5)\n" + SGD + """
def unrolled(rows):
    state = torch.zeros(8, 5)
    for _ in range(3):
        state = model(inputs[rows], state)
    return state.square().mean()
""" + LOOP.format(loss="unrolled(rows)"),
}  # fmt: skip


def kept_of(folder: Path, text: str, **options: object) -> tuple[Keeper, dict[str, object], Outcome]:
    """Run a script under a keeper; gives it with the script's variables."""
    script = folder / "train.py"
    script.write_text(text)
    keeper = Keeper(**options)  # type: ignore[arg-type]
    with restored():
        prepared = prepare(Target(str(script)))
        keeper.begin()
        try:
            outcome = execute(prepared)
        finally:
            keeper.end()
    return keeper, prepared.module.__dict__, outcome


def plainly(folder: Path) -> dict[str, object]:
    with restored():
        return runpy.run_path(str(folder / "train.py"), run_name="__main__")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_loss_computed_again_is_the_scripts(name: str, tmp_path: Path) -> None:
    keeper, script, outcome = kept_of(tmp_path, SCRIPTS[name])
    assert outcome.status == "finished", outcome.described
    assert keeper.fault is None
    kept = keeper.kept()
    numbers = script["numbers"]
    assert kept.recorded == pytest.approx(numbers[-1], rel=1e-6)  # type: ignore[index]
    assert kept.recomputed == pytest.approx(kept.recorded, rel=1e-5)
    assert len(kept.programs) == 6
    assert kept.trajectory.steps.tolist() == list(range(7))
    assert kept.trajectory.losses[:6].tolist() == pytest.approx(numbers, rel=1e-6)
    # Nothing of the script has changed: the same numbers to the bit without the tape.
    plain = plainly(tmp_path)
    assert plain["numbers"] == numbers
    objective = kept.objective(mode="train")
    value, gradient = objective.gradient_at(objective.center)
    assert np.isfinite(value)
    assert float(gradient.norm()) > 0
    assert objective.examples == 48


@pytest.mark.parametrize("name", ["a model and a loss function", "a penalty on the weights", "two models"])
def test_value_and_gradient_anywhere_are_those_of_the_formula(name: str, tmp_path: Path) -> None:
    keeper, script, _ = kept_of(tmp_path, SCRIPTS[name])
    objective = keeper.kept().objective()
    generator = torch.Generator().manual_seed(1)
    point = objective.center + 0.3 * torch.randn(objective.size, generator=generator)
    value, gradient = objective.gradient_at(point)
    modules = [script["model"]] if "model" in script else [script["first"], script["second"]]
    parameters = [p for module in modules for p in module.parameters()]  # type: ignore[attr-defined]
    before = [p.detach().clone() for p in parameters]
    nn.utils.vector_to_parameters(point, parameters)
    inputs, labels = script["inputs"], script["labels"]
    scores = inputs  # type: ignore[assignment]
    for index, module in enumerate(modules):
        scores = module(torch.tanh(scores) if index else scores)  # type: ignore[operator]
    expected = nn.functional.cross_entropy(scores, labels)  # type: ignore[arg-type]
    if "penalty" in name:
        expected = expected + 1e-2 * sum(p.pow(2).sum() for p in parameters)
    slopes = torch.autograd.grad(expected, parameters)
    assert value == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradient, torch.cat([s.flatten() for s in slopes]), rtol=1e-4, atol=1e-6)
    for p, was in zip(parameters, before, strict=True):
        p.data.copy_(was)


BY_HAND = {
    "in place": """
for step in range(5):
    loss = (m * x + b - y).square().mean()
    loss.backward()
    path.append((m.item(), b.item()))
    with torch.no_grad():
        m -= 0.3 * m.grad
        b -= 0.3 * b.grad
    m.grad = b.grad = None
path.append((m.item(), b.item()))
""",
    "without backward": """
for step in range(5):
    loss = (m * x + b - y).square().mean()
    path.append((m.item(), b.item()))
    slopes = torch.autograd.grad(loss, (p for p in (m, b)))
    with torch.no_grad():
        for parameter, slope in zip((m, b), slopes):
            parameter -= 0.3 * slope
path.append((m.item(), b.item()))
""",
    "new leaves": """
for step in range(5):
    loss = (m * x + b - y).square().mean()
    loss.backward()
    path.append((m.item(), b.item()))
    m = (m - 0.3 * m.grad).detach().requires_grad_()
    b = (b - 0.3 * b.grad).detach().requires_grad_()
""",
}


@pytest.mark.parametrize("way", BY_HAND)
def test_bare_tensors_have_the_names_and_the_path_of_the_script(way: str, tmp_path: Path) -> None:
    text = """
import torch
x = torch.linspace(0, 1, 9)
y = 3 * x + 1
m, b = torch.zeros((), requires_grad=True), torch.ones((), requires_grad=True)
path = []
"""
    keeper, script, _ = kept_of(tmp_path, text + BY_HAND[way])
    kept = keeper.kept()
    objective = kept.objective()
    assert objective.names == ("m", "b")
    np.testing.assert_allclose(kept.trajectory.points, np.array(script["path"]), rtol=1e-6)
    x, y = script["x"], script["y"]
    at = torch.tensor([2.0, -1.0])
    assert objective.loss_at(at) == pytest.approx(float((2 * x - 1 - y).square().mean()))  # type: ignore[operator]


def test_the_gradient_of_an_input_is_no_descent(tmp_path: Path) -> None:
    text = (
        HEAD
        + NETWORK
        + SGD
        + """
def attacked(rows):
    x = inputs[rows].clone().requires_grad_()
    (slope,) = torch.autograd.grad(F.cross_entropy(model(x), labels[rows]), x)
    return F.cross_entropy(model((x + 0.1 * slope.sign()).detach()), labels[rows])
"""
        + LOOP.format(loss="attacked(rows)")
    )
    keeper, script, _ = kept_of(tmp_path, text)
    kept = keeper.kept()
    assert keeper.backwards == 6
    assert kept.recorded == pytest.approx(script["numbers"][-1], rel=1e-6)  # type: ignore[index]
    assert kept.recomputed == pytest.approx(kept.recorded, rel=1e-5)


def test_the_limit_and_the_last_batches(tmp_path: Path) -> None:
    keeper, script, outcome = kept_of(tmp_path, SCRIPTS["a loss module"], limit=4, batches=2, norms=True)
    assert outcome.status == "stopped"
    kept = keeper.kept()
    assert [program.examples for program in kept.programs] == [8, 8]
    rows = script["inputs"][16:32]  # type: ignore[index]
    assert torch.equal(torch.cat([program.batch()["tensors"][0] for program in kept.programs]), rows)
    assert kept.trajectory.steps.tolist() == [0, 1, 2, 3, 4]
    assert kept.grad_norm.steps.tolist() == [1, 2, 3, 4]
    model = script["model"]
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()  # type: ignore[attr-defined]
    assert kept.grad_norm.values[-1] == pytest.approx(float(norm), rel=1e-5)


def test_the_same_batch_again_counts_once(tmp_path: Path) -> None:
    text = HEAD + NETWORK + SGD + LOOP.format(loss="F.cross_entropy(model(inputs), labels)")
    keeper, _, _ = kept_of(tmp_path, text)
    assert len(keeper.kept().programs) == 1


def test_accumulation_is_one_point_of_the_path(tmp_path: Path) -> None:
    text = (
        HEAD
        + NETWORK
        + SGD
        + """
for step in range(3):
    optimizer.zero_grad()
    for half in range(2):
        loss = F.cross_entropy(model(inputs[8 * half:8 * half + 8]), labels[8 * half:8 * half + 8]) / 2
        loss.backward()
    optimizer.step()
"""
    )
    kept = kept_of(tmp_path, text)[0].kept()
    assert kept.trajectory.steps.tolist() == [0, 1, 2, 3]


CANNOT = {
    "no backward": (HEAD + "print('nothing')", NothingTrained, "without a call of backward"),
    "a function of its own": (
        HEAD + NETWORK + SGD + """
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x
    @staticmethod
    def backward(ctx, grad):
        return 2 * grad
""" + LOOP.format(loss="F.cross_entropy(Double.apply(model(inputs[rows])), labels[rows])"),
        ScriptError, "autograd.Function",
    ),
    "data written over": (
        HEAD + NETWORK + SGD + "room = torch.empty(8, 4)\n"
        + LOOP.format(loss="F.cross_entropy(model(room.copy_(inputs[rows])), labels[rows])") + "room.zero_()\n",
        ScriptError, "written into",
    ),
    "chance that no generator tells": (
        HEAD + "import itertools\ncounter = itertools.count(1)\n" + """
class Odd(nn.Linear):
    def forward(self, x):
        return super().forward(x) * next(counter)
model = Odd(4, 3)
""" + SGD + LOOP.format(loss=ENTROPY),
        ScriptError, "in the script and is",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CANNOT)
def test_what_cannot_be_computed_again_is_said(name: str, tmp_path: Path) -> None:
    text, kind, words = CANNOT[name]
    keeper, _, outcome = kept_of(tmp_path, text)
    assert outcome.status == "finished", outcome.described
    with pytest.raises(kind, match=words) as caught:
        keeper.kept()
    assert "surefoot.landscape(model, loss, data)" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    from torch.nn.modules import module as torch_module
    from torch.overrides import _get_current_function_mode

    before = (torch.Tensor.backward, torch.autograd.backward, torch.compile, torch.optim.Optimizer.__init__)
    hooks = len(torch_module._global_forward_hooks), len(torch_module._global_forward_pre_hooks)
    mode = _get_current_function_mode()
    kept_of(tmp_path, SCRIPTS["dropout and batch norm"] + "\nraise ValueError('at the end')")
    assert (
        torch.Tensor.backward,
        torch.autograd.backward,
        torch.compile,
        torch.optim.Optimizer.__init__,
    ) == before
    assert (len(torch_module._global_forward_hooks), len(torch_module._global_forward_pre_hooks)) == hooks
    assert _get_current_function_mode() is mode


def test_the_tape_forgets_what_the_script_forgets(tmp_path: Path) -> None:
    keeper, _, _ = kept_of(tmp_path, SCRIPTS["an error written by hand"] + "\ndel loss")
    assert len(keeper.tape._known) == 0


def test_a_model_of_one_input_gives_its_fit(tmp_path: Path) -> None:
    text = (
        HEAD
        + "model = nn.Linear(1, 1)\nx = inputs[:, :1]\n"
        + SGD
        + LOOP.format(loss="F.mse_loss(model(x[rows]), targets[rows])")
    )
    keeper, script, _ = kept_of(tmp_path, text)
    x, y = keeper.kept().fit_data()
    assert torch.equal(x, script["x"])  # type: ignore[arg-type]
    assert torch.equal(y, script["targets"])  # type: ignore[arg-type]
    wide: Kept = kept_of(tmp_path, SCRIPTS["an error written by hand"])[0].kept()
    with pytest.raises(ScriptError, match="one input"):
        wide.fit_data()


@pytest.mark.skipif(sys.platform == "win32", reason="torch.compile wants a compiler")
def test_compiled_functions_stop_the_tape_not_the_script(tmp_path: Path) -> None:
    text = (
        HEAD
        + NETWORK
        + SGD
        + "loss_of = torch.compile(F.cross_entropy, backend='eager')\n"
        + LOOP.format(loss="loss_of(model(inputs[rows]), labels[rows])")
    )
    keeper, script, outcome = kept_of(tmp_path, text)
    assert outcome.status == "finished", outcome.described
    assert len(script["numbers"]) == 6  # type: ignore[arg-type]
    with pytest.raises(ScriptError, match="compiles functions"):
        keeper.kept()


COUNTED = {
    "one example a step, no batch": ("F.cross_entropy(model(inputs[i]), labels[i])", 1),
    "a batch, example by example": (
        "sum(F.cross_entropy(model(inputs[j]), labels[j]) for j in range(5)) / 5",
        5,
    ),
    "a batch": ("F.mse_loss(model(inputs), inputs[:, :3])", 12),
    "a loss module": ("torch.nn.NLLLoss()(model(inputs).log_softmax(1), labels)", 12),
    "two losses by hand": ("((model(inputs) - inputs[:, :3]) ** 2).mean()", 12),
    "one vector by hand": ("(model(inputs[i]) ** 2).sum()", 1),
}


@pytest.mark.parametrize("name", COUNTED)
def test_examples_are_counted_and_not_features_or_batches(name: str, tmp_path: Path) -> None:
    loss, count = COUNTED[name]
    script = f"""
import torch
import torch.nn.functional as F
torch.manual_seed(0)
inputs, labels = torch.randn(12, 7), torch.randint(0, 3, (12,))
model = torch.nn.Linear(7, 3)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for i in range(4):
    optimizer.zero_grad()
    ({loss}).backward()
    optimizer.step()
"""
    keeper, _, outcome = kept_of(tmp_path, script)
    assert outcome.status == "finished", outcome.described
    assert {program.examples for program in keeper.kept().programs} == {count}
