"""Each picture is checked against the numbers it was drawn from."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from surefoot.errors import MissingExtra, SettingError
from surefoot.figures import draw
from surefoot.figures.canvas import COLORS
from surefoot.figures.slices import slice_figure
from surefoot.figures.smoothness import smoothness_figure
from surefoot.figures.surface import contour_levels, spaced, surface_figure
from surefoot.surfaces import load

from .pictures import cut, data_of, read, smoothness, surface


def lines(figure) -> dict[str, np.ndarray]:
    return {line.get_label(): line.get_xydata() for axes in figure.axes for line in axes.lines}


def text_of(figure) -> str:
    return " ".join(t.get_text() for t in figure.findobj(matplotlib.text.Text)).replace("\n", " ")


def test_a_surfaces_figure_shows_its_numbers():
    record = surface()
    figure = surface_figure(record)
    drawn = lines(figure)
    np.testing.assert_array_equal(drawn["SGD"], record.paths[0].points)
    np.testing.assert_array_equal(drawn["Adam"], record.paths[1].points)
    np.testing.assert_array_equal(drawn["trained, 0.01"], [[0.5, 0.5]])
    x, y, low = record.minimum
    np.testing.assert_array_equal(drawn[f"lowest, {low:.4g}"], [[x, y]])
    text = text_of(figure)
    assert "90.0 %" in text
    assert "SGD: at most 0.2 off the plane" in text
    assert "after 12 evaluations" in text
    assert "100 examples, mode eval" in text


def test_contours_lie_where_the_loss_has_their_level():
    record = surface()
    figure = surface_figure(record)
    (contours,) = (
        c for c in figure.axes[0].collections if type(c).__name__ == "QuadContourSet" and not c.filled
    )
    checked = 0
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        for x, y in path.vertices:
            value = (x - 0.5) ** 2 + 10 * (y - 0.5) ** 2 + 0.01
            assert abs(value - level) < 0.15 + 0.1 * level  # linear interpolation on a coarse grid
            checked += 1
    assert checked > 100


def test_gradient_arrows_point_downhill():
    record = surface(paths=(), explained=None, descent=None)
    figure = surface_figure(record)
    (arrows,) = (c for c in figure.axes[0].collections if type(c).__name__ == "Quiver")
    x, y = arrows.XY.T
    downhill = arrows.U * -(x - 0.5) + arrows.V * -10 * (y - 0.5)
    steep = np.hypot(x - 0.5, y - 0.5) > 0.2
    assert (downhill[steep] > 0).all()


def test_levels_are_logarithmic_where_the_loss_spans_a_wide_range():
    levels, logarithmic = contour_levels(np.array([[1e-3, 1.0], [10.0, 100.0]]))
    assert logarithmic
    assert np.allclose(np.diff(np.log(levels)), np.diff(np.log(levels))[0])
    levels, logarithmic = contour_levels(np.array([[1.0, 2.0], [np.nan, 3.0]]))
    assert not logarithmic
    assert levels[0] == 1
    for flat in (np.ones((2, 2)), np.zeros((2, 2)), -np.ones((2, 2))):
        levels, _ = contour_levels(flat)
        assert (np.diff(levels) > 0).all()
    levels, logarithmic = contour_levels(np.array([[-1.0, 2.0], [30.0, 300.0]]), logarithmic=True)
    assert not logarithmic  # a negative loss has no logarithm


@pytest.mark.parametrize(
    "losses",
    [np.full((17, 21), 3.0), np.where(np.eye(17, 21) > 0, np.nan, 1.0), np.arange(17 * 21.0).reshape(17, 21)],
)
def test_flat_and_broken_surfaces_are_drawn(losses, tmp_path):
    record = surface(losses=losses)
    for suffix in ("png", "html"):
        assert draw(record, tmp_path / f"a.{suffix}").stat().st_size > 1000


def test_marks_along_a_path_are_spaced_and_keep_its_ends():
    points = np.stack([np.linspace(0, 1, 1001)] * 2, 1)
    kept = spaced(points, (np.array([0, 1.0]), np.array([0, 1.0])))
    assert kept[0] == 0
    assert kept[-1] == 1000
    assert 30 < len(kept) < 60


@pytest.mark.parametrize("others", ["held", "averaged"])
def test_a_slices_figure_shows_its_numbers(others):
    band = (
        {} if others == "held" else {"low": cut().losses - 1, "high": cut().losses + 2, "others": "averaged"}
    )
    settings = {"mode": "eval", "examples": 5, "samples": 8, "others_span": 0.5}
    record = cut(**band, settings=settings)
    figure = slice_figure(record)
    _loss, slope = figure.axes
    name = "loss" if others == "held" else "mean over the others"
    np.testing.assert_array_equal(lines(figure)[name], np.stack([record.positions, record.losses], 1))
    assert any(np.array_equal(line.get_ydata(), record.slopes) for line in slope.lines)
    assert ("8 settings" in text_of(figure)) == (others == "averaged")


def test_the_smoothness_figure_shows_points_fit_and_threshold():
    record = smoothness()
    figure = smoothness_figure({"AutoClip": record, "none": record}, thresholds={"AutoClip": 0.3})
    drawn = lines(figure)
    (points,) = (v for k, v in drawn.items() if k.startswith("AutoClip, r ="))
    np.testing.assert_array_equal(points, np.stack([record.grad_norms, record.smoothness], 1))
    assert "AutoClip, r = 1.00 of 40" in drawn
    assert drawn["AutoClip threshold"][0][0] == 0.3
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize("suffix", ["png", "svg", "html", "npz"])
@pytest.mark.parametrize("record", [surface(), cut()], ids=["surface", "slice"])
def test_every_format_is_written_and_the_same_twice(record, suffix, tmp_path):
    one, two = (draw(record, tmp_path / name / f"picture.{suffix}") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes() or suffix == "npz"
    if suffix == "png":
        with Image.open(one) as image:
            assert image.size[0] >= 600
            assert len(image.getcolors(maxcolors=1_000_000)) > 20
    elif suffix == "svg":
        assert b"<svg" in one.read_bytes()[:1000]
    elif suffix == "npz":
        np.testing.assert_array_equal(load(one).losses, record.losses)


def test_the_page_of_a_surface_holds_its_numbers_and_asks_for_nothing(tmp_path):
    record = surface(
        x_name="</script><b>weight", losses=np.where(np.eye(17, 21) > 0, np.inf, surface().losses)
    )
    page = draw(record, tmp_path / "s.html").read_text()
    data = data_of(page)
    finite = np.isfinite(record.losses)
    shown = np.array([[np.nan if v is None else v for v in row] for row in data["losses"]])
    np.testing.assert_allclose(shown[finite], record.losses[finite], rtol=1e-6)
    assert np.isnan(shown[~finite]).all()
    np.testing.assert_allclose(data["paths"][0]["points"], record.paths[0].points, rtol=1e-6)
    np.testing.assert_allclose(data["gradients"][3][4], record.gradients[3, 4], rtol=1e-6)
    assert "http" not in page.replace("http-equiv", "")
    assert "<b>weight" not in page
    assert "90.0 %" in page


def test_the_page_of_a_slice_holds_its_numbers(tmp_path):
    data = read(draw(cut(low=cut().losses, high=cut().losses + 1, others="averaged"), tmp_path / "c.html"))
    np.testing.assert_allclose(data["losses"], cut().losses, rtol=1e-6)
    np.testing.assert_allclose(data["high"], cut().losses + 1, rtol=1e-6)


def test_drawing_leaves_the_users_matplotlib_alone(tmp_path):
    matplotlib.rcParams["font.size"] = 31.0
    try:
        before = dict(matplotlib.rcParams)
        draw(surface(), tmp_path / "a.png")
        assert dict(matplotlib.rcParams) == before
        assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    finally:
        matplotlib.rcdefaults()


def test_figures_never_load_torch(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(__file__.rsplit("/", 2)[0])!r})
from figures.pictures import surface, fit
from surefoot.figures import animate, draw
draw(surface(), {str(tmp_path / "a.png")!r})
animate(surface(), {str(tmp_path / "a.gif")!r}, frames=3)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"surefoot\[figures\]"):
        draw(surface(), tmp_path / "a.png")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: draw(surface(), p / "a.jpeg"), "end it in .png, .svg, .pdf or .html"),
        (lambda p: draw(smoothness(), p / "a.html"), "no interactive page"),
        (lambda p: draw("nothing", p / "a.png"), "a str cannot be drawn"),
        (lambda p: draw(surface(), p / "file" / "a.png"), "cannot write"),
        (lambda p: draw(surface(), p / "file" / "a.html"), "cannot write"),
    ],
)
def test_bad_input_gets_one_sentence(call, message, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=message):
        call(tmp_path)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_paths_differ_in_colour_style_and_marker():
    figure = surface_figure(dataclasses.replace(surface(), paths=surface().paths * 2))
    drawn = [line for line in figure.axes[0].lines if line.get_label() in ("SGD", "Adam")]
    assert len({(line.get_color(), line.get_linestyle()) for line in drawn}) == 4
    assert len(set(COLORS)) == len(COLORS)
    assert abs(luminance(COLORS[0]) - luminance(COLORS[1])) > 0.03
