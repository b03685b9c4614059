"""Small records to draw, and a reader of what was drawn."""

from __future__ import annotations

import json
import re
from pathlib import Path as FilePath

import numpy as np

from surefoot.records import Series
from surefoot.surfaces import Descent, Fit, Path, Slice, Smoothness, Surface

steps = np.arange(30)
along = np.linspace(2, 0.5, 30)


def surface(**changes) -> Surface:
    x, y = np.linspace(-2, 3, 21), np.linspace(-1, 2, 17)
    grid_x, grid_y = np.meshgrid(x, y)
    losses = (grid_x - 0.5) ** 2 + 10 * (grid_y - 0.5) ** 2 + 0.01
    gradients = np.stack([2 * (grid_x - 0.5), 20 * (grid_y - 0.5)], -1)
    one = Path("SGD", steps, np.stack([along, along[::-1]], 1), 0.1 * along, along**2)
    two = Path(
        "Adam", steps[:20], np.stack([-along[:20], along[:20]], 1), 0 * along[:20], np.full(20, np.nan)
    )
    record = {
        "kind": "grid",
        "x": x,
        "y": y,
        "losses": losses,
        "center": (0.5, 0.5),
        "center_loss": 0.01,
        "x_name": "weight[0, 0]",
        "y_name": "bias[0]",
        "gradients": gradients,
        "explained": (0.7, 0.2),
        "paths": (one, two),
        "descent": Descent("gradient descent", losses.size, 0.01, 12, 7, 0.01, np.zeros((2, 2))),
        "settings": {"mode": "eval", "examples": 100},
    }
    return Surface(**(record | changes))


def cut(**changes) -> Slice:
    t = np.linspace(-1, 1, 9)
    record = {
        "name": "bias[0]",
        "kind": "parameter",
        "positions": t,
        "losses": t**2,
        "slopes": 2 * t,
        "center": 0.0,
        "center_loss": 0.0,
        "settings": {"mode": "eval", "examples": 5},
    }
    return Slice(**(record | changes))


def fit() -> Fit:
    x = np.linspace(0, 1, 25)
    grid = np.linspace(0, 1, 40)
    lines = np.stack([k * grid for k in np.linspace(-1, 3, 30)])
    return Fit("SGD", x, 3 * x, grid, lines, steps, along)


def smoothness() -> Smoothness:
    x = 10 ** np.linspace(-2, 1, 40)
    return Smoothness(np.arange(40), 2 * x**0.8, x, x, x, (1.0,), 20)


def series() -> tuple[Series, Series]:
    return Series.of(list(np.exp(-steps / 5))), Series.of([*along[:10], np.nan, *along[11:]])


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found.group(1))


def read(path: FilePath) -> dict:
    return data_of(path.read_text(encoding="utf-8"))
