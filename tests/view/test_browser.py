"""The live page in a real browser, from the command to the pixels."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from report import histories
from report.chromium import Chromium, Tab, program
from surefoot.records import History, Series
from surefoot.store.batch import Batch

from .recorded import begin, record, step_rows

pytest.importorskip("starlette", reason="needs surefoot[view]")
pytest.importorskip("uvicorn", reason="needs surefoot[view]")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(program() is None, reason="no Chromium on this machine: apt-get install chromium"),
]
POINTS = "window.surefoot.charts.made.get('loss').spec.series[0].steps.at(-1)"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("viewed") / "runs"
    record(folder, histories.healthy(200), name="sound")
    record(folder, histories.diverged(450), (histories.TOO_HIGH, histories.DEAD), name="spoilt")
    record(folder, histories.hostile(), (histories.hostile_finding(),), name="hostile")
    record(folder, histories.gan(60), name="gan")
    record(folder, histories.empty(), name="empty")
    return folder


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "surefoot", "view", str(runs), "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip().removesuffix("/")
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=60)
    assert (server.returncode, "Traceback" in said) == (0, False)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


def opened(browser: Chromium, url: str, ready: str = "whole", **view: object) -> Tab:
    tab = browser.open(url, **view)
    tab.wait(f"'{ready}' in document.documentElement.dataset", seconds=120)
    tab.settle()
    return tab


def sound(tab: Tab, address: str) -> None:
    """No error, no overflow, nothing asked for elsewhere."""
    assert tab.errors() == []
    assert tab.run("document.documentElement.scrollWidth <= innerWidth")
    assert all(url.startswith(address) for url in tab.requests())


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_pages_open_without_an_error(browser: Chromium, address: str, width: int, dark: bool) -> None:
    tab = opened(browser, f"{address}/", "ready", width=width, dark=dark)
    tab.wait("document.querySelectorAll('tbody tr').length === 5")
    sound(tab, address)
    for name in ("sound", "spoilt", "hostile", "gan", "empty"):
        tab = opened(browser, f"{address}/run?name={name}", width=width, dark=dark)
        sound(tab, address)
        assert tab.run("document.title") == f"{name}: surefoot"
    assert tab.run("document.getElementById('said').textContent").startswith("the script failed")


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_a_comparison_is_drawn(browser: Chromium, address: str, width: int, dark: bool) -> None:
    tab = opened(browser, f"{address}/compare?run=spoilt&run=sound&run=hostile", width=width, dark=dark)
    assert tab.run("document.querySelectorAll('figure canvas').length") > 2
    sound(tab, address)
    tab = opened(browser, f"{address}/", "ready", width=width)
    for name in ("spoilt", "sound"):
        tab.run(f"document.querySelector('[aria-label=\"Compare {name}\"]').click()")
    link = tab.run("document.querySelector('#chosen a').getAttribute('href')")
    assert link == "/compare?run=spoilt&run=sound"


def test_what_is_no_number_comes_after_numbers_either_way(
    browser: Chromium, address: str, runs: Path
) -> None:
    without = record(runs, histories.diverged(450), name="adrift")
    for sort, ordered in (("loss", ["sound", "gan", "hostile"]), ("-loss", ["hostile", "gan", "sound"])):
        tab = opened(browser, f"{address}/?sort={sort}", "ready")
        tab.wait("document.querySelectorAll('tbody tr').length === 6", seconds=120)
        names = tab.run("[...document.querySelectorAll('tbody tr')].map((one) => one.dataset.run)")
        assert names == [*ordered, "adrift", "spoilt", "empty"]
    shutil.rmtree(without)


def test_a_long_word_leaves_the_figures_beside_it_in_sight(browser: Chromium, address: str) -> None:
    tab = opened(browser, f"{address}/compare?run=hostile&run=sound&run=spoilt&run=gan&run=empty")
    widest = "Math.max(...[...document.querySelectorAll('.beside td')].map((one) => one.offsetWidth))"
    assert tab.run(widest) < 400


def test_findings_stand_first_and_on_their_curves(browser: Chromium, address: str) -> None:
    tab = opened(browser, f"{address}/run?name=spoilt")
    titles = tab.run("[...document.querySelectorAll('#found h3')].map((one) => one.textContent)")
    assert titles == [f"✕ 1. {histories.TOO_HIGH.title}", f"▲ 2. {histories.DEAD.title}"]
    marks = "window.surefoot.charts.made.get({!r}).state.marks.map((one) => one.number)"
    assert tab.run(marks.format("loss")) == [1, 2]
    assert tab.run(marks.format("grad-norm")) == [1]
    assert tab.run("document.querySelector('.row.marked').id") == "L23"


def test_a_page_grows_while_a_training_writes(browser: Chromium, address: str, runs: Path) -> None:
    writer = begin(runs, histories.healthy(300), name="growing")
    tab = opened(browser, f"{address}/run?name=growing")
    tab.wait("document.getElementById('live').textContent === 'live'")
    asked = len(tab.requests())
    for first in range(301, 581, 40):  # less than twice as long: nothing is read anew
        at = np.arange(first, first + 40)
        more = History(histories.healthy(1).run, step_series={("loss", 0): Series.of(5.0 + 0 * at, at)})
        writer.write(Batch(steps=step_rows(more), run={"steps": int(at[-1])}))
    tab.wait(f"{POINTS} === 580", seconds=120)
    assert tab.run("document.querySelector('[data-figure=steps] dd').textContent") == "580"
    mean = tab.run("window.surefoot.charts.made.get('loss').spec.series[1].values.at(-1)")
    assert mean == pytest.approx(5.0)
    steps = tab.run("window.surefoot.charts.made.get('loss').spec.series[1].steps")
    assert steps == sorted(set(steps))
    assert len(tab.requests()) == asked
    writer.write(Batch(findings=[histories.TOO_HIGH]))
    tab.wait("document.querySelectorAll('#found article').length === 1", seconds=120)
    assert tab.run("document.getElementById('verdict').textContent").strip().endswith("Cannot train")
    writer.finish("finished", exit_code=0)
    tab.wait("document.getElementById('live').textContent === 'finished'", seconds=120)
    sound(tab, address)


def test_a_run_is_tagged_deleted_and_put_back(browser: Chromium, address: str, runs: Path) -> None:
    record(runs, histories.healthy(20), name="spare")
    tab = opened(browser, f"{address}/?search=spare", "ready")
    tab.wait("document.querySelectorAll('tbody tr').length === 1", seconds=120)
    tab.run("document.querySelector('[aria-label=\"Edit spare\"]').click()")
    tab.run("document.querySelector('dialog [name=tags]').value = 'first, <b>second'")
    tab.run("document.querySelector('dialog form').requestSubmit()")
    tab.wait("document.querySelectorAll('tbody .tag').length === 2", seconds=120)
    assert tab.run("document.querySelectorAll('tbody .tag')[1].textContent") == "<b>second"
    tab.run("document.querySelector('[aria-label=\"Delete spare\"]').click()")
    tab.wait("document.querySelector('.toast span')?.textContent === 'spare is deleted.'", seconds=120)
    assert not (runs / "spare").exists()
    tab.run("document.querySelector('.toast button').click()")
    tab.wait("document.querySelectorAll('tbody tr').length === 1", seconds=120)
    assert (runs / "spare").exists()
    sound(tab, address)
