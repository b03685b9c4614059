"""The page as a file: one piece, small, closed to the network and to strangers' scripts; the module inliner; planes."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import surefoot as sf
from lab.conftest import plane
from surefoot.errors import SettingError, StoreError
from surefoot.lab import lab, plane_data
from surefoot.lab.modules import inlined
from surefoot.rules import get_rule
from surefoot.surfaces import Surface, save

STATIC = Path(sf.__file__).parent / "lab" / "static"
LARGEST = 300_000
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def data_of(page: str) -> dict:  # type: ignore[type-arg]
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])  # type: ignore[index,no-any-return]


def test_it_is_small_and_names_no_address() -> None:
    text = lab(plane()).html
    assert len(text.encode()) < LARGEST
    assert set(re.findall(r"https?://[^\s\"'<)]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:img|link|script|iframe)[^>]+(?:src|href)=\"(?!data:,)", text)


def test_its_policy_allows_its_own_script_and_nothing_else() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', lab().html)
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert parts["base-uri"] == parts["form-action"] == "'none'"
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/=]{44}'", parts[name])
    assert "unsafe" not in policy


def test_every_module_is_in_it_and_none_is_evaluated() -> None:
    (script,) = SCRIPT.findall(lab().html)
    for path in STATIC.rglob("*.js"):
        assert f'$["{path.relative_to(STATIC).as_posix()}"] = ' in script
    assert not re.search(r"\beval\b|new Function|innerHTML|insertAdjacentHTML|document\.write", script)


def test_files_are_small_and_well_named() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in STATIC.rglob("*.js")}
    assert max(lengths.values()) < 250
    assert not {name.removesuffix(".js") for name in lengths} & {"utils", "helpers", "common", "misc"}


def test_presets_name_rules_that_exist_and_their_pages_are_in_it() -> None:
    text = lab().html
    presets = data_of(text)["presets"]
    assert len(presets) >= 5
    for preset in presets:
        assert get_rule(preset["code"]).code == preset["code"]
        assert f'<template id="rule-{preset["code"]}"><h4>' in text


def test_hostile_names_and_settings_stay_text() -> None:
    text = lab({"</script><script>alert(1)</script>": plane()}, settings="</script><!--").html
    assert "alert(1)</script>" not in text
    assert len(SCRIPT.findall(text)) == 1
    data = data_of(text)
    assert data["planes"][0]["title"] == "</script><script>alert(1)</script>"
    assert data["settings"] == "</script><!--"


def test_a_notebook_gets_a_frame_of_its_own() -> None:
    page = sf.lab(settings="surface=saddle", height=700)
    frame = page._repr_html_()
    assert unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == page.html  # type: ignore[index]
    assert 'sandbox="allow-scripts allow-downloads"' in frame
    assert "height:700px" in frame
    assert "<" not in re.search(r'srcdoc="([^"]*)"', frame)[1]  # type: ignore[index]


def test_planes_by_file_by_name_and_several(tmp_path: Path) -> None:
    file = save(plane(), tmp_path / "plane")
    titles = [
        [each["title"] for each in data_of(lab(given).html)["planes"]]
        for given in (plane(), file, str(file), [plane(), plane()], {"mine": file}, None)
    ]
    own = "Plane of <b>one and two"
    assert titles == [[own], [own], [own], ["1: <b>one, two", "2: <b>one, two"], ["mine"], []]


def test_what_a_plane_holds() -> None:
    record = plane()
    data = plane_data(record, "mine")
    assert data["losses"][0][0] is None
    np.testing.assert_allclose(data["losses"][5], record.losses[5], rtol=1e-6)
    assert data["start"] == pytest.approx([-1.5, 1.0])  # where its path began
    assert data["lowest"] == record.minimum[2]
    assert 0.01 < data["rate"] < 0.5  # the curvatures are 2 and 6


def test_without_a_path_it_starts_high() -> None:
    x = np.linspace(-1, 1, 9)
    losses = x[None, :] ** 2 + x[:, None]
    data = plane_data(Surface("grid", x, x, losses, (0, 0), 0.0, "a", "b"))
    assert data["start"] == [-0.75, 0.75]


@pytest.mark.parametrize(
    ("x", "message"),
    [([0, 1, 2], "too coarse"), ([0, 1, 3, 4], "evenly spaced"), ([3, 2, 1, 0], "evenly spaced")],
)
def test_planes_that_cannot_be_interpolated(x: list[float], message: str) -> None:
    axis = np.array(x, dtype=float)
    surface = Surface("grid", axis, axis, np.ones((len(x), len(x))), (0, 0), 0.0, "a", "b")
    with pytest.raises(SettingError, match=message):
        lab(surface)


def test_a_plane_without_a_finite_loss_and_what_is_no_surface(tmp_path: Path) -> None:
    axis = np.linspace(0, 1, 5)
    with pytest.raises(SettingError, match="no loss"):
        lab(Surface("grid", axis, axis, np.full((5, 5), np.nan), (0, 0), 0.0, "a", "b"))
    with pytest.raises(SettingError, match="not int"):
        lab({"x": 3})  # type: ignore[dict-item]
    with pytest.raises(StoreError, match="there is no file"):
        lab(tmp_path / "none.npz")
    with pytest.raises(StoreError, match="choose another place"):
        lab().save(tmp_path / "no" / "lab.html")


def test_modules_are_taken_once_in_order() -> None:
    files = {
        "main.js": 'import { a } from "./in/a.js";\nimport { b as c } from "./in/b.js";\nrun(a, c);\n',
        "in/a.js": 'import { b } from "./b.js";\nexport class A {}\nexport const a = b;',
        "in/b.js": "export function* b() {}\nexport async function d() {}",
    }
    script = inlined("main.js", files.__getitem__)
    assert re.findall(r'^\$\["(.+?)"\]', script, re.MULTILINE) == ["in/b.js", "in/a.js", "main.js"]
    assert 'const { b: c } = $["in/b.js"];' in script
    assert "return { b, d };" in script
    assert not re.search(r"^(import|export)", script, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('import { a } from "./main.js";', "circle"),
        ('import all from "./b.js";', "cannot be inlined"),
        ("export default 3;", "cannot be inlined"),
        ("export { x };", "cannot be inlined"),
        ('const text = "</script>";', "cannot be inlined"),
    ],
)
def test_what_cannot_be_inlined_is_said(text: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        inlined("main.js", {"main.js": text}.__getitem__)
