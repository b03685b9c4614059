from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from report.chromium import Chromium, Tab, program
from surefoot.lab import lab
from surefoot.surfaces import Path as Trail
from surefoot.surfaces import Surface


def plane() -> Surface:
    """A bent bowl on a grid, with a hole in a corner and a path."""
    x, y = np.linspace(-2, 2, 17), np.linspace(-1.5, 1.5, 13)
    u, v = np.meshgrid(x, y)
    losses = u**2 + 3 * v**2 + 0.5 * np.sin(3 * u) * v
    losses[0, 0] = np.nan
    points = np.stack([np.linspace(-1.5, 0, 9), np.linspace(1, 0, 9)], axis=1)
    trail = Trail("SGD", np.arange(9), points, np.zeros(9), np.full(9, np.nan))
    return Surface("random", x, y, losses, (0.0, 0.0), 0.0, "<b>one", "two", paths=(trail,))


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    lab().save(folder / "lab.html")
    lab({"<i>mine": plane()}).save(folder / "plane.html")
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if program() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with Chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def tab(browser: Chromium, pages: Path) -> Tab:
    """The lab with a plane, for those who only compute."""
    return browser.open(pages / "plane.html")
