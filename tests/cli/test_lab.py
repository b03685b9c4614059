"""`surefoot lab`: the page of a recipe, a run, a script, a kept landscape, or none; bad input is one sentence."""

from __future__ import annotations

import json
import re
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from surefoot.lab import lab
from surefoot.surfaces import load


def planes(path: Path) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text())
    assert found is not None
    result: list[dict[str, Any]] = json.loads(found[1])["planes"]
    return result


def test_alone_it_is_the_page_of_sf_lab(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "lab.html"
    assert command("lab", "-o", file, "--show", "#surface=saddle") == (0, f"{file}\n", "")
    assert file.read_text() == lab(settings="surface=saddle").html


def test_without_a_file_a_browser_is_opened(command, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    code, out, err = command("lab")
    file = Path(out.strip())
    assert (code, opened) == (0, [file.as_uri()])
    assert "open that file" in err
    assert file.read_text() == lab().html
    file.unlink()
    file.parent.rmdir()


def test_the_plane_of_a_script_is_its_landscape(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    page, kept = tmp_path / "lab.html", tmp_path / "kept.npz"
    options = ("--points", 9, "--seed", 3, "--plane", "random")
    assert command("lab", "-o", page, *options, "network.py", "--lr", "0.2")[0] == 0
    assert command("landscape", "-o", kept, *options, "network.py", "--lr", "0.2")[0] == 0
    (plane,) = planes(page)
    record = load(kept)
    assert plane["title"] == "Plane of network.py"
    np.testing.assert_allclose(plane["losses"], record.losses, rtol=1e-6)
    np.testing.assert_allclose(plane["paths"][0], record.paths[0].points, rtol=1e-6, atol=1e-9)
    assert command("lab", kept, "-o", page)[0] == 0
    assert planes(page)[0]["title"] == "kept"
    assert planes(page)[0]["losses"] == plane["losses"]


def test_the_plane_of_a_recipe(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    page = tmp_path / "lab.html"
    code, out, err = command("lab", "bowl", "--quick", "--points", 7, "-o", page, "--runs", tmp_path / "runs")
    assert (code, err) == (0, "")
    assert "all paths lie on it" in out
    (plane,) = planes(page)
    assert plane["names"] == ["w[0]", "w[1]"]
    assert len(plane["paths"]) == 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-o", "lab.png"), "-o lab.png is no page: end it in .html."),
        (("-o", "no/lab.html"), "--output no/lab.html: "),
        (("--plane", "principal"), "name a recipe, a run or a script."),
        (("bowl", "--plane", "checkpoints"), "--plane checkpoints is not known: give random, principal."),
        (("nobody",), "nobody is no script and no recipe"),
        (("none.npz",), "there is no file none.npz"),
        (("bowl", "--points", "3"), "--points"),
    ],
)
def test_bad_input_is_one_sentence(command, arguments: tuple[str, ...], sentence: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = command("lab", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
