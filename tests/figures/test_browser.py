"""The pages in a real browser: no error, no request, and the picture is there and answers."""

from __future__ import annotations

import pytest

from report.chromium import Chromium, program
from surefoot.figures import animate, draw

from .pictures import cut, surface

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(program() is None, reason="no Chromium on this machine: apt-get install chromium"),
]

# Pixels of the canvas in (nearly) a colour; distinct colours in all.
COLOURED = """
(([r, g, b]) => {
  const canvas = document.querySelector('canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4) {
    if (!data[at + 3]) continue;
    count += Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 30;
    seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
  }
  return [count, seen.size];
})
"""
BOX = "(({ x, y, width, height }) => [x, y, width, height])(document.querySelector('canvas').getBoundingClientRect())"
ORANGE, BLUE = "[213, 94, 0]", "[0, 114, 178]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


def clean(tab) -> None:
    assert [e for e in tab.errors() if "willReadFrequently" not in e] == []  # these tests read the canvas
    assert tab.requests() == []


def pixels(tab, color: str) -> list[int]:
    return tab.run(f"{COLOURED}({color})")


def move(tab, x: float, y: float, kind: str = "mouseMoved") -> None:
    corner = tab.run(BOX)
    at = {"x": corner[0] + x * corner[2], "y": corner[1] + y * corner[3]}
    tab.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, buttons=1, **at)


def test_a_surface_can_be_read_followed_and_turned(browser, tmp_path):
    tab = browser.open(draw(surface(), tmp_path / "s.html"))
    tab.settle()
    path, colors = pixels(tab, ORANGE)
    assert path > 50
    assert pixels(tab, BLUE)[0] > 30
    assert colors > 100
    move(tab, 0.5, 0.4)
    assert "loss" in tab.run("document.getElementById('reading').textContent")
    assert "gradient" in tab.run("document.getElementById('reading').textContent")
    assert tab.run("document.getElementById('stepname').textContent") == "29"
    tab.run(
        "(() => { const s = document.getElementById('step'); s.value = 2; s.dispatchEvent(new Event('input')); })()"
    )
    assert pixels(tab, ORANGE)[0] < path
    tab.run("document.getElementById('solid').click()")
    tab.settle()
    first = tab.run("surefootState.turn")
    assert pixels(tab, BLUE)[1] > 100
    move(tab, 0.5, 0.5, "mousePressed")
    move(tab, 0.7, 0.5)
    move(tab, 0.7, 0.5, "mouseReleased")
    assert tab.run("surefootState.turn") > first
    clean(tab)


def test_a_slice_can_be_read(browser, tmp_path):
    tab = browser.open(draw(cut(low=cut().losses, high=cut().losses + 1), tmp_path / "c.html"))
    tab.settle()
    assert pixels(tab, BLUE)[0] > 100
    assert pixels(tab, ORANGE)[0] > 100
    move(tab, 0.5, 0.4)
    assert "slope" in tab.run("document.getElementById('reading').textContent")
    clean(tab)


def test_the_player_plays_steps_and_drags(browser, tmp_path):
    tab = browser.open(animate(surface(), tmp_path / "a.html", fps=50, frames=12))
    step = "document.getElementById('stepname').textContent"
    tab.wait(f"{step} === '29'")  # it plays by itself to the end
    tab.run("document.getElementById('play').click()")
    assert pixels(tab, ORANGE)[0] > 100
    frame = "Number(document.getElementById('frame').value)"
    tab.run(
        "(() => { const s = document.getElementById('frame'); s.value = 4; s.dispatchEvent(new Event('input')); })()"
    )
    tab.run("document.getElementById('forward').click()")
    assert tab.run(frame) == 5
    tab.run("document.activeElement.blur()")
    tab.key("ArrowLeft")
    assert tab.run(frame) == 4
    move(tab, 0.2, 0.5, "mousePressed")
    move(tab, 0.6, 0.5)
    move(tab, 0.6, 0.5, "mouseReleased")
    assert tab.run(frame) > 6
    clean(tab)
