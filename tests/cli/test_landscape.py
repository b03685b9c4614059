"""`surefoot landscape`: what is drawn is the script's own loss, and the picture's numbers are the ones kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from capture.twin import SUREFOOT, plainly, process
from surefoot.surfaces import Slice, Smoothness, Surface, load


def test_two_scalars_of_a_script_by_hand(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = command(
        "landscape", "-o", tmp_path / "a.npz", "--points", 9, "--span", "-1:4", "line.py"
    )
    assert (code, err) == (0, "")
    surface = load(tmp_path / "a.npz")
    assert (surface.kind, surface.x_name, surface.y_name) == ("grid", "m", "b")
    x = np.linspace(0, 1, 20)
    expected = [[np.mean((m * x + b - 3 * x - 1) ** 2) for m in surface.x] for b in surface.y]
    np.testing.assert_allclose(surface.losses, expected, rtol=1e-4, atol=1e-6)
    assert surface.x.tolist() == np.linspace(-1, 4, 9).tolist()
    m, b = (float(number) for number in out.splitlines()[0].split())  # what the script printed
    assert surface.center == pytest.approx((m, b))
    (path,) = surface.paths
    assert path.points[0].tolist() == pytest.approx([0, 0], abs=1e-6)
    assert path.points[-1].tolist() == pytest.approx([m, b], abs=1e-6)
    assert f"lowest of 81 points: {surface.minimum[2]:.6g}" in out
    assert surface.descent is not None
    assert surface.descent.sentence in out
    assert out.splitlines()[-1] == str(tmp_path / "a.npz")


def test_the_page_holds_the_numbers(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.npz", "a.html", "a.png", "a.svg"):
        assert command("landscape", "-o", tmp_path / name, "--points", 7, "line.py")[0] == 0
    surface = load(tmp_path / "a.npz")
    text = (tmp_path / "a.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])  # type: ignore[index]
    np.testing.assert_allclose(data["losses"], surface.losses, rtol=1e-6)
    np.testing.assert_allclose(data["paths"][0]["points"], surface.paths[0].points, rtol=1e-6, atol=1e-9)
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    svg = (tmp_path / "a.svg").read_text()
    assert f"lowest, {surface.minimum[2]:.4g}" in svg
    assert f"trained, {surface.center_loss:.4g}" in svg


def test_the_planes_of_a_network(command, scripts: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    found: dict[str, Surface] = {}
    for plane in ("principal", "random", "checkpoints"):
        file = tmp_path / f"{plane}.npz"
        code, out, err = command(
            "landscape", "-o", file, "--plane", plane, "--points", 5, "--gradients", "network.py"
        )
        assert (code, err) == (0, "")
        found[plane] = load(file)
        assert found[plane].kind == plane
        assert found[plane].gradients is not None
        assert found[plane].statement in out
    # The trained point is the script's own, and its loss that of the formula over the kept batches.
    trained = torch.load(scripts / "end.pt", weights_only=True)
    losses = [surface.center_loss for surface in found.values()]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    model = nn.Sequential(
        nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3)
    ).eval()
    model.load_state_dict(trained)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inputs, labels = torch.randn(64, 5), torch.randint(0, 3, (64,))
        nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
        batches = []
        for _ in range(20):
            batches.append(torch.randint(0, 64, (16,)))
            torch.nn.functional.dropout(torch.ones(16, 8), 0.2)  # the script's own draws in between
    rows = torch.cat(batches[-8:])
    expected = nn.functional.cross_entropy(model(inputs[rows]), labels[rows])
    assert losses[0] == pytest.approx(expected.item(), rel=1e-5)
    names = [path.name for path in found["checkpoints"].paths]
    assert names == ["start", "halfway", "training"]


def test_the_scripts_own_output_is_the_same(scripts: Path, tmp_path: Path) -> None:
    plain = plainly(scripts, "network.py", "--lr", "0.2")
    file = str(tmp_path / "a.png")
    seen = process(
        [*SUREFOOT, "landscape", "-o", file, "--points", "3", "network.py", "--lr", "0.2"], scripts
    )
    assert seen.code == 0, seen.said
    assert plain.stdout.startswith(b"loss ")
    assert seen.stdout.startswith(plain.stdout)
    assert (tmp_path / "a.png").is_file()


def test_slices(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = command("landscape", "-o", tmp_path / "s.npz", "--x", "m", "--points", 11, "line.py")
    assert code == 0
    cut = load(tmp_path / "s.npz")
    assert isinstance(cut, Slice)
    x = np.linspace(0, 1, 20)
    b = float(out.split()[1])
    expected = [np.mean((m * x + b - 3 * x - 1) ** 2) for m in cut.positions]
    np.testing.assert_allclose(cut.losses, expected, rtol=1e-4)
    assert (
        command("landscape", "-o", tmp_path / "v.npz", "--x", "m", "--others", "averaged", "line.py")[0] == 0
    )
    assert load(tmp_path / "v.npz").low is not None
    code, out, _ = command("landscape", "-o", tmp_path / "t.npz", "--slices", "--points", 5, "--mode", "train",
                           "network.py")  # fmt: skip
    assert code == 0
    first, second = load(tmp_path / "t-1.npz"), load(tmp_path / "t-2.npz")
    assert (first.kind, second.kind) == ("between", "direction")
    at_end = first.losses[first.positions.tolist().index(1.0)]
    assert at_end == pytest.approx(second.center_loss, rel=1e-5)
    assert first.settings["mode"] == "train"
    assert str(tmp_path / "t-2.npz") in out


def test_smoothness_along_the_path(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = command("landscape", "-o", tmp_path / "s.npz", "--smoothness", "--points", 7, "line.py")
    assert (code, err) == (0, "")
    record = load(tmp_path / "s.npz")
    assert isinstance(record, Smoothness)
    assert len(record) == 7
    # The mean of (m x + b - y)^2 over x in 0..1 has the Hessian 2 [[mean x^2, mean x], [mean x, 1]].
    x = np.linspace(0, 1, 20)
    low, high = np.linalg.eigvalsh(2 * np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1]]))
    assert (record.smoothness > 0.99 * low).all()
    assert (record.smoothness < 1.01 * high).all()
    assert "smoothness from" in out
    runs = ("--runs", tmp_path / "runs")  # the scripts' own folder of runs is the other tests' too
    assert command("landscape", "-o", tmp_path / "s.png", "--smoothness", "bowl", "--quick", *runs)[0] == 0
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_checkpoints_from_files(command, scripts: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert command("landscape", "-o", tmp_path / "a.npz", "--points", 3, "network.py")[0] == 0
    start = {
        name: torch.zeros_like(value)
        for name, value in torch.load(scripts / "end.pt", weights_only=True).items()
    }
    torch.save({"model": start}, tmp_path / "zero.pt")
    code, out, err = command("landscape", "-o", tmp_path / "b.npz", "--points", 5, "--checkpoint", tmp_path / "zero.pt",
                             "network.py")  # fmt: skip
    assert (code, err) == (0, "")
    cut = load(tmp_path / "b.npz")
    assert (cut.kind, cut.center) == ("between", 0.0)
    assert cut.center_loss == pytest.approx(load(tmp_path / "a.npz").center_loss, rel=1e-5)
    at_zero = cut.losses[cut.positions.tolist().index(1.0)]
    assert at_zero == pytest.approx(np.log(3), rel=1e-5)  # all scores alike
    assert "model to zero" in out


def test_sharpness_in_words(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = command("landscape", "-o", tmp_path / "a.npz", "--points", 3, "--sharpness", "--radius", "0.1",
                           "line.py")  # fmt: skip
    assert code == 0
    x = np.linspace(0, 1, 20)
    hessian = 2 * np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1]])
    low, top = np.linalg.eigvalsh(hessian)
    assert f"top eigenvalue {top:.4g}" in out
    assert f"lowest {low:.4g} (within " in out
    assert f"trace {hessian.trace():.4g}" in out
    assert "highest loss found within 0.1" in out


def test_a_recorded_run(command, recorded_run: str, scripts: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = command("landscape", "first", "-o", tmp_path / "run.npz", "--points", "3")
    assert code == 0, err
    assert "running" in err
    assert "network.py --lr 0.3 again" in err
    assert out.splitlines()[0] == recorded_run
    assert (
        command("landscape", "-o", tmp_path / "script.npz", "--points", 3, "network.py", "--lr", "0.3")[0]
        == 0
    )
    run, script = load(tmp_path / "run.npz"), load(tmp_path / "script.npz")
    assert np.array_equal(run.losses, script.losses)
    text = (scripts / "network.py").read_text()
    try:
        (scripts / "network.py").write_text(text + "# changed\n")
        code, _, err = command("landscape", "last", "-o", tmp_path / "b.npz")
    finally:
        (scripts / "network.py").write_text(text)
    assert code == 2
    assert "has changed since it made the run first" in err
    assert not (tmp_path / "b.npz").exists()


def test_a_module_is_run_again_as_one(scripts: Path, tmp_path: Path) -> None:
    package = scripts / "package"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("WIDTH = 3\n")
    (package / "train.py").write_text(
        "import torch\nfrom . import WIDTH\nx = torch.ones(WIDTH)\nw = torch.zeros((), requires_grad=True)\n"
        "for _ in range(3):\n    (w * x - 1).square().mean().backward()\n    w.data -= 0.1 * w.grad; w.grad = None\n"
    )
    done = process([*SUREFOOT, "run", "--quiet", "--runs", "m", "-m", "package.train"], scripts)
    assert done.code == 0, done.said
    again = process(
        [*SUREFOOT, "landscape", "last", "--runs", "m", "--x", "w", "-o", str(tmp_path / "w.npz")], scripts
    )
    assert again.code == 0, again.said
    cut = load(tmp_path / "w.npz")
    np.testing.assert_allclose(cut.losses, (cut.positions - 1) ** 2, rtol=1e-5, atol=1e-7)


def test_a_recipe(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = command("landscape", "line", "--quick", "-o", tmp_path / "r.npz", "--points", "11", "--runs",
                             tmp_path / "runs")  # fmt: skip
    assert (code, err) == (0, "")
    surface = load(tmp_path / "r.npz")
    assert surface.losses.shape == (11, 11)
    assert len(surface.paths) == 1
    assert f"lowest of 121 points: {surface.minimum[2]:.6g}" in out


def test_the_documented_bowl_is_its_formula(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = command("landscape", "bowl", "--quick", "-o", tmp_path / "bowl.npz", "--points", "9", "--runs",
                           tmp_path / "runs")  # fmt: skip
    assert code == 0
    surface = load(tmp_path / "bowl.npz")
    x, y = np.meshgrid(surface.x, surface.y)
    np.testing.assert_allclose(surface.losses, x**2 + 50 * y**2, rtol=1e-5, atol=1e-6)
    assert len(surface.paths) == 5
    for path in surface.paths:
        np.testing.assert_allclose(path.distances, 0, atol=1e-6)
    assert "all paths lie on it" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing was named"),
        (["-o", "a.jpg", "line.py"], "a.jpg"),
        (["-o", "a.npz", "no-such"], "no script and no recipe"),
        (["-o", "a.npz", "absent.py"], "absent.py"),
        (["-o", "a.npz", "plain.py"], "without a call of backward"),
        (["-o", "a.npz", "--plane", "flat", "line.py"], "--plane flat"),
        (["-o", "a.npz", "--span", "1:0", "line.py"], "--span 1:0"),
        (["-o", "a.npz", "--span", "-1:2", "--plane", "random", "network.py"], "as far to both sides"),
        (["-o", "a.npz", "--span", "1", "--plane", "principal", "network.py"], "--span is for"),
        (["-o", "a.npz", "--y", "b", "line.py"], "--y b wants --x"),
        (["-o", "a.npz", "--x", "m", "--slices", "line.py"], "--x and --slices"),
        (["-o", "a.html", "--smoothness", "line.py"], "--smoothness has no interactive page"),
        (["-o", "a.npz", "--x", "slope", "line.py"], "no parameter 'slope'"),
        (["-o", "a.npz", "--mode", "fast", "line.py"], "--mode fast"),
        (["-o", "a.npz", "--others", "gone", "line.py"], "--others gone"),
        (["-o", "a.npz", "--radius", "1", "line.py"], "--radius"),
        (["-o", "a.npz", "--quick", "line.py"], "--quick"),
        (["-o", "a.npz", "line", "--steps", "3"], "--set steps=N"),
        (["-o", "a.npz", "line", "--mode", "train"], "--mode"),
        (["-o", "a.npz", "line", "more"], "more"),
        (["-o", "a.npz", "--checkpoint", "absent.pt", "network.py"], "no such file"),
        (["-o", "a.npz", "--checkpoint", "line.py", "network.py"], "cannot be read"),
        (["-o", "plain.py/a.npz", "line.py"], "plain.py is no folder"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str, command, scripts: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = command("landscape", *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("surefoot: ")
    assert words in err
    assert not (scripts / "a.npz").exists()


def test_a_script_that_fails_shows_its_own_traceback(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = command("landscape", "-o", tmp_path / "a.npz", "fails.py")
    assert code == 2
    assert "ValueError: on purpose" in err
    assert "surefoot/c" not in err
    assert err.strip().splitlines()[-1].startswith("surefoot: fails.py failed")


def test_resume_goes_on_and_leaves_nothing(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = ["--points", 5, "--resume", "network.py"]
    assert command("landscape", "-o", tmp_path / "a.npz", *options)[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    assert command("landscape", "-o", tmp_path / "b.npz", "--points", 5, "network.py")[0] == 0
    np.testing.assert_array_equal(load(tmp_path / "a.npz").losses, load(tmp_path / "b.npz").losses)


def test_without_matplotlib_it_says_what_to_install(
    command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    code, out, err = command("landscape", "-o", tmp_path / "a.png", "line.py")
    assert (code, out) == (2, "")  # before the script runs
    assert "surefoot[figures]" in err
    assert command("landscape", "-o", tmp_path / "a.npz", "--points", 3, "line.py")[0] == 0
