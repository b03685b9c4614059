"""A healthy training made by hand, and the means to spoil it: records as capture would leave them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from surefoot.facts import (
    BatchInput,
    Cadence,
    Calls,
    ClearedBeforeStep,
    Clearing,
    Fact,
    GraphGrowth,
    Loader,
    LossCall,
    MissingGradients,
    Model,
    OptimizerCreated,
    Reach,
    Symmetry,
    TrainingMode,
    ValidationMode,
    fact_from,
)
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
from surefoot.rules import get_rule

SOURCE = """\
import torch
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, y in loader:
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""
CREATED = "train.py:3: optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)"
LOSS = "train.py:6: loss = torch.nn.functional.cross_entropy(model(x), y)"
BACKWARD = "train.py:7: loss.backward()"
STEP = "train.py:8: optimizer.step()"
SHAPES = {
    "fc1.weight": (64, 32),
    "fc1.bias": (64,),
    "fc2.weight": (64, 64),
    "fc2.bias": (64,),
    "fc3.weight": (10, 64),
    "fc3.bias": (10,),
}


def falling(start: float = 2.3, end: float = 0.2, steps: int = 300, noise: float = 0.05) -> np.ndarray:
    """A loss as healthy trainings have it: exponential, with multiplicative noise."""
    rng = np.random.default_rng(0)
    curve = end + (start - end) * np.exp(-6 * np.arange(steps) / steps)
    return curve * (1 + noise * rng.standard_normal(steps))


def flat(level: float = 2.303, steps: int = 300, noise: float = 0.01) -> np.ndarray:
    """A loss that stands still."""
    return level * (1 + noise * np.random.default_rng(1).standard_normal(steps))


class Training:
    """A three-layer classifier of ten classes, batch 32, under Adam, that trains well.

    Change `facts`, `series`, `metrics`, `parameters` or the layers, then ask for the `history`.
    """

    def __init__(
        self, losses: np.ndarray | None = None, *, steps: int = 300, status: str = "finished"
    ) -> None:
        self.losses = falling(steps=steps) if losses is None else np.asarray(losses, dtype=float)
        self.other_losses = self.losses
        self.steps = len(self.losses)
        self.run = Run(
            path="runs/a",
            name="a",
            script="train.py",
            status=status,
            steps=self.steps,
            backwards=self.steps,
            source=SOURCE,
        )
        rates = np.full(self.steps, 1e-3)
        self.series = {
            "lr": rates,
            "grad_norm": np.full(self.steps, 0.8),
            "time": np.arange(self.steps) * 0.01,
        }
        self.metrics: dict[str, Series] = {}
        self.parameters = [
            ParameterInfo(i, name, shape, module="Linear", optimizer=0, received=self.steps)
            for i, (name, shape) in enumerate(SHAPES.items())
        ]
        self.optimizers = [
            OptimizerInfo(0, "Adam", {"lr": 1e-3, "weight_decay": 0.0}, tuple(range(6)), CREATED, STEP)
        ]
        self.activations = [
            ActivationInfo(0, "relu after fc1.weight", "relu", 64),
            ActivationInfo(1, "relu after fc2.weight", "relu", 64),
        ]
        self.sampled = np.arange(1, self.steps + 1, 5)
        n = len(self.sampled)
        weights = np.array([4.6, 0.5, 4.6, 0.5, 1.8, 0.3])
        self.layers = {
            "grad_norm": np.tile(np.array([0.3, 0.05, 0.4, 0.06, 0.5, 0.1]), (n, 1)),
            "param_norm": np.tile(weights, (n, 1)),
            "update_norm": np.tile(weights * 2e-3, (n, 1)),
        }
        self.units = {"dead_share": np.full((n, 2), 0.05), "saturated_share": np.full((n, 2), 0.02)}
        self.facts: dict[tuple[type[Fact], str], Fact] = {}
        plain: dict[tuple[type[Fact], str], dict[str, Any]] = {
            (Calls, "run"): {
                "backwards": self.steps,
                "steps": self.steps,
                "optimizers_created": 1,
                "optimizers_stepped": 1,
                "first_backward": BACKWARD,
                "manual": False,
                "forwards_with_grad": self.steps,
            },
            (Cadence, "optimizer 0"): {
                "steps": self.steps,
                "backwards": self.steps,
                "micro_steps": 1,
                "regular": 1.0,
                "steps_without_backward": 0,
                "first_without_backward": None,
                "closure": False,
                "backward_place": BACKWARD,
                "step_place": STEP,
                "backward_places": 1,
                "root_over_loss": 1.0,
            },
            (Clearing, "optimizer 0"): {
                "cleared": self.steps - 1,
                "uncleared": 0,
                "first_uncleared": None,
                "leftover_norm": 0.0,
            },
            (ClearedBeforeStep, "optimizer 0"): {"count": 0, "of": self.steps, "step_place": STEP},
            (MissingGradients, "optimizer 0"): {"steps_without_any": 0, "of": self.steps},
            (OptimizerCreated, "optimizer 0"): {
                "class_name": "Adam",
                "place": CREATED,
                "settings": {"lr": 1e-3},
                "parameters": 6,
                "trainable": 6,
                "same_parameters_as": None,
                "stepped": True,
                "recreated": 0,
            },
            (LossCall, LOSS): {
                "function": "cross_entropy",
                "phase": "train",
                "count": self.steps,
                "reduction": "mean",
                "input_shape": [32, 10],
                "target_shape": [32],
                "place": LOSS,
                "weighted": False,
                "label_smoothing": 0.0,
                "chain": ["AddmmBackward0"],
                "input": {"min": -6.0, "max": 7.0, "mean": 0.1, "std": 2.0, "nonfinite": 0.0},
                "target": {"min": 0.0, "max": 9.0, "mean": 4.5, "std": 2.9, "nonfinite": 0.0},
                "rowsum_min": -8.0,
                "rowsum_max": 9.0,
                "logsumexp_absmax": 7.1,
                "classes": 10,
                "integer_target": True,
                "target_distinct": 10,
                "batch_size": 32,
                "looked": 60,
                "first_value": 2.31,
                "last_value": 0.2,
            },
            (Reach, "run"): {
                "unreached": [],
                "reached_unoptimized": [],
                "frozen": [],
                "cut": None,
                "leaf_root": False,
                "unregistered": [],
            },
            (Model, "Net"): {
                "class_name": "Net",
                "modules": [
                    ["", "Net"],
                    ["fc1", "Linear"],
                    ["drop", "Dropout"],
                    ["fc2", "Linear"],
                    ["fc3", "Linear"],
                ],
                "mode_sensitive": ["drop"],
                "trained": True,
            },
            (TrainingMode, "run"): {
                "looked": self.steps,
                "in_eval": 0,
                "modules": [],
                "partial": False,
                "frozen": 0.0,
            },
            (ValidationMode, "run"): {"looked": 10, "in_train": 0, "modules": []},
            (Loader, "train.py:4: for x, y in loader:"): {
                "shuffled": True,
                "sampler": "RandomSampler",
                "batch_size": 32,
                "dataset_size": 1280,
                "iterations": 8,
                "phase": "train",
            },
            (BatchInput, "train"): _inputs(),
            (BatchInput, "validation"): _inputs(),
            **{
                (Symmetry, name): {
                    "first": 0.97,
                    "last": 0.97,
                    "constant": False,
                    "units": 64,
                    "is_output": False,
                }
                for name in ("fc1.weight", "fc2.weight")
            },
            (GraphGrowth, "run"): {
                "first_nodes": 12,
                "last_nodes": 12,
                "looked": 40,
                "retain_graph": 0,
                "place": BACKWARD,
            },
        }
        for (kind, subject), data in plain.items():
            self.fact(kind, subject, **data)
        rng = np.random.default_rng(2)
        self.metric("target/mean", 4.5 + 0.5 * rng.standard_normal(self.steps))
        self.metric("target/std", 2.9 + 0.2 * rng.standard_normal(self.steps))
        self.metric("target/size", np.full(self.steps, 32.0))
        self.metric("target/classes", np.full(self.steps, 9.6))
        self.metric("output/batch_std", np.linspace(0.2, 3.0, self.steps))
        self.metric("graph/nodes", np.full(self.steps, 12.0))
        validation = self.losses[:: max(1, self.steps // 10)] * 1.1
        self.metric("val_loss", validation, np.linspace(1, self.steps, len(validation)).astype(int))

    def metric(self, name: str, values: Any, steps: Any = None) -> Training:
        """Set a metric."""
        self.metrics[name] = Series.of(values, steps)
        return self

    def fact(self, kind: type[Fact], subject: str = "run", **data: Any) -> Training:
        """Change entries of a fact, or add it; only what capture could have recorded is taken."""
        old = self.facts.get((kind, subject), kind(subject))
        made = fact_from(kind.kind, subject, self.steps, {**old.data, **data})
        for name, value in data.items():
            assert _took(getattr(made, name), value), f"no training leaves {kind.__name__}.{name} = {value!r}"
        self.facts[kind, subject] = made
        return self

    def loss_call(self, **data: Any) -> Training:
        """Change entries of the training loss call."""
        return self.fact(LossCall, LOSS, **data)

    def regression(self, *, mean: float = 0.0, deviation: float = 1.0, **data: Any) -> Training:
        """Make the loss a mean squared error on targets of this mean and deviation."""
        target = {
            "min": mean - 3 * deviation,
            "max": mean + 3 * deviation,
            "mean": mean,
            "std": deviation,
            "nonfinite": 0.0,
        }
        self.metric("target/mean", np.full(self.steps, mean)).metric(
            "target/std", np.full(self.steps, deviation)
        )
        self.metrics.pop("target/classes", None)
        plain = {
            "function": "mse_loss",
            "input_shape": [32, 1],
            "target_shape": [32, 1],
            "target": target,
            "integer_target": False,
            "classes": None,
            "rowsum_min": None,
            "rowsum_max": None,
            "logsumexp_absmax": None,
            "first_value": 1.1 * (mean**2 + deviation**2),
        }
        return self.loss_call(**{**plain, **data})

    def optimizer(self, name: str, **settings: Any) -> Training:
        """Replace the optimizer."""
        old = self.optimizers[0]
        self.optimizers[0] = replace(old, name=name, settings={**old.settings, **settings})
        if "lr" in settings:
            self.series["lr"] = np.full(self.steps, settings["lr"])
        return self.fact(OptimizerCreated, "optimizer 0", class_name=name)

    def parameter(self, name: str, **changes: Any) -> Training:
        """Change one parameter, or add it."""
        for i, known in enumerate(self.parameters):
            if known.name == name:
                self.parameters[i] = replace(known, **changes)
                return self
        shape = changes.pop("shape", (8, 8))
        self.parameters.append(ParameterInfo(len(self.parameters), name, shape, **changes))
        for quantity, rows in self.layers.items():
            self.layers[quantity] = np.hstack([rows, np.full((len(rows), 1), np.nan)])
        return self

    def scaled(self, quantity: str, factor: Any) -> Training:
        """Multiply a per-parameter layer."""
        self.layers[quantity] = self.layers[quantity] * factor
        return self

    def second_player(self, *, own_loss: bool = True) -> Training:
        """Add an optimizer over other parameters that takes turns with the first, on its own loss or the same."""
        self.other_losses = 0.5 + self.losses[::-1] if own_loss else self.losses
        self.parameter("critic.weight", optimizer=1, received=self.steps)
        self.optimizers.append(
            OptimizerInfo(1, "Adam", {"lr": 1e-3}, (len(self.parameters) - 1,), CREATED, STEP)
        )
        return self.fact(Cadence, "optimizer 1", **self.facts[Cadence, "optimizer 0"].data)

    @property
    def history(self) -> History:
        """What the rules get."""
        steps = np.arange(1, self.steps + 1)
        of = {
            (n, o.index): Series(steps, self.other_losses if n == "loss" and o.index else v)
            for n, v in {"loss": self.losses, **self.series}.items()
            for o in self.optimizers
        }
        zeros = np.zeros(len(self.sampled), dtype=np.int64)
        return History(
            run=self.run,
            optimizers=tuple(self.optimizers),
            parameters=tuple(self.parameters),
            activations=tuple(self.activations),
            step_series=of,
            metrics=self.metrics,
            parameter_layers={q: Layers(self.sampled, v, zeros) for q, v in self.layers.items()},
            activation_layers={q: Layers(self.sampled, v, zeros) for q, v in self.units.items()},
            all_facts=tuple(self.facts.values()),
        )


def _inputs() -> dict[str, Any]:
    return {
        "min": -3.0,
        "max": 3.0,
        "mean": 0.0,
        "std": 1.0,
        "nonfinite": 0.0,
        "feature_std_min": 0.9,
        "feature_std_max": 1.1,
        "feature_mean_absmax": 0.1,
        "shape": [32, 32],
        "dtype": "float32",
        "integer": False,
        "observations": 40,
        "normalized_inside": False,
        "constant": False,
    }


def _took(kept: Any, value: Any) -> bool:
    """Whether a fact's field holds what was asked for: of its type, every name known to it."""
    if isinstance(value, dict) and not isinstance(kept, dict):
        return all(_took(getattr(kept, name), inner) for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return kept is not None and len(kept) == len(value) and all(map(_took, kept, value))
    return kept is value or kept == value or (kept != kept and value != value)


def found(code: str, training: Training) -> list[Finding]:
    """What one rule finds; each finding carries what every finding must."""
    findings = list(get_rule(code).findings(training.history))
    for finding in findings:
        assert finding.code == code
        assert finding.title.endswith((".", "…")), finding.title
        assert finding.fix.endswith("."), finding.fix
        assert "nan" not in finding.title.lower().replace("nan or infinite", "").replace("is nan", "")
        assert finding.evidence
        assert 0 < finding.confidence <= 1
    return findings
