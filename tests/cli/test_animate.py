"""`surefoot animate`: frames of what was recorded or kept, written as GIF and as a player."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from surefoot.capture.script import Target
from surefoot.cli.animate import _of_training
from surefoot.cli.subjects import named

FIT = """
import torch
from torch import nn
torch.manual_seed(0)
x = torch.linspace(-1, 1, 30)[:, None]
y = x.sin()
model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
for _ in range(12):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
"""


def frames_of(path: Path) -> int:
    with Image.open(path) as picture:
        return int(getattr(picture, "n_frames", 1))


def test_the_path_of_a_script(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "path.gif"
    code, out, err = command("animate", "-o", file, "--frames", 6, "--points", 7, "line.py")
    assert (code, err) == (0, "")
    assert frames_of(file) == 6
    assert "6 frames, steps 0 to 30" in out
    assert out.splitlines()[-1] == str(file)


def test_a_player_of_a_network(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "path.html"
    assert command("animate", "-o", file, "--frames", 4, "--points", 5, "--steps", 8, "network.py")[0] == 0
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', file.read_text())[1]
    )  # type: ignore[index]
    assert [frame["step"] for frame in data["frames"]][:: len(data["frames"]) - 1] == [0, 8]


@pytest.mark.usefixtures("recorded_run")
def test_curves_and_path_of_a_recorded_run(command, scripts: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    runs = scripts / "surefoot-runs"
    code, out, err = command("animate", "first", "-o", tmp_path / "c.gif", "--frames", "5")
    assert (code, err) == (0, "")  # nothing is run again for curves
    assert frames_of(tmp_path / "c.gif") == 5
    assert "steps 1 to 20" in out
    scene = _of_training(named(Target("first"), str(runs), "animate"), None, 5, 3, None, 16, 0)
    scene.update(len(scene) - 1)
    from surefoot.diagnosis import history_of

    history = history_of("first", runs)
    for line, name in zip(scene.artists[2:], ("loss", "grad_norm"), strict=False):  # the noise comes first
        np.testing.assert_array_equal(line.get_ydata(), history.series(name).values)
    code, out, err = command("animate", "first", "--kind", "path", "-o", tmp_path / "p.gif",
                             "--frames", "3", "--points", "5")  # fmt: skip
    assert code == 0, err
    assert "again" in err
    assert "steps 0 to 20" in out


@pytest.mark.usefixtures("recorded_run")
def test_curves_of_a_script_are_those_of_its_run(command, scripts: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from capture.asmain import restored
    from surefoot.cli.subjects import kept_of
    from surefoot.diagnosis import history_of

    with restored(), torch.random.fork_rng():
        kept = kept_of(named(Target("network.py", ("--lr", "0.3")), "none", "animate"), norms=True)
    history = history_of("first", scripts / "surefoot-runs")
    np.testing.assert_allclose(kept.loss.values, history.series("loss").values, rtol=1e-6)
    np.testing.assert_allclose(kept.grad_norm.values, history.series("grad_norm").values, rtol=1e-5)
    assert (
        command("animate", "--kind", "curves", "-o", tmp_path / "c.gif", "--frames", 4, "network.py")[0] == 0
    )
    assert frames_of(tmp_path / "c.gif") == 4


def test_the_fit_of_a_model_of_one_input(command, scripts: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (scripts / "fit.py").write_text(FIT)
    code, out, err = command("animate", "--kind", "fit", "-o", tmp_path / "f.gif", "--frames", 4, "fit.py")
    assert (code, err) == (0, "")
    assert frames_of(tmp_path / "f.gif") == 4
    assert "steps 0 to 12" in out


def test_a_recipe(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for kind in ((), ("--kind", "curves")):
        code, out, err = command("animate", "line", "--quick", *kind, "-o", tmp_path / "r.gif", "--frames", "4",
                                 "--runs", tmp_path / "runs")  # fmt: skip
        assert (code, err) == (0, "")
        assert "4 frames" in out
    assert frames_of(tmp_path / "r.gif") == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing was named"),
        (["-o", "a.png", "line.py"], "a.png"),
        (["--kind", "dance", "line.py"], "--kind dance"),
        (["--fps", "0", "line.py"], "--fps 0"),
        (["--kind", "rates", "line.py"], "learning-rates"),
        (["--kind", "fit", "network.py"], "one input"),
        (["line", "--kind", "rates"], "has no rates"),
        (["line", "--quick", "--steps", "4"], "--set steps=N"),
        (["--set", "lr=1", "line.py"], "--set"),
        (["no-such-run"], "no script and no recipe"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str, command, scripts: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = command("animate", *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert words in err
    assert not (scripts / "animation.gif").exists()


def test_what_is_not_installed_is_said_before_the_script_runs(
    command, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    code, out, err = command("animate", "-o", "a.mp4", "line.py")
    assert (code, out) == (2, "")
    assert "surefoot[video]" in err
