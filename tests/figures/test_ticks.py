"""Round numbers beside a colour bar, resolutions and PDF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from surefoot.errors import SettingError
from surefoot.figures import draw
from surefoot.figures.surface import round_ticks, seen
from surefoot.surfaces import Slice, Surface

AXIS = np.linspace(-1, 1, 5)
SURFACE = Surface(
    "grid",
    AXIS,
    AXIS,
    1 + np.add.outer(AXIS**2, AXIS**2),
    (0.0, 0.0),
    1.0,
    "a",
    "b",
    settings={"examples": 1},
)


@pytest.mark.parametrize(
    ("low", "high", "logarithmic", "ticks"),
    [
        (0.55, 19.5, True, [1, 2, 5, 10]),
        (1e-9, 1.0, True, [1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]),
        (0.3, 2.9, False, [0.5, 1.0, 1.5, 2.0, 2.5]),
    ],
)
def test_ticks_are_round(low: float, high: float, logarithmic: bool, ticks: list[float]) -> None:
    np.testing.assert_allclose(round_ticks(low, high, logarithmic), ticks, rtol=1e-12)


def test_a_resolution_and_a_pdf(tmp_path: Path) -> None:
    sizes = []
    for dpi in (None, 50, 200):
        with Image.open(draw(SURFACE, tmp_path / "a.png", dpi=dpi)) as picture:
            sizes.append(picture.size)
    assert sizes == [(680, 580), (340, 290), (1360, 1160)]
    assert draw(SURFACE, tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    cut = Slice("w", "parameter", AXIS, AXIS**2, 2 * AXIS, 0.0, 0.0)
    assert draw(cut, tmp_path / "b.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(SettingError, match="dpi is 3; give 10 to 1200"):
        draw(SURFACE, tmp_path / "a.png", dpi=3)


def test_only_paths_in_the_picture_are_named() -> None:
    assert seen(np.array([[5.0, 5.0], [0.5, 0.5]]), SURFACE)
    assert not seen(np.array([[5.0, 5.0], [3.0, 0.5]]), SURFACE)
