"""What is learned by what: a data set, a model, a loss, and the score that they allow."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from forge import data, models
from forge.data import Data
from forge.program import Program

STEPS = 170  # within the 200 that `surefoot check` follows, so that its run ends by itself

CLASSES = (
    "loss = F.cross_entropy(output, $targets)",
    "score = (output.argmax(1) == $targets).float().mean().item()",
)
BINARY = (
    "loss = F.binary_cross_entropy_with_logits(output, $targets)",
    "score = ((output > 0) == ($targets > 0.5)).float().mean().item()",
)
NUMBER = (
    "loss = F.mse_loss(output, $targets)",
    "score = 1 - (F.mse_loss(output, $targets) / $targets.var()).item()",
)
TOKENS = (
    "loss = F.cross_entropy(output.flatten(0, 1), $targets.flatten())",
    "score = (output.argmax(-1) == $targets).float().mean().item()",
)
SAME = (
    "loss = F.mse_loss(output, $inputs)",
    "score = 1 - (F.mse_loss(output, $inputs) / $inputs.var()).item()",
)
VARIATIONAL = (
    """\
distance = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
loss = F.binary_cross_entropy_with_logits(output, $inputs, reduction="sum") / len($inputs) + distance""",
    "score = 1 - (F.mse_loss(output.sigmoid(), $inputs) / $inputs.var()).item()",
)
PADDED = (
    "loss = F.cross_entropy(output.flatten(0, 1), $targets.flatten(), ignore_index=0)",
    "score = (output.argmax(-1) == $targets)[$targets > 0].float().mean().item()",
)
PAIRS = (
    "loss = F.cross_entropy(output, torch.arange(len(output)))",
    "score = torch.stack([($model(part).argmax(1) == torch.arange(len(part))).float().mean() "
    "for part in $inputs.split(40)[:-1]]).mean().item()",
)
CRITIC = ("loss = wanted(right, ones) + wanted(wrong, zeros)", "")
REINFORCED = ("loss = -(choice.log_prob(action) * (reward - reward.mean())).mean()", "")
FORWARDS = {
    "vae": "output, mean, log_variance = $model($inputs)",
    "two-players": "right, wrong = $model(real), $model(fake.detach())",
    "policy": """\
choice = torch.distributions.Categorical(logits=$model(F.one_hot(state, 6).float()))
action = choice.sample()
reward = (action == state % 4).float()""",
}
LOSSES = {
    "two-players": CRITIC,
    "policy": REINFORCED,
    "classes": CLASSES,
    "binary": BINARY,
    "number": NUMBER,
    "tokens": TOKENS,
    "same": SAME,
    "pairs": PAIRS,
    "padded": PADDED,
}


@dataclass(frozen=True)
class Subject:
    """A learning problem.

    Args:
        family: Of models.
        source: The examples.
        model: The text of the model at a width.
        bar: The score that it allows, with room for seeds.
        rates: For SGD with momentum, and for Adam.
        traits: What the model has, for faults to ask.
        kind: What is learned, where it is not the data's own targets.
        batch: Examples a batch.
    """

    family: str
    source: Data
    model: Callable[[int], str]
    bar: float
    rates: tuple[float, float]
    traits: frozenset[str] = frozenset()
    kind: str = ""
    batch: int = 32
    width: int = 32


def _traits(text: str) -> frozenset[str]:
    return frozenset(text.split())


SUBJECTS: dict[str, Subject] = {
    "numbers-gan": Subject(
        "gan", data.NONE, models.two_players, 0.6, (0.2, 1e-2), kind="two-players", batch=64
    ),
    "levers-policy": Subject("policy", data.NONE, models.policy, 0.8, (0.5, 2e-2), kind="policy", batch=64),
    "circles-mlp": Subject(
        "mlp", data.CIRCLES, lambda w: models.perceptron(2, 1, w), 0.9, (0.1, 1e-2), _traits("relu plain")
    ),
    "sentences-lstm": Subject(
        "recurrent",
        data.SENTENCES,
        lambda w: models.letters(32, w),
        0.25,
        (1.0, 1e-2),
        _traits("recurrent sequence padded-rows"),
    ),
    "digits-mlp": Subject(
        "mlp",
        data.DIGITS,
        lambda w: models.perceptron(64, 10, w, dropout=0.2),
        0.85,
        (0.1, 3e-3),
        _traits("dropout relu plain"),
    ),
    "wine-mlp": Subject(
        "mlp",
        data.WINE,
        lambda w: models.perceptron(13, 3, w),
        0.85,
        (0.02, 3e-3),
        _traits("relu plain"),
        batch=8,
    ),
    "cancer-mlp": Subject(
        "mlp",
        data.CANCER,
        lambda w: models.perceptron(30, 1, w, norm=True),
        0.88,
        (0.05, 3e-3),
        _traits("batch-norm relu plain"),
        batch=16,
    ),
    "diabetes-mlp": Subject(
        "mlp",
        data.DIABETES,
        lambda w: models.perceptron(10, 1, w),
        0.25,
        (0.01, 2e-3),
        _traits("relu plain"),
        batch=16,
    ),
    "friedman-mlp": Subject(
        "mlp", data.FRIEDMAN, lambda w: models.perceptron(4, 1, w), 0.75, (0.02, 3e-3), _traits("relu plain")
    ),
    "moons-deep": Subject(
        "deep", data.MOONS, lambda w: models.deep(2, 1, w), 0.85, (0.02, 2e-3), _traits("deep relu")
    ),
    "digits-deep": Subject(
        "deep", data.DIGITS, lambda w: models.deep(64, 10, w), 0.85, (0.02, 2e-3), _traits("deep relu")
    ),
    "digits-conv": Subject(
        "convnet",
        data.DIGITS,
        lambda w: models.convnet(8, 10, w // 4),
        0.8,
        (0.05, 3e-3),
        _traits("relu conv"),
    ),
    "shapes-conv": Subject(
        "convnet",
        data.SHAPES,
        lambda w: models.convnet(12, 3, w // 4, norm=True),
        0.8,
        (0.05, 3e-3),
        _traits("relu conv batch-norm"),
    ),
    "waves-lstm": Subject(
        "recurrent",
        data.WAVES,
        lambda w: models.recurrent(1, 1, w, "LSTM"),
        0.6,
        (0.1, 1e-2),
        _traits("recurrent"),
    ),
    "pulses-gru": Subject(
        "recurrent",
        data.PULSES,
        lambda w: models.recurrent(1, 3, w, "GRU"),
        0.75,
        (0.1, 1e-2),
        _traits("recurrent"),
    ),
    "letters-lstm": Subject(
        "recurrent",
        data.LETTERS,
        lambda w: models.letters(32, w),
        0.25,
        (1.0, 1e-2),
        _traits("recurrent sequence"),
    ),
    "letters-decoder": Subject(
        "transformer",
        data.LETTERS,
        lambda w: models.decoder(32, w),
        0.25,
        (0.1, 3e-3),
        _traits("attention sequence causal"),
    ),
    "counting-encoder": Subject(
        "transformer",
        data.COUNTING,
        lambda w: models.encoder(24, 2, w),
        0.8,
        (0.1, 3e-3),
        _traits("attention padded"),
    ),
    "graphs-gcn": Subject(
        "graph", data.GRAPHS, lambda w: models.graph(12, 2, w), 0.7, (0.05, 5e-3), _traits("relu graph")
    ),
    "digits-autoencoder": Subject(
        "autoencoder",
        data.DIGITS,
        lambda w: models.autoencoder(64, 2 * w, 12),
        0.6,
        (0.5, 5e-3),
        _traits("relu"),
        "same",
    ),
    "digits-vae": Subject(
        "vae",
        data.DIGITS,
        lambda w: models.variational(64, 2 * w, 8),
        0.4,
        (0.01, 5e-3),
        _traits("relu vae"),
        "same",
    ),
    "digits-towers": Subject(
        "towers",
        data.DIGITS,
        lambda w: models.towers(64, 2 * w, 16),
        0.2,
        (0.05, 3e-3),
        _traits("relu"),
        "pairs",
        batch=40,
    ),
}

OPTIMIZERS = {
    "sgd": ("torch.optim.SGD($parameters, lr=$rate, momentum=0.9)", 0),
    "adam": ("torch.optim.Adam($parameters, lr=$rate)", 1),
    "adamw": ("torch.optim.AdamW($parameters, lr=$rate, weight_decay=0.01)", 1),
}
SCHEDULES = {
    "constant": "",
    "cosine": "torch.optim.lr_scheduler.CosineAnnealingLR($optimizer, $steps)",
    "warm": "torch.optim.lr_scheduler.LinearLR($optimizer, 0.1, total_iters=10)",
}


# Steps where there are no epochs; both players of two step.
EPISODES = {"two-players": 95, "policy": 180}


def program(subject: str, optimizer: str, schedule: str, seed: int) -> Program:
    """The sound training of a subject."""
    about = SUBJECTS[subject]
    # A seed also varies what does not matter: widths, and whether gradients are clipped.
    vary = random.Random(f"{subject} {seed}")
    width = vary.choice((about.width, about.width + 16))
    kind = about.kind or about.source.kind
    loss, score = VARIATIONAL if "vae" in about.traits else LOSSES[kind]
    call, which = OPTIMIZERS[optimizer]
    batches = about.source.examples // about.batch
    model = about.model(width)
    if kind in ("number", "binary"):
        model = model.replace("return self.head(x)", "return self.head(x).squeeze(-1)")
    return Program(
        seed=seed,
        kind=kind,
        data=about.source.text,
        scaling="\n".join(filter(None, (about.source.scaling, about.source.target_scaling))),
        model=model,
        forward=FORWARDS.get("vae" if "vae" in about.traits else kind, Program.forward),
        loss=loss,
        score=score,
        optimizer=call,
        rate=about.rates[which],
        batch=about.batch,
        epochs=max(2, round(STEPS / batches)) if batches else EPISODES[kind],
        bar=about.bar,
        traits=about.traits,
        schedule=SCHEDULES[schedule],
        clip=vary.choice((None, None, 5.0)),
    )
