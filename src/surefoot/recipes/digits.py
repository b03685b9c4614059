"""Handwritten digits: a network with validation, the best checkpoint kept, and a test at the very end."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

from surefoot.figures.animation.scenes import Scene, curves_scene, path_scene
from surefoot.figures.canvas import COLORS, GRID, INK, footer, new_figure, styled
from surefoot.landscape import Objective
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.intervals import share_interval
from surefoot.recipes.training import Training, train
from surefoot.schedules import cosine, warmup
from surefoot.surfaces import Floats

PAGE = """
A whole classification as one should do it: scikit-learn's 1,797 images of handwritten digits, split once into
training, validation and test; a network of 64, 128 and 10 units; AdamW with a warm-up and a cosine; AutoClip.
After each epoch the validation set is asked, the weights of its lowest loss are kept, and only they meet the
test set, once.

## What to look at

- The training loss goes on falling when the validation loss no longer does: from there on the network learns
  its own examples by heart. The marked epoch is the one that is kept.
- Loss and accuracy on the validation set do not have to agree: the loss asks how sure the network is as well.
- The confusion matrix shows which digits are taken for which; nearly all lie on the diagonal.
- The accuracy has an interval: with 360 images in the test set one image is 0.28 %.

## What to change

- `--set lr=0.1`: too high; the findings of the run say so.
- `--set train=200`: fewer examples, and the two losses part sooner and wider.
- `--set decay=1`: a strong weight decay holds the weights back.
"""


def split_digits(options: Options) -> tuple[tuple[Tensor, Tensor], ...]:
    """(images, labels) for training, validation and test; the images as rows of 64, standardised by training's."""
    digits = load_digits()
    images = torch.tensor(digits.data, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    rest, test = train_test_split(
        np.arange(len(labels)), test_size=0.2, stratify=digits.target, random_state=options.seed
    )
    train_rows, held_out = train_test_split(
        rest, test_size=0.2, stratify=digits.target[rest], random_state=options.seed
    )
    train_rows = train_rows[: options.whole("train")]
    mean, deviation = images[train_rows].mean(), images[train_rows].std()
    scaled = (images - mean) / deviation
    return tuple((scaled[rows], labels[rows]) for rows in (train_rows, held_out, test))


def network(units: int) -> nn.Sequential:
    """64 pixels, hidden units, 10 classes."""
    return nn.Sequential(nn.Linear(64, units), nn.ReLU(), nn.Linear(units, 10))


def accuracy(output: Tensor, target: Tensor) -> Tensor:
    """Share of right answers."""
    return (output.argmax(dim=1) == target).float().mean()


def _training(options: Options, sets: tuple[tuple[Tensor, Tensor], ...], *, best: bool) -> Training:
    torch.manual_seed(options.seed)
    model = network(options.whole("units"))
    epochs, batch = options.whole("epochs"), options.whole("batch")
    per_epoch = -(-len(sets[0][1]) // batch)
    return train(
        options,
        "AdamW",
        model,
        nn.CrossEntropyLoss(),
        sets[0],
        optimizer("adamw", model, lr=options.number("lr"), weight_decay=options.number("decay")),
        clip="auto",
        schedule=warmup(per_epoch) >> cosine(max(1, (epochs - 1) * per_epoch)),
        epochs=epochs,
        batch_size=batch,
        validate=sets[1],
        metrics={"accuracy": accuracy},
        # The picture of the path needs the last weights, the test the best; only the training proper is kept.
        restore_best=best,
        folder=options.out / "checkpoints" if best else None,
        resume=options.resume and best,
        run=None if best else "path",
    )


def _train(options: Options) -> Outcome:
    sets = split_digits(options)
    training = _training(options, sets, best=True)
    model, result = training.fit.model.eval(), training.fit
    images, labels = sets[2]
    with torch.no_grad():
        answers = model(images).argmax(dim=1)
    right = int((answers == labels).sum())
    low, high = share_interval(right, len(labels))
    confusion = np.zeros((10, 10), dtype=np.int64)
    np.add.at(confusion, (labels.numpy(), answers.numpy()), 1)
    validations = result.validations
    kept = next(v for v in validations if v["step"] == result.best_step)
    per_epoch = -(-len(sets[0][1]) // options.whole("batch"))
    row = {
        "examples trained on": len(sets[0][1]),
        "epochs": result.epochs,
        "best epoch": round(kept["step"] / per_epoch),
        "validation loss": float(kept["val_loss"]),
        "validation accuracy": float(kept["val_accuracy"]),
        "test accuracy": right / len(labels),
        "from (95 %)": low,
        "to (95 %)": high,
    }
    last = validations[-1]
    off = confusion - np.diag(np.diag(confusion))
    true, taken = np.unravel_index(int(off.argmax()), off.shape)
    sentences = [
        f"{right} of {len(labels)} test images are right: {right / len(labels):.1%} ({low:.1%} to {high:.1%}).",
        f"The lowest validation loss, {kept['val_loss']:.4f}, came in epoch {row['best epoch']}; at the end it was "
        f"{last['val_loss']:.4f}.",
    ]
    if off.max():
        times = int(off.max())
        sentences.append(
            f"Most often confused: {true} taken for {taken}, {'once' if times == 1 else f'{times} times'}."
        )
    data = {
        "losses": _by_epoch(result.losses, per_epoch),
        "validations": validations,
        "per_epoch": per_epoch,
        "confusion": confusion,
        "best_step": result.best_step,
    }
    return Outcome((row,), tuple(sentences), data, training.runs)


def _by_epoch(losses: Floats, per_epoch: int) -> Floats:
    """Mean training loss of each whole epoch."""
    whole = len(losses) // per_epoch
    means: Floats = losses[: whole * per_epoch].reshape(whole, per_epoch).mean(axis=1)
    return means


def _figure(outcome: Outcome) -> Any:
    data = outcome.data
    epochs = [v["step"] / data["per_epoch"] for v in data["validations"]]
    with styled():
        figure = new_figure(11.4, 4.4)
        loss, right, matrix = figure.subplots(1, 3, gridspec_kw={"width_ratios": [1, 1, 1.1]})
        # The epoch's mean belongs to its middle, the validation to its end.
        middles = np.arange(len(data["losses"])) + 0.5
        loss.plot(middles, data["losses"], "--", color=COLORS[0], lw=1.8, label="training")
        loss.plot(
            epochs,
            [v["val_loss"] for v in data["validations"]],
            "-",
            color=COLORS[1],
            lw=1.8,
            label="validation",
        )
        loss.set_yscale("log")
        loss.set_title("Loss")
        right.plot(
            epochs, [100 * v["val_accuracy"] for v in data["validations"]], "-", color=COLORS[1], lw=1.8
        )
        right.set_title("Validation accuracy, %")
        for axes in (loss, right):
            axes.axvline(data["best_step"] / data["per_epoch"], color=INK, lw=0.9, ls=":", label="kept")
            axes.set_xlabel("epoch")
            axes.grid(color=GRID, lw=0.6)
        loss.legend()
        confusion = data["confusion"]
        matrix.imshow(np.sqrt(confusion), cmap="Blues")
        for i, j in zip(*np.nonzero(confusion), strict=True):
            light = confusion[i, j] > confusion.max() / 3
            matrix.text(
                j,
                i,
                str(confusion[i, j]),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if light else INK,
            )
        matrix.set_xticks(range(10))
        matrix.set_yticks(range(10))
        matrix.set_xlabel("taken for")
        matrix.set_ylabel("digit")
        matrix.set_title("Test images")
        footer(figure, [" ".join(outcome.sentences)], width=165)
    return figure


def _shown(options: Options) -> Landscape:
    sets = split_digits(options)
    training = _training(options, sets, best=False)
    return Landscape(
        Objective(training.fit.model, nn.CrossEntropyLoss(), sets[0]),
        (training.trajectory,),
        title="The training's path on its own plane",
    )


def _scene(kind: str, options: Options, frames: int) -> Scene:
    if kind == "path":
        return path_scene(_shown(options).surface(31), frames=frames)
    history = _training(options, split_digits(options), best=False).history()
    return curves_scene(history.series("loss"), history.series("grad_norm"), frames=frames, title="digits")


RECIPE = Recipe(
    name="digits",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "train": Number(1149, "examples trained on, at most 1149", quick=400, low=10),
        "units": Number(128, "hidden units", quick=32, low=1),
        "epochs": Number(40, "epochs", quick=6, low=2),
        "batch": Number(32, "examples in a batch", low=1),
        "lr": Number(2e-3, "highest learning rate", low=0),
        "decay": Number(0.01, "weight decay", low=0),
    },
    landscape=_shown,
    scenes={kind: partial(_scene, kind) for kind in ("curves", "path")},
    resumable=True,
)
