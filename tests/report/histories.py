"""Runs made by hand, as the recorder would leave them: healthy, diverged, a GAN, empty, hostile."""

from __future__ import annotations

import numpy as np

from surefoot.facts import BatchInput, Calls, Clearing, ClipCall, Model, UnknownFact
from surefoot.records import (
    ActivationInfo,
    Finding,
    History,
    Layers,
    OptimizerInfo,
    ParameterInfo,
    Run,
    Series,
)

DIGITS = '''"""Handwritten digits with a small convolutional network."""

import torch
from torch import nn

EPOCHS = 5


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))


model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(EPOCHS):
    for images, labels in loader:
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.4f}")
'''

SHAPES = {
    "conv1.weight": (16, 1, 3, 3),
    "conv1.bias": (16,),
    "conv2.weight": (32, 16, 3, 3),
    "conv2.bias": (32,),
    "fc.weight": (10, 512),
    "fc.bias": (10,),
}

EXPLODING = Finding(
    code="exploding-gradient",
    severity="error",
    title="The gradient norm grows without bound.",
    fix="Attach a clipper: surefoot run --autoclip, or sf.AutoClip().attach(optimizer).",
    step=380,
    evidence={"median": 1.2, "largest": float("inf"), "steps": [380, 392, 401]},
    where="conv2.weight",
    confidence=0.9,
)

TOO_HIGH = Finding(
    code="lr-too-high",
    severity="error",
    title="The learning rate is too high: the loss rises, then stops being a number.",
    fix="Divide the learning rate by 10 (lr=0.1), or find one with surefoot find-lr.",
    step=300,
    evidence={"loss before": 1.8, "loss after": 950.0, "lr": 1.0, "place": "examples/digits.py:23"},
    where="examples/digits.py:23: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)",
    confidence=0.95,
    consequences=(EXPLODING,),
)

DEAD = Finding(
    code="dead-units",
    severity="warning",
    title="61 % of the units after conv2.weight never fire.",
    fix="Lower the learning rate, or use LeakyReLU there.",
    step=320,
    evidence={"dead_share": 0.61, "units": 32},
    where="relu after conv2.weight",
)


def healthy(steps: int = 1_410, seed: int = 0) -> History:
    """Digits, AdamW with AutoClip attached, five epochs."""
    rng = np.random.default_rng(seed)
    at = np.arange(1, steps + 1)
    loss = 2.25 * np.exp(-at / (steps / 7)) + 0.03 + 0.08 * rng.gamma(1.0, 0.5, steps)
    norm = 1.4 * np.exp(-at / steps) * rng.lognormal(0, 0.5, steps)
    threshold = np.array([np.percentile(norm[:n], 10) for n in at])
    epoch_ends = np.linspace(steps / 5, steps, 5).astype(int)
    series = {
        ("loss", 0): Series.of(loss),
        ("grad_norm", 0): Series.of(norm),
        ("lr", 0): Series.of(1e-3 * np.minimum(1, at / 100)),
        ("clip_threshold", 0): Series.of(threshold),
        ("clip_factor", 0): Series.of(np.minimum(1, threshold / norm)),
        ("micro_steps", 0): Series.of(np.ones(steps)),
        ("time", 0): Series.of(at * 0.009),
    }
    metrics = {
        "val_loss": Series.of([0.52, 0.24, 0.16, 0.14, 0.13], epoch_ends),
        "val_accuracy": Series.of([0.84, 0.93, 0.95, 0.96, 0.965], epoch_ends),
        "target/mean": Series.of(4.5 + rng.normal(0, 0.4, 200)),
        "graph/nodes": Series.of(np.full(200, 21.0)),
    }
    return _digits(series, metrics, sampled=np.arange(1, steps, 10), rng=rng)


def diverged(steps: int = 600) -> History:
    """Digits at a learning rate of 1: the loss rises, becomes infinite, then NaN."""
    rng = np.random.default_rng(1)
    at = np.arange(1, steps + 1)
    loss = 2.3 - 0.5 * at / 300 + 0.05 * rng.normal(size=steps)
    loss[300:] = 1.8 * np.exp((at[300:] - 300) / 15)
    loss[395:400] = np.inf
    loss[400:] = np.nan
    norm = loss * rng.lognormal(0, 0.4, steps)
    norm[405:] = np.nan
    series = {
        ("loss", 0): Series.of(loss),
        ("grad_norm", 0): Series.of(norm),
        ("lr", 0): Series.of(np.ones(steps)),
        ("time", 0): Series.of(at * 0.009),
    }
    sampled = np.arange(1, steps, 10)
    history = _digits(series, {}, sampled, rng, name="diverged", argv=("--lr", "1"))
    broken = history.parameter_layers["grad_nonfinite_share"].values
    broken[sampled > 400] = 1.0
    for quantity in ("grad_norm", "update_norm", "param_norm"):
        values = history.parameter_layers[quantity].values
        values[(sampled > 300) & (sampled <= 400)] *= 1e3
        values[sampled > 400] = np.nan
    return history


def gan(steps: int = 900) -> History:
    """Two optimizers that step in turn, one record each a step."""
    rng = np.random.default_rng(2)
    at = np.arange(1, steps + 1)
    generator = 0.7 + 0.4 * np.sin(at / 90) + 0.1 * rng.normal(size=steps) + at / 900
    critic = 1.4 - 0.3 * np.sin(at / 90) + 0.1 * rng.normal(size=steps)
    names = ("generator.0.weight", "generator.2.weight", "critic.0.weight", "critic.2.weight")
    source = (
        "import torch\n"
        "generator, critic = make()\n"
        "opt_g = torch.optim.Adam(generator.parameters(), lr=2e-4)\n"
        "opt_d = torch.optim.Adam(critic.parameters(), lr=1e-4)\n"
    )
    optimizers = (
        OptimizerInfo(0, "Adam", {"lr": 2e-4, "betas": [0.5, 0.999]}, (0, 1), "gan.py:3", "gan.py:30"),
        OptimizerInfo(1, "Adam", {"lr": 1e-4, "betas": [0.5, 0.999]}, (2, 3), "gan.py:4", "gan.py:24"),
    )
    sampled = np.arange(1, 2 * (steps // 10) + 1)
    turn = np.arange(len(sampled)) % 2
    values = rng.lognormal(-1, 0.5, (len(sampled), 4))
    values[turn == 0, 2:] = np.nan
    values[turn == 1, :2] = np.nan
    return History(
        run=Run(
            path="surefoot-runs/gan",
            name="gan",
            script="gan.py",
            status="interrupted",
            started=1_790_000_000.0,
            ended=1_790_000_045.0,
            steps=2 * steps,
            backwards=2 * steps,
            source=source,
        ),
        optimizers=optimizers,
        parameters=tuple(
            ParameterInfo(i, name, (64, 64), "Linear", optimizer=i // 2, received=steps)
            for i, name in enumerate(names)
        ),
        step_series={
            ("loss", 0): Series.of(generator, 2 * at),
            ("loss", 1): Series.of(critic, 2 * at - 1),
            ("grad_norm", 0): Series.of(np.abs(generator), 2 * at),
            ("grad_norm", 1): Series.of(np.abs(critic), 2 * at - 1),
            ("lr", 0): Series.of(np.full(steps, 2e-4), 2 * at),
            ("lr", 1): Series.of(np.full(steps, 1e-4), 2 * at - 1),
            ("time", 0): Series.of(at * 0.05, 2 * at),
            ("time", 1): Series.of(at * 0.05, 2 * at - 1),
        },
        parameter_layers={"grad_norm": Layers(sampled * 10, values, turn)},
    )


def empty() -> History:
    """A script that failed before its first backward pass."""
    return History(
        Run(
            path="surefoot-runs/empty",
            name="empty",
            script="broken.py",
            status="failed",
            exit_code=1,
            error="NameError: name 'modle' is not defined",
            source="import torch\nmodle\n",
        )
    )


HOSTILE = (
    "</script><script>document.title='owned'</script><img src=http://example.invalid/x onerror=alert(1)>&\"'"
)


def hostile() -> History:
    """Markup wherever the user's own text can stand."""
    text = HOSTILE
    at = np.arange(1, 21)
    return History(
        run=Run(
            path=f"runs/{text}",
            name=text,
            script=f"{text}.py",
            argv=(text,),
            status="failed",
            error=text,
            steps=20,
            command=f"surefoot run {text}",
            source=f'name = "{text}"\n# \u2028 <!-- {text}\n',
            environment={text: text, "packages": {text: text}},
        ),
        optimizers=(OptimizerInfo(0, text, {text: text}, (0,), text, text),),
        parameters=(ParameterInfo(0, text, (3,), text, 0),),
        activations=(ActivationInfo(0, text, text, 3),),
        step_series={("loss", 0): Series.of(np.linspace(2, 1, 20))},
        metrics={text: Series.of(np.linspace(0, 1, 20)), f"target/{text}": Series.of([1.0])},
        parameter_layers={"grad_norm": Layers(at, np.ones((20, 1)), np.zeros(20, dtype=np.int64))},
        activation_layers={"dead_share": Layers(at, np.zeros((20, 1)), np.zeros(20, dtype=np.int64))},
        all_facts=(UnknownFact(text, 1, name=text, fields={text: text}),),
    )


def hostile_finding() -> Finding:
    text = HOSTILE
    return Finding(text, "error", text, text, 3, {text: text}, text, consequences=(DEAD,))


def _digits(series, metrics, sampled, rng, name="digits", argv=()) -> History:
    rows, columns = len(sampled), len(SHAPES)
    zeros = np.zeros(rows, dtype=np.int64)
    size = np.array([4.1, 0.5, 9.2, 0.4, 12.0, 0.3])
    norm = rng.lognormal(-1, 0.4, (rows, columns)) * np.linspace(0.4, 1.6, columns)
    layers = {
        "grad_norm": norm,
        "param_norm": np.tile(size, (rows, 1)),
        "update_norm": size * 1e-3 * rng.lognormal(0, 0.5, (rows, columns)),
        "grad_zero_share": np.clip(rng.normal(0.05, 0.02, (rows, columns)), 0, 1),
        "grad_nonfinite_share": np.zeros((rows, columns)),
    }
    dead = np.clip(np.cumsum(rng.normal(0.004, 0.01, (rows, 2)), axis=0), 0, 1)
    steps = len(series["loss", 0])
    return History(
        run=Run(
            path=f"surefoot-runs/{name}",
            name=name,
            script="examples/digits.py",
            argv=argv,
            status="finished",
            exit_code=0,
            started=1_790_000_000.0,
            ended=1_790_000_000.0 + steps * 0.009,
            steps=steps,
            backwards=steps,
            command=" ".join(["surefoot run --autoclip examples/digits.py", *argv]),
            source=DIGITS,
            environment={
                "python": "3.11.9",
                "torch": "2.13.0",
                "device": "cpu",
                "seeds": {"torch": 0, "numpy": None},
                "git": {"commit": "28be04c1", "dirty": False},
            },
        ),
        optimizers=(
            OptimizerInfo(
                0,
                "AdamW",
                {"lr": 1e-3, "betas": [0.9, 0.999], "weight_decay": 0.01},
                tuple(range(columns)),
                "examples/digits.py:23",
                "examples/digits.py:30",
            ),
        ),
        parameters=tuple(
            ParameterInfo(i, name, shape, "Linear" if "fc" in name else "Conv2d", 0, received=steps)
            for i, (name, shape) in enumerate(SHAPES.items())
        ),
        activations=(
            ActivationInfo(0, "relu after conv1.weight", "relu", 16),
            ActivationInfo(1, "relu after conv2.weight", "relu", 32),
        ),
        step_series=series,
        metrics=metrics,
        parameter_layers={key: Layers(sampled, values, zeros) for key, values in layers.items()},
        activation_layers={
            "dead_share": Layers(sampled, dead, zeros),
            "mean": Layers(sampled, rng.normal(0.3, 0.02, (rows, 2)), zeros),
        },
        all_facts=(
            Calls(
                backwards=steps,
                steps=steps,
                optimizers_created=1,
                optimizers_stepped=1,
                first_backward="examples/digits.py:29: loss.backward()",
            ),
            Clearing("optimizer 0", steps, cleared=steps, leftover_norm=0.0),
            ClipCall(
                "examples/digits.py:30",
                steps,
                function="clip_grad_norm_",
                limit=5.0,
                count=steps,
                clipped=0.1,
            ),
            Model("Net", 1, class_name="Net", modules=tuple((f"layer{i}", "Conv2d") for i in range(40))),
            BatchInput("train", steps, min=0.0, max=1.0, mean=0.31, std=0.38),
        ),
    )
