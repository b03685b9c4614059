from __future__ import annotations

import base64
import io
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from surefoot.errors import MissingExtra, SettingError
from surefoot.figures import animate, curves_scene, fit_scene, path_scene, rates_scene
from surefoot.figures.animation import render
from surefoot.figures.animation.timing import chosen
from surefoot.records import History, OptimizerInfo, Run, Series
from surefoot.surfaces import Path

from .pictures import fit, read, series, surface

SCENES = {
    "path": lambda n: path_scene(surface(), frames=n),
    "fit": lambda n: fit_scene(fit(), frames=n),
    "rates": lambda n: rates_scene(surface(), frames=n),
    "curves": lambda n: curves_scene(*series(), frames=n),
}


@given(st.integers(1, 5000), st.integers(2, 120))
def test_frames_are_increasing_keep_both_ends_and_favour_the_early_steps(count, frames):
    picked = chosen(count, frames)
    assert len(picked) == min(count, frames)
    assert picked[0] == 0
    assert picked[-1] == count - 1
    assert (np.diff(picked) > 0).all()
    if count > frames > 4:
        assert picked[1] <= (count - 1) / (frames - 1)  # no later than evenly spaced ones
        assert np.median(picked) < count / 2


def whole(scene) -> list[np.ndarray]:
    """Each frame drawn from scratch, no blitting: slow and obvious."""
    pictures = []
    render.background(scene)
    for frame in range(len(scene)):
        scene.update(frame)
        for artist in scene.artists:
            artist.set_animated(False)
        scene.figure.canvas.draw()
        picture = np.asarray(scene.figure.canvas.buffer_rgba()).copy()
        for note in scene.notes:
            note.paint(picture)
        pictures.append(picture)
    return pictures


@pytest.mark.parametrize("name", SCENES)
def test_blitted_frames_are_those_drawn_from_scratch(name):
    blitted = [p.copy() for p in render.frames(SCENES[name](4))]
    for fast, slow in zip(blitted, whole(SCENES[name](4)), strict=True):
        # The legend is drawn with the still part, below what moves; elsewhere they are equal.
        different = (np.abs(fast.astype(int) - slow) > 8).any(-1)
        assert different.mean() < 0.002


def gif_frames(path) -> list[np.ndarray]:
    with Image.open(path) as image:
        pictures = []
        for frame in range(image.n_frames):
            image.seek(frame)
            pictures.append(np.asarray(image.convert("RGB")).copy())
        return pictures


@pytest.mark.parametrize("name", SCENES)
def test_a_gif_shows_the_frames_in_nearly_their_colours(name, tmp_path):
    pictures = [p[..., :3].astype(int) for p in (q.copy() for q in render.frames(SCENES[name](5)))]
    path = animate(SCENES[name](5), tmp_path / "a.gif", fps=10)
    shown = gif_frames(path)
    assert len(shown) == 5
    for want, got in zip(pictures, shown, strict=True):
        assert got.shape == (480, 640, 3)
        assert np.abs(want - got).mean() < 1.5
    # White paper stays white in every frame, exactly: nothing flickers.
    paper = (np.stack(pictures) == 255).all(-1).all(0)
    assert paper.mean() > 0.02
    assert (np.stack(shown)[:, paper] == 255).all()
    still = (np.ptp(np.stack(pictures), axis=0) == 0).all(-1)
    assert (np.ptp(np.stack(shown), axis=0)[still] == 0).all()


def test_a_gif_repeats_and_holds_its_last_frame(tmp_path):
    path = animate(fit(), tmp_path / "a.gif", fps=20, hold=1.5, frames=6)
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        durations = []
        for frame in range(image.n_frames):
            image.seek(frame)
            durations.append(image.info["duration"])
    assert durations == [50] * 5 + [1500]


def test_frames_that_do_not_change_are_shown_longer(tmp_path):
    still = fit()
    still.predictions[:] = still.predictions[0]
    scene = fit_scene(still, frames=4)
    scene = type(scene)(scene.figure, scene.artists, (), scene.update, scene.steps, scene.title)
    path = animate(scene, tmp_path / "a.gif", fps=10, hold=0.5)
    with Image.open(path) as image:
        assert image.n_frames == 1


def test_what_moves_is_what_was_recorded():
    record = surface()
    scene = path_scene(record, frames=80)
    assert scene.steps.tolist() == list(range(30))
    _under, line, head = scene.artists[:3]
    scene.update(7)
    np.testing.assert_array_equal(line.get_xydata(), record.paths[0].points[:8])
    np.testing.assert_array_equal(head.get_xydata(), record.paths[0].points[7:8])
    assert scene.notes[0].text == "step 7"
    scene.update(25)  # the second path has ended: its head stays
    np.testing.assert_array_equal(scene.artists[5].get_xydata(), record.paths[1].points[-1:])

    scene = fit_scene(fit(), frames=80)
    scene.update(3)
    np.testing.assert_array_equal(scene.artists[0].get_ydata(), fit().predictions[3])
    assert scene.notes[0].text.startswith("step 3, loss ")

    loss, norm = series()
    scene = curves_scene(loss, norm, frames=80)
    scene.update(4)
    np.testing.assert_array_equal(scene.artists[2].get_ydata(), loss.values[:5])
    np.testing.assert_array_equal(scene.artists[3].get_ydata(), norm.values[:5])


def test_axes_never_move():
    for make in SCENES.values():
        scene = make(6)
        before = [(a.get_xlim(), a.get_ylim(), a.get_position().bounds) for a in scene.figure.axes]
        list(render.frames(scene))
        limits = [(a.get_xlim(), a.get_ylim()) for a in scene.figure.axes]
        assert limits == [b[:2] for b in before]


def test_a_diverging_path_does_not_paint_the_picture_over():
    steps = np.arange(20)
    away = np.stack([(-2.0) ** steps, (-2.0) ** steps], 1)
    wild = Path("lr 9", steps, away, np.zeros(20), 4.0**steps)
    tame = surface().paths[0]
    scene = rates_scene(surface(paths=(wild, tame)), frames=40)
    scene.update(len(scene) - 1)
    assert len(scene.artists[1].get_xydata()) < 8
    assert "outside" in scene.notes[0].text
    assert "outside" not in scene.notes[1].text


def test_a_history_shows_its_loss_and_norm(tmp_path):
    loss, norm = series()
    run = Run(path="", name="my run", script="a.py")
    history = History(
        run,
        optimizers=(OptimizerInfo(0, "SGD", {}, ()),),
        step_series={("loss", 0): loss, ("grad_norm", 0): norm, ("time", 0): loss},
    )
    page = animate(history, tmp_path / "a.html", frames=5)
    assert "<title>my run</title>" in page.read_text()
    with pytest.raises(SettingError, match="finite value"):
        animate(History(run), tmp_path / "a.html")


def test_the_player_composes_to_the_frames(tmp_path):
    scene = path_scene(surface(), frames=5)
    pictures = [
        p[..., :3].astype(int) for p in (q.copy() for q in render.frames(path_scene(surface(), frames=5)))
    ]
    data = read(animate(scene, tmp_path / "a.html"))
    assert [f["step"] for f in data["frames"]] == scene.steps.tolist()

    def image(uri: str) -> Image.Image:
        return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA")

    for want, piece in zip(pictures, data["frames"], strict=True):
        shown = image(data["still"])
        part = image(piece["image"])
        shown.alpha_composite(part, (piece["x"], piece["y"]))
        assert np.abs(np.asarray(shown)[..., :3] - want).mean() < 1.5


def test_a_video_is_written(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = animate(fit(), tmp_path / "a.mp4", frames=5, hold=0.2)
    reader = imageio_ffmpeg.read_frames(str(path))
    meta = next(reader)
    assert meta["size"] == (640, 480)
    assert sum(1 for _ in reader) >= 5


def test_without_ffmpeg_one_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(MissingExtra, match=r"surefoot\[video\]"):
        animate(fit(), tmp_path / "a.mp4", frames=3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: animate(fit(), p / "a.avi"), "end it in .gif, .mp4 or .html"),
        (lambda p: animate(fit(), p / "a.gif", fps=0), "fps"),
        (lambda p: animate(fit(), p / "a.gif", frames=1), "at least 2"),
        (lambda p: animate(surface(paths=()), p / "a.gif"), "no path to animate"),
        (lambda p: animate(rates_scene(surface(paths=())), p / "a.gif"), "each learning rate"),
        (lambda p: animate(3, p / "a.gif"), "a int cannot be animated"),
        (lambda p: animate(fit_scene(fit()), p / "a.gif", frames=4), "belong to the scene"),
        (lambda p: animate(fit(), p / "file" / "a.gif", frames=3), "cannot write"),
        (lambda p: curves_scene(Series.of([]), Series.of([np.nan])), "finite value"),
    ],
)
def test_bad_input_gets_one_sentence(call, message, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=message):
        call(tmp_path)


def test_a_note_stands_where_no_path_runs():
    from surefoot.figures.animation.notes import CORNERS, free_corner
    from surefoot.figures.canvas import new_figure

    axes = new_figure(400, 300, 100).add_subplot()
    axes.set_xlim(0, 10)
    axes.set_ylim(-1, 1)
    ends = {
        "bottom left": (0.5, -0.9),
        "bottom right": (9.5, -0.9),
        "top left": (0.5, 0.9),
        "top right": (9.5, 0.9),
    }
    for free in CORNERS:
        points = np.array([ends[name] for name in CORNERS if name != free] + [(np.nan, 0.0), (1e9, 1e9)])
        assert free_corner(axes, points) == free
    assert free_corner(axes, np.array([ends["bottom left"]]), taken=("top right",)) != "top right"


def test_long_curves_are_drawn_by_their_mean_over_pale_noise():
    steps = 100_000
    values = np.where(np.arange(steps) % 2, 3.0, 1.0)
    values[50_000] = np.nan
    scene = curves_scene(Series.of(values), Series.of([1.0, 2.0]), frames=3)
    scene.update(len(scene) - 1)
    pale, _, mean, short, *_ = scene.artists
    assert np.nanmax(pale.get_ydata()) == 3
    assert np.nanmax(mean.get_ydata()[1_000:]) < 2.01
    assert np.isnan(mean.get_ydata()[50_000])
    assert list(short.get_ydata()) == [1.0, 2.0]
