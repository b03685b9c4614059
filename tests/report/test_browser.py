"""The page in a real browser: it opens without an error or a request, and what must be drawn is drawn."""

import pytest

from report import histories
from report.chromium import Chromium, program
from report.test_html import CASES
from surefoot.report.html import render

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(program() is None, reason="no Chromium on this machine: apt-get install chromium"),
]

# Of each chart that is shown: pixels in the very colour of its first full curve.
CURVE_PIXELS = """
[...document.querySelectorAll('figure.chart')].filter((one) => one.checkVisibility()).map((figure) => {
  const { group, position } = figure.dataset;
  const { series } = JSON.parse(document.getElementById('data').textContent)[group][position];
  const { color } = series.find((one) => ['line', 'points'].includes(one.style));
  const solid = getComputedStyle(document.documentElement).getPropertyValue(`--curve-${color}`).trim();
  const wanted = [1, 3, 5].map((at) => parseInt(solid.slice(at, at + 2), 16));
  const canvas = figure.querySelector('canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let at = 0; at < data.length; at += 4) {
    count += data[at + 3] === 255 && wanted.every((part, channel) => data[at + channel] === part);
  }
  return count;
})
"""

# Distinct opaque colours of the heat map's cells: right of the names, above the steps.
CELL_COLOURS = """
(() => {
  const canvas = document.querySelector('figure.heatmap canvas');
  const left = Math.ceil(canvas.width * 0.4);
  const { data } = canvas.getContext('2d').getImageData(left, 0, canvas.width - left, canvas.height - 24);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
  }
  return seen.size;
})()
"""
CHARTS = {
    "healthy": 5,
    "diverged": 4,
    "gan": 3,
    "empty": 0,
    "hostile": 2,
}  # shown at first
CELLS = {"healthy": 20, "diverged": 20, "gan": 20, "hostile": 1}  # at least so many colours


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, (make, findings) in CASES.items():
        (folder / f"{name}.html").write_text(render(make(), findings), encoding="utf-8")
    return folder


def opened(browser, pages, name, **view):
    tab = browser.open(pages / f"{name}.html", **view)
    tab.settle()
    return tab


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", CASES)
def test_opens_without_error_request_or_overflow(browser, pages, name, width, dark):
    tab = opened(browser, pages, name, width=width, dark=dark)
    assert tab.errors() == []
    assert tab.requests() == []
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("document.title").endswith("surefoot report")
    drawn = tab.run(CURVE_PIXELS)
    assert len(drawn) == CHARTS[name]
    assert all(count > 30 for count in drawn)
    if name in CELLS:
        assert tab.run(CELL_COLOURS) >= CELLS[name]


def test_an_error_would_be_seen(browser, tmp_path):
    page = tmp_path / "broken.html"
    page.write_text("<script>undefined.x</script><img src='missing.png'>")
    tab = browser.open(page)
    assert any("TypeError" in error for error in tab.errors())
    assert any(url.endswith("missing.png") for url in tab.requests())


def test_policy_stops_foreign_scripts(browser, tmp_path):
    text = render(histories.empty(), ())
    page = tmp_path / "changed.html"
    page.write_text(
        text.replace("</main>", "</main><script>document.title = 'owned'</script>"), encoding="utf-8"
    )
    tab = browser.open(page)
    assert tab.run("document.title") != "owned"
    assert any("Content Security Policy" in error for error in tab.errors())


def test_colours_follow_dark_mode(browser, pages):
    backgrounds = [
        opened(browser, pages, "healthy", dark=dark).run("getComputedStyle(document.body).backgroundColor")
        for dark in (False, True)
    ]
    assert backgrounds == ["rgb(255, 255, 255)", "rgb(20, 24, 29)"]


def test_log_switch_redraws_and_keeps_the_values(browser, pages):
    tab = opened(browser, pages, "healthy")
    loss = "document.querySelector('figure.chart')"
    assert tab.run(f"{loss}.querySelector('.plot').dataset.drawn") == "linear"
    before = tab.run(f"{loss}.querySelector('canvas').toDataURL()")
    tab.run(f"{loss}.querySelector('button:not(.curve)').click()")
    tab.settle()
    assert tab.run(f"{loss}.querySelector('.plot').dataset.drawn") == "log"
    assert tab.run(f"{loss}.querySelector('canvas').toDataURL()") != before
    assert tab.errors() == []


def test_keyboard_reads_and_zooms_a_curve(browser, pages):
    tab = opened(browser, pages, "diverged")
    tab.run("document.querySelector('figure.chart .plot').focus()")
    readout = "document.querySelector('figure.chart .readout').textContent"
    tab.key("Home")
    assert tab.run(readout).startswith("step 1 · loss 2.")
    tab.key("End")
    assert tab.run(readout).startswith("step 600 · loss NaN")
    picture = "document.querySelector('figure.chart canvas').toDataURL()"
    whole = tab.run(picture)
    tab.key("Home")
    tab.key("+")
    tab.settle()
    assert tab.run(picture) != whole
    tab.key("0")
    tab.settle()
    assert tab.run(picture) == whole


def test_keyboard_reads_the_heat_map(browser, pages):
    tab = opened(browser, pages, "diverged")
    tab.run("document.querySelector('figure.heatmap canvas').focus()")
    tab.key("ArrowRight")
    readout = "document.querySelector('figure.heatmap .readout').textContent"
    assert tab.run(readout).startswith("conv1.weight · step 1 · gradient norm 0.")
    tab.key("ArrowDown")
    assert tab.run(readout).startswith("conv1.bias · step 1 ·")
    for _ in range(70):
        tab.key("ArrowRight")
    assert tab.run(readout) == "conv1.bias · step 591 · gradient norm NaN or infinite"


def test_every_quantity_of_the_heat_map_draws(browser, pages):
    tab = opened(browser, pages, "diverged")
    choice = "document.querySelector('figure.heatmap select')"
    labels = tab.run(f"[...{choice}.options].map((option) => option.textContent)")
    assert len(labels) == 8
    seen = set()
    for index in range(len(labels)):
        tab.run(f"{choice}.value = {index}; {choice}.dispatchEvent(new Event('change'))")
        seen.add(tab.run("document.querySelector('figure.heatmap canvas').toDataURL()"))
    assert len(seen) == len(labels)
    assert tab.errors() == []


def test_link_opens_the_folded_script(browser, pages):
    tab = opened(browser, pages, "diverged")
    tab.run("document.querySelector('#script details').open = false")
    tab.run("document.querySelector('.finding a[href=\"#L23\"]').click()")
    tab.wait("document.querySelector('#script details').open")
    tab.wait("(({y}) => y >= 0 && y < innerHeight)(document.getElementById('L23').getBoundingClientRect())")


def test_probes_are_drawn_when_unfolded(browser, pages):
    tab = opened(browser, pages, "healthy")
    tab.run("document.querySelector('#metrics details').open = true")
    tab.settle()
    tab.settle()
    drawn = tab.run(CURVE_PIXELS)
    assert len(drawn) == CHARTS["healthy"] + 2
    assert all(count > 30 for count in drawn)


def test_hidden_curve_is_gone_from_the_picture(browser, pages):
    tab = opened(browser, pages, "diverged")
    tab.run("[...document.querySelectorAll('figure.chart button.curve')][1].click()")
    tab.settle()
    assert tab.run(CURVE_PIXELS)[0] == 0
    tab.run("[...document.querySelectorAll('figure.chart button.curve')][1].click()")
    tab.settle()
    assert tab.run(CURVE_PIXELS)[0] > 30


def test_prints_in_light_colours_within_the_page(browser, pages):
    tab = opened(browser, pages, "healthy", dark=True)
    tab.run(
        """addEventListener('beforeprint', () => queueMicrotask(() => {
          window.printed = [getComputedStyle(document.documentElement).getPropertyValue('--page').trim(),
            Math.max(...[...document.querySelectorAll('canvas')].map((one) => one.clientWidth))];
        })) ?? 0"""
    )
    assert tab.pdf().startswith(b"%PDF")
    page, widest = tab.run("window.printed")
    assert page == "#ffffff"
    assert 500 < widest <= 700
    assert tab.run("'print' in document.documentElement.dataset") is False
