"""Paths on a surface's picture."""

import numpy as np

from surefoot.figures.surface import FAR, surface_figure, until_far
from surefoot.surfaces import Path, Surface


def test_a_path_ends_with_its_first_point_far_outside():
    points = np.array([[0.0, 0.0], [1.2, 0.0], [-3.0, 0.5], [9.0, 0.0], [0.1, 0.0]])
    assert until_far(points, (-1, 1), (-1, 1)) == 4  # 9 is 4.5 widths from the middle, -3 only 1.5
    assert until_far(points[:3], (-1, 1), (-1, 1)) == 3
    assert until_far(np.array([[0.0, 0.0], [np.nan, 0.0], [0.0, 0.0]]), (-1, 1), (-1, 1)) == 2
    edge = np.array([[FAR * 2, 0.0], [0.0, 0.0]])
    assert until_far(edge, (-1, 1), (-1, 1)) == 2


def test_the_picture_shows_a_diverging_path_until_there():
    axis = np.linspace(-1, 1, 5)
    x, y = np.meshgrid(axis, axis)
    points = np.array([[(-2.0) ** k, 0.0] for k in range(8)])
    path = Path("lr 1.5", np.arange(8), points, np.zeros(8), np.full(8, np.nan))
    surface = Surface("grid", axis, axis, x**2 + y**2, (0.0, 0.0), 0.0, "a", "b", paths=(path,))
    lines = [line for line in surface_figure(surface).axes[0].lines if line.get_label() == "lr 1.5"]
    assert len(lines) == 1
    assert np.array_equal(np.array(lines[0].get_data()).T, points[:4])
