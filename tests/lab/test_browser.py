"""The lab as people use it: press, drag, keys, sliders, links, formulas, pictures, in a real browser."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from report.chromium import Chromium, Tab

pytestmark = pytest.mark.browser

Open = Callable[..., Tab]
LAB = "surefootLab.lab"
STATE = f"{LAB}.state"


@pytest.fixture
def opened(browser: Chromium, pages: Path) -> Open:
    def make(link: str = "", page: str = "lab.html", **view: Any) -> Tab:
        tab = browser.open(pages / page, **view)
        if link:
            # The page's own listener has run before this one.
            tab.run(
                "new Promise((done) => { addEventListener('hashchange', () => done(), {once: true});"
                f" location.hash = {json.dumps(link)}; }})"
            )
        tab.settle()
        return tab

    return make


def clean(tab: Tab) -> None:
    assert [e for e in tab.errors() if "willReadFrequently" not in e] == []
    assert tab.requests() == []


def still(tab: Tab) -> None:
    """All drawn, at the last step."""
    tab.run("(surefootLab.player.pause(), surefootLab.player.to(surefootLab.player.last))")
    tab.wait("surefootLab.picture.rows === null")
    tab.settle()


def inside(tab: Tab, selector: str) -> Callable[[float, float], dict[str, float]]:
    tab.run(f"document.querySelector('{selector}').scrollIntoView({{block: 'center'}})")
    box = tab.run(
        "(({x, y, width, height}) => [x, y, width, height])"
        f"(document.querySelector('{selector}').getBoundingClientRect())"
    )
    return lambda x, y: {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}


def mouse(tab: Tab, kind: str, at: dict[str, float]) -> None:
    tab.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, buttons=1, **at)


def press(tab: Tab, at: dict[str, float]) -> None:
    mouse(tab, "mousePressed", at)
    mouse(tab, "mouseReleased", at)
    tab.settle()


def slide(tab: Tab, id: str, value: float) -> None:
    tab.run(
        f"(s => {{ s.value = {value}; s.dispatchEvent(new Event('input')); }})(document.getElementById('{id}'))"
    )
    tab.settle()


def write(tab: Tab, formula: str) -> None:
    tab.run(
        f"(f => {{ f.value = {json.dumps(formula)}; f.dispatchEvent(new Event('input')); }})"
        "(document.getElementById('formula'))"
    )
    tab.settle()


def choose(tab: Tab, id: str, value: str) -> None:
    tab.run(
        f"(s => {{ s.value = {value!r}; s.dispatchEvent(new Event('change')); }})(document.getElementById('{id}'))"
    )
    tab.settle()


def coloured(tab: Tab, canvas: str, variable: str) -> int:
    """Pixels of a canvas in nearly the colour of a style variable."""
    return tab.run(  # type: ignore[no-any-return]
        f"""(() => {{
          const hex = getComputedStyle(document.documentElement).getPropertyValue('--{variable}').trim();
          const [r, g, b] = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16));
          const canvas = document.getElementById('{canvas}');
          const {{ data }} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) {{
            const away = Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b);
            count += data[i + 3] > 200 && away < 24;
          }}
          return count;
        }})()"""
    )


def first_loss(tab: Tab) -> float:
    return tab.run(f"(p => p.losses[p.count])({LAB}.scene.racers[{STATE}.chosen].path)")  # type: ignore[no-any-return]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_without_error_request_or_overflow(opened: Open, width: int, dark: bool) -> None:
    tab = opened(width=width, dark=dark)
    still(tab)
    clean(tab)
    assert tab.run("document.documentElement.scrollWidth") <= width
    if width > 1000:  # the race fits the window
        assert tab.run("document.documentElement.scrollHeight") <= tab.run("innerHeight")
    assert min(coloured(tab, "trails", f"racer-{i}") for i in range(3)) > 100
    assert coloured(tab, "loss", "racer-1") > 50
    assert tab.run("document.querySelectorAll('#racers .racer').length") == 3


def test_the_policy_stops_strangers_scripts_and_requests(
    browser: Chromium, pages: Path, tmp_path: Path
) -> None:
    text = (pages / "lab.html").read_text()
    page = tmp_path / "changed.html"
    page.write_text(text.replace("<main>", "<main><script>document.title = 'owned'</script>"))
    tab = browser.open(page)
    assert tab.run("document.title") == "The descent lab"
    assert tab.run("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'stopped')") == "stopped"
    said = " ".join(tab.errors())
    assert "inline script" in said
    assert "default-src 'none'" in said  # the request


def test_every_surface_draws_and_every_preset_and_stop_is_clean(opened: Open) -> None:
    tab = opened(page="plane.html")
    pictures = set()
    for name in tab.run("[...surefootLab.surfaces.keys()]"):
        choose(tab, "surface", name)
        tab.run("surefootLab.player.pause()")
        tab.settle()
        pictures.add(tab.run("document.getElementById('relief').toDataURL()"))
        assert coloured(tab, "view", "racer-0") > 20, name
    assert len(pictures) >= 12  # mini-batches share the line's surface
    for kind, count in (("preset", 10), ("stop", 7)):
        for i in range(count):
            tab.run(f"surefootLab.story.{kind}({i})")
            tab.settle()
            assert tab.run("document.getElementById('notice').hidden"), i
            assert len(tab.run("document.querySelector('#story p').textContent")) > 80
    assert not tab.run("surefootLab.story.stops[7]")
    assert tab.run(f"{LAB}.refused") == ""
    clean(tab)


def test_a_press_moves_the_start_and_a_drag_carries_it_along(opened: Open) -> None:
    tab = opened("surface=bowl&start=1,1&racer=gd,rate:0.1")
    at = inside(tab, "#view")
    press(tab, at(0.25, 0.25))
    first = tab.run(f"{STATE}.start")
    assert first[0] < -1
    assert first[1] > 1
    path = tab.run(f"[...{LAB}.scene.racers[0].path.xs].slice(0, 3)")
    assert path[0] == first[0]
    assert path[1] == pytest.approx(0.8 * first[0])  # x - 0.1 * 2 x
    mouse(tab, "mousePressed", at(0.25, 0.25))
    mouse(tab, "mouseMoved", at(0.6, 0.7))
    mouse(tab, "mouseReleased", at(0.6, 0.7))
    tab.settle()
    second = tab.run(f"{STATE}.start")
    assert second[0] > 0 > second[1]
    tab.wait("location.hash.includes('start=')")
    tab.wait(f"location.hash.includes('start={second[0]:g},{second[1]:g}')")
    clean(tab)


def test_pointing_reads_the_surface(opened: Open) -> None:
    tab = opened("surface=bowl")
    mouse(tab, "mouseMoved", {**inside(tab, "#view")(0.3, 0.3)})
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", buttons=0, **inside(tab, "#view")(0.4, 0.4))
    assert re.search(
        r"\(.+\): loss .+, gradient \(.+\)", tab.run("document.getElementById('reading').textContent")
    )


def test_a_slider_acts_at_once_and_the_link_follows(opened: Open) -> None:
    tab = opened("surface=ravine&start=-3,1&steps=80&racer=gd,rate:0.01")
    before = first_loss(tab)
    slide(tab, "racer-rate", 300)
    rate = tab.run(f"{LAB}.racer.rate")
    assert rate > 0.02
    assert tab.run(f"{LAB}.scene.racers[0].path.rates[0]") == rate
    assert first_loss(tab) != before
    tab.wait(f"location.hash.includes('rate:{rate:g}')")
    slide(tab, "surface-k", 0)
    assert tab.run(f"{STATE}.k") == 1
    slide(tab, "race-steps", 300)
    assert tab.run("Number(document.getElementById('step').max)") == 300
    clean(tab)


def test_a_number_can_be_typed_and_what_is_none_is_refused(opened: Open) -> None:
    tab = opened("surface=bowl&racer=momentum,rate:0.1")
    field = "document.querySelector('#rate-setting .number')"
    for text, rate, invalid in (("0.05", 0.05, "false"), ("fast", 0.05, "true"), ("1e9", 20, "false")):
        tab.run(f"({field}.value = {text!r}, {field}.dispatchEvent(new Event('change')))")
        tab.settle()
        assert tab.run(f"{LAB}.racer.rate") == rate
        assert tab.run(f"{field}.getAttribute('aria-invalid')") == invalid


def test_keys_do_everything(opened: Open) -> None:
    tab = opened("surface=bowl&start=-2,1&steps=60&racer=gd,rate:0.1&racer=adam,rate:0.2")
    still(tab)
    step = "Math.floor(surefootLab.player.step)"
    tab.key("Home")
    assert tab.run(step) == 0
    tab.key(".")
    tab.key(".")
    tab.key(",")
    assert tab.run(step) == 1
    tab.key("End")
    assert tab.run(step) == 60
    tab.key(" ")
    assert tab.run("surefootLab.player.playing")
    tab.key(" ")
    assert not tab.run("surefootLab.player.playing")
    tab.key("2")
    assert tab.run(f"{STATE}.chosen") == 1
    tab.key("]")
    assert tab.run(f"{LAB}.racer.rate") == pytest.approx(0.22)
    tab.key("+")
    assert tab.run(f"{STATE}.racers.length") == 3
    tab.key("-")
    tab.key("-")
    tab.key("-")
    assert tab.run(f"{STATE}.racers.length") == 1  # one stays
    tab.key("l")
    assert tab.run(f"{STATE}.scale") == "linear"
    tab.key("s")
    tab.settle()
    assert tab.run(f"{LAB}.scene.swarm.length") == 70
    tab.key("0")
    assert tab.run(f"{STATE}.start") == [-2, 0]
    tab.run("document.getElementById('view').focus()")
    tab.key("ArrowRight")
    tab.key("ArrowUp")
    assert tab.run(f"{STATE}.start") == pytest.approx([-1.92, 0.06], abs=0.011)
    tab.key("t")
    tab.key("n")
    tab.key("n")
    tab.key("p")
    assert tab.run("surefootLab.story.at") == 1
    tab.key("?")
    assert tab.run("document.getElementById('page').open")
    clean(tab)


def test_keys_leave_typing_alone(opened: Open) -> None:
    tab = opened("surface=formula&start=1,1")
    tab.run("document.getElementById('formula').focus()")
    before = tab.run(f"JSON.stringify({STATE}.racers)")
    for key in ("+", "s", "2", "0"):
        tab.key(key)
    assert tab.run(f"JSON.stringify({STATE}.racers)") == before
    assert tab.run(f"{STATE}.swarm") == "no"


def test_racers_are_chosen_added_and_taken_out(opened: Open) -> None:
    tab = opened("surface=bowl&racer=gd,rate:0.1")
    for _ in range(9):
        tab.run("document.getElementById('add')?.click()")
        tab.settle()
    assert tab.run(f"{STATE}.racers.length") == 8
    assert tab.run("document.getElementById('add').disabled")
    tab.run("document.querySelectorAll('#racers .choose')[2].click()")
    tab.settle()
    choose(tab, "rule", "adamw")
    assert tab.run(f"[{LAB}.racer.rate, {LAB}.racer.decay]") == [0.2, 0.01]  # what suits it
    choose(tab, "rule", "nesterov")
    assert tab.run(f"[{LAB}.racer.rate, {LAB}.racer.decay]") == [0.1, 0]
    assert tab.run(f"{STATE}.racers[2].rule") == "nesterov"
    assert "Nesterov" in tab.run("document.querySelectorAll('#racers .racer')[2].textContent")
    tab.run("document.querySelectorAll('#racers .out')[2].click()")
    tab.settle()
    assert tab.run(f"{STATE}.racers.map(r => r.rule)") == ["gd"] * 7
    clean(tab)


def test_the_equation_holds_todays_numbers(opened: Open) -> None:
    tab = opened("surface=bowl&start=2,1&steps=20&racer=momentum,rate:0.1,momentum:0.5")
    tab.run("(surefootLab.player.pause(), surefootLab.player.to(1))")
    tab.settle()
    lines = tab.run("[...document.querySelectorAll('#equation dd')].map(e => e.textContent)")
    # After one step of -0.1 (4, 8): at (1.6, 0.2) with v = (4, 8) and g = (3.2, 1.6).
    assert lines[1] == "0.5 · (4, 8) + d = (5.2, 5.6)"
    assert lines[2] == "(1.6, 0.2) − 0.1 · (5.2, 5.6) = (1.08, −0.36)"


def test_the_dial_clips_more_or_less(opened: Open) -> None:
    tab = opened(
        "surface=outliers&steps=200&chosen=0&racer=gd,rate:0.06,clip:autoclip,percentile:90&racer=gd,rate:0.06"
    )
    still(tab)
    clipped = f"{LAB}.scene.racers[0].path.clipped"
    few = tab.run(clipped)
    at = inside(tab, ".dial")
    press(tab, at(0.2, 0.35))
    assert 5 < tab.run(f"{STATE}.racers[0].percentile") < 45
    many = tab.run(clipped)
    assert many > 2 * few
    assert f"{round(many / 2)} %" in tab.run("document.getElementById('clipnote').textContent")
    tab.run("document.getElementById('dial-input').focus()")
    before = tab.run(f"{STATE}.racers[0].percentile")
    slide(tab, "dial-input", before + 1)
    assert tab.run(f"{STATE}.racers[0].percentile") == before + 1
    for kind, name in (("norm", "norm"), ("value", "value"), ("none", None)):
        choose(tab, "clip", kind)
        assert tab.run("document.querySelectorAll('.dial').length") == (name is not None)
    clean(tab)


def test_the_threshold_is_drawn_beside_the_norms(opened: Open) -> None:
    link = "surface=outliers&steps=200&racer=gd,rate:0.06"
    drawn = []
    for clip in ("", ",clip:norm,norm:2"):
        tab = opened(link + clip)
        still(tab)
        drawn.append(coloured(tab, "norm", "text"))
    assert drawn[1] > drawn[0] + 50


def test_the_map_knows_where_descent_diverges(opened: Open) -> None:
    tab = opened("surface=bowl&start=-3,2&racer=momentum,rate:0.1,momentum:0")
    tab.run("surefootLab.player.pause()")
    tab.wait("document.getElementById('map').getAttribute('aria-label').includes('arrives')")
    choose(tab, "rule", "gd")
    for rate, word in ((0.1, "arrives"), (0.2, "swings"), (0.3, "diverges"), (0.003, "on its way")):
        tab.run(f"{LAB}.changeRacer({{rate: {rate}}})")
        tab.wait(f"document.getElementById('map').getAttribute('aria-label').includes('{word}')")
    mark = "document.getElementById('limit').textContent"
    tab.wait(f"{mark} === '2/λ = 0.25'")  # the curvatures are 2 and 8
    choose(tab, "rule", "momentum")
    press(tab, inside(tab, "#map")(0.5, 0.5))
    assert tab.run(f"{LAB}.racer.momentum") == pytest.approx(0.495, abs=0.02)
    clean(tab)


def test_a_link_brings_all_settings_back(opened: Open) -> None:
    link = (
        "surface=formula&steps=90&swarm=yes&formula=x^2+%2B+y^4&box=-2,2,-1,1&start=1.5,-0.5&chosen=1"
        "&racer=gd,rate:0.05,decay:0.1,schedule:cosine,warmup:5&racer=adam,rate:0.2,beta1:0.5,clip:value,value:0.3"
    )
    tab = opened(link)
    written = tab.run(f"surefootLab.written({STATE}, surefootLab.surfaces)")
    again = tab.run(
        f"JSON.stringify(surefootLab.read({json.dumps(written)}, surefootLab.surfaces)) === "
        f"JSON.stringify({{state: {STATE}, refused: []}})"
    )
    assert again
    assert tab.run("document.getElementById('notice').hidden")
    assert tab.run(f"{STATE}.formula") == "x^2 + y^4"
    assert tab.run(f"{STATE}.racers[1].value") == 0.3
    assert tab.run("document.getElementById('formula').value") == "x^2 + y^4"


def test_a_link_is_read_when_the_page_is_opened(opened: Open) -> None:
    tab = opened()
    tab.run("(location.hash = 'surface=saddle&steps=70&racer=adam,rate:0.1', location.reload())")
    tab.wait("document.readyState === 'complete' && window.surefootLab?.lab.surface.name === 'saddle'")
    assert tab.run(f"[{STATE}.steps, {STATE}.racers.length, {LAB}.racer.rule]") == [70, 1, "adam"]
    assert tab.run("document.getElementById('preset').value") == ""
    clean(tab)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("surface=__proto__", "There is no surface “__proto__”."),
        ("surface=bowl&constructor=1", "“constructor=1” is no setting"),
        ("racer=toString", "There is no rule “toString”."),
        ("racer=gd,__proto__:1,rate:0.1", "“__proto__:1” is no setting of a racer."),
        ("racer=gd,rate:1e999", "“rate:1e999” is no setting of a racer."),
        ("start=NaN,1", "“start=NaN,1” is no setting"),
        ("box=1,1,1,1", "“box=1,1,1,1” is no setting"),
        ("surface=<img src=x onerror=alert(1)>", "There is no surface “<img"),
        ("formula=" + "x" * 301, "is no setting of the lab"),
        ("a=" + "b" * 5000, "4000 are the most"),
        ("&".join(["racer=gd"] * 9), "8 are the most"),
        ("surface=%E0%A4%A", "There is no surface"),
    ],
)
def test_hostile_links_are_refused_by_name(opened: Open, link: str, sentence: str) -> None:
    tab = opened(link)
    assert sentence in tab.run("document.getElementById('notice').textContent")
    assert tab.run("document.querySelectorAll('img').length") == 0
    assert tab.run("({}).polluted === undefined && Object.prototype.toString.call(1) === '[object Number]'")
    assert 1 <= tab.run(f"{STATE}.racers.length") <= 8
    assert tab.run(f"{LAB}.surface.name")
    clean(tab)


@pytest.mark.parametrize(
    ("formula", "sentence"),
    [
        ("", "The formula is empty"),
        ("x +", "The formula ends where a number"),
        ("x^2 + z", "“z” is not known: there are x, y, pi, e and sin"),
        ("sin x", "“x” stands where “(” is expected after sin."),
        ("(x + y", "The formula ends before the “)” of a bracket."),
        ("x y", "“y” stands where the formula should end"),
        ("x ; y", "“;” has no meaning in a formula."),
        ("alert(1)", "“alert” is not known"),
        ("constructor", "“constructor” is not known"),
        ("x.constructor", "“.” has no meaning in a formula."),
        ("__proto__", "“_” has no meaning in a formula."),
        ("`${x}`", "“`” has no meaning in a formula."),
        ("(" * 60 + "x" + ")" * 60, "nested more than 40 deep"),
        ("-" * 200 + "x", "nested more than 40 deep"),
        ("x+" * 160 + "x", "The formula has 321 characters"),
    ],
)
def test_a_formula_that_is_none_is_a_sentence(opened: Open, formula: str, sentence: str) -> None:
    tab = opened("surface=formula&start=1,1")
    write(tab, formula)
    said = tab.run("document.getElementById('formula-error').textContent")
    assert sentence in said
    assert said.endswith(".")
    assert tab.run("document.getElementById('formula').getAttribute('aria-invalid')") == "true"
    clean(tab)


FORMULAS = {
    "x^2 + 4y^2": lambda x, y: x**2 + 4 * y**2,
    "-x^2 + y**2": lambda x, y: -(x**2) + y**2,
    "2^3^0.5 * x - 2(y - 1)": lambda x, y: 2 ** (3**0.5) * x - 2 * (y - 1),
    "x^-2 / (1 + exp(-y))": lambda x, y: x**-2 / (1 + np.exp(-y)),
    "x^y + (x*y)^3": lambda x, y: x**y + (x * y) ** 3,
    "sin(x)*cos(y)": lambda x, y: np.sin(x) * np.cos(y),
    "log(1 + x^2) + sqrt(x) + tan(y/2) + atan(x)": lambda x, y: (
        np.log(1 + x**2) + np.sqrt(x) + np.tan(y / 2) + np.arctan(x)
    ),
    "tanh(x)*sinh(y) - cosh(y)": lambda x, y: np.tanh(x) * np.sinh(y) - np.cosh(y),
    "sigmoid(x) + softplus(y) + relu(x - y) + abs(y - 3)": lambda x, y: (
        1 / (1 + np.exp(-x)) + np.log1p(np.exp(y)) + np.maximum(x - y, 0) + np.abs(y - 3)
    ),
    "pi * e * x / y - 1.5e-1 + .5": lambda x, y: np.pi * np.e * x / y - 0.15 + 0.5,
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_and_their_derivatives_are_exact(tab: Tab, formula: str) -> None:
    f = FORMULAS[formula]
    x, y, h = 0.7, 0.4, 1e-30
    found = tab.run(
        f"""(() => {{ const f = surefootLab.surfaces.get('formula').make({{formula: {json.dumps(formula)}}});
          const g = [0, 0]; f.gradient({x}, {y}, g); return [f.loss({x}, {y}), ...g]; }})()"""
    )
    assert found[0] == pytest.approx(f(x, y), rel=1e-14)
    if any(word in formula for word in ("abs", "relu")):  # not complex-analytic
        h = 1e-6
        expected = [(f(x + h, y) - f(x - h, y)) / (2 * h), (f(x, y + h) - f(x, y - h)) / (2 * h)]
        assert found[1:] == pytest.approx(expected, rel=1e-8)
    else:
        expected = [np.imag(f(x + 1j * h, y + 0j)) / h, np.imag(f(x + 0j, y + 1j * h)) / h]
        assert found[1:] == pytest.approx(expected, rel=1e-13)


def test_a_formula_keeps_the_last_surface_until_it_can_be_read(opened: Open) -> None:
    tab = opened("surface=formula&start=1,1&racer=gd,rate:0.1&formula=x^2%2By^2")
    still(tab)
    picture = "document.getElementById('relief').toDataURL()"
    write(tab, "x^2+")
    assert first_loss(tab) < 1e-6
    before = tab.run(picture)
    write(tab, "x^4+y^2")
    still(tab)
    assert tab.run("document.getElementById('formula-error').textContent") == ""
    assert tab.run(picture) != before


@pytest.mark.parametrize(
    "formula", ["log(-1 - x^2)", "x/0", "0/0", "exp(exp(exp(x + 9)))", "x^1e308", "5", "1/x"]
)
def test_a_formula_without_a_finite_loss_harms_nothing(opened: Open, formula: str) -> None:
    tab = opened("surface=formula&start=0,0.001&racer=adam,rate:0.1,clip:autoclip&racer=gd,rate:1")
    write(tab, formula)
    still(tab)
    assert tab.run("document.getElementById('formula-error').textContent") == ""
    assert tab.run("document.querySelectorAll('#racers .racer').length") == 2
    tab.key("Home")
    clean(tab)


def test_playing_goes_on_by_itself_to_the_end(opened: Open) -> None:
    tab = opened("surface=bowl&steps=20&racer=gd,rate:0.1")
    tab.wait("surefootLab.player.step === 20 && !surefootLab.player.playing")
    assert tab.run("document.getElementById('stepname').textContent") == "20 of 20"
    tab.wait(
        "document.getElementById('told').textContent.startsWith('Step 20 of 20. Gradient descent, lr 0.1: loss')"
    )
    slide(tab, "step", 7)
    assert tab.run("document.getElementById('stepname').textContent") == "7 of 20"
    tab.run("document.getElementById('forward').click()")
    tab.settle()
    assert tab.run("document.getElementById('stepname').textContent") == "8 of 20"


def test_less_motion_shows_the_end_at_once(browser: Chromium, pages: Path) -> None:
    tab = browser.open(pages / "lab.html")
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    tab.run("surefootLab.story.preset(2)")
    tab.settle()
    assert tab.run("!surefootLab.player.playing && surefootLab.player.step === surefootLab.player.last")


def test_the_rules_page_opens_from_a_preset(opened: Open) -> None:
    tab = opened()
    choose(tab, "preset", "0")
    tab.run("document.getElementById('about').click()")
    assert tab.run("document.getElementById('page').open")
    assert tab.run("document.getElementById('page-title').textContent") == "lr-too-high"
    assert "What it finds" in tab.run("document.getElementById('page-text').textContent")
    clean(tab)


def test_the_plane_of_a_model_is_a_surface(opened: Open) -> None:
    tab = opened(page="plane.html")
    still(tab)
    assert tab.run(f"{LAB}.surface.label") == "<i>mine"
    assert "17 × 13 losses lies bicubic interpolation" in tab.run(
        "document.getElementById('sentence').textContent"
    )
    assert tab.run("document.querySelectorAll('i b, select i').length") == 0
    assert tab.run(f"{STATE}.start") == [-1.5, 1]
    tab.run(f"{LAB}.changeRacer({{rate: 30}})")
    tab.settle()
    assert tab.run(f"{LAB}.scene.racers[0].path.ended") == "left"
    assert "left the plane at 1" in tab.run("document.getElementById('racers').textContent")
    clean(tab)


def test_every_control_has_a_name(opened: Open) -> None:
    tab = opened("surface=formula&racer=momentum,rate:0.1,clip:autoclip")
    nameless = tab.run(
        """[...document.querySelectorAll('button, select, input, canvas[tabindex], canvas[role]')].filter((one) =>
          !(one.getAttribute('aria-label') || one.labels?.length || one.textContent.trim()))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assert tab.run("document.getElementById('view').getAttribute('aria-label')").startswith(
        "Your formula: start at ("
    )


def test_racers_differ_in_shape_as_well_as_colour(opened: Open) -> None:
    tab = opened("&".join(["surface=bowl", *["racer=gd,rate:0.1"] * 8]))
    shapes = tab.run(
        "[...document.querySelectorAll('#racers .choose svg')].map((one) => one.firstChild.getAttribute('points'))"
    )
    assert len(set(shapes)) == 8


def saved(tab: Tab, button: str) -> bytes:
    """What a button saves, caught on its way to the disk."""
    tab.run(
        """(URL.createObjectURL = (blob) => { window.caught = blob; return 'about:blank#'; },
          HTMLAnchorElement.prototype.click = function () { window.caughtName = this.download; })"""
    )
    tab.run(f"document.getElementById('{button}').click()")
    tab.wait("window.caught !== undefined", 120)
    text = tab.run(
        """new Promise((done) => { const reader = new FileReader();
          reader.onload = () => done(reader.result.split(',')[1]); reader.readAsDataURL(window.caught); })"""
    )
    return base64.b64decode(text)


def test_a_picture_can_be_saved(opened: Open) -> None:
    tab = opened("surface=himmelblau&steps=60&racer=gd,rate:0.01&racer=adam,rate:0.1")
    still(tab)
    image = Image.open(io.BytesIO(saved(tab, "png")))
    assert image.format == "PNG"
    assert image.width == 2000
    pixels = np.asarray(image.convert("RGB")).astype(int)
    for colour in ((213, 94, 0), (0, 103, 168)):
        assert (np.abs(pixels - colour).sum(2) < 24).sum() > 300
    assert tab.run("window.caughtName") == "himmelblau.png"
    clean(tab)


def test_the_race_can_be_saved_as_an_animation(opened: Open) -> None:
    tab = opened("surface=bowl&steps=30&racer=gd,rate:0.05")
    still(tab)
    data = saved(tab, "gif")
    image: Any = Image.open(io.BytesIO(data))
    assert image.format == "GIF"
    assert image.is_animated
    assert image.n_frames > 15
    orange = []
    for frame in (0, image.n_frames - 1):
        image.seek(frame)
        pixels = np.asarray(image.convert("RGB")).astype(int)
        orange.append(int((np.abs(pixels - (213, 94, 0)).sum(2) < 60).sum()))
    assert orange[1] > orange[0] + 50
    assert len(data) < 1_500_000
    assert tab.run("document.getElementById('notice').hidden")
    clean(tab)


def test_in_a_notebooks_frame(browser: Chromium, tmp_path: Path) -> None:
    from surefoot.lab import lab

    page = tmp_path / "notebook.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{lab(settings='surface=saddle')._repr_html_()}")
    tab = browser.open(page)
    targets = browser.call("Target.getTargets", filter=[{"type": "iframe"}])["targetInfos"]
    (frame,) = [target for target in targets if target["url"] == "about:srcdoc"]
    session = browser.call("Target.attachToTarget", targetId=frame["targetId"], flatten=True)["sessionId"]
    said = browser.call(
        "Runtime.evaluate",
        session,
        returnByValue=True,
        expression="document.getElementById('surface').value + document.querySelectorAll('#racers .racer').length",
    )
    assert said["result"]["value"] == "saddle1"
    assert tab.errors() == []
